"""Cells of a detector -> plates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeguard.testing.examples import examples
from edgeguard.vision.plate_cells import STRIDE_PX, UNIT_PX, Found, is_plate_shaped, overlap, peaks, without_doubles
from edgeguard.vision.plate_geometry import Points, box_corners


def cells_with(*plates: tuple[Points, float], rows: int = 24, columns: int = 40) -> NDArray[np.float32]:
    """What a detector gives that sees these plates, each with its logit."""
    cells = np.zeros((9, rows, columns), np.float32)
    cells[0] = -9.0
    for corners, logit in plates:
        x, y = (corners.mean(axis=0) // STRIDE_PX).astype(int).tolist()
        cells[0, y, x] = logit
        cells[1:, y, x] = ((corners - (np.array([x, y]) + 0.5) * STRIDE_PX) / UNIT_PX).reshape(8)
    return cells


def test_a_peak_becomes_a_plate_where_it_was() -> None:
    corners = box_corners(40, 30, 120, 56) + np.array([[0.0, 0.0], [2.0, 3.0], [1.0, 4.0], [-2.0, 0.5]])
    (found,) = peaks(cells_with((corners, 3.0)), 0.3, 16)
    assert found.corners == pytest.approx(corners, abs=1e-3)
    assert found.score == pytest.approx(0.9526, abs=1e-3)
    assert found.width_px > found.height_px


def test_faint_peaks_doubles_and_nonsense_are_left_out() -> None:
    plate, double, other = box_corners(40, 30, 120, 56), box_corners(60, 30, 140, 56), box_corners(60, 121, 138, 148)
    cells = cells_with((plate, 3.0), (double, 2.0), (box_corners(200, 100, 280, 126), -2.0), (other, 4.0))
    mirrored = box_corners(260, 30, 200, 56)
    cells_bad = cells_with((mirrored, 5.0))
    assert [round(one.score, 2) for one in peaks(cells, 0.3, 16)] == [0.98, 0.95]
    assert peaks(cells_bad, 0.3, 16) == []


def test_no_more_than_asked_for() -> None:
    plates = [(box_corners(x, y, x + 40, y + 14), 2.0) for x in (20, 100, 180) for y in (20, 80, 140)]
    assert len(peaks(cells_with(*plates), 0.3, 4)) == 4


def test_what_is_not_plate_shaped() -> None:
    assert is_plate_shaped(box_corners(0, 0, 44, 14))
    assert not is_plate_shaped(box_corners(0, 0, 14, 44))
    assert not is_plate_shaped(box_corners(0, 0, 44, 14)[::-1])
    assert not is_plate_shaped(np.array([[0.0, 0.0], [44.0, 0.0], [10.0, 5.0], [0.0, 14.0]]))


@given(st.lists(st.tuples(st.floats(0, 300), st.floats(0, 150), st.floats(10, 90), st.floats(0.3, 1)), max_size=12))
@settings(max_examples=examples(60), deadline=None)
def test_of_what_lies_over_another_the_better_one_stays(rows: list[tuple[float, float, float, float]]) -> None:
    found = [Found(box_corners(x, y, x + w, y + w / 3), score) for x, y, w, score in rows]
    kept = without_doubles(found)
    for index, one in enumerate(kept):
        assert all(overlap(one, other) < 0.3 for other in kept[index + 1 :])
    for plate in found:
        assert any(plate is one or (overlap(plate, one) >= 0.3 and one.score >= plate.score) for one in kept)
