"""Judging an expression on points: compiled once into nested functions, unknown (None) wherever a point has no good value.

Nothing is ever executed that a person wrote: each node of the tree becomes one of the functions below.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import add, eq, ge, gt, le, lt, mul, ne, sub
from typing import Final

from edgeguard.core.expression import (
    AllOf,
    AnyOf,
    Arithmetic,
    Call,
    Compare,
    Compared,
    Computed,
    Constant,
    Expression,
    Function,
    Held,
    IsBad,
    Negated,
    PointValue,
)
from edgeguard.core.interlock import PointRef
from edgeguard.core.point import Outcome, Value
from edgeguard.core.quality import Fault, Reason

Look = Callable[[PointRef], Outcome]
"""What a point of another device is now; a Fault if nothing is known of it."""
Memory = list[tuple[int, int] | None]
"""Per `held` of an expression: since when its condition has held, and when that was seen last (boot time in ms)."""

NOBODY: Final = Fault(Reason.NOT_POLLED, "no such point")


@dataclass(frozen=True, slots=True)
class Sight:
    """What an expression is judged by: the device's own outcomes, those of others, the time, and what `held` remembers."""

    outcomes: Sequence[Outcome]
    look: Look
    now_ms: int
    memory: Memory


Judge = Callable[[Sight], Value | None]


@dataclass(frozen=True, slots=True)
class Compiled:
    """`judge` gives the value; `helds` is how many places its memory has."""

    judge: Judge
    helds: int


def compile_expression(expression: Expression, own: Mapping[PointRef, int]) -> Compiled:
    """`own` says which points are found in the outcomes of the device itself, and where."""
    helds: list[Held] = []
    return Compiled(_compile(expression, own, helds), len(helds))


def _compile(expression: Expression, own: Mapping[PointRef, int], helds: list[Held]) -> Judge:
    match expression:
        case Constant(value):
            return lambda _sight: value
        case PointValue(point):
            return _value_of(point, own)
        case IsBad(point):
            seen = _value_of(point, own)
            return lambda sight: seen(sight) is None
        case Call(function, arguments):
            return _call(function, tuple(_compile(argument, own, helds) for argument in arguments))
        case Computed(left, sign, right):
            return _computed(sign, _compile(left, own, helds), _compile(right, own, helds))
        case Compared(left, sign, right):
            return _compared(sign, _compile(left, own, helds), _compile(right, own, helds))
        case Negated(inner):
            return _negated(_compile(inner, own, helds))
        case AllOf(parts):
            return _joined(tuple(_compile(part, own, helds) for part in parts), decides=False)
        case AnyOf(parts):
            return _joined(tuple(_compile(part, own, helds) for part in parts), decides=True)
        case Held(inner, for_ms):
            helds.append(expression)
            place = len(helds) - 1
            return _held(_compile(inner, own, helds), for_ms, place)


def _value_of(point: PointRef, own: Mapping[PointRef, int]) -> Judge:
    index = own.get(point)
    if index is not None:

        def here(sight: Sight) -> Value | None:
            outcome = sight.outcomes[index]
            return None if isinstance(outcome, Fault) else outcome

        return here

    def elsewhere(sight: Sight) -> Value | None:
        outcome = sight.look(point)
        return None if isinstance(outcome, Fault) else outcome

    return elsewhere


_SIGNS: Final[Mapping[Arithmetic, Callable[[float, float], float]]] = {
    Arithmetic.PLUS: add,
    Arithmetic.MINUS: sub,
    Arithmetic.TIMES: mul,
}
_COMPARISONS: Final[Mapping[Compare, Callable[[float, float], bool]]] = {
    Compare.EQUAL: eq,
    Compare.DIFFERENT: ne,
    Compare.AT_MOST: le,
    Compare.AT_LEAST: ge,
    Compare.BELOW: lt,
    Compare.ABOVE: gt,
}


def _computed(sign: Arithmetic, left: Judge, right: Judge) -> Judge:
    if sign is Arithmetic.OVER:

        def over(sight: Sight) -> Value | None:
            a, b = left(sight), right(sight)
            if isinstance(a, str | None) or isinstance(b, str | None) or b == 0:
                return None
            return a / b

        return over
    compute = _SIGNS[sign]

    def computed(sight: Sight) -> Value | None:
        a, b = left(sight), right(sight)
        return None if isinstance(a, str | None) or isinstance(b, str | None) else compute(a, b)

    return computed


def _compared(sign: Compare, left: Judge, right: Judge) -> Judge:
    compare = _COMPARISONS[sign]
    by_order = sign not in (Compare.EQUAL, Compare.DIFFERENT)

    def compared(sight: Sight) -> Value | None:
        a, b = left(sight), right(sight)
        if a is None or b is None or (by_order and (isinstance(a, str) or isinstance(b, str))):
            return None
        return compare(a, b)  # type: ignore[arg-type]  # texts are only ever compared for equality

    return compared


def _call(function: Function, arguments: tuple[Judge, ...]) -> Judge:
    def called(sight: Sight) -> Value | None:
        values: list[float] = []
        for argument in arguments:
            value = argument(sight)
            if isinstance(value, str | None):
                return None
            values.append(value)
        match function:
            case Function.ABS:
                return abs(values[0])
            case Function.MIN:
                return min(values)
            case Function.MAX:
                return max(values)
            case Function.AVG:
                return sum(values) / len(values)

    return called


def _negated(inner: Judge) -> Judge:
    def negated(sight: Sight) -> Value | None:
        value = inner(sight)
        return None if value is None else not value

    return negated


def _joined(parts: tuple[Judge, ...], *, decides: bool) -> Judge:
    """`or` if True decides, `and` if False does. Every part is judged, so that each `held` sees every moment."""

    def joined(sight: Sight) -> Value | None:
        values = [part(sight) for part in parts]
        if any(value is not None and bool(value) is decides for value in values):
            return decides
        return None if any(value is None for value in values) else not decides

    return joined


def _held(inner: Judge, for_ms: int, place: int) -> Judge:
    def held(sight: Sight) -> Value | None:
        value, known = inner(sight), sight.memory[place]
        if value is None:
            if known is not None and sight.now_ms - known[1] > for_ms:
                sight.memory[place] = None
            return None
        if not value:
            sight.memory[place] = None
            return False
        since_ms = sight.now_ms if known is None else known[0]
        sight.memory[place] = (since_ms, sight.now_ms)
        return sight.now_ms - since_ms >= for_ms

    return held
