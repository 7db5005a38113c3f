"""A bounded sample of what was measured in a day, and the one figure that is kept of it. Pure.

When it is full every second measurement is dropped and from then on only every second, fourth ... one is taken, so that the
sample stays spread over the whole day. The figure is a mean without its outermost parts, not a median: times seen by polling
are whole rounds, and only a mean finds its way between them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edgeguard.core.limits import HINT_DAY_SAMPLES

CUT: Final = 0.05
"""Share of the sample that is left out at each end, rounded down: most of a sample of whole rounds has to count."""


@dataclass(frozen=True, slots=True)
class DaySample:
    """`values` in the order taken; `seen` measurements were offered, each `stride`-th was taken."""

    values: tuple[float, ...] = ()
    seen: int = 0
    stride: int = 1

    def with_value(self, value: float) -> "DaySample":
        """The sample after one more measurement."""
        seen = self.seen + 1
        if self.seen % self.stride:
            return DaySample(self.values, seen, self.stride)
        values = (*self.values, value)
        if len(values) < HINT_DAY_SAMPLES:
            return DaySample(values, seen, self.stride)
        return DaySample(values[::2], seen, self.stride * 2)


def high_value(values: Sequence[float]) -> float:
    """What a twentieth of the values exceeds."""
    return sorted(values)[int(len(values) * 0.95) - 1 if len(values) > 1 else 0]


NOTHING_YET: Final = DaySample()


def middle_mean(values: Sequence[float]) -> float:
    """The mean of what is left when CUT is taken off at each end; of one or two values, their mean."""
    ordered = sorted(values)
    cut = int(len(ordered) * CUT)
    kept = ordered[cut : len(ordered) - cut]
    return sum(kept) / len(kept)


def low_mean(values: Sequence[float]) -> float:
    """The mean of the lower half without the lowest twentieth: what a duration is when nobody stands in its way."""
    ordered = sorted(values)
    kept = ordered[len(ordered) // 20 : max(1, len(ordered) // 2)]
    return sum(kept) / len(kept)


def uncertainty(values: Sequence[float]) -> float:
    """The standard error of the mean; infinite for a single value."""
    count = len(values)
    if count < 2:
        return math.inf
    mean = sum(values) / count
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (count - 1) / count)
