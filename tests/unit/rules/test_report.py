"""Report by exception: what is told, and what is kept back."""

from hypothesis import given
from hypothesis import strategies as st

from edgeguard.core.point import Outcome, ReportRule
from edgeguard.core.quality import Fault, Reason
from edgeguard.rules.report import ReportState, step_report

TIMEOUT = Fault(Reason.TIMEOUT)


def tell(rule: ReportRule, *steps: tuple[Outcome, int]) -> list[bool]:
    """Whether one point is told at each (outcome, time in ms)."""
    state, result = ReportState(), []
    for outcome, now_ms in steps:
        state, due = step_report([rule], state, [outcome], now_ms)
        result.append(due == [0])
    return result


def test_first_outcome_is_always_told() -> None:
    assert tell(ReportRule(deadband=100.0), (1.0, 0)) == [True]
    assert tell(ReportRule(), (TIMEOUT, 0)) == [True]


def test_unchanged_value_waits_for_the_heartbeat() -> None:
    assert tell(ReportRule(heartbeat_ms=1000), (1, 0), (1, 949), (1, 1000), (1, 1001)) == [True, False, True, False]


def test_a_heartbeat_is_not_missed_by_the_jitter_of_a_poll_on_the_same_beat() -> None:
    rule = ReportRule(heartbeat_ms=60_000)
    steps = tuple((1, 60_000 * i + (-7 if i % 2 else 5)) for i in range(10))
    assert tell(rule, *steps) == [True] * 10


def test_absolute_deadband_counts_from_the_last_told_value() -> None:
    rule = ReportRule(deadband=1.0)
    assert tell(rule, (10.0, 0), (10.9, 1), (11.0, 2), (11.1, 3), (10.2, 4)) == [True, False, False, True, False]


def test_percent_deadband_is_of_the_last_told_value() -> None:
    rule = ReportRule(deadband_percent=10.0)
    assert tell(rule, (100.0, 0), (109.0, 1), (111.0, 2), (121.0, 3), (123.0, 4)) == [True, False, True, False, True]


def test_negative_values_have_the_same_deadband() -> None:
    assert tell(ReportRule(deadband_percent=10.0), (-100.0, 0), (-105.0, 1), (-111.0, 2)) == [True, False, True]


def test_minimum_interval_holds_changes_back_but_not_changes_of_quality() -> None:
    rule = ReportRule(min_interval_ms=1000)
    assert tell(rule, (1, 0), (2, 500), (3, 1000), (TIMEOUT, 1001), (3, 1002)) == [True, False, True, True, True]


def test_a_change_held_back_is_told_once_the_interval_has_passed() -> None:
    assert tell(ReportRule(min_interval_ms=1000), (1, 0), (2, 10), (2, 1010)) == [True, False, True]


def test_the_same_fault_is_told_once_and_another_reason_again() -> None:
    again = Fault(Reason.TIMEOUT, "other words")
    refused = Fault(Reason.REFUSED)
    assert tell(ReportRule(), (TIMEOUT, 0), (again, 1), (refused, 2), (refused, 3)) == [True, False, True, False]


def test_texts_and_truth_values_have_no_deadband() -> None:
    rule = ReportRule(deadband=5.0)
    assert tell(rule, ("a", 0), ("b", 1), ("b", 2)) == [True, True, False]
    assert tell(rule, (False, 0), (True, 1), (True, 2)) == [True, True, False]


def test_only_points_that_are_due_move_in_the_state() -> None:
    rules = [ReportRule(deadband=1.0)] * 3
    state, due = step_report(rules, ReportState(), [1.0, 2.0, 3.0], 0)
    assert due == [0, 1, 2]
    state, due = step_report(rules, state, [1.5, 9.0, 3.0], 10)
    assert due == [1]
    assert state == ReportState((1.0, 9.0, 3.0), (0, 10, 0))


@given(
    st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(TIMEOUT)), min_size=1, max_size=50),
    st.floats(0, 100),
    st.integers(1, 20),
)
def test_what_the_platform_believes_is_never_off_by_more_than_the_deadband(
    outcomes: list[Outcome], deadband: float, heartbeat: int
) -> None:
    rule = ReportRule(deadband=deadband, heartbeat_ms=heartbeat)
    state = ReportState()
    believed: Outcome = TIMEOUT
    silent = 0
    for now, outcome in enumerate(outcomes):
        state, due = step_report([rule], state, [outcome], now)
        believed, silent = (outcome, 0) if due else (believed, silent + 1)
        assert silent < heartbeat
        assert isinstance(believed, Fault) == isinstance(outcome, Fault)
        if not isinstance(believed, Fault) and not isinstance(outcome, Fault):
            assert abs(float(believed) - float(outcome)) <= deadband
