"""Pictures in, faint spots out; and a fall that only they show."""

import numpy as np
import pytest

from edgeguard.camera.faint import FaintField
from edgeguard.camera.motion import MotionField
from edgeguard.camera.video import Luma
from edgeguard.core.camera_limits import FAINT_MAX_SPOTS
from edgeguard.vision.falls import Fall, FallState, Scene, finish, step

WIDTH, HEIGHT, FPS = 320, 240, 25


def picture(rng: np.random.Generator, noise: float, at: tuple[float, float] | None = None, levels: float = 0.0) -> Luma:
    """A wall with noise, and a thing five px wide."""
    wall = 110 + rng.normal(0, noise, (HEIGHT, WIDTH))
    if at is not None:
        rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
        wall += levels * (np.hypot(columns - at[0], rows - at[1]) <= 2.5)
    return np.clip(np.rint(wall), 0, 255).astype(np.uint8)


@pytest.mark.slow
def test_a_thing_twice_as_bright_as_the_noise_is_found_though_nothing_stands_out() -> None:
    rng = np.random.default_rng(1)
    field, state = MotionField(WIDTH, HEIGHT), FallState(Scene(WIDTH, HEIGHT))
    told: list[Fall] = []
    clear = 0
    for n in range(7 * FPS):
        t = n / FPS - 3.5
        at = (150 + 15 * t, 30 + 80 * t * t) if 0 <= t < 1.5 else None
        motion = field.step(n / FPS, picture(rng, 2.5, at, 5.0))
        clear += at is not None and any(abs(motion.spots.centres[:, 1] - at[1]) < 4)
        state, some = step(state, n / FPS, motion.spots, motion.busy, motion.faint)
        told += some
    (fall,) = [*told, *finish(state)[1]]
    assert clear < 12
    assert fall.path.span_s > 0.7
    for mark in fall.path.marks:
        assert abs(mark.y - (30 + 80 * (mark.t_s - 3.5) ** 2)) < 8


def test_the_threshold_follows_the_noise_so_that_the_work_stays_bounded() -> None:
    counts = []
    for noise in (0.5, 6.0):
        rng, field = np.random.default_rng(1), FaintField((WIDTH, HEIGHT), 1, None)
        shown = [picture(rng, noise) for _ in range(20)]
        spots = [len(field.step(n / FPS, shown[int(rng.integers(20))], looks=True)[0]) for n in range(4 * FPS)]
        assert max(spots) <= FAINT_MAX_SPOTS
        counts.append(np.mean(spots[-FPS:]))
    assert max(counts) < 80


def test_nothing_is_seen_behind_a_mask_nor_before_the_means_are_known() -> None:
    rng = np.random.default_rng(1)
    hidden = np.zeros((HEIGHT, WIDTH), np.uint8)
    hidden[:, :160] = 255
    field = FaintField((WIDTH, HEIGHT), 1, hidden)
    places = []
    for n in range(2 * FPS):
        spots, often = field.step(n / FPS, picture(rng, 0.6, (40 + n * 4 % 240, 100), 20.0), looks=True)
        assert len(spots) == len(often)
        assert not len(spots) or n >= FPS
        places += spots.centres[:, 0].tolist()
    assert places
    assert min(places) >= 158
