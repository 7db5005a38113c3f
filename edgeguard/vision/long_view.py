"""How a view has looked for days: what neither a minute nor an hour of something else changes. Pure, numbers only."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_SLOW: Final = 5e-6
"""Two days of looks: what creeps over the lens or turns it in hours does not pass for the view."""
_SLOW_FROM: Final = 600
"""Looks that are averaged first."""
_PATTERN: Final = 0.02
"""Which edge is finer than which follows within a minute: shadows and parked cars say nothing of the lens."""
_FINER: Final = 2.5e-5
"""Half a day of looks: rain or a crowd is no measure of how fine edges should be."""
_COARSER: Final = 1e-6
_LEAST_CELLS: Final = 100
_LEAST_SHARE: Final = 0.35
"""Of the cells that have an edge, those in which one must be seen for anything to be said of the lens."""
_FEW_CELLS: Final = 40
_FEW_SHARE: Final = 0.05

Cells = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LongView:
    """`fineness` is the logarithm of how fine the edge of a cell is beside the others, `clear` how often it has one, `focus` the
    logarithm of how fine they are all together."""

    edges: Cells
    relief: Cells
    levels: Cells
    fineness: Cells
    clear: Cells
    focus: float = 0.0
    looks: int = 1


def first_view(edges: Cells, relief: Cells, levels: Cells, fineness: Cells) -> LongView:
    """Of one look; `fineness` is 0 where a cell has no clear edge."""
    has = fineness > 0
    return LongView(edges, relief, levels, _log(fineness), has.astype(np.float32))


def softer(view: LongView, fineness: Cells, *, by_few: bool = False) -> float | None:
    """By how much (a logarithm) edges are coarser than they should be; None where too few are seen.

    `by_few`: the few that fog leaves are enough.
    """
    offset = _offset(view, fineness, *((_FEW_CELLS, _FEW_SHARE) if by_few else (_LEAST_CELLS, _LEAST_SHARE)))
    return None if offset is None else view.focus - offset


def followed(view: LongView, edges: Cells, relief: Cells, levels: Cells, fineness: Cells) -> LongView:
    """One look more that is as it should be."""
    share = np.float32(max(_SLOW, 1.0 / (view.looks + 1)) if view.looks < _SLOW_FROM else _SLOW)
    looks = view.looks + 1
    mixed = [before + share * (now - before) for before, now in ((view.edges, edges), (view.relief, relief), (view.levels, levels))]
    mixed[0] = mixed[0] / max(1e-6, float(np.linalg.norm(mixed[0])))
    offset = _offset(view, fineness)
    has = fineness > 0
    quick = np.float32(max(_PATTERN, 1.0 / looks))
    clear = np.asarray(view.clear + quick * (has - view.clear), np.float32)
    if offset is None and view.looks >= _SLOW_FROM:
        return LongView(mixed[0], mixed[1], mixed[2], view.fineness, clear, view.focus, looks)
    beside = _log(fineness) - np.float32(offset or 0.0)
    pattern = np.where(has, np.where(view.clear > 0, view.fineness + quick * (beside - view.fineness), beside), view.fineness)
    focus = view.focus
    if offset is not None:
        rate = 1.0 / looks if view.looks < _SLOW_FROM else _FINER if offset > focus else _COARSER
        focus += rate * (offset - focus)
    return LongView(mixed[0], mixed[1], mixed[2], np.asarray(pattern, np.float32), clear, focus, looks)


def _log(fineness: Cells) -> Cells:
    return np.log(np.where(fineness > 0, fineness, np.float32(1)))


def _offset(view: LongView, fineness: Cells, cells: int = _LEAST_CELLS, share: float = _LEAST_SHARE) -> float | None:
    known = view.clear >= 0.5
    both = known & (fineness > 0)
    if int(both.sum()) < max(cells, share * int(known.sum())):
        return None
    return float(np.median(np.log(fineness[both]) - view.fineness[both]))
