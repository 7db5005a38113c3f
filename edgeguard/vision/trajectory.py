"""Is this the path of something that falls? Fits and figures of one track; no opinion on anything but its own numbers.

Sideways a thrown thing goes evenly, downwards ever faster; drag and perspective bend that slowly. Without calibration the scale of
the picture is not known, and what is asked is free of it: gravity is so many of the thing's own diameters a second squared.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, NamedTuple

from edgeguard.vision.tracks import Mark

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


class Curve(NamedTuple):
    """The smooth way that lies nearest to some places; time runs from the first."""

    down: tuple[float, float, float, float]
    """y = c0 + c1 t + c2 t^2 + c3 t^3, px and s."""
    side: tuple[float, float, float]
    """x = c0 + c1 t + c2 t^2."""
    bend_error: float
    """Standard error of the mean downward acceleration, px/s2."""


def curve(places: Sequence[Sequence[float]]) -> Curve:
    """By least squares through three or more places (second, x, y, ...): bending evenly, and downwards as drag and perspective
    change that where there are places enough to tell. So few numbers are added up quicker than a library is called."""
    n, begun_s = len(places), places[0][0]
    span_s = places[-1][0] - begun_s or 1.0
    s1 = s2 = s3 = s4 = x0 = x1 = x2 = y0 = y1 = y2 = 0.0
    scaled = [((place[0] - begun_s) / span_s, place[1], place[2]) for place in places]
    for t, x, y in scaled:
        t2 = t * t
        s1, s2, s3, s4 = s1 + t, s2 + t2, s3 + t * t2, s4 + t2 * t2
        x0, x1, x2 = x0 + x, x1 + t * x, x2 + t2 * x
        y0, y1, y2 = y0 + y, y1 + t * y, y2 + t2 * y
    inverse = _inverse(n, s1, s2, s3, s4)
    (a0, a1, a2), (c0, c1, c2), c3 = _times(inverse, (x0, x1, x2)), _times(inverse, (y0, y1, y2)), 0.0
    squares = 0.0
    offs = [y - (c0 + t * (c1 + t * c2)) for t, _, y in scaled]
    for off in offs:
        squares += off * off
    bend_error = 2 * math.sqrt(max(0.0, inverse[2][2] * (squares / max(1, n - 3) + 0.05))) / span_s**2
    if n >= _CUBIC_FROM:
        s5 = s6 = cubed = 0.0
        for (t, _, _), off in zip(scaled, offs, strict=True):
            t3 = t * t * t
            s5, s6, cubed = s5 + t3 * t * t, s6 + t3 * t3, cubed + t3 * off
        # What the cube adds to the square: it takes along what the others would have explained of it.
        share = _times(inverse, (s3, s4, s5))
        c3 = cubed / (s6 + _STIFF - _dot(share, (s3, s4, s5)))
        c0, c1, c2 = c0 - c3 * share[0], c1 - c3 * share[1], c2 - c3 * share[2]
    side = a0, a1 / span_s, a2 / span_s**2
    return Curve((c0, c1 / span_s, c2 / span_s**2, c3 / span_s**3), side, bend_error)


_Three = tuple[float, float, float]


def _inverse(a: float, b: float, c: float, e: float, f: float) -> tuple[_Three, _Three, _Three]:
    """Of the matrix (a, b, c), (b, c, e), (c, e, f), by cofactors."""
    a, d, f = a + _STIFF, c + _STIFF, f + _STIFF
    ca, cb, cc = d * f - e * e, c * e - b * f, b * e - c * d
    scale = 1.0 / (a * ca + b * cb + c * cc)
    cb, cc, ce = cb * scale, cc * scale, (b * c - a * e) * scale
    return (ca * scale, cb, cc), (cb, (a * f - c * c) * scale, ce), (cc, ce, (a * d - b * b) * scale)


def _times(matrix: tuple[_Three, _Three, _Three], values: _Three) -> _Three:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    x, y, z = values
    return a * x + b * y + c * z, d * x + e * y + f * z, g * x + h * y + i * z


def _dot(row: _Three, values: _Three) -> float:
    return row[0] * values[0] + row[1] * values[1] + row[2] * values[2]


def fit(marks: tuple[Mark, ...]) -> Path:
    """One smooth path through all of `marks` (three or more)."""
    way = curve(marks)
    return _path(marks, way, _offs(marks, way)[0])


def _path(marks: tuple[Mark, ...], way: Curve, offs: list[float]) -> Path:
    rms_px = math.sqrt(sum([off * off for off in offs]) / len(marks))
    thickness, top_px = median([mark[3] for mark in marks]), min([mark[2] for mark in marks])
    return Path(marks, way.down, way.side, rms_px, way.bend_error, thickness, top_px)


def _offs(marks: tuple[Mark, ...], way: Curve) -> tuple[list[float], list[float]]:
    """How far each mark lies from the way: in px, and in what is allowed, more to large and to fast things."""
    (c0, c1, c2, c3), (a0, a1, a2), _ = way
    begun_s, hypot, offs, excess = marks[0][0], math.hypot, [], []
    for t_s, x, y, thickness, _, _, _ in marks:
        t = t_s - begun_s
        off = hypot(x - (a0 + t * (a1 + t * a2)), y - (c0 + t * (c1 + t * (c2 + t * c3))))
        speed = hypot(a1 + 2 * t * a2, c1 + t * (2 * c2 + 3 * t * c3))
        offs.append(off)
        excess.append(off / (1.5 + 0.3 * thickness + 0.012 * speed))
    return offs, excess


def best_part(marks: tuple[Mark, ...]) -> Path | None:
    """The longest part that one fit explains, found by giving up the worse end until all marks lie near; None if none is left."""
    while (n := len(marks)) >= _TRIM_LEAST:
        way = curve(marks)
        offs, excess = _offs(marks, way)
        if max(excess) <= 1.0 or (sum(one > 1.0 for one in excess) <= 0.1 * n and excess[0] <= 1.0 and excess[-1] <= 1.0):
            return _path(marks, way, offs)
        edge, few = max(2, n // 4), max(1, n // 16)
        head, tail = (sum(one * one for one in part) for part in (excess[:edge], excess[-edge:]))
        marks = marks[few:] if head > tail else marks[:-few]
    return None
