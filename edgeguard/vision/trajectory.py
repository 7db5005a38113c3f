"""Is this the path of something that falls? Fits and figures of one track; no opinion on anything but its own numbers.

Sideways a thrown thing goes evenly, downwards ever faster; drag and perspective bend that slowly. Without calibration the scale of
the picture is not known, and what is asked is free of it: gravity is so many of the thing's own diameters a second squared.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgeguard.vision.tracks import Mark

Floats = NDArray[np.float64]

_TRIM_LEAST: Final = 5
_CUBIC_FROM: Final = 12
_STIFF: Final = 1e-9
"""Keeps places that say nothing of a coefficient from giving it any value."""


@dataclass(frozen=True, slots=True)
class Path:
    """The part of a track that one smooth fall explains, and the fit of it. Time runs from the first mark of the part."""

    marks: tuple[Mark, ...]
    down: tuple[float, float, float, float]
    """y = c0 + c1 t + c2 t^2 + c3 t^3, px and s."""
    side: tuple[float, float, float]
    """x = c0 + c1 t + c2 t^2."""
    rms_px: float
    """Of the distances from the fit."""
    bend_error: float
    """Standard error of the mean downward acceleration, px/s2."""
    thickness: float
    """Median diameter across the streak, px."""
    top_px: float
    """Row of the highest mark."""

    @property
    def start_s(self) -> float:
        """When its first mark was."""
        return self.marks[0].t_s

    @property
    def end_s(self) -> float:
        """When its last mark was."""
        return self.marks[-1].t_s

    @property
    def span_s(self) -> float:
        """From the first mark to the last, s."""
        return self.end_s - self.start_s

    def at(self, t_s: float) -> tuple[float, float]:
        """Where the fit is at `t_s`, px."""
        t = t_s - self.start_s
        c0, c1, c2, c3 = self.down
        return self.side[0] + t * (self.side[1] + t * self.side[2]), c0 + t * (c1 + t * (c2 + t * c3))

    def velocity(self, t_s: float) -> tuple[float, float]:
        """Of the fit at `t_s`, px/s, downwards positive."""
        t = t_s - self.start_s
        return self.side[1] + 2 * t * self.side[2], self.down[1] + t * (2 * self.down[2] + 3 * t * self.down[3])

    @property
    def bend(self) -> float:
        """Mean downward acceleration, px/s2."""
        return 2 * self.down[2] + 3 * self.down[3] * self.span_s

    def length_px(self, exposure_s: float) -> float:
        """Median of its longest extent, less what it may have been drawn out in `exposure_s`: how long the thing itself is, px."""
        return median(max(1.0, m.length - exposure_s * math.hypot(*self.velocity(m.t_s))) for m in self.marks)

    @property
    def fall_px(self) -> float:
        """From the highest point to the end."""
        return self.marks[-1].y - self.top_px

    @property
    def rise_px(self) -> float:
        """From the beginning up to the highest point."""
        return self.marks[0].y - self.top_px


@dataclass(frozen=True, slots=True)
class Curve:
    """The smooth way that lies nearest to some places; time runs from the first."""

    down: tuple[float, float, float, float]
    """y = c0 + c1 t + c2 t^2 + c3 t^3, px and s."""
    side: tuple[float, float, float]
    """x = c0 + c1 t + c2 t^2."""
    off: Floats
    """n by (x, y): each place less where the curve is then, px."""
    bend_error: float
    """Standard error of the mean downward acceleration, px/s2."""

    def speed(self, t: Floats) -> Floats:
        """px/s, `t` after the first place."""
        (_, a1, a2), (_, c1, c2, c3) = self.side, self.down
        return np.asarray(np.hypot(a1 + (2 * a2) * t, c1 + t * (2 * c2 + (3 * c3) * t)), dtype=np.float64)


def curve(table: Floats) -> Curve:
    """By least squares through three or more rows of (second, x, y, ...): bending evenly, and downwards as drag and perspective
    change that where there are places enough to tell."""
    n = len(table)
    span_s = float(table[-1, 0] - table[0, 0]) or 1.0
    terms = np.empty((n, 6))
    t = terms[:, 1]
    terms[:, 0] = 1.0
    np.divide(table[:, 0] - table[0, 0], span_s, out=t)
    np.multiply(t, t, out=terms[:, 2])
    np.multiply(t, terms[:, 2], out=terms[:, 3])
    terms[:, 4:] = table[:, 1:3]
    sums = (terms.T @ terms).tolist()
    inverse = _inverse(sums)
    x, y = _times(inverse, sums[4]), _times(inverse, sums[5])
    off = terms[:, 4:] - terms[:, :3] @ np.array(((x[0], y[0]), (x[1], y[1]), (x[2], y[2])))
    bend_error = 2 * math.sqrt(max(0.0, inverse[2][2] * (float(off[:, 1] @ off[:, 1]) / max(1, n - 3) + 0.05))) / span_s**2
    cube = 0.0
    if n >= _CUBIC_FROM:
        # What the cube adds to the square: it takes along what the others would have explained of it.
        share = _times(inverse, sums[3])
        cube = (sums[3][5] - _dot(share, sums[5])) / (sums[3][3] + _STIFF - _dot(share, sums[3]))
        y = y[0] - cube * share[0], y[1] - cube * share[1], y[2] - cube * share[2]
        off[:, 1] = terms[:, 5] - terms[:, :4] @ np.array((*y, cube))
    side = x[0], x[1] / span_s, x[2] / span_s**2
    return Curve((y[0], y[1] / span_s, y[2] / span_s**2, cube / span_s**3), side, off, bend_error)


_Three = tuple[float, float, float]


def _inverse(sums: list[list[float]]) -> tuple[_Three, _Three, _Three]:
    """Of the first three rows and columns of a symmetric matrix, by cofactors: so few numbers need no library."""
    (a, b, c), (d, e), f = sums[0][:3], sums[1][1:3], sums[2][2]
    a, d, f = a + _STIFF, d + _STIFF, f + _STIFF
    ca, cb, cc = d * f - e * e, c * e - b * f, b * e - c * d
    scale = 1.0 / (a * ca + b * cb + c * cc)
    cb, cc, ce = cb * scale, cc * scale, (b * c - a * e) * scale
    return (ca * scale, cb, cc), (cb, (a * f - c * c) * scale, ce), (cc, ce, (a * d - b * b) * scale)


def _times(matrix: tuple[_Three, _Three, _Three], values: Sequence[float]) -> _Three:
    return _dot(matrix[0], values), _dot(matrix[1], values), _dot(matrix[2], values)


def _dot(row: _Three, values: Sequence[float]) -> float:
    return row[0] * values[0] + row[1] * values[1] + row[2] * values[2]


def _table(marks: tuple[Mark, ...]) -> Floats:
    """The marks' numbers, n by: second, x, y, thickness."""
    return np.array([mark[:4] for mark in marks])


def fit(marks: tuple[Mark, ...]) -> Path:
    """One smooth path through all of `marks` (three or more)."""
    table = _table(marks)
    return _path(marks, table, curve(table))


def _path(marks: tuple[Mark, ...], table: Floats, way: Curve) -> Path:
    off = way.off.reshape(-1)
    rms_px = math.sqrt(float(off @ off) / len(marks))
    return Path(marks, way.down, way.side, rms_px, way.bend_error, median(table[:, 3].tolist()), float(table[:, 2].min()))


def best_part(marks: tuple[Mark, ...]) -> Path | None:
    """The longest part that one fit explains, found by giving up the worse end until all marks lie near; None if none is left."""
    table = _table(marks)
    while (n := len(marks)) >= _TRIM_LEAST:
        way = curve(table)
        # more is allowed to large and to fast things
        allowed = 1.5 + 0.3 * table[:, 3] + 0.012 * way.speed(table[:, 0] - table[0, 0])
        excess = np.hypot(way.off[:, 0], way.off[:, 1]) / allowed
        if excess.max() <= 1.0 or (np.count_nonzero(excess > 1.0) <= 0.1 * n and excess[0] <= 1.0 and excess[-1] <= 1.0):
            return _path(marks, table, way)
        edge, few = max(2, n // 4), max(1, n // 16)
        head, tail = excess[:edge], excess[-edge:]
        cut = slice(few, None) if head @ head > tail @ tail else slice(None, -few)
        marks, table = marks[cut], table[cut]
    return None
