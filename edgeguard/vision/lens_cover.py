"""Whether a part of the view, or all of it, is hidden: nothing to see in it, all else as ever. Pure.

What is close to the lens ends softly; what stands further off (a board, a lorry, snow on the ground) ends at an edge that was not
there before. Fog fades with distance and dims the rest; where cars or people have left there is no new edge, and where a lamp is
out mostly none. Fog and a lens out of focus leave bright bright and dark dark, and what hides all does not.
"""

from dataclasses import dataclass
from enum import Enum
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
_DAZZLED: Final = 230.0
"""A cell as bright as this shows nothing, covered or not; many cameras draw white at 235."""
_AROUND: Final = 2
"""Cells to each side that are looked at together, so that one sign, lamp or flat wall decides nothing."""
_LEAST_AROUND: Final = 4
_MOSTLY: Final = 0.85
_NEARLY_ALL: Final = 0.9
_REST_KEPT: Final = 0.96
_LEAST_CELLS: Final = 40
_LEAST_TEXTURED: Final = 0.2
"""Of the picture; in a view of the sky nothing is missed."""
_SLIGHT: Final = 0.05
"""So small a share is looked at no further."""
_LEAST_REST: Final = 8
"""Cells of what has something to see in it; beside an edge fewer say enough."""
_LEAST_RING: Final = 8
_SOFT: Final = 0.7
"""Beside a hidden part what is close to the lens still dims the view by so much."""
_CLEAR: Final = 0.8
"""Four and five cells off it no longer does."""
_NEW_EDGE: Final = 2.0
"""Relief, levels, that a cell has more than it should."""
_EDGED: Final = 0.3
"""Of the cells around a hidden part; of those around one with a soft edge, and of fog, a tenth or two."""
_WHOLLY: Final = 0.85
"""Of what has something to see in it, gone: then hardly anything is left to compare with."""
_UNLIKE: Final = 0.5
"""Correlation of brightness with what it should be. Of covers 0.45 at most; 0.65 of a lens out of focus, 0.85 of even fog."""
_SEEN_BEFORE: Final = 0.75
_TRACE: Final = 0.3
"""Correlation, without what is coarser than some cells, of a dark picture with a known view. Of what lies in the dark 0.8 and more,
be it lit by the sky alone; of what is close before the lens 0.1 at most."""
_STROKES: Final = 20.0
"""Mean gradient, levels, at full size: several strokes in each cell. A lamp has one edge."""
_LEAST_WRITTEN: Final = 0.4
"""Of the relief that a written cell has in the dark, what it has in a bright view at least."""
_LINE_CELLS: Final = 4
_LINE_AT: Final = 0.2
"""A line of writing takes so many cells in a row at least, this near to the upper or lower border."""
_MOST_WRITTEN: Final = 0.2
"""Of the picture, with the cells around."""

Cells = NDArray[np.float32]
Mask = NDArray[np.bool_]


class Edge(Enum):
    """How what hides a part of the view ends; it has to be known that the rest is as ever."""

    SOFT = "soft"
    SHARP = "sharp"


@dataclass(frozen=True, slots=True)
class Cover:
    """`share` of the picture, and of what has something to see in it, that is hidden; `light`: mean brightness that the view
    would have without, levels; `edge`: None where what is beside it is not as ever; `is_whole`: hardly anything is beside it;
    `is_rich`: enough of the view has something to see in it for anything to be missed; `is_clear`: nearly all is seen that should
    be; `level`: mean brightness of what is hidden, levels."""

    share: float
    light: float
    edge: Edge | None
    is_whole: bool
    is_rich: bool
    is_clear: bool
    level: float
    hidden: Mask

    def was_seen(self, left_before: Cells) -> bool:
        """Whether what is hidden now was seen when so much of the relief was left (see `left_of`)."""
        known = left_before[self.hidden & np.isfinite(left_before)]
        return known.size > 0 and float(np.median(known)) > _SEEN_BEFORE


def left_of(relief: Cells, levels: Cells, was_relief: Cells, was_levels: Cells) -> Cells:
    """Of the relief that each cell has in a known view the share that is left, at most 1; NaN where it has nothing to see."""
    known = _above_noise(was_relief)
    left = np.asarray(_above_noise(relief) / np.maximum(known, 1e-6), np.float32)
    return np.asarray(np.where(known >= _TEXTURED, np.minimum(1, _kept(left, levels, was_levels)), np.nan), np.float32)


def written(detail: Cells, relief: Cells, was_relief: Cells) -> Mask:
    """The cells, and those around them, in which a camera writes into a dark picture what it writes into the known one, too: its
    clock, its name. None where that would be too many.

    `detail`: mean gradient of each cell at full size, levels.
    """
    return _near_lines((detail >= _STROKES) & (was_relief >= _LEAST_WRITTEN * relief))


def writing_in(detail: Cells) -> Mask:
    """The same in any picture: foliage may be taken for it, which has as many strokes, and sharp little things in a line."""
    return _near_lines(detail >= _STROKES)


def _near_lines(strokes: Mask) -> Mask:
    rows = len(strokes)
    strokes[int(_LINE_AT * rows) : rows - int(_LINE_AT * rows)] = False
    strokes[:, 1:-1] |= strokes[:, :-2] & strokes[:, 2:]  # a blank
    lines = np.zeros_like(strokes)
    whole = np.lib.stride_tricks.sliding_window_view(strokes, _LINE_CELLS, axis=1).all(2)
    for n in range(_LINE_CELLS):
        lines[:, n : n + whole.shape[1]] |= whole
    near = _near(lines, 2)
    return near if float(near.mean()) <= _MOST_WRITTEN else np.zeros_like(near)


def has_trace(relief: Cells, levels: Cells, was_levels: Cells, writing: Mask) -> bool:
    """Whether a dark picture has something to see, or the least trace of a known view, where nothing is written."""
    rest = ~writing
    if bool((_above_noise(relief)[rest] >= _TEXTURED).any()):
        return True
    inner = np.s_[_AROUND:-_AROUND, _AROUND:-_AROUND]  # at the border there is nothing on one side to compare with
    return _likeness(_fine(levels, rest)[inner], _fine(was_levels, rest)[inner]) > _TRACE


def has_much_to_see(relief: Cells, writing: Mask) -> bool:
    """Whether there is more in a picture than noise and what the camera writes."""
    return int((_above_noise(relief)[~writing] >= _TEXTURED).sum()) >= _LEAST_CELLS


def look_for_cover(relief: Cells, levels: Cells, was_relief: Cells, was_levels: Cells) -> Cover:
    """What of a view that is known from before is hidden."""
    seen, known = _above_noise(relief), _above_noise(was_relief)
    textured = (known >= _TEXTURED) & (levels < _DAZZLED)
    left = np.asarray(seen / np.maximum(known, 1e-6), np.float32)
    kept = _kept(left, levels, was_levels)
    gone = textured & (kept < _GONE)
    hidden = _solid(textured, gone, (textured & (left < _GONE)) | (seen < _BARE))
    is_rich = float(textured.mean()) >= _LEAST_TEXTURED
    share = min(float(hidden.mean()), float(hidden[textured].mean())) if is_rich else 0.0
    beside = ~_near(hidden, 2) if hidden.any() else ~hidden
    dimmed = (float(levels[beside].mean()) + 1) / (float(was_levels[beside].mean()) + 1) if beside.any() else 1.0
    is_clear = int(textured.sum()) >= _LEAST_CELLS and float((left[textured] > _HALF).mean()) >= _SEEN_AGAIN
    light = float(was_levels.mean()) * dimmed
    if share < _SLIGHT:
        return Cover(share, light, None, False, is_rich, is_clear, 0.0, hidden)
    is_whole = float(gone[textured].mean()) >= _WHOLLY and _likeness(levels, was_levels) < _UNLIKE
    edge = _edge(left, kept, seen - min(1.0, dimmed) * known, textured, hidden)
    return Cover(share, light, edge, is_whole, is_rich, is_clear, float(levels[hidden].mean()), hidden)


def _above_noise(relief: Cells) -> Cells:
    return np.asarray(np.maximum(relief - _NOISE * np.percentile(relief, 5), 0), np.float32)


def _kept(left: Cells, levels: Cells, was_levels: Cells) -> Cells:
    """Darkness hides nothing: a picture half as bright has half the relief."""
    return np.asarray(np.maximum(left, left * (was_levels + _DARK) / (levels + _DARK)), np.float32)


def _solid(textured: Mask, gone: Mask, flat: Mask) -> Mask:
    """The cells of a part without anything to see, and what is flat right beside it."""
    known, whole = _around(textured), _around(np.ones_like(textured))
    core = (known >= _LEAST_AROUND) & (_around(gone) >= _MOSTLY * known) & (_around(flat) >= _NEARLY_ALL * whole)
    return _near(core, _AROUND + 1) & flat


def _edge(left: Cells, kept: Cells, more: Cells, textured: Mask, hidden: Mask) -> Edge | None:
    """`more`: relief that each cell has more than it should, levels."""
    if _is_as_ever(kept, textured & ~_near(hidden, 4), _LEAST_CELLS) and _has_soft_edge(left, textured, hidden):
        return Edge.SOFT
    if _is_as_ever(kept, textured & ~_near(hidden, 2), _LEAST_REST) and _has_new_edge(more, hidden):
        return Edge.SHARP
    return None


def _is_as_ever(kept: Cells, rest: Mask, least: int) -> bool:
    return int(rest.sum()) >= least and float((kept[rest] > _KEPT).mean()) >= _REST_KEPT


def _has_soft_edge(left: Cells, textured: Mask, hidden: Mask) -> bool:
    """From the hidden part outwards the view comes back little by little: what is left of it, one cell after the other, beside
    what is left of it elsewhere."""
    wider = [hidden, *(_near(hidden, reach) for reach in range(1, 6))]
    rings = [textured & after & ~before for before, after in pairwise(wider)]
    if min(int(ring.sum()) for ring in rings) < _LEAST_RING:
        return False
    usual = max(1e-6, float(np.median(left[textured & ~wider[4]])))
    first, second, third, fourth, fifth = (float(np.median(left[ring])) / usual for ring in rings)
    return first < _SOFT and first < second + 0.05 and second < third + 0.1 and min(third + 0.2, fourth, fifth) > _CLEAR


def _has_new_edge(more: Cells, hidden: Mask) -> bool:
    ring = _near(hidden, 1) & ~hidden
    return int(ring.sum()) >= _LEAST_RING and float((more[ring] > _NEW_EDGE).mean()) >= _EDGED


def _likeness(levels: Cells, was_levels: Cells) -> float:
    """Correlation; 0 where one is flat."""
    one, other = levels - levels.mean(), was_levels - was_levels.mean()
    return float((one * other).sum()) / max(1e-6, float(np.linalg.norm(one)) * float(np.linalg.norm(other)))


def _fine(levels: Cells, rest: Mask) -> Cells:
    """How much brighter each cell is than those around it, 0 where it is not of the rest."""
    around = _around(np.where(rest, levels, 0)) / np.maximum(_around(rest), 1)
    return np.asarray(np.where(rest, levels - around, 0), np.float32)


def _around(cells: Mask | Cells) -> Cells:
    """Sum of the cells around each, and itself; how many of them are marked."""
    size = 2 * _AROUND + 1
    sums = np.pad(cells.astype(np.float64), _AROUND).cumsum(0).cumsum(1)
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
