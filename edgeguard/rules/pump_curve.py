"""A pump against its own curve: head and power at a flow, brought to one speed by the affinity laws. Pure.

Flow goes with the speed, head with its square, power with its cube. A curve is what somebody has commissioned, or what was
learned of the pump in its first weeks (an operating map).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

SLOWEST: Final = 0.6
"""Below this share of the highest speed seen the laws are too coarse: friction, bearings and electronics do not follow them."""
HEAD_POWER: Final = 2
SHAFT_POWER: Final = 3
"""With which power of the speed a quantity goes."""


def at_speed(value: float, exponent: int, speed: float, reference: float) -> float:
    """A quantity seen at `speed`, as it would be at `reference`: flow with exponent 1, head with 2, power with 3."""
    return float(value * (reference / speed) ** exponent)


def curve_value(points: Sequence[tuple[float, float]], flow: float) -> float | None:
    """A commissioned value at a flow, straight between neighbours; None beyond the first and the last point."""
    for (low, before), (high, after) in pairwise(points):
        if low <= flow <= high:
            return before if high == low else before + (after - before) * (flow - low) / (high - low)
    return None
