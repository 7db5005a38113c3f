"""The picture of a fall: its path is drawn where the thing was."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from edgeguard.camera.evidence import streak_picture
from edgeguard.vision.falls import Fall
from edgeguard.vision.tracks import Mark
from edgeguard.vision.trajectory import fit

RED, GREEN = 2, 1


def falling(t: float) -> tuple[float, float]:
    return 200 + 40 * t, 60 + 20 * t + 260 * t * t


def nearing(t: float) -> tuple[float, float]:
    """Its distance shrinks to a tenth."""
    depth = 1 - 0.9 * t
    return 300 + (10 + 20 * t) / depth, 200 + (4 - 20 * t + 30 * t * t) / depth


@pytest.mark.parametrize("way", [falling, nearing])
def test_its_ends_are_marked_where_the_thing_was(way: Callable[[float], tuple[float, float]]) -> None:
    marks = tuple(Mark(n / 25, *way(n / 25), 5.0, 40.0, 5.0, 0.02) for n in range(26))
    shown = streak_picture(np.zeros((480, 720), np.uint8), Fall(fit(marks), 0.9)).astype(int)
    for mark, main in ((marks[0], GREEN), (marks[-1], RED)):
        rows, columns = np.nonzero((shown[..., main] > 180) & (shown[..., 3 - main] < 120))
        middle = (columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2
        assert math.dist(middle, (mark.x, mark.y)) < 3
