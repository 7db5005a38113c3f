"""Pixels that stand out, grouped to spots: those of one spot are at most about a cell apart."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.intp]
Table = NDArray[np.float64]

_CELL_PX: Final = 4


def grouped(rows: Places, columns: Places, beyond: Table, least_weight: float) -> tuple[Table, Places]:
    """The rows of `Spots` of pixels in the order of reading, each with the mean of `beyond` as its contrast, and the number of one
    pixel of each. A pixel weighs as much as it is beyond, and `least_weight` more."""
    cell_rows, cell_columns = rows // _CELL_PX, columns // _CELL_PX
    cell_rows -= cell_rows[0]
    cell_columns -= cell_columns.min()
    cells = np.zeros((cell_rows[-1] + 1, cell_columns.max() + 1), np.uint8)
    cells[cell_rows, cell_columns] = 1
    count, labels = cv2.connectedComponents(cells, connectivity=8, ltype=cv2.CV_16U)
    label = labels[cell_rows, cell_columns]
    order = np.argsort(label, kind="stable")
    rows, columns, beyond = rows[order], columns[order], beyond[order]
    starts = np.searchsorted(label[order], np.arange(1, count))
    weight = np.abs(beyond)
    weight += least_weight
    mass = np.add.reduceat(weight, starts)
    table = np.empty((len(starts), 8))
    np.divide(np.add.reduceat(weight * columns, starts), mass, out=table[:, 0])
    np.divide(np.add.reduceat(weight * rows, starts), mass, out=table[:, 1])
    table[:, 2], table[:, 3] = np.minimum.reduceat(columns, starts), rows[starts]
    table[:, 4] = np.maximum.reduceat(columns, starts)
    table[:, 5] = rows[np.append(starts[1:], len(rows)) - 1]
    table[:, 4:6] += 1.0 - table[:, 2:4]
    table[:-1, 6], table[-1, 6] = starts[1:] - starts[:-1], len(rows) - starts[-1]
    table[:, 7] = np.add.reduceat(beyond, starts) / table[:, 6]
    return table, order[starts]


def is_whole(table: Table, size: tuple[int, int], border_px: int) -> NDArray[np.bool_]:
    """Which spots lie within the picture less its border, where nothing is seen whole."""
    (width, height), (lefts, tops) = size, (table[:, 2], table[:, 3])
    right, bottom = lefts + table[:, 4], tops + table[:, 5]
    return (lefts >= border_px) & (tops >= border_px) & (right <= width - border_px) & (bottom <= height - border_px)


def enlarged(table: Table, scale: int) -> Table:
    """The rows of a picture `scale` times as large."""
    if scale > 1:
        table[:, :2] = (table[:, :2] + 0.5) * scale - 0.5
        table[:, 2:6] *= scale
        table[:, 6] *= scale * scale
    return table
