"""Is this the path of something that falls? Fits and figures of one track; no opinion on anything but its own numbers.

Sideways a thrown thing goes evenly, downwards ever faster; drag and perspective bend that slowly. Without calibration the scale of
the picture is not known, and what is asked is free of it: gravity is so many of the thing's own diameters a second squared.
"""

import math
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgeguard.vision.tracks import Mark

Floats = NDArray[np.float64]

_TRIM_LEAST: Final = 5
_CUBIC_FROM: Final = 12


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

    @property
    def thickness(self) -> float:
        """Median diameter across the streak, px."""
        return median(mark.thickness for mark in self.marks)

    def length_px(self, exposure_s: float) -> float:
        """Median of its longest extent, less what it may have been drawn out in `exposure_s`: how long the thing itself is, px."""
        return median(max(1.0, m.length - exposure_s * math.hypot(*self.velocity(m.t_s))) for m in self.marks)

    @property
    def fall_px(self) -> float:
        """From the highest point to the end."""
        ys = [mark.y for mark in self.marks]
        return ys[-1] - min(ys)

    @property
    def rise_px(self) -> float:
        """From the beginning up to the highest point."""
        ys = [mark.y for mark in self.marks]
        return ys[0] - min(ys)


def fit(marks: tuple[Mark, ...]) -> Path:
    """One smooth path through all of `marks` (three or more)."""
    return _path(marks, np.array([mark[:4] for mark in marks]))


def _path(marks: tuple[Mark, ...], table: Floats) -> Path:
    """The same, with the marks' times, places and thicknesses as n by 4."""
    t = table[:, 0] - table[0, 0]
    scale = float(t[-1]) or 1.0
    cubic = len(marks) >= _CUBIC_FROM
    powers = np.vander(t / scale, 4 if cubic else 3, increasing=True)
    square, square_off, error = _least_squares(powers[:, :3], table[:, 1:3])
    down, off = [float(c) for c in square[:, 1]], square_off
    if cubic:
        bent, bent_off, _ = _least_squares(powers, table[:, 2:3])
        down, off = [float(c) for c in bent[:, 0]], np.column_stack([square_off[:, 0], bent_off[:, 0]])
    variance = float(square_off[:, 1] @ square_off[:, 1]) / max(1, len(marks) - 3) + 0.05
    return Path(
        marks,
        (down[0], down[1] / scale, down[2] / scale**2, (down[3] if cubic else 0.0) / scale**3),
        (float(square[0, 0]), float(square[1, 0]) / scale, float(square[2, 0]) / scale**2),
        math.sqrt(float(np.mean((off * off).sum(axis=1)))),
        2 * math.sqrt(max(0.0, error * variance)) / scale**2,
    )


def _least_squares(powers: Floats, values: Floats) -> tuple[Floats, Floats, float]:
    """Coefficients by rising power, residuals, and the variance of that of the square for values of variance 1."""
    normal = np.linalg.inv(powers.T @ powers + 1e-9 * np.eye(powers.shape[1]))
    coefficients = normal @ (powers.T @ values)
    return coefficients, values - powers @ coefficients, float(normal[2, 2])


def tolerance(path: Path, table: Floats) -> tuple[Floats, Floats]:
    """How far each row of marks lies from the path, and how far it may: more for large and for fast things, px."""
    t = table[:, 0] - table[0, 0]
    (a0, a1, a2), (c0, c1, c2, c3) = path.side, path.down
    off = np.hypot(table[:, 1] - (a0 + t * (a1 + t * a2)), table[:, 2] - (c0 + t * (c1 + t * (c2 + t * c3))))
    speed = np.hypot(a1 + 2 * t * a2, c1 + t * (2 * c2 + 3 * t * c3))
    return off, np.asarray(1.5 + 0.3 * table[:, 3] + 0.012 * speed, dtype=np.float64)


def best_part(marks: tuple[Mark, ...]) -> Path | None:
    """The longest part that one fit explains, found by giving up the worse end until all marks lie near; None if none is left."""
    table = np.array([mark[:4] for mark in marks])
    while len(marks) >= _TRIM_LEAST:
        path = _path(marks, table)
        off, allowed = tolerance(path, table)
        excess = off / allowed
        if excess.max() <= 1.0 or (np.count_nonzero(excess > 1.0) <= 0.1 * len(marks) and max(excess[0], excess[-1]) <= 1.0):
            return path
        edge = max(2, len(marks) // 4)
        head, tail = float(np.mean(excess[:edge] ** 2)), float(np.mean(excess[-edge:] ** 2))
        cut = slice(max(1, len(marks) // 16), None) if head > tail else slice(None, -max(1, len(marks) // 16))
        marks, table = marks[cut], table[cut]
    return None
