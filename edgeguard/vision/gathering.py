"""All marks of one way, picked again from everything that stood out lately. A track may have taken a wrong turn at a ghost, or have
ended behind a railing; once some of its marks show a way, the others are found by looking along it, forwards and backwards.
"""

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np

from edgeguard.core.camera_limits import FALL_MEMORY_PICTURES
from edgeguard.vision.spots import Column, Sightings
from edgeguard.vision.tracks import BEND_PRIOR, GAP_S, PLACE_PX, Mark
from edgeguard.vision.trajectory import Path, best_part, curve

_MEMORY_S: Final = 4.0
_STEP_S: Final = 0.2
"""So far beyond its known ends a way is looked for at once."""
_END_MARKS: Final = 14
"""Marks next to an end from which the way beyond it follows."""
_ROUNDS: Final = 16
_UNLIKE: Final = 0.4
"""What a thickness 2.7 times as large weighs, in radii."""


@dataclass(frozen=True, slots=True)
class Memory:
    """State: the spots of the last seconds, picture by picture."""

    pictures: tuple[Sightings, ...] = ()
    times_s: tuple[float, ...] = ()
    """When each was."""

    def with_picture(self, t_s: float, seen: Sightings) -> "Memory":
        """One picture more."""
        first = 0
        while first < len(self.times_s) and t_s - self.times_s[first] >= _MEMORY_S:
            first += 1
        if len(seen):
            first = max(first, len(self.times_s) + 1 - FALL_MEMORY_PICTURES)
            return Memory((*self.pictures[first:], seen), (*self.times_s[first:], t_s))
        return Memory(self.pictures[first:], self.times_s[first:]) if first else self

    def between(self, start_s: float, end_s: float) -> tuple[Sightings, ...]:
        """The pictures from `start_s` to `end_s`, both included."""
        return self.pictures[bisect_left(self.times_s, start_s) : bisect_right(self.times_s, end_s)]


def gathered(path: Path, memory: Memory, height: int) -> Path | None:
    """The whole way of which `path` is a part: at least as long as it was, or None. `height` of the picture gives the scale."""
    if len(path.marks) < 3 or not memory.pictures:
        return None
    table = np.array(path.marks)
    for _ in range(_ROUNDS):
        found = _along(table, memory.between(table[0, 0] - _STEP_S, table[-1, 0] + _STEP_S), height)
        if len(found) < 3:
            return None
        same = len(found) == len(table) and bool((found[:, :2] == table[:, :2]).all())
        table = found
        if same:
            break
    whole = best_part(tuple(Mark(*row) for row in table.tolist()))
    return whole if whole is not None and len(whole.marks) >= len(path.marks) else None


def _along(table: Sightings, pictures: tuple[Sightings, ...], height: int) -> Sightings:
    """The spot of each picture that lies nearest to the way of the marks of `table`, without what a long gap parts from it."""
    if not pictures:
        return table[:0]
    rows = np.concatenate(pictures)
    places, unsure, speed = _way(table, np.array([one[0, 0] for one in pictures]), height)
    of = np.repeat(np.arange(len(pictures)), [len(one) for one in pictures])
    off = np.hypot(rows[:, 1] - places[of, 0], rows[:, 2] - places[of, 1])
    thickness = median(table[:, 3].tolist())
    loose = (1.5 + 0.25 * 2 * thickness + 0.012 * speed) * unsure
    near = np.flatnonzero(off <= loose[of])
    of = of[near]
    radius = (1.5 + 0.25 * np.minimum(rows[near, 3], 2 * thickness) + 0.012 * speed[of]) * unsure[of]
    cost = off[near] / radius + _UNLIKE * np.abs(np.log(rows[near, 3] / thickness))
    cost[off[near] > radius] = np.inf
    best = np.lexsort((cost, of))
    best = best[np.flatnonzero(np.diff(of, prepend=-1))]
    best = best[np.isfinite(cost[best])]
    chosen = rows[near[best]]
    chosen[:, 6] *= np.minimum(1.0, math.pi * radius[best] ** 2 / 1024.0)
    times = chosen[:, 0]
    middle = int(np.searchsorted(times, (table[0, 0] + table[-1, 0]) / 2))
    breaks = np.flatnonzero(np.diff(times) > GAP_S).tolist()
    first_row = max((b + 1 for b in breaks if b < middle), default=0)
    last_row = min((b + 1 for b in breaks if b >= middle), default=len(chosen))
    return np.asarray(chosen[first_row:last_row], np.float64)


def _way(table: Sightings, times: Column, height: int) -> tuple[Column, Column, Column]:
    """Places of the way at `times`, how unsure they are (1: as a mark itself, 3 at most), and its speed there, px/s."""
    inner = curve(table)
    t = times - table[0, 0]
    (a0, a1, a2), (c0, c1, c2, c3) = inner.side, inner.down
    places = np.empty((len(times), 2))
    places[:, 0] = a0 + t * (a1 + t * a2)
    places[:, 1] = c0 + t * (c1 + t * (c2 + t * c3))
    unsure = np.ones(len(times))
    first, last = np.searchsorted(times, table[0, 0]), np.searchsorted(times, table[-1, 0], side="right")
    ends = ((slice(0, first), table[:_END_MARKS]), (slice(last, None), table[-_END_MARKS:]))
    for beyond, end in ends:
        if len(times[beyond]):
            places[beyond], unsure[beyond] = _beyond(end, times[beyond], height)
    speed = np.hypot(a1, c1 + t * (2 * c2 + 3 * t * c3))
    return places, np.minimum(unsure, 3.0), np.minimum(speed, 3.0 * height)


def _beyond(table: Sightings, times: Column, height: int) -> tuple[Column, Column]:
    """Straight sideways, bending downwards as a fall is expected to where the marks do not say otherwise."""
    n = len(table)
    mean = table[:, :3].sum(axis=0) / n
    off = table[:, :3] - mean
    s, u = off[:, 0], times - mean[0]
    squares = s * s
    s2, s3, s4 = float(squares.sum()), float(squares @ s), float(squares @ squares)
    slopes = s @ off[:, 1:] / s2
    stiff = (PLACE_PX / (0.5 * BEND_PRIOR[1] * height)) ** 2
    free = s4 + stiff - s2 * s2 / n - s3 * s3 / s2
    bend = (float(squares @ off[:, 2]) + stiff * 0.5 * BEND_PRIOR[0] * height - s3 * slopes[1]) / free
    turn = u * u - s2 / n - s3 / s2 * u
    places = mean[1:] + u[:, None] * slopes
    places[:, 1] += bend * turn
    return places, np.sqrt(1.0 + 1.0 / n + u * u / s2 + turn * turn / free)
