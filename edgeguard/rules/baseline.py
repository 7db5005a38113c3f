"""What a meter usually counts in an hour, by hour and weekday, holidays apart; and whether an hour is more than that explains.

Robust: the median of the last weeks and the median of the distances from it. One burst pipe does not become a habit, and a
holiday does not spoil the weekday that it falls on. Whoever has not been seen for BASELINE_LEAST such hours is not judged.
"""

from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from edgeguard.core.metering_limits import BASELINE_LEAST, BASELINE_WEEKS

HOLIDAY: Final = 7
"""The class of all holidays, behind those of the weekdays 0 (Monday) to 6."""
CLASSES: Final = 8
SPREADS: Final = 4.0
_TO_SIGMA: Final = 1.4826
"""The median distance from the median, times this, is the standard deviation of what is normally spread."""
_EMPTY: Final = ((),) * 24

Hours = tuple[tuple[int, ...], ...]
"""24 hours, each with its last amounts, oldest first."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The last amounts of each hour of each class of days."""

    classes: tuple[Hours, ...] = (_EMPTY,) * CLASSES


@dataclass(frozen=True, slots=True)
class Verdict:
    """An hour beside its habit. `excess`: what lies above the expected, where that is more than the habit explains; else 0."""

    expected: int
    limit: int
    excess: int


def learn(baseline: Baseline, group: int, amounts: dict[int, int]) -> Baseline:
    """A day of a class has ended: its hours join the habit, the oldest leave it."""
    hours = list(baseline.classes[group])
    for hour, amount in amounts.items():
        hours[hour] = (*hours[hour], amount)[-BASELINE_WEEKS:]
    classes = list(baseline.classes)
    classes[group] = tuple(hours)
    return replace(baseline, classes=tuple(classes))


def judge(baseline: Baseline, group: int, hour: int, amount: int, least: int, percent: float) -> Verdict | None:
    """None while too little is known. `least`: what the meter's resolution alone may make of it."""
    known = baseline.classes[group][hour]
    if len(known) < BASELINE_LEAST:
        return None
    expected = int(median(known))
    distance = median(abs(one - expected) for one in known)
    allowed = max(round(expected * percent / 100), round(SPREADS * _TO_SIGMA * distance), least)
    limit = expected + allowed
    return Verdict(expected, limit, amount - expected if amount > limit else 0)
