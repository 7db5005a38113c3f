"""Where the alarms of a whole site come together: which explains which, which came first, floods, chattering, people's wishes.

Each device's alarms are stepped by rules.engine; this sees to what passes between them. It reads no clock and waits for nothing:
the same calls give the same answers.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from edgeguard.core.alarm import Alarm, AlarmChange, AlarmRule, AlarmState, Hold, HoldKind, Severity
from edgeguard.core.alarm_limits import ALARM_CHATTER_HELD_MS, ALARM_NAMES_TOLD
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import AlarmName, BusName, DeviceName
from edgeguard.core.interlock import PointRef
from edgeguard.core.point import Outcome
from edgeguard.core.rule_state import RuleState
from edgeguard.core.snapshot import Snapshot
from edgeguard.rules.alarms import held, released, worst_first
from edgeguard.rules.engine import (
    NOTHING,
    DeviceRules,
    DeviceState,
    Finding,
    Outputs,
    acknowledge_alarm,
    evaluate,
    idle_until_ms,
    judge,
    look_at,
    pass_time,
    settle,
)
from edgeguard.rules.evidence import Moment
from edgeguard.rules.expression import NOBODY
from edgeguard.rules.flood import Flood, chatters
from edgeguard.rules.parents import explains, is_coming, one_explains
from edgeguard.runtime.alarm_links import Links, Place, Sheet
from edgeguard.runtime.alarm_memory import FLOOD as FLOOD_STATE
from edgeguard.runtime.alarm_memory import OWNER, flood_body, flood_of
from edgeguard.runtime.record import DeviceRecord

GATEWAY = "gateway"
FLOOD = AlarmName("gateway.alarm-flood")
CHATTERING = AlarmName("gateway.alarm-chattering")


@dataclass(slots=True, eq=False)
class CommonSheet:
    """The alarms of a bus, of the site, or of the gateway itself: they have no points of their own."""

    rules: DeviceRules
    state: DeviceState


Moved = list[tuple[Sheet, Mapping[int, Alarm]]]


class AlarmDesk:
    """All alarms of a site. `records` is the pipeline's own mapping, kept up to date by it."""

    def __init__(self, records: Mapping[DeviceName, DeviceRecord]) -> None:
        self._records = records
        self._common: dict[DeviceName, CommonSheet] = {}
        self._links: Links | None = None
        self._found: dict[DeviceName, dict[AlarmName, Finding]] = {}
        self._heard: dict[BusName, dict[DeviceName, bool]] = {}
        """By bus: the devices of which a round has ended, and whether they answered."""
        self._unsure: Moved = []
        """Alarms whose parents may be others now, since the configuration has changed."""
        self._flood = Flood()
        self._came: dict[AlarmName, tuple[int, ...]] = {}
        self._chattering: set[AlarmName] = set()
        self._flood_kept = b""
        self._flood_told = self._flood
        self.settled = 0
        """Counts how often alarms moved in a way that others may notice."""
        self.flood_over: tuple[str, ...] = ()
        """Names of alarms that a flood kept back and that were let go at the last call: to be told once."""

    # --- what there is

    def oversee(self, rules: Iterable[AlarmRule], known: Mapping[AlarmName, Alarm], now: Stamp) -> dict[AlarmName, Alarm]:
        """From now on these are the alarms of buses, site and gateway; gives the states of the former ones."""
        former = {rule.name: alarm for sheet in self._common.values() for rule, alarm in _pairs(sheet)}
        by_owner: dict[DeviceName, list[AlarmRule]] = {}
        for rule in rules:
            by_owner.setdefault(rule.device, []).append(rule)
        self._common = {}
        for owner, owned in by_owner.items():
            compiled = DeviceRules.of(owner, (), tuple(owned))
            self._common[owner] = CommonSheet(compiled, DeviceState.fresh(compiled, {**known, **former}, now))
        self.changed()
        self._chattering = {rule.name for rule, alarm in self.all() if alarm.hold(HoldKind.CHATTERING)}
        return former

    def changed(self, gone: DeviceName | None = None) -> None:
        """Devices came or went: who explains whom is found anew."""
        self._links = None
        if gone is not None:
            self._found.pop(gone, None)
            for heard in self._heard.values():
                heard.pop(gone, None)

    def all(self) -> Iterator[tuple[AlarmRule, Alarm]]:
        """Every alarm: the gateway's own, those of site and buses, then device by device."""
        for sheet in self._all_sheets():
            yield from _pairs(sheet)

    def _all_sheets(self) -> Iterator[Sheet]:
        yield from self._common.values()
        yield from self._records.values()

    def find(self, name: AlarmName) -> tuple[AlarmRule, Alarm]:
        """KeyError if nothing bears that name."""
        place = self._place(name)
        return place.sheet.rules.alarms[place.k], place.sheet.state.alarms[place.k]

    def kept_back_by(self, name: AlarmName) -> int:
        """How many alarms this one explains at this moment."""
        place = self._place(name)
        within = [Place(place.sheet, child) for child in place.sheet.rules.children[place.k]]
        count = sum(_is_kept_back(child) for child in (*within, *self._linked().children.get(name, ())))
        return count + (self._flood.kept_back if name == FLOOD else 0)

    # --- what happens

    def take(self, record: DeviceRecord, snapshot: Snapshot) -> Outputs:
        """One poll round of one device, which `record` already has."""
        now, links = snapshot.at, self._links or self._linked()
        heard = self._heard.get(record.spec.bus)
        moved = self._hear(record, now) if heard is None or heard.get(snapshot.device) is not record.answered else []
        record.state, told, before = evaluate(record.rules, record.state, snapshot, record.outcomes, self._look)
        if before:
            moved.append((record, before))
        if links.combines:
            moved += self._look_at_common(snapshot.device, now)
        if not moved:
            return Outputs(told) if told else NOTHING
        outputs = self._settle(moved, now)
        return replace(outputs, told=told) if told else outputs

    def find_out(self, findings: Mapping[AlarmName, Finding], now: Stamp) -> Outputs:
        """Families of rules have found something of their alarms. KeyError for an alarm that nobody has."""
        touched: dict[int, Sheet] = {}
        for name, finding in findings.items():
            sheet = self._place(name).sheet
            touched[id(sheet)] = sheet
            self._found.setdefault(sheet.rules.device, {})[name] = finding
        return self._settle(self._judge(touched.values(), now), now)

    def idle_until_ms(self, now: Stamp) -> float:
        """Until this boot time `tick` changes nothing if nothing else happens; -1 while every moment may count."""
        links = self._links
        if links is None or self._unsure or self._flood.is_on or (links.combines and self._combinations_wait(links)):
            return -1.0
        due = math.inf
        for sheet in self._all_sheets():
            state = sheet.state
            if state.timed or state.waiting:
                own = idle_until_ms(sheet.rules, state, now)
                if own < 0:
                    return own
                if own == math.inf:
                    sheet.state = replace(state, timed=False, waiting=False)
                due = min(due, own)
        return due

    def _combinations_wait(self, links: Links) -> bool:
        """A delay of a combination of points is running, or something in it has to be held for a while."""
        for owner, sheet in self._common.items():
            for k in links.combined(owner, None):
                trail = sheet.state.trails.get(k)
                remembers = trail is not None and any((*trail.held, *trail.gate))
                if remembers or sheet.state.alarms[k].pending_since_ms is not None:
                    return True
        return False

    def tick(self, now: Stamp) -> Outputs:
        """Once a second: delays that no round drives, ends of shelving, escalation, the end of a flood."""
        self._linked()
        moved, self._unsure = self._unsure, []
        for sheet in self._all_sheets():
            sheet.state, before = pass_time(sheet.rules, sheet.state, now)
            if before:
                moved.append((sheet, before))
        moved += self._judge([sheet for name in self._found for sheet in self._sheets(name) if sheet.state.waiting], now)
        moved += self._look_at_common(None, now)
        moved += self._end_flood(now)
        return self._settle(moved, now)

    def acknowledge(self, name: AlarmName, now: Stamp) -> Outputs:
        """A person has seen it; KeyError if nothing bears that name. Nothing changes where there is nothing to acknowledge."""
        sheet = self._place(name).sheet
        sheet.state, outputs = acknowledge_alarm(sheet.rules, sheet.state, name, now)
        return outputs

    def hold(self, name: AlarmName, hold: Hold) -> Outputs:
        """A person withholds it; KeyError if nothing bears that name."""
        place = self._place(name)
        return self._settle([self._replace(place, held(place.alarm, hold))], hold.at)

    def release(self, name: AlarmName, kinds: Sequence[HoldKind], now: Stamp) -> Outputs:
        """A person withholds it no more; KeyError if nothing bears that name."""
        place = self._place(name)
        alarm = place.alarm
        for kind in kinds:
            alarm = released(alarm, kind)
        if alarm is place.alarm:
            return Outputs()
        self._chattering.discard(name)
        return self._settle([self._replace(place, alarm)], now)

    # --- memory

    def recall(self, states: Mapping[str, bytes], now: Stamp) -> None:
        """What was kept of floods; times of another boot say nothing any more."""
        self._flood = flood_of(states.get(FLOOD_STATE, b""), now)
        self._flood_kept = flood_body(self._flood, now)

    @property
    def has_news(self) -> bool:
        """Something of its own may have changed since it was kept last."""
        return self._flood is not self._flood_told

    def news_to_keep(self, now: Stamp, *, everything: bool = False) -> tuple[RuleState, ...]:
        """The state of floods, if it has changed since it was kept last (or in any case)."""
        self._flood_told = self._flood
        body = flood_body(self._flood, now)
        if body == self._flood_kept and not (everything and body):
            return ()
        self._flood_kept = body
        return (RuleState(OWNER, FLOOD_STATE, body),)

    # --- inner parts

    def _settle(self, moved: Moved, now: Stamp) -> Outputs:
        """What comes of alarms that moved: marks, parents, what people see, and the gateway's own alarms about alarms."""
        moved = [(sheet, wanted) for sheet, before in moved if (wanted := self._that_matter(sheet, before)) or not before]
        if not moved:
            return NOTHING
        self.settled += 1
        for sheet, before in moved:
            for k, was in before.items():
                if sheet.state.alarms[k].raised not in (None, was.raised):
                    self._raised(Place(sheet, k), now)
        moved = [*moved, *self._tell_children(moved)]
        outputs = _Sum()
        for sheet, before in _merged(moved):
            sheet.state, of_sheet = settle(sheet.rules, sheet.state, before, now)
            outputs.add(of_sheet)
        own = self._judge_own(now)
        for sheet, before in own:
            sheet.state, of_sheet = settle(sheet.rules, sheet.state, before, now)
            outputs.add(of_sheet)
        changes = worst_first([self._counted(change) for change in outputs.changes])
        return Outputs((), tuple(changes), tuple(outputs.kept))

    def _that_matter(self, sheet: Sheet, before: Mapping[int, Alarm]) -> Mapping[int, Alarm]:
        """Without alarms of which only a delay runs, as long as they explain none elsewhere."""
        children, alarms, rules = self._linked().children, sheet.state.alarms, sheet.rules.alarms
        return {k: was for k, was in before.items() if rules[k].name in children or not _only_waits(was, alarms[k])}

    def _counted(self, change: AlarmChange) -> AlarmChange:
        count = self.kept_back_by(change.rule.name) if change.alarm.standing else 0
        return replace(change, suppressed=count) if count else change

    def _raised(self, place: Place, now: Stamp) -> None:
        """It has come: is it the first of its group, one too many, or one that comes all the time?"""
        rule, alarm = place.rule, place.alarm
        group = self._linked().groups.get(rule.traits.group, ())
        if group and not any(_came_before(other.alarm, now) for other in group if other.rule.name != rule.name):
            alarm = replace(alarm, first_out=True)
        if rule.device != GATEWAY and not alarm.holds and not self._is_explained(place):
            lately, is_chatter = chatters(self._came.get(rule.name, ()), now.boot_ms)
            self._came[rule.name] = lately
            self._flood = self._flood.alarm(now.boot_ms)
            if is_chatter:
                reason = f"came {len(lately)} times within a minute"
                alarm = held(alarm, Hold(HoldKind.CHATTERING, now, GATEWAY, reason, ALARM_CHATTER_HELD_MS))
                self._chattering.add(rule.name)
            elif self._flood.is_on and rule.severity.rank > Severity.MAJOR.rank:
                alarm = held(alarm, Hold(HoldKind.FLOOD, now, GATEWAY, "alarm flood"))
                self._flood = self._flood.held()
        place.put(alarm)

    def _is_explained(self, place: Place) -> bool:
        rules, state = place.sheet.rules, place.sheet.state
        return place.k in state.suppressed or one_explains(rules.alarms, state.alarms, rules.parents[place.k])

    def _tell_children(self, moved: Moved) -> Moved:
        """Alarms elsewhere that one of these explains, or explains no more."""
        links = self._linked()
        touched: Moved = []
        for sheet, before in moved:
            for k in before:
                for child in links.children.get(sheet.rules.alarms[k].name, ()):
                    touched += self._explain(child)
        return touched

    def _explain(self, child: Place) -> Moved:
        parents = self._linked().parents[child.rule.name]
        state = child.sheet.state
        suppressed = _with(state.suppressed, child.k, any(explains(parent.rule, parent.alarm) for parent in parents))
        gated = _with(state.gated, child.k, any(is_coming(parent.alarm) for parent in parents))
        if (suppressed, gated) == (state.suppressed, state.gated):
            return []
        child.sheet.state = replace(state, suppressed=suppressed, gated=gated, timed=True)
        return [(child.sheet, {child.k: child.alarm})]

    def _judge_own(self, now: Stamp) -> Moved:
        """The alarms that speak of alarms."""
        sheet = self._common.get(DeviceName(GATEWAY))
        if sheet is None:
            return []
        held_now = sorted(self._chattering)
        self._chattering = {name for name in held_now if self._still_chatters(name)}
        shown = ", ".join(sorted(self._chattering)[:ALARM_NAMES_TOLD])
        findings: dict[AlarmName, Finding] = {
            FLOOD: (self._flood.is_on, self._flood.rate(now.boot_ms)),
            CHATTERING: (bool(self._chattering), shown or None),
        }
        sheet.state, before = judge(sheet.rules, sheet.state, findings, now)
        return [(sheet, before)] if before else []

    def _still_chatters(self, name: AlarmName) -> bool:
        place = self._linked().places.get(name)
        return place is not None and place.alarm.hold(HoldKind.CHATTERING) is not None

    def _end_flood(self, now: Stamp) -> Moved:
        """A flood that is over lets go what it kept back."""
        before = self._flood
        self._flood = before.tick(now.boot_ms)
        if self._flood is before:
            return []
        moved: Moved = []
        names: list[str] = []
        for rule, alarm in list(self.all()):
            if alarm.hold(HoldKind.FLOOD) is not None:
                place = self._place(rule.name)
                moved.append(self._replace(place, released(alarm, HoldKind.FLOOD)))
                names.append(rule.name)
        self.flood_over = (str(before.kept_back), *names)
        own = self._common.get(DeviceName(GATEWAY))
        return moved if moved or own is None else [(own, {})]

    def _hear(self, record: DeviceRecord, now: Stamp) -> Moved:
        """Whether a whole bus has fallen silent, or has spoken again."""
        bus, name = record.spec.bus, record.rules.device
        heard = self._heard.setdefault(bus, {})
        heard[name] = record.answered
        lost = self._linked().bus_lost.get(bus)
        if lost is None:
            return []
        silent = len(heard) - sum(heard.values())
        truth = None if silent == len(heard) < self._linked().devices_on[bus] else silent == len(heard)
        self._found.setdefault(lost.sheet.rules.device, {})[lost.rule.name] = (truth, silent)
        moved = self._judge((lost.sheet,), now)
        return [*moved, *self._tell_children(moved)]

    def _judge(self, sheets: Iterable[Sheet], now: Stamp) -> Moved:
        moved: Moved = []
        for sheet in sheets:
            sheet.state, before = judge(sheet.rules, sheet.state, self._found.get(sheet.rules.device, {}), now)
            if before:
                moved.append((sheet, before))
        return moved

    def _look_at_common(self, device: DeviceName | None, now: Stamp) -> Moved:
        """Combinations of points of several devices: when one of them was heard, and as time goes."""
        moved: Moved = []
        links = self._linked()
        for owner, sheet in self._common.items() if links.combines else ():
            chosen = links.combined(owner, device)
            if chosen:
                moment = Moment((), answered=True, look=self._look, now_ms=now.boot_ms)
                sheet.state, before = look_at(sheet.rules, sheet.state, chosen, moment, now)
                if before:
                    moved.append((sheet, before))
        return moved

    def _look(self, point: PointRef) -> Outcome:
        """What holds of a point of any device."""
        record = self._records.get(point.device)
        if record is None:
            return NOBODY
        index = self._linked().point_index(record.rules, point.point)
        return NOBODY if index < 0 else record.outcomes[index]

    def _replace(self, place: Place, alarm: Alarm) -> tuple[Sheet, Mapping[int, Alarm]]:
        was = place.alarm
        place.put(alarm)
        return place.sheet, {place.k: was}

    def _sheets(self, owner: DeviceName) -> list[Sheet]:
        """A bus may bear the name of a device."""
        found: tuple[Sheet | None, ...] = (self._records.get(owner), self._common.get(owner))
        return [sheet for sheet in found if sheet is not None]

    def _place(self, name: AlarmName) -> Place:
        return self._linked().places[name]

    def _linked(self) -> Links:
        if self._links is None:
            self._links = links = Links.of(self._records, self._common)
            for sheet in self._all_sheets():
                if sheet.state.suppressed or sheet.state.gated:
                    sheet.state = replace(sheet.state, suppressed=frozenset(), gated=frozenset())
            for name in links.parents:
                self._explain(links.places[name])
            doubtful = (place for place in links.places.values() if place.alarm.state is AlarmState.SUPPRESSED)
            self._unsure = [(place.sheet, {place.k: place.alarm}) for place in doubtful]
        return self._links


def _pairs(sheet: Sheet) -> Iterator[tuple[AlarmRule, Alarm]]:
    return zip(sheet.rules.alarms, sheet.state.alarms, strict=True)


def _only_waits(was: Alarm, alarm: Alarm) -> bool:
    seen = (was.life, was.holds, was.gone, was.escalated)
    return was is not alarm and seen == (alarm.life, alarm.holds, alarm.gone, alarm.escalated)


def _came_before(alarm: Alarm, now: Stamp) -> bool:
    """It is not over; what came at this very moment has come before only if it bears the mark already."""
    return alarm.life is not AlarmState.NORMAL and (alarm.first_out or alarm.raised != now)


def _is_kept_back(place: Place) -> bool:
    return place.alarm.state is AlarmState.SUPPRESSED or is_coming(place.alarm)


def _with(members: frozenset[int], member: int, wanted: bool) -> frozenset[int]:
    if (member in members) is wanted:
        return members
    return members | {member} if wanted else members - {member}


def _merged(moved: Moved) -> Iterator[tuple[Sheet, Mapping[int, Alarm]]]:
    """One entry per sheet, in the order of their first; of two befores of one alarm the first counts."""
    sheets: dict[int, tuple[Sheet, dict[int, Alarm]]] = {}
    for sheet, before in moved:
        _, merged = sheets.setdefault(id(sheet), (sheet, {}))
        for k, was in before.items():
            merged.setdefault(k, was)
    yield from sheets.values()


@dataclass(slots=True)
class _Sum:
    """What several sheets want told and kept."""

    changes: list[AlarmChange] = field(default_factory=list)
    kept: list[tuple[AlarmName, Alarm]] = field(default_factory=list)

    def add(self, outputs: Outputs) -> None:
        self.changes += outputs.changes
        self.kept += outputs.kept
