"""Whether an alarm fits the point it watches; the same judgement for profiles and sites. Pure."""

from collections.abc import Iterator
from typing import Final

from edgeguard.config.mistakes import did_you_mean
from edgeguard.config.point_check import Finding
from edgeguard.core.alarm import Condition, Severity
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


def check_alarm(point: Point, condition: Condition, limit: Value | None, hysteresis: float) -> Iterator[Finding]:
    """Everything wrong between a point and a condition on it; keys are `condition`, `limit` and `hysteresis`."""
    if condition is Condition.COMMS_LOST:
        yield (
            "condition",
            f'every device has its "{COMMS_LOST}" alarm already; change it in a site with [device.alarms.{COMMS_LOST}]',
        )
    elif condition is Condition.WATCHED:
        yield "condition", '"watched" is for alarms that the rules of the product judge; it cannot be chosen'
    elif condition in (Condition.HIGH, Condition.LOW):
        yield from _check_bound(point, condition, limit, hysteresis)
    else:
        if hysteresis:
            yield "hysteresis", f"is for high and low only, not for {condition.value}"
        yield from _check_state(point, limit)


def _check_bound(point: Point, condition: Condition, limit: Value | None, hysteresis: float) -> Iterator[Finding]:
    if point.kind is not Kind.NUMBER:
        what = "a truth value" if point.kind is Kind.BOOLEAN else "a text"
        yield "condition", f'"{condition.value}" needs a number, but point {point.name} is {what}; use equals or differs'
        return
    if isinstance(limit, bool | str) or limit is None:
        yield "limit", f"must be a number in {point.unit or 'the unit of the point'}"
        return
    least, most = point.minimum, point.maximum
    shown = f"the range {_bound(least)} to {_bound(most)} of point {point.name}"
    if (least is not None and limit < least) or (most is not None and limit > most):
        yield "limit", f"{limit:g} lies outside {shown}, so the alarm would never come or never go"
        return
    far, clears_at = (most, limit - hysteresis) if condition is Condition.HIGH else (least, limit + hysteresis)
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
