"""Corners, maps and the two lines of a tall plate."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.testing.examples import examples
from edgeguard.vision.plate_geometry import Points, aspect, box_corners, carried, homography, line_quads, stretched, strip_corners

SHIFT = st.floats(-18, 18, allow_nan=False)
QUAD = st.lists(SHIFT, min_size=8, max_size=8).map(lambda values: box_corners(0, 0, 130, 45) + np.array(values).reshape(4, 2))


@given(QUAD, QUAD)
@settings(max_examples=examples(60), deadline=None)
def test_a_homography_takes_corners_to_corners_and_back(source: Points, target: Points) -> None:
    there, back = homography(source, target), homography(target, source)
    assert carried(there, source) == pytest.approx(target, abs=1e-5)
    inside = np.array([source.mean(axis=0)])
    assert carried(back, carried(there, inside)) == pytest.approx(inside, abs=1e-5)


def test_corners_on_one_line_are_refused() -> None:
    flat = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
    with pytest.raises(ValueError, match="one line"):
        homography(flat, box_corners(0, 0, 1, 1))


def test_the_lines_of_a_two_line_plate_hold_its_glyphs() -> None:
    """GA 36: the upper glyphs stand at x 110..330, y 15..75 mm, the lower ones at x 27.5..412.5, y 90..200 mm of 440 x 220."""
    top, bottom, split = line_quads(box_corners(0, 0, 440, 220), 128)
    assert top[0, 0] < 110
    assert top[1, 0] > 330
    assert top[0, 1] < 15
    assert 75 < top[2, 1] < 90
    assert bottom[0, 0] < 27.5
    assert bottom[1, 0] > 412.5
    assert 75 < bottom[0, 1] < 90
    assert bottom[2, 1] > 200
    assert 0 < split < 64


def test_a_strip_shows_a_little_beside_the_plate() -> None:
    corners = strip_corners(128, 32)
    assert 0 < corners[0, 0] < 4
    assert 0 < corners[0, 1] < 4
    assert corners[2, 0] < 128
    assert corners[2, 1] < 32


@given(st.floats(0.5, 5), st.floats(-0.6, 0.6))
@settings(max_examples=examples(40), deadline=None)
def test_turning_a_plate_does_not_change_its_aspect(wide: float, turn: float) -> None:
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    assert aspect(box_corners(0, 0, 100 * wide, 100) @ rotation) == pytest.approx(wide)


def test_stretching_moves_each_side_by_its_share() -> None:
    assert stretched(box_corners(100, 50, 200, 80), 0.05, 0.1, 0.2) == pytest.approx(box_corners(95, 44, 210, 86))


@given(QUAD)
@settings(max_examples=examples(40), deadline=None)
def test_a_slanting_plate_is_stretched_along_its_own_edges(corners: Points) -> None:
    wider = stretched(corners, 0.1, 0.1, 0.0)
    assert wider[1] - wider[0] == pytest.approx(1.2 * (corners[1] - corners[0]))
    assert wider[2] - wider[3] == pytest.approx(1.2 * (corners[2] - corners[3]))
    assert stretched(corners, 0.0, 0.0, 0.0) == pytest.approx(corners)
