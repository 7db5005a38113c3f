"""Points with a pace of their own: between their readings what was known holds, and is never told as if it were new."""

import asyncio
from dataclasses import replace
from typing import Any

from runtime_kit import POINTS, FakeStore, device, low

from edgeguard.core.alarm import AlarmRule, AlarmState
from edgeguard.core.ids import BusName, DeviceName, PointName, alarm_name
from edgeguard.core.item import Stream
from edgeguard.core.point import Outcome
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.site import DeviceSpec
from edgeguard.core.snapshot import Snapshot
from edgeguard.driver import build_device
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.runtime.record import DeviceRecord
from edgeguard.runtime.show import point_views
from edgeguard.testing.clock import FakeClock, run_virtual
from edgeguard.testing.meters import FakeElectricMeter, MeterBus
from edgeguard.testing.shipped import shipped_profiles

NAME = DeviceName("pump-1")
NOT_DUE, TIMEOUT = Fault(Reason.NOT_DUE), Fault(Reason.TIMEOUT)


class Plant:
    """A pump whose pressure is asked for rarely; its alarm waits for `delay_ms`."""

    def __init__(self, delay_ms: int = 0, heartbeat_ms: int = 900_000) -> None:
        self.clock = FakeClock()
        self.store = FakeStore()
        self.pipeline = Pipeline(self.store, self.clock)
        rule = replace(low("pump-1"), on_delay_ms=delay_ms, off_delay_ms=delay_ms)
        spec = device("pump-1", "riser-a", period_ms=1000, alarms=(rule,))
        points = tuple(replace(p, report=replace(p.report, heartbeat_ms=heartbeat_ms, min_interval_ms=0)) for p in POINTS)
        self.pipeline.add(replace(spec, profile=replace(spec.profile, points=points)), {})
        self._points = points

    def take(self, pressure: Outcome, mode: Outcome = "auto", answered: bool = True, seconds: float = 1.0) -> None:
        self.clock.advance(seconds)
        self.pipeline.sweep()
        outcomes = (pressure, mode, True if answered else TIMEOUT)
        self.pipeline.take(Snapshot(NAME, self.clock.now(), self._points, outcomes, answered))

    @property
    def record(self) -> DeviceRecord:
        return self.pipeline.records[NAME]

    @property
    def told(self) -> list[Any]:
        """What telemetry said of the pressure, in the order of telling."""
        bodies = self.store.bodies(Stream.TELEMETRY)
        both = ({**body["values"], **body.get("bad", {})} for body in bodies)
        return [seen["pressure"] for seen in both if "pressure" in seen]

    @property
    def alarms(self) -> list[str]:
        return [body["state"] for body in self.store.bodies(Stream.ALARMS)]


def test_between_readings_the_value_holds_and_ages_and_is_not_told() -> None:
    plant = Plant(heartbeat_ms=5000)
    plant.take(3.0)
    read_at = plant.clock.now()
    for _ in range(60):
        plant.take(NOT_DUE)
    assert plant.record.outcomes[0] == 3.0
    assert plant.record.bad_points == 0
    assert plant.record.good_at[0] == read_at
    assert plant.told == [3.0], "not even a heartbeat passes an old value as new"
    (view, *_) = point_views(plant.record, plant.clock.now())
    assert (view.value, view.quality, view.age_s) == (3.0, "good", 60.0)
    plant.take(3.0)
    assert plant.told == [3.0, 3.0], "read again, it is a heartbeat"


def test_it_never_becomes_stale_while_rounds_end_and_does_with_all_others_when_none_ends() -> None:
    plant = Plant()
    plant.take(3.0)
    for _ in range(30):
        plant.take(NOT_DUE)
    assert "stale" not in plant.told
    for _ in range(5):
        plant.clock.advance(1)
        plant.pipeline.sweep()
    assert plant.told == [3.0, "stale"]
    # rounds end again: it holds as before, and is told as good only when it has been read
    plant.take(NOT_DUE)
    assert plant.record.outcomes[0] == 3.0
    assert plant.told == [3.0, "stale"]
    plant.take(3.0)
    assert plant.told == [3.0, "stale", 3.0]


def test_what_was_bad_or_unknown_stays_so_until_it_is_read() -> None:
    plant = Plant()
    plant.take(NOT_DUE)
    assert isinstance(plant.record.outcomes[0], Fault)
    assert plant.told == []
    plant.take(Fault(Reason.CHECKSUM))
    plant.take(NOT_DUE)
    seen = plant.record.outcomes[0]
    assert isinstance(seen, Fault)
    assert seen.reason is Reason.CHECKSUM
    plant.take(2.5)
    plant.take(TIMEOUT, TIMEOUT, answered=False)
    plant.take(NOT_DUE)
    assert plant.record.outcomes[0] == TIMEOUT, "after a silence nothing that was known holds"
    assert plant.told == ["checksum", 2.5, "timeout"]


def test_an_alarm_without_delay_comes_with_the_reading_and_stays() -> None:
    plant = Plant()
    plant.take(1.0)
    for _ in range(30):
        plant.take(NOT_DUE)
    assert plant.alarms == ["active"]
    plant.take(5.0)
    assert plant.alarms == ["active", "returned"]


def test_a_delay_shorter_than_the_pace_runs_on_over_what_is_known() -> None:
    """Read once an hour with a delay of ten seconds: it stands ten seconds after the reading, not never."""
    plant = Plant(delay_ms=10_000)
    plant.take(1.0)
    for _ in range(9):
        plant.take(NOT_DUE)
    assert plant.alarms == []
    plant.take(NOT_DUE)
    assert plant.alarms == ["active"]
    plant.take(5.0)
    for _ in range(10):
        plant.take(NOT_DUE)
    assert plant.alarms == ["active", "returned"]


def test_a_delay_does_not_run_on_over_a_silence() -> None:
    plant = Plant(delay_ms=10_000)
    plant.take(1.0)
    for _ in range(3):
        plant.take(NOT_DUE)
    for _ in range(30):
        plant.take(TIMEOUT, TIMEOUT, answered=False)
    plant.take(5.0)
    for _ in range(30):
        plant.take(NOT_DUE)
    assert plant.alarms == []


def meter_spec() -> tuple[DeviceSpec, AlarmRule]:
    profile = shipped_profiles().get("generic-dlt645-2007-single")
    name = DeviceName("flat-1")
    template = next(one for one in profile.alarms if one.name == "clock-battery-low")
    rule = AlarmRule(
        alarm_name(name, template.name),
        name,
        template.condition,
        template.severity,
        template.text,
        template.point,
        template.limit,
        on_delay_ms=template.on_delay_ms,
        off_delay_ms=template.off_delay_ms,
    )
    spec = DeviceSpec(name, BusName("meters"), "000000000101", profile, 20_000, profile.labels, (rule,), 60_000)
    return spec, rule


def test_a_meters_battery_asked_for_once_an_hour_raises_its_alarm_and_is_told_twice_in_two_hours() -> None:
    clock = FakeClock()
    meter = FakeElectricMeter("000000000101", {"04000501": b"\x04\x00", "00010000": b"\x78\x56\x34\x12"})
    bus, store = MeterBus(meter), FakeStore()
    spec, rule = meter_spec()

    async def main() -> None:
        pipeline = Pipeline(store, clock)
        pipeline.add(spec, {})
        meter_device = build_device(spec, bus, clock)
        for _ in range(3 * 60 + 6):
            pipeline.take(await meter_device.poll())
            pipeline.sweep()
            await asyncio.sleep(20.0)
        asked = [pdu for pdu in meter.asked if pdu == bytes.fromhex("1101050004")]
        assert len(asked) == 2
        assert [body["alarm"] for body in store.bodies(Stream.ALARMS)] == [rule.name]
        assert pipeline.alarm_counts()[AlarmState.ACTIVE] == 1
        told = [b["values"]["clock_battery_low"] for b in store.bodies(Stream.TELEMETRY) if "clock_battery_low" in b["values"]]
        assert told == [True, True]
        column = [point.name for point in spec.profile.points].index(PointName("clock_battery_low"))
        assert pipeline.records[spec.name].outcomes[column] is True

    run_virtual(main(), clock)
