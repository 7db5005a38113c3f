"""Numbers made of several registers in a device's own way: counters split by weight, and numbers with their decimals beside them.

Both are read from the bytes of all registers concerned, which one request has brought, so that no half is older than the other.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Final

from edgeguard.core.errors import ConfigError
from edgeguard.core.point import Outcome
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.register import Pointed, RawType, RegisterField, Weighted, WordOrder

MOST_DECIMALS: Final = 6
"""A device that claims more has told something else in that register."""
_PARTS: Final = frozenset({RawType.UINT16, RawType.INT16})
_CODES: Final[Mapping[RawType, str]] = {RawType.UINT16: "H", RawType.INT16: "h", RawType.UINT32: "I", RawType.INT32: "i"}


def check_form(field: RegisterField, where: str) -> None:
    """Refuse, as a ConfigError, a form that does not fit its registers."""
    form = field.form
    if isinstance(form, Weighted):
        if field.type not in _PARTS:
            raise ConfigError((f"{where}: parts are uint16 or int16, not {field.type.value}",))
        if len(form.weights) != field.words:
            raise ConfigError((f"{where}: {len(form.weights)} weights for {field.words} registers",))
    elif isinstance(form, Pointed):
        if field.type not in _CODES:
            raise ConfigError((f"{where}: a number with decimals beside it is a whole number, not {field.type.value}",))
        fits = form.number + field.type.words <= field.words and form.decimals < field.words
        if not fits or form.number <= form.decimals < form.number + field.type.words:
            raise ConfigError((f"{where}: the number and its decimals do not fit into {field.words} registers",))
    if field.bits is not None or field.word_order is not WordOrder.BIG:
        raise ConfigError((f"{where}: bits and word order make no sense with parts or decimals",))


def form_reader(field: RegisterField) -> Callable[[bytes], Outcome]:
    """From the bytes of all the field's registers to the raw number, or NO_VALUE, or what is wrong with it."""
    if isinstance(field.form, Weighted):
        return _weighted(field, field.form)
    assert isinstance(field.form, Pointed)  # noqa: S101  there is no third form
    return _pointed(field, field.form)


def _missing(field: RegisterField) -> frozenset[int]:
    """The sentinels as the part's type shows them."""
    width = 16 * field.type.words
    signed = field.type in (RawType.INT16, RawType.INT32)
    patterns = (number % (1 << width) for number in field.no_value)
    return frozenset(p - (1 << width) if signed and p >> (width - 1) else p for p in patterns)


def _weighted(field: RegisterField, form: Weighted) -> Callable[[bytes], Outcome]:
    unpack = struct.Struct(f">{field.words}{_CODES[field.type]}").unpack
    parts = tuple((i, weight) for i, weight in enumerate(form.weights) if weight)
    missing = _missing(field)

    def read(raw: bytes) -> Outcome:
        registers: tuple[int, ...] = unpack(raw)
        for i, _ in parts:
            if registers[i] in missing:
                return Fault(Reason.NO_VALUE, f"raw {registers[i]} in register {field.address + i}")
        return sum(registers[i] * weight for i, weight in parts)

    return read


def _pointed(field: RegisterField, form: Pointed) -> Callable[[bytes], Outcome]:
    number = struct.Struct(f">{_CODES[field.type]}").unpack_from
    decimals = struct.Struct(">H").unpack_from
    missing = _missing(field)

    def read(raw: bytes) -> Outcome:
        value: int = number(raw, 2 * form.number)[0]
        digits: int = decimals(raw, 2 * form.decimals)[0]
        if value in missing:
            return Fault(Reason.NO_VALUE, f"raw {value}")
        if digits > MOST_DECIMALS:
            place = field.address + form.decimals
            return Fault(Reason.UNDECODABLE, f"{digits} decimals in register {place}; at most {MOST_DECIMALS} make sense")
        return value / 10**digits if digits else value

    return read
