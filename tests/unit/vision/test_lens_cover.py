"""What hides a part of a view, told from lorries, fog, snow and streets that have emptied, on made-up relief and levels."""

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeguard.vision.lens_cover import Cover, Edge, left_of, look_for_cover

Grid = NDArray[np.float32]
NOISE = 0.4


def cells(values: NDArray[np.floating]) -> Grid:
    return np.asarray(values, np.float32)


def view(seed: int = 1) -> tuple[Grid, Grid]:
    """Relief and levels of a street: most cells have something to see in them."""
    rng = np.random.default_rng(seed)
    return np.asarray(NOISE + rng.gamma(2.0, 6.0, (36, 64)), np.float32), np.asarray(rng.uniform(60, 160, (36, 64)), np.float32)


def mask(share: float, soft: float) -> Grid:
    """From the left side: 1 where hidden; `soft`: cells over which it fades."""
    columns = np.arange(64) + 0.5
    return np.asarray(np.tile(np.clip((share * 64 + soft / 2 - columns) / max(soft, 1e-6), 0, 1), (36, 1)), np.float32)


def hidden(share: float, soft: float, level: float = 60.0, gain: float = 1.0) -> Cover:
    relief, levels = view()
    cover = mask(share, soft)
    seen = np.asarray(NOISE + gain * (relief - NOISE) * (1 - cover), np.float32)
    return look_for_cover(seen, np.asarray(gain * levels * (1 - cover) + level * cover, np.float32), relief, levels)


@pytest.mark.parametrize("share", [0.25, 0.4, 0.6])
@pytest.mark.parametrize("level", [25.0, 60.0, 200.0])
def test_a_soft_cover_is_told_whether_dark_or_light(share: float, level: float) -> None:
    found = hidden(share, 4.0, level)
    assert found.edge is Edge.SOFT
    assert not found.is_clear
    assert abs(found.share - share) < 0.08
    assert found.light > 80, "it is as light beside it as ever"


def test_a_darker_picture_hides_nothing() -> None:
    found = hidden(0.4, 5.0, level=20.0, gain=0.7)
    assert found.edge is Edge.SOFT
    assert hidden(0.0, 5.0, gain=0.3).share == 0
    assert hidden(0.0, 5.0).is_clear


def board(relief: Grid, levels: Grid, level: float = 180.0) -> tuple[Grid, Grid]:
    """Nothing to see in the lower middle, and an edge around it that was not there before."""
    seen, light = relief.copy(), levels.copy()
    seen[8:36, 10:45], light[8:36, 10:45] = NOISE, level
    seen[8, 10:45] = seen[8:36, 10] = seen[8:36, 44] = 30
    return seen, light


@pytest.mark.parametrize("level", [5.0, 60.0, 220.0])
def test_what_stands_further_off_ends_at_an_edge(level: float) -> None:
    """A board, a lorry's plain side: its outline is as clear as anything in the view."""
    relief, levels = view()
    found = look_for_cover(*board(relief, levels, level), relief, levels)
    assert abs(found.share - 28 * 35 / (36 * 64)) < 0.06
    assert found.edge is Edge.SHARP


def test_what_hid_the_ground_little_by_little_was_not_seen_before() -> None:
    relief, levels = view()
    found = look_for_cover(*board(relief, levels), relief, levels)
    for part, light, is_seen in ((1.0, 1.0, True), (0.9, 1.0, True), (0.4, 0.4, True), (0.4, 1.0, False)):
        left = left_of(cells(NOISE + part * (relief - NOISE)), cells(light * levels), relief, levels)
        assert found.was_seen(left) is is_seen, (part, light)
    assert not found.was_seen(np.full_like(relief, np.nan)), "nothing is known of it"


def test_where_others_have_changed_too_nothing_is_said_of_an_edge() -> None:
    """Ribs and letters of a lorry, other cars beside it."""
    relief, levels = view()
    seen, light = board(relief, levels)
    seen[::3, 46:64] = NOISE
    assert look_for_cover(seen, light, relief, levels).edge is None


@pytest.mark.parametrize("level", [30.0, 90.0, 190.0])
def test_all_of_the_view_may_be_hidden(level: float) -> None:
    relief, levels = view()
    shade = np.linspace(0.8, 1.2, 64, dtype=np.float32) * np.ones((36, 1), np.float32)
    found = look_for_cover(np.full_like(relief, NOISE), cells(level * shade), relief, levels)
    assert found.share > 0.9
    assert found.is_whole


def test_out_of_focus_bright_stays_bright() -> None:
    """And in thick fog, and when the lamps are out: nothing to see, and yet the same view."""
    relief, levels = view()
    levels = cells(levels + 60 * np.sin(np.arange(64) / 9))
    for gain in (1.0, 0.1, 0.02):
        found = look_for_cover(np.full_like(relief, NOISE), cells(gain * levels + 170 * (1 - gain)), relief, levels)
        assert not found.is_whole


def test_fog_dims_the_rest_too() -> None:
    relief, levels = view()
    left = np.linspace(0.05, 0.55, 36, dtype=np.float32)[:, None]
    assert look_for_cover(cells(NOISE + (relief - NOISE) * left), cells(180 + (levels - 180) * left), relief, levels).edge is None


def test_a_bank_of_fog_fades_too_slowly() -> None:
    relief, levels = view()
    left = np.clip((np.arange(36, dtype=np.float32) - 12) / 12, 0, 1)[:, None]
    found = look_for_cover(cells(NOISE + (relief - NOISE) * left), cells(180 + (levels - 180) * left), relief, levels)
    assert found.share > 0.3
    assert found.edge is None


def test_a_car_park_that_has_emptied_is_not_covered() -> None:
    relief, levels = view()
    rng = np.random.default_rng(5)
    seen = relief.copy()
    for row, column in zip(rng.integers(12, 32, 30), rng.integers(0, 58, 30), strict=True):
        seen[row : row + 4, column : column + 6] = NOISE + rng.uniform(0, 1, seen[row : row + 4, column : column + 6].shape)
    found = look_for_cover(seen, levels, relief, levels)
    assert found.share > 0.15
    assert found.edge is None


def test_a_lamp_that_has_gone_out_hides_nothing() -> None:
    relief, levels = view()
    light = 1 - 0.9 * mask(0.4, 8.0)
    assert look_for_cover(cells(NOISE + (relief - NOISE) * light), cells(levels * light), relief, levels).edge is None


def test_what_dazzles_says_nothing() -> None:
    relief, levels = view()
    glare = mask(0.4, 6.0)
    assert look_for_cover(NOISE + (relief - NOISE) * (1 - glare), levels + (255 - levels) * glare, relief, levels).share < 0.1
