"""Whether a point may be written now: requirements judged on values seen, and the rate of writes. Pure steps.

A value that is bad, too old or unknown refuses, wherever in a condition it stands: `or` saves nobody from a sensor that is dead.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgeguard.core.interlock import (
    Comparison,
    Condition,
    Every,
    Interlock,
    Not,
    Operand,
    Operator,
    PointRef,
    Some,
    Truth,
    points_of,
)
from edgeguard.core.limits import HOUR_MS
from edgeguard.core.point import Outcome, Value
from edgeguard.core.quality import Fault

_EQUAL_RELATIVE = 1e-9


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of a point: its outcome, and how old it is."""

    outcome: Outcome
    age_ms: int


Look = Callable[[PointRef], Sight | None]
"""What is known of a point now, None if nothing is."""


def unmet(interlock: Interlock, look: Look) -> str:
    """Why the interlock forbids a write, in words that name the requirement and the value; empty if every one is met."""
    for requirement in interlock.requires:
        points = tuple(dict.fromkeys(points_of(requirement.condition)))
        for point in points:
            doubt = _doubt(point, look(point), interlock.max_age_ms)
            if doubt:
                return f"the interlock requires {requirement.text}, but {doubt}"
        if not _holds(requirement.condition, look):
            found = ", ".join(f"{point} is {_shown(_value(point, look))}" for point in points)
            return f"the interlock requires {requirement.text}, but {found}"
    return ""


def stale_points(interlock: Interlock, look: Look) -> tuple[PointRef, ...]:
    """The points that have to be read anew before the interlock can be judged."""
    points = dict.fromkeys(point for requirement in interlock.requires for point in points_of(requirement.condition))
    return tuple(point for point in points if _doubt(point, look(point), interlock.max_age_ms))


def too_often(interlock: Interlock, written_ms: Sequence[int], now_ms: int, what: str = "write") -> str:
    """Why it is too early for another write; `written_ms` are boot times of earlier ones, oldest first. Empty if it is not."""
    if written_ms and now_ms - written_ms[-1] < interlock.min_interval_ms:
        wait_s = (interlock.min_interval_ms - (now_ms - written_ms[-1])) / 1000
        return f"the last {what} is {(now_ms - written_ms[-1]) / 1000:.1f} s ago; wait {wait_s:.1f} s more"
    lately = [at_ms for at_ms in written_ms if now_ms - at_ms < HOUR_MS]
    if len(lately) >= interlock.per_hour:
        wait_min = (HOUR_MS - (now_ms - lately[-interlock.per_hour])) / 60_000
        return f"{len(lately)} {what}s within the last hour, {interlock.per_hour} are allowed; the next one in {wait_min:.0f} min"
    return ""


def _doubt(point: PointRef, sight: Sight | None, max_age_ms: int) -> str:
    """Why a value must not be built upon; empty if it may."""
    if sight is None:
        return f"{point} is unknown"
    if isinstance(sight.outcome, Fault):
        return f"{point} has no good value ({sight.outcome})"
    if sight.age_ms > max_age_ms:
        return f"{point} is {sight.age_ms / 1000:.1f} s old, {max_age_ms / 1000:g} s are allowed"
    return ""


def _holds(condition: Condition, look: Look) -> bool:
    match condition:
        case Truth(point):
            return _value(point, look) is True
        case Not(inner):
            return not _holds(inner, look)
        case Every(parts):
            return all(_holds(part, look) for part in parts)
        case Some(parts):
            return any(_holds(part, look) for part in parts)
        case Comparison(left, operator, right):
            return _compare(_value(left, look), operator, _value(right, look))


def _value(operand: Operand, look: Look) -> Value | None:
    if not isinstance(operand, PointRef):
        return operand
    sight = look(operand)
    return None if sight is None or isinstance(sight.outcome, Fault) else sight.outcome


def _compare(left: Value | None, operator: Operator, right: Value | None) -> bool:
    """False where the two cannot be compared; the configuration has seen to it that they can."""
    if operator is Operator.EQUAL:
        return _equal(left, right)
    if operator is Operator.DIFFERENT:
        return left is not None and right is not None and _kind(left) is _kind(right) and not _equal(left, right)
    if isinstance(left, bool | str | None) or isinstance(right, bool | str | None):
        return False
    match operator:
        case Operator.BELOW:
            return left < right
        case Operator.ABOVE:
            return left > right
        case Operator.AT_MOST:
            return left <= right or _equal(left, right)
        case _:
            return left >= right or _equal(left, right)


def _equal(left: Value | None, right: Value | None) -> bool:
    if left is None or right is None or _kind(left) is not _kind(right):
        return False
    if isinstance(left, bool | str) or isinstance(right, bool | str):
        return left == right
    return abs(left - right) <= _EQUAL_RELATIVE * max(abs(left), abs(right))


def _kind(value: Value) -> type:
    return type(value) if isinstance(value, bool | str) else float


def _shown(value: Value | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, str) else f"{value:g}" if value is not None else "unknown"
