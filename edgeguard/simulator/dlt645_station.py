"""An electricity meter that speaks DL/T 645 (2007, or 1997), as a station on a line. Written apart from the gateway's codec.

Frame (DL/T 645-2007, 5): FE.. 68 A0..A5 68 C L DATA CS 16; every byte of DATA has 33H added on the wire; CS is the sum from the
first 68 on. Who asks for data that the meter does not have gets an error; who asks with a wildcard gets every meter's answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edgeguard.core.limits import DLT645_MAX_DATA_BYTES
from edgeguard.core.line import LineSettings
from edgeguard.simulator.bcd import digits_low_first, matches
from edgeguard.simulator.meter_station import METER_LINE, TURNAROUND_S, MeterStation, Shape

SHAPE: Final = Shape(head=10, max_data_bytes=DLT645_MAX_DATA_BYTES, second_start=True, added=0x33)
BROADCAST: Final = b"\x99" * 6
OTHER, NO_DATA, NOT_ALLOWED = 0x01, 0x02, 0x04

Items = Mapping[int, bytes]
"""What the meter holds: identifier (4 bytes, in 1997 2 bytes) to data in wire order, before 33H is added."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What the meter does when it is told to; each returns whether it has done so. None: it has no such thing.

    `write` gets an identifier and data; `control` the order of a relay (1AH open, 1CH close and their kin); `clock` the bytes
    ss mm hh DD MM YY of a broadcast.
    """

    write: Callable[[int, bytes], bool] | None = None
    control: Callable[[int], bool] | None = None
    clock: Callable[[bytes], bool] | None = None
    freeze: Callable[[bytes], bool] | None = None


@dataclass(frozen=True, slots=True)
class Edition:
    """What differs between the standard's editions: control codes, identifier's length, errors of what it does not know."""

    identifier: int
    read: int
    following: int
    write: int
    address: int | None


E2007: Final = Edition(identifier=4, read=0x11, following=0x12, write=0x14, address=0x13)
E1997: Final = Edition(identifier=2, read=0x01, following=0x02, write=0x04, address=None)
CLOCK, FREEZE, CONTROL = 0x08, 0x16, 0x1C


class Dlt645Station(MeterStation):
    """One meter. `address` has 12 digits. `part_bytes`: what goes into one frame before a follow-up is needed."""

    def __init__(
        self,
        address: str,
        items: Callable[[], Items],
        orders: Orders | None = None,
        settings: LineSettings = METER_LINE,
        *,
        edition: Edition = E2007,
        turnaround_s: float = TURNAROUND_S,
        preamble: int = 4,
        password: bytes = b"\0\0\0",
        answers_wildcard_as_asked: bool = False,
        part_bytes: int = DLT645_MAX_DATA_BYTES,
        refuses: Callable[[], bool] = lambda: False,
    ) -> None:
        wire = digits_low_first(address)
        super().__init__(SHAPE, wire, settings, turnaround_s=turnaround_s, preamble=preamble, refuses=refuses)
        self._items = items
        self._orders = orders or Orders()
        self._edition = edition
        self._password = password
        self._as_asked = answers_wildcard_as_asked
        self._part = part_bytes - edition.identifier - 1
        self._following: tuple[bytes, bytes, int] | None = None

    def _answers_as(self, asked: bytes) -> bytes:
        return asked if self._as_asked else self.address

    def _answer(self, asked: bytes, control: int, data: bytes) -> tuple[int, bytes] | None:
        """Control code and data of the answer; None for silence."""
        if control & 0xC0:
            return None
        if asked == BROADCAST:
            self._obey_all(control, data)
            return None
        if not matches(asked, self.address):
            return None
        edition = self._edition
        if self._refuses():
            return _error(control, OTHER)
        if control == edition.read:
            return self._read(control, data)
        if control == edition.following:
            return self._read_on(control, data)
        if control == edition.address and not data:
            return control | 0x80, self.address
        if control == edition.write:
            return self._write(control, data)
        if control == CONTROL and edition is E2007:
            return self._control(control, data)
        if control == FREEZE and edition is E2007:
            done = self._orders.freeze is not None and self._orders.freeze(data)
            return (control | 0x80, b"") if done else _error(control, NO_DATA)
        if control == CLOCK:
            self._obey_all(control, data)
            return None
        # the 1997 edition knows no control code of the other and says nothing to it, nor the other way round
        return None

    def _obey_all(self, control: int, data: bytes) -> None:
        if control == CLOCK and len(data) == 6 and self._orders.clock is not None:
            self._orders.clock(data)
        if control == FREEZE and self._orders.freeze is not None:
            self._orders.freeze(data)

    def _read(self, control: int, data: bytes) -> tuple[int, bytes]:
        width = self._edition.identifier
        identifier, found = data[:width], self._find(data[:width])
        if len(data) < width or found is None:
            return _error(control, NO_DATA)
        if len(found) <= self._part:
            self._following = None
            return control | 0x80, identifier + found
        self._following = (identifier, found[self._part :], 1)
        return control | 0xA0, identifier + found[: self._part]

    def _read_on(self, control: int, data: bytes) -> tuple[int, bytes]:
        """The next part; it carries the number that was asked for at its end, and a repeated question gets the same part."""
        width = self._edition.identifier
        if self._following is None or data[:width] != self._following[0]:
            return _error(control, NO_DATA)
        identifier, rest, first = self._following
        number = data[width] if len(data) > width else first
        skipped = (number - first) * self._part
        part = rest[skipped : skipped + self._part]
        if number < first or not part:
            return _error(control, NO_DATA)
        more = len(rest) > skipped + len(part)
        return control | (0xA0 if more else 0x80), identifier + part + bytes((number,))

    def _find(self, identifier: bytes) -> bytes | None:
        """One item, or the block of all that an FFH (in 1997 an FH) in the identifier stands for."""
        items, number = self._items(), int.from_bytes(identifier, "little")
        if number in items:
            return items[number]
        digits = f"{number:0{2 * len(identifier)}X}"
        unit = 2 if self._edition is E2007 else 1
        masks = [digits[i : i + unit] for i in range(0, len(digits), unit)]
        if "F" * unit not in masks[1:]:
            return None
        block = [data for key, data in sorted(items.items()) if _fits(f"{key:0{len(digits)}X}", masks, unit)]
        return b"".join(block) or None

    def _write(self, control: int, data: bytes) -> tuple[int, bytes]:
        width, secret = self._edition.identifier, 8 if self._edition is E2007 else 4
        if len(data) < width + secret:
            return _error(control, OTHER)
        if data[width + 1 : width + 4] != self._password:
            return _error(control, NOT_ALLOWED)
        number = int.from_bytes(data[:width], "little")
        if self._orders.write is None or not self._orders.write(number, data[width + secret :]):
            return _error(control, NO_DATA)
        return control | 0x80, b""

    def _control(self, control: int, data: bytes) -> tuple[int, bytes]:
        """PA P0..P2 C0..C3 N1 ..: the order is N1 (2007, 7.10 and its supplement)."""
        if len(data) < 9:
            return _error(control, OTHER)
        if data[1:4] != self._password:
            return _error(control, NOT_ALLOWED)
        if self._orders.control is None or not self._orders.control(data[8]):
            return _error(control, OTHER)
        return control | 0x80, b""


def _fits(digits: str, masks: Sequence[str], unit: int) -> bool:
    parts = (digits[i : i + unit] for i in range(0, len(digits), unit))
    return all(mask in ("F" * unit, part) for mask, part in zip(masks, parts, strict=True))


def _error(control: int, code: int) -> tuple[int, bytes]:
    return control | 0xC0, bytes((code,))
