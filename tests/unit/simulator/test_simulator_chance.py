"""Chance is a value: the same place gives the same draw, and the draws have the distributions that they claim."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeguard.simulator.chance import Chance, arrivals, fork
from edgeguard.simulator.daytime import DAY_S, by_hour

SEEDS = st.integers(0, 2**63)


def test_splitmix64_reference_sequence() -> None:
    """First outputs of the generator's reference implementation for seed 1234567, cut to 53 bits."""
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    chance = Chance(1234567)
    for number in expected:
        u, chance = chance.uniform()
        assert u == (number >> 11) / 2**53


@given(SEEDS)
def test_a_place_gives_its_draw_again(seed: int) -> None:
    assert Chance(seed, 7).uniform() == Chance(seed, 7).uniform()
    assert fork(seed, 1).uniform()[0] != fork(seed, 2).uniform()[0]


@given(SEEDS, st.integers(1, 100))
def test_among_stays_among(seed: int, count: int) -> None:
    place, _ = Chance(seed).among(count)
    assert 0 <= place < count


def test_means() -> None:
    chance, exponential, normal, square = Chance(5), 0.0, 0.0, 0.0
    for _ in range(4000):
        one, chance = chance.exponential()
        other, chance = chance.normal()
        exponential, normal, square = exponential + one, normal + other, square + other * other
    assert exponential / 4000 == pytest.approx(1.0, abs=0.08)
    assert normal / 4000 == pytest.approx(0.0, abs=0.08)
    assert square / 4000 == pytest.approx(1.0, abs=0.12)


@given(SEEDS, st.lists(st.floats(0.0, 3.0), max_size=30))
def test_arrivals_do_not_depend_on_the_step(seed: int, parts: list[float]) -> None:
    """Waiting in parts brings as many as waiting for the whole."""
    process, came = arrivals(fork(seed, 1)), 0
    for part in parts:
        more, process = process.wait(part)
        came += more
    whole, _ = arrivals(fork(seed, 1)).wait(sum(parts))
    # a budget that ends within rounding of zero may fall on either side
    assert came == whole or abs(process.budget) < 1e-9


@given(st.floats(0, 10 * DAY_S))
def test_hours_join_and_days_repeat(time_s: float) -> None:
    figures = tuple(float(hour % 7) for hour in range(24))
    assert min(figures) <= by_hour(figures, time_s) <= max(figures)
    assert by_hour(figures, time_s) == pytest.approx(by_hour(figures, time_s + DAY_S), abs=1e-6)
