"""CUSUM, EWMA, and whether something stepped or crept."""

import random

import pytest

from edgeguard.rules.drift import cusum, hinge, jumped, spread_of, stepped
from edgeguard.rules.trend import Dated


def days(values: list[float], first: int = 0) -> list[Dated]:
    return [(first + i, value) for i, value in enumerate(values)]


def noise(count: int, sigma: float, seed: int = 1) -> list[float]:
    rng = random.Random(seed)
    return [rng.gauss(0, sigma) for _ in range(count)]


def test_a_quiet_quantity_has_no_change() -> None:
    assert all(cusum(days(noise(60, 1.0, seed)), 0.0, 1.0, 1.0) is None for seed in range(20))


def test_a_shift_is_found_with_the_day_it_began() -> None:
    values = noise(40, 0.3) + [1.5 + n for n in noise(10, 0.3, 2)]
    found = cusum(days(values, 200), 0.0, 0.5, 1.0)

    assert found is not None
    assert abs(found.onset_day - 240) <= 2
    assert not found.open_ended
    assert cusum(days(values, 200), 0.0, 0.5, -1.0) is None


def test_a_shift_down_is_one_on_the_other_side() -> None:
    assert cusum(days([0.0] * 5 + [-2.0] * 8), 0.0, 0.5, -1.0) is not None


def test_a_change_that_was_there_from_the_first_day_is_open_ended() -> None:
    found = cusum(days([2.0] * 10), 0.0, 0.5, 1.0)

    assert found is not None
    assert found.open_ended


def test_a_change_that_has_gone_is_none() -> None:
    assert cusum(days([0.0] * 10 + [3.0] * 5 + [-0.5] * 40), 0.0, 0.5, 1.0) is None


def test_the_scatter_is_not_moved_by_a_trend() -> None:
    flat = noise(200, 0.4)
    rising = [value + 0.2 * i for i, value in enumerate(flat)]

    assert spread_of(flat) == pytest.approx(0.4, rel=0.2)
    assert spread_of(rising) == pytest.approx(spread_of(flat))
    assert spread_of([1.0, 2.0]) == 0.0


def test_a_line_that_begins_is_found_where_it_begins() -> None:
    values = [n + 0.1 * max(0, i - 30) for i, n in enumerate(noise(60, 0.1))]

    assert abs(hinge(days(values), 0.0, 1.0) - 30) <= 4


def test_a_step_is_a_step_and_a_line_is_none() -> None:
    step = [n + (2.0 if i >= 12 else 0.0) for i, n in enumerate(noise(24, 0.1))]
    line = [n + 0.1 * i for i, n in enumerate(noise(24, 0.1))]

    assert stepped(days(step), 0.1) == 12
    assert stepped(days(line), 0.1) is None
    assert stepped(days(line[:5]), 0.1) is None


def test_a_jump_that_goes_on_slowly_is_told_from_a_line() -> None:
    rng = random.Random(4)
    well = [(day, 10.0 + rng.gauss(0, 0.2)) for day in range(30)]
    rest = [(day, 13.0 + 0.05 * (day - 30) + rng.gauss(0, 0.2)) for day in range(30, 60)]
    line = [(day, 10.0 + 0.15 * (day - 30) + rng.gauss(0, 0.2)) for day in range(30, 60)]

    assert jumped([*well, *rest], 10.0, hinge([*well, *rest], 10.0, 1.0)) == 30
    assert jumped([*well, *line], 10.0, hinge([*well, *line], 10.0, 1.0)) is None
    assert jumped(well[:9], 10.0, 0) is None
