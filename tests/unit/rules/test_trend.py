"""Theil-Sen and the day on which a limit is met: known lines, wild days, gaps, and intervals that keep their promise."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.core.limits import HINT_TREND_DAYS
from edgeguard.rules.trend import INTERVAL, Trend, reach, theil_sen


def line(days: int, slope: float, noise: float = 0.0, seed: int = 1) -> list[tuple[int, float]]:
    rng = random.Random(seed)
    return [(100 + day, 5.0 + slope * day + rng.gauss(0, noise)) for day in range(days)]


def trend_of(points: list[tuple[int, float]]) -> Trend:
    found = theil_sen(points)
    assert found is not None
    return found


def test_a_line_is_found_as_it_is() -> None:
    trend = trend_of(line(20, 0.25))

    assert trend.slope == pytest.approx(0.25)
    assert trend.low == pytest.approx(0.25)
    assert trend.high == pytest.approx(0.25)
    assert trend.level == pytest.approx(5.0 + 0.25 * 19)
    assert (trend.days, trend.last_day) == (20, 119)
    assert trend.certainty > 0.999


def test_a_quarter_of_wild_days_moves_nothing() -> None:
    points = [(day, 99.0 if day % 4 == 1 else value) for day, value in line(40, 0.1, 0.01)]

    assert trend_of(points).slope == pytest.approx(0.1, abs=0.02)


def test_gaps_are_gaps_and_no_zeros() -> None:
    points = [point for point in line(60, -0.2) if not 110 < point[0] < 150]

    assert trend_of(points).slope == pytest.approx(-0.2)


def test_too_few_days_are_no_trend() -> None:
    assert theil_sen(line(4, 1.0)) is None


def test_days_that_are_all_alike_have_no_trend_and_no_certainty() -> None:
    trend = trend_of([(day, 3.0) for day in range(30)])

    assert (trend.slope, trend.z) == (0.0, 0.0)
    assert trend.certainty == pytest.approx(0.5)
    assert reach(trend, 4.0) is None


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    held = sum(t.low <= 0.05 <= t.high for t in (trend_of(line(25, 0.05, 0.3, seed)) for seed in range(150)))

    assert held / 150 > INTERVAL - 0.07


def test_days_that_remember_each_other_widen_the_interval() -> None:
    rng = random.Random(3)
    walk, points, white = 0.0, [], []
    for day in range(40):
        walk = 0.9 * walk + rng.gauss(0, 0.1)
        points.append((day, walk))
        white.append((day, rng.gauss(0, 0.23)))
    wide, narrow = trend_of(points), trend_of(white)

    assert wide.high - wide.low > narrow.high - narrow.low


def test_only_the_latest_days_count() -> None:
    points = [(day, 0.0) for day in range(100)] + [(100 + day, float(day)) for day in range(HINT_TREND_DAYS)]

    assert trend_of(points).slope == pytest.approx(1.0)


@pytest.mark.parametrize(("slope", "limit", "days"), [(0.5, 20.0, 11.0), (-0.5, -10.0, 11.0)])
def test_a_limit_is_met_when_the_line_gets_there(slope: float, limit: float, days: float) -> None:
    found = reach(trend_of(line(20, slope)), limit)

    assert found is not None
    assert found.expected == pytest.approx(days)
    assert found.earliest == pytest.approx(days)
    assert found.latest == pytest.approx(days)


def test_a_limit_behind_is_met_in_negative_days_and_one_that_is_left_never() -> None:
    rising = trend_of(line(20, 0.5))
    behind, away = reach(rising, 10.0), reach(trend_of(line(20, -0.5)), 20.0)

    assert behind is not None
    assert behind.expected == pytest.approx(-9.0)
    assert away is None


def test_a_limit_beyond_all_planning_is_never_met() -> None:
    assert reach(trend_of(line(20, 1e-7)), 1e6) is None
    nearly = reach(trend_of(line(30, 0.01, 0.2, seed=4)), 12.0)
    assert nearly is None or nearly.latest is None


def test_what_the_season_may_do_keeps_the_latest_day_open() -> None:
    trend = trend_of(line(20, 0.1, 0.05))
    found = reach(trend, 10.0, faster=0.2)

    assert found is not None
    assert found.latest is None


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 400), st.floats(-1e6, 1e6)), min_size=5, max_size=40, unique_by=lambda point: point[0]))
def test_an_interval_holds_its_own_slope(points: list[tuple[int, float]]) -> None:
    trend = trend_of(sorted(points))
    found = reach(trend, 2e6)

    assert trend.low <= trend.slope <= trend.high
    assert 0.5 <= trend.certainty <= 1.0
    if found is not None:
        assert found.earliest <= found.expected + 1e-6
        assert found.latest is None or found.latest >= found.expected - 1e-6
