"""What must hold before a point may be written: conditions on values of other points, their age, and how often it may be done.

A condition is a small tree over points and constants; it is written in the site file as text (config.condition reads it) and
judged by rules.interlock.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.limits import INTERLOCK_MAX_AGE_MS, WRITES_PER_HOUR
from edgeguard.core.point import Value


class Operator(StrEnum):
    """How two values may be compared; the value is what stands in the text."""

    EQUAL = "=="
    DIFFERENT = "!="
    AT_MOST = "<="
    AT_LEAST = ">="
    BELOW = "<"
    ABOVE = ">"

    @property
    def is_order(self) -> bool:
        """Whether both sides must be numbers."""
        return self not in (Operator.EQUAL, Operator.DIFFERENT)


@dataclass(frozen=True, slots=True)
class PointRef:
    """A point of a device: `pump-1.mode`."""

    device: DeviceName
    point: PointName

    def __str__(self) -> str:
        return f"{self.device}.{self.point}"


Operand = PointRef | float | int | bool | str
"""A point, or a constant."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left operator right`."""

    left: Operand
    operator: Operator
    right: Operand


@dataclass(frozen=True, slots=True)
class Truth:
    """A point that is true or false stands for itself."""

    point: PointRef


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    inner: "Condition"


@dataclass(frozen=True, slots=True)
class Every:
    """All of two or more."""

    parts: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of two or more."""

    parts: "tuple[Condition, ...]"


Condition = Comparison | Truth | Not | Every | Some


@dataclass(frozen=True, slots=True)
class Requirement:
    """A condition, and its text as a person wrote it."""

    text: str
    condition: Condition


@dataclass(frozen=True, slots=True)
class Interlock:
    """When one point may be written: every requirement holds on values no older than `max_age_ms`, and not too often.

    Without requirements it is no second enabling condition, only a rate limit.
    """

    requires: tuple[Requirement, ...] = ()
    max_age_ms: int = INTERLOCK_MAX_AGE_MS
    min_interval_ms: int = 0
    per_hour: int = WRITES_PER_HOUR


def points_of(condition: Condition) -> Iterator[PointRef]:
    """The points that a condition speaks of, perhaps more than once."""
    match condition:
        case Comparison(left, _, right):
            yield from (side for side in (left, right) if isinstance(side, PointRef))
        case Truth(point):
            yield point
        case Not(inner):
            yield from points_of(inner)
        case Every(parts) | Some(parts):
            for part in parts:
                yield from points_of(part)


def known_values(condition: Condition) -> Iterator[tuple[PointRef, Operator, Value]]:
    """Comparisons of a point with a constant, the point on the left where it can be turned so."""
    match condition:
        case Comparison(PointRef() as point, operator, constant) if not isinstance(constant, PointRef):
            yield point, operator, constant
        case Comparison(constant, operator, PointRef() as point) if not isinstance(constant, PointRef):
            yield point, operator, constant
        case Not(inner):
            yield from known_values(inner)
        case Every(parts) | Some(parts):
            for part in parts:
                yield from known_values(part)
