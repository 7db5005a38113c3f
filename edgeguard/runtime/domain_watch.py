"""Domain rules at run time: shows each family what it watches, round by round, and hands on what it finds, counts and remembers."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from itertools import chain
from typing import Final
from zoneinfo import ZoneInfo

import orjson

from edgeguard.core.clock import Stamp
from edgeguard.core.domain import Family, Input, Watched
from edgeguard.core.ids import AlarmName, DeviceName, alarm_name
from edgeguard.core.json_value import JsonValue
from edgeguard.core.point import Kind, Outcome, Value
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.role import ROLES, factor
from edgeguard.core.rule_limits import DOMAIN_LOOK_MS, FIGURES_TOLD_MS, STATE_KEPT_MS
from edgeguard.core.rule_state import RuleState
from edgeguard.core.site import DeviceSpec, Site
from edgeguard.core.snapshot import Snapshot
from edgeguard.rules.families import Memory, NoMemory, edges_of, lasted, recall, step_family
from edgeguard.rules.pumpset import SetMemory
from edgeguard.rules.still import Still, Turns, goes_on, still
from edgeguard.rules.truth import Found, Inputs, within_reason
from edgeguard.rules.water import WaterMemory
from edgeguard.runtime.record import DeviceRecord
from edgeguard.runtime.watches import NOTHING, AlarmInput, Figures, Findings, Records, Rest, Stretch

OWNER: Final = "domain"
NEVER: Final = Fault(Reason.NOT_POLLED)
_COUNTS: Final = frozenset({"trips_counted", "door_cycles_counted", "starts_counted", "starts_last_hour"})


@dataclass(frozen=True, slots=True)
class _Reader:
    """Where a role's value is found, and what makes it one in the role's unit."""

    role: str
    device: DeviceName
    column: int
    is_flag: bool
    when: tuple[Value, ...] | None
    factor: float

    def edges(self, shared: Mapping[str, Turns]) -> Turns | None:
        """Where its number may turn a finding, in the point's own unit; None where any change may."""
        if self.is_flag or self.when is not None:
            return None
        edges = shared.get(self.role)
        return edges if edges is None or self.factor == 1.0 else [edge / self.factor for edge in edges]


@dataclass(slots=True)
class _Post:
    """One family at one device. `alarms`: rule name -> alarm, of those that the site has left on; `told`: what was said last."""

    watched: Watched
    device: DeviceName
    alarms: Mapping[str, AlarmName]
    limits: Mapping[str, float]
    figures: frozenset[str]
    zone: tzinfo
    memory: Memory
    found: dict[str, Found] = field(default_factory=dict)
    told: dict[str, float] = field(default_factory=dict)
    told_ms: int | None = None
    kept: tuple[object, ...] = ()
    kept_ms: int | None = None
    readers: tuple[_Reader, ...] = ()
    members: tuple[tuple[_Reader, ...], ...] = ()
    by_device: tuple[tuple[DeviceName, tuple[_Reader, ...]], ...] = ()
    """All of these by their device."""
    seen: tuple[Inputs, tuple[Inputs, ...]] = ({}, ())
    """The inputs of the last step; they, or their like, have held until `seen_at`, when the device has `shown` this."""
    seen_at: Stamp | None = None
    shown: tuple[Outcome, ...] = ()
    rest: tuple[tuple[DeviceName, Still], ...] = ()
    """By device: the rounds that need no step."""
    until_ms: float = -1.0

    def made_up(self) -> Memory:
        """The memory up to the last round that was left out: time was counted by the old inputs, and the last one ends it."""
        if self.seen_at is None:
            return self.memory
        inputs, members = self.seen
        if isinstance(self.memory, WaterMemory):
            inputs = _values(self.readers, dict.fromkeys((one.device for one in self.readers), self.shown))
        return lasted(self.memory, inputs, members, self.limits, self.seen_at, self.zone)

    @property
    def name(self) -> str:
        """Under which its memory is kept."""
        return f"{self.device}.{self.watched.family.value}" + (f".{self.watched.group}" if self.watched.group else "")

    def state(self) -> RuleState:
        """The memory as it is kept."""
        return RuleState(OWNER, self.name, orjson.dumps(self.made_up().body()))


class DomainWatch:
    """A `runtime.watches.Watch` of all domain rules of a site."""

    owner = OWNER

    def __init__(self, site: Site) -> None:
        self._posts: dict[DeviceName, list[_Post]] = {}
        zone = ZoneInfo(site.energy.zone)
        for spec in site.devices:
            posts = [_post(spec, watched, zone) for watched in spec.domain.watched]
            if posts:
                self._posts[spec.name] = posts
        self._records: Records = {}
        self._gone: list[RuleState] = []
        self._pace: Stamp | None = None
        """Since when both clocks have gone on together."""

    def counted(self, device: DeviceName) -> Mapping[str, float]:
        """What was counted of a device, by the name of the figure, as told last."""
        return {key: value for post in self._posts.get(device, ()) for key, value in post.told.items()}

    def begin(self, records: Records, states: Mapping[str, bytes], now: Stamp) -> None:
        """Take up what was remembered."""
        self._records = records
        for post in chain.from_iterable(self._posts.values()):
            post.readers = self._readers(post.watched.inputs)
            post.members = tuple(self._readers(inputs) for _, inputs in post.watched.members)
            post.by_device = _by_device(chain(post.readers, *post.members))
        known = {post.name: post for post in chain.from_iterable(self._posts.values())}
        for name, body in states.items():
            keeper = known.get(name)
            if keeper is None:
                self._gone.append(RuleState(OWNER, name, b""))
            else:
                keeper.memory = recall(keeper.watched.family, _object(body))
                keeper.kept = keeper.memory.urgent

    def take(self, record: DeviceRecord, snapshot: Snapshot) -> Findings:
        """One round of a device has ended."""
        posts = self._posts.get(snapshot.device)
        if posts is None:
            return self._farewell()
        if self._pace is None or not goes_on(self._pace, snapshot.at):
            self._pace = snapshot.at
            self._wake()
        awake = [post for post in posts if not self._rests(post, record, snapshot.at)]
        if not awake:
            return self._farewell()
        alarms: list[AlarmInput] = []
        figures: dict[str, float] = {}
        states: list[RuleState] = []
        for post in awake:
            said, told = self._step(post, snapshot.at)
            alarms += said
            figures |= told
            if told or _must_keep(post, snapshot.at):
                post.kept, post.kept_ms = post.memory.urgent, snapshot.at.boot_ms
                states.append(post.state())
            post.until_ms = _due_ms(post, snapshot.at)
        gone = self._farewell()
        if not (alarms or figures or states):
            return gone
        told_figures = (Figures(snapshot.device, snapshot.at, figures),) if figures else ()
        return Findings(alarms=tuple(alarms), figures=told_figures, states=(*gone.states, *states))

    def tick(self, now: Stamp) -> Findings:
        """Nothing depends on time alone: delays of alarms run on by themselves."""
        return self._farewell()

    def states(self) -> tuple[RuleState, ...]:
        """Everything that is remembered."""
        return tuple(post.state() for posts in self._posts.values() for post in posts if post.watched.family is not Family.POWER)

    def rest(self, device: DeviceName) -> Rest | None:
        """As `runtime.watches.Restful` has it."""
        posts = self._posts.get(device, ())
        if not all(post.rest for post in posts):
            return None
        return Rest(min((post.until_ms for post in posts), default=math.inf), tuple(chain.from_iterable(p.rest for p in posts)))

    def rested(self, record: DeviceRecord, stretch: Stretch) -> None:
        """As `runtime.watches.Restful` has it."""
        for post in self._posts.get(record.spec.name, ()):
            post.seen_at, post.shown = stretch.moment(stretch.end - 1), record.outcomes

    def _wake(self) -> None:
        """The wall clock was set: whoever goes by it looks at once."""
        for post in chain.from_iterable(self._posts.values()):
            post.until_ms = -1.0

    def _rests(self, post: _Post, record: DeviceRecord, now: Stamp) -> bool:
        """Whether this round changes nothing of what the family says."""
        if not post.rest:
            return False
        for device, rest in post.rest:
            one = record if device == record.spec.name else self._records.get(device)
            if one is None or not rest.holds(one.outcomes):
                post.rest = ()
                return False
        if now.boot_ms >= post.until_ms:
            return False
        post.seen_at, post.shown = now, record.outcomes
        return True

    def _step(self, post: _Post, now: Stamp) -> tuple[list[AlarmInput], dict[str, float]]:
        shown = {device: record.outcomes for device, _ in post.by_device if (record := self._records.get(device)) is not None}
        inputs = _values(post.readers, shown)
        members = tuple(_values(readers, shown) for readers in post.members)
        post.memory, says = step_family(post.made_up(), inputs, members, post.limits, now, post.zone)
        post.seen, post.seen_at = (inputs, members), None
        said = []
        for rule, alarm in post.alarms.items():
            found = says.found[rule]
            before = post.found.get(rule)
            if before is None or found.truth != before.truth or (found.truth and found.value != before.value):
                post.found[rule] = found
                said.append(AlarmInput(alarm, found.truth, found.value))
        self._lie_down(post, anew=bool(said))
        figures = {name: value for name, value in says.figures.items() if name in post.figures}
        return said, _worth_telling(post, figures, now)

    def _lie_down(self, post: _Post, *, anew: bool) -> None:
        """Find out which rounds need no step from now on. What held until now goes on holding, unless something was said `anew`."""
        if post.rest and not anew and not isinstance(post.memory, SetMemory):
            return
        shared = edges_of(post.memory, post.seen[0], post.found.values(), post.limits)
        if isinstance(post.memory, WaterMemory) and len(post.by_device) > 1:
            # what the others have shown at the last round that rested is not kept
            shared = {}
        rest: list[tuple[DeviceName, Still]] = []
        for device, readers in post.by_device:
            record = self._records.get(device)
            if record is not None:
                rest.append((device, still(record.outcomes, [(one.column, one.edges(shared)) for one in readers])))
        post.rest = tuple(rest)

    def _readers(self, inputs: Sequence[Input]) -> tuple["_Reader", ...]:
        return tuple(reader for one in inputs if (reader := self._reader(one)) is not None)

    def _reader(self, one: Input) -> "_Reader | None":
        """Where a role's value stands in the columns; None where the device is not there."""
        record = self._records.get(one.device)
        if record is None:
            return None
        column = next((i for i, point in enumerate(record.rules.points) if point.name == one.point.name), None)
        if column is None:
            return None
        role = ROLES[one.role]
        is_flag = role.kind is Kind.BOOLEAN
        return _Reader(one.role, one.device, column, is_flag, one.use.when or None, factor(one.point.unit, role.unit) or 1.0)

    def _farewell(self) -> Findings:
        """Take away, once, what is remembered of devices that are no more."""
        if not self._gone:
            return NOTHING
        gone, self._gone = tuple(self._gone), []
        return Findings(states=gone)


def _post(spec: DeviceSpec, watched: Watched, zone: tzinfo) -> _Post:
    rules = {alarm_name(spec.name, watched.alarm_of(rule)): rule for rule in watched.rules}
    kept = {alarm.name: alarm for alarm in spec.alarms}
    alarms = {rule.name: name for name, rule in rules.items() if name in kept}
    limits: dict[str, float] = {}
    for name, rule in rules.items():
        limit = kept[name].limit if name in kept else rule.limit
        if isinstance(limit, int | float):
            limits[rule.name] = float(limit)
    figures = frozenset(str(point.name) for point in spec.domain.figures)
    return _Post(watched, spec.name, alarms, limits, figures, zone, recall(watched.family, {}))


def _values(readers: Iterable[_Reader], shown: Mapping[DeviceName, Sequence[Outcome]]) -> Inputs:
    """What the points of these devices say of their roles.

    A truth that several points give holds if one says so; of numbers the first counts.
    """
    values: dict[str, bool | float | None] = {}
    for one in readers:
        outcomes = shown.get(one.device)
        outcome = NEVER if outcomes is None else outcomes[one.column]
        value: bool | float | None
        if outcome.__class__ is Fault:
            value = None
        elif one.when is not None:
            value = outcome in one.when
        elif one.is_flag:
            value = bool(outcome)
        else:
            value = None if isinstance(outcome, str | bool | Fault) else within_reason(outcome * one.factor)
        if one.role not in values or value is True or (values[one.role] is None and not one.is_flag):
            values[one.role] = value
        elif one.is_flag and value is None and values[one.role] is False:
            values[one.role] = None
    return values


def _by_device(readers: Iterable[_Reader]) -> tuple[tuple[DeviceName, tuple[_Reader, ...]], ...]:
    found: dict[DeviceName, list[_Reader]] = {}
    for one in readers:
        found.setdefault(one.device, []).append(one)
    return tuple((device, tuple(of)) for device, of in found.items())


def _object(body: bytes) -> Mapping[str, JsonValue]:
    """What was kept; nothing where it cannot be read, for it is a memory and no order."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _worth_telling(post: _Post, figures: Mapping[str, float], now: Stamp) -> dict[str, float]:
    """Counts when they change, times every few minutes; what is told is what is kept with it, so that it never runs back."""
    if not figures:
        return {}
    waited = post.told_ms is None or now.boot_ms - post.told_ms >= FIGURES_TOLD_MS
    if not waited and all(figures[name] == post.told.get(name) for name in _COUNTS.intersection(figures)):
        return {}
    post.told, post.told_ms = dict(figures), now.boot_ms
    return post.told


def _due_ms(post: _Post, now: Stamp) -> float:
    """When the family looks in any case (boot time): something comes of time alone, is to be kept, or to be told again."""
    if isinstance(post.memory, NoMemory):
        return math.inf
    due_ms = min(now.boot_ms + DOMAIN_LOOK_MS, post.memory.due_ms(now))
    if post.kept_ms is not None:
        due_ms = min(due_ms, post.kept_ms + STATE_KEPT_MS)
    return due_ms if post.told_ms is None else min(due_ms, post.told_ms + FIGURES_TOLD_MS)


def _must_keep(post: _Post, now: Stamp) -> bool:
    """Counts at once, times once a minute while they change."""
    if post.memory.urgent != post.kept:
        return True
    if post.watched.family is Family.POWER:
        return False
    return post.kept_ms is None or now.boot_ms - post.kept_ms >= STATE_KEPT_MS
