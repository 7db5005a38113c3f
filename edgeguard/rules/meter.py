"""One meter whole: from a reading to closed intervals, days, demand and verdicts. Composes the steps beside it; pure.

The state holds what a restart must not lose. It may be taken back to any moment at which it was kept: the counter itself
remembers what flowed since then, so that no amount is counted twice and none is lost.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date, tzinfo
from typing import Final

from edgeguard.core.clock import Stamp
from edgeguard.core.metering import QUARTER_MS, DayKind, Incident, MeterEvent, MeterSpec, Step
from edgeguard.core.metering_limits import METER_DAY_EVENTS
from edgeguard.rules.baseline import HOLIDAY, Baseline, Verdict, judge, learn
from edgeguard.rules.consumption import Counted, CounterState, step_counter, step_run
from edgeguard.rules.demand import DemandState, Window, highest, step_demand
from edgeguard.rules.exchange import Correction, made_good
from edgeguard.rules.intervals import Gap, Placed, Slot, TimeLine, amend, day_of, local, place
from edgeguard.rules.tariff import kind_of_day

EXCESS_HOURS: Final = 2
"""So many hours in a row must be more than the habit explains."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Sums over the hours of a day that could be compared with the habit."""

    expected: int = 0
    actual: int = 0
    excess: int = 0
    hours: int = 0


@dataclass(frozen=True, slots=True)
class DayRecord:
    """What is kept of a local day: its quarters in order, the highest demand, incidents, undivided amounts, the comparison."""

    day: date
    slots: tuple[Slot, ...] = ()
    peak: Window | None = None
    events: tuple[MeterEvent, ...] = ()
    gaps: tuple[Gap, ...] = ()
    judged: Judged = Judged()


@dataclass(frozen=True, slots=True)
class MeterState:
    """`day`: the running day. `over`: hours in a row above the habit. `addends`: records that were added to days long closed."""

    counter: CounterState = field(default_factory=CounterState)
    line: TimeLine = field(default_factory=TimeLine)
    demand: DemandState = field(default_factory=DemandState)
    day: DayRecord | None = None
    over: int = 0
    addends: int = 0
    latest: date | None = None
    """The latest day that was ever closed: what is closed behind it is added, lest it take another record's place."""
    total: int = 0
    """All that was ever counted."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Where a site is: its zone, its holidays, and weekend days on which people work."""

    zone: tzinfo
    holidays: AbstractSet[date] = frozenset()
    workdays: AbstractSet[date] = frozenset()

    def kind(self, day: date) -> DayKind:
        """Workday, weekend or holiday."""
        return kind_of_day(day, self.holidays, self.workdays)

    def group(self, day: date) -> int | None:
        """The class of a day in the habit; a weekend day on which people work is like no other, and is left out."""
        if day in self.holidays:
            return HOLIDAY
        return None if day in self.workdays and day.weekday() >= 5 else day.weekday()


@dataclass(frozen=True, slots=True)
class Hour:
    """A local hour measured from end to end, and what the habit says of it; None while it says nothing."""

    first_quarter: int
    amount: int
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class _Told:
    closed: list[Slot] = field(default_factory=list)
    hours: list[Hour] = field(default_factory=list)
    ended: list[DayRecord] = field(default_factory=list)
    added: list[DayRecord] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MeterOutput:
    """What a reading brought. `ended`: days that are over; `added`: what came late to days that were over already.

    `baseline` is another one than before if a day has ended.
    """

    closed: tuple[Slot, ...] = ()
    gaps: tuple[Gap, ...] = ()
    events: tuple[MeterEvent, ...] = ()
    hours: tuple[Hour, ...] = ()
    ended: tuple[DayRecord, ...] = ()
    added: tuple[DayRecord, ...] = ()
    baseline: Baseline | None = None

    def __bool__(self) -> bool:
        """Anything to keep."""
        return bool(self.closed or self.gaps or self.events or self.ended or self.added)


NOTHING: Final = MeterOutput()


def step_meter(
    meter: MeterSpec, calendar: Calendar, percent: float, state: MeterState, baseline: Baseline, reading: Counted
) -> tuple[MeterState, MeterOutput]:
    """One good reading of the meter's counter. `percent`: so much above the habit an hour may be."""
    counter, steps, events = step_counter(meter, state.counter, reading)
    known = _Known(meter, calendar, percent, baseline)
    late: tuple[Correction, ...] = ()
    if meter.replacements and reading.at.synced and (last := counter.last) is not None:
        past, late, more = made_good(meter, counter.past, reading.at, last.value)
        counter, events = replace(counter, past=past), (*events, *more)
    return _counted(known, state, counter, steps, events, reading, late)


def step_meter_run(
    meter: MeterSpec, calendar: Calendar, percent: float, state: MeterState, baseline: Baseline, run: Sequence[Counted]
) -> tuple[MeterState, MeterOutput]:
    """Readings that go on one from the other (see `step_run`) within a quarter of an hour: the same as one after the other."""
    counter, steps = step_run(meter, state.counter, run)
    return _counted(_Known(meter, calendar, percent, baseline), state, counter, steps, (), run[-1])


@dataclass(frozen=True, slots=True)
class _Known:
    """What the steps of a meter go by."""

    meter: MeterSpec
    calendar: Calendar
    percent: float
    baseline: Baseline


def _counted(
    known: _Known,
    state: MeterState,
    counter: CounterState,
    steps: Sequence[Step],
    events: tuple[MeterEvent, ...],
    reading: Counted,
    late: tuple[Correction, ...] = (),
) -> tuple[MeterState, MeterOutput]:
    """What the counter says has flowed is put in its place, and what was wrong about earlier times; `reading` is the newest."""
    line, demand, total = state.line, state.demand, state.total
    brought: list[tuple[Placed, tuple[Window, ...]]] = []
    for step in steps:
        line, placed = place(line, step)
        demand, windows = step_demand(demand, placed.spans)
        total += step.amount
        if placed.closed or placed.gaps or windows:
            brought.append((placed, windows))
    for one in late:
        line, placed = amend(line, one.amount, one.from_ms, one.to_ms, covered=one.covered)
        total += one.amount
        brought.append((placed, ()))
    kept = MeterState(counter, line, demand, state.day, state.over, state.addends, state.latest, total)
    if not brought and not events:
        return kept, NOTHING
    book = _Book(known.meter, known.calendar, known.percent, known.baseline, state, reading.at)
    for placed, windows in brought:
        book.peaks(windows)
        for slot in placed.closed:
            book.close(slot)
        book.peaks(windows)
    gaps = tuple(gap for placed, _ in brought for gap in placed.gaps)
    events = (*events, *(_gap_event(gap, reading) for gap in gaps))
    book.note(events, gaps, reading)
    told = book.told
    kept = replace(kept, day=book.day, over=book.over, latest=book.latest, addends=state.addends + len(told.added))
    fresh = book.baseline if book.baseline is not known.baseline else None
    closed, hours = tuple(told.closed), tuple(told.hours)
    return kept, MeterOutput(closed, gaps, events, hours, tuple(told.ended), tuple(told.added), fresh)


def _gap_event(gap: Gap, reading: Counted) -> MeterEvent:
    return MeterEvent(Incident.GAP, reading.at, reading.value - gap.amount, reading.value, gap.amount, gap.from_ms)


class _Book:
    """The running day of one step: takes closed quarters in the order of time, turns the page at midnight, looks at full hours."""

    def __init__(
        self, meter: MeterSpec, calendar: Calendar, percent: float, baseline: Baseline, state: MeterState, now: Stamp
    ) -> None:
        self.day, self.over, self.latest, self.baseline = state.day, state.over, state.latest, baseline
        self._now = day_of(now.wall_ms // QUARTER_MS, calendar.zone)
        self.told = _Told()
        self._meter = meter
        self._calendar = calendar
        self._percent = percent

    def close(self, slot: Slot) -> None:
        """A quarter is complete."""
        self.told.closed.append(slot)
        on = day_of(slot.quarter, self._calendar.zone)
        if self.day is not None and on < self.day.day and on < self._now:
            self.told.added.append(DayRecord(on, (slot,)))
            return
        page = self._page(on)
        if page.slots and page.slots[-1].quarter >= slot.quarter:
            # the wall clock was set back within the day: what comes again is added to what is there
            self.day = replace(page, slots=_added(page.slots, slot))
            return
        self.day = replace(page, slots=(*page.slots, slot))
        self._look_at_hour()

    def peaks(self, windows: Sequence[Window]) -> None:
        """Windows that ended belong to the day of their last minute, if that is the running one."""
        if self.day is not None:
            zone, day = self._calendar.zone, self.day.day
            today = [window for window in windows if day_of((window.end_min - 1) // 15, zone) == day]
            self.day = replace(self.day, peak=highest(today, self.day.peak))

    def note(self, events: Sequence[MeterEvent], gaps: Sequence[Gap], reading: Counted) -> None:
        """Incidents and undivided amounts belong to the day on which they were noticed."""
        page = self.day
        if page is None:
            if not (events or gaps) or not reading.at.synced:
                return
            page = DayRecord(self._now)
        if events or gaps:
            self.day = replace(page, events=(*page.events, *events)[-METER_DAY_EVENTS:], gaps=(*page.gaps, *gaps))

    def _page(self, on: date) -> DayRecord:
        if self.day is None:
            return DayRecord(on)
        if on == self.day.day:
            return self.day
        if self.latest is None or self.day.day > self.latest:
            self.latest = self.day.day
            self.told.ended.append(self.day)
        else:
            self.told.added.append(self.day)
        group = self._calendar.group(self.day.day)
        if group is not None:
            self.baseline = learn(self.baseline, group, _hours(self.day, self._calendar.zone))
        return DayRecord(on)

    def _look_at_hour(self) -> None:
        """If the newest quarter completes a local hour that was measured from end to end, compare it with the habit."""
        page = self.day
        assert page is not None  # noqa: S101 (called with a quarter in it)
        last = page.slots[-1]
        at = local(last.quarter, self._calendar.zone)
        slots = page.slots[-4:]
        if at.minute != 45 or at.fold or len(slots) < 4 or slots[0].quarter != last.quarter - 3:
            return
        if not all(slot.whole for slot in slots):
            return
        amount = sum(slot.amount for slot in slots)
        group = self._calendar.group(page.day)
        least = 4 * self._meter.resolution
        verdict = None if group is None else judge(self.baseline, group, at.hour, amount, least, self._percent)
        if verdict is not None:
            self.over = self.over + 1 if verdict.excess else 0
            was = page.judged
            sums = Judged(was.expected + verdict.expected, was.actual + amount, was.excess + verdict.excess, was.hours + 1)
            self.day = replace(page, judged=sums)
        self.told.hours.append(Hour(slots[0].quarter, amount, verdict))


def _added(slots: Sequence[Slot], late: Slot) -> tuple[Slot, ...]:
    found = {slot.quarter: slot for slot in slots}
    before = found.get(late.quarter, Slot(late.quarter))
    found[late.quarter] = Slot(
        late.quarter, before.amount + late.amount, before.spread + late.spread, before.covered_ms + late.covered_ms
    )
    return tuple(found[quarter] for quarter in sorted(found))


def _hours(page: DayRecord, zone: tzinfo) -> dict[int, int]:
    """Local hours of a day that were measured from end to end. Of an hour that comes twice, the first."""
    by_hour: dict[tuple[int, int], list[Slot]] = {}
    for slot in page.slots:
        at = local(slot.quarter, zone)
        by_hour.setdefault((at.hour, at.fold), []).append(slot)
    return {
        hour: sum(slot.amount for slot in slots)
        for (hour, fold), slots in by_hour.items()
        if not fold and len(slots) == 4 and all(slot.whole for slot in slots)
    }
