"""From a detector's cells to plates: peaks of the centre map, their corners, and the doubles taken out."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgeguard.vision.plate_geometry import Points

STRIDE_PX: Final = 8
UNIT_PX: Final = 16.0
"""Corners are told as offsets from the middle of their cell in this unit."""


@dataclass(frozen=True, slots=True)
class Found:
    """A plate's place: corners TL TR BR BL in pixels, and how sure the detector is, 0..1."""

    corners: Points
    score: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        left, top = self.corners.min(axis=0).tolist()
        right, bottom = self.corners.max(axis=0).tolist()
        return left, top, right, bottom

    @property
    def width_px(self) -> float:
        """Length of the plate's upper and lower edges, on average."""
        top = float(np.linalg.norm(self.corners[1] - self.corners[0]))
        return (top + float(np.linalg.norm(self.corners[2] - self.corners[3]))) / 2

    @property
    def height_px(self) -> float:
        """Length of the plate's left and right edges, on average."""
        left = float(np.linalg.norm(self.corners[3] - self.corners[0]))
        return (left + float(np.linalg.norm(self.corners[2] - self.corners[1]))) / 2


def peaks(cells: NDArray[np.float32], least_score: float, most: int) -> list[Found]:
    """Plates in one picture's cells (9 x rows x columns: a logit, then x, y of four corners), best first, doubles taken out."""
    logits = cells[0]
    least_logit = np.log(least_score / (1 - least_score))
    ys, xs = np.nonzero(logits > least_logit)
    order = np.argsort(-logits[ys, xs], kind="stable")
    found: list[Found] = []
    for y, x in zip(ys[order].tolist(), xs[order].tolist(), strict=True):
        if len(found) == 4 * most:
            break
        if logits[y, x] < logits[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].max():
            continue
        middle = (np.array([x, y]) + 0.5) * STRIDE_PX
        corners = cells[1:, y, x].astype(np.float64).reshape(4, 2) * UNIT_PX + middle
        found.append(Found(corners, float(1 / (1 + np.exp(-float(logits[y, x]))))))
    return without_doubles([plate for plate in found if is_plate_shaped(plate.corners)])[:most]


def is_plate_shaped(corners: Points) -> bool:
    """Whether four corners go round clockwise, without a dent, wider than high and of some size."""
    edges = np.roll(corners, -1, axis=0) - corners
    after = np.roll(edges, -1, axis=0)
    turns = edges[:, 0] * after[:, 1] - edges[:, 1] * after[:, 0]
    if not np.all(turns > 0):
        return False
    lengths = np.linalg.norm(edges, axis=1)
    return bool(lengths[0] + lengths[2] > 0.8 * (lengths[1] + lengths[3]) and lengths.min() > 2.0)


def overlap(one: Found, other: Found) -> float:
    """Intersection over union of the two boxes."""
    a, b = one.box, other.box
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def without_doubles(found: list[Found], most_overlap: float = 0.3) -> list[Found]:
    """Best first; what lies over a better one is left out."""
    kept: list[Found] = []
    for plate in sorted(found, key=lambda plate: -plate.score):
        if all(overlap(plate, better) < most_overlap for better in kept):
            kept.append(plate)
    return kept
