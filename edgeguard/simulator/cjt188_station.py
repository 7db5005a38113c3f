"""A water, heat or gas meter that speaks CJ/T 188, as a station on a line. Written apart from the gateway's codec.

Frame (CJ/T 188-2004, 6): FE.. 68 T A0..A6 C L DI0 DI1 SER DATA CS 16, nothing is added to the bytes, CS is the sum from 68 on.
Meters differ in the order in which they send the identifier, and do not answer to the other one: so does this one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from edgeguard.core.line import LineSettings
from edgeguard.simulator.bcd import matches
from edgeguard.simulator.meter_station import METER_LINE, TURNAROUND_S, MeterStation, Shape

SHAPE: Final = Shape(head=11, max_data_bytes=0x64)
READ, ADDRESS, WRITE = 0x01, 0x03, 0x04
ADDRESS_ITEM, VALVE_ITEM, CLOCK_ITEM = 0x810A, 0xA017, 0xA015

Items = Mapping[int, bytes]
"""What the meter holds: identifier (901FH and its kin) to data in wire order, behind the number of the question."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What the meter does when it is told to; each returns whether it has done so. None: it has no such thing."""

    valve: Callable[[int], bool] | None = None
    clock: Callable[[bytes], bool] | None = None


class Cjt188Station(MeterStation):
    """One meter. `address` has 16 digits: its type, then A6 to A0. `high_first`: it sends 90 1F and not 1F 90."""

    def __init__(
        self,
        address: str,
        items: Callable[[], Items],
        status: Callable[[], bytes],
        orders: Orders | None = None,
        settings: LineSettings = METER_LINE,
        *,
        high_first: bool = True,
        turnaround_s: float = TURNAROUND_S,
        preamble: int = 3,
        refuses: Callable[[], bool] = lambda: False,
    ) -> None:
        number = bytes.fromhex(address)
        wire = number[:1] + number[:0:-1]
        super().__init__(SHAPE, wire, settings, turnaround_s=turnaround_s, preamble=preamble, refuses=refuses)
        self._items = items
        self._status = status
        self._orders = orders or Orders()
        self._high_first = high_first

    def _answer(self, asked: bytes, control: int, data: bytes) -> tuple[int, bytes] | None:
        """Control code and data of the answer; None for silence, which is also what a wrong byte order gets."""
        if len(data) < 3 or not matches(asked, self.address):
            return None
        identifier = int.from_bytes(data[:2], "big" if self._high_first else "little")
        head = data[:3]
        if self._refuses() and control in (READ, WRITE):
            return self._refusal(control, data)
        if control == ADDRESS:
            return (control | 0x80, head) if identifier == ADDRESS_ITEM else None
        if control == READ:
            found = self._items().get(identifier)
            if found is None:
                return self._refusal(control, data) if self._known_order(identifier) else None
            return control | 0x80, head + found
        if control == WRITE:
            return self._write(control, identifier, data)
        return None

    def _known_order(self, identifier: int) -> bool:
        """Whether an identifier that the meter does not have begins at least with a byte that one of its own begins with."""
        return identifier >> 8 in {item >> 8 for item in self._items()}

    def _write(self, control: int, identifier: int, data: bytes) -> tuple[int, bytes] | None:
        if identifier == VALVE_ITEM and self._orders.valve is not None and len(data) == 4:
            done = self._orders.valve(data[3])
            return (control | 0x80, data[:3] + self._status()) if done else self._refusal(control, data)
        if identifier == CLOCK_ITEM and self._orders.clock is not None:
            done = self._orders.clock(data[3:])
            return (control | 0x80, data[:3]) if done else self._refusal(control, data)
        return self._refusal(control, data) if identifier >> 8 == VALVE_ITEM >> 8 else None

    def _refusal(self, control: int, data: bytes) -> tuple[int, bytes]:
        return control | 0xC0, data[2:3] + self._status()
