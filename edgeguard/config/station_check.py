"""Addresses of devices: a Modbus unit, or the digits of a meter; each once on a bus, and wildcards only where nobody else hears."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from edgeguard.config.mistakes import Mistakes, kind_of
from edgeguard.config.positions import KeyPath
from edgeguard.config.rows import FirstUse, text_of
from edgeguard.core.line import Station
from edgeguard.core.meter import CJT188_STATION, DLT645_BROADCAST, DLT645_STATION
from edgeguard.core.profile import Cjt188Limits, DeviceProfile, Dlt645Limits, ForeignLimits, ModbusLimits
from edgeguard.core.site import BusSpec

_NETWORK_UNITS: Final = (0, 255)
"""Any byte on a network, where 0 and 255 mean the endpoint itself."""
_LINE_UNITS: Final = (1, 247)
"""On a serial line 0 is broadcast, and what is above 247 is reserved (MODBUS over Serial Line V1.02, 2.2)."""
_TYPE_OF_FORM: Final[Mapping[str, str]] = {"water": "10", "gas": "30", "heat": "20", "heat-unit-first": "20"}
"""The meter type in front of an address that is written without one."""
_FOURTEEN: Final = re.compile(r"[0-9A-F]{14}\Z")
_LIKE_A_METER: Final = re.compile(r"[0-9A-F]{12,16}\Z")
"""Not to be blamed where the profile, and so the protocol, is unknown."""
_ADVICE: Final = "; if one device is meant to be polled twice, set shared_address = true on the second"


@dataclass(frozen=True, slots=True)
class _Row:
    """The address of a meter as one row of the site gives it."""

    where: KeyPath
    station: str
    shared: bool

    @property
    def is_wildcard(self) -> bool:
        """More than one meter may answer to it."""
        return "A" in self.station


@dataclass(slots=True)
class Stations:
    """The addresses taken so far on all buses, and who answers to wildcards."""

    mistakes: Mistakes
    _places: FirstUse = field(init=False)
    _meters: dict[tuple[str | None, str], list[_Row]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._places = FirstUse(self.mistakes, "address")

    def take(self, row: Mapping[str, Any], path: KeyPath, bus: BusSpec | None, profile: DeviceProfile | None) -> Station | None:
        """The address of a device as core knows it; None after adding what is wrong with it, or if its type already is."""
        where: KeyPath = (*path, "address")
        written = row.get("address")
        limits = ModbusLimits() if profile is None else profile.limits
        if isinstance(limits, ModbusLimits):
            if isinstance(written, str) and (profile is not None or not _LIKE_A_METER.match(written)):
                self.mistakes.add(where, f"must be a whole number, not {kind_of(written)}")
                return None
            station: Station | None = self._unit(written, where, bus)
            protocol = "modbus"
        elif isinstance(limits, ForeignLimits):
            station, protocol = written if isinstance(written, str) else self._unit(written, where, bus), limits.protocol
        else:
            protocol = "dlt645" if isinstance(limits, Dlt645Limits) else "cjt188"
            station = self._meter(written, where, limits)
            if bus is not None and not bus.wire.is_line:
                shown = f"{bus.wire.value}:// carries Modbus only"
                self.mistakes.add((*path, "bus"), f"{shown}; a meter needs a serial port, or rtu+tcp:// to a network adapter")
        if station is not None:
            on, shared = text_of(row, "bus"), row.get("shared_address") is True
            if not shared:
                self._places.claim(where, (on, protocol, station), f"{station} on bus {on}", _ADVICE)
            if not isinstance(limits, ModbusLimits | ForeignLimits) and isinstance(station, str):
                self._meters.setdefault((on, protocol), []).append(_Row(where, station, shared))
        return station

    def close(self) -> None:
        """Nothing more comes: a wildcard among other meters of its protocol is a mistake.

        A shared address says that two rows mean one meter; who calls everybody shares no address with several.
        """
        for (bus, _), rows in self._meters.items():
            own = {row.station for row in rows if not row.is_wildcard}
            if len(own) < 2 and sum(not row.shared for row in rows) < 2:
                continue
            others = len(own) or len(rows) - 1
            shown = f"bus {bus} has {others} other meter{'s' * (others > 1)} of this protocol"
            for row in rows:
                if row.is_wildcard:
                    self.mistakes.add(row.where, f"{row.station} calls everybody, but {shown}; write each one's own address")

    def _unit(self, address: object, where: KeyPath, bus: BusSpec | None) -> int | None:
        if not isinstance(address, int) or isinstance(address, bool):
            return None
        if not 0 <= address <= 255:
            self.mistakes.add(where, f"{address} is out of range: must be at {'least 0' if address < 0 else 'most 255'}")
        elif bus is not None:
            least, most = _LINE_UNITS if bus.wire.is_line else _NETWORK_UNITS
            if not least <= address <= most:
                shown = "a serial port" if bus.wire.is_port else bus.wire.value
                self.mistakes.add(where, f"{address} is out of range on {shown}: must be {least} to {most}")
        return address

    def _meter(self, written: object, where: KeyPath, limits: Dlt645Limits | Cjt188Limits) -> str | None:
        if not isinstance(written, str):
            if written is not None:
                example = "000012345678" if isinstance(limits, Dlt645Limits) else "78330012345678"
                sentence = f'must be the digits on the meter\'s label, in quotes, such as "{example}", not {kind_of(written)}'
                self.mistakes.add(where, sentence)
            return None
        if isinstance(limits, Dlt645Limits):
            return self._electric(written, where)
        if _FOURTEEN.match(written):
            return _TYPE_OF_FORM[limits.form] + written
        if not CJT188_STATION.match(written):
            form = "write the 14 digits on its label, or 16 with the meter type in front; AA stands for any two"
            self.mistakes.add(where, f'"{written}" is no address of a CJ/T 188 meter: {form}')
            return None
        return written

    def _electric(self, written: str, where: KeyPath) -> str | None:
        if written == DLT645_BROADCAST:
            self.mistakes.add(where, f"{written} is the broadcast address, which no meter answers")
            return None
        if not DLT645_STATION.match(written):
            zeros = ", with zeros in front" if written.isdecimal() and len(written) < 12 else ""
            form = f"write the 12 digits on its label{zeros}; A stands for any digit"
            self.mistakes.add(where, f'"{written}" is no address of a DL/T 645 meter: {form}')
            return None
        return written
