"""Where a shifted, turned or zoomed view is found again."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeguard.vision.view_fit import best_shifted, best_turned

Grid = NDArray[np.float32]


def spots(
    seed: int, turn_deg: float = 0.0, zoom: float = 1.0, shift: tuple[float, float] = (0.0, 0.0), aspect: float = 1.0
) -> Grid:
    """A hundred bright spots on 36 by 64 cells, each a cell or two wide; zero mean and unit norm."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:36, :64].astype(np.float32)
    shown = np.zeros((36, 64), np.float32)
    cos, sin = zoom * math.cos(math.radians(turn_deg)), zoom * math.sin(math.radians(turn_deg))
    for _ in range(100):
        x, y = rng.uniform(-40, 40) * aspect, rng.uniform(-25, 25)
        row, column = sin * x + cos * y + 17.5 + shift[0], (cos * x - sin * y) / aspect + 31.5 + shift[1]
        shown += np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 2)
    shown -= shown.mean()
    return np.asarray(shown / np.linalg.norm(shown), np.float32)


@pytest.mark.parametrize("turn_deg", [-15.0, -8.0, 5.0, 12.0])
@pytest.mark.parametrize("zoom", [0.9, 1.0, 1.15])
@pytest.mark.parametrize("aspect", [1.0, 0.7])
def test_a_turned_and_zoomed_view_is_found_again(turn_deg: float, zoom: float, aspect: float) -> None:
    reference, seen = spots(1, aspect=aspect), spots(1, turn_deg, zoom, aspect=aspect)
    here = float((reference * seen).sum())
    assert here < 0.6
    assert best_turned(reference, seen, aspect) > max(0.6, here + 0.2)


def test_a_shift_alone_needs_no_turn() -> None:
    reference, seen = spots(1), spots(1, shift=(3, -4))
    assert best_shifted(reference, seen) > 0.95
    assert best_shifted(reference, spots(1, turn_deg=12)) < 0.6


def test_another_view_fits_nowhere() -> None:
    assert best_turned(spots(1), spots(2), 1.0) < 0.5
    assert best_turned(spots(1), np.zeros((36, 64), np.float32), 1.0) <= 0
