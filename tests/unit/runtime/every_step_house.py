"""A house in which everything happens, as a script that any pipeline can live through.

Rounds, people, restarts, a wall clock that leaps; reactions hear of nothing but the changes of alarms, which are compared as well.

Whoever leaves steps out must not be told from who takes every one: the same items at the same moments, and the same memory.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from edgeguard.config import load_site
from edgeguard.core.alarm import Alarm, AlarmState, Hold, HoldKind
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import AlarmName, BootId, DeviceName
from edgeguard.core.item import Stream
from edgeguard.core.point import Kind, Outcome, Point
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.site import DeviceSpec, Site
from edgeguard.core.snapshot import Snapshot
from edgeguard.runtime import families
from edgeguard.runtime.domain_watch import DomainWatch
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.store import Batch
from edgeguard.testing.clock import FakeClock
from edgeguard.testing.shipped import shipped_profiles

HOUR_S: Final = 3600.0
LOCAL_MIDNIGHT_MS: Final = 1_790_092_800_000
"""2026-09-23 in Shanghai."""
UTC_MIDNIGHT_MS: Final = LOCAL_MIDNIGHT_MS + 8 * 3_600_000
"""2026-09-23 in UTC."""
ALARMS: Final = {
    "lift-1": """\
[[device.alarm]]
name = "running"
point = "car_state"
condition = "differs"
limit = "waiting"
on_delay = "20s"
severity = "major"
text = { zh = "它", en = "it" }
""",
    "tank": """\
[[device.alarm]]
name = "drains"
point = "level"
condition = "rate"
limit = 0.3
per = "1m"
window = "40s"
direction = "down"
severity = "major"
text = { zh = "它", en = "it" }
[[device.alarm]]
name = "still"
point = "level"
condition = "stuck"
window = "30s"
limit = 0.0
severity = "major"
text = { zh = "它", en = "it" }
[[device.alarm]]
name = "mute"
point = "level"
condition = "stale"
on_delay = "15s"
severity = "major"
text = { zh = "它", en = "it" }
""",
    "water": """\
[[device.alarm]]
name = "off"
point = "pressure"
condition = "deviation"
reference = 0.4
limit = 0.15
hysteresis = 0.05
severity = "major"
text = { zh = "它", en = "it" }
[[device.alarm]]
name = "much"
point = "flow"
condition = "high"
limit = 30
hysteresis = 2
on_delay = "8s"
off_delay = "12s"
group = "water"
severity = "major"
text = { zh = "它", en = "it" }
[[device.alarm]]
name = "very-much"
point = "flow"
condition = "high-high"
limit = 60
latching = true
group = "water"
severity = "major"
text = { zh = "它", en = "it" }
[[device.alarm]]
name = "less"
point = "flow"
condition = "low"
limit = 5
hysteresis = 1
on_delay = "3s"
escalate_after = "90s"
escalate_to = "critical"
severity = "major"
text = { zh = "它", en = "it" }
[[device.alarm]]
name = "leaks"
point = "leak"
condition = "equals"
limit = true
off_delay = "4s"
escalate_after = "2m"
severity = "major"
text = { zh = "它", en = "it" }
[[device.alarm]]
name = "strange"
condition = "when"
when = "held(flow > 10 and not bad(pressure), 20s) and tank.level < 1"
severity = "minor"
text = { zh = "它", en = "it" }
""",
}
DEVICES: Final = {
    "lift-1": "inovance-nice3000plus",
    "pump-1": "grundfos-cim200",
    "pump-2": "grundfos-cim200",
    "power": "eastron-sdm630",
    "tank": "generic-level-transmitter",
    "water": "generic-water-meter-modbus",
}
HEAD: Final = """\
[gateway]
site = "lakeside"
id = "b07"
[[bus]]
name = "plant"
url = "tcp://10.0.0.7:502"
[[bus]]
name = "shaft"
url = "tcp://10.0.0.8:502"
[[group]]
name = "domestic"
devices = ["pump-1", "pump-2", "tank"]
[[meter]]
name = "main"
source = "power.energy_import"
[[meter]]
name = "pumping"
source = "pump-1.energy"
[[meter]]
name = "water"
source = "water.volume"
max_rate = 60.0
[[meter.replaced]]
at = "2026-09-23T00:01:20+08:00"
old_last = 501.0
new_first = 500.0
[[meter.replaced]]
at = "2026-09-23T08:01:20+08:00"
old_last = 501.0
new_first = 500.0
[energy]
timezone = "Asia/Shanghai"
[[energy.zone]]
name = "tower"
inflow = ["water"]
[[alarm]]
name = "both"
condition = "when"
when = "held(pump-1.running and pump-2.running, 25s) and power.voltage_l1 > 200"
severity = "minor"
text = { zh = "它", en = "it" }
[[alarm]]
name = "dark"
condition = "when"
when = "bad(power.voltage_l1) or power.voltage_l1 < 100"
on_delay = "10s"
severity = "critical"
text = { zh = "它", en = "it" }
"""


def house(folder: Path) -> Site:
    """Lift, pump set, supply, tank and water, with an alarm of every kind."""
    text = HEAD
    for number, (name, profile) in enumerate(DEVICES.items(), 1):
        bus = "shaft" if name in ("lift-1", "tank") else "plant"
        text += f'[[device]]\nname = "{name}"\nbus = "{bus}"\nprofile = "{profile}"\naddress = {number}\nevery = "1s"\n'
        text += 'stale_after = "25s"\n' + ALARMS.get(name, "")
    (folder / "site.toml").write_text(text, encoding="utf-8")
    return load_site(folder / "site.toml", shipped_profiles())


# --- the script


@dataclass(frozen=True, slots=True)
class Round:
    """A round of a device, so many seconds after what was before it."""

    after_s: float
    device: DeviceName
    outcomes: tuple[Outcome, ...]
    answered: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """A person: `ack`, `shelve`, `unshelve`, `out-of-service`, `in-service`; the alarm by its place among all."""

    what: str
    which: float
    lasts_ms: int = 0


@dataclass(frozen=True, slots=True)
class Turned:
    """`leap`: the wall clock by `seconds`; `lost`, `found`: whether anybody sets it; `reload`, `restart`, `reboot`: the gateway."""

    what: str
    seconds: float = 0.0


Event = Round | Asked | Turned


class Life:
    """What the devices show: measurements that flicker, fits of wild values, states that jump, counters that go wrong, silences."""

    def __init__(self, site: Site, seed: int, *, quiet: bool = False) -> None:
        """`quiet`: most of the time nothing is wrong, so that there are seconds at which nothing is due."""
        self.chance = random.Random(seed)
        self._calm_rounds = 76 if quiet else 50
        self._quiet = quiet
        self._turns = True
        """The pumps of a quiet house run and rest by turns."""
        self._specs = site.devices
        self._shown = {spec.name: [self._begun(point) for point in spec.profile.points] for spec in site.devices}
        self._silent = dict.fromkeys(self._shown, 0)
        self._fit = dict.fromkeys(self._shown, 0)
        self._calm = True

    def script(self, rounds: int, *, trouble: bool) -> Iterator[Event]:
        """So many rounds of every device. `trouble`: people, restarts and clocks beside what devices do."""
        chance = self.chance
        for number in range(rounds):
            self._calm, self._turns = number % 80 < self._calm_rounds, number // 9 % 2 == 0
            pause_s = (
                1.0
                if number % 50 < 40
                else chance.choice((0.7, 2.0, 5.0, 11.0, 40.0, 70.0, 130.0 if chance.random() < 0.3 else 3.0))
            )
            for place, spec in enumerate(self._specs):
                outcomes, answered = self._round(spec, pause_s)
                yield Round(pause_s if place == 0 else 0.003, spec.name, outcomes, answered)
            if trouble and chance.random() < (0.004 if self._quiet else 0.02 if self._calm else 0.1):
                yield self._trouble()

    def _trouble(self) -> Event:
        chance = self.chance
        people = ("ack", "ack", "ack", "shelve", "unshelve", "out-of-service", "in-service", "in-service")
        if chance.random() < 0.65:
            return Asked(chance.choice(people), chance.random(), chance.choice((5_000, 61_000, 300_000)))
        what = chance.choice(("leap", "leap", "lost", "found", "found", "reload", "restart", "reboot"))
        return Turned(what, chance.choice((-4000.0, -90.0, 75.0, 3700.0)))

    def _round(self, spec: DeviceSpec, pause_s: float) -> tuple[tuple[Outcome, ...], bool]:
        chance, name = self.chance, spec.name
        column = self._shown[name]
        if self._silent[name] == 0 and not self._calm and chance.random() < 0.01:
            self._silent[name] = chance.choice((1, 2, 20, 45))
        self._fit[name] = max(0, self._fit[name] - 1) or (chance.choice((3, 8)) if not self._calm and chance.random() < 0.05 else 0)
        for i, point in enumerate(spec.profile.points):
            column[i] = self._next(point, column[i], pause_s, wild=self._fit[name] > 0 and chance.random() < 0.25)
        if self._silent[name]:
            self._silent[name] -= 1
            return (Fault(Reason.TIMEOUT),) * len(column), False
        return tuple(self._read(point, value) for point, value in zip(spec.profile.points, column, strict=True)), True

    def _read(self, point: Point, value: Outcome) -> Outcome:
        draw = self.chance.random()
        if self._calm and draw < 0.99:
            return round(value, 2) if point.unit in COUNTED and isinstance(value, float) else value
        if draw < 0.0008:
            return Fault(Reason.TIMEOUT)
        if draw < 0.004:
            return Fault(Reason.NOT_DUE)
        if point.unit in COUNTED and isinstance(value, float):
            return round(value if draw < 0.996 else value * 3, 2)
        return value

    def _next(self, point: Point, value: Outcome, pause_s: float, *, wild: bool) -> Outcome:
        chance = self.chance
        if point.unit in COUNTED and isinstance(value, float):
            turn = chance.random()
            if turn < 0.0006:
                return 0.0
            return value - 0.01 if turn < 0.01 else value + chance.choice((0.0, 0.0, 3.0, 9.0, 30.0)) * pause_s / HOUR_S
        if self._quiet and self._calm and isinstance(value, float):
            flicker = 0.0 if point.name == "rated_speed" else chance.uniform(-0.002, 0.002)
            return self._usual(point) * (1 + flicker)
        if self._quiet and self._calm and isinstance(value, bool):
            return value is not (chance.random() < 0.002)
        if wild or isinstance(value, Fault):
            return self._first(point)
        return value * (1 + chance.uniform(-0.002, 0.002)) if isinstance(value, float) else value

    def _begun(self, point: Point) -> Outcome:
        """What it shows at first."""
        if not self._quiet or point.unit in COUNTED:
            return self._first(point)
        if point.choices:
            return next(iter(point.choices.values())).en
        return self._usual(point) if point.kind is Kind.NUMBER else False

    def _usual(self, point: Point) -> float:
        """A value that no rule minds; codes stand still."""
        if point.unit == "rpm":
            return 2900.0 if self._turns else 0.0
        if point.name == "rated_speed":
            return 1.75
        if point.name.startswith("power_factor"):
            return 0.98
        return {"V": 230.0, "m": 1.2, "MPa": 0.4, "m3/h": 12.0, "bar": 4.0, "Hz": 50.0, "m/s": 0.0, "A": 5.0, "": 0.0}.get(
            point.unit, 1.0
        )

    def _first(self, point: Point) -> Outcome:
        chance = self.chance
        if point.choices:
            return chance.choice([labels.en for labels in point.choices.values()])
        if point.kind is not Kind.NUMBER:
            return chance.random() < 0.5
        if point.unit in COUNTED:
            return 500.0
        if point.unit == "V":
            return chance.choice((231.0, 229.0, 236.0, 190.0, 0.0, 251.0))
        if point.unit in ("m", "MPa"):
            return chance.choice((0.1, 0.4, 0.9, 1.6, 2.7))
        return chance.choice((0.0, 2.0, 20.0, 45.0, 70.0, chance.uniform(max(point.minimum or 0.0, 0.0), point.maximum or 100.0)))


COUNTED: Final = frozenset({"kWh", "kvarh", "m3", "h"})


# --- who lives through it


class Sink:
    """A store: what was submitted, and alarms and states as its tables have them."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int, str, bytes]] = []
        self.kept: list[tuple[int, str, str]] = []
        self.alarms: dict[AlarmName, Alarm] = {}
        self.states: dict[str, dict[str, bytes]] = {}
        self.now_ms = 0

    def submit(self, batch: Batch) -> None:
        """All of it at once."""
        self.told += [(item.at.boot_ms, item.at.wall_ms, item.stream.value, item.body) for item in batch.items]
        self.alarms |= dict(batch.alarms)
        self.kept += [(self.now_ms, name, repr(alarm)) for name, alarm in batch.alarms]
        for state in batch.states:
            named = self.states.setdefault(state.owner, {})
            named.pop(state.name, None)
            if state.body:
                named[state.name] = state.body

    def events(self) -> list[tuple[int, int, str, bytes]]:
        """All but telemetry."""
        return [one for one in self.told if one[2] != Stream.TELEMETRY.value]


@dataclass
class Gateway:
    """A pipeline on a clock of its own, from `begun_ms` on.

    `skips`: seconds at which nothing can be due are left out, as a replay does it.
    """

    site: Site
    skips: bool = False
    begun_ms: int = LOCAL_MIDNIGHT_MS - 80_000
    sink: Sink = field(default_factory=Sink)
    changes: list[tuple[AlarmName, AlarmState]] = field(default_factory=list)
    swept: int = 0

    def __post_init__(self) -> None:
        self.clock = FakeClock(self.begun_ms)
        self._begin({}, {})

    def live(self, script: Sequence[Event]) -> "Gateway":
        """Through all of it."""
        for event in script:
            match event:
                case Round():
                    self._pass(event.after_s)
                    points = self.pipeline.records[event.device].rules.points
                    self.pipeline.take(Snapshot(event.device, self.now(), points, event.outcomes, event.answered))
                case Asked():
                    self._ask(event)
                case Turned():
                    self._turn(event)
        return self

    def memory(self) -> dict[str, object]:
        """What is remembered at the end of everything."""
        known: dict[str, object] = {state.name: state.body for watch in self.pipeline.watches for state in watch.states()}
        for watch in self.pipeline.watches:
            if isinstance(watch, DomainWatch):
                known |= {f"{post.name} to the ms": post.made_up() for posts in watch._posts.values() for post in posts}
        return known | {rule.name: alarm for rule, alarm in self.pipeline.desk.all()}

    def now(self) -> Stamp:
        now = self.clock.now()
        self.sink.now_ms = now.boot_ms
        return now

    def _begin(self, alarms: Mapping[AlarmName, Alarm], states: Mapping[str, Mapping[str, bytes]]) -> None:
        self.pipeline = Pipeline(self.sink, self.clock)
        self.pipeline.on_change.append(lambda change: self.changes.append((change.rule.name, change.state)))
        self.pipeline.oversee(self.site.alarms, alarms, states.get("alarms", {}))
        for spec in self.site.devices:
            self.pipeline.add(spec, alarms)
            record = self.pipeline.records[spec.name]
            record.rules = replace(record.rules, reports=())
        self.pipeline.watch(families.watches_of(self.site), states)

    def _pass(self, seconds: float) -> None:
        """Time passes: each full second is swept, but for those that may be left out."""
        end_ms = self.clock.boot_ms + round(seconds * 1000)
        idle_ms = self.pipeline.idle_until_ms() if self.skips else -1.0
        while (next_ms := (self.clock.boot_ms // 1000 + 1) * 1000) <= end_ms:
            self.clock.advance((next_ms - self.clock.boot_ms) / 1000)
            if next_ms > idle_ms:
                self.now()
                self.swept += 1
                self.pipeline.sweep()
                idle_ms = self.pipeline.idle_until_ms() if self.skips else -1.0
        self.clock.advance((end_ms - self.clock.boot_ms) / 1000)

    def _ask(self, asked: Asked) -> None:
        names = sorted(rule.name for rule, _ in self.pipeline.desk.all())
        standing = sorted(rule.name for rule, alarm in self.pipeline.desk.all() if alarm.state is not AlarmState.NORMAL)
        chosen = standing or names
        name, now, desk = chosen[int(asked.which * len(chosen))], self.now(), self.pipeline.desk
        if asked.what == "ack":
            outputs = desk.acknowledge(name, now)
        elif asked.what in ("shelve", "out-of-service"):
            kind, lasts_ms = (HoldKind.SHELVED, asked.lasts_ms) if asked.what == "shelve" else (HoldKind.OUT_OF_SERVICE, None)
            outputs = desk.hold(name, Hold(kind, now, "li", "paint", lasts_ms))
        else:
            kinds = (HoldKind.SHELVED, HoldKind.CHATTERING) if asked.what == "unshelve" else (HoldKind.OUT_OF_SERVICE,)
            outputs = desk.release(name, kinds, now)
        self.sink.submit(self.pipeline.wish(name, "li", asked.what, outputs, now))

    def _turn(self, turned: Turned) -> None:
        self.now()
        match turned.what:
            case "leap":
                self.clock.step_wall(turned.seconds)
            case "lost" | "found":
                self.clock.synced = turned.what == "found"
            case "reload":
                self.pipeline.watch(families.watches_of(self.site))
            case what:
                if what == "reboot":
                    self.clock.boot = BootId(self.clock.boot + "x")
                    self.clock.boot_ms = 20_000
                self._begin(dict(self.sink.alarms), {owner: dict(named) for owner, named in self.sink.states.items()})
