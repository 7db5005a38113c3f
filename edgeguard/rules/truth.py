"""Truth with a third value: None is "nothing is known", as Kleene has it. And what a family of domain rules is shown and says."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgeguard.core.point import Value
from edgeguard.core.rule_limits import MEASURED_MAX

Truth = bool | None
Inputs = Mapping[str, bool | float | None]
"""Values by role, in the roles' units; None where a point is there and says nothing at the moment."""


def every(*parts: Truth) -> Truth:
    """False if one is false, whatever the others are; None if one is unknown and none is false."""
    if False in parts:
        return False
    return None if None in parts else True


def some(*parts: Truth) -> Truth:
    """True if one is true, whatever the others are; None if one is unknown and none is true."""
    if True in parts:
        return True
    return None if None in parts else False


def negated(part: Truth) -> Truth:
    """The opposite; the unknown stays unknown."""
    return None if part is None else not part


def flag(inputs: Inputs, role: str) -> Truth:
    """A role that is true or false; None if it is unknown or not there."""
    value = inputs.get(role)
    return value if isinstance(value, bool) else None


def number(inputs: Inputs, role: str) -> float | None:
    """A role that is a number; None if it is unknown or not there."""
    value = inputs.get(role)
    return None if value is None or isinstance(value, bool) else float(value)


def within_reason(value: float) -> float:
    """A number as rules reckon with it: no larger than any measurement, on either side of zero."""
    return max(-MEASURED_MAX, min(value, MEASURED_MAX))


def above(value: float | None, limit: float) -> Truth:
    """value > limit."""
    return None if value is None else value > limit


def below(value: float | None, limit: float) -> Truth:
    """value < limit."""
    return None if value is None else value < limit


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule finds: whether it holds, and the value to show for it."""

    truth: Truth
    value: Value | None = None


@dataclass(frozen=True, slots=True)
class Says:
    """What a family's step says: findings by the name of their rule, and figures by their name."""

    found: Mapping[str, Found] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
