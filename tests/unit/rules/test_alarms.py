"""The life of one alarm: condition, hysteresis, delays, acknowledgement."""

import itertools

import pytest
from alarm_kit import step_alarm
from hypothesis import given
from hypothesis import strategies as st

from edgeguard.core.alarm import Alarm, AlarmRule, AlarmState, Condition, Hold, HoldKind, Severity
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import AlarmName, BootId, DeviceName, PointName
from edgeguard.core.point import Labels, Outcome
from edgeguard.core.quality import Fault, Reason
from edgeguard.rules.alarms import acknowledge, held, is_true, present

BAD = Fault(Reason.TIMEOUT)


def at(ms: int) -> Stamp:
    return Stamp(1_790_000_000_000 + ms, ms, BootId("b"), synced=True)


def rule(condition: Condition = Condition.HIGH, limit: float | str | bool = 10.0, **more: float) -> AlarmRule:
    return AlarmRule(
        name=AlarmName("pump-1.hot"),
        device=DeviceName("pump-1"),
        condition=condition,
        severity=Severity.MAJOR,
        text=Labels("热", "hot"),
        point=PointName("temperature"),
        limit=limit,
        hysteresis=more.get("hysteresis", 0.0),
        on_delay_ms=int(more.get("on_ms", 0)),
        off_delay_ms=int(more.get("off_ms", 0)),
    )


def live(the_rule: AlarmRule, *steps: tuple[Outcome, int]) -> list[str]:
    """The states after each (outcome, time in ms)."""
    alarm, states = Alarm(), []
    for outcome, ms in steps:
        standing = alarm.state in (AlarmState.ACTIVE, AlarmState.ACKED)
        value = None if isinstance(outcome, Fault) else outcome
        alarm, _ = step_alarm(the_rule, alarm, is_true(the_rule, standing, outcome), value, at(ms))
        states.append(alarm.state.value)
    return states


def test_high_rises_above_the_limit_and_returns_at_limit_less_hysteresis() -> None:
    steps = ((10.0, 0), (10.1, 1), (9.1, 2), (9.0, 3))
    assert live(rule(hysteresis=1.0), *steps) == ["normal", "active", "active", "returned"]


def test_low_mirrors_high() -> None:
    steps = ((10.0, 0), (9.9, 1), (10.9, 2), (11.0, 3))
    assert live(rule(Condition.LOW, hysteresis=1.0), *steps) == ["normal", "active", "active", "returned"]


def test_on_delay_wants_the_condition_without_a_break() -> None:
    steps = ((11.0, 0), (11.0, 900), (9.0, 950), (11.0, 1000), (11.0, 1999), (11.0, 2000))
    assert live(rule(on_ms=1000), *steps) == ["normal"] * 5 + ["active"]


def test_off_delay_wants_the_return_without_a_break() -> None:
    steps = ((11.0, 0), (9.0, 10), (11.0, 500), (9.0, 600), (9.0, 1599), (9.0, 1600))
    assert live(rule(off_ms=1000), *steps) == ["active"] * 5 + ["returned"]


def test_a_bad_reading_neither_raises_nor_clears() -> None:
    assert live(rule(), (11.0, 0), (BAD, 1), (11.0, 2)) == ["active"] * 3


def test_a_delay_runs_on_over_bad_readings_that_are_shorter_than_itself() -> None:
    short = ((11.0, 0), (BAD, 60), (11.0, 90), (11.0, 100))
    assert live(rule(on_ms=100), *short) == ["normal"] * 3 + ["active"]
    long = ((11.0, 0), (BAD, 60), (BAD, 101), (11.0, 110), (11.0, 209), (11.0, 210))
    assert live(rule(on_ms=100), *long) == ["normal"] * 5 + ["active"]


def test_rounds_farther_apart_than_the_delay_still_raise_the_alarm() -> None:
    assert live(rule(on_ms=5), (11.0, 0), (11.0, 900_000)) == ["normal", "active"]


def test_a_shelved_alarm_stays_shelved() -> None:
    hold = Hold(HoldKind.SHELVED, at(0), "li", "painting", 3_600_000)
    shelved = present(rule(), Alarm(), held(Alarm(), hold), suppressed=False, now=at(0))
    raised, change = step_alarm(rule(), shelved, True, 11.0, at(5))
    assert (raised.state, raised.life, change) == (AlarmState.SHELVED, AlarmState.ACTIVE, None)


@pytest.mark.parametrize(
    ("condition", "limit", "outcome", "expected"),
    [
        (Condition.EQUALS, True, True, True),
        (Condition.EQUALS, True, False, False),
        (Condition.EQUALS, "fault", "fault", True),
        (Condition.DIFFERS, "normal", "fault", True),
        (Condition.DIFFERS, "normal", "normal", False),
        (Condition.HIGH, 10.0, "text", None),
        (Condition.EQUALS, True, BAD, None),
    ],
)
def test_discrete_conditions(condition: Condition, limit: float | str | bool, outcome: Outcome, expected: bool | None) -> None:
    assert is_true(rule(condition, limit), False, outcome) is expected


def test_acknowledged_while_standing_returns_straight_to_normal() -> None:
    the_rule = rule()
    alarm, change = step_alarm(the_rule, Alarm(), True, 11.0, at(0))
    assert change is not None
    assert (change.state, change.value) == (AlarmState.ACTIVE, 11.0)
    alarm, change = acknowledge(the_rule, alarm, at(1))
    assert change is not None
    assert (alarm.state, alarm.value) == (AlarmState.ACKED, 11.0)
    alarm, change = step_alarm(the_rule, alarm, False, 9.0, at(2))
    assert alarm.state is AlarmState.NORMAL


def test_returned_waits_for_acknowledgement_and_can_rise_again() -> None:
    the_rule = rule()
    alarm = Alarm(state=AlarmState.RETURNED, since=at(0))
    again, change = step_alarm(the_rule, alarm, True, 12.0, at(5))
    assert again.state is AlarmState.ACTIVE
    assert change is not None
    done, change = acknowledge(the_rule, alarm, at(6))
    assert done.state is AlarmState.NORMAL
    assert change is not None


def test_acknowledging_a_normal_alarm_changes_nothing() -> None:
    alarm = Alarm()
    assert acknowledge(rule(), alarm, at(0)) == (alarm, None)


@given(
    st.lists(st.tuples(st.one_of(st.floats(0, 20), st.just(BAD)), st.integers(1, 500)), max_size=60),
    st.floats(0, 5),
    st.integers(0, 1000),
    st.integers(0, 1000),
)
def test_an_alarm_rises_only_after_its_delay_and_never_twice_in_a_row(
    steps: list[tuple[Outcome, int]], hysteresis: float, on_ms: int, off_ms: int
) -> None:
    the_rule = rule(hysteresis=hysteresis, on_ms=on_ms, off_ms=off_ms)
    alarm, now, true_since = Alarm(), 0, None
    states: list[AlarmState] = []
    for outcome, pause in steps:
        now += pause
        if not isinstance(outcome, Fault):
            above = float(outcome) > 10.0
            true_since = (true_since if true_since is not None else now) if above else None
        standing = alarm.state in (AlarmState.ACTIVE, AlarmState.ACKED)
        alarm, change = step_alarm(the_rule, alarm, is_true(the_rule, standing, outcome), None, at(now))
        if change is None:
            continue
        states.append(change.state)
        if change.state is AlarmState.ACTIVE:
            assert true_since is not None
            assert now - true_since >= on_ms
    assert all(a is not b for a, b in itertools.pairwise(states))
