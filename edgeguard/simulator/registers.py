"""A device's registers as its master sees them: tables with spans that exist, words that hold values, refusals for the rest.

The maps beside this module are written from the makers' lists, not from the gateway's profiles: a wrong profile must show.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from edgeguard.core.limits import MODBUS_MAX_READ_BITS, MODBUS_MAX_READ_REGISTERS
from edgeguard.core.register import Table


class Refusal(IntEnum):
    """Exception codes (MODBUS Application Protocol V1.1b3, 7)."""

    FUNCTION = 1
    ADDRESS = 2
    VALUE = 3
    DEVICE = 4
    BUSY = 6


class Refused(Exception):
    """The device answers with an exception code."""

    def __init__(self, code: Refusal) -> None:
        super().__init__(f"exception {code.value}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Span:
    """Addresses `first` to `last` exist; those that hold nothing read as `hole`."""

    table: Table
    first: int
    last: int
    hole: int = 0


@dataclass(slots=True)
class Words:
    """The words of one table under construction; a 16-bit figure beyond its range stays at its end."""

    cells: dict[int, int] = field(default_factory=dict)

    def uint16(self, address: int, value: float, scale: float = 1.0) -> None:
        """An unsigned register: value / scale, rounded."""
        self.cells[address] = min(max(round(value / scale), 0), 0xFFFF)

    def int16(self, address: int, value: float, scale: float = 1.0) -> None:
        """A signed register, two's complement."""
        self.cells[address] = min(max(round(value / scale), -0x8000), 0x7FFF) & 0xFFFF

    def uint32(self, address: int, value: float, scale: float = 1.0) -> None:
        """Two registers, the more significant one first; a counter that is full begins anew."""
        raw = max(round(value / scale), 0) & 0xFFFF_FFFF
        self.cells[address], self.cells[address + 1] = raw >> 16, raw & 0xFFFF

    def int32(self, address: int, value: float, scale: float = 1.0) -> None:
        """Two registers, two's complement, the more significant one first."""
        raw = round(value / scale) & 0xFFFF_FFFF
        self.cells[address], self.cells[address + 1] = raw >> 16, raw & 0xFFFF

    def float32(self, address: int, value: float) -> None:
        """Two registers, IEEE 754 single precision, the more significant one first."""
        self.cells[address], self.cells[address + 1] = struct.unpack(">HH", struct.pack(">f", value))


@dataclass(frozen=True, slots=True)
class Image:
    """All tables of a device at one moment."""

    spans: tuple[Span, ...]
    holding: Words = field(default_factory=Words)
    input: Words = field(default_factory=Words)
    coil: Words = field(default_factory=Words)
    discrete: Words = field(default_factory=Words)

    def read(self, table: Table, address: int, count: int) -> Sequence[int]:
        """`count` words or bits from `address`; Refused if the table is not there, the count absurd, or no span holds them all."""
        spans = [span for span in self.spans if span.table is table]
        if not spans:
            raise Refused(Refusal.FUNCTION)
        if not 1 <= count <= (MODBUS_MAX_READ_BITS if table.is_bits else MODBUS_MAX_READ_REGISTERS):
            raise Refused(Refusal.VALUE)
        span = next((span for span in spans if span.first <= address and address + count - 1 <= span.last), None)
        if span is None:
            raise Refused(Refusal.ADDRESS)
        cells = self.words(table).cells
        return [cells.get(place, span.hole) for place in range(address, address + count)]

    def words(self, table: Table) -> Words:
        """What a table holds."""
        match table:
            case Table.COIL:
                return self.coil
            case Table.DISCRETE:
                return self.discrete
            case Table.HOLDING:
                return self.holding
            case Table.INPUT:
                return self.input


def bits(*numbers_and_states: tuple[int, bool]) -> int:
    """A word with the bits set whose state is true."""
    return sum(1 << number for number, state in numbers_and_states if state)
