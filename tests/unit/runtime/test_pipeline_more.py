"""Corners of the pipeline: knocks, acknowledgement, a new outbox, the order of devices."""

import json

import pytest
from test_pipeline import LOW, NAME, made, snapshot, spec

from edgeguard.core.alarm import AlarmState
from edgeguard.core.ids import DeviceName
from edgeguard.core.item import Stream
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.site import DeviceSpec
from edgeguard.testing.clock import FakeClock

TIMEOUT, UNASKED, DOWN = Fault(Reason.TIMEOUT), Fault(Reason.NOT_POLLED), Fault(Reason.NO_CONNECTION)


def test_knocks_at_a_silent_device_are_told_only_when_the_cause_changes() -> None:
    clock = FakeClock()
    pipeline, notes = made(clock)
    pipeline.take(snapshot(clock, 3.0, 5.0))
    for cause in (TIMEOUT, TIMEOUT, TIMEOUT, DOWN, DOWN):
        clock.advance(1)
        pipeline.take(snapshot(clock, cause, TIMEOUT if cause is TIMEOUT else UNASKED, answered=False))
        clock.advance(1)
        pipeline.take(snapshot(clock, cause, UNASKED, answered=False))
    assert [body.get("bad") for body in notes.bodies(Stream.TELEMETRY)] == [
        None,
        {"pressure": "timeout", "current": "timeout"},
        {"pressure": "no-connection", "current": "no-connection"},
    ]
    assert pipeline.points_read == 2
    assert pipeline.records[NAME].good == [3.0, 5.0]


def test_acknowledging_gives_one_batch_with_who_did_it() -> None:
    clock = FakeClock()
    pipeline, notes = made(clock)
    pipeline.take(snapshot(clock, 1.0, 5.0))
    before = len(notes.batches)
    batch = pipeline.acknowledge(LOW.name, "wang")
    assert batch is not None
    assert len(notes.batches) == before
    command, alarm = (json.loads(item.body) for item in batch.items)
    assert (command["name"], command["target"], command["by"]) == ("ack", LOW.name, "wang")
    assert alarm["state"] == "acked"
    assert [(name, kept.state) for name, kept in batch.alarms] == [(LOW.name, AlarmState.ACKED)]
    assert pipeline.acknowledge(LOW.name, "wang") is None
    with pytest.raises(KeyError):
        pipeline.acknowledge(type(LOW.name)("pump-1.nothing"), "wang")


def test_a_new_outbox_is_given_every_alarm_that_is_not_normal() -> None:
    clock = FakeClock()
    pipeline, notes = made(clock)
    pipeline.keep_alarms()
    assert notes.batches == []
    pipeline.take(snapshot(clock, 1.0, 5.0))
    pipeline.keep_alarms()
    assert notes.batches[-1].items == ()
    assert [(name, alarm.state) for name, alarm in notes.batches[-1].alarms] == [(LOW.name, AlarmState.ACTIVE)]


def test_devices_are_shown_in_the_order_of_the_configuration() -> None:
    clock = FakeClock()
    pipeline, _ = made(clock)
    first = spec()
    other = DeviceSpec(DeviceName("aaa"), first.bus, 2, first.profile, first.period_ms, first.labels, (), first.stale_after_ms)
    pipeline.add(other, {})
    pipeline.order([DeviceName("aaa"), NAME])
    assert list(pipeline.records) == ["aaa", NAME]


def test_rates_follow_what_was_read_and_told() -> None:
    clock = FakeClock()
    pipeline, _ = made(clock)
    for second in range(10):
        pipeline.take(snapshot(clock, float(second + 3), 5.0))
        pipeline.sweep()
        clock.advance(1)
    assert pipeline.points_rate.per_s == pytest.approx(2.0, rel=0.2)
    assert pipeline.stream_rates[Stream.TELEMETRY].per_s == pytest.approx(1.0, rel=0.2)
