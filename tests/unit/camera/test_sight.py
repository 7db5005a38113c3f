"""What a camera's eyesight makes of pictures, with the noise that sensors add after the lens."""

import cv2
import numpy as np
import pytest

from edgeguard.camera.sight import look_at
from edgeguard.core.blindness import Blindness
from edgeguard.testing import film
from edgeguard.vision.blindness import Eyesight, judge, troubles

pytestmark = pytest.mark.slow

LEARN_S, LOOKS_S = 70, 70


def seen(eyes: Eyesight, still: film.Grey, start_s: int, noise: float) -> Eyesight:
    """A look a second for a while."""
    rng = np.random.default_rng(start_s)
    for second in range(start_s, start_s + LOOKS_S):
        picture = np.clip(still + noise * rng.standard_normal(still.shape, np.float32), 0, 255).astype(np.uint8)
        eyes = judge(eyes, look_at(float(second), picture))
    return eyes


@pytest.mark.parametrize("noise", [1.6, 3.5])
def test_a_lens_out_of_focus_is_told_though_the_sensor_goes_on_giving_noise(noise: float) -> None:
    wall = film.wall()
    well = seen(Eyesight(), wall, 0, noise)
    assert not well.standing
    blurred = np.asarray(cv2.GaussianBlur(wall, (0, 0), 5), np.uint8)
    assert set(troubles(seen(well, blurred, LEARN_S, noise))) == {Blindness.BLURRED}


def test_haze_is_no_blur() -> None:
    wall = film.wall()
    haze = np.asarray(np.clip(0.6 * wall + 70, 0, 255), np.uint8)
    assert not seen(seen(Eyesight(), wall, 0, 1.6), haze, LEARN_S, 1.6).standing


def test_one_picture_drawn_anew_by_a_codec_is_frozen_and_noise_is_not() -> None:
    wall = film.wall()
    alive = seen(Eyesight(), wall, 0, 1.6)
    eyes = alive
    for second in range(LEARN_S, LEARN_S + 40):
        drawn = np.asarray(np.clip(wall.astype(np.int16) + (second // 2) % 2, 0, 255), np.uint8)
        eyes = judge(eyes, look_at(float(second), drawn))
    assert set(troubles(eyes)) == {Blindness.FROZEN}
