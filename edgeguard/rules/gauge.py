"""One quantity of one device that tells of wear, day by day: what it was when all was well, what it is now. Pure.

A day's measurements become one figure. Where the operating point matters, a measurement is first compared with what the device
did at that point in its first weeks (or with a commissioned curve), so that other loads are no wear. The first days' figures
are the reference; what they scatter by says how much one day is worth.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final, Self

from edgeguard.core.limits import HINT_DAYS
from edgeguard.core.maintenance import HintKind
from edgeguard.core.point import Labels
from edgeguard.rules.day_sample import NOTHING_YET, DaySample, high_value, low_mean, middle_mean, uncertainty
from edgeguard.rules.drift import spread_of
from edgeguard.rules.judgement import NO_SEASON, STRICT, Finding, Reference, Season, Strictness, judge
from edgeguard.rules.operating_map import NO_MAP, OperatingMap
from edgeguard.rules.pump_curve import curve_value
from edgeguard.rules.sights import Flag, Measured, Sight
from edgeguard.rules.trend import Dated

MAP_DAYS: Final = 10
"""So many days with measurements are learned before anything is compared with them."""
REFERENCE_DAYS: Final = 10
"""So many days' figures make the reference; their middle is it."""
LONGEST_DAY: Final = 7
"""A device that is seldom used may take so many days to give the measurements of one."""
PATIENT_DAYS: Final = 2
"""Measurements that scatter widely may be gathered for so many days, that their figure be worth something."""
_SURE_SHARE: Final = 0.07
"""A figure is worth something if its standard error is below this share of the way to the limit."""
_SMALLEST: Final = 0.3
"""A ratio to less than this part of the highest normal value is noise."""
_BETTER_DAYS: Final = 14
_BETTER_SHARE: Final = 0.3


@dataclass(frozen=True, slots=True)
class Bound:
    """Where a quantity counts as worn: `share` of the reference more (or less, if negative), or the value `absolute`.

    `both`: -`absolute` as well; `upward`: it is never a lower limit.

    `surroundings`: part of `absolute` that is not the device's own, such as the hottest day.
    """

    share: float = 0.0
    absolute: float | None = None
    both: bool = False
    upward: bool = False
    surroundings: float = 0.0


@dataclass(frozen=True, slots=True)
class Gauge:
    """What is watched: how it is seen, and what of it is too much.

    `mapped`: compared with what is normal at its operating point; as a ratio to it (`ratio`), else as a difference from it.
    `curve`: the commissioned curve, so that nothing has to be learned. `fewest`: measurements that make a day's figure;
    `low`: of durations that people stretch, only the shorter ones count. `void`: nothing is measured while it is true.
    """

    name: str
    kind: HintKind
    labels: Labels
    unit: str
    decimals: int
    sight: Sight
    bound: Bound
    fewest: int = 10
    mapped: bool = False
    ratio: bool = False
    curve: tuple[tuple[float, float], ...] = ()
    low: bool = False
    season: Season = NO_SEASON
    void: Flag | None = None
    check: Labels | None = None


@dataclass(frozen=True, slots=True)
class GaugeState:
    """What is known of a gauge. `values[i]` is the figure of day `first_day + i`, None where there is none.

    `day`: the day of the oldest measurement in `sample`. `map_days` were learned into `map`; at MAP_DAYS it is done. `top`: the
    highest value that was normal then, at any operating point.
    """

    day: int | None = None
    sample: DaySample = NOTHING_YET
    map: OperatingMap = NO_MAP
    map_days: int = 0
    top: float = 0.0
    first_day: int = 0
    values: tuple[float | None, ...] = ()
    reference: Reference | None = None

    @property
    def points(self) -> list[Dated]:
        """The days that have a figure."""
        return [(self.first_day + i, value) for i, value in enumerate(self.values) if value is not None]

    @property
    def last_day(self) -> int | None:
        """The latest day with a figure."""
        return self.first_day + len(self.values) - 1 if self.values else None

    def moved(self, days: int) -> Self:
        """The same by a calendar that is so many days ahead of the one before."""
        reference = self.reference
        if reference is not None:
            reference = replace(reference, first_day=reference.first_day + days, last_day=reference.last_day + days)
        day = None if self.day is None else self.day + days
        return replace(self, day=day, first_day=self.first_day + days if self.values else self.first_day, reference=reference)


def measure(gauge: Gauge, state: GaugeState, measured: Measured, day: int) -> GaugeState:
    """The state after one measurement on a day."""
    value = measured.value
    learned = state.map
    if gauge.curve:
        normal = None if measured.point is None else curve_value(gauge.curve, measured.point)
        if normal is None or normal <= 0:
            return state
        value = value / normal
    elif gauge.mapped and measured.point is not None:
        learning = state.map_days < MAP_DAYS
        normal = None if learning else state.map.expected(measured.point)
        if normal is None:
            tied = value if learning else _untied(gauge, state, value)
            learned = state.map.with_measurement(measured.point, tied)
            value = value if learning else _level(gauge, state)
            if not learning:
                return replace(state, map=learned)
        elif gauge.ratio:
            if normal <= _SMALLEST * state.top:
                return state
            value = value / normal
        else:
            value = value - normal
    return replace(state, day=day if state.day is None else state.day, map=learned, sample=state.sample.with_value(value))


def _level(gauge: Gauge, state: GaugeState) -> float:
    """Where the quantity stands now, relative to the map."""
    latest = [value for value in state.values[-10:] if value is not None][-5:]
    return median(latest) if latest else 1.0 if gauge.ratio else 0.0


def _untied(gauge: Gauge, state: GaugeState, value: float) -> float:
    """What a measurement at a new operating point would have been in the first weeks: by the level that is known elsewhere."""
    level = _level(gauge, state)
    return value - level if not gauge.ratio else value / level if level > 0 else value


def end_day(gauge: Gauge, state: GaugeState, day: int) -> GaugeState:
    """`day` is over: its measurements become a figure, if they are enough and agree; else they wait for more, some days at most."""
    if state.day is None:
        return state
    values = state.sample.values
    learning = gauge.mapped and not gauge.curve and state.map_days < MAP_DAYS
    longest = PATIENT_DAYS if len(values) >= gauge.fewest else LONGEST_DAY
    if (len(values) < gauge.fewest or not (learning or _is_sure(gauge, values))) and day - state.day < longest - 1:
        return state
    if len(values) < gauge.fewest:
        return replace(state, day=None, sample=NOTHING_YET)
    ended = replace(state, day=None, sample=NOTHING_YET)
    if learning:
        return replace(ended, map_days=state.map_days + 1, top=max(state.top, high_value(state.sample.values)))
    figure = (low_mean if gauge.low else middle_mean)(state.sample.values)
    ended = _with_figure(ended, day, float(f"{figure:.5g}"))
    return _with_reference(gauge, ended)


def _is_sure(gauge: Gauge, values: Sequence[float]) -> bool:
    """Whether the figure of these measurements is worth something; of limits that are no share of it that is not asked."""
    way = abs(gauge.bound.share) * abs(middle_mean(values))
    return gauge.bound.absolute is not None or gauge.low or uncertainty(values) <= _SURE_SHARE * way


def _with_figure(state: GaugeState, day: int, figure: float) -> GaugeState:
    if not state.values:
        return replace(state, first_day=day, values=(figure,))
    place = day - state.first_day
    if place < len(state.values):
        return state
    values = (*state.values, *(None,) * min(place - len(state.values), HINT_DAYS), figure)[-HINT_DAYS:]
    return replace(state, first_day=day - len(values) + 1, values=values)


def _with_reference(gauge: Gauge, state: GaugeState) -> GaugeState:
    """The reference once there are days enough for one; a new one if the quantity has been better than it for long."""
    points = state.points
    if state.reference is None:
        if len(points) < REFERENCE_DAYS:
            return state
        given = bool(gauge.curve)
        level = 1.0 if given else median(value for _, value in points)
        spread = spread_of([value for _, value in points])
        return replace(state, reference=Reference(level, spread, points[0][0], points[-1][0], given))
    if gauge.bound.both or gauge.curve or len(points) < _BETTER_DAYS:
        return state
    latest = points[-_BETTER_DAYS:]
    limit = limits_of(gauge, state)[0]
    sign = 1.0 if limit > state.reference.level else -1.0
    way = abs(limit - state.reference.level)
    if all(sign * (state.reference.level - value) > _BETTER_SHARE * way for _, value in latest):
        values = [value for _, value in latest]
        renewed = Reference(median(values), max(spread_of(values), state.reference.spread), latest[0][0], latest[-1][0])
        return replace(state, reference=renewed)
    return state


def limits_of(gauge: Gauge, state: GaugeState) -> tuple[float, ...]:
    """The value or values at which the quantity counts as worn, in terms of its daily figures; empty without a reference."""
    if state.reference is None:
        return ()
    level, bound = state.reference.level, gauge.bound
    if bound.absolute is None:
        return (level * (1.0 + bound.share),)
    absolute = bound.absolute - bound.surroundings
    if gauge.mapped:
        return (absolute / state.top if gauge.ratio and state.top > 0 else absolute - state.top,)
    return (absolute, -absolute) if bound.both else (absolute,)


def find(gauge: Gauge, state: GaugeState, standing: bool, strict: Strictness = STRICT) -> Finding | None:
    """What the days say. Of two limits, the one that is nearer."""
    if state.reference is None:
        return None
    points = [point for point in state.points if point[0] > state.reference.last_day or state.reference.given]
    found = [
        finding
        for limit in limits_of(gauge, state)
        if _is_beyond(limit, state.reference.level, gauge)
        and (finding := judge(points, state.reference, limit, gauge.season, standing, strict)) is not None
    ]
    return max(found, key=lambda finding: finding.share, default=None)


def _is_beyond(limit: float, level: float, gauge: Gauge) -> bool:
    """A limit that normal days reach is none to be warned of: it is the business of an alarm, or wrong."""
    return limit > level or not gauge.bound.upward
