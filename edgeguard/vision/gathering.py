"""All marks of one way, picked again from everything that stood out lately. A track may have taken a wrong turn at a ghost, or have
ended behind a railing; once some of its marks show a way, the others are found by looking along it, forwards and backwards.
"""

import math
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgeguard.core.camera_limits import FALL_MEMORY_PICTURES
from edgeguard.vision.spots import Column, Spots
from edgeguard.vision.tracks import BEND_PRIOR, GAP_S, PLACE_PX, Mark
from edgeguard.vision.trajectory import Path, best_part, fit

_MEMORY_S: Final = 4.0
_STEP_S: Final = 0.2
"""So far beyond its known ends a way is looked for at once."""
_END_MARKS: Final = 14
"""Marks next to an end from which the way beyond it follows."""
_ROUNDS: Final = 16
_UNLIKE: Final = 0.4
"""What a thickness 2.7 times as large weighs, in radii."""

Rows = NDArray[np.float64]
"""n by: second, x, y, thickness, contrast, length, how often something stands out there."""


@dataclass(frozen=True, slots=True)
class Memory:
    """State: the spots of the last seconds, picture by picture."""

    pictures: tuple[Rows, ...] = ()

    def with_picture(self, t_s: float, spots: Spots, busy: Column) -> "Memory":
        """One picture more."""
        fresh = tuple(rows for rows in self.pictures if t_s - rows[0, 0] < _MEMORY_S)
        if not len(spots):
            return self if len(fresh) == len(self.pictures) else Memory(fresh)
        length = np.maximum(spots.rows[:, 4], spots.rows[:, 5])
        times = np.full(len(spots), t_s)
        rows = np.column_stack([times, spots.centres, spots.thickness, spots.rows[:, 7], length, np.maximum(busy, 0.01)])
        return Memory((*fresh, rows)[-FALL_MEMORY_PICTURES:])


def gathered(path: Path, memory: Memory, height: int) -> Path | None:
    """The whole way of which `path` is a part: at least as long as it was, or None. `height` of the picture gives the scale."""
    marks = path.marks
    if len(marks) < 3 or not memory.pictures:
        return None
    for _ in range(_ROUNDS):
        start_s, end_s = marks[0].t_s - _STEP_S, marks[-1].t_s + _STEP_S
        found = _along(marks, [rows for rows in memory.pictures if start_s <= rows[0, 0] <= end_s], height)
        if len(found) < 3:
            return None
        changed = [(mark.t_s, mark.x) for mark in found] != [(mark.t_s, mark.x) for mark in marks]
        marks = found
        if not changed:
            break
    whole = best_part(marks)
    return whole if whole is not None and len(whole.marks) >= len(path.marks) else None


def _along(marks: tuple[Mark, ...], pictures: list[Rows], height: int) -> tuple[Mark, ...]:
    """The spot of each picture that lies nearest to the way of `marks`, without what a long gap parts from it."""
    if not pictures:
        return ()
    rows = np.concatenate(pictures)
    way = _way(marks, np.array([one[0, 0] for one in pictures]), height)
    spots = [len(one) for one in pictures]
    places, unsure, speed = (np.repeat(column, spots, axis=0) for column in way)
    thickness = median(mark.thickness for mark in marks)
    radius = (1.5 + 0.25 * np.minimum(rows[:, 3], 2 * thickness) + 0.012 * speed) * np.minimum(unsure, 3.0)
    off = np.hypot(rows[:, 1] - places[:, 0], rows[:, 2] - places[:, 1])
    near = np.flatnonzero(off <= radius)
    cost = off[near] / radius[near] + _UNLIKE * np.abs(np.log(rows[near, 3] / thickness))
    near = near[np.lexsort((cost, rows[near, 0]))]
    _, first = np.unique(rows[near, 0], return_index=True)
    chosen = near[first]
    share = np.minimum(1.0, math.pi * radius[chosen] ** 2 / 1024.0) * rows[chosen, 6]
    table = np.column_stack([rows[chosen, :6], share])
    times = table[:, 0]
    middle = int(np.searchsorted(times, (marks[0].t_s + marks[-1].t_s) / 2))
    breaks = np.flatnonzero(np.diff(times) > GAP_S)
    first_row = max((int(b) + 1 for b in breaks if b < middle), default=0)
    last_row = min((int(b) + 1 for b in breaks if b >= middle), default=len(table))
    return tuple(Mark(*row) for row in table[first_row:last_row].tolist())


def _way(marks: tuple[Mark, ...], times: Column, height: int) -> tuple[Column, Column, Column]:
    """Places of the way at `times`, how unsure they are (1: as a mark itself), and its speed there, px/s."""
    inner = fit(marks)
    t = times - inner.start_s
    (a0, a1, a2), (c0, c1, c2, c3) = inner.side, inner.down
    places = np.column_stack([a0 + t * (a1 + t * a2), c0 + t * (c1 + t * (c2 + t * c3))])
    unsure = np.ones(len(times))
    ends = ((times < marks[0].t_s, marks[:_END_MARKS]), (times > marks[-1].t_s, marks[-_END_MARKS:]))
    for beyond, end in ends:
        if beyond.any():
            places[beyond], unsure[beyond] = _beyond(end, times[beyond], height)
    speed = np.hypot(inner.side[1], c1 + t * (2 * c2 + 3 * t * c3))
    return places, unsure, np.minimum(speed, 3.0 * height)


def _beyond(marks: tuple[Mark, ...], times: Column, height: int) -> tuple[Column, Column]:
    """Straight sideways, bending downwards as a fall is expected to where the marks do not say otherwise."""
    table = np.array([mark[:3] for mark in marks])
    mean = table.mean(axis=0)
    s, off = table[:, 0] - mean[0], table[:, 1:] - mean[1:]
    u, n = times - mean[0], len(marks)
    s2, s3, s4 = float((s**2).sum()), float((s**3).sum()), float((s**4).sum())
    slopes = (s[:, None] * off).sum(axis=0) / s2
    stiff = (PLACE_PX / (0.5 * BEND_PRIOR[1] * height)) ** 2
    free = s4 + stiff - s2 * s2 / n - s3 * s3 / s2
    bend = (float((s * s * off[:, 1]).sum()) + stiff * 0.5 * BEND_PRIOR[0] * height - s3 * slopes[1]) / free
    turn = u * u - s2 / n - s3 / s2 * u
    places = mean[1:] + u[:, None] * slopes
    places[:, 1] += bend * turn
    return places, np.sqrt(1.0 + 1.0 / n + u * u / s2 + turn * turn / free)
