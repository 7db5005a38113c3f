"""Items of a meter's data to outcomes, and back: BCD digits with a sign bit, moments, characters, bits, and unit bytes.

A value is never invented. All bytes FF mean that the meter has none; digits that are none, dates that cannot be, and units that
nobody knows become a Fault that says what was seen.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final

from edgeguard.core.cjt188_table import unit_of_byte, unit_of_name
from edgeguard.core.errors import WriteRefused
from edgeguard.core.meter import MeterField, Part, PartKind, UnitPlace
from edgeguard.core.point import Kind, Outcome, Point, Value, WriteRule
from edgeguard.core.quality import Fault, Reason

_SIGN: Final = 0x80
_CENTURY: Final = 2000
_YEARS: Final = range(2000, 2100)


def outcome_of(point: Point, field: MeterField, data: bytes) -> Outcome:
    """The outcome of a point whose item is `data`, in the order of the wire."""
    part = field.part
    if len(data) != part.width:
        return Fault(Reason.NO_VALUE, f"the meter gives {len(data)} bytes in place of {part.width}")
    raw, unit = _split(part, data)
    if all(byte == 0xFF for byte in raw):
        return Fault(Reason.NO_VALUE, f"{raw.hex(' ')}: the meter has no value")
    if part.kind is PartKind.NUMBER:
        return _number(point, field, raw, unit)
    if part.kind is PartKind.BITS:
        return _bits(point, field, int.from_bytes(raw, "little"))
    if part.kind is PartKind.MOMENT:
        return _moment(part.form, raw)
    if part.kind is PartKind.DIGITS:
        digits = raw[::-1].hex()
        return digits if digits.isdecimal() else _undecodable(raw, "is no decimal number")
    return _text(raw)


def _split(part: Part, data: bytes) -> tuple[bytes, int | None]:
    """The item without its unit byte, and that byte."""
    if part.unit is UnitPlace.AFTER:
        return data[:-1], data[-1]
    return (data[1:], data[0]) if part.unit is UnitPlace.BEFORE else (data, None)


def _undecodable(raw: bytes, sentence: str) -> Fault:
    return Fault(Reason.UNDECODABLE, f"{raw.hex(' ')} {sentence}")


def _number(point: Point, field: MeterField, raw: bytes, unit: int | None) -> Outcome:
    part = field.part
    negative = part.signed and bool(raw[-1] & _SIGN)
    high_first = raw[::-1]
    if negative:
        high_first = bytes((high_first[0] & ~_SIGN,)) + high_first[1:]
    digits = high_first.hex()
    if not digits.isdecimal():
        return _undecodable(raw, "is no decimal number")
    number = -int(digits) if negative else int(digits)
    if point.choices:
        return _choice(point, number)
    factor = Fraction(Decimal(repr(field.scale))) / 10**part.decimals
    if unit is not None:
        size = _unit_factor(field, unit)
        if isinstance(size, Fault):
            return size
        factor *= size
    return _ranged(point, _as_number(number * factor, point.decimals))


def _unit_factor(field: MeterField, unit: int) -> Fraction | Fault:
    """How many of the point's units one of the meter's is."""
    known, wanted = unit_of_byte(unit), unit_of_name(field.unit)
    if known is None:
        return Fault(Reason.UNDECODABLE, f"unit byte {unit:02X} is unknown, so the number says nothing")
    if wanted is None or known[0] is not wanted[0]:
        return Fault(Reason.UNDECODABLE, f"unit byte {unit:02X} is one of {known[0].value}, not of {field.unit}")
    return Fraction(known[1], known[2]) / Fraction(wanted[1], wanted[2])


def _as_number(exact: Fraction, decimals: int | None) -> float | int:
    if exact.denominator == 1 and not decimals:
        return int(exact)
    return float(exact) if decimals is None else round(float(exact), decimals)


def _ranged(point: Point, value: float | int) -> Outcome:
    unit = f" {point.unit}" if point.unit else ""
    if point.minimum is not None and value < point.minimum:
        return Fault(Reason.OUT_OF_RANGE, f"{value}{unit} is below {point.minimum:g}{unit}")
    if point.maximum is not None and value > point.maximum:
        return Fault(Reason.OUT_OF_RANGE, f"{value}{unit} is above {point.maximum:g}{unit}")
    return value


def _choice(point: Point, number: int) -> Outcome:
    labels = point.choices.get(number)
    return Fault(Reason.UNDECODABLE, f"{number} is none of the choices") if labels is None else labels.en


def _bits(point: Point, field: MeterField, pattern: int) -> Outcome:
    if field.bits is not None:
        low, high = field.bits
        pattern = pattern >> low & (1 << high - low + 1) - 1
    if point.kind is Kind.BOOLEAN:
        return bool(pattern)
    return _choice(point, pattern) if point.choices else _ranged(point, pattern)


def _text(raw: bytes) -> Outcome:
    """Characters come last first, padded with NUL or blanks."""
    trimmed = raw[::-1].strip(b"\0 ")
    if not trimmed:
        return Fault(Reason.NO_VALUE, "the meter gives an empty text")
    if not trimmed.isascii() or not trimmed.decode("ascii").isprintable():
        return _undecodable(raw, "is no printable text")
    return trimmed.decode("ascii").strip()


def _moment(form: str, raw: bytes) -> Outcome:
    """A moment as text, `2015-05-11 22:01:31` or the part of it that the form has; a date of zeros is none."""
    digits = raw[::-1].hex()
    if not digits.isdecimal():
        return _undecodable(raw, "is no moment")
    parts = _letters(form, digits)
    if "DD" in parts and parts["DD"] == parts.get("MM", 0) == 0:
        return Fault(Reason.NO_VALUE, "the meter gives no date")
    year = parts.get("YYYY", _CENTURY + parts["YY"] if "YY" in parts else None)
    month, day = parts.get("MM"), parts.get("DD")
    times = [parts[letters] for letters in ("hh", "mm", "ss") if letters in parts]
    if not _is_date(year, month, day) or any(t > most for t, most in zip(times, (23, 59, 59), strict=False)):
        return _undecodable(raw, "is no moment that can be")
    shown = [f"{year:04d}"] if year is not None else []
    shown += [f"{number:02d}" for number in (month, day) if number is not None]
    return " ".join(filter(None, ("-".join(shown), ":".join(f"{t:02d}" for t in times))))


def _letters(form: str, digits: str) -> Mapping[str, int]:
    """The numbers in a moment by their letters: `YYYY` or `YY`, `MM`, `DD`, `WW`, `hh`, `mm`, `ss`."""
    return {match[0]: int(digits[match.start() : match.end()]) for match in re.finditer(r"(.)\1+", form)}


def _is_date(year: int | None, month: int | None, day: int | None) -> bool:
    if month is None or day is None:
        return month is None and day is None
    if year is not None and year not in _YEARS:
        return False
    try:
        date(2000 if year is None else year, month, day)  # 2000 has a 29 February
    except ValueError:
        return False
    return True


def moment_bytes(form: str, when: datetime) -> bytes:
    """A moment in the order of the wire; the day of the week counts from Sunday, 0."""
    numbers = {
        "YYYY": when.year,
        "YY": when.year % 100,
        "MM": when.month,
        "DD": when.day,
        "WW": when.isoweekday() % 7,
        "hh": when.hour,
        "mm": when.minute,
        "ss": when.second,
    }
    digits = re.sub(r"(.)\1+", lambda match: f"{numbers[match[0]]:0{len(match[0])}d}", form)
    return bytes.fromhex(digits)[::-1]


def item_bytes(where: str, point: Point, field: MeterField, value: Value) -> bytes:
    """The data that says `value`, in the order of the wire. WriteRefused if it cannot be said, or may not."""
    part = field.part
    if part.kind is PartKind.DIGITS:
        if not isinstance(value, str) or not (value.isascii() and value.isdecimal()) or len(value) != 2 * part.size:
            raise WriteRefused(f"{where}: {value!r} is not {2 * part.size} digits")
        return bytes.fromhex(value)[::-1]
    number = number_of(where, point, value)
    exact = Fraction(Decimal(repr(number))) * 10**part.decimals / Fraction(Decimal(repr(field.scale)))
    if exact.denominator != 1:
        raise WriteRefused(f"{where}: {value} has more than the {part.decimals} decimals that the meter takes")
    return _digits(where, part, int(exact))


def _digits(where: str, part: Part, number: int) -> bytes:
    digits = f"{abs(number):0{2 * part.size}d}"
    if len(digits) > 2 * part.size or (part.signed and int(digits[0]) > 7) or (number < 0 and not part.signed):
        raise WriteRefused(f"{where}: the number does not fit the meter's {2 * part.size} digits")
    data = bytearray(bytes.fromhex(digits)[::-1])
    if number < 0:
        data[-1] |= _SIGN
    return bytes(data)


def switched(where: str, point: Point, value: Value) -> bool:
    """Whether a relay or valve is to interrupt (1) or not (0). WriteRefused for what it can only tell of itself."""
    number = number_of(where, point, value)
    if number not in (0, 1):
        raise WriteRefused(f"{where}: {value!r} is a state that it may be in, and no command")
    return number == 1


def number_of(where: str, point: Point, value: Value) -> float | int:
    """The raw choice, or the number, that a person means. WriteRefused if it is none, or out of the point's bounds."""
    if point.choices:
        commanded = point.write or WriteRule()
        commands = {number: labels for number, labels in point.choices.items() if commanded.allows(number)}
        for number, labels in commands.items():
            if not isinstance(value, bool) and value in (number, labels.en, labels.zh):
                return number
        raise WriteRefused(f"{where}: {value!r} is none of {', '.join(labels.en for labels in commands.values())}")
    if isinstance(value, bool | str):
        raise WriteRefused(f"{where}: needs a number, not {value!r}")
    rule = point.write
    if rule is None or rule.minimum is None or rule.maximum is None or not rule.minimum <= value <= rule.maximum:
        bounds = "" if rule is None else f" {rule.minimum} to {rule.maximum}"
        raise WriteRefused(f"{where}: {value} is outside of what may be written{bounds}")
    return value
