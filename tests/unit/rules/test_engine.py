"""One step of everything, replayed: the same snapshots give the same outputs."""

from hypothesis import given
from hypothesis import strategies as st

from edgeguard.core.alarm import Alarm, AlarmRule, AlarmState, Condition, Severity
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId, DeviceName, PointName, alarm_name
from edgeguard.core.point import Kind, Labels, Outcome, Point, ReportRule
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.snapshot import Snapshot
from edgeguard.rules.engine import DeviceRules, DeviceState, acknowledge_alarm, mark_stale, step, tick

DEVICE = DeviceName("pump-1")
POINTS = tuple(
    Point(PointName(name), Kind.NUMBER, Labels(name, name), report=ReportRule(deadband=0.5)) for name in ("pressure", "current")
)
TIMEOUT = Fault(Reason.TIMEOUT)


def at(ms: int) -> Stamp:
    return Stamp(1_790_000_000_000 + ms, ms, BootId("b"), synced=True)


def alarm(name: str, condition: Condition, severity: Severity, point: str | None, limit: float | None, on_ms: int = 0) -> AlarmRule:
    return AlarmRule(
        name=alarm_name(DEVICE, name),
        device=DEVICE,
        condition=condition,
        severity=severity,
        text=Labels(name, name),
        point=None if point is None else PointName(point),
        limit=limit,
        on_delay_ms=on_ms,
    )


RULES = DeviceRules.of(
    DEVICE,
    POINTS,
    (
        alarm("low-pressure", Condition.LOW, Severity.MAJOR, "pressure", 2.0),
        alarm("overload", Condition.HIGH, Severity.CRITICAL, "current", 20.0),
        alarm("comms-lost", Condition.COMMS_LOST, Severity.MAJOR, None, None, on_ms=30_000),
    ),
)


def snapshot(ms: int, pressure: Outcome, current: Outcome, answered: bool = True) -> Snapshot:
    return Snapshot(DEVICE, at(ms), POINTS, (pressure, current), answered)


def test_a_step_tells_points_and_alarms_worst_first() -> None:
    state, out = step(RULES, DeviceState.fresh(RULES, {}, at(0)), snapshot(0, 1.0, 25.0))
    assert out.told == (0, 1)
    assert [c.rule.name for c in out.changes] == ["pump-1.overload", "pump-1.low-pressure"]
    assert {name for name, _ in out.kept} == {"pump-1.overload", "pump-1.low-pressure"}
    state, out = step(RULES, state, snapshot(1000, 1.2, 25.1))
    assert (out.told, out.changes, out.kept) == ((), (), ())


def test_comms_lost_needs_silence_for_its_delay_and_limit_alarms_stay_meanwhile() -> None:
    state, _ = step(RULES, DeviceState.fresh(RULES, {}, at(0)), snapshot(0, 1.0, 10.0))
    state, out = step(RULES, state, snapshot(1000, TIMEOUT, TIMEOUT, answered=False))
    assert out.told == (0, 1)
    assert out.changes == ()
    state, out = step(RULES, state, snapshot(2000, TIMEOUT, TIMEOUT, answered=False))
    state, out = tick(RULES, state, at(30_999))
    assert out.changes == ()
    state, out = tick(RULES, state, at(31_000))
    lost = ("pump-1.comms-lost", AlarmState.ACTIVE)
    assert [(c.rule.name, c.state) for c in out.changes] == [lost, ("pump-1.low-pressure", AlarmState.SUPPRESSED)]
    assert state.alarms[0].life is AlarmState.ACTIVE
    state, out = step(RULES, state, snapshot(40_000, 1.0, 10.0))
    back = [("pump-1.low-pressure", AlarmState.ACTIVE), ("pump-1.comms-lost", AlarmState.RETURNED)]
    assert [(c.rule.name, c.state) for c in out.changes] == back


def test_one_lost_round_and_a_pause_of_the_process_are_no_lost_device() -> None:
    state, _ = step(RULES, DeviceState.fresh(RULES, {}, at(0)), snapshot(0, 3.0, 10.0))
    state, _ = step(RULES, state, snapshot(1000, TIMEOUT, TIMEOUT, answered=False))
    state, out = tick(RULES, state, at(600_000))
    assert out.changes == ()
    state, out = step(RULES, state, snapshot(600_001, TIMEOUT, TIMEOUT, answered=False))
    assert [c.rule.name for c in out.changes] == ["pump-1.comms-lost"]


def test_a_device_of_which_no_round_ever_ends_is_missed() -> None:
    state = DeviceState.fresh(RULES, {}, at(0))
    state, out = tick(RULES, state, at(29_999))
    assert out.changes == ()
    state, out = tick(RULES, state, at(30_000))
    assert [c.rule.name for c in out.changes] == ["pump-1.comms-lost"]
    state, out = step(RULES, state, snapshot(31_000, 3.0, 10.0))
    assert [c.state for c in out.changes] == [AlarmState.RETURNED]


def test_a_slow_device_is_not_missed_before_it_was_asked() -> None:
    state = DeviceState.fresh(RULES, {}, at(0), period_ms=900_000)
    for second in (31, 899, 929):
        state, out = tick(RULES, state, at(second * 1000))
        assert out.changes == ()
    _, out = tick(RULES, state, at(930_000))
    assert [c.rule.name for c in out.changes] == ["pump-1.comms-lost"]
    state, out = step(RULES, state, snapshot(929_500, 3.0, 10.0))
    state, out = tick(RULES, state, at(2_000_000))
    assert out.changes == ()


def test_a_slow_device_that_is_asked_in_vain_at_the_start_is_missed_after_the_delay() -> None:
    state, out = step(RULES, DeviceState.fresh(RULES, {}, at(0), 900_000), snapshot(12_000, TIMEOUT, TIMEOUT, answered=False))
    state, out = step(RULES, state, snapshot(14_000, TIMEOUT, TIMEOUT, answered=False))
    state, out = tick(RULES, state, at(41_000))
    assert out.changes == ()
    _, out = tick(RULES, state, at(42_000))
    assert [c.rule.name for c in out.changes] == ["pump-1.comms-lost"]


def test_a_slow_meter_that_is_gone_is_missed_at_its_second_silent_round() -> None:
    state, _ = step(RULES, DeviceState.fresh(RULES, {}, at(0)), snapshot(0, 3.0, 10.0))
    state, out = step(RULES, state, snapshot(900_000, TIMEOUT, TIMEOUT, answered=False))
    assert out.changes == ()
    _, out = step(RULES, state, snapshot(1_800_000, TIMEOUT, TIMEOUT, answered=False))
    assert [c.rule.name for c in out.changes] == ["pump-1.comms-lost"]


def test_time_alone_raises_nothing_when_the_device_answers() -> None:
    state, _ = step(RULES, DeviceState.fresh(RULES, {}, at(0)), snapshot(0, 3.0, 10.0))
    same, out = tick(RULES, state, at(1_000_000))
    assert same == state
    assert out.changes == ()


def test_a_restart_keeps_alarms_but_restarts_their_delays() -> None:
    kept = {alarm_name(DEVICE, "overload"): Alarm(AlarmState.ACKED, at(5), pending_since_ms=3, value=25.0)}
    state = DeviceState.fresh(RULES, kept, at(0))
    assert state.alarms[1] == Alarm(AlarmState.ACKED, at(5), pending_since_ms=None, value=25.0)
    _, out = step(RULES, state, snapshot(10, 3.0, 25.0))
    assert out.changes == ()


def test_acknowledging_by_name() -> None:
    state, _ = step(RULES, DeviceState.fresh(RULES, {}, at(0)), snapshot(0, 1.0, 10.0))
    state, out = acknowledge_alarm(RULES, state, alarm_name(DEVICE, "low-pressure"), at(5))
    assert [(c.rule.name, c.state) for c in out.changes] == [("pump-1.low-pressure", AlarmState.ACKED)]
    again, out = acknowledge_alarm(RULES, state, alarm_name(DEVICE, "low-pressure"), at(6))
    assert again is state
    assert out.changes == ()


def test_stale_tells_good_points_and_leaves_alarms() -> None:
    state, _ = step(RULES, DeviceState.fresh(RULES, {}, at(0)), snapshot(0, 1.0, TIMEOUT))
    after, column, out = mark_stale(RULES, state, (1.0, TIMEOUT), 12.0, at(12_000))
    assert out.told == (0,)
    assert [fault.reason for fault in column if isinstance(fault, Fault)] == [Reason.STALE, Reason.TIMEOUT]
    assert after.alarms == state.alarms


values = st.one_of(st.floats(0, 40), st.just(TIMEOUT))


@given(st.lists(st.tuples(values, values, st.booleans(), st.integers(1, 60_000)), max_size=40))
def test_replay_is_exact(history: list[tuple[Outcome, Outcome, bool, int]]) -> None:
    def replay() -> list[object]:
        state, now = DeviceState.fresh(RULES, {}, at(0)), 0
        told: list[object] = []
        for pressure, current, answered, pause in history:
            now += pause
            state, out = step(RULES, state, snapshot(now, pressure, current, answered))
            told.append(out)
            state, out = tick(RULES, state, at(now + pause // 2))
            told.append(out)
        return told

    assert replay() == replay()
