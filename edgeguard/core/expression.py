"""A condition on points as a tree: comparisons, arithmetic, and/or/not, a few functions. Data only; rules.expression judges it.

Numbers are in the unit of the point, without any conversion. A point that has no good value is unknown, and what follows from
it is unknown (Kleene): `false and unknown` is false, `true or unknown` is true.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from edgeguard.core.interlock import PointRef
from edgeguard.core.point import Value


class Compare(StrEnum):
    """How two values may be compared."""

    EQUAL = "=="
    DIFFERENT = "!="
    AT_MOST = "<="
    AT_LEAST = ">="
    BELOW = "<"
    ABOVE = ">"


class Arithmetic(StrEnum):
    """What may be computed of two numbers; division by nothing is unknown."""

    PLUS = "+"
    MINUS = "-"
    TIMES = "*"
    OVER = "/"


class Function(StrEnum):
    """What may be computed of some numbers."""

    ABS = "abs"
    MIN = "min"
    MAX = "max"
    AVG = "avg"


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, a truth value or a text."""

    value: Value


@dataclass(frozen=True, slots=True)
class PointValue:
    """What a point is now; unknown while it has no good value."""

    point: PointRef


@dataclass(frozen=True, slots=True)
class IsBad:
    """Whether a point has no good value: the one thing about a bad point that is known."""

    point: PointRef


@dataclass(frozen=True, slots=True)
class Call:
    """A function of one number or more."""

    function: Function
    arguments: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class Computed:
    """`left sign right` of two numbers."""

    left: "Expression"
    sign: Arithmetic
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Compared:
    """`left sign right`, true or false."""

    left: "Expression"
    sign: Compare
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Negated:
    """The opposite."""

    inner: "Expression"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Two conditions or more, joined by and."""

    parts: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Two conditions or more, joined by or."""

    parts: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class Held:
    """The condition has held without a break for so long. Unknown readings in between interrupt nothing that is shorter."""

    inner: "Expression"
    for_ms: int


Expression = Constant | PointValue | IsBad | Call | Computed | Compared | Negated | AllOf | AnyOf | Held


def inner_of(expression: Expression) -> "tuple[Expression, ...]":
    """The expressions right below."""
    match expression:
        case Call(_, arguments):
            return arguments
        case Computed(left, _, right) | Compared(left, _, right):
            return left, right
        case Negated(inner) | Held(inner, _):
            return (inner,)
        case AllOf(parts) | AnyOf(parts):
            return parts
    return ()


def points_in(expression: Expression) -> Iterator[PointRef]:
    """The points that it speaks of, perhaps more than once, from left to right."""
    if isinstance(expression, PointValue | IsBad):
        yield expression.point
    for inner in inner_of(expression):
        yield from points_in(inner)


@dataclass(frozen=True, slots=True)
class Written:
    """An expression and its text as a person wrote it."""

    text: str
    expression: Expression
