"""Where the bytes of a field stand: word orders as byte permutations, raw types as struct codes.

All four word orders are their own inverses, so one permutation serves reading and writing. Knows no scale and no unit.
"""

from collections.abc import Callable
from operator import itemgetter
from types import MappingProxyType
from typing import Final

from edgeguard.codec.forms import check_form
from edgeguard.core.errors import ConfigError
from edgeguard.core.register import RawType, RegisterField, WordOrder

_SIGNED: Final = frozenset({RawType.INT16, RawType.INT32, RawType.INT64})
_FLOATS: Final = MappingProxyType({RawType.FLOAT32: "f", RawType.FLOAT64: "d"})
_BCD: Final = frozenset({RawType.BCD16, RawType.BCD32, RawType.BCD64})
_INTEGER_CODES: Final = MappingProxyType({1: "H", 2: "I", 4: "Q"})


def is_signed(field: RegisterField) -> bool:
    """The field's integer (or its selected bits) is in two's complement."""
    return field.type in _SIGNED


def is_float(field: RegisterField) -> bool:
    """The field is an IEEE 754 number."""
    return field.type in _FLOATS


def is_bcd(field: RegisterField) -> bool:
    """The field holds a decimal digit in every four bits."""
    return field.type in _BCD


def width_bits(field: RegisterField) -> int:
    """Bits of the whole field."""
    return 1 if field.table.is_bits else 16 * field.words


def struct_code(field: RegisterField) -> str:
    """The struct format of the field's bytes in big order: unsigned where bits or digits are taken out of a pattern."""
    if field.type is RawType.STRING or field.form is not None:
        return f"{2 * field.words}s"
    if field.type in _FLOATS:
        return _FLOATS[field.type]
    code = _INTEGER_CODES[field.words]
    return code.lower() if is_signed(field) and field.bits is None else code


def byte_order(words: int, order: WordOrder) -> tuple[int, ...]:
    """Which byte on the wire is byte 0, 1, ... of the value, most significant first."""
    registers = range(words) if order in (WordOrder.BIG, WordOrder.BIG_SWAPPED) else reversed(range(words))
    high, low = (0, 1) if order in (WordOrder.BIG, WordOrder.LITTLE) else (1, 0)
    return tuple(2 * register + byte for register in registers for byte in (high, low))


def reorder(words: int, order: WordOrder) -> Callable[[bytes], bytes]:
    """Bytes on the wire to bytes of the value in big order, or the other way round."""
    pick = itemgetter(*byte_order(words, order))
    return lambda data: bytes(pick(data))


def check_field(field: RegisterField) -> None:
    """Refuse, as a ConfigError, a field that cannot be: words that do not fit the type, bits outside of it."""
    where = f"{field.table.value} {field.address}"
    if field.table.is_bits:
        if field.words != 1 or field.type is not RawType.BIT:
            raise ConfigError((f"{where}: a bit table holds single bits, not {field.type.value}",))
        return
    if field.form is not None:
        check_form(field, where)
    elif field.type is RawType.STRING:
        if field.words < 1:
            raise ConfigError((f"{where}: a string needs at least one register",))
    elif field.words != field.type.words:
        raise ConfigError((f"{where}: {field.type.value} takes {field.type.words} registers, not {field.words}",))
    if field.bits is None:
        return
    lowest, highest = field.bits
    if field.type in _FLOATS or field.type is RawType.STRING:
        raise ConfigError((f"{where}: bits cannot be taken out of {field.type.value}",))
    if not 0 <= lowest <= highest < width_bits(field):
        raise ConfigError((f"{where}: bits {lowest} to {highest} are outside of {field.type.value}",))
