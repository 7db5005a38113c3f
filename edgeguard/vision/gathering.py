"""All marks of one way, picked again from everything that stood out lately. A track may have taken a wrong turn at a ghost, or have
ended behind a railing; once some of its marks show a way, the others are found by looking along it, forwards and backwards.
"""

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from statistics import median
from typing import Final, TypeVar

import numpy as np

from edgeguard.core.camera_limits import FALL_MEMORY_PICTURES
from edgeguard.vision.spots import Column, Sightings
from edgeguard.vision.tracks import BEND_PRIOR, GAP_S, PLACE_PX, Mark
from edgeguard.vision.trajectory import Path, best_part, curve

_Px = TypeVar("_Px", float, Column)
_MEMORY_S: Final = 4.0
_UNREST_S: Final = 1.0
_STEP_S: Final = 0.2
"""So far beyond its known ends a way is looked for at once."""
_END_MARKS: Final = 14
"""Marks next to an end from which the way beyond it follows."""
_ROUNDS: Final = 16
_AROUND_S: Final = 1.0
_ALIKE: Final = 2.0
"""Spots of less than twice and more than half a thickness are as thick."""
_ALIKE_LEAST: Final = 0.1
"""So seldom are they at most taken to be, however few others were seen."""
_UNLIKE: Final = 0.4
"""What a thickness 2.7 times as large weighs, in radii."""


@dataclass(frozen=True, slots=True)
class Memory:
    """State: the spots of the last seconds, picture by picture."""

    pictures: tuple[Sightings, ...] = ()
    times_s: tuple[float, ...] = ()
    """When each was."""
    unrest: float = 0.0
    """Share of the picture that could not be looked at lately, because too much changed there at once, 0-1."""
    last_s: float = -math.inf
    """When the last picture was, with spots or without."""

    def with_picture(self, t_s: float, seen: Sightings, unrest: float = 0.0) -> "Memory":
        """One picture more."""
        unrest = self.unrest + min(0.5, (t_s - self.last_s) / _UNREST_S) * (unrest - self.unrest)
        first = 0
        while first < len(self.times_s) and t_s - self.times_s[first] >= _MEMORY_S:
            first += 1
        if len(seen):
            first = max(first, len(self.times_s) + 1 - FALL_MEMORY_PICTURES)
            return Memory((*self.pictures[first:], seen), (*self.times_s[first:], t_s), unrest, t_s)
        return Memory(self.pictures[first:], self.times_s[first:], unrest, t_s)

    def between(self, start_s: float, end_s: float) -> tuple[tuple[Sightings, ...], tuple[float, ...]]:
        """The pictures from `start_s` to `end_s`, both included, and when they were."""
        which = slice(bisect_left(self.times_s, start_s), bisect_right(self.times_s, end_s))
        return self.pictures[which], self.times_s[which]

    def alike(self, path: Path) -> float:
        """The share of what stood out lately, the marks of `path` left out, that is about as thick as it: among hair-thin drops and
        flickering px a ball meets few that could be taken for it."""
        pictures, _ = self.between(path.start_s - _AROUND_S, path.end_s)
        thick = np.concatenate([picture[:, 3] for picture in pictures]) if pictures else np.empty(0)
        others = max(0, len(thick) - len(path.marks))
        as_thick = np.count_nonzero((thick < _ALIKE * path.thickness) & (thick > path.thickness / _ALIKE)) - len(path.marks)
        return min(1.0, max(_ALIKE_LEAST, (as_thick + 1) / (others + 1)))


def gathered(path: Path, memory: Memory, height: int) -> Path | None:
    """The whole way of which `path` is a part: at least as long as it was, or None. `height` of the picture gives the scale."""
    if len(path.marks) < 3 or not memory.pictures:
        return None
    table, side, down = np.array(path.marks), path.side, path.down
    for _ in range(_ROUNDS):
        pictures, times_s = memory.between(table[0, 0] - _STEP_S, table[-1, 0] + _STEP_S)
        if not pictures:
            return None
        found = along(table, pictures, _way(table, side, down, times_s, height))
        if len(found) < 3:
            return None
        same = len(found) == len(table) and bool((found[:, :2] == table[:, :2]).all())
        table = found
        if same:
            break
        way = curve(table.tolist())
        side, down = way.side, way.down
    whole = best_part(tuple(Mark(*row) for row in table.tolist()))
    return whole if whole is not None and len(whole.marks) >= len(path.marks) else None


def near_px(thickness: _Px, speed: _Px) -> _Px:
    """So far from a way that is sure may a spot of that thickness (px) lie where the way goes at that speed (px/s)."""
    return 1.5 + 0.25 * thickness + 0.012 * speed


def along(table: Sightings, pictures: tuple[Sightings, ...], way: Column) -> Sightings:
    """The spot of each picture that lies nearest to the `way` of the marks of `table`, without what a long gap parts from it."""
    rows = np.concatenate(pictures)
    here = np.repeat(way, [len(one) for one in pictures], axis=0)
    off = np.hypot(rows[:, 1] - here[:, 1], rows[:, 2] - here[:, 2])
    thick = 2 * median(table[:, 3].tolist())
    near = np.flatnonzero(off <= near_px(thick, here[:, 4]) * here[:, 3])
    rows, here, off = rows[near], here[near], off[near]
    radius = near_px(np.minimum(rows[:, 3], thick), here[:, 4]) * here[:, 3]
    cost = off / radius + _UNLIKE * np.abs(np.log(rows[:, 3] / (0.5 * thick)))
    near = np.flatnonzero(off <= radius)
    near = near[np.lexsort((cost[near], rows[near, 0]))]
    chosen = rows[near]
    chosen[:, 6] *= np.minimum(1.0, math.pi * radius[near] ** 2 / 1024.0)
    times = chosen[:, 0]
    best = np.ones(len(chosen), np.bool_)
    np.not_equal(times[1:], times[:-1], out=best[1:])
    chosen, times = chosen[best], times[best]
    middle = int(np.searchsorted(times, (table[0, 0] + table[-1, 0]) / 2))
    breaks = np.flatnonzero(times[1:] - times[:-1] > GAP_S).tolist()
    first_row = max((b + 1 for b in breaks if b < middle), default=0)
    last_row = min((b + 1 for b in breaks if b >= middle), default=len(chosen))
    return np.asarray(chosen[first_row:last_row], np.float64)


def _way(table: Sightings, side: tuple[float, ...], down: tuple[float, ...], times_s: tuple[float, ...], height: int) -> Column:
    """n by: second, x, y of the way at `times_s`, how unsure that is (1: as a mark itself, 3 at most), and its speed there, px/s.

    Between the marks of `table` it is `side` and `down`; beyond them what the marks next to that end say.
    """
    way = np.empty((len(times_s), 5))
    way[:, 0] = times_s
    t = way[:, 0] - table[0, 0]
    (a0, a1, a2), (c0, c1, c2, c3) = side, down
    way[:, 1] = a0 + t * (a1 + t * a2)
    way[:, 2] = c0 + t * (c1 + t * (c2 + t * c3))
    way[:, 3] = 1.0
    way[:, 4] = np.minimum(np.hypot(a1, c1 + t * (2 * c2 + 3 * t * c3)), 3.0 * height)
    first, last = bisect_left(times_s, table[0, 0]), bisect_right(times_s, table[-1, 0])
    if first:
        way[:first, 1:4] = _beyond(table[:_END_MARKS, :3].tolist(), times_s[:first], height)
    if last < len(times_s):
        way[last:, 1:4] = _beyond(table[-_END_MARKS:, :3].tolist(), times_s[last:], height)
    return way


def _beyond(marks: list[list[float]], times_s: tuple[float, ...], height: int) -> list[tuple[float, float, float]]:
    """x, y and how unsure, at times beyond `marks` (second, x, y): straight sideways, bending downwards as a fall is expected to
    where the marks do not say otherwise. So few numbers are added up quicker than a library is called."""
    n = len(marks)
    mean_t, mean_x, mean_y = (sum(column) / n for column in zip(*marks, strict=True))
    s2 = s3 = s4 = sx = sy = s2y = 0.0
    for t, x, y in marks:
        s, off_y = t - mean_t, y - mean_y
        square = s * s
        s2, s3, s4 = s2 + square, s3 + square * s, s4 + square * square
        sx, sy, s2y = sx + s * (x - mean_x), sy + s * off_y, s2y + square * off_y
    stiff = (PLACE_PX / (0.5 * BEND_PRIOR[1] * height)) ** 2
    free = s4 + stiff - s2 * s2 / n - s3 * s3 / s2
    bend = (s2y + stiff * 0.5 * BEND_PRIOR[0] * height - s3 * sy / s2) / free
    places = []
    for t in times_s:
        u = t - mean_t
        turn = u * u - s2 / n - s3 / s2 * u
        unsure = math.sqrt(1.0 + 1.0 / n + u * u / s2 + turn * turn / free)
        places.append((mean_x + u * sx / s2, mean_y + u * sy / s2 + bend * turn, min(unsure, 3.0)))
    return places
