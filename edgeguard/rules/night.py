"""What flows into a zone of water at night and is drawn by nobody known: sums over its meters, night by night. Pure.

A zone is what lies behind some meters. Where all that is drawn in it is metered too, what is lost is the difference; the night is
taken because a difference of small amounts is worth more. Where nobody meters what is drawn, the quietest hour is compared with
the day's mean, as for a single meter (rules.water). A night counts if every meter of the zone was measured in it from end to end:
nothing is concluded from a part of a sum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, tzinfo
from typing import Any, Final

import orjson

from edgeguard.core.metering import MICRO, MeterName, ZoneSpec
from edgeguard.rules.intervals import local, quarters_of
from edgeguard.rules.meter import DayRecord
from edgeguard.rules.water import NIGHT, NIGHTS, TRIFLE_M3H, WHOLE_HOURS

QUIET_PERCENT: Final = 40.0
"""Without meters behind it: so much of the day's mean may flow in the quietest hour of the night."""
_CLOCK_BACK_DAYS: Final = 2
"""A day so little before the newest one comes again because the clock was set back; farther back, the clock had been wrong."""
_TRIFLE: Final = round(TRIFLE_M3H * MICRO)


@dataclass(frozen=True, slots=True)
class Part:
    """One meter's day as a zone needs it: the amount of each hour of the night, and of how many quarters the day's amount is."""

    day: date
    hours: tuple[int, ...]
    amount: int
    quarters: int


@dataclass(frozen=True, slots=True)
class Night:
    """A night of a zone, in micro-m3 an hour: what flowed in, what is known to have been drawn, and the quietest hour.

    `mean`: the inflow over the whole day, None where too little of it was measured. `unsure`: what the last digits can make.
    """

    day: date
    inflow: int
    known: int
    least: int
    mean: int | None
    unsure: int

    @property
    def lost(self) -> int:
        """What flowed in and was drawn by nobody known."""
        return self.inflow - self.known

    @property
    def percent(self) -> float | None:
        """The quietest hour's inflow as a share of the day's mean."""
        return 100.0 * self.least / self.mean if self.mean else None


@dataclass(frozen=True, slots=True)
class ZoneState:
    """`parts`: days that wait for those of the zone's other meters. `bad`: nights in a row that were; `last`: the newest known."""

    parts: tuple[tuple[MeterName, Part], ...] = ()
    bad: int = 0
    last: Night | None = None

    @property
    def leaks(self) -> bool | None:
        """Whether so many nights in a row say so; None before the first night."""
        return None if self.last is None else self.bad >= NIGHTS


def part_of(day: DayRecord, zone: tzinfo) -> Part | None:
    """A meter's day; None if a quarter of its night was not measured from end to end, or the night has not all of its hours."""
    wanted = [quarter for quarter in quarters_of(day.day, zone) if local(quarter, zone).hour in NIGHT]
    whole = {slot.quarter: slot.amount for slot in day.slots if slot.whole}
    if len(wanted) != 4 * len(NIGHT) or not all(quarter in whole for quarter in wanted):
        return None
    hours = tuple(sum(whole[quarter] for quarter in wanted[at : at + 4]) for at in range(0, len(wanted), 4))
    return Part(day.day, hours, sum(whole.values()), len(whole))


def night_of(zone: ZoneSpec, parts: Mapping[MeterName, Part]) -> Night | None:
    """The night of one day; None unless every meter of the zone has its part of that very day."""
    names = (*zone.inflow, *zone.behind)
    if any(name not in parts for name in names) or len({parts[name].day for name in names}) != 1:
        return None
    entering = [parts[name] for name in zone.inflow]
    hours = [sum(part.hours[at] for part in entering) for at in range(len(NIGHT))]
    drawn = sum(sum(parts[name].hours) for name in zone.behind)
    seen = min(part.quarters for part in entering) >= 4 * WHOLE_HOURS
    mean = sum(4 * part.amount // part.quarters for part in entering) if seen else None
    count = len(NIGHT)
    return Night(entering[0].day, sum(hours) // count, drawn // count, min(hours), mean, zone.resolution // count)


def is_bad(zone: ZoneSpec, night: Night) -> bool | None:
    """Whether a night speaks of a leak; None where nothing can be said."""
    if zone.behind:
        return night.lost > zone.limit + night.unsure
    if night.percent is None:
        return None
    return night.percent > QUIET_PERCENT and night.least > max(_TRIFLE, zone.resolution)


def step_zone(zone: ZoneSpec, state: ZoneState, meter: MeterName, part: Part | None) -> tuple[ZoneState, Night | None]:
    """A day of one meter has ended (`part` None: it tells nothing of the night). The night, once all meters have told theirs."""
    if part is None or (state.last is not None and 0 <= (state.last.day - part.day).days <= _CLOCK_BACK_DAYS):
        return state, None
    kept = {name: one for name, one in state.parts if name != meter and one.day >= part.day} | {meter: part}
    night = night_of(zone, kept)
    bad = None if night is None else is_bad(zone, night)
    if night is None or bad is None:
        return replace(state, parts=tuple(kept.items())), None
    return ZoneState((), state.bad + 1 if bad else 0, night), night


def nights_of(
    zone: ZoneSpec, days: Mapping[MeterName, Sequence[DayRecord]], place: tzinfo, first: date, until: date
) -> tuple[Night, ...]:
    """All nights of a period, for a report. `days` as they are kept: of a day in several parts the first counts."""
    parts: dict[date, dict[MeterName, Part]] = {}
    for name in (*zone.inflow, *zone.behind):
        for day in days.get(name, ()):
            if first <= day.day < until and name not in parts.setdefault(day.day, {}):
                part = part_of(day, place)
                if part is not None:
                    parts[day.day][name] = part
    found = (night_of(zone, parts[day]) for day in sorted(parts))
    return tuple(night for night in found if night is not None)


def dump_zone(state: ZoneState) -> bytes:
    """For keeping. `load_zone` gives an equal one."""
    last = state.last
    return orjson.dumps(
        {
            "parts": [[name, part.day.isoformat(), part.hours, part.amount, part.quarters] for name, part in state.parts],
            "bad": state.bad,
            "last": None if last is None else [last.day.isoformat(), last.inflow, last.known, last.least, last.mean, last.unsure],
        }
    )


def load_zone(body: bytes) -> ZoneState:
    """ValueError if it is not what `dump_zone` makes."""
    try:
        raw: Any = orjson.loads(body)
        parts = tuple(
            (MeterName(name), Part(date.fromisoformat(day), tuple(map(int, hours)), int(amount), int(quarters)))
            for name, day, hours, amount, quarters in raw["parts"]
        )
        last = None
        if raw["last"] is not None:
            day, *figures, mean, unsure = raw["last"]
            inflow, known, least = map(int, figures)
            mean = None if mean is None else int(mean)
            last = Night(date.fromisoformat(day), inflow, known, least, mean, int(unsure))
        return ZoneState(parts, int(raw["bad"]), last)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the nights of a zone cannot be read: {error!r}") from error
