"""From a snapshot to the outbox: rules step, items made, one batch to the store. The only holder of rule state in memory.

Nothing here waits: a slow disk never holds a poll back (the store bounds what it keeps pending).
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from types import MappingProxyType
from typing import Final, Protocol

import structlog

from edgeguard.core.alarm import Alarm, AlarmChange, AlarmRule, AlarmState
from edgeguard.core.alarm_limits import ALARM_NAMES_TOLD
from edgeguard.core.clock import Clock, Stamp, iso_utc
from edgeguard.core.health import Health
from edgeguard.core.ids import AlarmName, DeviceName
from edgeguard.core.item import STREAMS, Item, Stream
from edgeguard.core.limits import RECENT_EVENTS
from edgeguard.core.point import Labels, Outcome, Value
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.rule_state import RuleState
from edgeguard.core.site import DeviceSpec
from edgeguard.core.snapshot import Snapshot
from edgeguard.rules.engine import NOTHING as QUIET
from edgeguard.rules.engine import DeviceRules, DeviceState, Outputs, mark_stale
from edgeguard.rules.items import alarm_item, command_item, health_item, retired_alarm_item, telemetry_items
from edgeguard.runtime.alarm_desk import AlarmDesk
from edgeguard.runtime.rates import Rate
from edgeguard.runtime.record import DeviceRecord
from edgeguard.runtime.watches import NOTHING, Findings, Watch
from edgeguard.store import Batch

_log = structlog.get_logger()

_NOT_DUE = Reason.NOT_DUE
_FLOOD_OVER = Labels(zh="告警洪水已结束", en="the alarm flood is over")
NEVER = Fault(Reason.NOT_POLLED, "no poll round has ended yet")
NOBODY_HEARD: Final[Mapping[DeviceName, int]] = MappingProxyType({})


class Accepts(Protocol):
    """The store as the pipeline sees it."""

    def submit(self, batch: Batch) -> None:
        """Take a batch; never blocks."""
        ...


class Pipeline:
    """Owns the rule state of every device and turns what they say into batches for the store."""

    def __init__(self, store: Accepts, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._records: dict[DeviceName, DeviceRecord] = {}
        self.recent: deque[str] = deque(maxlen=RECENT_EVENTS)
        self.points_read = 0
        self.points_rate = Rate()
        self.stream_rates = {stream: Rate() for stream in STREAMS}
        self._items: Counter[Stream] = Counter()
        self._watches: tuple[Watch, ...] = ()
        self._unlooked = False
        """Values have become stale since combinations of points were looked at."""
        self.desk = AlarmDesk(self._records)
        self.on_change: list[Callable[[AlarmChange], None]] = []
        """Who hears of every change of an alarm when it happens."""

    @property
    def records(self) -> Mapping[DeviceName, DeviceRecord]:
        """Devices by name, in the order of the configuration."""
        return self._records

    def add(self, spec: DeviceSpec, known: Mapping[AlarmName, Alarm]) -> None:
        """Watch a device; `known` holds alarm states from before a restart or reload."""
        points = spec.profile.points
        rules = DeviceRules.of(spec.name, points, spec.alarms)
        self._records[spec.name] = DeviceRecord(
            spec=spec,
            rules=rules,
            state=DeviceState.fresh(rules, known, self._clock.now(), spec.period_ms),
            outcomes=(NEVER,) * len(points),
            at=None,
            good=[None] * len(points),
            good_at=[None] * len(points),
        )
        self.desk.changed()

    def remove(self, name: DeviceName) -> dict[AlarmName, Alarm]:
        """Forget a device; returns its alarm states, for a successor of the same name."""
        record = self._records.pop(name)
        self.desk.changed(name)
        return {rule.name: alarm for rule, alarm in zip(record.rules.alarms, record.state.alarms, strict=True)}

    def watch(self, watches: Sequence[Watch], states: Mapping[str, Mapping[str, bytes]] | None = None) -> None:
        """From now on these families look at the devices, which must have been added.

        `states`: what the store has kept, by name by owner; None at a reload: their predecessors tell what they remember.
        """
        if states is None:
            states = {old.owner: {state.name: state.body for state in old.states()} for old in self._watches}
        now = self._clock.now()
        self._watches = tuple(watches)
        for family in self._watches:
            family.begin(self._records, states.get(family.owner, {}), now)

    @property
    def watches(self) -> tuple[Watch, ...]:
        """The families that look at the devices now."""
        return self._watches

    def oversee(
        self,
        rules: Iterable[AlarmRule],
        known: Mapping[AlarmName, Alarm] | None = None,
        states: Mapping[str, bytes] | None = None,
    ) -> None:
        """From now on these are the alarms of buses, site and gateway; `known` and `states` as last kept, at the start.

        At a reload their predecessors' states count instead; what stood among those that are gone is closed.
        """
        now = self._clock.now()
        if states is not None:
            self.desk.recall(states, now)
        self.retire(self.desk.oversee(rules, known or {}, now))

    def order(self, names: Iterable[DeviceName]) -> None:
        """Show the devices in this order from now on; all of them must be named."""
        ordered = {name: self._records[name] for name in names}
        self._records.clear()
        self._records.update(ordered)

    def take(self, snapshot: Snapshot) -> None:
        """One poll round has ended: judge it and hand everything it says to the store in one batch."""
        record = self._records.get(snapshot.device)
        if record is None:
            return
        if not snapshot.answered:
            snapshot = _all_silent(snapshot)
        self._remember(record, snapshot)
        outputs = self.desk.take(record, snapshot)
        findings = [said for watch in self._watches if (said := watch.take(record, snapshot)) is not NOTHING and said]
        if outputs is not QUIET or findings or self.desk.has_news:
            self._submit(record, snapshot.at, outputs, findings)

    def sweep(self) -> None:
        """Once a second: let delays end that no snapshot drives, and mark what has become stale."""
        now = self._clock.now()
        self.points_rate.look(self.points_read, now.boot_ms)
        for stream, rate in self.stream_rates.items():
            rate.look(self._items[stream], now.boot_ms)
        outputs = self.desk.tick(now)
        self._unlooked = False
        for record in self._records.values():
            if record.at is None or record.stale or not record.answered:
                continue
            age_ms = now.boot_ms - record.at.boot_ms
            if age_ms > record.spec.stale_after_ms:
                self._mark_stale(record, now, age_ms / 1000.0)
                self._unlooked = True
        findings = [said for watch in self._watches if (said := watch.tick(now))]
        self._hand_over([outputs], self._flood_over(now), findings, now)

    def idle_until_ms(self, heard_ms: Mapping[DeviceName, int] = NOBODY_HEARD) -> float:
        """Until this boot time `sweep` says nothing if no round comes: -1 while every second may count.

        Families are taken to have said what their beginning left to say. `heard_ms`: devices that go on answering until then.
        """
        if self._unlooked:
            return -1.0
        idle_ms = self.desk.idle_until_ms(self._clock.now())
        for record in self._records.values():
            if record.at is not None and record.answered and not record.stale:
                at_ms = heard_ms.get(record.spec.name, record.at.boot_ms)
                idle_ms = min(idle_ms, at_ms + record.spec.stale_after_ms)
        return idle_ms

    def wish(self, name: AlarmName, by: str, action: str, outputs: Outputs, now: Stamp, detail: str = "") -> Batch:
        """What the store is to be given of what a person has had done to an alarm: the record of it, and what came of it."""
        for change in outputs.changes:
            self._tell(change)
        told = (command_item(action, name, now, by, "done", detail=detail), *(alarm_item(change) for change in outputs.changes))
        return Batch(told, outputs.kept, states=self.desk.news_to_keep(now))

    def acknowledge(self, name: AlarmName, by: str) -> Batch | None:
        """A person acknowledges an alarm: what the store is to be given, None if there was nothing to acknowledge.

        KeyError if nothing bears that name.
        """
        now = self._clock.now()
        outputs = self.desk.acknowledge(name, now)
        return self.wish(name, by, "ack", outputs, now) if outputs.changes else None

    def keep_alarms(self) -> None:
        """Hand the store every alarm state that is not normal and all that the families remember: it has begun a new file."""
        kept = tuple((rule.name, alarm) for rule, alarm in self.desk.all() if alarm.state is not AlarmState.NORMAL or alarm.holds)
        own = self.desk.news_to_keep(self._clock.now(), everything=True)
        states = (*own, *(state for watch in self._watches for state in watch.states()))
        if kept or states:
            self._store.submit(Batch((), kept, states=states))

    def retire(self, known: Mapping[AlarmName, Alarm]) -> None:
        """Close alarms that stood but whose definition is gone."""
        defined = {rule.name for rule, _ in self.desk.all()}
        now = self._clock.now()
        for name, alarm in known.items():
            if name not in defined and alarm.state is not AlarmState.NORMAL:
                self._store.submit(Batch((retired_alarm_item(name, now),), ((name, Alarm(since=now)),)))
                self.note(now, f"{name} normal (removed)")

    def health(self, news: Health) -> None:
        """A `HealthSink`: log it, and tell the platform as an event."""
        now = self._clock.now()
        log = _log.info if news.ok else _log.warning
        log("health.changed", source=news.source, code=news.code, text=news.text.en, detail=news.detail)
        self.note(now, f"{news.source} {news.code}: {news.text.en}")
        self.emit(health_item(news, now))

    def emit(self, item: Item, *states: RuleState) -> None:
        """Hand a single item to the store, and what is to be kept in the same transaction."""
        self._store.submit(Batch((item,), states=states))

    def alarm_counts(self) -> Counter[AlarmState]:
        """How many alarms are in which state."""
        return Counter(alarm.state for _, alarm in self.desk.all())

    def _remember(self, record: DeviceRecord, snapshot: Snapshot) -> None:
        outcomes, at = snapshot.outcomes, snapshot.at
        record.at, record.answered, record.stale = at, snapshot.answered, False
        failed = Fault in set(map(type, outcomes))
        if failed and _NOT_DUE in {outcome.reason for outcome in outcomes if isinstance(outcome, Fault)}:
            outcomes = tuple(map(_still_known, outcomes, record.outcomes, record.good))
        record.outcomes = outcomes
        if not snapshot.answered:
            return
        record.answered_at = at
        self.points_read += len(outcomes)
        if not failed:
            record.good[:] = outcomes  # type: ignore[assignment]
            record.good_at[:] = (at,) * len(outcomes) if snapshot.asked_at is None else map(snapshot.read_at, range(len(outcomes)))
            return
        good, good_at, read_at = record.good, record.good_at, snapshot.read_at
        for index, outcome in enumerate(snapshot.outcomes):
            if outcome.__class__ is not Fault:
                good[index] = outcome  # type: ignore[assignment]
                good_at[index] = read_at(index)

    def _mark_stale(self, record: DeviceRecord, now: Stamp, age_s: float) -> None:
        record.state, record.outcomes, outputs = mark_stale(record.rules, record.state, record.outcomes, age_s, now)
        record.stale = True
        self._submit(record, now, outputs)
        _log.warning("device.stale", device=record.spec.name, age_s=round(age_s, 1))

    def _submit(self, record: DeviceRecord, at: Stamp, outputs: Outputs, findings: Sequence[Findings] = ()) -> None:
        told: list[Item] = []
        if outputs.told:
            told = telemetry_items(record.spec.name, at, record.rules.points, record.outcomes, outputs.told)
        self._hand_over([outputs], told, findings, at)

    def _hand_over(self, steps: list[Outputs], told: Sequence[Item], findings: Sequence[Findings], at: Stamp) -> None:
        """One batch of what the rules and the families say at one moment; nothing if they say nothing."""
        found = {one.name: (one.truth, one.value) for one in chain.from_iterable(said.alarms for said in findings)}
        if found:
            steps = [*steps, self.desk.find_out(found, at)]
        changes = [change for outputs in steps for change in outputs.changes]
        items = [alarm_item(change) for change in changes]
        items += told
        states = self.desk.news_to_keep(at)
        for said in findings:
            items += (*said.items, *(figures.item() for figures in said.figures))
            states += said.states
        kept = tuple(one for outputs in steps for one in outputs.kept)
        if not (items or states or kept):
            return
        self._items.update(item.stream for item in items)
        self._store.submit(Batch(tuple(items), kept, states=states))
        for change in changes:
            self._tell(change)

    def _flood_over(self, now: Stamp) -> list[Item]:
        """A flood is over: what it kept back is told by name, so that nothing of it is lost."""
        over, self.desk.flood_over = self.desk.flood_over, ()
        if not over:
            return []
        count, *names = over
        shown = ", ".join(names[:ALARM_NAMES_TOLD]) + (" …" if len(names) > ALARM_NAMES_TOLD else "")
        detail = f"{count} alarms were kept back; now told or over: {shown or 'none'}"
        return [health_item(Health("alarms", "flood-over", ok=True, text=_FLOOD_OVER, detail=detail), now)]

    def _tell(self, change: AlarmChange) -> None:
        rule = change.rule
        _log.info("alarm.changed", alarm=rule.name, state=change.state.value, severity=change.severity.value, value=change.value)
        shown = "" if change.value is None else f" ({change.value})"
        self.note(change.at, f"{rule.name} {change.state.value}{shown}: {rule.text.en}")
        for hear in self.on_change:
            hear(change)

    def note(self, at: Stamp, text: str) -> None:
        """Among what people see of the last minutes."""
        self.recent.append(f"{iso_utc(at.wall_ms)[11:19]} {text}")


def _still_known(outcome: Outcome, before: Outcome, good: Value | None) -> Outcome:
    """What holds of a point: the old outcome, if it was not asked for on purpose; what had become stale is good again."""
    if not isinstance(outcome, Fault) or outcome.reason is not _NOT_DUE:
        return outcome
    return good if isinstance(before, Fault) and before.reason is Reason.STALE and good is not None else before


def _all_silent(snapshot: Snapshot) -> Snapshot:
    """A knock that nobody answered says the same of every point: the reason why is that of the one that was asked."""
    asked = next((o for o in snapshot.outcomes if isinstance(o, Fault) and o.reason is not Reason.NOT_POLLED), None)
    if asked is None:
        return snapshot
    return replace(snapshot, outcomes=(asked,) * len(snapshot.outcomes))
