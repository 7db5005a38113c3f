"""A meter is exchanged, and somebody writes it down: before, at once, days later, with a wrong time. It comes out right."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId, DeviceName, PointName
from edgeguard.core.metering import MICRO, QUARTER_MS, Incident, Medium, MeterEvent, MeterName, MeterSpec, Replacement
from edgeguard.core.point import Labels
from edgeguard.rules.balance import balance
from edgeguard.rules.baseline import Baseline
from edgeguard.rules.consumption import Counted
from edgeguard.rules.energy_report import report
from edgeguard.rules.intervals import Slot
from edgeguard.rules.meter import Calendar, DayRecord, MeterState, step_meter
from edgeguard.rules.meter_json import dump_day, dump_state, load_day, load_state

ZONE = Calendar(ZoneInfo("Asia/Shanghai"))
BEGIN_MS = int(datetime(2026, 3, 2, 2, tzinfo=UTC).timestamp()) * 1000
HOUR = 3600
PERIOD_S = 300
FIRST = BootId("one")
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


def exchange(second: float, old_last: float, new_first: float) -> Replacement:
    return Replacement(BEGIN_MS + round(second * 1000), round(old_last * MICRO), round(new_first * MICRO))


@dataclass
class Site:
    """A meter that is read every five minutes while 6 kWh flow in an hour; its counter may be another from a moment on.

    `kept` is what a kill goes back to: what was told is told with it.
    """

    spec: MeterSpec = METER
    shown: float = 5000.0
    state: MeterState = field(default_factory=MeterState)
    kept: bytes = b""
    second: int = 0
    flowed: float = 0.0
    synced: bool = True
    boot: BootId = FIRST
    boot_at: int = 0
    slots: list[Slot] = field(default_factory=list)
    events: list[MeterEvent] = field(default_factory=list)
    days: list[DayRecord] = field(default_factory=list)

    def runs(self, seconds: int, *, read: bool = True) -> None:
        """Time passes."""
        until = self.second + seconds
        while self.second < until:
            self.second += PERIOD_S
            self.shown = round(self.shown + 0.5, 6)
            self.flowed += 0.5
            if read:
                self.read()

    def read(self) -> None:
        wall_ms = BEGIN_MS + self.second * 1000 if self.synced else self.second
        at = Stamp(wall_ms, 70_000 + (self.second - self.boot_at) * 1000, self.boot, self.synced)
        self.state, output = step_meter(self.spec, ZONE, 25.0, self.state, Baseline(), Counted(at, round(self.shown * MICRO)))
        self.slots += output.closed
        self.events += output.events
        self.days += (*output.ended, *output.added)
        if output:
            self.kept = dump_state(self.state)

    def begins(self) -> "Site":
        self.read()
        return self

    def exchanged(self, new_first: float = 0.0) -> Replacement:
        """Another meter, now; what a technician would write."""
        one = exchange(self.second + 30, self.shown, new_first)
        self.shown = new_first
        return one

    def declared(self, *exchanges: Replacement) -> None:
        """The configuration is read anew."""
        self.spec = replace(self.spec, replacements=exchanges)
        self.state = load_state(dump_state(self.state))

    def killed(self) -> None:
        self.state = load_state(self.kept)

    def reboots(self, *, synced: bool) -> None:
        self.killed()
        self.boot, self.boot_at, self.synced = BootId(f"boot-{self.second}"), self.second, synced

    def told(self) -> list[Incident]:
        return [event.incident for event in self.events if event.incident is not Incident.BEGIN]

    def counted(self) -> float:
        """What is counted, and what is held to be counted by the next reading."""
        held, last = self.state.counter.held, self.state.counter.last
        return (self.state.total + (0 if held is None or last is None else held.value - last.value)) / MICRO

    def all_days(self) -> list[DayRecord]:
        days = [load_day(dump_day(day)) for day in self.days]
        return [*days, self.state.day] if self.state.day is not None else days


def is_whole(site: Site) -> None:
    """Everything that flowed is counted, told in intervals, and in the days of the report."""
    site.runs(HOUR)
    assert site.counted() == pytest.approx(site.flowed, abs=0.01)
    told = sum(slot.amount for slot in site.slots) + sum(slot.amount for slot in site.state.line.open)
    assert told == site.state.total
    assert sum(slot.amount for day in site.all_days() for slot in day.slots) == sum(slot.amount for slot in site.slots)


@pytest.mark.slow
@pytest.mark.parametrize(("new_first", "off_s"), [(0.0, 0), (5058.0, -5 * HOUR), (4999.97, 5 * HOUR), (12_000.0, 12 * HOUR)])
def test_an_exchange_is_counted_whenever_it_is_written_down(new_first: float, off_s: int) -> None:
    """`off_s`: so far off is the time that somebody wrote."""
    for when in ("before", "at once", "next day"):
        site = Site().begins()
        site.runs(8 * HOUR)
        written = exchange(site.second + 30 + off_s, site.shown, new_first)
        if when == "before":
            site.declared(written)
        site.exchanged(new_first)
        site.runs(PERIOD_S)
        if when == "at once":
            site.declared(written)
        site.runs(16 * HOUR)
        if when == "next day":
            site.declared(written)
        is_whole(site)
        what = Incident.REPLACEMENT if when == "before" else Incident.LATE_REPLACEMENT
        assert [kind for kind in site.told() if kind in (Incident.REPLACEMENT, Incident.LATE_REPLACEMENT)][:1], (when, site.told())
        assert site.told().count(Incident.MISMATCH) == 0
        if when != "at once":
            assert what in site.told()


def test_what_was_said_stays_and_the_correction_is_said_beside_it() -> None:
    site = Site().begins()
    site.runs(2 * HOUR)
    written = site.exchanged()
    site.runs(20 * HOUR)
    said = list(site.slots)
    assert site.told() == [Incident.RESET]
    assert site.counted() == pytest.approx(site.flowed - 0.5)
    site.declared(written)
    site.runs(PERIOD_S)
    assert site.slots[: len(said)] == said
    assert site.told() == [Incident.RESET, Incident.LATE_REPLACEMENT]
    late = site.events[-1]
    assert (late.before / MICRO, late.after / MICRO, late.counted / MICRO) == (5012.0, 0.5, 0.5)
    assert late.since_ms == BEGIN_MS + 2 * HOUR * 1000
    # one quarter has just ended, another is told anew
    correction = site.slots[len(said) + 1 :]
    assert [slot.quarter for slot in correction] == [(BEGIN_MS + 2 * HOUR * 1000) // QUARTER_MS]
    # another start with the same words says nothing more
    site.declared(written)
    is_whole(site)
    assert site.told() == [Incident.RESET, Incident.LATE_REPLACEMENT]


def test_the_quarter_of_an_exchange_is_measured_again_and_back_in_the_balance() -> None:
    site = Site().begins()
    site.runs(2 * HOUR + 300)
    written = site.exchanged()
    site.runs(3 * HOUR)
    quarter = (BEGIN_MS + (2 * HOUR + 300) * 1000) // QUARTER_MS
    spec = replace(METER, name=MeterName("sub"))

    def now() -> dict[int, Slot]:
        found: dict[int, Slot] = {}
        for day in site.all_days():
            for slot in day.slots:
                was = found.get(slot.quarter, Slot(slot.quarter))
                covered = was.covered_ms + slot.covered_ms
                found[slot.quarter] = Slot(slot.quarter, was.amount + slot.amount, was.spread + slot.spread, covered)
        return found

    assert not now()[quarter].whole
    before = balance(METER, (spec,), {METER.name: now(), spec.name: now()})
    site.declared(written)
    site.runs(900)
    assert now()[quarter].whole
    assert now()[quarter].amount == 1_500_000
    after = balance(METER, (spec,), {METER.name: now(), spec.name: now()})
    assert after.quarters == before.quarters + 2


def test_an_exchange_that_looked_like_consumption_is_no_peak_of_demand() -> None:
    site = Site().begins()
    site.runs(6 * HOUR)
    written = site.exchanged(site.shown + 12.0)
    site.runs(18 * HOUR)
    assert site.told() == []
    site.declared(written)
    site.runs(900)
    assert [(event.incident, event.counted) for event in site.events[1:]] == [(Incident.LATE_REPLACEMENT, -12 * MICRO)]
    made = report_of(site)
    assert made == pytest.approx((site.flowed, 6.0), abs=1.6)


def report_of(site: Site) -> tuple[float, float]:
    """The amount and the highest demand of the report."""
    from edgeguard.core.metering import EnergySpec

    made = report(EnergySpec(meters=(site.spec,)), ZONE, {site.spec.name: site.all_days()}, date(2026, 3, 1), date(2026, 4, 1))
    (meter,) = made.meters
    assert meter.sliding is not None
    return meter.amount / MICRO, 4 * meter.sliding.amount / MICRO


def test_two_exchanges_in_two_days_and_two_in_one_pause() -> None:
    site = Site().begins()
    site.runs(2 * HOUR)
    first = site.exchanged()
    site.runs(20 * HOUR)
    second = site.exchanged()
    site.runs(20 * HOUR)
    third = site.exchanged(40.0)
    site.runs(1200, read=False)
    fourth = site.exchanged(7.0)
    site.runs(1200)
    site.declared(first, second, third, fourth)
    is_whole(site)
    assert site.told().count(Incident.LATE_REPLACEMENT) == 3


def test_a_wrong_figure_is_said_and_its_correction_counts() -> None:
    site = Site().begins()
    site.runs(2 * HOUR)
    right = site.exchanged()
    site.runs(2 * HOUR)
    site.declared(replace(right, old_last=right.old_last - 100 * MICRO))
    site.runs(HOUR)
    assert site.told() == [Incident.RESET, Incident.MISMATCH]
    site.declared(right)
    is_whole(site)
    # a figure that was plausible, and is corrected, is corrected by the difference
    site.declared(replace(right, old_last=right.old_last + 2 * MICRO))
    site.runs(PERIOD_S)
    assert [event.counted for event in site.events[-2:]] == [500_000, 2 * MICRO]
    site.declared(right)
    is_whole(site)


@pytest.mark.slow
def test_an_exchange_that_never_came_is_said_and_takes_nothing_away() -> None:
    site = Site().begins()
    site.declared(exchange(2 * HOUR, 5200.0, 0.0))
    site.runs(46 * HOUR)
    assert site.told() == []
    site.runs(6 * HOUR)
    assert site.told() == [Incident.MISMATCH]
    is_whole(site)
    # and one before metering began is nobody's business
    other = Site().begins()
    other.declared(exchange(-5, 17.0, 0.0))
    is_whole(other)
    assert other.told() == []


def test_the_power_goes_for_the_exchange_and_the_clock_is_set_later() -> None:
    """The electrician switches off the board, and with it the gateway, which has no battery."""
    for declared_before in (True, False):
        site = Site().begins()
        site.runs(2 * HOUR)
        written = site.exchanged()
        if declared_before:
            site.declared(written)
            site.kept = dump_state(site.state)
        site.runs(600, read=False)
        site.reboots(synced=False)
        site.runs(600)
        site.synced = True
        site.runs(4 * HOUR)
        site.declared(written)
        is_whole(site)
        late = [Incident.RESET, Incident.LATE_REPLACEMENT]
        assert site.told() == ([Incident.REPLACEMENT] if declared_before else late)


def test_a_meter_that_shows_more_behind_a_reboot_without_a_clock_is_found_from_a_later_boot() -> None:
    site = Site().begins()
    site.runs(2 * HOUR)
    written = site.exchanged(90_000.0)
    site.runs(600, read=False)
    site.reboots(synced=False)
    site.runs(1200)
    site.synced = True
    site.runs(HOUR)
    # the same day has a larger step of another kind
    site.runs(2 * HOUR, read=False)
    site.reboots(synced=True)
    site.runs(HOUR)
    assert site.counted() > 80_000
    site.declared(written)
    is_whole(site)
    assert site.told() == [Incident.LATE_REPLACEMENT]


def test_an_exchange_in_a_long_winter_is_counted_and_not_divided() -> None:
    site = Site().begins()
    site.runs(2 * HOUR)
    written = site.exchanged()
    site.runs(70 * 24 * HOUR, read=False)
    site.runs(2 * HOUR)
    assert site.told() == [Incident.GAP], "by then the new meter shows more than the old one did"
    site.declared(written)
    site.runs(HOUR)
    assert site.told() == [Incident.GAP, Incident.LATE_REPLACEMENT, Incident.GAP]
    assert site.counted() == pytest.approx(site.flowed, abs=0.01)
    undivided = sum(gap.amount for day in site.all_days() for gap in day.gaps)
    assert undivided / MICRO == pytest.approx(site.flowed - 30.0, abs=0.6)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.sampled_from((0.0, 3.0, 4000.0, 90_000.0))), min_size=1, max_size=3),
    st.lists(st.integers(0, 160), max_size=6),
    st.integers(0, 120),
)
def test_whatever_is_killed_an_exchange_is_counted_once(
    swaps: Sequence[tuple[int, float]], kills: Sequence[int], declare_at: int
) -> None:
    site, minute, written = Site().begins(), 0, list[Replacement]()
    at = {}
    for after, new_first in swaps:
        minute += after
        at[minute] = new_first
    for now in range(170):
        if now in at:
            written.append(site.exchanged(at[now]))
        if now >= max(declare_at, max(at)) and not site.spec.replacements:
            site.declared(*written)
            site.kept = dump_state(site.state)
        site.runs(PERIOD_S)
        if now in kills:
            site.killed()
    exact = [swap for swap in swaps if swap[0] >= 4]
    if len(exact) == len(swaps):
        assert site.counted() == pytest.approx(site.flowed, abs=0.01)
    assert sum(s.amount for s in site.slots) + sum(s.amount for s in site.state.line.open) == site.state.total
