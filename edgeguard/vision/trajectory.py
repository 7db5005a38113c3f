"""Is this the path of something that falls? Fits and figures of one track; no opinion on anything but its own numbers.

Sideways a thrown thing goes evenly, downwards ever faster; drag and perspective bend that slowly. Without calibration the scale of
the picture is not known, and what is asked is free of it: gravity is so many of the thing's own diameters a second squared.
"""

import math
from dataclasses import dataclass
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
        return float(np.median([mark.thickness for mark in self.marks]))

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
    t = np.array([mark.t_s for mark in marks]) - marks[0].t_s
    x, y = np.array([mark.x for mark in marks]), np.array([mark.y for mark in marks])
    scale = float(t[-1]) or 1.0
    cubic = len(marks) >= _CUBIC_FROM
    down, down_residuals, errors = _polynomial(t / scale, y, 3 if cubic else 2)
    side, side_residuals, _ = _polynomial(t / scale, x, 2)
    rms = math.sqrt(float(np.mean(down_residuals**2 + side_residuals**2)))
    _, _, square_errors = _polynomial(t / scale, y, 2) if cubic else (0, 0, errors)
    return Path(
        marks,
        (down[0], down[1] / scale, down[2] / scale**2, (down[3] if cubic else 0.0) / scale**3),
        (side[0], side[1] / scale, side[2] / scale**2),
        rms,
        2 * float(square_errors[2]) / scale**2,
    )


def _polynomial(t: Floats, values: Floats, degree: int) -> tuple[list[float], Floats, Floats]:
    """Coefficients by rising power, residuals, standard errors of the coefficients."""
    table = np.vander(t, degree + 1, increasing=True)
    coefficients, *_ = np.linalg.lstsq(table, values, rcond=None)
    residuals = values - table @ coefficients
    free = max(1, len(t) - degree - 1)
    variance = float(residuals @ residuals) / free + 0.05
    covariance = np.linalg.pinv(table.T @ table) * variance
    return [float(c) for c in coefficients], residuals, np.sqrt(np.maximum(np.diag(covariance), 0.0))


def tolerance(marks: tuple[Mark, ...], path: Path) -> Floats:
    """How far each mark may lie from the path: more for large and for fast things, px."""
    speed = np.array([math.hypot(*path.velocity(mark.t_s)) for mark in marks])
    thick = np.array([mark.thickness for mark in marks])
    return np.asarray(1.5 + 0.3 * thick + 0.012 * speed, dtype=np.float64)


def best_part(marks: tuple[Mark, ...]) -> Path | None:
    """The longest part that one fit explains, found by giving up the worse end until all marks lie near; None if none is left."""
    while len(marks) >= _TRIM_LEAST:
        path = fit(marks)
        places = np.array([path.at(mark.t_s) for mark in marks])
        off = np.hypot(places[:, 0] - [mark.x for mark in marks], places[:, 1] - [mark.y for mark in marks])
        excess = off / tolerance(marks, path)
        if excess.max() <= 1.0 or (np.count_nonzero(excess > 1.0) <= 0.1 * len(marks) and max(excess[0], excess[-1]) <= 1.0):
            return path
        edge = max(2, len(marks) // 4)
        head, tail = float(np.mean(excess[:edge] ** 2)), float(np.mean(excess[-edge:] ** 2))
        cut = max(1, len(marks) // 16)
        marks = marks[cut:] if head > tail else marks[:-cut]
    return None
