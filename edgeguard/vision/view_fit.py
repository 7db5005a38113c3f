"""Where a view fits best that may have been shifted, turned or zoomed. Pure, on pictures of edges a few dozen cells wide."""

import math
from functools import lru_cache
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

_REACH: Final = 5
"""Cells in every direction in which a view is looked for."""
_TURNS_DEG: Final = (-15.0, -10.0, -5.0, 0.0, 5.0, 10.0, 15.0)
_ZOOMS: Final = (0.83, 0.91, 1.0, 1.1, 1.2)
_LEAST_SEEN: Final = 0.3
"""Of all cells, those that must lie in both pictures."""

Edges = NDArray[np.float32]


def best_shifted(reference: Edges, seen: Edges) -> float:
    """The best correlation of two edge pictures that lie up to _REACH cells apart; 1.0 is the same."""
    return float(_likeness(reference.reshape(1, -1), np.ones((1, reference.size), np.float32), seen).max())


def best_turned(reference: Edges, seen: Edges, cell_aspect: float) -> float:
    """The same where the view may also be turned by up to 15 degrees, zoomed by up to a fifth, or both.

    `cell_aspect`: the width of a cell by its height, px.
    """
    first, across, down, inside = _maps(reference.shape[0], reference.shape[1], round(cell_aspect, 1))
    flat, columns = reference.ravel(), reference.shape[1]
    upper = flat[first] * (1 - across) + flat[first + 1] * across
    lower = flat[first + columns] * (1 - across) + flat[first + columns + 1] * across
    return float(_likeness((upper * (1 - down) + lower * down) * inside, inside, seen).max())


def _likeness(views: Edges, inside: Edges, seen: Edges) -> Edges:
    """Correlations of each view (a row of cells, those that are known marked in `inside`) with what is seen at each shift."""
    rows, columns = seen.shape
    size = 2 * _REACH + 1
    padded, frame = np.pad(seen, _REACH), np.pad(np.ones_like(seen), _REACH)
    windows = [
        np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(part, (rows, columns))).reshape(size * size, -1)
        for part in (padded, frame)
    ]
    shifted, framed = windows
    over = np.asarray(inside @ framed.T, np.float32)
    norm = np.sqrt((inside @ (shifted * shifted).T) * ((views * views) @ framed.T))
    alike = np.divide(views @ shifted.T, norm, out=np.full(norm.shape, -1.0, np.float32), where=norm > 1e-6)
    return np.asarray(np.where(over >= _LEAST_SEEN * seen.size, alike, -1.0), np.float32)


@lru_cache(maxsize=4)
def _maps(rows: int, columns: int, cell_aspect: float) -> tuple[NDArray[np.int64], Edges, Edges, Edges]:
    """For each turn and zoom and each cell: which cell of the reference is seen there, how far on it lies, whether it has one."""
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    middle_x, middle_y = (columns - 1) / 2, (rows - 1) / 2
    found = []
    for turn_deg, zoom in product(_TURNS_DEG, _ZOOMS):
        cos, sin = math.cos(math.radians(turn_deg)) / zoom, math.sin(math.radians(turn_deg)) / zoom
        wide, tall = (x - middle_x) * cell_aspect, y - middle_y
        from_x, from_y = (cos * wide - sin * tall) / cell_aspect + middle_x, sin * wide + cos * tall + middle_y
        inside = (from_x >= 0) & (from_x <= columns - 1) & (from_y >= 0) & (from_y <= rows - 1)
        left, top = np.clip(np.floor(from_x), 0, columns - 2), np.clip(np.floor(from_y), 0, rows - 2)
        part = (top * columns + left, np.clip(from_x - left, 0, 1), np.clip(from_y - top, 0, 1), inside)
        found.append([one.ravel() for one in part])
    first, across, down, inside_all = (np.array(part) for part in zip(*found, strict=True))
    return first.astype(np.int64), across.astype(np.float32), down.astype(np.float32), inside_all.astype(np.float32)
