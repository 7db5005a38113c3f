"""Metering by properties: whatever befalls a counter, what was counted adds up, and a restart changes nothing."""

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId, DeviceName, PointName
from edgeguard.core.metering import MICRO, QUARTER_MS, Incident, Medium, MeterEvent, MeterName, MeterSpec, Replacement, Step
from edgeguard.core.point import Labels
from edgeguard.rules.baseline import Baseline
from edgeguard.rules.consumption import Counted, CounterState, step_counter
from edgeguard.rules.demand import DemandState, Window, highest, step_demand
from edgeguard.rules.intervals import Slot, Span, TimeLine, divide, first_quarter, place, quarters_of
from edgeguard.rules.meter import Calendar, DayRecord, MeterOutput, MeterState, step_meter, step_meter_run
from edgeguard.rules.meter_json import dump_day, dump_state, load_day, load_state

SHANGHAI = Calendar(ZoneInfo("Asia/Shanghai"))
NOON_MS = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()) * 1000
A, B = BootId("boot-a"), BootId("boot-b")
METER = MeterSpec(
    MeterName("main"),
    DeviceName("main-meter"),
    PointName("energy"),
    Medium.ELECTRICITY,
    "kWh",
    MICRO,
    max_rate=1000 * MICRO,
    labels=Labels("总表", "main"),
    resolution=10_000,
    modulus=10**6 * MICRO,
)


def at(s: float, boot: BootId = A, synced: bool = True) -> Stamp:
    return Stamp(NOON_MS + int(s * 1000), 10_000_000 + int(s * 1000), boot, synced)


def fed(meter: MeterSpec, *readings: tuple[float, float]) -> tuple[CounterState, list[Step], list[MeterEvent]]:
    """Readings of (second, kWh)."""
    state = CounterState()
    steps: list[Step] = []
    events: list[MeterEvent] = []
    for second, shown in readings:
        state, more, told = step_counter(meter, state, Counted(at(second), round(shown * MICRO)))
        steps += more
        events += told
    return state, steps, events


def summed(steps: list[Step]) -> float:
    return sum(step.amount for step in steps) / MICRO


def kinds(events: list[MeterEvent]) -> list[Incident]:
    return [event.incident for event in events[1:]]


def test_a_roll_over_is_counted_when_it_is_certain() -> None:
    state, steps, events = fed(METER, (0, 999_990.0), (60, 999_995.5), (120, 1.5), (180, 2.0))
    assert summed(steps) == 5.5
    assert events[1:] == []
    state, steps, events = fed(METER, (0, 999_990.0), (60, 999_995.5), (120, 1.5), (180, 2.0), (240, 2.5))
    assert summed(steps) == 5.5 + 6.0 + 1.0
    assert kinds(events) == [Incident.ROLLOVER]
    assert events[1].counted == 6 * MICRO
    assert state.last == Counted(at(240), round(2.5 * MICRO))


def test_where_nobody_has_said_where_a_counter_begins_anew_nothing_is_guessed() -> None:
    _, steps, events = fed(replace(METER, modulus=None), (0, 999_999.0), (60, 1.0), (120, 2.0), (180, 3.0))
    assert kinds(events) == [Incident.RESET]
    assert summed(steps) == 2.0


def test_a_reset_far_from_the_end_is_no_roll_over() -> None:
    _, steps, events = fed(METER, (0, 5000.0), (60, 0.0), (120, 0.5), (180, 1.0))
    assert kinds(events) == [Incident.RESET]
    assert summed(steps) == 1.0


@pytest.mark.parametrize("wrong", [0.0, 4000.0, 99_999_999.0, 6000.0])
def test_a_reading_that_does_not_fit_and_is_gone_again_counts_nothing(wrong: float) -> None:
    _, steps, events = fed(METER, (0, 5000.0), (2, wrong), (4, wrong), (6, 5000.5), (8, 5000.5))
    assert summed(steps) == 0.5
    assert kinds(events) == [Incident.GLITCH]


def test_a_jump_for_good_is_shown_and_not_counted() -> None:
    _, steps, events = fed(METER, (0, 5000.0), (2, 90_000.0), (4, 90_000.1), (6, 90_000.2))
    assert summed(steps) == pytest.approx(0.2)
    assert kinds(events) == [Incident.JUMP]


def test_a_wrong_reading_that_looks_like_consumption_counts_nothing_when_the_next_one_takes_it_back() -> None:
    readings = [(0, 5000.0), (60, 5001.0), (120, 5011.0), (180, 5002.0), (240, 5003.0), (300, 5003.0)]
    _, steps, events = fed(METER, *readings)
    assert [step.amount / MICRO for step in steps] == [1.0, 1.0, 1.0, 0.0]
    assert kinds(events) == [Incident.GLITCH]
    assert (events[1].before, events[1].after) == (5001 * MICRO, 5011 * MICRO)


def test_a_wrong_reading_makes_no_peak_of_demand_and_is_in_no_interval() -> None:
    true = [(second, 5000.0 + second / 600) for second in range(0, 3000, 5)]
    wrong = [(second, shown + (1.2 if second == 1105 else 0.0)) for second, shown in true]
    told = []
    for readings in (true, wrong):
        state, closed = MeterState(), list[Slot]()
        for second, shown in readings:
            reading = Counted(at(second), round(shown * MICRO))
            state, output = step_meter(METER, SHANGHAI, 25.0, state, Baseline(), reading)
            closed += output.closed
        assert state.day is not None
        told.append((closed, state.day.peak, state.total))
    assert told[0] == told[1]
    assert len(told[0][0]) == 3


def test_what_is_held_is_counted_before_a_reset_and_before_an_exchange() -> None:
    _, steps, events = fed(METER, (0, 5000.0), (60, 5002.0), (120, 0.0), (180, 0.5), (240, 1.0))
    assert kinds(events) == [Incident.RESET]
    assert summed(steps) == 2.0 + 1.0
    meter = replace(METER, replacements=(Replacement(NOON_MS + 100_000, 5003 * MICRO, 5001 * MICRO),))
    _, steps, events = fed(meter, (0, 5000.0), (60, 5002.0), (120, 5001.5), (180, 5001.5))
    assert kinds(events) == [Incident.REPLACEMENT]
    assert summed(steps) == 2.0 + 1.0 + 0.5


def test_a_reading_behind_a_pause_is_counted_at_once_and_taken_back_if_it_proves_too_high() -> None:
    readings = [(0, 5000.0), (60, 5001.0), (460, 5011.0)]
    _, steps, _ = fed(METER, *readings)
    assert summed(steps) == 11.0
    _, steps, events = fed(METER, *readings, (520, 5002.0), (580, 5003.0), (640, 5004.0))
    assert summed(steps) == 4.0
    assert kinds(events) == [Incident.CORRECTION]


def test_a_last_digit_that_flickers_is_no_incident() -> None:
    _, steps, events = fed(METER, (0, 10.01), (2, 10.00), (4, 10.01), (6, 10.00), (8, 10.02))
    assert summed(steps) == pytest.approx(0.01)
    assert events[1:] == []


def test_a_counter_that_is_shown_late_may_step_by_what_flowed_meanwhile() -> None:
    quiet = [(float(s), 5000.0) for s in range(0, 900, 60)]
    _, steps, events = fed(METER, *quiet, (900.0, 5240.0), (960.0, 5240.0))
    assert summed(steps) == 240.0
    assert events[1:] == []


def test_a_declared_exchange_is_counted_on_both_sides_and_one_that_does_not_fit_is_said() -> None:
    meter = replace(METER, replacements=(Replacement(NOON_MS + 100_000, 5003 * MICRO, 7 * MICRO),))
    _, steps, events = fed(meter, (0, 5000.0), (60, 5002.0), (120, 8.5), (180, 9.0), (240, 9.0))
    assert summed(steps) == 2.0 + 1.0 + 1.5 + 0.5
    assert kinds(events) == [Incident.REPLACEMENT]
    _, steps, events = fed(meter, (0, 5000.0), (60, 5004.0), (120, 6.0), (180, 6.5), (240, 6.5))
    assert kinds(events) == [Incident.MISMATCH]
    assert summed(steps) == 4.5


# --- whatever happens, it adds up


@dataclass
class Life:
    """A meter's readings as a story: (seconds later, what, how much)."""

    story: list[tuple[int, str, int]]
    readings: list[Counted] = field(default_factory=list)

    def told(self, synced_from: int = 0) -> list[Counted]:
        shown, second, boot, boot_at = 999_000 * MICRO, 0, A, 0
        for later, what, amount in self.story:
            second += later
            if what == "flow":
                shown += min(amount, later * METER.max_rate // 3_600_000_000 * 1000)
            elif what == "reset":
                shown = amount
            elif what == "jump":
                shown += amount * 1000
            elif what == "reboot":
                boot, boot_at = BootId(f"boot-{second}"), second
            shown %= METER.modulus or 1
            value = amount if what == "glitch" else shown
            stamp = Stamp(NOON_MS + second * 1000, 1000 + (second - boot_at) * 1000, boot, len(self.readings) >= synced_from)
            self.readings.append(Counted(stamp, value))
        return self.readings


SETTLE = [(60, "flow", 0)] * 3
stories = st.lists(
    st.tuples(
        st.sampled_from([1, 2, 30, 60, 899, 900, 901, 3600, 90_000]),
        st.sampled_from(["flow"] * 12 + ["reset", "glitch", "jump", "reboot"]),
        st.integers(0, 300 * MICRO),
    ),
    min_size=1,
    max_size=40,
)


@given(stories)
@settings(max_examples=30, deadline=None)
def test_steps_are_the_last_reading_less_the_first_and_the_declared_events(story: list[tuple[int, str, int]]) -> None:
    readings = Life(story).told()
    state, total = CounterState(), 0
    events: list[MeterEvent] = []
    for reading in readings:
        state, steps, told = step_counter(METER, state, reading)
        total += sum(step.amount for step in steps)
        events += told
    assert state.last is not None
    broken = sum(e.after - e.before - e.counted for e in events if e.incident not in (Incident.BEGIN, Incident.GLITCH))
    assert total == state.last.value - readings[0].value - broken
    for event in events:
        if event.incident is Incident.ROLLOVER:
            assert event.counted == event.after - event.before + (METER.modulus or 0)
        if event.incident in (Incident.RESET, Incident.JUMP):
            assert event.counted == 0


@given(stories, st.integers(0, 20))
@settings(max_examples=30, deadline=None)
def test_intervals_are_what_was_counted_and_a_restart_at_any_moment_changes_nothing(
    story: list[tuple[int, str, int]], synced_from: int
) -> None:
    readings = Life(story).told(synced_from)
    plain = lived(readings, restart=False)
    assert plain == lived(readings, restart=True)
    state, outputs = plain
    placed = sum(slot.amount for output in outputs for slot in output.closed) + sum(slot.amount for slot in state.line.open)
    undivided = sum(gap.amount for output in outputs for gap in output.gaps)
    unplaced = sum(one.amount for one in state.line.unplaced)
    assert placed + undivided + unplaced == state.total
    days = [day for output in outputs for day in (*output.ended, *output.added)] + ([state.day] if state.day else [])
    assert sum(slot.amount for day in days for slot in day.slots) == placed - sum(slot.amount for slot in state.line.open)
    assert all(load_day(dump_day(day)) == day for day in days)


def lived(readings: list[Counted], *, restart: bool) -> tuple[MeterState, list[MeterOutput]]:
    state, baseline, outputs = MeterState(), Baseline(), []
    for reading in readings:
        if restart:
            state = load_state(dump_state(state))
        state, output = step_meter(METER, SHANGHAI, 25.0, state, baseline, reading)
        baseline = output.baseline or baseline
        outputs.append(output)
    return state, outputs


@given(stories, st.lists(st.booleans(), max_size=50))
@settings(max_examples=25, deadline=None)
def test_a_kill_loses_and_doubles_nothing(story: list[tuple[int, str, int]], kills: list[bool]) -> None:
    """Kept is a state only when something is told; a kill goes back to it. In a story without incidents all readings agree."""
    readings = Life([(later, what if what in ("flow", "reboot") else "flow", much) for later, what, much in story] + SETTLE).told()
    state, kept = MeterState(), MeterState()
    told = 0
    for reading, killed in zip(readings, [*kills, *[False] * 50], strict=False):
        if killed:
            state = kept
        state, output = step_meter(METER, SHANGHAI, 25.0, state, Baseline(), reading)
        told += sum(slot.amount for slot in output.closed) + sum(gap.amount for gap in output.gaps)
        if output:
            kept = load_state(dump_state(state))
    assert state.counter.last is not None
    assert not state.counter.waiting
    assert (state.counter.held or state.counter.last).value == readings[-1].value
    wraps = sum(1 for earlier, later in pairwise(readings) if later.value < earlier.value)
    counted = state.counter.last.value - readings[0].value + wraps * (METER.modulus or 0)
    assert told + sum(slot.amount for slot in state.line.open) == counted


# --- the clock and the calendar


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 50_000), st.integers(0, 60_000)), min_size=1, max_size=40),
    st.sampled_from([(), (0, 30_000), (0, 5_000), (0, 30_000, -4_000)]),
)
def test_readings_that_go_on_one_from_the_other_may_be_counted_at_once(
    steps: list[tuple[int, int]], before: tuple[int, ...]
) -> None:
    """`steps`: ms and amount; `before`: what the counter did just before, so that something is held, or nothing is."""
    ms, value, one = 0, 500 * MICRO, MeterState()
    for more in (*before, 0):
        ms, value = ms + 700, value + more
        one, _ = step_meter(METER, SHANGHAI, 25.0, one, Baseline(), Counted(at(ms / 1000), value))
    last = one.counter.last
    assert last is not None
    state, run, top = one, [], max(value, last.value)
    for wait_ms, amount in steps:
        ms, top = ms + wait_ms, top + amount
        if ms >= QUARTER_MS:
            break
        run.append(Counted(at(ms / 1000), top))
        one, output = step_meter(METER, SHANGHAI, 25.0, one, Baseline(), run[-1])
        assert not output
    if run:
        at_once, told = step_meter_run(METER, SHANGHAI, 25.0, state, Baseline(), run)
        assert at_once == one
        assert not told


def test_a_clock_that_is_steered_makes_no_hole_in_the_demand() -> None:
    rng = random.Random(4)
    state, windows = DemandState(), list[Window]()
    for second in range(1, 3600):
        to_ms = NOON_MS + second * 1000 + rng.choice((-40, 0, 35))
        span = Span(to_ms - 1000 + rng.choice((-40, 0, 35)), to_ms, 1000, spread=False)
        state, more = step_demand(state, (span,))
        windows += more
    assert len(windows) == 45
    assert all(window.amount == pytest.approx(900_000, abs=200) for window in windows)


def test_what_was_read_before_the_clock_was_set_is_placed_when_it_is() -> None:
    meter, state, outputs = METER, MeterState(), []
    for second in range(0, 7200, 60):
        shown = 100 * MICRO + second * 1000
        synced = second >= 5400
        stamp = Stamp(NOON_MS + second * 1000 if synced else second * 1000, 50_000 + second * 1000, A, synced)
        state, output = step_meter(meter, SHANGHAI, 25.0, state, Baseline(), Counted(stamp, shown))
        outputs.append(output)
    slots = {slot.quarter: slot for output in outputs for slot in output.closed}
    first = NOON_MS // QUARTER_MS
    assert sorted(slots) == list(range(first, first + 7))
    assert {slot.amount for slot in slots.values()} == {900_000}
    assert not any(slot.spread for slot in slots.values())


def test_a_boot_that_never_knew_the_time_lies_between_those_that_did() -> None:
    line, _ = place(TimeLine(), Step(at(0), at(60), 10))
    line, placed = place(line, Step(at(60), Stamp(0, 5, B, False), 7))
    line, placed = place(line, Step(Stamp(0, 5, B, False), Stamp(100, 105, B, False), 5))
    assert placed.closed == ()
    assert sum(one.amount for one in line.unplaced) == 12
    line, placed = place(line, Step(Stamp(100, 105, B, False), Stamp(NOON_MS + 7_200_000, 900, BootId("c"), True), 8))
    assert line.unplaced == ()
    everything = [*placed.closed, *line.open]
    assert sum(slot.amount for slot in everything) == 30
    assert sum(slot.spread for slot in everything) == 20
    assert {slot.quarter for slot in everything} <= set(range(NOON_MS // QUARTER_MS, NOON_MS // QUARTER_MS + 9))


def test_a_wall_clock_that_is_set_back_loses_nothing() -> None:
    state, seen, told = MeterState(), [], 0
    for i in range(120):
        second = i * 60 if i < 60 else i * 60 - 1800
        stamp = Stamp(NOON_MS + second * 1000, 1000 + i * 60_000, A, True)
        state, output = step_meter(METER, SHANGHAI, 25.0, state, Baseline(), Counted(stamp, min(i, 118) * 100_000))
        told += sum(slot.amount for slot in output.closed)
        seen += [slot.quarter for slot in output.closed]
    assert len(seen) > len(set(seen))
    assert told + sum(slot.amount for slot in state.line.open) == 118 * 100_000


def test_late_and_repeated_rounds_change_nothing() -> None:
    state, _, _ = fed(METER, (0, 100.0), (60, 101.0))
    for second, shown in ((60, 101.0), (30, 100.5), (59, 5.0)):
        assert step_counter(METER, state, Counted(at(second), round(shown * MICRO))) == (state, (), ())


@given(st.integers(-(10**12), 10**12), st.integers(0, 10**13), st.integers(0, 10 * QUARTER_MS), st.booleans())
@settings(max_examples=60)
def test_a_divided_amount_is_whole(amount: int, from_ms: int, length: int, spread: bool) -> None:
    parts = list(divide(Span(from_ms, from_ms + length, amount, spread)))
    assert sum(part.amount for part in parts) == amount
    assert sum(part.covered_ms for part in parts) == length
    assert [part.quarter for part in parts] == list(range(parts[0].quarter, parts[-1].quarter + 1))
    if length and amount >= 0:
        assert all(abs(part.amount - amount * part.covered_ms / length) <= 1 for part in parts)


ZONES = (
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
    "Africa/Cairo",
)


@given(st.sampled_from(ZONES), st.dates(date(2015, 1, 1), date(2037, 12, 31)))
@settings(max_examples=40)
def test_days_follow_each_other_without_hole_or_overlap(zone: str, day: date) -> None:
    place_ = ZoneInfo(zone)
    quarters, following = quarters_of(day, place_), quarters_of(day + timedelta(days=1), place_)
    assert quarters.stop == following.start
    assert len(quarters) in (92, 94, 96, 98, 100)
    assert first_quarter(day, place_) == quarters.start


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("America/Sao_Paulo", date(2017, 10, 15), 23),
        ("Asia/Shanghai", date(2026, 3, 29), 24),
    ],
)
def test_a_day_on_which_the_clocks_are_set_has_its_hours_and_loses_nothing(zone: str, day: date, hours: int) -> None:
    calendar = Calendar(ZoneInfo(zone))
    quarters = quarters_of(day, calendar.zone)
    assert len(quarters) == hours * 4
    state = MeterState()
    days: list[DayRecord] = []
    start = (quarters.start - 8) * QUARTER_MS
    for i in range((len(quarters) + 16) * 3):
        stamp = Stamp(start + i * 300_000, i * 300_000, A, True)
        state, output = step_meter(METER, calendar, 25.0, state, Baseline(), Counted(stamp, i * 1000))
        days += output.ended
    whole = next(record for record in days if record.day == day)
    assert [slot.quarter for slot in whole.slots] == list(quarters)
    assert sum(slot.amount for slot in whole.slots) == hours * 12_000
    assert all(slot.whole for slot in whole.slots)


def test_the_sliding_demand_is_the_highest_quarter_of_an_hour_and_no_gap_is_bridged() -> None:
    state = DemandState()
    windows: list[Window] = []
    second, peak_from = 0, 7 * 60 + 420
    while second < 3600:
        amount = 100 if peak_from <= second < peak_from + 900 else 10
        state, more = step_demand(state, [Span(second * 1000, (second + 10) * 1000, amount, False)])
        windows += more
        second += 10
    best = highest(windows)
    assert best is not None
    assert (best.amount, best.end_min * 60) == (90 * 100, peak_from + 900)
    assert len(windows) == 60 - 15
    state, more = step_demand(state, [Span(3600_000, 5400_000, 10**9, True)])
    state, more = step_demand(state, [Span(5400_000, 5460_000, 5, False)])
    assert more == ()
    assert highest([]) is None


def test_a_state_of_another_form_is_refused() -> None:
    for body in (b"", b"{}", b"[1]", b'{"f":2}', dump_state(MeterState()).replace(b'"open":[]', b'"open":[[1]]')):
        with pytest.raises(ValueError, match="cannot be read"):
            load_state(body)
    assert load_state(dump_state(MeterState())) == MeterState()
    assert load_day(dump_day(DayRecord(date(2026, 1, 1), (Slot(5, 1, 1, 5),)))).slots == (Slot(5, 1, 1, 5),)


def test_a_clock_that_leaps_ahead_by_years_and_comes_back_makes_no_day_take_anothers_place() -> None:
    state, told = MeterState(), 0
    kept: dict[date, DayRecord] = {}
    added: list[DayRecord] = []
    for i in range(4 * 96):
        ahead = 3650 * 86_400_000 if 100 <= i < 110 else 0
        stamp = Stamp(NOON_MS + i * 900_000 + ahead, 1000 + i * 900_000, A, True)
        state, output = step_meter(METER, SHANGHAI, 25.0, state, Baseline(), Counted(stamp, min(i, 118) * 100_000))
        told += sum(slot.amount for slot in output.closed)
        for day in output.ended:
            assert day.day not in kept
            kept[day.day] = day
        added += output.added
    records = [*kept.values(), *added, *([state.day] if state.day else [])]
    assert sum(slot.amount for record in records for slot in record.slots) == told
    assert len(added) < 8
    assert state.day is not None
    assert state.day.day == date(2026, 3, 6)
