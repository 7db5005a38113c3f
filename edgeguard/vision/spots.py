"""Spots: what stood out in one picture, as columns of numbers. Where they come from is not known here."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]
Sightings = NDArray[np.float64]
"""The spots of a picture as tracks are made of them, n by: second, x, y, thickness, contrast, length (px), and how often something
stands out there."""

_SELDOM: Final = 0.01
"""What is never seen to stand out may still do so."""
_COLUMNS: Final = 8


@dataclass(frozen=True, slots=True)
class Spots:
    """Compact areas that left the recent range of their pixels, one row each; positions and sizes in px."""

    rows: Column
    """n by 8: x, y (weighted centre), left, top, width, height, area, contrast (signed: brighter is positive)."""

    @classmethod
    def none(cls) -> "Spots":
        """No spot at all."""
        return cls(np.empty((0, _COLUMNS)))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def centres(self) -> Column:
        """n by 2: x, y."""
        return self.rows[:, :2]

    @property
    def thickness(self) -> Column:
        """The diameter of a round object of the spot's extent across its streak: motion blur only lengthens, px."""
        width, height, area = self.rows[:, 4], self.rows[:, 5], self.rows[:, 6]
        long_side = np.maximum(np.hypot(width, height), 1.0)
        across = np.minimum(np.minimum(width, height), 1.3 * area / long_side + 0.5)
        return np.asarray(np.maximum(across, 1.0), dtype=np.float64)

    def sightings(self, t_s: float, busy: Column) -> Sightings:
        """What the picture at `t_s` showed; `busy`: how often something stands out where each spot is, 0-1."""
        rows = self.rows
        seen = np.empty((len(rows), 7))
        if len(rows):
            seen[:, 0], seen[:, 1:3], seen[:, 3], seen[:, 4] = t_s, rows[:, :2], self.thickness, rows[:, 7]
            np.maximum(rows[:, 4], rows[:, 5], out=seen[:, 5])
            np.maximum(busy, _SELDOM, out=seen[:, 6])
        return seen

    def strongest(self, count: int) -> "Spots":
        """At most `count` of them, those with the most light gained or lost."""
        if len(self) <= count:
            return self
        strength = self.rows[:, 6] * np.abs(self.rows[:, 7])
        return Spots(self.rows[np.argsort(-strength, kind="stable")[:count]])
