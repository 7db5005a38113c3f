"""What an alarm may have beyond a condition on one point: the keys, and what is wrong with them. The same in profile and site."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Final

from pydantic import Field

from edgeguard.config.expression import Find, parse_expression
from edgeguard.config.fields import AlarmDelay, Id
from edgeguard.config.mistakes import Mistakes, Table, did_you_mean
from edgeguard.config.positions import KeyPath
from edgeguard.core.alarm import AlarmTraits, Condition, Direction, Escalation, Severity
from edgeguard.core.alarm_limits import ALARM_PARENTS, EXPRESSION_CHARS
from edgeguard.core.expression import (
    AllOf,
    AnyOf,
    Call,
    Compared,
    Computed,
    Expression,
    Held,
    IsBad,
    Negated,
    PointValue,
    Written,
    points_in,
)
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.interlock import PointRef
from edgeguard.core.point import Kind, Point
from edgeguard.core.profile import AlarmTemplate

HERE: Final = DeviceName("")
"""Stands for the device that a profile's alarm will belong to."""

ExpressionText = Annotated[str, Field(min_length=1, max_length=EXPRESSION_CHARS)]
_OF: Final[Mapping[str, tuple[Condition, ...]]] = {
    "when": (Condition.WHEN,),
    "reference": (Condition.DEVIATION,),
    "per": (Condition.RATE,),
    "direction": (Condition.RATE,),
    "window": (Condition.RATE, Condition.STUCK),
}


class TraitKeys(Table):
    """Keys that every kind of alarm may have, and those of single conditions."""

    latching: bool | None = None
    group: Id | None = None
    escalate_after: AlarmDelay | None = None
    escalate_to: Annotated[Severity, Field(strict=False)] | None = None
    parents: Annotated[list[str], Field(max_length=ALARM_PARENTS)] | None = None
    only_while: ExpressionText | None = None
    when: ExpressionText | None = None
    reference: str | float | int | None = None
    window: AlarmDelay | None = None
    per: AlarmDelay | None = None
    direction: Annotated[Direction, Field(strict=False)] | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an alarm stands: its device (HERE in a profile), that one's points, and how others are found."""

    device: DeviceName
    points: Mapping[str, Point]
    elsewhere: Callable[[PointRef], Point | str | None]

    def find(self, ref: PointRef) -> Point | str | None:
        """The point that is meant, or what is wrong."""
        if ref.device != self.device:
            return self.elsewhere(ref)
        if not self.points:
            return f"write the device, too: DEVICE.{ref.point}"
        return self.points.get(ref.point) or f'there is no point "{ref.point}"{did_you_mean(ref.point, self.points)}'


def in_profile(points: Mapping[str, Point]) -> Scope:
    """A profile knows no other device."""
    return Scope(HERE, points, lambda ref: f"{ref}: a profile cannot speak of other devices; write the alarm into the site")


def read_traits(
    raw: TraitKeys, base: AlarmTraits, condition: Condition, severity: Severity, scope: Scope, at: KeyPath, mistakes: Mistakes
) -> AlarmTraits:
    """`base` with what is written; every mistake is added."""
    for key, conditions in _OF.items():
        if getattr(raw, key) is not None and condition not in conditions:
            named = " and ".join(f'"{one.value}"' for one in conditions)
            mistakes.add((*at, key), f"is for {named} only, not for {condition.value}")
    for key in ("window", "per"):
        if getattr(raw, key) == 0:
            mistakes.add((*at, key), "must be longer than nothing")
    traits = replace(
        base,
        latching=base.latching if raw.latching is None else raw.latching,
        group=base.group if raw.group is None else raw.group,
        escalation=_escalation(raw, base, severity, at, mistakes),
        parents=base.parents if raw.parents is None else tuple(raw.parents),
        only_while=_written(raw.only_while, scope, (*at, "only_while"), mistakes) or base.only_while,
        when=_written(raw.when, scope, (*at, "when"), mistakes) or base.when,
        reference=_reference(raw, base, scope, at, mistakes),
        window_ms=raw.window or base.window_ms,
        per_ms=raw.per or base.per_ms,
        direction=raw.direction or base.direction,
    )
    if condition is Condition.WHEN and traits.when is None and raw.when is None:
        mistakes.add((*at, "when"), 'is missing: such as when = "running and pressure < 0.5"')
    if condition is Condition.DEVIATION and traits.reference is None and raw.reference is None:
        mistakes.add((*at, "reference"), "is missing: the setpoint, a number or a point")
    return traits


def _written(text: str | None, scope: Scope, at: KeyPath, mistakes: Mistakes) -> Written | None:
    if text is None:
        return None
    try:
        return parse_expression(text, scope.device, scope.find)
    except ValueError as error:
        mistakes.add(at, str(error))
        return None


def _escalation(raw: TraitKeys, base: AlarmTraits, severity: Severity, at: KeyPath, mistakes: Mistakes) -> Escalation | None:
    if raw.escalate_after is None:
        if raw.escalate_to is not None and base.escalation is None:
            mistakes.add((*at, "escalate_to"), "says to what, but escalate_after does not say when")
        return base.escalation
    if raw.escalate_after == 0:
        return None
    to = raw.escalate_to or severity.higher
    if to.rank >= severity.rank:
        mistakes.add((*at, "escalate_after"), f"nothing to escalate to: {to.value} is not more urgent than {severity.value}")
    return Escalation(raw.escalate_after, to)


def _reference(raw: TraitKeys, base: AlarmTraits, scope: Scope, at: KeyPath, mistakes: Mistakes) -> PointRef | float | None:
    written = raw.reference
    if not isinstance(written, str):
        return base.reference if written is None else written
    device, dot, name = written.partition(".")
    ref = PointRef(DeviceName(device), PointName(name)) if dot else PointRef(scope.device, PointName(device))
    found = scope.find(ref)
    if isinstance(found, str):
        mistakes.add((*at, "reference"), found)
    elif found is not None and found.kind is not Kind.NUMBER:
        mistakes.add((*at, "reference"), f"point {ref.point} is no number")
    return ref


def bound_to(traits: AlarmTraits, device: DeviceName) -> AlarmTraits:
    """A profile's traits on a device: HERE becomes its name, and its group is the device's own."""
    reference = traits.reference
    if isinstance(reference, PointRef) and reference.device == HERE:
        reference = replace(reference, device=device)
    return replace(
        traits,
        reference=reference,
        only_while=_bound(traits.only_while, device),
        when=_bound(traits.when, device),
    )


def _bound(written: Written | None, device: DeviceName) -> Written | None:
    return None if written is None else replace(written, expression=_moved(written.expression, device))


def _moved(expression: Expression, device: DeviceName) -> Expression:
    match expression:
        case PointValue(ref) if ref.device == HERE:
            return PointValue(replace(ref, device=device))
        case IsBad(ref) if ref.device == HERE:
            return IsBad(replace(ref, device=device))
        case Call(function, arguments):
            return Call(function, tuple(_moved(one, device) for one in arguments))
        case Computed(left, sign, right):
            return Computed(_moved(left, device), sign, _moved(right, device))
        case Compared(left, comparison, right):
            return Compared(_moved(left, device), comparison, _moved(right, device))
        case Negated(inner):
            return Negated(_moved(inner, device))
        case Held(inner, for_ms):
            return Held(_moved(inner, device), for_ms)
        case AllOf(parts):
            return AllOf(tuple(_moved(one, device) for one in parts))
        case AnyOf(parts):
            return AnyOf(tuple(_moved(one, device) for one in parts))
    return expression


def needed_by(alarm: AlarmTemplate) -> frozenset[str]:
    """The points without which an alarm of a profile does not work."""
    traits = alarm.traits
    refs = [ref for text in (traits.when, traits.only_while) if text is not None for ref in points_in(text.expression)]
    refs += [traits.reference] if isinstance(traits.reference, PointRef) else []
    return frozenset(([] if alarm.point is None else [alarm.point]) + [ref.point for ref in refs])


def find_in(known: Mapping[str, Mapping[str, Point]], named: frozenset[str]) -> Find:
    """Looks a point up among all devices of a site; of a device with mistakes of its own nothing is said."""

    def find(ref: PointRef) -> Point | str | None:
        points = known.get(ref.device)
        if points is None:
            return None if ref.device in named else f'there is no device "{ref.device}"{did_you_mean(ref.device, known)}'
        return points.get(ref.point) or f'device {ref.device} has no polled point "{ref.point}"{did_you_mean(ref.point, points)}'

    return find
