"""Alarms of a whole site: one cause is one alarm, floods and chattering are told, nothing that stands is lost."""

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from runtime_kit import POINTS, PRESSURE, FakeStore, bus, device, low

from edgeguard.config.alarm_check import comms_lost
from edgeguard.config.common_alarms import own_alarms
from edgeguard.config.expression import parse_expression
from edgeguard.core.alarm import Alarm, AlarmRule, AlarmState, AlarmTraits, Condition, Hold, HoldKind, Severity
from edgeguard.core.ids import AlarmName, DeviceName, alarm_name
from edgeguard.core.item import Stream
from edgeguard.core.point import Labels
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.snapshot import Snapshot
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.store import Batch
from edgeguard.testing.clock import FakeClock

TIMEOUT = Fault(Reason.TIMEOUT)


def lost(name: str) -> AlarmRule:
    made = comms_lost()
    owner = DeviceName(name)
    return AlarmRule(alarm_name(owner, made.name), owner, made.condition, made.severity, made.text, on_delay_ms=made.on_delay_ms)


def limit(name: str, alarm: str, condition: Condition, value: float, **traits: object) -> AlarmRule:
    owner = DeviceName(name)
    text = Labels(alarm, alarm)
    rule = AlarmRule(alarm_name(owner, alarm), owner, condition, Severity.MINOR, text, PRESSURE, value)
    return replace(rule, traits=AlarmTraits(**traits))  # type: ignore[arg-type]


class Ear(FakeStore):
    """Hears what is told of alarms, not the telemetry."""

    def submit(self, batch: Batch) -> None:
        told = tuple(item for item in batch.items if item.stream is not Stream.TELEMETRY)
        if told or batch.alarms or batch.states:
            super().submit(replace(batch, items=told))


class Site:
    """Pumps on one bus, the alarms of the bus and of the gateway with them."""

    def __init__(self, *names: str, alarms: Mapping[str, tuple[AlarmRule, ...]] | None = None, site: tuple[AlarmRule, ...] = ()):
        self.names = names
        self.clock = FakeClock(boot_ms=1_000_000)
        self.store = Ear()
        self.pipeline = Pipeline(self.store, self.clock)
        given = {name: (low(name),) for name in names} if alarms is None else alarms
        self.specs = [device(name, "riser-a", alarms=(lost(name), *given.get(name, ()))) for name in names]
        self.rules = (*own_alarms((bus("riser-a"),), self.specs), *site)
        self.begin({})

    def begin(self, known: Mapping[AlarmName, Alarm]) -> None:
        for spec in self.specs:
            self.pipeline.add(spec, known)
        self.pipeline.oversee(self.rules, known, {})

    def restart(self) -> None:
        """A new process with what the store was given."""
        known: dict[AlarmName, Alarm] = {}
        for batch in self.store.submitted:
            known.update(batch.alarms)
        self.pipeline = Pipeline(self.store, self.clock)
        self.begin(known)

    def take(self, name: str, pressure: float | None) -> None:
        outcomes = (TIMEOUT,) * 3 if pressure is None else (pressure, "auto", True)
        self.pipeline.take(Snapshot(DeviceName(name), self.clock.now(), POINTS, outcomes, pressure is not None))

    def second(self, pressures: Mapping[str, float | None], seconds: int = 1) -> None:
        for _ in range(seconds):
            self.clock.advance(1)
            for name, pressure in pressures.items():
                self.take(name, pressure)
            self.pipeline.sweep()

    def all(self, pressure: float | None, seconds: int = 1) -> None:
        self.second(dict.fromkeys(self.names, pressure), seconds)

    def wait(self, pressure: float | None, seconds: int) -> None:
        """The same as `all`, with only a few rounds."""
        for _ in range(4):
            self.clock.advance(seconds / 4 - 1)
            self.all(pressure)

    def told(self) -> list[tuple[str, str]]:
        found = [(body["alarm"], body["state"]) for body in self.store.bodies(Stream.ALARMS)]
        self.store.submitted.clear()
        return found

    def state(self, name: str) -> AlarmState:
        return self.pipeline.desk.find(AlarmName(name))[1].state


def test_a_dead_bus_is_one_alarm_and_not_one_for_each_device() -> None:
    names = tuple(f"pump-{number}" for number in range(12))
    site = Site(*names)
    site.all(5.0)
    site.all(None, 60)
    assert site.told() == [("riser-a.bus-lost", "active")]
    assert site.state("pump-7.comms-lost") is AlarmState.SUPPRESSED
    assert site.pipeline.desk.kept_back_by(AlarmName("riser-a.bus-lost")) == 12
    site.all(5.0)
    assert site.told() == [("riser-a.bus-lost", "returned")]
    assert site.state("pump-7.comms-lost") is AlarmState.NORMAL


def test_a_device_that_stays_dead_when_its_bus_comes_back_is_missed_by_itself() -> None:
    site = Site("pump-1", "pump-2", "pump-3")
    site.all(5.0)
    site.all(None, 60)
    site.told()
    site.second({"pump-1": 5.0, "pump-2": None, "pump-3": 5.0}, 29)
    assert site.told() == [("riser-a.bus-lost", "returned")]
    site.second({"pump-1": 5.0, "pump-2": None, "pump-3": 5.0}, 10)
    assert site.told() == [("pump-2.comms-lost", "active")]


def test_a_dead_device_takes_its_standing_alarms_with_it_and_gives_them_back() -> None:
    site = Site("pump-1", "pump-2")
    site.second({"pump-1": 1.0, "pump-2": 5.0})
    assert site.told() == [("pump-1.low", "active")]
    site.second({"pump-1": None, "pump-2": 5.0}, 31)
    assert site.told() == [("pump-1.comms-lost", "active"), ("pump-1.low", "suppressed")]
    site.second({"pump-1": 1.0, "pump-2": 5.0})
    assert sorted(site.told()) == [("pump-1.comms-lost", "returned"), ("pump-1.low", "active")]


def test_what_is_good_again_when_the_device_returns_does_not_flicker() -> None:
    site = Site("pump-1", "pump-2")
    site.second({"pump-1": 1.0, "pump-2": 5.0})
    site.second({"pump-1": None, "pump-2": 5.0}, 31)
    site.told()
    site.all(5.0)
    assert site.told() == [("pump-1.comms-lost", "returned"), ("pump-1.low", "normal")]


def test_the_higher_limit_says_it_all() -> None:
    rules = (limit("pump-1", "high", Condition.HIGH, 6.0), limit("pump-1", "too-high", Condition.HIGH_HIGH, 8.0))
    site = Site("pump-1", alarms={"pump-1": rules})
    site.all(9.0)
    assert site.told() == [("pump-1.too-high", "active")]
    site.all(7.0)
    assert site.told() == [("pump-1.high", "active"), ("pump-1.too-high", "returned")]


def test_what_is_out_of_service_explains_nothing_within_a_device_and_across() -> None:
    """Its sensor may be broken: what it would hide is told. What is only shelved is known, and goes on explaining."""
    rules = {
        "pump-1": (
            limit("pump-1", "trapped", Condition.LOW, 2.0),
            limit("pump-1", "fault", Condition.LOW, 3.0, parents=("trapped",)),
        ),
        "pump-2": (limit("pump-2", "far", Condition.LOW, 3.0, parents=("pump-1.trapped",)),),
    }
    for kind, shown in ((HoldKind.OUT_OF_SERVICE, AlarmState.ACTIVE), (HoldKind.SHELVED, AlarmState.SUPPRESSED)):
        site = Site("pump-1", "pump-2", alarms=rules)
        site.all(1.0)
        assert (site.state("pump-1.fault"), site.state("pump-2.far")) == (AlarmState.SUPPRESSED, AlarmState.SUPPRESSED)
        hold = Hold(kind, site.clock.now(), "li", "broken", 600_000 if kind is HoldKind.SHELVED else None)
        site.pipeline.desk.hold(AlarmName("pump-1.trapped"), hold)
        site.all(1.0)
        assert (site.state("pump-1.fault"), site.state("pump-2.far")) == (shown, shown)
        site.all(5.0)
        site.all(1.0)
        assert site.state("pump-1.fault") is shown, "and what comes meanwhile"
        site.pipeline.desk.release(AlarmName("pump-1.trapped"), (kind,), site.clock.now())
        assert site.state("pump-1.fault") is AlarmState.SUPPRESSED


def test_the_first_of_a_group_is_marked_until_all_are_normal() -> None:
    rules = {name: (limit(name, "trip", Condition.LOW, 2.0, group="station"),) for name in ("pump-1", "pump-2")}
    site = Site("pump-1", "pump-2", alarms=rules)
    site.second({"pump-1": 5.0, "pump-2": 1.0})
    site.second({"pump-1": 1.0, "pump-2": 1.0})
    marks = {body["alarm"]: body.get("first_out", False) for body in site.store.bodies(Stream.ALARMS)}
    assert marks == {"pump-2.trip": True, "pump-1.trip": False}
    for name in rules:
        site.pipeline.acknowledge(AlarmName(f"{name}.trip"), "li")
    site.all(5.0)
    site.second({"pump-1": 1.0, "pump-2": 5.0})
    assert site.pipeline.desk.find(AlarmName("pump-1.trip"))[1].first_out


def test_two_alarms_of_one_round_have_one_first() -> None:
    rules = (limit("pump-1", "a", Condition.LOW, 2.0, group="g"), limit("pump-1", "b", Condition.LOW, 3.0, group="g"))
    site = Site("pump-1", alarms={"pump-1": rules})
    site.all(1.0)
    assert [body.get("first_out", False) for body in site.store.bodies(Stream.ALARMS)] == [True, False]


def test_in_a_flood_the_less_urgent_are_kept_back_counted_and_let_go_at_the_end() -> None:
    names = tuple(f"pump-{number}" for number in range(20))
    site = Site(*names, alarms={name: (limit(name, "odd", Condition.LOW, 2.0),) for name in names})
    site.all(5.0)
    for name in names:
        site.second({name: 1.0})
    told = site.told()
    assert [state for alarm, state in told if alarm.endswith(".odd")] == ["active"] * 10
    assert ("gateway.alarm-flood", "active") in told
    assert site.pipeline.desk.kept_back_by(AlarmName("gateway.alarm-flood")) == 10
    assert site.state("pump-19.odd") is AlarmState.SUPPRESSED
    site.second({"pump-19": 5.0})
    site.clock.advance(600)
    site.second(dict.fromkeys(names[:19], 1.0), 2)
    told = site.told()
    assert ("gateway.alarm-flood", "returned") in told
    assert sorted(alarm for alarm, state in told if state == "active") == sorted(f"pump-{n}.odd" for n in range(10, 19))
    assert site.state("pump-19.odd") is AlarmState.NORMAL


def test_the_end_of_a_flood_names_what_was_kept_back() -> None:
    names = tuple(f"pump-{number}" for number in range(12))
    site = Site(*names, alarms={name: (limit(name, "odd", Condition.LOW, 2.0),) for name in names})
    site.all(1.0)
    site.wait(1.0, 610)
    (over,) = [body for body in site.store.bodies(Stream.EVENTS) if body.get("code") == "flood-over"]
    assert over["detail"].startswith("2 alarms were kept back; now told or over: pump-10.odd, pump-11.odd")


def test_an_alarm_that_comes_and_goes_is_shelved_and_one_alarm_says_so() -> None:
    site = Site("pump-1")
    for _ in range(3):
        site.all(1.0)
        site.all(5.0)
    told = site.told()
    assert told.count(("pump-1.low", "active")) == 2
    assert ("pump-1.low", "shelved") in told
    assert ("gateway.alarm-chattering", "active") in told
    site.wait(1.0, 610)
    assert ("pump-1.low", "active") in (told := site.told())
    assert ("gateway.alarm-chattering", "returned") in told


def test_a_person_shelves_and_takes_out_of_service() -> None:
    site = Site("pump-1")
    name = AlarmName("pump-1.low")
    desk = site.pipeline.desk
    desk.hold(name, Hold(HoldKind.SHELVED, site.clock.now(), "li", "painting", 60_000))
    site.all(1.0)
    assert site.told() == []
    assert desk.find(name)[1].life is AlarmState.ACTIVE
    site.all(1.0, 60)
    assert site.told() == [("pump-1.low", "active")]
    (change,) = desk.hold(name, Hold(HoldKind.OUT_OF_SERVICE, site.clock.now(), "li", "broken")).changes
    assert change.state is AlarmState.OUT_OF_SERVICE
    (change,) = desk.release(name, (HoldKind.OUT_OF_SERVICE,), site.clock.now()).changes
    assert change.state is AlarmState.ACTIVE
    assert desk.release(name, (HoldKind.OUT_OF_SERVICE,), site.clock.now()).changes == ()


def combined(when: str, **more: object) -> AlarmRule:
    owner = DeviceName("site")
    written = parse_expression(when, owner, lambda _ref: None)
    rule = AlarmRule(alarm_name(owner, "both"), owner, Condition.WHEN, Severity.CRITICAL, Labels("都", "both"), common=True)
    return replace(rule, traits=AlarmTraits(when=written), **more)  # type: ignore[arg-type]


def test_a_combination_of_points_of_several_devices() -> None:
    rule = combined("pump-1.pressure < 2 and held(pump-2.pressure < 2, 5s)")
    site = Site("pump-1", "pump-2", alarms={}, site=(rule,))
    site.all(1.0, 5)
    assert site.told() == []
    site.all(1.0)
    assert site.told() == [("site.both", "active")]
    site.second({"pump-1": 1.0, "pump-2": None}, 3)
    assert site.told() == []
    site.second({"pump-1": 5.0, "pump-2": None})
    assert site.told() == [("site.both", "returned")]


def test_alarms_that_explain_each_other_are_both_told() -> None:
    rules = {
        "pump-1": (limit("pump-1", "a", Condition.LOW, 2.0, parents=("pump-2.b",)),),
        "pump-2": (limit("pump-2", "b", Condition.LOW, 2.0, parents=("pump-1.a",)),),
    }
    site = Site("pump-1", "pump-2", alarms=rules)
    site.all(1.0)
    states = {site.state("pump-1.a"), site.state("pump-2.b")}
    assert AlarmState.ACTIVE in states


def test_a_restart_in_a_dead_bus_tells_nothing_anew() -> None:
    site = Site("pump-1", "pump-2", "pump-3")
    site.all(5.0)
    site.all(None, 60)
    site.restart()
    site.store.submitted.clear()
    site.all(None, 60)
    assert site.told() == []
    site.all(5.0)
    assert site.told() == [("riser-a.bus-lost", "returned")]


def test_a_restart_keeps_holds_first_out_and_escalation() -> None:
    site = Site("pump-1")
    name = AlarmName("pump-1.low")
    hold = Hold(HoldKind.SHELVED, site.clock.now(), "li", "painting", 3_600_000)
    kept = dict(site.pipeline.desk.hold(name, hold).kept)
    site.pipeline = Pipeline(site.store, site.clock)
    site.begin(kept)
    site.all(1.0, 10)
    assert site.told() == []
    site.wait(1.0, 3600)
    assert site.told() == [("pump-1.low", "active")]


def test_a_parent_that_a_reload_takes_away_frees_its_children() -> None:
    site = Site("pump-1", "pump-2")
    site.all(5.0)
    site.all(None, 60)
    site.told()
    site.pipeline.oversee(())
    site.all(None, 40)
    told = site.told()
    assert ("riser-a.bus-lost", "normal") in told
    assert ("pump-1.comms-lost", "active") in told


PRESSURES = st.sampled_from([5.0, 1.0, None])


@given(st.lists(st.tuples(PRESSURES, PRESSURES, st.sampled_from(["", "ack", "shelve", "restart"])), max_size=12))
def test_nothing_that_stands_is_lost_and_a_repetition_says_the_same(history: list[tuple[float | None, float | None, str]]) -> None:
    def live() -> tuple[list[tuple[str, str]], Site]:
        site = Site("pump-1", "pump-2")
        told: list[tuple[str, str]] = []
        for first, second, action in history:
            site.clock.advance(10)
            site.second({"pump-1": first, "pump-2": second}, 2)
            if action == "ack":
                site.pipeline.acknowledge(AlarmName("pump-1.low"), "li")
            elif action == "shelve":
                hold = Hold(HoldKind.SHELVED, site.clock.now(), "li", "why", 30_000)
                site.pipeline.desk.hold(AlarmName("pump-2.low"), hold)
            elif action == "restart":
                site.restart()
            told += [(body["alarm"], body["state"]) for body in site.store.bodies(Stream.ALARMS)]
        # whatever happened: with all answering, and holds over, low pressure stands exactly where it is low
        for _ in range(3):
            site.clock.advance(350)
            site.second({"pump-1": 1.0, "pump-2": 5.0}, 2)
        return told, site

    told, site = live()
    assert site.state("pump-1.low") in (AlarmState.ACTIVE, AlarmState.ACKED)
    assert site.state("pump-2.low") in (AlarmState.NORMAL, AlarmState.RETURNED)
    assert site.state("pump-1.comms-lost") in (AlarmState.NORMAL, AlarmState.RETURNED)
    assert live()[0] == told
