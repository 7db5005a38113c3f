"""Families of rules before the pipeline: what they are shown, and that what they say of one moment is one batch."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from runtime_kit import POINTS, FakeStore, bodies, device

from edgeguard.core.alarm import AlarmChange, AlarmRule, AlarmState, Condition, Severity
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import AlarmName, DeviceName, alarm_name
from edgeguard.core.item import Stream
from edgeguard.core.point import Labels
from edgeguard.core.rule_state import RuleState
from edgeguard.core.snapshot import Snapshot
from edgeguard.rules.items import command_item
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.runtime.record import DeviceRecord
from edgeguard.runtime.watches import NOTHING, AlarmInput, Figures, Findings, Records
from edgeguard.testing.clock import FakeClock

Say = Callable[[DeviceName, Stamp], Findings]


def quiet(_device: DeviceName, _now: Stamp) -> Findings:
    return NOTHING


class Family:
    """Says what it is told to, and remembers how many rounds it saw."""

    def __init__(self, owner: str = "energy", say: Say = quiet) -> None:
        self._owner = owner
        self.say = say
        self.say_at_tick: Callable[[Stamp], Findings] = lambda _now: NOTHING
        self.begun_with: Mapping[str, bytes] = {}
        self.records: Records = {}
        self.seen: list[tuple[str, tuple[object, ...]]] = []

    @property
    def owner(self) -> str:
        return self._owner

    def begin(self, records: Records, states: Mapping[str, bytes], now: Stamp) -> None:
        self.records, self.begun_with = records, dict(states)

    def take(self, record: DeviceRecord, snapshot: Snapshot) -> Findings:
        self.seen.append((record.spec.name, record.outcomes))
        return self.say(record.spec.name, snapshot.at)

    def tick(self, now: Stamp) -> Findings:
        return self.say_at_tick(now)

    def states(self) -> tuple[RuleState, ...]:
        return (RuleState(self._owner, "rounds", b"%d" % len(self.seen)),)


def judged(name: str, alarm: str, on_delay_ms: int = 0, off_delay_ms: int = 0) -> AlarmRule:
    text = Labels("损耗过大", "Loss too high")
    full = alarm_name(DeviceName(name), alarm)
    rule = AlarmRule(full, DeviceName(name), Condition.WATCHED, Severity.MINOR, text, limit=5.0)
    return replace(rule, on_delay_ms=on_delay_ms, off_delay_ms=off_delay_ms)


class Plant:
    def __init__(self, *families: Family, alarms: tuple[AlarmRule, ...] = ()) -> None:
        self.clock = FakeClock()
        self.store = FakeStore()
        self.pipeline = Pipeline(self.store, self.clock)
        for name in ("main", "sub"):
            self.pipeline.add(device(name, "riser-a", alarms=tuple(rule for rule in alarms if rule.device == name)), {})
        self.pipeline.watch(families, {"energy": {"main": b"7"}, "other": {"x": b"1"}})

    def take(self, name: str = "main", pressure: float = 5.0) -> None:
        self.clock.advance(1)
        self.pipeline.take(Snapshot(DeviceName(name), self.clock.now(), POINTS, (pressure, "auto", True), True))

    def states(self) -> list[str]:
        return [body["state"] for body in self.store.bodies(Stream.ALARMS)]


def test_a_family_begins_with_its_own_states_and_sees_every_round_of_every_device() -> None:
    family = Family()
    plant = Plant(family)
    plant.take("main")
    plant.take("sub", 1.0)
    assert family.begun_with == {"main": b"7"}
    assert [name for name, _ in family.seen] == ["main", "sub"]
    assert family.seen[1][1] == (1.0, "auto", True)
    assert family.records[DeviceName("main")].outcomes == (5.0, "auto", True)


def test_what_is_said_of_a_round_is_one_batch_with_the_round() -> None:
    event = command_item("test", "main", FakeClock().now(), "li", "done")
    state = RuleState("energy", "main", b"8")

    def say(name: DeviceName, at: Stamp) -> Findings:
        return Findings(
            (event,), (AlarmInput(AlarmName("sub.loss"), True, 9.5),), (Figures(name, at, {"kwh_15min": 1.5}),), (state,)
        )

    plant = Plant(Family(say=say), alarms=(judged("sub", "loss"),))
    plant.take()
    (batch,) = plant.store.submitted
    assert batch.states == (state,)
    assert [kept for kept, _ in batch.alarms] == ["sub.loss"]
    (raised,) = bodies([batch], Stream.ALARMS)
    assert (raised["alarm"], raised["device"], raised["value"], raised["limit"]) == ("sub.loss", "sub", 9.5, 5.0)
    assert [body["target"] for body in bodies([batch], Stream.EVENTS)] == ["main"]
    assert bodies([batch], Stream.TELEMETRY)[1] == {"device": "main", "values": {"kwh_15min": 1.5}}


def test_a_finding_stands_until_the_next_so_that_delays_run_on_by_themselves() -> None:
    family = Family()
    plant = Plant(family, alarms=(judged("main", "loss", on_delay_ms=3000, off_delay_ms=2000),))
    family.say = lambda _name, _at: Findings(alarms=(AlarmInput(AlarmName("main.loss"), True, 1.0),))
    plant.take()
    family.say = quiet
    plant.pipeline.sweep()
    assert plant.states() == []
    plant.clock.advance(3)
    plant.pipeline.sweep()
    assert plant.states() == ["active"]
    family.say_at_tick = lambda _now: Findings(alarms=(AlarmInput(AlarmName("main.loss"), False, 0.0),))
    plant.pipeline.sweep()
    family.say_at_tick = lambda _now: NOTHING
    plant.clock.advance(2)
    plant.pipeline.sweep()
    assert plant.states() == ["active", "returned"]


def test_rounds_neither_raise_nor_clear_an_alarm_that_a_family_judges() -> None:
    plant = Plant(Family(), alarms=(judged("main", "loss"),))
    for _ in range(3):
        plant.take()
        plant.pipeline.sweep()
    assert plant.states() == []


def test_a_successor_gets_what_its_predecessor_remembers() -> None:
    old, new = Family(), Family()
    plant = Plant(old)
    plant.take()
    plant.pipeline.watch((new,))
    assert new.begun_with == {"rounds": b"1"}
    plant.take()
    assert (len(old.seen), len(new.seen)) == (1, 1)


def test_devices_that_come_go_and_change_places_show_in_the_mapping_that_a_family_holds() -> None:
    family = Family()
    plant = Plant(family)
    plant.pipeline.remove(DeviceName("main"))
    plant.pipeline.add(device("third", "riser-a"), {})
    plant.pipeline.order((DeviceName("third"), DeviceName("sub")))
    assert list(family.records) == ["third", "sub"]


def test_a_new_file_is_given_the_states_of_every_family() -> None:
    plant = Plant(Family("energy"), Family("hints"))
    plant.pipeline.keep_alarms()
    (batch,) = plant.store.submitted
    assert [state.key for state in batch.states] == [("energy", "rounds"), ("hints", "rounds")]


def test_who_listens_hears_of_every_change_and_of_acknowledgement() -> None:
    family = Family(say=lambda _name, _at: Findings(alarms=(AlarmInput(AlarmName("main.loss"), True),)))
    plant = Plant(family, alarms=(judged("main", "loss"),))
    heard: list[AlarmChange] = []
    plant.pipeline.on_change.append(heard.append)
    plant.take()
    plant.pipeline.acknowledge(AlarmName("main.loss"), "li")
    assert [change.state for change in heard] == [AlarmState.ACTIVE, AlarmState.ACKED]


def test_an_alarm_that_no_device_has_is_a_bug() -> None:
    plant = Plant(Family(say=lambda _name, _at: Findings(alarms=(AlarmInput(AlarmName("attic.loss"), True),))))
    with pytest.raises(KeyError, match="attic"):
        plant.take()
