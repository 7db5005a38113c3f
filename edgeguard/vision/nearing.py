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

from edgeguard.vision.gathering import Memory, along
from edgeguard.vision.spots import Column, Sightings
from edgeguard.vision.tracks import PLACE_PX, Mark
from edgeguard.vision.trajectory import Path, fit
from edgeguard.vision.verdict import Scene

CONFIDENCE: Final = 0.8
"""Of a throw towards the camera: fewer of them were seen than of others."""
_LOOKS_UP: Final = 0.3
"""Tangent of the camera's pitch over its focal length in picture heights: as installers hang it."""
_B1, _B2, _D1 = 3, 4, 5
"""Places of the speed downwards, of gravity and of nearing among the numbers."""
_G_M_S2: Final = 9.81
_STEPS: Final = 6
_FINE: Final = 1e-3
_LEAST_DEPTH: Final = 0.05
_MOST_CHANGE: Final = 0.9
_NEXT_TO_NONE: Final = 1e-12
_ROUNDS: Final = 12
_TRIMS: Final = 12
_STEP_S: Final = 0.2
"""So far beyond its known ends a way is looked for at once."""
_EXPECTED: Final = ((-0.35, 0.45), (0.3, 0.35))
"""What is expected of d1 and b2 before the marks say more, and how unsurely."""
_LOOSE: Final = ((0.0, 1.5), (0.0, 1e3))
_LEAST_PART: Final = 5
_SPAN_S: Final = (0.15, 4.0)
_LEAST_WAY: Final = 0.05
"""A track is worth a look if it was seen so long and went so many picture heights."""
_LEAST_SIDE: Final = 0.03
_LEAST_GAIN: Final = 1.1
"""What nears went so many picture heights sideways and gained speed there."""
_MARKS: Final = 7
_SEEN: Final = 0.6
"""Of its whole way: so many at least, and in such a share of its pictures."""
_NEARS_SIGMAS: Final = 3.0
_FALLS_SIGMAS: Final = 8.0
_LEAST_BEND: Final = 0.05
_RISES: Final = 0.8
"""Of its fall: so far it may go up first. A ball from below goes up as far as it comes down."""
_UP_M_S: Final = 3.0
_BEGINS_ABOVE: Final = 0.6
_LEAVES_S: Final = 0.12
"""Or about as far as this speed carries it, where it was first seen in the upper part of the picture and leaves it within that
time: what is thrown up and out. A ball is thrown from further down, and stays or leaves below."""
_RAGGED: Final = 0.012
"""Distance from the fit over the way."""
_NEAREST: Final = 0.12
"""Of its distance at the beginning."""
_BEND_SIZES: Final = (4.5, 500.0)
"""Acceleration in diameters a second squared: g is 16 for 60 cm, 330 for 3 cm."""
_FASTEST_M_S: Final = (10.0, 8.0)
"""Sideways and up or down in the picture when it was thrown, were its acceleration that of the earth."""
_ONE_SIGN: Final = 0.75
_GRAVITY_M_S2: Final = (3.5, 14.0)
"""With floor lines, as if it had fallen along the facade: drag takes from 9.8, and how it neared is not known that well."""
_CHANCE_LOG10: Final = -0.9
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
    def path(self) -> Path:
        """As it was seen."""
        return _path(self.marks)

    @property
    def height_m(self) -> float:
        """What the picture's height shows at its first mark, were its acceleration that of the earth."""
        return 0.5 * _G_M_S2 / max(_NEXT_TO_NONE, float(self.numbers[_B2]))

    @property
    def up_m_s(self) -> float:
        """How fast it went up at its first mark, about: what nears goes up in the picture by that, too, as the camera looks up. So
        much is right where the focal length is a picture height; a wide lens shows up to 2 m/s too little, a long one too much."""
        return float(_LOOKS_UP * self.numbers[_D1] - self.numbers[_B1]) * self.height_m

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
        return _path(rows)


def _path(marks: Sightings) -> Path:
    return fit(tuple(Mark(*row) for row in marks.tolist()))


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


def is_a_way(marks: tuple[Mark, ...], height: int) -> bool:
    """Whether a track with these marks went far enough to be a piece of a throw that a pinhole camera saw."""
    first, last = marks[0], marks[-1]
    return (
        len(marks) >= _LEAST_PART
        and _SPAN_S[0] <= last[0] - first[0] <= _SPAN_S[1]
        and math.hypot(last[1] - first[1], last[2] - first[2]) >= _LEAST_WAY * height
    )


def may_near(marks: tuple[Mark, ...], height: int) -> bool:
    """Whether what a track saw gained speed sideways: all of it, or all but its last mark, which may be of something else. Places
    are as unsure sideways as down, and one standard error is enough for a look."""
    paths = (fit(part) for part in (marks, marks[:-1]) if len(part) >= _LEAST_PART)
    return any(_gains_sideways(path, height) and 2 * abs(path.side[2]) > path.bend_error for path in paths)


def whole_way(marks: tuple[Mark, ...], memory: Memory, scene: Scene) -> Nearing | None:
    """All that was seen of the throw of which a track saw `marks`; None where no throw before a pinhole explains them."""
    part = _smooth(np.array(marks), scene)
    return None if part is None else _smooth(_gathered(part, memory), scene)


def is_thrown_nearer(way: Nearing, scene: Scene, period_s: float) -> bool:
    """Whether it came nearer and fell, as nothing but a throw towards the camera does."""
    if not _gains_sideways(way.path, scene.height) or not _falls(way, period_s):
        return False
    beside = way.as_if_beside()
    if beside.rise_px > _RISES * beside.fall_px and not _goes_up_and_out(way):
        return False
    return scene.plane is None or _GRAVITY_M_S2[0] <= scene.plane.gravity_m_s2(beside) <= _GRAVITY_M_S2[1]


def _goes_up_and_out(way: Nearing) -> bool:
    first, last = way.marks[0], way.marks[-1]
    _, x, y, *_ = way.way(np.array([last[0] + _LEAVES_S]))[0].tolist()
    leaves = not (0 <= x < way.width and y >= 0)
    return way.up_m_s <= _UP_M_S and bool(first[2] < _BEGINS_ABOVE * way.height) and leaves


def _gains_sideways(path: Path, height: int) -> bool:
    way, begin, end = path.marks[-1].x - path.marks[0].x, path.velocity(path.start_s)[0], path.velocity(path.end_s)[0]
    return abs(way) >= _LEAST_SIDE * height and end * way > 0 and abs(end) > _LEAST_GAIN * abs(begin)


def _smooth(marks: Sightings, scene: Scene) -> Nearing | None:
    """The longest part that one fit explains, found by giving up the worse end until all marks lie near; None if none is left, or
    what goes astray goes on and on."""
    for _ in range(_TRIMS):
        if (n := len(marks)) < _LEAST_PART:
            return None
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
    if abs(a1) * way.height_m > _FASTEST_M_S[0] or abs(b1) * way.height_m > _FASTEST_M_S[1]:
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
