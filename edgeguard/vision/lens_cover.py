"""Whether a part of the view is hidden by something close to the lens: nothing to see in it, soft edges, all else as ever. Pure.

What stands further off (a lorry, snow on the ground) ends at an edge; fog fades with distance and dims the rest; where cars or
people have left, the rest of the view has changed as well.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

_TEXTURED: Final = 4.0
"""Relief, levels, from which on a cell has something to see."""
_NOISE: Final = 1.25
"""What noise makes of a cell without anything, by what it makes of the barest."""
_GONE: Final = 0.3
"""Of its relief, what may be left of a hidden cell."""
_KEPT: Final = 0.6
_HALF: Final = 0.5
_SEEN_AGAIN: Final = 0.8
_DARK: Final = 10.0
"""Levels that are added to each before they are compared: what is nearly black is mostly noise."""
_BARE: Final = 1.0
_DAZZLED: Final = 245.0
"""A cell as bright as this shows nothing, covered or not."""
_AROUND: Final = 2
"""Cells to each side that are looked at together, so that one sign, lamp or flat wall decides nothing."""
_LEAST_AROUND: Final = 4
_MOSTLY: Final = 0.85
_NEARLY_ALL: Final = 0.9
_REST_KEPT: Final = 0.96
_LEAST_CELLS: Final = 40
_LEAST_TEXTURED: Final = 0.3
"""Of the picture; in a view of the sky nothing is missed."""
_LEAST_RING: Final = 8
_SOFT: Final = 0.7
"""Beside a hidden part what is close to the lens still dims the view by so much."""
_CLEAR: Final = 0.8
"""Four and five cells off it no longer does."""

Cells = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cover:
    """`share` of the picture, and of what has something to see in it, that is hidden; `light` beside it, levels; `is_close`: what
    hides it has a soft edge, and the rest is as ever; `is_gone`: nearly all is seen that should be."""

    share: float
    light: float
    is_close: bool
    is_gone: bool


def look_for_cover(relief: Cells, levels: Cells, was_relief: Cells, was_levels: Cells) -> Cover:
    """What of a view that is known from before is hidden. Darkness hides nothing: a picture half as bright has half the relief."""
    seen, known = _above_noise(relief), _above_noise(was_relief)
    textured = (known >= _TEXTURED) & (levels < _DAZZLED)
    left = np.asarray(seen / np.maximum(known, 1e-6), np.float32)
    gone = textured & (np.maximum(left, left * (was_levels + _DARK) / (levels + _DARK)) < _GONE)
    hidden = _solid(textured, gone, (textured & (left < _GONE)) | (seen < _BARE))
    rest = textured & ~_near(hidden, 4)
    share = min(float(hidden.mean()), float(hidden[textured].mean())) if float(textured.mean()) >= _LEAST_TEXTURED else 0.0
    beside = ~_near(hidden, 2)
    light = float(levels[beside].mean()) if beside.any() else 0.0
    is_gone = int(textured.sum()) >= _LEAST_CELLS and float((left[textured] > _HALF).mean()) >= _SEEN_AGAIN
    if int(rest.sum()) < _LEAST_CELLS or float((left[rest] > _KEPT).mean()) < _REST_KEPT:
        return Cover(share, light, False, is_gone)
    return Cover(share, light, _has_soft_edge(left, float(np.median(left[rest])), textured, hidden), is_gone)


def _above_noise(relief: Cells) -> Cells:
    return np.asarray(np.maximum(relief - _NOISE * np.percentile(relief, 5), 0), np.float32)


def _solid(textured: Mask, gone: Mask, flat: Mask) -> Mask:
    """The cells of a part without anything to see, and what is flat right beside it."""
    known, whole = _around(textured), _around(np.ones_like(textured))
    core = (known >= _LEAST_AROUND) & (_around(gone) >= _MOSTLY * known) & (_around(flat) >= _NEARLY_ALL * whole)
    return _near(core, _AROUND + 1) & flat


def _has_soft_edge(left: Cells, usual: float, textured: Mask, hidden: Mask) -> bool:
    """From the hidden part outwards the view comes back little by little: what is left of it, one cell after the other.

    `usual`: what is left of the view elsewhere.
    """
    wider = [hidden, *(_near(hidden, reach) for reach in range(1, 6))]
    rings = [textured & after & ~before for before, after in pairwise(wider)]
    if min(int(ring.sum()) for ring in rings) < _LEAST_RING:
        return False
    first, second, third, fourth, fifth = (float(np.median(left[ring])) / max(1e-6, usual) for ring in rings)
    return first < _SOFT and first < second + 0.05 and second < third + 0.1 and min(third + 0.2, fourth, fifth) > _CLEAR


def _around(mask: Mask) -> Cells:
    """How many of the cells around each, and itself, are marked."""
    size = 2 * _AROUND + 1
    sums = np.pad(mask.astype(np.float32), _AROUND).cumsum(0).cumsum(1)
    sums = np.pad(sums, ((1, 0), (1, 0)))
    return np.asarray(sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size], np.float32)


def _near(mask: Mask, reach: int) -> Mask:
    """Cells that lie up to `reach` cells from a marked one."""
    for _ in range(reach):
        tall = np.pad(mask, ((1, 1), (0, 0)))
        mask = tall[:-2] | tall[1:-1] | tall[2:]
        wide = np.pad(mask, ((0, 0), (1, 1)))
        mask = wide[:, :-2] | wide[:, 1:-1] | wide[:, 2:]
    return mask
