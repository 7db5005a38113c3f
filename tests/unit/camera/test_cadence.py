"""When the sensor took a picture, out of stamps that tremble; and what is no beat is left as it is."""

import math
from collections.abc import Callable
from itertools import accumulate, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.camera.cadence import Cadence
from edgeguard.testing.examples import examples

FIRST = 40
"""From so many pictures on a beat is known."""


def evened(stamps: list[float]) -> np.ndarray:
    cadence = Cadence()
    return np.array([cadence.even(t_s) for t_s in stamps])


def growing(stamps: list[float]) -> list[float]:
    return list(accumulate(stamps, lambda before, t_s: max(before + 0.002, t_s)))


def beside(evened_s: np.ndarray, taken_s: list[float]) -> float:
    """How far, in ms, seconds are from when the pictures were taken, but for a lateness that all share."""
    return float(np.std((evened_s - np.array(taken_s))[FIRST:]) * 1000)


@pytest.mark.parametrize("fps", [12.0, 15.0, 25.0, 29.97])
@pytest.mark.parametrize("seed", range(3))
def test_stamps_that_tremble_are_put_where_the_pictures_were_taken(fps: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    taken = [n / fps for n in range(600)]
    early_or_late = growing([t_s + float(rng.uniform(-0.010, 0.010)) for t_s in taken])
    assert 5 < beside(np.array(early_or_late), taken) < 7
    assert beside(evened(early_or_late), taken) < 2
    late = growing([t_s + float(rng.exponential(0.005)) for t_s in taken])
    assert beside(np.array(late), taken) > 4
    assert beside(evened(late), taken) < 3


def test_pictures_that_were_left_out_are_counted_in() -> None:
    rng = np.random.default_rng(1)
    numbers = np.cumsum(rng.choice([1, 1, 1, 1, 1, 1, 1, 1, 2, 4], 600))
    taken = [float(n) / 25 for n in numbers]
    assert beside(evened(growing([t_s + float(rng.uniform(-0.006, 0.006)) for t_s in taken])), taken) < 2


def _decimated() -> list[float]:
    return [n / 30 for n in range(600) if n % 6 != 5]


def _two_of_three() -> list[float]:
    return [n / 30 for n in range(600) if n % 3 != 2]


def _drops() -> list[float]:
    return [n / 25 for n in range(600) if n % 7 and n % 31]


def _changes() -> list[float]:
    """By night the rate is halved, and by day doubled again."""
    return list(accumulate([0.04 if n // 100 % 2 else 0.08 for n in range(600)]))


def _drifts() -> list[float]:
    return list(accumulate([0.04 * (1 + 0.25 * np.sin(n / 60)) for n in range(600)]))


def _milliseconds() -> list[float]:
    return [round(n / 30, 3) for n in range(600)]


def _pauses() -> list[float]:
    return [n / 25 + 9.0 * (n // 100) for n in range(600)]


def _slower() -> list[float]:
    """Another rate, which is no multiple of the first, and back."""
    return list(accumulate([0.04 if n // 100 % 2 else 1 / 15 for n in range(600)]))


def _one_odd_gap() -> list[float]:
    return [n / 25 + 0.3 * (n // 200) + 0.07 * (n // 450) for n in range(600)]


@pytest.mark.parametrize(
    ("sensor", "sent"), [(25, 12), (25, 10), (25, 8), (30, 12), (30, 8), (50, 20), (15, 7), (30, 25), (60, 25)]
)
def test_a_rate_that_the_sensor_cannot_be_divided_by_leaves_exact_stamps_as_they_are(sensor: int, sent: int) -> None:
    """Of each few pictures one is sent, now after two, now after three."""
    stamps = [round(math.ceil(n * sensor / sent) / sensor, 3) for n in range(400)]
    assert evened(stamps).tolist() == stamps


@pytest.mark.parametrize("late_s", [0.012, 0.025, 0.03])
def test_key_frames_that_come_late_move_no_others(late_s: float) -> None:
    stamps = [n / 25 + (late_s if n % 50 == 0 else 0.0) for n in range(600)]
    found = evened(stamps)
    assert [t_s for n, t_s in enumerate(found) if n % 50] == [t_s for n, t_s in enumerate(stamps) if n % 50]
    assert all(found[n] <= stamps[n] for n in range(0, 600, 50))


@pytest.mark.parametrize(
    "exact", [_slower, _one_odd_gap, _decimated, _two_of_three, _drops, _changes, _drifts, _milliseconds, _pauses]
)
def test_stamps_that_say_when_the_pictures_were_taken_are_left_as_they_are(exact: Callable[[], list[float]]) -> None:
    stamps = exact()
    assert evened(stamps).tolist() == stamps


def test_a_stamp_that_came_far_too_late_moves_none_but_itself() -> None:
    rng = np.random.default_rng(2)
    taken = [n / 25 for n in range(300)]
    stamps = [t_s + float(rng.uniform(-0.008, 0.008)) for t_s in taken]
    stamps[150] += 0.034
    off = np.abs(evened(growing(stamps)) - np.array(taken)) * 1000
    assert max(off[FIRST:150].max(), off[151:].max()) < 6


def test_after_a_pause_another_beat_is_learned() -> None:
    rng = np.random.default_rng(3)
    taken = [n / 25 for n in range(200)] + [60 + n / 15 for n in range(200)]
    found = evened(growing([t_s + float(rng.uniform(-0.010, 0.010)) for t_s in taken]))
    assert beside(found[:200], taken[:200]) < 2
    assert beside(found[200:], taken[200:]) < 2


@given(st.lists(st.floats(0.0011, 2.0), min_size=1, max_size=200))
@settings(max_examples=examples(100))
def test_seconds_only_grow_and_stay_by_their_stamps(steps: list[float]) -> None:
    stamps = list(accumulate(steps))
    found = evened(stamps)
    assert all(later > earlier for earlier, later in pairwise(found))
    assert np.abs(found - np.array(stamps)).max() < 2 * max(steps)


@pytest.mark.parametrize("seed", range(4))
def test_pictures_that_were_taken_at_no_beat_are_hardly_moved(seed: int) -> None:
    """Steps of a phone that waits for light: each what it is."""
    steps = np.random.default_rng(seed).uniform(0.030, 0.050, 1000)
    stamps = np.cumsum(steps).tolist()
    assert np.mean(np.abs(evened(stamps) - np.array(stamps)) > 0.002) < 0.1


def test_a_rate_that_changes_under_trembling_stamps_is_followed() -> None:
    rng = np.random.default_rng(5)
    taken = list(accumulate([0.04 if n // 400 % 2 else 0.05 for n in range(4000)]))
    stamps = growing([t_s + float(rng.uniform(-0.005, 0.005)) for t_s in taken])
    assert beside(evened(stamps), taken) < 0.9 * beside(np.array(stamps), taken)
