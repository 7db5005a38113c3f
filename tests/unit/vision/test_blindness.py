"""What a camera's eyesight is judged by, on small pictures with known troubles."""

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeguard.core.blindness import Blindness
from edgeguard.vision.blindness import GRID, Eyesight, Look, Sign, judge, knows_place, stood_before, troubles

Grid = NDArray[np.float32]


def view(seed: int, light: float = 120.0) -> tuple[Grid, Grid]:
    """Brightness and detail of a made-up facade: windows of its own in every seed."""
    rng = np.random.default_rng(seed)
    windows = np.kron(rng.uniform(0.2, 1.8, (9, 16)), np.ones((4, 4)))
    return np.asarray(windows * light, np.float32), np.asarray(2 + 10 * rng.uniform(0, 1, GRID) ** 3, np.float32)


def see(
    eyes: Eyesight, seconds: int, levels: Grid, detail: Grid, start_s: int, frozen: bool = False, fine: float = 0.5
) -> Eyesight:
    """So many looks, one a second, with the noise that every sensor has; `frozen`: with what a codec makes of one and the same."""
    rng = np.random.default_rng((0, start_s))
    fineness = np.full(GRID, fine, np.float32)
    for second in range(start_s, start_s + seconds):
        noisy = np.asarray(detail + rng.normal(0, 0.3, GRID), np.float32).clip(0)
        pixels = np.full((20, 30), 100, np.uint8) + rng.integers(0, 3 if frozen else 9, (20, 30), np.uint8)
        eyes = judge(eyes, Look(float(second), levels, noisy, float(noisy.mean()), pixels, noisy, fineness))
    return eyes


@pytest.fixture(scope="module")
def well() -> Eyesight:
    """Two minutes of a view that is as it should be."""
    return see(Eyesight(), 120, *view(1), 0)


def test_a_view_as_it_should_be_is_no_trouble(well: Eyesight) -> None:
    assert not troubles(see(well, 300, *view(1), 120))


def test_black(well: Eyesight) -> None:
    black = np.full(GRID, 4.0, np.float32), np.full(GRID, 0.2, np.float32)
    assert not troubles(see(well, 4, *black, 120))
    eyes = see(well, 10, *black, 120)
    assert troubles(eyes) == {Blindness.BLACK: 120.0}, "it counts from its first sign"
    back = see(eyes, 3, *view(1), 130)
    assert Blindness.BLACK in troubles(back), "three good seconds prove nothing"
    assert not troubles(see(eyes, 10, *view(1), 130))


def test_frozen_counts_from_the_last_new_picture(well: Eyesight) -> None:
    assert not troubles(see(well, 15, *view(1), 120, frozen=True))
    eyes = see(well, 40, *view(1), 120, frozen=True)
    assert troubles(eyes) == {Blindness.FROZEN: 120.0}


def test_what_is_dark_or_flat_may_be_quiet_without_being_frozen(well: Eyesight) -> None:
    for level, trouble in ((4.0, Blindness.BLACK), (90.0, Blindness.COVERED)):
        nothing = np.full(GRID, level, np.float32), np.full(GRID, 0.2, np.float32)
        assert set(troubles(see(well, 40, *nothing, 120, frozen=True))) == {trouble}


def test_covered(well: Eyesight) -> None:
    bag = np.full(GRID, 90.0, np.float32), np.full(GRID, 0.5, np.float32)
    assert set(troubles(see(well, 20, *bag, 120))) == {Blindness.COVERED}


def test_blurred(well: Eyesight) -> None:
    levels, detail = view(1)
    assert set(troubles(see(well, 70, levels, np.asarray(detail * 0.2, np.float32), 120, fine=0.2))) == {Blindness.BLURRED}
    assert not troubles(see(well, 60, levels, np.asarray(detail * 0.7, np.float32), 120)), "haze is no blur"


@pytest.mark.slow
def test_a_lens_that_goes_out_of_focus_slowly_is_not_learned_as_normal(well: Eyesight) -> None:
    levels, detail = view(1)
    eyes = well
    for step in range(60):
        eyes = see(eyes, 20, levels, np.asarray(detail * 0.97**step, np.float32), 120 + 20 * step, fine=0.5 * 0.99**step)
    assert set(troubles(eyes)) == {Blindness.BLURRED}
    night = see(eyes, 80, np.asarray(levels * 0.2, np.float32), detail, 1320)
    assert set(troubles(night)) == {Blindness.BLURRED}, "night does not make it sharp"
    assert not troubles(see(night, 10, levels, detail, 1400))


def test_a_darker_day_is_no_blur(well: Eyesight) -> None:
    levels, detail = view(1)
    eyes = well
    for step in range(30):
        share = np.float32(1 - 0.013 * step)
        eyes = see(eyes, 10, levels * share, detail * share, 120 + 10 * step)
    assert not troubles(eyes)


@pytest.mark.parametrize("shift", [(0, 3), (-2, 0), (4, 4)])
def test_moved_by_a_few_cells(well: Eyesight, shift: tuple[int, int]) -> None:
    levels, detail = (np.asarray(np.roll(part, shift, (0, 1)), np.float32) for part in view(1))
    assert not troubles(see(well, 80, levels, detail, 120)), "a lorry may stand there for a minute"
    assert set(troubles(see(well, 100, levels, detail, 120))) == {Blindness.MOVED}


@pytest.mark.slow
def test_another_view_is_moved_and_never_learned(well: Eyesight) -> None:
    eyes = see(well, 600, *view(2), 120)
    assert set(troubles(eyes)) == {Blindness.MOVED}
    assert not troubles(see(eyes, 30, *view(1), 720)), "back where it was"


def test_a_lorry_before_a_quarter_of_the_view_is_no_move(well: Eyesight) -> None:
    levels, detail = view(1)
    other_levels, other_detail = view(3)
    levels[:, 48:], detail[:, 48:] = other_levels[:, 48:], other_detail[:, 48:]
    assert not troubles(see(well, 120, levels, detail, 120))


@pytest.mark.slow
def test_night_is_learned_apart_from_day(well: Eyesight) -> None:
    """Lamps show other edges than the sun; the first night is another light, not another view."""
    levels, _ = view(1, light=30.0)
    _, detail = view(4)
    eyes = see(well, 900, levels, np.asarray(detail * 0.3, np.float32), 120)
    assert not troubles(eyes)
    assert not troubles(see(eyes, 120, *view(1), 1020)), "and the morning is known"


def test_a_short_trouble_says_nothing(well: Eyesight) -> None:
    eyes = see(well, 3, np.full(GRID, 2.0, np.float32), np.zeros(GRID, np.float32), 120)
    eyes = see(eyes, 60, *view(1), 123)
    assert not troubles(eyes)
    assert not eyes.signs


def test_a_camera_that_was_moved_is_not_right_again_because_night_has_come(well: Eyesight) -> None:
    """The first night of this view was never seen, so that the night says nothing of its place; and it is not learned either."""
    moved = see(well, 100, *view(2), 120)
    levels, detail = view(5, light=30.0)
    night = see(moved, 90, levels, detail, 220)
    assert set(troubles(night)) == {Blindness.MOVED}
    assert not any(night.references[:1]), "a moved view is no reference"
    black = see(night, 60, np.full(GRID, 4.0, np.float32), np.full(GRID, 0.2, np.float32), 310)
    assert set(troubles(black)) == {Blindness.BLACK, Blindness.MOVED}
    assert not troubles(see(black, 30, *view(1), 370)), "turned back in the morning"


def test_from_the_first_sign_of_a_move_places_are_doubted(well: Eyesight) -> None:
    assert knows_place(well)
    levels, detail = (np.asarray(np.roll(part, (0, 3), (0, 1)), np.float32) for part in view(1))
    doubted = see(well, 2, levels, detail, 120)
    assert not troubles(doubted)
    assert not knows_place(doubted)
    assert knows_place(see(doubted, 10, *view(1), 122))


def test_a_move_is_remembered_over_a_restart(well: Eyesight) -> None:
    again = stood_before(Eyesight(well.references), [Sign.MOVED], 0.0)
    assert not knows_place(again)
    assert troubles(see(again, 60, *view(2), 1)) == {Blindness.MOVED: 0.0}
    assert not troubles(see(again, 60, *view(1), 1))
