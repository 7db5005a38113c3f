"""Things that the air carries: bags, sheets of paper, cloths. They swing as they go down, ever at the same pace.

They are a class of their own, told only where a site asks for it: a leaf looks the same.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from edgeguard.core.camera_limits import FALL_MAX_SUNK
from edgeguard.vision.facade import Plane
from edgeguard.vision.tracks import Mark

_LEAST_SPAN_S: Final = 1.2
_LEAST_HEIGHT: Final = 0.12
"""Of the picture's height, gone down."""
_LEAST_THICKNESS_PX: Final = 3.0
_SEEN: Final = 0.5
"""Marks per picture of its span."""
_PACE_HEIGHTS_S: Final = (0.015, 0.4)
"""Downwards, where no floor is known."""
_PACE_M_S: Final = (0.3, 5.0)
_STRETCH_S: Final = 0.4
_DOWN_SHARE: Final = 0.85
"""Of its stretches, those in which it went down."""
_RISE: Final = 0.1
_ASIDE: Final = 1.0
"""Way to the side over the way down."""
_SWELLS: Final = 1.7
"""What grows so much comes nearer: a person, a car."""
_MANY: Final = 4
_MANY_S: Final = 30.0
_SAME_S: Final = 6.0


@dataclass(frozen=True, slots=True)
class Sunk:
    """Something that sank: when and where it was seen first and last."""

    start_s: float
    end_s: float
    x0: float
    y0: float
    x1: float
    y1: float


def sinks(marks: tuple[Mark, ...], height: int, plane: Plane | None, period_s: float) -> bool:
    """Whether a track goes down as something does that the air carries."""
    first, last = marks[0], marks[-1]
    span_s, down = last.t_s - first.t_s, last.y - first.y
    if span_s < _LEAST_SPAN_S or down < _LEAST_HEIGHT * height or len(marks) < _SEEN * (span_s / period_s + 1):
        return False
    t, x, y, thickness = (np.array(column) for column in list(zip(*marks, strict=True))[:4])
    thick = float(np.median(thickness))
    third = max(1, len(marks) // 3)
    if thick < _LEAST_THICKNESS_PX or float(np.median(thickness[-third:])) > _SWELLS * float(np.median(thickness[:third])):
        return False
    cuts = np.searchsorted(t, np.arange(t[0], t[-1], _STRETCH_S))
    steps = np.diff(y[np.minimum(cuts, len(y) - 1)])
    risen = float((np.maximum.accumulate(y) - y).max())
    if np.mean(steps > 0) < _DOWN_SHARE or risen > _RISE * down + thick or float(np.ptp(x)) > _ASIDE * down:
        return False
    pace, bounds = down / span_s / height, _PACE_HEIGHTS_S
    if plane is not None:
        pace, bounds = (plane.height_m(first.x, first.y) - plane.height_m(last.x, last.y)) / span_s, _PACE_M_S
    return bounds[0] <= pace <= bounds[1]


def sunk(marks: tuple[Mark, ...]) -> Sunk:
    """Of a track that sinks."""
    first, last = marks[0], marks[-1]
    return Sunk(first.t_s, last.t_s, first.x, first.y, last.x, last.y)


def remembered(before: tuple[Sunk, ...], one: Sunk, height: int) -> tuple[tuple[Sunk, ...], bool]:
    """With one more; and whether that goes on with one that was there already."""
    for i, other in enumerate(before):
        goes_on = -0.5 <= one.start_s - other.end_s <= _SAME_S and one.y0 >= other.y1 - 0.05 * height
        overlaps = one.start_s < other.end_s and other.start_s < one.end_s
        if (goes_on and abs(one.x0 - other.x1) <= 0.15 * height) or (
            overlaps and math.hypot(one.x1 - other.x1, one.y1 - other.y1) <= 0.15 * height
        ):
            whole = replace(other, end_s=max(one.end_s, other.end_s), x1=one.x1, y1=max(one.y1, other.y1))
            return (*before[:i], whole, *before[i + 1 :]), True
    return (*before, one)[-FALL_MAX_SUNK:], False


def is_one_of_many(before: tuple[Sunk, ...], start_s: float) -> bool:
    """Leaves in autumn, snow: so much sinks that nothing of it was thrown."""
    return sum(abs(other.start_s - start_s) < _MANY_S for other in before) >= _MANY
