"""Whether one point of a profile makes sense as a whole, and the core values it becomes. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from edgeguard.config.profile_model import PointTable, WriteTable
from edgeguard.config.role_check import uses
from edgeguard.core.ids import PointName
from edgeguard.core.point import Kind, Point, ReportRule, WriteRule
from edgeguard.core.profile import ModbusLimits
from edgeguard.core.register import Pointed, RawType, RegisterField, Table, Weighted, WordOrder

Finding = tuple[str, str]
"""A key of the table, and what is wrong with it."""

_INTEGERS: Final[Mapping[RawType, tuple[int, int]]] = {
    RawType.UINT16: (0, 2**16 - 1),
    RawType.INT16: (-(2**15), 2**15 - 1),
    RawType.UINT32: (0, 2**32 - 1),
    RawType.INT32: (-(2**31), 2**31 - 1),
    RawType.UINT64: (0, 2**64 - 1),
    RawType.INT64: (-(2**63), 2**63 - 1),
    RawType.BCD16: (0, 9999),
    RawType.BCD32: (0, 99_999_999),
    RawType.BCD64: (0, 9_999_999_999_999_999),
}
_WHOLE: Final = re.compile(r"0|-?[1-9][0-9]{0,19}")
"""A whole number of at most 64 bits, in the one way to write it."""
_BCD: Final = (RawType.BCD16, RawType.BCD32, RawType.BCD64)
_BIT_ONLY: Final = ("words", "word_order", "bit", "bits", "weights", "decimals_at", "scale", "offset", "no_value", "choices")
_NUMBER_ONLY: Final = ("scale", "offset", "unit", "range", "decimals", "deadband")


def kind_of_point(raw: PointTable) -> Kind:
    """How the platform sees it: single bits are truth values, strings and choices are texts, all else numbers."""
    if raw.choices or raw.type is RawType.STRING:
        return Kind.TEXT
    return Kind.BOOLEAN if raw.table.is_bits or raw.bit is not None else Kind.NUMBER


def check_point(raw: PointTable, limits: ModbusLimits) -> Iterator[Finding]:
    """Everything wrong with a point whose single values are fine."""
    if raw.table.is_bits:
        yield from _check_bit(raw)
        yield from _check_use(raw)
        yield from _check_write(raw)
        return
    if raw.type is None:
        yield "type", f"is missing: a point in {raw.table.value} registers needs one, such as uint16 or float32"
        return
    if raw.type is RawType.BIT:
        yield (
            "type",
            f'"bit" is for coils and discrete inputs; for a bit of a {raw.table.value} register give type = "uint16" and bit = N',
        )
        return
    if raw.type is RawType.STRING and raw.words is None:
        yield "words", "is missing: a string needs the number of its registers"
        return
    if raw.type is not RawType.STRING and raw.words is not None:
        yield "words", f"is for strings only; {raw.type.value} always takes {raw.type.words}"
    forms = list(_check_form(raw))
    yield from forms
    if forms:
        return
    yield from _check_place(raw, limits)
    yield from _check_bits(raw)
    yield from _check_choices(raw)
    yield from _check_use(raw)
    yield from _check_write(raw)


def _check_bit(raw: PointTable) -> Iterator[Finding]:
    if raw.type not in (None, RawType.BIT):
        yield "type", f"a {raw.table.value} is a single bit; leave the type out"
    for key in _BIT_ONLY:
        if key in raw.model_fields_set:
            yield key, f"makes no sense for a {raw.table.value}, which is a single bit"


def _check_form(raw: PointTable) -> Iterator[Finding]:
    """Parts with weights, and decimals in a register beside the number."""
    key = "weights" if raw.weights is not None else "decimals_at"
    if raw.weights is None and raw.decimals_at is None:
        return
    for other in ("bit", "bits", "word_order", "choices", "write"):
        if other in raw.model_fields_set:
            yield other, f"makes no sense together with {key}"
    if raw.weights is not None:
        if raw.decimals_at is not None:
            yield "decimals_at", "give weights or decimals_at, not both"
        if raw.type not in (RawType.UINT16, RawType.INT16):
            yield "type", "the parts of a number with weights are uint16 or int16"
        if raw.weights[0] == 0 or raw.weights[-1] == 0:
            yield "weights", "the first and the last register must count; leave out those that do not"
    elif raw.type not in (RawType.UINT16, RawType.INT16, RawType.UINT32, RawType.INT32):
        yield "type", "a number with its decimals beside it is uint16, int16, uint32 or int32"
    elif raw.decimals_at is not None and raw.address <= raw.decimals_at < raw.address + raw.type.words:
        yield "decimals_at", "is one of the number's own registers"


def _check_place(raw: PointTable, limits: ModbusLimits) -> Iterator[Finding]:
    field = field_of(raw, WordOrder.BIG)
    if field.last > 65535:
        yield "address", f"the last register would be {field.last}: at most 65535"
    if field.words > limits.max_registers:
        yield "address", f"takes {field.words} registers at once, but modbus.max_registers is {limits.max_registers}"
    for area in limits.forbidden:
        if area.table is raw.table and raw.address <= area.last and field.last >= area.first:
            yield "address", f"lies in the forbidden range {area.first}..{area.last} of the {area.table.value} table"
    if field.words == 1 and raw.word_order is WordOrder.LITTLE:
        yield "word_order", "makes no sense for a single register"


def _check_bits(raw: PointTable) -> Iterator[Finding]:
    if raw.type is None:
        return
    bounds = _INTEGERS.get(raw.type)
    if raw.bit is not None and raw.bits is not None:
        yield "bit", "give bit or bits, not both"
        return
    chosen = _bits_of(raw)
    if chosen is not None:
        key, (low, high) = ("bit" if raw.bit is not None else "bits"), chosen
        if bounds is None or raw.type in _BCD:
            yield key, f"bits can be taken from whole-number types only, not from {raw.type.value}"
        elif not 0 <= low <= high:
            yield key, f"[{low}, {high}] must be [lowest, highest], counted from 0"
        elif high >= raw.type.words * 16:
            yield key, f"bit {high} does not exist in {raw.type.value}, whose bits are 0 to {raw.type.words * 16 - 1}"
    if raw.no_value and bounds is None:
        yield "no_value", f"is for whole-number types only; not-a-number is recognised in {raw.type.value} anyway"
    for i, value in enumerate(raw.no_value):
        if bounds is not None and not bounds[0] <= value <= bounds[1]:
            yield "no_value", f"entry {i}: {value} does not fit {raw.type.value} ({bounds[0]} to {bounds[1]})"


def _check_choices(raw: PointTable) -> Iterator[Finding]:
    if not raw.choices or raw.type is None:
        return
    bounds = _INTEGERS.get(raw.type)
    if bounds is None:
        yield "choices", f"need a whole-number type, not {raw.type.value}"
        return
    chosen = _bits_of(raw)
    if chosen is not None:
        bounds = (0, 2 ** max(1, chosen[1] - chosen[0] + 1) - 1)
    texts: dict[str, str] = {}
    for key, labels in raw.choices.items():
        if _WHOLE.fullmatch(key) is None:
            yield f"choices.{key}", f'"{key}" is not a whole number'
        elif not bounds[0] <= int(key) <= bounds[1]:
            yield f"choices.{key}", f"{key} does not fit the field ({bounds[0]} to {bounds[1]})"
        if labels.en in texts:
            yield (
                f"choices.{key}",
                f'the English text "{labels.en}" is that of {texts[labels.en]} too; the platform tells choices by it',
            )
        texts.setdefault(labels.en, key)


def _check_use(raw: PointTable) -> Iterator[Finding]:
    kind = kind_of_point(raw)
    if kind is not Kind.NUMBER:
        what = "a truth value" if kind is Kind.BOOLEAN else "a text"
        for key in _NUMBER_ONLY:
            if key in raw.model_fields_set and not (raw.table.is_bits and key in _BIT_ONLY):
                yield key, f"makes no sense for {what}"
    if raw.scale == 0:
        yield "scale", "must not be 0"
    if raw.range is not None and not raw.range[0] < raw.range[1]:
        yield "range", f"[{raw.range[0]:g}, {raw.range[1]:g}] must be [least, most]"
    if raw.heartbeat < raw.min_interval:
        yield "heartbeat", "must not be shorter than min_interval"


def _check_write(raw: PointTable) -> Iterator[Finding]:
    rule = raw.write
    if rule is None:
        return
    if raw.table not in (Table.COIL, Table.HOLDING):
        yield "write", f"points of the {raw.table.value} table cannot be written, only coils and holding registers can"
        return
    bits = _bits_of(raw)
    if bits is not None and bits[0] // 16 != bits[1] // 16:
        yield "write", f"bits {bits[0]} to {bits[1]} lie in two registers, which cannot be written in one step"
    if kind_of_point(raw) is Kind.NUMBER:
        yield from _check_write_limits(raw, rule)
    elif rule.min is not None or rule.max is not None or rule.tolerance:
        yield "write", "min, max and tolerance are for numbers only; write = {} allows writing"


def _check_write_limits(raw: PointTable, rule: WriteTable) -> Iterator[Finding]:
    if rule.min is None or rule.max is None:
        yield "write", "a number that can be written needs both min and max"
        return
    if rule.min > rule.max:
        yield "write.min", f"{rule.min:g} is more than max {rule.max:g}"
    if raw.range is not None and (rule.min < raw.range[0] or rule.max > raw.range[1]):
        yield "write", f"{rule.min:g} to {rule.max:g} leaves the point's range [{raw.range[0]:g}, {raw.range[1]:g}]"


def _bits_of(raw: PointTable) -> tuple[int, int] | None:
    if raw.bit is not None:
        return raw.bit, raw.bit
    return (raw.bits[0], raw.bits[1]) if raw.bits is not None else None


def field_of(raw: PointTable, word_order: WordOrder) -> RegisterField:
    """Where the point sits; `word_order` is the profile's default."""
    if raw.table.is_bits or raw.type is None:
        return RegisterField(raw.table, raw.address, RawType.BIT)
    first, words, form = raw.address, raw.words or raw.type.words, _form_of(raw)
    if isinstance(form, Weighted):
        words = len(form.weights)
    elif raw.decimals_at is not None:
        first, last = min(first, raw.decimals_at), max(first + words - 1, raw.decimals_at)
        words = last - first + 1
    return RegisterField(
        table=raw.table,
        address=first,
        type=raw.type,
        words=words,
        word_order=WordOrder.BIG if form else raw.word_order or _one_register(raw, word_order),
        bits=_bits_of(raw),
        scale=1.0 if raw.scale is None else raw.scale,
        offset=0.0 if raw.offset is None else raw.offset,
        no_value=tuple(raw.no_value),
        form=form,
    )


def _form_of(raw: PointTable) -> Weighted | Pointed | None:
    if raw.weights is not None:
        return Weighted(tuple(raw.weights))
    if raw.decimals_at is None:
        return None
    first = min(raw.address, raw.decimals_at)
    return Pointed(raw.address - first, raw.decimals_at - first)


def _one_register(raw: PointTable, default: WordOrder) -> WordOrder:
    """The default order as it applies: a single register has no word order, but its bytes may be swapped."""
    if raw.type is None or (raw.words or raw.type.words) > 1:
        return default
    return WordOrder.BIG if default in (WordOrder.BIG, WordOrder.LITTLE) else WordOrder.BIG_SWAPPED


def point_of(raw: PointTable) -> Point:
    """What the point is, for everybody but the driver."""
    return Point(
        name=PointName(raw.name),
        kind=kind_of_point(raw),
        labels=raw.labels.value(),
        unit=raw.unit,
        minimum=raw.range[0] if raw.range else None,
        maximum=raw.range[1] if raw.range else None,
        decimals=raw.decimals,
        choices={int(number): labels.value() for number, labels in raw.choices.items()},
        report=ReportRule(raw.deadband[0], raw.deadband[1], raw.min_interval, raw.heartbeat),
        write=WriteRule(raw.write.min, raw.write.max, raw.write.tolerance, raw.write.harmless) if raw.write is not None else None,
        roles=uses(raw.role),
    )
