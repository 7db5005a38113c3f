"""The account of what waiting for those that may be dead has cost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.bus.probe_share import ProbeShare
from edgeguard.core.limits import BUS_PROBE_SHARE
from edgeguard.core.line_limits import PROBE_WINDOW_S
from edgeguard.testing.examples import examples

BUDGET_S = BUS_PROBE_SHARE * PROBE_WINDOW_S


def test_first_looks_may_spend_at_once_what_there_is_and_then_wait_until_it_is_forgotten() -> None:
    share = ProbeShare()
    for index in range(4):
        assert share.ready_s(0.5, 100.0 + index, knock=False) == 100.0 + index
        share.spend(0.5, 100.0 + index, knock=False)
    assert share.ready_s(0.5, 104.0, knock=False) == pytest.approx(100.0 + PROBE_WINDOW_S)
    assert share.ready_s(0.9, 104.0, knock=False) == pytest.approx(101.0 + PROBE_WINDOW_S)


def test_knocks_keep_a_pace_of_their_own() -> None:
    share = ProbeShare()
    share.spend(0.2, 100.0, knock=True)
    assert share.ready_s(0.2, 100.0, knock=True) == pytest.approx(100.0 + 0.2 / BUS_PROBE_SHARE - 0.2)
    assert share.ready_s(0.2, 100.0, knock=False) == 100.0


def test_a_wait_longer_than_all_that_may_be_spent_goes_out_when_nothing_counts_and_counts_for_longer() -> None:
    share = ProbeShare()
    share.spend(0.1, 100.0, knock=False)
    at_s = share.ready_s(3 * BUDGET_S, 101.0, knock=False)
    assert at_s == pytest.approx(100.0 + PROBE_WINDOW_S)
    share.spend(3 * BUDGET_S, at_s + 3 * BUDGET_S, knock=False)
    assert share.ready_s(0.1, 130.0, knock=False) == pytest.approx(at_s + 3 * BUDGET_S + 3 * PROBE_WINDOW_S)


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(st.tuples(st.floats(0.05, BUDGET_S), st.booleans(), st.floats(0.0, 3.0)), min_size=1, max_size=60))
def test_whoever_keeps_to_it_takes_a_tenth_of_any_window(waits: list[tuple[float, bool, float]]) -> None:
    share, now_s, spans = ProbeShare(), 50.0, []
    for wait_s, knock, idle_s in waits:
        begun_s = share.ready_s(wait_s, now_s + idle_s, knock)
        now_s = begun_s + wait_s
        share.spend(wait_s, now_s, knock)
        spans.append((begun_s, now_s))
    for begin_s in [begun_s for begun_s, _ in spans] + [ended_s - PROBE_WINDOW_S for _, ended_s in spans]:
        end_s = begin_s + PROBE_WINDOW_S
        assert sum(max(0.0, min(until_s, end_s) - max(since_s, begin_s)) for since_s, until_s in spans) <= BUDGET_S + 1e-6
