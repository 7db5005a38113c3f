"""Whether an alarm fits the point it watches; the same judgement for profiles and sites. Pure."""

from collections.abc import Iterator
from typing import Final

from edgeguard.config.mistakes import did_you_mean
from edgeguard.config.point_check import Finding
from edgeguard.core.alarm import BY_OTHERS, LIMITS, Condition, Severity
from edgeguard.core.point import Kind, Labels, Point, Value
from edgeguard.core.profile import AlarmTemplate

COMMS_LOST: Final = "comms-lost"
"""Name of the alarm that every device has without saying so."""


def comms_lost() -> AlarmTemplate:
    """What that alarm is before a site changes it."""
    return AlarmTemplate(
        name=COMMS_LOST,
        condition=Condition.COMMS_LOST,
        severity=Severity.MAJOR,
        text=Labels(zh="通信中断", en="Communication lost"),
        on_delay_ms=30_000,
    )


def check_alarm(point: Point | None, condition: Condition, limit: Value | None, hysteresis: float) -> Iterator[Finding]:
    """Everything wrong between a point and a condition on it; keys are `point`, `condition`, `limit` and `hysteresis`."""
    if condition is Condition.COMMS_LOST:
        yield (
            "condition",
            f'every device has its "{COMMS_LOST}" alarm already; change it in a site with [device.alarms.{COMMS_LOST}]',
        )
    elif condition in BY_OTHERS:
        yield "condition", f'"{condition.value}" is for alarms that the rules of the product judge; it cannot be chosen'
    elif condition is Condition.WHEN:
        yield from _check_unused(condition, limit, hysteresis)
    elif point is None:
        yield "point", "is missing"
    elif condition in LIMITS:
        yield from _check_bound(point, condition, limit, hysteresis)
    elif condition in (Condition.RATE, Condition.DEVIATION):
        yield from _check_size(point, condition, limit, hysteresis)
    elif condition is Condition.STUCK:
        yield from _check_tolerance(point, limit, hysteresis)
    elif condition is Condition.STALE:
        yield from _check_unused(condition, limit, hysteresis)
    else:
        if hysteresis:
            yield "hysteresis", f"is for limits, deviation and rate only, not for {condition.value}"
        if limit is None:
            yield "limit", "is missing"
        else:
            yield from _check_state(point, limit)


def _check_unused(condition: Condition, limit: Value | None, hysteresis: float) -> Iterator[Finding]:
    if limit is not None:
        yield "limit", f"makes no sense for {condition.value}"
    if hysteresis:
        yield "hysteresis", f"makes no sense for {condition.value}"


def _check_size(point: Point, condition: Condition, limit: Value | None, hysteresis: float) -> Iterator[Finding]:
    """A distance or a slope: a number above nothing, and a hysteresis that leaves room to return."""
    if point.kind is not Kind.NUMBER:
        yield "condition", f'"{condition.value}" needs a number, and point {point.name} is none'
    elif limit is None:
        yield "limit", "is missing"
    elif isinstance(limit, bool | str) or limit <= 0:
        yield "limit", f"must be a number above 0 in {point.unit or 'the unit of the point'}"
    elif hysteresis >= limit:
        yield "hysteresis", f"{hysteresis:g} is not below the limit {limit:g}, so the alarm would never go"


def _check_tolerance(point: Point, limit: Value | None, hysteresis: float) -> Iterator[Finding]:
    if hysteresis:
        yield "hysteresis", "makes no sense for stuck; limit says how far the point must move"
    if limit is not None and (point.kind is not Kind.NUMBER or isinstance(limit, bool | str) or limit < 0):
        yield "limit", "says how far a number must move; leave it out for other points"


def _check_bound(point: Point, condition: Condition, limit: Value | None, hysteresis: float) -> Iterator[Finding]:
    if point.kind is not Kind.NUMBER:
        what = "a truth value" if point.kind is Kind.BOOLEAN else "a text"
        yield "condition", f'"{condition.value}" needs a number, but point {point.name} is {what}; use equals or differs'
        return
    if limit is None:
        yield "limit", "is missing"
        return
    if isinstance(limit, bool | str):
        yield "limit", f"must be a number in {point.unit or 'the unit of the point'}"
        return
    least, most = point.minimum, point.maximum
    shown = f"the range {_bound(least)} to {_bound(most)} of point {point.name}"
    if (least is not None and limit < least) or (most is not None and limit > most):
        yield "limit", f"{limit:g} lies outside {shown}, so the alarm would never come or never go"
        return
    far, clears_at = (
        (most, limit - hysteresis) if condition in (Condition.HIGH, Condition.HIGH_HIGH) else (least, limit + hysteresis)
    )
    if far is not None and limit == far:
        yield "limit", f"{limit:g} is the very end of {shown}, so the alarm would never come"
    if (least is not None and clears_at < least) or (most is not None and clears_at > most):
        yield "hysteresis", f"{hysteresis:g} makes it clear at {clears_at:g}, outside {shown}, so the alarm would never go"


def _bound(value: float | None) -> str:
    return "(open)" if value is None else f"{value:g}"


def _check_state(point: Point, limit: Value | None) -> Iterator[Finding]:
    if point.kind is Kind.BOOLEAN:
        if not isinstance(limit, bool):
            yield "limit", f"point {point.name} is a truth value; the limit must be true or false"
    elif point.kind is Kind.NUMBER:
        if isinstance(limit, bool | str) or limit is None:
            yield "limit", f"point {point.name} is a number; the limit must be one too"
    elif not isinstance(limit, str):
        yield "limit", f"point {point.name} is a text; the limit must be one too"
    elif point.choices and limit not in (texts := [labels.en for labels in point.choices.values()]):
        yield "limit", f'"{limit}" is not the English text of a choice of point {point.name}{did_you_mean(limit, texts)}'
