"""Throws towards the camera: what comes nearer gains speed in every direction, and only a pinhole camera tells that from falling.

In the world such a thing goes evenly to the side and outwards, and ever faster down. With the depth Z along the camera's axis (1 at
the first mark) and x and y from the picture's middle, in picture heights: x = (a0 + a1 t) / Z, y = (b0 + b1 t + b2 t2) / Z and
Z = 1 + d1 t - k b2 t2. What gains speed sideways says how it nears (d1), and what is left of its way down is gravity (b2). A bird
or a car that nears has none. As the camera looks up, what falls nears by that, too: k.
"""

import math
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from edgeguard.vision.facade import GRAVITY_M_S2
from edgeguard.vision.gathering import Memory, along
from edgeguard.vision.spots import Column, Sightings
from edgeguard.vision.tracks import PLACE_PX, Mark
from edgeguard.vision.trajectory import Path, curve, fit
from edgeguard.vision.verdict import Scene

CONFIDENCE: Final = 0.8
"""Of a throw towards the camera: fewer of them were seen than of others."""
_LOOKS_UP: Final = 0.3
"""Tangent of the camera's pitch over its focal length in picture heights: as installers hang it."""
_B2, _D1 = 4, 5
"""Places of gravity and of nearing among the numbers."""
_STEPS: Final = 6
_FINE: Final = 1e-3
_LEAST_DEPTH: Final = 0.05
_MOST_CHANGE: Final = 0.9
_NEXT_TO_NONE: Final = 1e-12
_ROUNDS: Final = 12
_STEP_S: Final = 0.2
"""So far beyond its known ends a way is looked for at once."""
_EXPECTED: Final = ((-0.35, 0.45), (0.3, 0.35))
"""What is expected of d1 and b2 before the marks say more, and how unsurely."""
_LOOSE: Final = ((0.0, 1.5), (0.0, 1e3))
_LEAST_PART: Final = 5
_SPAN_S: Final = (0.15, 4.0)
_LEAST_SIDE: Final = 0.03
_LEAST_GAIN: Final = 1.1
_LEAST_SURE: Final = 2.0
"""A track is worth a look if it was seen so long, went so many picture heights sideways and gained speed there, surely."""
_MARKS: Final = 7
_SEEN: Final = 0.6
"""Of its whole way: so many at least, and in such a share of its pictures."""
_NEARS_SIGMAS: Final = 3.0
_FALLS_SIGMAS: Final = 10.0
_LEAST_BEND: Final = 0.05
_MOST_RECEDING: Final = 0.05
"""Of its first distance a second: a part of the way may seem to go off a little."""
_RISES: Final = 0.8
"""Of its fall: so far it may go up first. A ball from below goes up as far as it comes down."""
_RAGGED: Final = 0.012
"""Distance from the fit over the way."""
_NEAREST: Final = 0.12
"""Of its distance at the beginning."""
_BEND_SIZES: Final = (4.5, 500.0)
"""Acceleration in diameters a second squared: g is 16 for 60 cm, 330 for 3 cm."""
_FASTEST_M_S: Final = (10.0, 8.0)
"""Sideways and up or down when it was thrown, were its acceleration that of the earth."""
_ONE_SIGN: Final = 0.75
_CHANCE_LOG10: Final = -1.2
"""Of a mark, on average."""

Fitted = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Nearing:
    """The way of some marks as a throw before a pinhole camera."""

    marks: Sightings
    """n by: second, x, y, thickness, contrast, length, chance."""
    width: int
    height: int
    numbers: Fitted
    """a0, a1, b0, b1, b2, d1."""
    spread: Fitted
    """Their covariance, were each mark as unsure as is expected of it."""
    scatter: float
    """Variance of the marks' distances, of that which is expected; one at least."""

    @classmethod
    def of(
        cls, marks: Sightings, width: int, height: int, expected: tuple[tuple[float, float], tuple[float, float]] = _LOOSE
    ) -> Self:
        """By least squares: of the equations times Z, which are linear in the numbers (Abdel-Aziz and Karara 1971), and from there
        on of the places themselves (Gauss and Newton)."""
        t, sure = marks[:, 0] - marks[0, 0], height / (PLACE_PX + 0.08 * marks[:, 3])
        both = np.concatenate([sure, sure])
        seen = np.concatenate([(marks[:, 1] - width / 2) / height, (marks[:, 2] - height / 2) / height])
        (d1, d1_unsure), (b2, b2_unsure) = expected
        wanted, weight = np.array((0, 0, 0, 0, b2, d1)), np.array((1e-9, 1e-9, 1e-9, 1e-9, b2_unsure**-2, d1_unsure**-2))
        numbers, most = np.zeros(6), 0.5 / max(_FINE, t[-1])
        for n in range(_STEPS):
            place, slope = _projected(numbers, t) if n else (np.zeros(2 * len(t)), _slope(seen, t, np.ones(len(t))))
            slope *= both[:, None]
            normal = slope.T @ slope + np.diag(weight)
            change = np.linalg.solve(normal, slope.T @ ((seen - place) * both) + weight * (wanted - numbers))
            if n:
                change[_D1] = max(-most, min(most, change[_D1]))
            numbers = numbers + change
            numbers[_D1] = max(numbers[_D1], -_MOST_CHANGE / max(_FINE, t[-1]))
            if n and abs(change[_D1]) < _FINE * most:
                break
        off = (seen - _projected(numbers, t)[0]) * both
        scatter = max(1.0, float(off @ off) / max(1, 2 * len(t) - 6))
        return cls(marks, width, height, numbers, np.asarray(np.linalg.inv(normal), np.float64), scatter)

    def way(self, times_s: Column) -> Column:
        """n by: second, x, y of the way, how unsure that is (1: as a mark itself, 3 at most), and its speed, px/s."""
        t = times_s - self.marks[0, 0]
        place, slope = _projected(self.numbers, t)
        unsure = np.einsum("ij,jk,ik->i", slope, self.spread, slope).reshape(2, -1).sum(axis=0) * self.scatter
        ahead = (_projected(self.numbers, t + _FINE)[0] - place) * (self.height / _FINE)
        x, y = place.reshape(2, -1) * self.height
        speed = np.minimum(np.hypot(*ahead.reshape(2, -1)), 3.0 * self.height)
        unsure = np.minimum(3.0, np.sqrt(1.0 + unsure * (self.height / PLACE_PX) ** 2))
        return np.column_stack([times_s, x + self.width / 2, y + self.height / 2, unsure, speed])

    @property
    def depth(self) -> Column:
        """At each mark, of that at the first."""
        return _depth(self.numbers, self.marks[:, 0] - self.marks[0, 0])

    def sigmas(self, number: int) -> float:
        """One of the numbers in its standard errors."""
        return float(self.numbers[number]) / math.sqrt(max(_NEXT_TO_NONE, float(self.spread[number, number])) * self.scatter)

    def as_if_beside(self) -> Path:
        """Where it would have been, had it fallen along the facade."""
        t = self.marks[:, 0] - self.marks[0, 0]
        kept = self.numbers.copy()
        kept[_D1] = 0.0
        x, y = _projected(kept, t)[0].reshape(2, -1) * self.height
        rows = self.marks.copy()
        rows[:, 1], rows[:, 2] = x + self.width / 2, y + self.height / 2
        return fit(tuple(Mark(*row) for row in rows.tolist()))


def _depth(numbers: Fitted, t: Column) -> Column:
    return np.asarray(np.maximum(_LEAST_DEPTH, 1.0 + numbers[_D1] * t - _LOOKS_UP * numbers[_B2] * t * t), np.float64)


def _projected(numbers: Fitted, t: Column) -> tuple[Column, Fitted]:
    """x of all places, then y of all, and how they change with each of the numbers."""
    a0, a1, b0, b1, b2, _ = numbers
    depth = _depth(numbers, t)
    places = np.concatenate([(a0 + a1 * t) / depth, (b0 + t * (b1 + t * b2)) / depth])
    return places, _slope(places, t, depth)


def _slope(places: Column, t: Column, depth: Column) -> Fitted:
    """How places of that depth change with each of the numbers."""
    n, (x, y) = len(t), places.reshape(2, -1)
    slope = np.zeros((2 * n, 6))
    slope[:n, 0] = slope[n:, 2] = 1.0 / depth
    slope[:n, 1] = slope[n:, 3] = t / depth
    slope[:n, _B2], slope[n:, _B2] = _LOOKS_UP * x * t * t / depth, (1.0 + _LOOKS_UP * y) * t * t / depth
    slope[:n, _D1], slope[n:, _D1] = -x * t / depth, -y * t / depth
    return slope


def thrown_nearer(marks: tuple[Mark, ...], memory: Memory, scene: Scene, period_s: float) -> Path | None:
    """The whole way of a throw towards the camera of which a track saw `marks`; None if it was anything else."""
    part = _smooth(np.array(marks), scene)
    if part is None or part.numbers[_D1] > _MOST_RECEDING:
        return None
    whole = _smooth(_gathered(part, memory), scene)
    if whole is None or not _falls(whole, period_s):
        return None
    beside = whole.as_if_beside()
    if beside.rise_px > _RISES * beside.fall_px:
        return None
    if scene.plane is not None and not GRAVITY_M_S2[0] <= scene.plane.gravity_m_s2(beside) <= GRAVITY_M_S2[1]:
        return None
    return fit(tuple(Mark(*row) for row in whole.marks.tolist()))


def gains_sideways(marks: tuple[Mark, ...], height: int) -> bool:
    """Whether a track with these marks may have come nearer, and is worth a look. Places are as unsure sideways as down."""
    first, last = marks[0], marks[-1]
    span_s, way = last[0] - first[0], last[1] - first[1]
    if len(marks) < _LEAST_PART or not _SPAN_S[0] <= span_s <= _SPAN_S[1] or abs(way) < _LEAST_SIDE * height:
        return False
    (_, speed, half), error = curve(marks)[1:]
    end = speed + 2 * half * span_s
    return end * way > 0 and abs(end) > _LEAST_GAIN * abs(speed) and abs(2 * half) > _LEAST_SURE * error


def _smooth(marks: Sightings, scene: Scene) -> Nearing | None:
    """The longest part that one fit explains, found by giving up the worse end until all marks lie near; None if none is left."""
    while (n := len(marks)) >= _LEAST_PART:
        found = Nearing.of(marks, scene.width, scene.height)
        way = found.way(marks[:, 0])
        excess = np.hypot(marks[:, 1] - way[:, 1], marks[:, 2] - way[:, 2]) / (1.5 + 0.3 * marks[:, 3] + 0.012 * way[:, 4])
        if excess.max() <= 1.0 or (np.count_nonzero(excess > 1.0) <= 0.1 * n and max(excess[0], excess[-1]) <= 1.0):
            return found
        edge, few = max(2, n // 4), max(1, n // 16)
        head, tail = (float(part @ part) for part in (excess[:edge], excess[-edge:]))
        marks = marks[few:] if head > tail else marks[:-few]
    return None


def _gathered(part: Nearing, memory: Memory) -> Sightings:
    """Its marks and all others of its way, picked from everything that stood out lately."""
    table = part.marks
    for _ in range(_ROUNDS):
        pictures, times_s = memory.between(table[0, 0] - _STEP_S, table[-1, 0] + _STEP_S)
        if not pictures:
            break
        way = Nearing.of(table, part.width, part.height, _EXPECTED).way(np.array(times_s))
        found = along(table, pictures, way)
        if len(found) < _LEAST_PART:
            break
        same = len(found) == len(table) and bool((found[:, :2] == table[:, :2]).all())
        table = found
        if same:
            break
    return table if len(table) >= len(part.marks) else part.marks


def _falls(way: Nearing, period_s: float) -> bool:
    """It nears, and gravity alone explains the rest of its way."""
    marks, height, n = way.marks, way.height, len(way.marks)
    _, a1, _, b1, b2, d1 = way.numbers.tolist()
    if n < _MARKS or n < _SEEN * ((marks[-1, 0] - marks[0, 0]) / period_s + 1):
        return False
    if b2 < _LEAST_BEND or way.sigmas(_B2) < _FALLS_SIGMAS or d1 >= 0 or -way.sigmas(_D1) < _NEARS_SIGMAS:
        return False
    if way.depth[-1] < _NEAREST:
        return False
    m_s = 0.5 * 9.81 / b2
    if abs(a1) * m_s > _FASTEST_M_S[0] or abs(b1) * m_s > _FASTEST_M_S[1]:
        return False
    size = float(np.median(np.maximum(1.0, marks[:, 3]) * way.depth))
    if not _BEND_SIZES[0] <= 2 * b2 * height / size <= _BEND_SIZES[1]:
        return False
    line = way.way(marks[:, 0])
    off, steps = marks[:, 1:3] - line[:, 1:3], np.diff(line[:, 1:3], axis=0)
    if math.sqrt(float((off * off).sum()) / n) > _RAGGED * float(np.hypot(steps[:, 0], steps[:, 1]).sum()):
        return False
    brighter = np.count_nonzero(marks[:, 4] > 0) / n
    return bool(max(brighter, 1 - brighter) >= _ONE_SIGN) and float(np.log10(np.maximum(1e-4, marks[:, 6])).mean()) < _CHANCE_LOG10
