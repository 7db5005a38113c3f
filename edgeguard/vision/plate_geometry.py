"""The geometry of plates: corners in order, homographies, the two lines of a tall plate, overlaps. Points are (x, y) in pixels.

Corners always go round as top left, top right, bottom right, bottom left.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

TOP_LINE: Final = ((0.215, 0.035), (0.785, 0.375))
BOTTOM_LINE: Final = ((0.03, 0.375), (0.97, 0.945))
"""Where the two lines of a 440 x 220 plate lie, as shares of width and height, with a little margin."""
TOP_SHARE: Final = 0.29
"""The first line's share of the reader's strip: two of seven characters."""


STRIP_MARGIN: Final = (0.02, 0.05)
"""What a strip shows beside the plate, as shares of the strip."""


def box_corners(left: float, top: float, right: float, bottom: float) -> Points:
    """The corners of an upright box."""
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)


def strip_corners(width: int, height: int) -> Points:
    """Where the corners of a plate come to lie in a strip."""
    left, top = width * STRIP_MARGIN[0], height * STRIP_MARGIN[1]
    return box_corners(left, top, width - left, height - top) - 0.5


def aspect(corners: NDArray[np.floating]) -> float:
    """Width by height of a plate, each the mean of two edges."""
    edges = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    return float((edges[0] + edges[2]) / max(1e-6, edges[1] + edges[3]))


def stretched(corners: NDArray[np.floating], left: float, right: float, high: float) -> Points:
    """The corners moved outwards along their own edges: to the left and to the right by shares of the width, up and down by a share
    of the height. Negative shares move them inwards."""
    across, down = corners[[1, 2]] - corners[[0, 3]], corners[[3, 2]] - corners[[0, 1]]
    moved = np.array(corners, np.float64)
    moved[[0, 3]] -= left * across
    moved[[1, 2]] += right * across
    moved[[0, 1]] -= high * down
    moved[[3, 2]] += high * down
    return moved


def homography(source: NDArray[np.floating], target: NDArray[np.floating]) -> Points:
    """The 3x3 map that takes four points to four others. ValueError where three of the source lie on a line."""
    rows = []
    for (x, y), (u, v) in zip(np.asarray(source, float), np.asarray(target, float), strict=True):
        rows.append((x, y, 1, 0, 0, 0, -u * x, -u * y, u))
        rows.append((0, 0, 0, x, y, 1, -v * x, -v * y, v))
    system = np.array(rows)
    try:
        solved = np.linalg.solve(system[:, :8], system[:, 8])
    except np.linalg.LinAlgError as error:
        raise ValueError("three of the corners lie on one line") from error
    return np.append(solved, 1.0).reshape(3, 3)


def carried(matrix: Points, points: NDArray[np.floating]) -> Points:
    """Points taken through a homography."""
    lifted = np.column_stack((np.asarray(points, float), np.ones(len(points)))) @ matrix.T
    return np.asarray(lifted[:, :2] / lifted[:, 2:])


def line_quads(corners: NDArray[np.floating], width: int) -> tuple[Points, Points, int]:
    """Corners of the upper and the lower line of a two-line plate, and the column at which a strip of `width` joins them."""
    unit = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    there = homography(unit, corners)
    quads = []
    for (left, top), (right, bottom) in (TOP_LINE, BOTTOM_LINE):
        quads.append(carried(there, np.array([[left, top], [right, top], [right, bottom], [left, bottom]])))
    return quads[0], quads[1], round(width * TOP_SHARE)
