"""How much of a service interval is used up, by a counter that may be reset, roll over or belong to a new device. Pure.

Only steps that can have happened are counted: a counter that goes back, or leaps further than the device can have worked, adds
nothing and is remembered as broken off. Nothing is invented for what passed between; it is only said that something may lack.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from types import MappingProxyType
from typing import Final, Self

from edgeguard.core.clock import Stamp, passed_ms
from edgeguard.core.limits import HINT_WEAR_DAYS
from edgeguard.core.maintenance import Usage
from edgeguard.rules.judgement import Finding, Seen
from edgeguard.rules.trend import FARTHEST_DAYS, Dated, Reach, reach, theil_sen

FASTEST_PER_H: Final[Mapping[Usage, float]] = {
    Usage.RUN_HOURS: 1.05,
    Usage.STARTS: 360.0,
    Usage.TRIPS: 720.0,
    Usage.DOOR_CYCLES: 720.0,
}
"""More than this in an hour no such device does: a counter that says so has been changed, not counted."""
HORIZON_DAYS: Final = 30.0
"""So long before its interval is used up a service is announced."""
USED_UP: Final = 0.95
"""This share is announced even where no rate is known."""
_HOUR_MS: Final = 3_600_000.0
_ROLL_SHARE: Final = 0.95
_FEWEST_DAYS: Final = 7
_WEEK: Final = 7
_FEWEST_WEEKS: Final = 3
_STUDENT: Final[Mapping[int, float]] = MappingProxyType({2: 2.920, 3: 2.353, 4: 2.132, 5: 2.015})
"""Student's t for an interval of 90 % by degrees of freedom."""
_FIRST_CREDIBLE_DAY: Final = 19_723
"""1 January 2024: on no day before had an edgeguard a right clock."""
_LEAST_SCATTER: Final = 0.05
"""Weeks that are all alike are not known to stay so: one in twenty of their amount is taken as their scatter at least."""


@dataclass(frozen=True, slots=True)
class Tally:
    """One counter since the last service. `raw`: its last reading, at `raw_at` (by a synchronised clock).

    `used`: what was counted since day `since_day`; `days`: the end of each day with its `used`. `breaks`: how often the counter
    broke off, the last time on `break_day`.
    """

    raw: float | None = None
    raw_at: Stamp | None = None
    used: float = 0.0
    since_day: int | None = None
    days: tuple[Dated, ...] = ()
    breaks: int = 0
    break_day: int | None = None

    def moved(self, days: int, today: int) -> Self:
        """The same by a calendar that is so many days ahead of the one before; it says `today`.

        The day of the last service stays, since people have written it down, too; only one from before any clock was set does not.
        """
        since = self.since_day if self.since_day is None or self.since_day >= _FIRST_CREDIBLE_DAY else today
        ends = tuple((day + days, used) for day, used in self.days)
        return replace(self, since_day=since, days=ends, break_day=None if self.break_day is None else self.break_day + days)


def count(tally: Tally, usage: Usage, reading: float, at: Stamp, day: int, modulus: float | None = None) -> Tally:
    """The tally after a reading. `modulus`: where the counter begins again, None if it never does."""
    if tally.since_day is None:
        tally = replace(tally, since_day=day)
    if tally.raw is None or tally.raw_at is None:
        return replace(tally, raw=reading, raw_at=at)
    step = reading - tally.raw
    if step == 0.0:
        return tally
    hours = passed_ms(tally.raw_at, at) / _HOUR_MS
    possible = FASTEST_PER_H[usage] * (hours + 0.1) + 1.0
    if step < 0 and modulus is not None and tally.raw >= _ROLL_SHARE * modulus:
        step += modulus
    if not 0 <= step <= possible:
        return replace(tally, raw=reading, raw_at=at, breaks=tally.breaks + 1, break_day=day)
    return replace(tally, raw=reading, raw_at=at, used=tally.used + step)


def add(tally: Tally, step: float, day: int) -> Tally:
    """The tally after something that was counted here, not by the device."""
    return replace(tally, used=tally.used + step, since_day=day if tally.since_day is None else tally.since_day)


def follow(tally: Tally, reading: float, day: int) -> Tally:
    """The tally after a look at a counter that is kept here: it only grows, and where it is less than before it was lost."""
    if tally.since_day is None:
        tally = replace(tally, since_day=day)
    if tally.raw is None or reading == tally.raw:
        return tally if reading == tally.raw else replace(tally, raw=reading)
    if reading < tally.raw:
        return replace(tally, raw=reading, breaks=tally.breaks + 1, break_day=day)
    return replace(tally, raw=reading, used=tally.used + reading - tally.raw)


def end_day(tally: Tally, day: int) -> Tally:
    """The day is over: its end is kept for the rate."""
    kept = tuple(d for d in tally.days if d[0] < day)[-HINT_WEAR_DAYS + 1 :]
    return replace(tally, days=(*kept, (day, tally.used)))


def serviced(tally: Tally, day: int) -> Tally:
    """A service was done: counting begins anew, the reading and the rate go on."""
    return Tally(raw=tally.raw, raw_at=tally.raw_at, since_day=day, days=_rebased(tally))


def _rebased(tally: Tally) -> tuple[Dated, ...]:
    """The same days, counted from the service on: how fast the device is used does not change by its being serviced."""
    return tuple((day, used - tally.used) for day, used in tally.days)


def usage_finding(tally: Tally, length: float, today: int, standing: bool = False) -> Finding | None:
    """Whether the service interval of this length is used up, or will be within HORIZON_DAYS at the pace of the last weeks."""
    if tally.since_day is None:
        return None
    share = tally.used / length
    trend = theil_sen(_fresh(tally.days, today))
    found = _by_weeks(tally.days, today, length - tally.used)
    if found is None and trend is not None and trend.days >= _FEWEST_DAYS and trend.slope > 0:
        found = reach(replace(trend, level=tally.used, level_error=0.0), length)
    horizon = HORIZON_DAYS * (1.5 if standing else 1.0)
    near = found is not None and found.expected <= horizon
    if share < USED_UP and not near:
        return None
    seen = Seen.PASSED if share >= 1.0 else Seen.USAGE
    slope, low, high = (0.0, 0.0, 0.0) if trend is None else (trend.slope, max(0.0, trend.low), trend.high)
    return Finding(
        seen, today, tally.since_day, False, tally.used, share, slope, low, high,
        found if seen is Seen.USAGE else None, 0.999, len(tally.days),
    )  # fmt: skip


def _by_weeks(days: Sequence[Dated], today: int, left: float) -> Reach | None:
    """When what is `left` will be used up at the pace of the last weeks; None of fewer than three of them.

    Weeks, because a Sunday is no Monday. The interval is that of the sum of as many weeks as it takes: by the scatter of those that
    were seen, of their mean, and of the weeks to come themselves.
    """
    weeks = _weeks(_fresh(days, today))
    if len(weeks) < _FEWEST_WEEKS or left <= 0 or fmean(weeks) <= 0 or left > FARTHEST_DAYS * fmean(weeks) / _WEEK:
        return None
    count, mean = len(weeks), fmean(weeks)
    scatter = max(stdev(weeks), _LEAST_SCATTER * mean) * _STUDENT[min(count - 1, max(_STUDENT))]
    expected = left / mean
    wide = scatter * math.sqrt(1.0 / max(expected, 1.0 / _WEEK) + 1.0 / count)
    latest = _WEEK * left / (mean - wide) if mean - wide > left * _WEEK / FARTHEST_DAYS else None
    return Reach(_WEEK * expected, _WEEK * left / (mean + wide), latest)


def _weeks(days: Sequence[Dated]) -> list[float]:
    """What was used in each whole week before the latest day, the latest first; between days that are known it runs straight."""
    if not days:
        return []
    numbers = [day for day, _ in days]
    weeks, until, upper = [], numbers[-1], days[-1][1]
    while until - _WEEK >= numbers[0]:
        until -= _WEEK
        place = bisect_left(numbers, until)
        after, high = days[place]
        before, low = days[place - 1] if after > until else days[place]
        at = low if after == before else low + (high - low) * (until - before) / (after - before)
        weeks.append(upper - at)
        upper = at
    return weeks


def _fresh(days: Sequence[Dated], today: int) -> Sequence[Dated]:
    return [dated for dated in days if today - dated[0] <= HINT_WEAR_DAYS]
