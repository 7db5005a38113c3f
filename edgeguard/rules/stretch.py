"""Many rounds of one device at once, column by column: how far nothing of them would change what anybody says. Pure.

`rules.still` and `rules.plan` say of one round whether it may be left out; this asks the same of a whole stretch of a recording,
where a column is compared as one. Rows are `[first, end)`; what is found is the first row that does not pass.
"""

from collections.abc import Sequence
from operator import le

from edgeguard.core.point import Outcome
from edgeguard.core.quality import Fault
from edgeguard.rules.plan import Plan
from edgeguard.rules.still import Still

Columns = Sequence[Sequence[Outcome]]
"""One sequence per point of a device, all of one length."""
_NUMBERS = (frozenset({float}), frozenset({int}), frozenset({int, float}))


def passes_still(still: Still, columns: Columns, first: int, end: int) -> int:
    """The first row that `still` does not hold for; `end` if it holds for all."""
    for column, value in still.same:
        end = _same(columns[column], value, first, end)
    for column, low, high in still.bands:
        end = _between(columns[column], low, high, first, end)
    return end


def passes_plan(plan: Plan, columns: Columns, first: int, end: int) -> int:
    """The first row that is not quiet by `plan`, none of which is a fault; `end` if all are. Busy alarms are not asked."""
    for column, low, high in plan.bands:
        shown = columns[column][first:end]
        if not _are_numbers(shown) or not (low <= min(shown) and max(shown) <= high):  # type: ignore[type-var,operator]
            end = next((k for k, one in enumerate(shown, first) if not low <= one <= high), end)  # type: ignore[operator]
    for column, value, kept in plan.states:
        shown = columns[column][first:end]
        alike = shown.count(value)
        if alike != (len(shown) if kept else 0):
            end = next((k for k, one in enumerate(shown, first) if (one == value) is not kept), end)
    return first if any(bad for _, bad in plan.faults) else end


def passes_counter(column: Sequence[Outcome], low: float, high: float, first: int, end: int) -> int:
    """The first row at which a counter does not go on from the one before, beginning at `low`; `end` if it always does."""
    shown = column[first:end]
    if _are_numbers(shown) and low <= shown[0] and shown[-1] <= high and all(map(le, shown, shown[1:])):  # type: ignore[operator,arg-type]
        return end
    for k, one in enumerate(shown, first):
        if one.__class__ is not float and one.__class__ is not int:
            continue
        if not low <= one <= high:
            return k
        low = one
    return end


def _are_numbers(shown: Sequence[Outcome]) -> bool:
    return frozenset(map(type, shown)) in _NUMBERS


def _same(column: Sequence[Outcome], value: Outcome, first: int, end: int) -> int:
    shown = column[first:end]
    if shown.count(value) == len(shown) and set(map(type, shown)) <= {type(value)}:
        return end
    return next((k for k, one in enumerate(shown, first) if one != value or one.__class__ is not value.__class__), end)


def _between(column: Sequence[Outcome], low: float, high: float, first: int, end: int) -> int:
    shown = column[first:end]
    if not shown:
        return end
    if _are_numbers(shown) and low < min(shown) and max(shown) < high:  # type: ignore[type-var,operator]
        return end
    return next((k for k, one in enumerate(shown, first) if one.__class__ is Fault or not low < one < high), end)  # type: ignore[operator]
