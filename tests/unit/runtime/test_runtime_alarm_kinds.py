"""Every kind of alarm through the pipeline, second by second: when it comes, when it goes, and what a bad reading does to it."""

from collections.abc import Sequence

import pytest
from runtime_kit import POINTS, PRESSURE, FakeStore, bodies, device

from edgeguard.core.alarm import Alarm, AlarmRule, AlarmTraits, Condition, Direction, Escalation, Hold, HoldKind, Severity
from edgeguard.core.expression import Compare, Compared, Constant, Held, PointValue, Written
from edgeguard.core.ids import AlarmName, BootId, DeviceName, PointName, alarm_name
from edgeguard.core.interlock import PointRef
from edgeguard.core.item import Stream
from edgeguard.core.point import Labels, Outcome, Value
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.snapshot import Snapshot
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.testing.clock import FakeClock

PUMP = DeviceName("pump-1")
BAD = Fault(Reason.TIMEOUT)
MODE, RUNNING = PointName("mode"), PointName("running")
HIGH = PointRef(PUMP, PRESSURE)
ABOVE_8 = Compared(PointValue(HIGH), Compare.ABOVE, Constant(8.0))
RUNS = Written("running", PointValue(PointRef(PUMP, RUNNING)))


def rule(
    condition: Condition,
    limit: Value | None = None,
    *,
    point: PointName | None = PRESSURE,
    traits: AlarmTraits | None = None,
    hysteresis: float = 0.0,
    on_delay_ms: int = 0,
) -> AlarmRule:
    """One alarm of the pump."""
    name, text = alarm_name(PUMP, "it"), Labels("它", "it")
    return AlarmRule(
        name, PUMP, condition, Severity.MAJOR, text, point, limit, hysteresis, on_delay_ms, traits=traits or AlarmTraits()
    )


def told(alarm: AlarmRule, course: Sequence[tuple[Outcome, Outcome, Outcome]]) -> list[tuple[int, str]]:
    """Second and state of every alarm item while the device shows these rounds, one a second."""
    clock, store = FakeClock(), FakeStore()
    pipeline = Pipeline(store, clock)
    pipeline.add(device(str(PUMP), "riser-a", alarms=(alarm,)), {})
    pipeline.oversee(())
    found: list[tuple[int, str]] = []
    for second, outcomes in enumerate(course):
        before = len(store.submitted)
        pipeline.take(Snapshot(PUMP, clock.now(), POINTS, outcomes, answered=True))
        pipeline.sweep()
        found += [(second, str(body["state"])) for body in bodies(store.submitted[before:], Stream.ALARMS)]
        clock.advance(1)
    return found


def pressures(*values: Outcome, running: bool = True) -> list[tuple[Outcome, Outcome, Outcome]]:
    return [(value, "auto", running) for value in values]


@pytest.mark.parametrize(
    ("condition", "limit", "values", "expected"),
    [
        (Condition.HIGH_HIGH, 8.0, (8.0, 8.1, 7.9, 7.5), [(1, "active"), (3, "returned")]),
        (Condition.HIGH, 6.0, (6.0, 6.1, 5.9, 5.5), [(1, "active"), (3, "returned")]),
        (Condition.LOW, 2.0, (2.0, 1.9, 2.1, 2.5), [(1, "active"), (3, "returned")]),
        (Condition.LOW_LOW, 1.0, (1.0, 0.9, 1.1, 1.5), [(1, "active"), (3, "returned")]),
    ],
)
def test_the_four_limits_come_beyond_and_go_behind_their_hysteresis(
    condition: Condition, limit: float, values: tuple[float, ...], expected: list[tuple[int, str]]
) -> None:
    assert told(rule(condition, limit, hysteresis=0.5), pressures(*values)) == expected


def test_a_deviation_is_from_a_number_or_from_another_point() -> None:
    alarm = rule(Condition.DEVIATION, 1.0, traits=AlarmTraits(reference=5.0))
    assert told(alarm, pressures(5.0, 6.0, 6.1, BAD, 3.9, 4.5)) == [(2, "active"), (5, "returned")]


def test_a_rate_needs_half_its_window_and_knows_up_from_down() -> None:
    def of(direction: Direction) -> list[tuple[int, str]]:
        traits = AlarmTraits(window_ms=10_000, per_ms=60_000, direction=direction)
        rises = [float(second) for second in range(15)]
        return told(rule(Condition.RATE, 30.0, traits=traits), pressures(*rises, *[14.0] * 15))

    assert [state for _, state in of(Direction.UP)] == ["active", "returned"]
    assert of(Direction.UP)[0] == (5, "active")
    assert of(Direction.BOTH) == of(Direction.UP)
    assert of(Direction.DOWN) == []


def test_what_sticks_is_seen_only_while_it_ought_to_move() -> None:
    traits = AlarmTraits(window_ms=5000, only_while=RUNS)
    alarm = rule(Condition.STUCK, 0.05, traits=traits)
    assert told(alarm, pressures(*[3.0] * 8, 3.2)) == [(5, "active"), (8, "returned")]
    assert told(alarm, pressures(*[3.0] * 8, running=False)) == []
    assert told(alarm, pressures(*[3.0, 3.1] * 6)) == []


def test_a_point_without_a_good_value_is_stale_after_its_delay() -> None:
    alarm = rule(Condition.STALE, on_delay_ms=3000)
    assert told(alarm, pressures(3.0, BAD, BAD, BAD, BAD, 3.0)) == [(4, "active"), (5, "returned")]
    assert told(alarm, pressures(3.0, BAD, BAD, 3.0, BAD, BAD)) == []


@pytest.mark.parametrize(
    ("condition", "states"), [(Condition.EQUALS, ["active", "returned"]), (Condition.DIFFERS, ["active", "returned", "active"])]
)
def test_a_discrete_state(condition: Condition, states: list[str]) -> None:
    modes: tuple[Outcome, ...] = (
        ("auto", "manual", BAD, "auto") if condition is Condition.EQUALS else ("manual", "auto", BAD, "manual")
    )
    wanted = "manual" if condition is Condition.EQUALS else "auto"
    course = [(3.0, mode, True) for mode in modes]
    if condition is Condition.DIFFERS:
        assert [state for _, state in told(rule(condition, wanted, point=MODE), course)] == states
    else:
        assert told(rule(condition, wanted, point=MODE), course) == [(1, "active"), (3, "returned")]


def test_a_combination_with_held_forgets_when_it_is_broken() -> None:
    traits = AlarmTraits(when=Written("held(pressure > 8, 3s)", Held(ABOVE_8, 3000)))
    alarm = rule(Condition.WHEN, point=None, traits=traits)
    assert told(alarm, pressures(9.0, 9.0, 7.0, 9.0, 9.0, BAD, 9.0, 7.0)) == [(6, "active"), (7, "returned")]


def test_what_is_latched_stays_until_somebody_has_seen_it() -> None:
    clock, store = FakeClock(), FakeStore()
    pipeline = Pipeline(store, clock)
    alarm = rule(Condition.HIGH, 6.0, traits=AlarmTraits(latching=True))
    pipeline.add(device(str(PUMP), "riser-a", alarms=(alarm,)), {})
    for value in (7.0, 5.0, 5.0):
        pipeline.take(Snapshot(PUMP, clock.now(), POINTS, (value, "auto", True), answered=True))
        clock.advance(1)
    shown = bodies(store.submitted, Stream.ALARMS)
    assert [(body["state"], body.get("latched", False)) for body in shown] == [("active", False), ("active", True)]
    batch = pipeline.acknowledge(alarm.name, "zhang")
    assert batch is not None
    assert [body["state"] for body in bodies([batch], Stream.ALARMS)] == ["normal"]


@pytest.mark.parametrize("leap_s", [86_400.0, -86_400.0, 300.0])
def test_escalation_waits_its_time_by_the_boot_clock_whatever_the_wall_clock_does(leap_s: float) -> None:
    """Through the pipeline, second by second; the wall clock is set half a minute after the alarm has come."""
    clock, store = FakeClock(), FakeStore()
    pipeline = Pipeline(store, clock)
    traits = AlarmTraits(escalation=Escalation(120_000, Severity.CRITICAL))
    pipeline.add(device(str(PUMP), "riser-a", alarms=(rule(Condition.LOW, 2.0, traits=traits),)), {})
    pipeline.oversee(())
    came: list[tuple[int, str, bool]] = []
    for second in range(200):
        before = len(store.submitted)
        pipeline.take(Snapshot(PUMP, clock.now(), POINTS, (1.0, "auto", True), answered=True))
        pipeline.sweep()
        told = bodies(store.submitted[before:], Stream.ALARMS)
        came += [(second, str(body["severity"]), bool(body.get("escalated"))) for body in told]
        clock.advance(1)
        if second == 30:
            clock.step_wall(leap_s)
    assert came == [(0, "major", False), (120, "critical", True)]


def test_escalation_goes_on_over_a_reboot_by_what_is_known_of_the_time_between() -> None:
    """What was raised under a clock that was set counts the time without power, too; under one that was not, only this boot's."""
    traits = AlarmTraits(escalation=Escalation(120_000, Severity.CRITICAL))
    spec = device(str(PUMP), "riser-a", alarms=(rule(Condition.LOW, 2.0, traits=traits),))
    for synced, expected_s in ((True, 10), (False, 100)):
        clock, store = FakeClock(synced=synced), FakeStore()
        known: dict[AlarmName, Alarm] = {}
        first = Pipeline(store, clock)
        first.add(spec, known)
        first.oversee(())
        first.take(Snapshot(PUMP, clock.now(), POINTS, (1.0, "auto", True), answered=True))
        known |= {name: alarm for batch in store.submitted for name, alarm in batch.alarms}
        clock.step_wall(110.0)
        clock.boot, clock.boot_ms = BootId("boot-b"), 20_000
        second = Pipeline(store, clock)
        second.add(spec, known)
        second.oversee(())
        waited = 0
        while not any(body.get("escalated") for body in bodies(store.submitted, Stream.ALARMS)):
            clock.advance(1)
            waited += 1
            second.take(Snapshot(PUMP, clock.now(), POINTS, (1.0, "auto", True), answered=True))
            second.sweep()
            assert waited < 200
        assert waited == expected_s


def test_it_is_known_until_when_no_second_can_change_anything() -> None:
    """To the millisecond, for what waits for time alone: an escalation, the end of shelving, values that become stale."""
    clock, store = FakeClock(), FakeStore()
    pipeline = Pipeline(store, clock)
    traits = AlarmTraits(escalation=Escalation(120_000, Severity.CRITICAL))
    spec = device(str(PUMP), "riser-a", alarms=(rule(Condition.LOW, 2.0, traits=traits),))
    pipeline.add(spec, {})
    pipeline.oversee(())
    assert pipeline.idle_until_ms() == -1
    begun_ms = clock.now().boot_ms
    pipeline.take(Snapshot(PUMP, clock.now(), POINTS, (1.0, "auto", True), answered=True))
    pipeline.sweep()
    assert pipeline.idle_until_ms() == begun_ms + 120_000 - 1
    clock.advance(60)
    pipeline.desk.hold(alarm_name(PUMP, "it"), Hold(HoldKind.SHELVED, clock.now(), "li", "paint", 30_000))
    pipeline.sweep()
    assert pipeline.idle_until_ms() == begun_ms + 90_000 - 1
    clock.advance(30)
    pipeline.sweep()
    assert pipeline.idle_until_ms() == begun_ms + 120_000 - 1, "what comes up again goes on as it was"
    pipeline.desk.acknowledge(alarm_name(PUMP, "it"), clock.now())
    pipeline.sweep()
    assert pipeline.idle_until_ms() == begun_ms + spec.stale_after_ms
