"""Where a point sits in a Modbus device and how its bits are to be read: tables, raw types, word orders.

Source of tables and addresses: MODBUS Application Protocol V1.1b3, 4.3-4.4. Addresses are those on the wire (0-based).
"""

from dataclasses import dataclass
from enum import StrEnum


class Table(StrEnum):
    """The four primary tables."""

    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"

    @property
    def is_bits(self) -> bool:
        """Coils and discrete inputs are single bits; the others are 16-bit registers."""
        return self in (Table.COIL, Table.DISCRETE)


class RawType(StrEnum):
    """How the registers of a field are to be read before scale and offset."""

    BIT = "bit"
    UINT16 = "uint16"
    INT16 = "int16"
    UINT32 = "uint32"
    INT32 = "int32"
    UINT64 = "uint64"
    INT64 = "int64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    BCD16 = "bcd16"
    BCD32 = "bcd32"
    BCD64 = "bcd64"
    STRING = "string"

    @property
    def words(self) -> int:
        """Registers taken by one value; 0 for strings, whose field says it."""
        digits = "".join(c for c in self.value if c.isdigit())
        return int(digits) // 16 if digits else (1 if self is RawType.BIT else 0)


class WordOrder(StrEnum):
    """Order of the bytes of a value A (most significant) to D on the wire; applies to 64 bits and strings alike."""

    BIG = "big"
    """ABCD: most significant register first (the standard's order)."""
    LITTLE = "little"
    """CDAB: least significant register first."""
    BIG_SWAPPED = "big-swapped"
    """BADC: most significant register first, bytes swapped in each."""
    LITTLE_SWAPPED = "little-swapped"
    """DCBA: least significant register first, bytes swapped in each."""


@dataclass(frozen=True, slots=True)
class Weighted:
    """A counter split over registers of different weight: the sum of register x weight, in the order of the registers.

    A weight of 0 marks a register in between that does not belong to it.
    """

    weights: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pointed:
    """A number beside a register that says how many decimals it has: raw / 10^decimals. Both count from the field's address."""

    number: int
    decimals: int


@dataclass(frozen=True, slots=True)
class RegisterField:
    """A field in a table. `words` counts registers (1 for a bit of a bit table).

    `bits` = (lowest, highest) selects a bit range of an integer before scaling; a single bit read as BOOLEAN has lowest ==
    highest. value = raw x scale + offset. `no_value` lists raw numbers by which the device says that it has none.
    `form` is given where the raw number is made of more than one register in another way than by its type, which then is that
    of each part.
    """

    table: Table
    address: int
    type: RawType
    words: int = 1
    word_order: WordOrder = WordOrder.BIG
    bits: tuple[int, int] | None = None
    scale: float = 1.0
    offset: float = 0.0
    no_value: tuple[int, ...] = ()
    form: Weighted | Pointed | None = None

    @property
    def last(self) -> int:
        """Address of the field's last register or bit."""
        return self.address + self.words - 1
