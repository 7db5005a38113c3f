"""Raw values to outcomes: bits, digits, sentinels, scale, range, texts, compiled once per point into one function.

A value is never invented: whatever is not a plausible value of the point becomes a Fault that says what was seen.
"""

import math
import struct
from collections.abc import Callable, Mapping
from typing import Any

from edgeguard.codec.forms import form_reader
from edgeguard.codec.layout import check_field, is_bcd, is_float, is_signed, struct_code, width_bits
from edgeguard.codec.scale import Scaling, float_scaler, integer_scaler
from edgeguard.core.point import Kind, Outcome, Point
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.register import RawType, RegisterField

Convert = Callable[[Any], Outcome]
"""One raw value, as its struct code unpacks it, to the outcome."""


def converter(point: Point, field: RegisterField) -> Convert | None:
    """How the raw value of `field` becomes the outcome of `point`; None if it is the outcome. ConfigError if it cannot be."""
    check_field(field)
    if field.type is RawType.STRING:
        return _text
    meaning = _meaning(point, field)
    if field.form is not None:
        return _after(form_reader(field), meaning)
    reader = None if field.table.is_bits else _pattern_reader(field)
    return _guarded(field, _after(reader, meaning))


def _text(raw: bytes) -> Outcome:
    """Text up to the first NUL, without trailing blanks; UTF-8, printable."""
    try:
        text = raw.partition(b"\0")[0].decode().rstrip()
    except UnicodeDecodeError:
        return Fault(Reason.UNDECODABLE, f"{raw.hex(' ')} is no UTF-8 text")
    return text if text.isprintable() else Fault(Reason.UNDECODABLE, f"{raw.hex(' ')} is no printable text")


def _meaning(point: Point, field: RegisterField) -> Convert | None:
    """From a plain number on: truth, text of a choice, or a number in its unit."""
    if point.kind is Kind.BOOLEAN:
        return bool
    if point.kind is Kind.TEXT and point.choices:
        return _choice({number: labels.en for number, labels in point.choices.items()})
    scaling = Scaling.of(field)
    number: Convert | None
    if is_float(field):
        number = _finite(_ranged(float_scaler(scaling, point.decimals, field.type is RawType.FLOAT32), point))
    else:
        number = _tenths(scaling, point) or _ranged(integer_scaler(scaling, point.decimals), point)
    return _written(number) if point.kind is Kind.TEXT else number


def _choice(texts: Mapping[int, str]) -> Convert:
    def text_of(number: int) -> Outcome:
        text = texts.get(number)
        return Fault(Reason.UNDECODABLE, f"{number} is none of the choices") if text is None else text

    return text_of


def _written(number: Convert | None) -> Convert:
    """A number shown as text, such as a serial number."""

    def text_of(raw: Any) -> Outcome:
        outcome = raw if number is None else number(raw)
        return outcome if isinstance(outcome, Fault) else str(outcome)

    return text_of


def _tenths(scaling: Scaling, point: Point) -> Convert | None:
    """The commonest of all, tenths (hundredths ...) between two limits, in one call instead of two; None for anything else."""
    divisor, low, high = scaling.divisor, point.minimum, point.maximum
    if scaling.factor != 1 or scaling.shift or divisor == 1 or low is None or high is None:
        return None
    if point.decimals is not None and 10**point.decimals % divisor:
        return None
    outside = _outside(point)

    def scaled(raw: int) -> Outcome:
        value = raw / divisor
        return value if low <= value <= high else outside(value)

    return scaled


def _outside(point: Point) -> Callable[[float | int], Fault]:
    unit = f" {point.unit}" if point.unit else ""

    def outside(value: float | int) -> Fault:
        below = point.minimum is not None and value < point.minimum
        side, limit = ("below", point.minimum) if below else ("above", point.maximum)
        return Fault(Reason.OUT_OF_RANGE, f"{value}{unit} is {side} {limit:g}{unit}")

    return outside


def _ranged(scale: Callable[[Any], float | int] | None, point: Point) -> Convert | None:
    if point.minimum is None and point.maximum is None:
        return scale
    low = -math.inf if point.minimum is None else point.minimum
    high = math.inf if point.maximum is None else point.maximum
    outside = _outside(point)
    if scale is None:
        return lambda raw: raw if low <= raw <= high else outside(raw)

    def scaled(raw: Any) -> Outcome:
        value = scale(raw)
        return value if low <= value <= high else outside(value)

    return scaled


def _finite(number: Convert | None) -> Convert:
    def checked(raw: float) -> Outcome:
        if not math.isfinite(raw):
            return Fault(Reason.NO_VALUE, str(raw))
        return raw if number is None else number(raw)

    return checked


def _pattern_reader(field: RegisterField) -> Convert | None:
    """From the unsigned pattern to the number in it, where bits are selected or digits packed."""
    if field.bits is None:
        return _digits if is_bcd(field) else None
    lowest, highest = field.bits
    width = highest - lowest + 1
    mask, top = (1 << width) - 1, 1 << (width - 1)
    if is_bcd(field):
        return lambda pattern: _digits(pattern >> lowest & mask)
    if is_signed(field):
        return lambda pattern: ((pattern >> lowest & mask) ^ top) - top
    return lambda pattern: pattern >> lowest & mask


def _digits(pattern: int) -> Outcome:
    written = f"{pattern:x}"
    return int(written) if written.isdecimal() else Fault(Reason.UNDECODABLE, f"0x{written} is no decimal number")


def _after(reader: Convert | None, meaning: Convert | None) -> Convert | None:
    if reader is None or meaning is None:
        return reader or meaning

    def both(raw: Any) -> Outcome:
        number = reader(raw)
        return number if isinstance(number, Fault) else meaning(number)

    return both


def _guarded(field: RegisterField, convert: Convert | None) -> Convert | None:
    """Catch the raw numbers by which a device says that it has no value."""
    faults = {raw: Fault(Reason.NO_VALUE, f"raw {number}") for number in field.no_value for raw in _raws_of(field, number)}
    if not faults:
        return convert

    def guarded(raw: Any) -> Outcome:
        fault = faults.get(raw)
        if fault is not None:
            return fault
        outcome: Outcome = raw if convert is None else convert(raw)
        return outcome

    return guarded


def _raws_of(field: RegisterField, number: int) -> tuple[float | int, ...]:
    """A sentinel as struct unpacks it: 0xFFFF and -1 are the same int16; a float's is taken as a number and as a bit pattern."""
    if field.table.is_bits:
        return (number,)
    pattern = (number % (1 << width_bits(field))).to_bytes(2 * field.words, "big")
    unpacked: tuple[float | int] = struct.unpack(f">{struct_code(field)}", pattern)
    return (*unpacked, float(number)) if is_float(field) else unpacked
