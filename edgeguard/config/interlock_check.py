"""`[device.interlock.POINT]`: under which conditions a point may be written, checked against every device that they speak of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from edgeguard.config.condition import parse_condition
from edgeguard.config.mistakes import Mistakes, did_you_mean, kind_of
from edgeguard.config.positions import KeyPath
from edgeguard.config.quantity import say_ms
from edgeguard.config.site_model import InterlockTable
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.interlock import (
    Comparison,
    Condition,
    Every,
    Interlock,
    Not,
    Operand,
    PointRef,
    Requirement,
    Some,
    Truth,
    points_of,
)
from edgeguard.core.meter import calls_many
from edgeguard.core.point import Kind, Labels, Point
from edgeguard.core.site import DeviceSpec

ANY_POINT: Final = "*"
"""Stands for every writable point without an interlock of its own."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A device as far as its own row goes, with that row and its place."""

    spec: DeviceSpec
    row: Mapping[str, Any]
    path: KeyPath


@dataclass(frozen=True, slots=True)
class _Known:
    """Points by device; `named` has the names of devices that have mistakes, too: of these nothing is said."""

    points: Mapping[str, Mapping[str, Point]]
    named: frozenset[str]


def with_interlocks(drafts: Sequence[Draft], named: frozenset[str], mistakes: Mistakes) -> tuple[DeviceSpec, ...]:
    """The devices with their interlocks; every mistake in these is added."""
    points = {str(d.spec.name): {str(point.name): point for point in d.spec.profile.points} for d in drafts}
    known = _Known(points, named)
    return tuple(_with_interlocks(draft, known, mistakes) for draft in drafts)


def requirements(
    texts: Sequence[str], device: DeviceName, devices: Sequence[DeviceSpec], path: KeyPath, mistakes: Mistakes
) -> tuple[Requirement, ...]:
    """Conditions written elsewhere than in an interlock; bare names mean points of `device`. Every mistake is added."""
    points = {str(spec.name): {str(point.name): point for point in spec.profile.points} for spec in devices}
    return _requirements(texts, device, path, _Known(points, frozenset(points)), mistakes)


def _with_interlocks(draft: Draft, known: _Known, mistakes: Mistakes) -> DeviceSpec:
    spec, tables = draft.spec, draft.row.get("interlock", {})
    path: KeyPath = (*draft.path, "interlock")
    if not isinstance(tables, Mapping):
        mistakes.add(path, f"must be tables such as [device.interlock.POINT], not {kind_of(tables)}")
        return spec
    if tables and calls_many(spec.address):
        advice = "a control is never sent to it; write the meter's own address, edgeguard scan finds it"
        mistakes.add((*draft.path, "address"), f"{spec.address} may be heard by more than one meter: {advice}")
    points = {str(point.name): point for point in spec.profile.points}
    writable = [name for name, point in points.items() if point.write is not None]
    made: dict[str, Interlock] = {}
    for name, value in tables.items():
        at: KeyPath = (*path, name)
        if name == ANY_POINT:
            if not writable:
                mistakes.add(at, f"profile {spec.profile.name} has no point that can be written")
        elif name not in points:
            mistakes.add(at, f'profile {spec.profile.name} has no polled point "{name}"{did_you_mean(name, writable)}')
        elif name not in writable:
            mistakes.add(at, f"point {name} cannot be written, so it needs no interlock")
        raw = mistakes.examine(InterlockTable, value, at)
        if raw is not None:
            made[name] = _interlock(raw, spec, at, known, mistakes)
    common = made.pop(ANY_POINT, None)
    if common is not None:
        made = {**dict.fromkeys(writable, common), **made}
    return replace(spec, interlocks={PointName(name): interlock for name, interlock in made.items()}) if made else spec


def _interlock(raw: InterlockTable, spec: DeviceSpec, at: KeyPath, known: _Known, mistakes: Mistakes) -> Interlock:
    requires = _requirements(raw.requires, spec.name, (*at, "requires"), known, mistakes)
    if raw.min_interval * raw.per_hour > 3_600_000 and "per_hour" in raw.model_fields_set:
        mistakes.note((*at, "per_hour"), f"is never reached: min_interval is {say_ms(raw.min_interval)}")
    return Interlock(requires, raw.max_age, raw.min_interval, raw.per_hour)


def _requirements(
    texts: Sequence[str], device: DeviceName, path: KeyPath, known: _Known, mistakes: Mistakes
) -> tuple[Requirement, ...]:
    made = []
    for i, text in enumerate(texts):
        try:
            condition = parse_condition(text, device)
        except ValueError as error:
            mistakes.add((*path, i), str(error))
            continue
        sentences = list(_check(condition, known))
        for sentence in sentences:
            mistakes.add((*path, i), sentence)
        if not sentences:
            made.append(Requirement(text, _in_english(condition, known)))
    return tuple(made)


def _check(condition: Condition, known: _Known) -> Iterator[str]:
    """What does not fit: points that are not there, values that they never have."""
    unknown = list(_check_names(condition, known))
    yield from dict.fromkeys(unknown)
    if not unknown:
        yield from _check_kinds(condition, known)


def _check_names(condition: Condition, known: _Known) -> Iterator[str]:
    for ref in points_of(condition):
        if ref.device in known.points:
            points = known.points[ref.device]
            if ref.point not in points:
                yield f'device {ref.device} has no polled point "{ref.point}"{did_you_mean(ref.point, points)}'
        elif ref.device not in known.named:
            yield f'there is no device "{ref.device}"{did_you_mean(ref.device, known.named)}'


def _check_kinds(condition: Condition, known: _Known) -> Iterator[str]:
    match condition:
        case Truth(ref):
            point = _point(ref, known)
            if point is not None and point.kind is not Kind.BOOLEAN:
                yield f"{ref} is not true or false; compare it with a value"
        case Not(inner):
            yield from _check_kinds(inner, known)
        case Every(parts) | Some(parts):
            for part in parts:
                yield from _check_kinds(part, known)
        case Comparison(left, operator, right):
            kinds = [_kind(side, known) for side in (left, right)]
            if None in kinds:
                return
            if kinds[0] is not kinds[1]:
                yield f"compares {_spoken(left, kinds[0])} with {_spoken(right, kinds[1])}"
            elif operator.is_order and kinds[0] is not Kind.NUMBER:
                yield f"{operator.value} compares numbers, not {_spoken(left, kinds[0])}"
            else:
                yield from _check_choices(left, right, known)
                yield from _check_choices(right, left, known)


def _check_choices(side: Operand, constant: Operand, known: _Known) -> Iterator[str]:
    """A text that an enumeration never shows would be an interlock that never opens, or always does."""
    point = _point(side, known) if isinstance(side, PointRef) else None
    if point is None or not point.choices or not isinstance(constant, str):
        return
    texts = [labels.en for labels in point.choices.values()]
    if _chosen(point, constant) is None:
        yield f'"{constant}" is no value of {side}{did_you_mean(constant, texts)}'


def _in_english(condition: Condition, known: _Known) -> Condition:
    """The condition with the texts of enumerations as values bear them: in English."""
    match condition:
        case Comparison(left, operator, right):
            return Comparison(_worded(left, right, known), operator, _worded(right, left, known))
        case Not(inner):
            return Not(_in_english(inner, known))
        case Every(parts):
            return Every(tuple(_in_english(part, known) for part in parts))
        case Some(parts):
            return Some(tuple(_in_english(part, known) for part in parts))
        case _:
            return condition


def _worded(side: Operand, other: Operand, known: _Known) -> Operand:
    point = _point(other, known) if isinstance(other, PointRef) else None
    labels = _chosen(point, side) if point is not None and isinstance(side, str) else None
    return side if labels is None else labels.en


def _chosen(point: Point, text: str) -> Labels | None:
    return next((labels for labels in point.choices.values() if text in (labels.en, labels.zh)), None)


def _kind(side: Operand, known: _Known) -> Kind | None:
    match side:
        case PointRef():
            point = _point(side, known)
            return None if point is None else point.kind
        case bool():
            return Kind.BOOLEAN
        case str():
            return Kind.TEXT
        case _:
            return Kind.NUMBER


def _point(ref: PointRef, known: _Known) -> Point | None:
    return known.points.get(ref.device, {}).get(ref.point)


def _spoken(side: Operand, kind: Kind | None) -> str:
    said = {Kind.NUMBER: "a number", Kind.TEXT: "a text", Kind.BOOLEAN: "true or false"}[kind or Kind.NUMBER]
    return f"{side} ({said})" if isinstance(side, PointRef) else f"{side!r}"
