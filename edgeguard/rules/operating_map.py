"""What a quantity was like when the device was well, at each of its operating points, so that like is compared with like. Pure.

The operating point is one positive number (a flow, a current). Bins grow by the same ratio each, so that no range has to be
known beforehand; between the middles of neighbouring bins the expected value runs straight.
"""

import math
from dataclasses import dataclass
from typing import Final

from edgeguard.core.limits import HINT_MAP_BINS

RATIO: Final = 1.25
"""A bin's upper edge over its lower one."""
ENOUGH: Final = 8
"""Measurements that make a bin worth comparing with."""
_LOG_RATIO: Final = math.log(RATIO)
_LEARNS: Final = 400
"""After so many measurements a bin's mean moves as if there had been no more: an exponential memory."""


@dataclass(frozen=True, slots=True)
class Bin:
    """One stretch of operating points: how many measurements, their mean operating point and mean value."""

    index: int
    count: int
    point: float
    value: float


@dataclass(frozen=True, slots=True)
class OperatingMap:
    """Bins by ascending index, HINT_MAP_BINS at most: a point beyond them is not learned."""

    bins: tuple[Bin, ...] = ()

    @property
    def measured(self) -> int:
        """Measurements in all bins."""
        return sum(b.count for b in self.bins)

    def with_measurement(self, point: float, value: float) -> "OperatingMap":
        """The map after one more measurement at an operating point; unchanged if `point` is not positive, one of them is no
        number, or there is no room."""
        if not 0.0 < point < math.inf or not math.isfinite(value):
            return self
        index = math.floor(math.log(point) / _LOG_RATIO)
        for place, old in enumerate(self.bins):
            if old.index == index:
                share = 1.0 / min(old.count + 1, _LEARNS)
                new = Bin(index, old.count + 1, old.point + share * (point - old.point), old.value + share * (value - old.value))
                return OperatingMap((*self.bins[:place], new, *self.bins[place + 1 :]))
        if len(self.bins) >= HINT_MAP_BINS:
            return self
        return OperatingMap(tuple(sorted((*self.bins, Bin(index, 1, point, value)), key=lambda b: b.index)))

    def expected(self, point: float) -> float | None:
        """The value at an operating point: interpolated between bins that know enough and are not far apart, else that of its
        own bin; None where nothing is known."""
        if not 0.0 < point < math.inf:
            return None
        index = math.floor(math.log(point) / _LOG_RATIO)
        known = [b for b in self.bins if b.count >= ENOUGH and abs(b.index - index) <= 1]
        below = [b for b in known if b.point <= point]
        above = [b for b in known if b.point > point]
        if below and above:
            low, high = below[-1], above[0]
            return low.value + (high.value - low.value) * (point - low.point) / (high.point - low.point)
        return next((b.value for b in known if b.index == index), None)


NO_MAP: Final = OperatingMap()
