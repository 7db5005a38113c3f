"""From snapshots to batches, with a store that only notes what it gets."""

import json

from runtime_kit import check_items

from edgeguard.core.alarm import Alarm, AlarmRule, AlarmState, Condition, Severity
from edgeguard.core.health import Health
from edgeguard.core.ids import BusName, DeviceName, PointName, ProfileName, alarm_name
from edgeguard.core.item import Stream
from edgeguard.core.point import Kind, Labels, Outcome, Point
from edgeguard.core.profile import DeviceProfile, ModbusLimits
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.site import DeviceSpec
from edgeguard.core.snapshot import Snapshot
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.store import Batch
from edgeguard.testing.clock import FakeClock

NAME = DeviceName("pump-1")
POINTS = tuple(Point(PointName(n), Kind.NUMBER, Labels(n, n)) for n in ("pressure", "current"))
LOW = AlarmRule(
    name=alarm_name(NAME, "low"),
    device=NAME,
    condition=Condition.LOW,
    severity=Severity.MAJOR,
    text=Labels("低", "low"),
    point=PointName("pressure"),
    limit=2.0,
)
LOST = AlarmRule(
    name=alarm_name(NAME, "comms-lost"),
    device=NAME,
    condition=Condition.COMMS_LOST,
    severity=Severity.MAJOR,
    text=Labels("失联", "no answer"),
    on_delay_ms=30_000,
)


class Notes:
    """Keeps batches."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def submit(self, batch: Batch) -> None:
        check_items(batch)
        self.batches.append(batch)

    def bodies(self, stream: Stream) -> list[dict[str, object]]:
        return [json.loads(item.body) for batch in self.batches for item in batch.items if item.stream is stream]


def spec() -> DeviceSpec:
    profile = DeviceProfile(
        name=ProfileName("pump"),
        maker="m",
        model="m",
        kind="pump",
        labels=Labels("泵", "pump"),
        points=POINTS,
        fields=(),
        limits=ModbusLimits(),
        alarms=(),
        source="",
        trust="",
        sha256="",
    )
    return DeviceSpec(NAME, BusName("plant"), 1, profile, 1000, Labels("泵", "pump"), (LOW, LOST), stale_after_ms=10_000)


def made(clock: FakeClock, known: dict[object, Alarm] | None = None) -> tuple[Pipeline, Notes]:
    notes = Notes()
    pipeline = Pipeline(notes, clock)
    pipeline.add(spec(), known or {})  # type: ignore[arg-type]
    return pipeline, notes


def snapshot(clock: FakeClock, *outcomes: Outcome, answered: bool = True) -> Snapshot:
    return Snapshot(NAME, clock.now(), POINTS, outcomes, answered)


def test_alarm_state_and_alarm_item_travel_in_one_batch() -> None:
    clock = FakeClock()
    pipeline, notes = made(clock)
    pipeline.take(snapshot(clock, 1.0, 5.0))
    (batch,) = notes.batches
    assert [item.stream for item in batch.items] == [Stream.ALARMS, Stream.TELEMETRY]
    assert [(name, alarm.state) for name, alarm in batch.alarms] == [("pump-1.low", AlarmState.ACTIVE)]


def test_a_round_with_nothing_new_writes_nothing() -> None:
    clock = FakeClock()
    pipeline, notes = made(clock)
    pipeline.take(snapshot(clock, 3.0, 5.0))
    clock.advance(1)
    pipeline.take(snapshot(clock, 3.0, 5.0))
    assert len(notes.batches) == 1
    assert pipeline.points_read == 4


def test_a_dead_device_is_told_once_and_alarmed_after_its_delay_without_further_rounds() -> None:
    clock = FakeClock()
    pipeline, notes = made(clock)
    pipeline.take(snapshot(clock, 3.0, 5.0))
    lost = Fault(Reason.TIMEOUT)
    clock.advance(1)
    pipeline.take(snapshot(clock, lost, lost, answered=False))
    clock.advance(1)
    pipeline.take(snapshot(clock, lost, Fault(Reason.NOT_POLLED), answered=False))
    for _ in range(60):
        clock.advance(1)
        pipeline.sweep()
    assert notes.bodies(Stream.TELEMETRY)[1:] == [
        {"device": "pump-1", "values": {}, "bad": {"pressure": "timeout", "current": "timeout"}}
    ]
    assert [body["alarm"] for body in notes.bodies(Stream.ALARMS)] == ["pump-1.comms-lost"]


def test_values_become_stale_when_no_round_ends_and_are_told_again_afterwards() -> None:
    clock = FakeClock()
    pipeline, notes = made(clock)
    pipeline.take(snapshot(clock, 3.0, 5.0))
    for _ in range(20):
        clock.advance(1)
        pipeline.sweep()
    assert notes.bodies(Stream.TELEMETRY)[1:] == [
        {"device": "pump-1", "values": {}, "bad": {"pressure": "stale", "current": "stale"}}
    ]
    pipeline.take(snapshot(clock, 3.0, 5.0))
    assert notes.bodies(Stream.TELEMETRY)[-1] == {"device": "pump-1", "values": {"pressure": 3.0, "current": 5.0}}


def test_a_stepped_wall_clock_changes_nothing() -> None:
    clock = FakeClock()
    pipeline, notes = made(clock)
    pipeline.take(snapshot(clock, 3.0, 5.0))
    for jump_s in (-3600, 400 * 86_400, -50 * 365 * 86_400):
        clock.step_wall(jump_s)
        clock.advance(1)
        pipeline.take(snapshot(clock, 3.0, 5.0))
        pipeline.sweep()
    assert len(notes.batches) == 1


def test_the_last_good_value_stays_known_beside_the_fault() -> None:
    clock = FakeClock()
    pipeline, _ = made(clock)
    pipeline.take(snapshot(clock, 3.0, 5.0))
    clock.advance(1)
    pipeline.take(snapshot(clock, Fault(Reason.OUT_OF_RANGE), 6.0))
    record = pipeline.records[NAME]
    assert record.good == [3.0, 6.0]
    assert record.bad_points == 1


def test_alarms_of_a_removed_definition_are_closed() -> None:
    clock = FakeClock()
    pipeline, notes = made(clock)
    gone = alarm_name(DeviceName("old-pump"), "dry-run")
    pipeline.retire({gone: Alarm(AlarmState.ACTIVE), alarm_name(NAME, "low"): Alarm(AlarmState.ACTIVE)})
    (batch,) = notes.batches
    assert json.loads(batch.items[0].body)["alarm"] == gone
    assert [(name, alarm.state) for name, alarm in batch.alarms] == [(gone, AlarmState.NORMAL)]


def test_health_becomes_an_event() -> None:
    clock = FakeClock()
    pipeline, notes = made(clock)
    pipeline.health(Health("store", "disk-full", ok=False, text=Labels("磁盘满", "the disk is full")))
    assert notes.bodies(Stream.EVENTS)[0]["code"] == "disk-full"
    assert "disk-full" in pipeline.recent[-1]
