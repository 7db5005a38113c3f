"""Rates from counters."""

import pytest

from edgeguard.runtime.rates import Rate


def test_a_steady_counter_has_a_steady_rate_and_the_memory_is_bounded() -> None:
    rate = Rate(window_ms=5000)
    rate.look(0, 0)
    assert rate.per_s == 0.0
    for second in range(1, 1000):
        rate.look(second * 20, second * 1000)
        assert rate.per_s == pytest.approx(20.0)
    assert len(rate._looks) <= 8


def test_a_change_shows_within_the_window() -> None:
    rate = Rate(window_ms=5000)
    for second in range(20):
        rate.look(second * 10, second * 1000)
    for second in range(20, 27):
        rate.look(190, second * 1000)
    assert rate.per_s == 0.0
