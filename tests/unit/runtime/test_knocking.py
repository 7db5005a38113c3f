"""The share of a bus that dead devices may take together."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.core.limits import KNOCK_BUS_SHARE
from edgeguard.runtime.knocking import Knocking


def test_knocks_are_spread_so_that_they_take_a_tenth_of_the_time() -> None:
    share = Knocking(lambda: True)
    for _ in range(100):
        share.took(0.3)

    begins_s = [share.reserve(50.0) for _ in range(11)]

    assert begins_s[0] == 50.0
    assert begins_s[-1] - begins_s[0] == pytest.approx(10 * 0.3 / KNOCK_BUS_SHARE)


def test_where_nobody_answers_there_is_no_limit() -> None:
    share = Knocking(lambda: False)

    assert [share.reserve(7.0) for _ in range(5)] == [7.0] * 5


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0.02, 2)), min_size=1, max_size=50))
def test_no_knock_is_in_the_past_and_none_before_another(steps: list[tuple[float, float]]) -> None:
    share, now_s, before_s = Knocking(lambda: True), 0.0, 0.0
    for pause_s, took_s in steps:
        now_s += pause_s
        begin_s = share.reserve(now_s)
        assert begin_s >= max(now_s, before_s)
        before_s = begin_s
        share.took(took_s)
