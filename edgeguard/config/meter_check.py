"""Whether a point of a meter's profile makes sense as a whole, and the core values it becomes. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from edgeguard.config.meter_model import Cjt188Table, Dlt645Table, MeterPointTable
from edgeguard.config.mistakes import did_you_mean
from edgeguard.config.point_check import Finding
from edgeguard.config.role_check import uses
from edgeguard.core.cjt188_table import items_of, unit_of_name
from edgeguard.core.dlt645_table import datum
from edgeguard.core.ids import PointName
from edgeguard.core.limits import METER_LAYOUT_ITEMS
from edgeguard.core.meter import UNITS_OF, Control, Dimension, Edition, MeterField, Part, PartKind, UnitPlace, layout_of
from edgeguard.core.point import Kind, Point, ReportRule, WriteRule
from edgeguard.core.profile import Cjt188Limits, Dlt645Limits

MeterLimits = Dlt645Limits | Cjt188Limits

_HEX: Final = re.compile(r"[0-9A-F]+\Z")
_WHOLE: Final = re.compile(r"0|[1-9][0-9]{0,19}")
_NUMBER_ONLY: Final = ("scale", "unit", "range", "decimals", "deadband")
_SWITCH: Final = frozenset({"0", "1"})


@dataclass(frozen=True, slots=True)
class _Place:
    """What an identifier's data consists of, as far as it is known."""

    layout: tuple[Part, ...]
    item: int = 0
    unit: str = ""
    dimension: Dimension | None = None


def dlt645_limits(raw: Dlt645Table | None) -> Dlt645Limits:
    """`[dlt645]` as core knows it."""
    raw = raw or Dlt645Table()
    return Dlt645Limits(Edition(raw.edition), raw.blocks, raw.close == "direct", raw.delay, raw.timeout)


def cjt188_limits(raw: Cjt188Table | None) -> Cjt188Limits:
    """`[cjt188]` as core knows it."""
    raw = raw or Cjt188Table()
    order = {"auto": None, "90-1F": False, "1F-90": True}[raw.identifier_order]
    return Cjt188Limits(raw.form, order, raw.delay, raw.timeout)


def check_meter_point(raw: MeterPointTable, limits: MeterLimits) -> Iterator[Finding]:
    """Everything wrong with a point whose single values are fine."""
    digits = 8 if isinstance(limits, Dlt645Limits) and limits.edition is Edition.Y2007 else 4
    if len(raw.data) != digits or not _HEX.match(raw.data):
        yield "data", f'"{raw.data}" is no identifier: write {digits} hexadecimal digits in capitals, highest first'
        return
    try:
        place = _place(raw, limits)
    except _Wrong as wrong:
        yield wrong.key, wrong.sentence
        return
    part = place.layout[place.item]
    yield from _check_bits(raw, part)
    yield from _check_choices(raw, part)
    yield from _check_use(raw, place)
    yield from _check_control(raw, part, limits)


class _Wrong(Exception):
    """One finding that ends the search for more."""

    def __init__(self, key: str, sentence: str) -> None:
        super().__init__(sentence)
        self.key, self.sentence = key, sentence


def _place(raw: MeterPointTable, limits: MeterLimits) -> _Place:
    if raw.layout is not None:
        return _own_place(raw)
    return _in_645(raw, limits.edition) if isinstance(limits, Dlt645Limits) else _in_188(raw, limits.form)


def _own_place(raw: MeterPointTable) -> _Place:
    try:
        layout = layout_of(raw.layout or "")
    except ValueError as error:
        raise _Wrong("layout", str(error)) from None
    if len(layout) > METER_LAYOUT_ITEMS:
        raise _Wrong("layout", f"has {len(layout)} items: at most {METER_LAYOUT_ITEMS}")
    item = _index(raw, len(layout))
    dimension = None
    if layout[item].unit is not UnitPlace.NONE:
        named = unit_of_name(raw.unit or "")
        if named is None:
            raise _Wrong("unit", f"the meter says its unit; give the one to show: {', '.join(u for _, us in UNITS_OF for u in us)}")
        dimension = named[0]
    return _Place(layout, item, "", dimension)


def _in_645(raw: MeterPointTable, edition: Edition) -> _Place:
    known = datum(edition, raw.data)
    if known is None:
        first = next((d for d in (raw.data.replace("FF", "01"), raw.data[:-1] + "1") if datum(edition, d) is not None), None)
        if first is not None and "F" in raw.data:
            raise _Wrong("data", f"is a block; name the items, such as {first}, and the whole block is asked for by itself")
        raise _Wrong("data", f"{raw.data} is not in the table of DL/T 645-{edition.value}; say what it holds with layout")
    return _Place(known.layout, _index(raw, len(known.layout)), known.unit if _is_number(known.layout, raw) else "")


def _is_number(layout: tuple[Part, ...], raw: MeterPointTable) -> bool:
    return layout[_index(raw, len(layout))].kind is PartKind.NUMBER


def _in_188(raw: MeterPointTable, form: str) -> _Place:
    items = items_of(raw.data, form)
    if not items:
        raise _Wrong("data", f"{raw.data} of a {form} meter is not in the table of CJ/T 188; say what it holds with layout")
    names = [item.name for item in items]
    if isinstance(raw.item, int) or (raw.item is None and len(items) > 1):
        raise _Wrong("item", f"{raw.data} has several items; name one of {', '.join(names)}")
    if raw.item is not None and raw.item not in names:
        raise _Wrong("item", f'{raw.data} has no item "{raw.item}"{did_you_mean(raw.item, names)}')
    at = names.index(raw.item) if raw.item is not None else 0
    return _Place(tuple(item.part for item in items), at, "", items[at].dimension)


def _index(raw: MeterPointTable, count: int) -> int:
    if isinstance(raw.item, str):
        raise _Wrong("item", f'"{raw.item}" must be the place of the item in the data, counted from 0')
    item = raw.item or 0
    if item >= count:
        raise _Wrong("item", f"{item} is too much: {raw.data} has {count} item{'s' * (count != 1)}, counted from 0")
    return item


def _check_bits(raw: MeterPointTable, part: Part) -> Iterator[Finding]:
    if raw.bit is not None and raw.bits is not None:
        yield "bit", "give bit or bits, not both"
        return
    chosen = _bits_of(raw)
    if chosen is None:
        return
    key, (low, high) = ("bit" if raw.bit is not None else "bits"), chosen
    if part.kind is not PartKind.BITS:
        yield key, f"bits can be taken from a layout of bits such as B16 only, not from a {part.kind.value}"
    elif not 0 <= low <= high:
        yield key, f"[{low}, {high}] must be [lowest, highest], counted from 0"
    elif high >= 8 * part.size:
        yield key, f"bit {high} does not exist: {raw.data} has {8 * part.size} bits, counted from 0"


def _check_choices(raw: MeterPointTable, part: Part) -> Iterator[Finding]:
    if raw.choices and part.kind not in (PartKind.BITS, PartKind.NUMBER):
        yield "choices", f"need a number or bits, not a {part.kind.value}"
        return
    texts: dict[str, str] = {}
    for key, labels in raw.choices.items():
        if _WHOLE.fullmatch(key) is None:
            yield f"choices.{key}", f'"{key}" is not a whole number'
        other = texts.setdefault(labels.en, key)
        if other != key:
            yield f"choices.{key}", f'the English text "{labels.en}" is that of {other} too; the platform tells choices by it'


def _check_use(raw: MeterPointTable, place: _Place) -> Iterator[Finding]:
    kind = _kind(raw, place.layout[place.item])
    if kind is not Kind.NUMBER:
        what = "a truth value" if kind is Kind.BOOLEAN else "a text"
        for key in _NUMBER_ONLY:
            if key in raw.model_fields_set:
                yield key, f"makes no sense for {what}"
    if place.dimension is not None:
        units = dict(UNITS_OF)[place.dimension]
        if raw.unit not in units:
            yield "unit", f"the meter says the unit of this {place.dimension.value}; give the one to show: {' or '.join(units)}"
    if raw.scale is not None and raw.scale <= 0:
        yield "scale", "must be more than 0"
    if raw.range is not None and not raw.range[0] < raw.range[1]:
        yield "range", f"[{raw.range[0]:g}, {raw.range[1]:g}] must be [least, most]"
    if raw.heartbeat < raw.min_interval:
        yield "heartbeat", "must not be shorter than min_interval"


def _check_control(raw: MeterPointTable, part: Part, limits: MeterLimits) -> Iterator[Finding]:
    if (raw.write is None) != (raw.control is None):
        yield "write", 'a meter\'s point is written by a control: give both write and control = "data", "relay" or "valve"'
        return
    if raw.write is None or raw.control is None:
        return
    if (raw.control is Control.VALVE) is not isinstance(limits, Cjt188Limits):
        yield "control", f'"{raw.control.value}" is of the other protocol: valve belongs to CJ/T 188, relay and data to DL/T 645'
    elif raw.control is Control.DATA:
        yield from _check_data_write(raw, part)
    else:
        if raw.write.harmless:
            yield "write.harmless", f"a {raw.control.value} cuts somebody off, so it is never harmless"
        if part.kind is not PartKind.BITS or not set(raw.choices) >= _SWITCH:
            yield "choices", f"a {raw.control.value} is read from bits and needs the choices 0 (closes or opens the way) and 1"
        if raw.write.min is not None or raw.write.max is not None or raw.write.tolerance:
            yield "write", f"min, max and tolerance are for numbers only; write = {{}} allows a {raw.control.value} to be switched"


def _write_rule(raw: MeterPointTable) -> WriteRule | None:
    """A relay or valve takes two of its choices as commands; others it can only tell."""
    if raw.write is None:
        return None
    commands = () if raw.control is Control.DATA else (0, 1)
    return WriteRule(raw.write.min, raw.write.max, raw.write.tolerance, raw.write.harmless, commands)


def _check_data_write(raw: MeterPointTable, part: Part) -> Iterator[Finding]:
    assert raw.write is not None  # noqa: S101 (the caller has looked)
    if part.kind is PartKind.NUMBER and not raw.choices:
        if raw.write.min is None or raw.write.max is None:
            yield "write", "a number that can be written needs both min and max"
        elif raw.write.min > raw.write.max:
            yield "write.min", f"{raw.write.min:g} is more than max {raw.write.max:g}"
    elif part.kind is not PartKind.DIGITS:
        yield "control", f"a {part.kind.value} cannot be written"


def _kind(raw: MeterPointTable, part: Part) -> Kind:
    """Single bits are truth values; moments, numbers that are names, characters and choices are texts; all else numbers."""
    if raw.choices:
        return Kind.TEXT
    if part.kind is PartKind.BITS:
        return Kind.BOOLEAN if raw.bit is not None else Kind.NUMBER
    return Kind.NUMBER if part.kind is PartKind.NUMBER else Kind.TEXT


def _bits_of(raw: MeterPointTable) -> tuple[int, int] | None:
    if raw.bit is not None:
        return raw.bit, raw.bit
    return (raw.bits[0], raw.bits[1]) if raw.bits is not None else None


def meter_field_of(raw: MeterPointTable, limits: MeterLimits) -> MeterField:
    """Where the point sits; only for a point that `check_meter_point` finds nothing wrong with."""
    place = _place(raw, limits)
    return MeterField(
        identifier=raw.data,
        layout=place.layout,
        item=place.item,
        bits=_bits_of(raw),
        scale=1.0 if raw.scale is None else raw.scale,
        every_ms=raw.every or 0,
        dimension=place.dimension,
        unit=(raw.unit or "") if place.dimension is not None else "",
        control=raw.control,
    )


def meter_point_of(raw: MeterPointTable, limits: MeterLimits) -> Point:
    """What the point is, for everybody but the driver; unit and decimals are the table's where the profile gives none."""
    place = _place(raw, limits)
    part = place.layout[place.item]
    kind = _kind(raw, part)
    decimals = part.decimals if kind is Kind.NUMBER and part.kind is PartKind.NUMBER and raw.scale is None else None
    return Point(
        name=PointName(raw.name),
        kind=kind,
        labels=raw.labels.value(),
        unit=raw.unit if raw.unit is not None else (place.unit if kind is Kind.NUMBER else ""),
        minimum=raw.range[0] if raw.range else None,
        maximum=raw.range[1] if raw.range else None,
        decimals=raw.decimals if raw.decimals is not None else decimals,
        choices={int(number): labels.value() for number, labels in raw.choices.items()},
        report=ReportRule(raw.deadband[0], raw.deadband[1], raw.min_interval, raw.heartbeat),
        write=_write_rule(raw),
        roles=uses(raw.role),
    )
