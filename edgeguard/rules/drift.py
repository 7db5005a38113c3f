"""Since when a quantity is no longer what it was, and whether it stepped or crept. Pure.

CUSUM (Page 1954) adds up by how much each day lies beyond the reference, less half a sigma; while nothing happens it stays at
zero, and the last day on which it did is the best guess of the day before the change. Step or creep: two levels and a Theil-Sen
line are laid through the same days, and the nearer one wins; so are a jump with a line of its own behind it and a line that leaves
the reference, for who has jumped goes on as it goes since then.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

from edgeguard.rules.trend import Dated

ALLOWANCE: Final = 0.5
"""CUSUM's k, in sigma: shifts of twice this are found fastest."""
DECISION: Final = 5.0
"""CUSUM's h, in sigma: with k = 0.5 a quantity at rest crosses it once in some 930 days, one shifted by a sigma in about 10."""
_MAD_TO_SIGMA: Final = 1.4826
_SQRT_2: Final = 2.0**0.5
_FEWEST_BESIDE: Final = 5
_STEP_WINS: Final = 0.75
"""Two levels have one more parameter than a line has, and must lie nearer by so much to be believed."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change on one side of a reference. `onset_day`: the first day of it; `open_ended`: it may have begun before the days known.

    `excess` is CUSUM's sum in sigma; it is beyond DECISION.
    """

    onset_day: int
    open_ended: bool
    excess: float


def spread_of(values: Sequence[float]) -> float:
    """Sigma of the scatter from day to day, unmoved by a trend: from differences of neighbours. 0 for fewer than three."""
    if len(values) < 3:
        return 0.0
    steps = [b - a for a, b in pairwise(values)]
    middle = median(steps)
    return _MAD_TO_SIGMA * median(abs(step - middle) for step in steps) / _SQRT_2


def cusum(points: Sequence[Dated], reference: float, sigma: float, sign: float) -> Change | None:
    """The change above (`sign` 1) or below (-1) `reference` that still stands on the last day; None if there is none."""
    total, onset = 0.0, 0
    beyond = False
    for index, (_, value) in enumerate(points):
        total += sign * (value - reference) / sigma - ALLOWANCE
        if total <= 0.0:
            total, onset, beyond = 0.0, index + 1, False
        beyond = beyond or total > DECISION
    if not beyond:
        return None
    return Change(points[onset][0], onset == 0, total)


def hinge(points: Sequence[Dated], reference: float, sign: float) -> int:
    """The index of the day from which a straight line leaves `reference` upwards (`sign` 1) or downwards, by least squares; the
    line has four days at least."""
    best, at = -1.0, 0
    for index in range(max(1, len(points) - 4)):
        start = points[index][0]
        ahead = [(day - start, sign * (value - reference)) for day, value in points[index:]]
        both, square = sum(x * y for x, y in ahead), float(sum(x * x for x, _ in ahead))
        gain = both * both / square if both > 0 and square > 0 else 0.0
        if gain > best:
            best, at = gain, index
    return at


def stepped(points: Sequence[Dated], slope: float) -> int | None:
    """The first day after a step, if one explains the days better than a line of this slope does; else None.

    Both are measured by the sum of absolute distances; each side of the step has three days at least.
    """
    count = len(points)
    if count < 6:
        return None
    detrended = [value - slope * day for day, value in points]
    middle = median(detrended)
    line = sum(abs(value - middle) for value in detrended)
    values = [value for _, value in points]
    best, at = min((_distance(values[:split]) + _distance(values[split:]), split) for split in range(3, count - 2))
    return points[at][0] if best < _STEP_WINS * line else None


def _distance(values: Sequence[float]) -> float:
    middle = median(values)
    return sum(abs(value - middle) for value in values)


def jumped(points: Sequence[Dated], reference: float, from_index: int) -> int | None:
    """The index of the first day after a jump away from `reference`, if a jump and a line of its own behind it explain the days
    better than a line that leaves the reference at `from_index` does; else None.

    Both are measured by the sum of absolute distances; each side of the jump has five days at least.
    """
    count = len(points)
    if count < 2 * _FEWEST_BESIDE:
        return None
    start = points[from_index][0]
    ahead = [(day - start, value - reference) for day, value in points[from_index:]]
    square = float(sum(x * x for x, _ in ahead))
    slope = sum(x * y for x, y in ahead) / square if square > 0 else 0.0
    line = sum(abs(value - reference - slope * max(0, day - start)) for day, value in points)
    best, at = math.inf, 0
    for split in range(max(_FEWEST_BESIDE, from_index - _FEWEST_BESIDE), count - _FEWEST_BESIDE + 1):
        total = sum(abs(value - reference) for _, value in points[:split]) + _off_own_line(points[split:])
        if total < best:
            best, at = total, split
    return at if best < _STEP_WINS * line else None


def _off_own_line(points: Sequence[Dated]) -> float:
    """The distances of days from the line of least squares through them, added up."""
    count = len(points)
    middle, mean = sum(day for day, _ in points) / count, sum(value for _, value in points) / count
    square = sum((day - middle) ** 2 for day, _ in points)
    slope = sum((day - middle) * (value - mean) for day, value in points) / square
    return sum(abs(value - mean - slope * (day - middle)) for day, value in points)
