"""The family of metering: every good reading of a counter goes through its meter, and what comes of it is kept in one transaction.

Closed intervals, incidents and the state they left are in the same batch: after a kill the state is that of the last batch, and the
counter itself knows what flowed since.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import chain
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import DeviceName
from edgeguard.core.item import Item
from edgeguard.core.metering import MICRO, QUARTER_MS, EnergySpec, MeterName, MeterSpec, ZoneSpec
from edgeguard.core.metering_limits import METER_DAYS_KEPT, METER_READING_MAX, METER_RUN_READINGS
from edgeguard.core.rule_state import ENERGY_DAYS, RuleState
from edgeguard.core.snapshot import Snapshot
from edgeguard.rules.baseline import Baseline
from edgeguard.rules.consumption import Counted
from edgeguard.rules.demand import MINUTE_MS
from edgeguard.rules.energy_items import gap_item, incident_item, interval_items
from edgeguard.rules.exchange import restless
from edgeguard.rules.flow import HOUR_MS
from edgeguard.rules.intervals import Slot, local
from edgeguard.rules.meter import EXCESS_HOURS, Calendar, DayRecord, Hour, MeterOutput, MeterState, step_meter, step_meter_run
from edgeguard.rules.meter_json import dump_baseline, dump_day, dump_state, load_baseline, load_state
from edgeguard.rules.night import ZoneState, dump_zone, load_zone, part_of, step_zone
from edgeguard.rules.still import goes_on
from edgeguard.rules.tariff import Rate, rate_at
from edgeguard.runtime.record import DeviceRecord
from edgeguard.runtime.watches import ANY_ROUND, NOTHING, AlarmInput, CounterRest, Findings, Records, Rest, Stretch

_log = structlog.get_logger()

OWNER: Final = "energy"
_HABIT: Final = "habit"


@dataclass(slots=True)
class _Running:
    """A meter with what it remembers; `index` is its point's place among the device's."""

    spec: MeterSpec
    index: int
    state: MeterState = field(default_factory=MeterState)
    habit: Baseline = field(default_factory=Baseline)
    run: list[tuple[float, Stamp]] = field(default_factory=list)
    from_ms: int = 0
    to_ms: int = -1
    low: float = 0.0
    high: float = 0.0
    newest_ms: int = -1
    reach: float = 0.0
    """How far the counter may go on from one reading to the next and be believed whatever the time between them."""

    def rests(self, value: float, at: Stamp) -> bool:
        """This reading goes on from the one before, within a minute and the same quarter, and waits to be counted with others.

        Nothing comes of such a reading but that the counter has gone on; so of many of them nobody can tell that they were counted
        at once (`rules.consumption.step_run`).
        """
        if not self.from_ms <= at.wall_ms < self.to_ms or not self.low <= value <= self.high:
            return False
        if not 0 < at.boot_ms - self.newest_ms <= MINUTE_MS or len(self.run) >= METER_RUN_READINGS:
            return False
        self.run.append((value, at))
        self.low, self.high, self.newest_ms = value, value + self.reach, at.boot_ms
        return True

    def looked(self, value: float, at: Stamp) -> None:
        """A reading was taken: until when those that go on from it may wait; none while any waits to be believed."""
        counter = self.state.counter
        begin_ms = at.wall_ms - at.wall_ms % QUARTER_MS
        self.to_ms = -1
        last = counter.last
        if counter.waiting or last is None or not at.synced or last.at.wall_ms < begin_ms or not goes_on(last.at, at):
            return
        if not -METER_READING_MAX < value * self.spec.micro < METER_READING_MAX:
            return
        if self.spec.replacements and restless(self.spec, counter.past, begin_ms, begin_ms + QUARTER_MS):
            return
        self.from_ms, self.to_ms, self.newest_ms = begin_ms, begin_ms + QUARTER_MS, at.boot_ms
        self.low, self.high = max(value, last.value / self.spec.micro), value + self.reach

    @property
    def name(self) -> str:
        """Of its state: a meter that is fed by another counter begins anew."""
        return f"{self.spec.name}/{self.spec.device}.{self.spec.point}"

    @property
    def habit_name(self) -> str:
        """Of what it has learnt."""
        return f"{self.spec.name}/{_HABIT}"

    def kept(self) -> RuleState:
        """The state, to be kept."""
        return RuleState(OWNER, self.name, dump_state(self.state))

    def counted(self) -> tuple[Counted, ...]:
        """The readings that wait to be counted together."""
        return tuple(Counted(at, round(value * self.spec.micro)) for value, at in self.run)

    def kept_habit(self) -> RuleState:
        """The habit, to be kept."""
        return RuleState(OWNER, self.habit_name, dump_baseline(self.habit))


class EnergyWatch:
    """A `runtime.watches.Watch`."""

    def __init__(self, spec: EnergySpec) -> None:
        self._spec = spec
        self._calendar = Calendar(ZoneInfo(spec.zone), spec.holidays, spec.workdays)
        self._meters: dict[DeviceName, list[_Running]] = {}
        self._zones = {zone.name: ZoneState() for zone in spec.zones}
        self._forgotten: tuple[RuleState, ...] = ()
        self._pace: Stamp | None = None
        """Since when both clocks have gone on together."""

    @property
    def owner(self) -> str:
        """The family's name."""
        return OWNER

    def begin(self, records: Records, states: Mapping[str, bytes], now: Stamp) -> None:
        """Take up every meter where it was left."""
        self._meters.clear()
        wanted: set[str] = set()
        for spec in self._spec.meters:
            record = records.get(spec.device)
            if record is None:
                continue
            names = [point.name for point in record.rules.points]
            running = _Running(spec, names.index(spec.point), reach=spec.max_rate * MINUTE_MS / HOUR_MS / spec.micro)
            _recall(running, states)
            wanted |= {running.name, running.habit_name}
            self._meters.setdefault(spec.device, []).append(running)
        for zone in self._spec.zones:
            name = zone_name(zone)
            wanted.add(name)
            if name in states:
                self._zones[zone.name] = _recalled_zone(zone, states[name])
        self._forgotten = tuple(RuleState(OWNER, name, b"") for name in states if name not in wanted)

    def take(self, record: DeviceRecord, snapshot: Snapshot) -> Findings:
        """One round of a device: its counters step, those that were read well."""
        meters = self._meters.get(record.spec.name)
        if meters is None:
            return NOTHING
        found = NOTHING
        at = replace(snapshot.at, synced=True) if self._spec.trust_clock and not snapshot.at.synced else snapshot.at
        if self._pace is None or not goes_on(self._pace, at):
            self._pace = at
            for running in chain.from_iterable(self._meters.values()):
                running.to_ms = -1
        for running in meters:
            value = snapshot.outcomes[running.index]
            if value.__class__ is not float and value.__class__ is not int:
                continue
            if running.rests(value, at):
                continue
            self._count_waiting(running)
            shown = max(min(value * running.spec.micro, METER_READING_MAX), -METER_READING_MAX)
            reading = Counted(at, round(shown))
            running.state, output = step_meter(
                running.spec, self._calendar, self._spec.excess_percent, running.state, running.habit, reading
            )
            running.looked(value, at)
            if output:
                found = _together(found, self._said(running, output, snapshot.at))
        return found

    def rest(self, device: DeviceName) -> Rest | None:
        """As `runtime.watches.Restful` has it."""
        meters = self._meters.get(device)
        if meters is None:
            return ANY_ROUND
        if any(one.to_ms < 0 for one in meters):
            return None
        room = METER_RUN_READINGS
        return Rest(counters=tuple(CounterRest(m.index, m.low, m.high, m.to_ms, room - len(m.run)) for m in meters))

    def rested(self, record: DeviceRecord, stretch: Stretch) -> None:
        """As `runtime.watches.Restful` has it."""
        for running in self._meters.get(record.spec.name, ()):
            column = stretch.columns[running.index]
            for k in range(stretch.first, stretch.end):
                value = column[k]
                if value.__class__ is float or value.__class__ is int:
                    running.run.append((value, stretch.moment(k)))
            if running.run:
                value, at = running.run[-1]
                running.low, running.high, running.newest_ms = value, value + running.reach, at.boot_ms

    def tick(self, now: Stamp) -> Findings:
        """Time alone says nothing of a counter; what is not configured any more is forgotten."""
        if not self._forgotten:
            return NOTHING
        forgotten, self._forgotten = self._forgotten, ()
        return Findings(states=forgotten)

    def states(self) -> tuple[RuleState, ...]:
        """All meters and their habits."""
        running = list(chain.from_iterable(self._meters.values()))
        for one in running:
            self._count_waiting(one)
        zones = (RuleState(OWNER, zone_name(zone), dump_zone(self._zones[zone.name])) for zone in self._spec.zones)
        return (*(state for one in running for state in (one.kept(), one.kept_habit())), *zones)

    def _count_waiting(self, running: _Running) -> None:
        """Count what waits. It closes no interval and is no incident, so that nothing is to be told of it."""
        if not running.run:
            return
        spec, percent = running.spec, self._spec.excess_percent
        running.state, _ = step_meter_run(spec, self._calendar, percent, running.state, running.habit, running.counted())
        running.run.clear()

    def _said(self, running: _Running, output: MeterOutput, at: Stamp) -> Findings:
        spec = running.spec
        items: list[Item] = [incident_item(spec, event) for event in output.events]
        items += interval_items(spec, output.closed, [self._rate(spec, slot) for slot in output.closed], at)
        items += [gap_item(spec, gap, at) for gap in output.gaps]
        states = [running.kept()]
        if output.baseline is not None:
            running.habit = output.baseline
            states.append(running.kept_habit())
        states += [RuleState(ENERGY_DAYS, day_name(spec.name, day.day), dump_day(day)) for day in output.ended]
        for day in (*output.ended, *output.added):
            old = day.day - timedelta(days=METER_DAYS_KEPT)
            states.append(RuleState(ENERGY_DAYS, day_name(spec.name, old), b""))
        first = running.state.addends - len(output.added)
        states += [_addend(spec.name, day, first + i) for i, day in enumerate(output.added)]
        alarms = list(self._judged(running, output.hours))
        for day in output.ended:
            for zone in self._spec.zones:
                if spec.name in zone.inflow or spec.name in zone.behind:
                    kept, found = self._night(zone, spec.name, day)
                    states.append(kept)
                    alarms += found
        return Findings(tuple(items), tuple(alarms), states=tuple(states))

    def _night(self, zone: ZoneSpec, meter: MeterName, day: DayRecord) -> tuple[RuleState, list[AlarmInput]]:
        """A day of a zone's meter is over: what is to be kept, and what is found once all of its meters have told theirs."""
        state, night = step_zone(zone, self._zones[zone.name], meter, part_of(day, self._calendar.zone))
        self._zones[zone.name] = state
        kept = RuleState(OWNER, zone_name(zone), dump_zone(state))
        if night is None:
            return kept, []
        return kept, [AlarmInput(zone.alarm, state.leaks, (night.lost if zone.behind else night.least) / MICRO)]

    def _judged(self, running: _Running, hours: tuple[Hour, ...]) -> tuple[AlarmInput, ...]:
        verdict = next((hour.verdict for hour in reversed(hours) if hour.verdict is not None), None)
        if running.spec.excess is None or verdict is None:
            return ()
        return (AlarmInput(running.spec.excess, running.state.over >= EXCESS_HOURS, verdict.excess / MICRO),)

    def _rate(self, spec: MeterSpec, slot: Slot) -> Rate | None:
        if not self._spec.tariffs:
            return None
        at = local(slot.quarter, self._calendar.zone)
        return rate_at(self._spec.tariffs, spec.medium, at, self._calendar.kind(at.date()))


def day_name(meter: MeterName, day: date) -> str:
    """Under which a day's record is kept; what was added to it later bears a number behind it."""
    return f"{meter}/{day.isoformat()}"


def zone_name(zone: ZoneSpec) -> str:
    """Under which a zone's nights are kept; no meter's state has a name like it."""
    return f"{zone.name}/zone"


def _recalled_zone(zone: ZoneSpec, body: bytes) -> ZoneState:
    """What was kept, if it can be read and is still about the same meters; else the zone begins anew."""
    try:
        state = load_zone(body)
    except ValueError as error:
        _log.error("energy.forgotten", zone=zone.name, error=str(error))
        return ZoneState()
    return replace(state, parts=tuple(pair for pair in state.parts if pair[0] in (*zone.inflow, *zone.behind)))


def _addend(meter: MeterName, day: DayRecord, number: int) -> RuleState:
    return RuleState(ENERGY_DAYS, f"{day_name(meter, day.day)}+{number}", dump_day(day))


def _recall(running: _Running, states: Mapping[str, bytes]) -> None:
    """What was kept, if it can be read; else the meter begins anew, which its first reading shows as an incident."""
    for name, recall in ((running.name, _recall_state), (running.habit_name, _recall_habit)):
        body = states.get(name)
        if body is not None:
            try:
                recall(running, body)
            except ValueError as error:
                _log.error("energy.forgotten", meter=running.spec.name, error=str(error))


def _recall_state(running: _Running, body: bytes) -> None:
    running.state = load_state(body)


def _recall_habit(running: _Running, body: bytes) -> None:
    running.habit = load_baseline(body)


def _together(one: Findings, two: Findings) -> Findings:
    if one is NOTHING:
        return two
    return Findings(one.items + two.items, one.alarms + two.alarms, one.figures + two.figures, one.states + two.states)
