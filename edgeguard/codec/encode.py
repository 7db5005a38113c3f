"""Values to register bytes, for writes: the inverse of decode, refusing whatever would not arrive as it was meant.

A value outside of its rule, its type or its choices, and one that the register could only hold rounded, is refused here,
before anything goes on the wire.
"""

import math
import struct
from dataclasses import dataclass
from typing import Final

from edgeguard.codec.layout import check_field, is_bcd, is_float, is_signed, reorder, struct_code, width_bits
from edgeguard.codec.scale import Scaling
from edgeguard.core.errors import WriteRefused
from edgeguard.core.point import Kind, Point, Value
from edgeguard.core.register import RawType, RegisterField

_FLOAT_RELATIVE: Final = 1e-6
"""How far float32 may be from the number asked for, relatively: it bears 7 digits."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """What to write. `data`: the field's registers in wire order, or one byte 0 or 1 for a bit table.

    `mask`: bits of one register that the write concerns and `register` its address, if it is not the whole field.
    """

    data: bytes
    register: int | None = None
    mask: int = 0


def encode(point: Point, field: RegisterField, value: Value) -> Encoded:
    """Bytes of `value`. WriteRefused, with a sentence that names the point, if it cannot or must not be written."""
    check_field(field)
    if field.form is not None:
        raise WriteRefused(f"{point.name}: is made of several registers and cannot be written in one")
    if field.type is RawType.STRING:
        return Encoded(reorder(field.words, field.word_order)(_text(point, field, value)))
    number = _number(point, value)
    if is_float(field):
        return Encoded(reorder(field.words, field.word_order)(_float(point, field, number)))
    raw = number if _takes_raw(point) else _raw(point, field, number)
    if field.table.is_bits:
        if raw not in (0, 1):
            raise WriteRefused(f"{point.name}: a single bit is 0 or 1, not {raw}")
        return Encoded(bytes((int(raw),)))
    pattern = _pattern(point, field, int(raw))
    if field.bits is None:
        return Encoded(reorder(field.words, field.word_order)(pattern.to_bytes(2 * field.words, "big")))
    return _some_bits(point, field, pattern)


def check_value(point: Point, value: Value) -> None:
    """WriteRefused if the point's kind, bounds or choices forbid the value, wherever and however the device keeps it."""
    if point.kind is not Kind.TEXT or point.choices:
        _number(point, value)


def _takes_raw(point: Point) -> bool:
    return point.kind is Kind.BOOLEAN or (point.kind is Kind.TEXT and bool(point.choices))


def _number(point: Point, value: Value) -> float | int:
    """The number that a value stands for, within the point's own bounds and its rule for writing."""
    if point.kind is Kind.BOOLEAN:
        if isinstance(value, str) or value not in (0, 1):
            raise WriteRefused(f"{point.name}: takes true or false, not {value!r}")
        return int(value)
    if point.kind is Kind.TEXT and point.choices:
        return _chosen(point, value)
    if point.kind is Kind.TEXT and isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            raise WriteRefused(f"{point.name}: takes digits, not {value!r}") from None
    if isinstance(value, bool | str) or not math.isfinite(value):
        raise WriteRefused(f"{point.name}: takes a number, not {value!r}")
    for rule in (point, point.write):
        if rule is None:
            continue
        if rule.minimum is not None and value < rule.minimum:
            raise WriteRefused(f"{point.name}: {value} is below {rule.minimum:g} {point.unit}".rstrip())
        if rule.maximum is not None and value > rule.maximum:
            raise WriteRefused(f"{point.name}: {value} is above {rule.maximum:g} {point.unit}".rstrip())
    return value


def _chosen(point: Point, value: Value) -> int:
    for number, labels in point.choices.items():
        if (value in (labels.en, labels.zh)) if isinstance(value, str) else (value == number and not isinstance(value, bool)):
            return number
    texts = ", ".join(labels.en for labels in point.choices.values())
    raise WriteRefused(f"{point.name}: {value!r} is none of {texts}")


def _raw(point: Point, field: RegisterField, number: float | int) -> int:
    """The nearest raw integer, if it stands for `number` within the tolerance of the point."""
    scaling = Scaling.of(field)
    raw = round(scaling.raw(number))
    held = (raw * scaling.factor + scaling.shift) / scaling.divisor
    tolerance = point.write.tolerance if point.write else 0.0
    if abs(held - number) > max(tolerance, 1e-12 * abs(number)):
        raise WriteRefused(f"{point.name}: the register cannot hold {number}, the nearest is {held}")
    return raw


def _pattern(point: Point, field: RegisterField, raw: int) -> int:
    """The whole field's unsigned pattern with `raw` in its place."""
    lowest, highest = field.bits or (0, width_bits(field) - 1)
    width = highest - lowest + 1
    if is_bcd(field):
        pattern = int(str(raw), 16) if raw >= 0 else -1
        if not 0 <= pattern < 1 << width:
            raise WriteRefused(f"{point.name}: {raw} does not fit into {width // 4} decimal digits")
        return pattern << lowest
    low, high = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if is_signed(field) else (0, (1 << width) - 1)
    if not low <= raw <= high:
        raise WriteRefused(f"{point.name}: raw {raw} is outside of {low} to {high}")
    return (raw & ((1 << width) - 1)) << lowest


def _some_bits(point: Point, field: RegisterField, pattern: int) -> Encoded:
    """The one register that holds the selected bits, which are all that may change."""
    lowest, highest = field.bits or (0, 0)
    selected = ((1 << (highest - lowest + 1)) - 1) << lowest
    into_wire = reorder(field.words, field.word_order)
    data = into_wire(pattern.to_bytes(2 * field.words, "big"))
    masks = into_wire(selected.to_bytes(2 * field.words, "big"))
    touched = [i for i in range(field.words) if any(masks[2 * i : 2 * i + 2])]
    if len(touched) != 1:
        raise WriteRefused(f"{point.name}: bits {lowest} to {highest} lie in more than one register")
    at = 2 * touched[0]
    return Encoded(data[at : at + 2], field.address + touched[0], int.from_bytes(masks[at : at + 2], "big"))


def _float(point: Point, field: RegisterField, number: float | int) -> bytes:
    scaling = Scaling.of(field)
    raw = float(scaling.raw(number))
    try:
        data = struct.pack(f">{struct_code(field)}", raw)
    except OverflowError:
        raise WriteRefused(f"{point.name}: {number} is too large for {field.type.value}") from None
    held = (struct.unpack(f">{struct_code(field)}", data)[0] * scaling.factor + scaling.shift) / scaling.divisor
    tolerance = point.write.tolerance if point.write else 0.0
    if abs(held - number) > max(tolerance, _FLOAT_RELATIVE * abs(number)):
        raise WriteRefused(f"{point.name}: {field.type.value} cannot hold {number}, the nearest is {held}")
    return data


def _text(point: Point, field: RegisterField, value: Value) -> bytes:
    if not isinstance(value, str) or not value.isprintable():
        raise WriteRefused(f"{point.name}: takes printable text, not {value!r}")
    data = value.encode()
    if len(data) > 2 * field.words:
        raise WriteRefused(f"{point.name}: {len(data)} bytes of text do not fit into {2 * field.words}")
    return data.ljust(2 * field.words, b"\0")
