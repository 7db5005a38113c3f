"""A straight line through days that are not to be trusted one by one, and the day on which it meets a limit. Pure.

Theil-Sen: the slope is the median of the slopes between all pairs of days, so that almost a third of the days may lie wildly
wrong. Its interval is Sen's (1968), from the variance of Kendall's S; days that resemble the day before are fewer than they
look, which widens it (lag-1 correction of the variance, Hamed & Rao 1998 in its simplest form).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist, median
from typing import Final

from edgeguard.core.limits import HINT_TREND_DAYS

INTERVAL: Final = 0.90
"""How often the true slope lies within `low` to `high`, if what is seen is a line with noise around it."""
FARTHEST_DAYS: Final = 3650.0
"""A limit that is met later than in ten years is never met."""
_Z: Final = NormalDist().inv_cdf(0.5 + INTERVAL / 2)
_FEWEST: Final = 5
_MOST_INFLATED: Final = 9.0
_MAD_TO_SIGMA: Final = 1.4826
"""Of a normal distribution: standard deviation over median absolute deviation."""
_MEDIAN_COSTS: Final = 1.2533
"""Of a normal distribution: standard error of the median over that of the mean."""

Dated = tuple[int, float]
"""A day's number and its value."""


@dataclass(frozen=True, slots=True)
class Trend:
    """`slope` per day, within `low` to `high`; `level` on the last day by the line, give or take `level_error` (one sigma).

    `certainty`: how sure it is that the slope's sign is right, 0.5 to 1 (one-sided Mann-Kendall test); `z` is its statistic.
    """

    slope: float
    low: float
    high: float
    level: float
    level_error: float
    z: float
    certainty: float
    days: int
    last_day: int


@dataclass(frozen=True, slots=True)
class Reach:
    """Days from the trend's last day until the limit: at 0 it is met. `latest` None: it may be that it is never met."""

    expected: float
    earliest: float
    latest: float | None


def theil_sen(points: Sequence[Dated]) -> Trend | None:
    """The line through the latest HINT_TREND_DAYS of `points` (days ascending, gaps allowed); None if they are too few."""
    points = points[-HINT_TREND_DAYS:]
    count = len(points)
    if count < _FEWEST:
        return None
    slopes = sorted((vb - va) / (b - a) for i, (b, vb) in enumerate(points) for a, va in points[:i])
    slope = _middle(slopes)
    last_day = points[-1][0]
    at_end = [value - slope * (day - last_day) for day, value in points]
    level = median(at_end)
    residuals = [value - level for value in at_end]
    inflated = _inflation(residuals)
    deviation = math.sqrt(_kendall_variance([value for _, value in points]) * inflated)
    rising = sum(1 for s in slopes if s > 0) - sum(1 for s in slopes if s < 0)
    low, high = _interval(slopes, deviation)
    z = (rising - math.copysign(1, rising)) / deviation if rising and deviation > 0 else 0.0
    sigma = _MAD_TO_SIGMA * median(abs(r) for r in residuals)
    level_error = math.hypot(
        _MEDIAN_COSTS * sigma * math.sqrt(inflated / count), (high - low) / (2 * _Z) * (last_day - points[0][0]) / 2
    )
    return Trend(slope, low, high, level, level_error, z, NormalDist().cdf(abs(z)), count, last_day)


def reach(trend: Trend, limit: float, faster: float = 0.0) -> Reach | None:
    """When the line meets `limit`; None if it leads away from it or takes longer than anybody plans. Negative days mean that
    it is behind the limit already.

    `faster`: slope that something else, such as the season, may be blamed for; only what goes beyond it counts for `latest`.
    """
    sign = 1.0 if limit >= trend.level or trend.slope > 0 else -1.0
    slope, left = sign * trend.slope, sign * (limit - trend.level)
    if slope <= 0:
        return None
    fast, slow = max(sign * trend.low, sign * trend.high), min(sign * trend.low, sign * trend.high) - faster
    slack = _Z * trend.level_error
    if left > FARTHEST_DAYS * slope:
        return None
    latest = (left + slack) / slow if slow > 0 and left + slack < FARTHEST_DAYS * slow else None
    return Reach(left / slope, (left - slack) / fast, latest)


def _middle(ordered: Sequence[float]) -> float:
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _kendall_variance(values: Sequence[float]) -> float:
    """Variance of S without a trend; equal values take their part off (Kendall 1975)."""
    count = len(values)
    ties = 0
    run = 1
    ordered = sorted(values)
    for before, value in zip(ordered, [*ordered[1:], math.inf], strict=True):
        if value == before:
            run += 1
            continue
        ties += run * (run - 1) * (2 * run + 5)
        run = 1
    return (count * (count - 1) * (2 * count + 5) - ties) / 18.0


def _interval(slopes: Sequence[float], deviation: float) -> tuple[float, float]:
    """The slopes whose ranks lie half a confidence width below and above the middle."""
    width = _Z * deviation
    lower = math.floor((len(slopes) - width) / 2)
    upper = math.ceil((len(slopes) + width) / 2)
    return slopes[max(0, lower)], slopes[min(len(slopes) - 1, upper)]


def _inflation(residuals: Sequence[float]) -> float:
    """(1 + r) / (1 - r) with the lag-1 correlation r of the residuals: at least 1, at most _MOST_INFLATED."""
    spread = sum(r * r for r in residuals)
    if spread <= 0:
        return 1.0
    correlation = sum(a * b for a, b in pairwise(residuals)) / spread
    if correlation <= 0:
        return 1.0
    return min((1 + correlation) / (1 - correlation), _MOST_INFLATED) if correlation < 1 else _MOST_INFLATED
