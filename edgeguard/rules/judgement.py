"""Whether the days of one quantity speak of wear: a trend that will meet its limit, a step or a creep that has gone far. Pure.

One cause is one finding: trend, step and creep are three ways to see it, and the one that explains the days best is told.
`share` is the common measure: 0 at the reference, 1 at the limit. Small changes are nobody's business, however sure they are.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import NormalDist, median
from typing import Final, Self

from edgeguard.core.limits import HINT_ONSET_DAYS
from edgeguard.rules.drift import cusum, hinge, jumped, stepped
from edgeguard.rules.trend import Dated, Reach, Trend, reach, theil_sen


class Seen(StrEnum):
    """How a change shows itself."""

    TREND = "trend"
    STEP = "step"
    DRIFT = "drift"
    PASSED = "passed"
    """The limit is behind."""
    USAGE = "usage"
    """A counter nears its service interval."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What the quantity was when all was well: `level`, and `spread` as one sigma from day to day.

    Learned on `first_day` to `last_day`, or given by a person (`given`).
    """

    level: float
    spread: float
    first_day: int
    last_day: int
    given: bool = False


@dataclass(frozen=True, slots=True)
class Season:
    """What a year does to the quantity without any wear: at most `slope` a day and `swing` from its lowest to its highest."""

    slope: float = 0.0
    swing: float = 0.0


NO_SEASON: Final = Season()


@dataclass(frozen=True, slots=True)
class Finding:
    """What is seen of a quantity; `confidence` that the change is real, 0.5 to 1. Dates are days' numbers.

    `reach` counts from `day`; None where no date can be told.
    """

    seen: Seen
    day: int
    onset_day: int
    onset_open: bool
    level: float
    share: float
    slope: float
    slope_low: float
    slope_high: float
    reach: Reach | None
    confidence: float
    days: int

    def moved(self, days: int) -> Self:
        """The same by a calendar that is so many days ahead of the one before."""
        return replace(self, day=self.day + days, onset_day=self.onset_day + days)


@dataclass(frozen=True, slots=True)
class Strictness:
    """How much is asked of the days before anything is said. Tuned on the simulation's tuning seeds only (tests/hints)."""

    horizon_days: float = 60.0
    """A limit further away than this is not worth a hint yet."""
    trend_z: float = 2.5
    trend_share: float = 0.22
    trend_days: int = 6
    moved_share: float = 0.45
    moved_z: float = 5.0
    keep_share: float = 0.15
    """A hint that stands falls below this share of the way."""
    flat_share: float = 0.40
    """A trend that has stopped is forgotten below this share, and kept as a creep above it."""
    spread_floor: float = 0.02
    """One sigma is never taken for less than this part of the way from reference to limit."""


STRICT: Final = Strictness()
_RECENT: Final = 3
_BEFORE_ONSET: Final = 1
_FEWEST_SHOWN: Final = 8
_MUCH_FASTER: Final = 1.3
"""What lately goes so many times as fast as on the whole has become faster."""


def judge(
    points: Sequence[Dated],
    reference: Reference,
    limit: float,
    season: Season = NO_SEASON,
    standing: bool = False,
    strict: Strictness = STRICT,
) -> Finding | None:
    """What the days say against `reference` and `limit`; None if nothing needs saying. `standing`: a hint of it stands already,
    which takes less to be kept than it takes to be raised."""
    if len(points) < _RECENT or limit == reference.level:
        return None
    sign = 1.0 if limit > reference.level else -1.0
    way = abs(limit - reference.level)
    recent = [value for _, value in points[-_RECENT:]]
    level = median(recent)
    gone = sign * (level - reference.level)
    moved = gone - season.swing
    if moved < (strict.keep_share if standing else 0.7 * strict.trend_share) * way:
        return None
    sigma = max(reference.spread, strict.spread_floor * way)
    change = cusum(points, reference.level + sign * season.swing, sigma, sign)
    if change is None:
        return None
    window, begun, jump_day = _since(points, reference.level + sign * season.swing, sign)
    trend = theil_sen(window)
    step_day = None if trend is None or jump_day is not None else stepped(window, trend.slope)
    shift_z = moved / (sigma * 1.2533 / math.sqrt(_RECENT))
    onset_day = jump_day or step_day or max(begun, change.onset_day)
    shared = _Shared(points[-1][0], onset_day, onset_day == points[0][0], level, gone / way, window)
    if trend is not None and step_day is None and shift_z >= strict.moved_z:
        ahead = sign * (trend.level - reference.level) - season.swing
        found = _trending(trend, window, limit, sign, season, strict, standing)
        if found is not None and ahead >= (strict.keep_share if standing else strict.trend_share) * way:
            sooner = _if_it_quickens(found, trend.last_day - begun, ahead / way)
            passed = gone >= way or found.expected <= 0.0
            if passed and gone < way:
                shared = replace(shared, level=trend.level, share=sign * (trend.level - reference.level) / way)
            return _finding(Seen.PASSED if passed else Seen.TREND, shared, trend, sooner, trend.certainty)
    wanted = strict.flat_share if standing else strict.moved_share
    all_moved = min(sign * (value - reference.level) for value in recent) - season.swing >= 0.7 * wanted * way
    if moved < wanted * way or shift_z < strict.moved_z or not all_moved:
        return None
    seen = Seen.PASSED if gone >= way else Seen.DRIFT if step_day is jump_day is None else Seen.STEP
    return _finding(seen, shared, trend, None, NormalDist().cdf(shift_z))


@dataclass(frozen=True, slots=True)
class _Shared:
    day: int
    onset_day: int
    onset_open: bool
    level: float
    share: float
    window: Sequence[Dated]


def _since(points: Sequence[Dated], reference: float, sign: float) -> tuple[Sequence[Dated], int, int | None]:
    """The days of the change and a few before it, and its first day; if it began with a jump, the days behind that, and its day."""
    latest = points[-HINT_ONSET_DAYS:]
    first = hinge(latest, reference, sign)
    jump = jumped(latest, reference, first)
    if jump is not None:
        return latest[jump:], latest[jump][0], latest[jump][0]
    return latest[max(0, min(first - _BEFORE_ONSET, len(latest) - _FEWEST_SHOWN)) :], latest[first][0], None


def _trending(
    trend: Trend, window: Sequence[Dated], limit: float, sign: float, season: Season, strict: Strictness, standing: bool
) -> Reach | None:
    """The date, if the line certainly nears the limit and will meet it within the horizon.

    What goes faster lately than before meets its limit as fast as it goes lately; the interval reaches over both paces.
    """
    slowest = min(sign * trend.low, sign * trend.high) - season.slope
    if trend.days < strict.trend_days or sign * trend.z < (0.6 if standing else 1.0) * strict.trend_z or slowest <= 0:
        return None
    found = reach(trend, limit, season.slope)
    late = theil_sen(window[-max(strict.trend_days, len(window) // 2) :])
    if found is not None and late is not None and late.days < trend.days:
        lately = reach(late, limit, season.slope)
        if sign * late.slope > sign * trend.slope:
            certain = sign * late.z >= strict.trend_z and sign * late.slope >= _MUCH_FASTER * sign * trend.slope
            found = _faster(found, lately, certain)
        else:
            found = _slower(found, lately)
    if found is None or found.expected > strict.horizon_days * (2.0 if standing else 1.0):
        return None
    return found


def _faster(whole: Reach, late: Reach | None, is_certain: bool) -> Reach:
    """Both ways to see it in one: as fast as lately if that is certain, and the interval over both."""
    if late is None:
        return whole
    expected = late.expected if is_certain else whole.expected
    return Reach(expected, min(whole.earliest, late.earliest), whole.latest)


def _slower(whole: Reach, late: Reach | None) -> Reach:
    """What has become slower may go on so: the interval reaches to the day that it then meets its limit on, if there is one."""
    if late is None or whole.latest is None:
        return Reach(whole.expected, whole.earliest, None)
    return Reach(whole.expected, whole.earliest, max(whole.latest, late.expected))


def _if_it_quickens(found: Reach, elapsed_days: int, share: float) -> Reach:
    """Wear feeds on itself: the earliest day is that of a share that grows with the square of the time since the onset."""
    if not 0.0 < share < 1.0:
        return found
    quickened = elapsed_days * (math.sqrt(1.0 / share) - 1.0)
    return Reach(found.expected, min(found.earliest, max(0.0, quickened)), found.latest)


def _finding(seen: Seen, shared: _Shared, trend: Trend | None, found: Reach | None, confidence: float) -> Finding:
    slope, low, high = (0.0, 0.0, 0.0)
    if trend is not None and seen is not Seen.STEP:
        slope, low, high = trend.slope, trend.low, trend.high
    return Finding(
        seen, shared.day, shared.onset_day, shared.onset_open, shared.level, shared.share,
        slope, low, high, found if seen is Seen.TREND else None, min(confidence, 0.999), len(shared.window),
    )  # fmt: skip
