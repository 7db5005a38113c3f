"""Settings of serial lines: what a bus and a device say of them, joined to what holds in the end."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from edgeguard.config.mistakes import Mistakes
from edgeguard.config.positions import KeyPath
from edgeguard.config.site_model import BusTable, DeviceTable
from edgeguard.core.line import LineSettings
from edgeguard.core.site import BusSpec

LINE_KEYS: Final[Mapping[str, str]] = {
    "baudrate": "baudrate",
    "parity": "parity",
    "databits": "data_bits",
    "stopbits": "stop_bits",
}
"""Keys of the file by the fields of LineSettings."""


def line_of(raw: BusTable | DeviceTable, otherwise: LineSettings) -> LineSettings:
    """What the table says, and `otherwise` where it says nothing."""
    said: dict[str, Any] = {name: getattr(raw, key) for key, name in LINE_KEYS.items() if getattr(raw, key) is not None}
    return replace(otherwise, **said)


def refuse_line_keys(raw: BusTable | DeviceTable, path: KeyPath, why: str, mistakes: Mistakes) -> None:
    """Every line setting in the table is a mistake here."""
    for key in LINE_KEYS:
        if getattr(raw, key) is not None:
            mistakes.add((*path, key), why)


def device_line(
    raw: DeviceTable, bus: BusSpec | None, path: KeyPath, mistakes: Mistakes, is_modbus: bool = True
) -> LineSettings | None:
    """The device's own settings, None where they are those of its bus. Meters need eight data bits beside ASCII frames, too."""
    if bus is None:
        return None
    if not bus.wire.is_port:
        where = "a network" if not bus.wire.is_line else "a serial server, whose port has one setting for all devices"
        refuse_line_keys(raw, path, f"cannot be set for a device behind {where}", mistakes)
        return None
    line = line_of(raw, bus.line)
    if is_modbus or raw.databits is not None or line.data_bits != 7:
        check_bits(line, path, mistakes, ascii_frames=bus.wire.is_ascii and is_modbus)
    else:
        mistakes.add((*path, "bus"), f"bus {bus.name} has seven data bits, which carry no meter's bytes: set databits = 8 here")
    return None if line == bus.line else line


def check_bits(line: LineSettings, path: KeyPath, mistakes: Mistakes, ascii_frames: bool) -> None:
    """Seven data bits carry ASCII frames and nothing else."""
    if line.data_bits == 7 and not ascii_frames:
        mistakes.add((*path, "databits"), 'must be 8: seven data bits carry only ASCII frames, with framing = "ascii"')
