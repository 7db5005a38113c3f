"""A few faint spots that fall, among dozens that only tremble or go evenly."""

import numpy as np
import pytest

from edgeguard.core.camera_limits import FAINT_MAX_DONE, FAINT_MAX_SEEDS
from edgeguard.vision.falls import Fall, FallState, Scene, finish, step
from edgeguard.vision.spots import Column, Spots

WIDTH, HEIGHT, FPS = 640, 360, 25
SEEN = 0.65
"""In so many of the pictures what is on its way leaves a spot."""


def faintly(places: list[tuple[float, float]], rng: np.random.Generator, noise: int) -> tuple[Spots, Column]:
    """Spots of a few levels: `places` half a pixel off, some of them missing, and noise everywhere."""
    shown = [(x + rng.normal(0, 0.6), y + rng.normal(0, 0.6)) for x, y in places if rng.random() < SEEN]
    shown += [(x, y) for x, y in rng.uniform((4, 4), (WIDTH - 4, HEIGHT - 4), (noise, 2))]
    rows = np.array([[x, y, x - 1, y - 1, 3.0, 3.0, 7.0, 5.0] for x, y in shown]).reshape(-1, 8)
    return Spots(rows), np.full(len(rows), noise / (WIDTH * HEIGHT / 1024))


def told(seed: int, seconds: float, falls: bool, evenly_px_s: float | None = None, noise: int = 50) -> tuple[list[Fall], FallState]:
    """What is told of `seconds` of faint spots; one thing falls from (300, 60) at 3 s on, ten go down evenly."""
    rng = np.random.default_rng(seed)
    state = FallState(Scene(WIDTH, HEIGHT))
    found: list[Fall] = []
    for n in range(int(seconds * FPS)):
        t = n / FPS - 3.0
        places = [(300.0 + 20 * t, 60 + 80 * t * t)] if falls and 0 <= t < 1.8 else []
        if evenly_px_s is not None:
            places += [(60.0 * i + 30, (37.0 * i + evenly_px_s * n / FPS) % HEIGHT) for i in range(10)]
        state, some = step(state, n / FPS, Spots.none(), np.empty(0), faintly(places, rng, noise))
        found += some
        assert len(state.faint.seeds) <= FAINT_MAX_SEEDS
        assert len(state.faint.done) <= FAINT_MAX_DONE
    state, some = finish(state)
    return [*found, *some], state


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 4])
def test_what_falls_is_told_once_though_no_picture_shows_it_clearly(seed: int) -> None:
    (fall,), _ = told(seed, 7.0, falls=True)
    assert fall.path.span_s > 1.0
    for mark in fall.path.marks:
        assert abs(mark.y - (60 + 80 * (mark.t_s - 3.0) ** 2)) < 8


def test_a_film_that_ends_with_the_landing_is_searched_too() -> None:
    (fall,), _ = told(1, 4.8, falls=True, noise=12)
    assert fall.path.end_s > 4.3


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_noise_alone_makes_no_fall(seed: int) -> None:
    assert told(seed, 20.0, falls=False)[0] == []


@pytest.mark.slow
@pytest.mark.parametrize("pace_px_s", [40.0, 150.0, 400.0])
def test_what_goes_evenly_makes_none(pace_px_s: float) -> None:
    assert told(5, 10.0, falls=False, evenly_px_s=pace_px_s)[0] == []


def test_what_was_on_its_way_while_means_were_learnt_is_not_told() -> None:
    """A ball comes down in the first two seconds: that it had gone up was not seen."""
    rng = np.random.default_rng(1)
    state = FallState(Scene(WIDTH, HEIGHT))
    found: list[Fall] = []
    for n in range(4 * FPS):
        t = n / FPS - 1.2
        places = [(300.0, 60 + 110 * t * t)] if 0 <= t < 1.5 else []
        state, some = step(state, n / FPS, Spots.none(), np.empty(0), faintly(places, rng, 5))
        found += some
    assert [*found, *finish(state)[1]] == []
