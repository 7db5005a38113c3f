"""How likely is it that unrelated spots made a path, and how sure is one that they did not?"""

import math
from typing import Final

from edgeguard.vision.gathering import near_px
from edgeguard.vision.trajectory import Path

_FEW_S: Final = 0.05
"""With so much time from picture to picture they begin to be few."""
_WEIGHT_MOST: Final = 1.7
_NEARLY_EACH: Final = 0.88
_SCATTER: Final = 2.0
_SCATTER_PX: Final = 0.8
"""Marks of a path lie so many times its scatter, and so many px, from it at most: chance had no more room than that."""


def weight(path: Path, period_s: float) -> float:
    """What a mark counts for: more where pictures are few, and nearly each of them shows the thing."""
    if len(path.marks) < _NEARLY_EACH * (path.span_s / period_s + 1):
        return 1.0
    return min(_WEIGHT_MOST, max(1.0, period_s / _FEW_S))


def chance_log10(path: Path, period_s: float, alike: float) -> float:
    """Logarithm of the expected number of such paths among unrelated spots: three marks make a parabola, the rest must hit it as
    closely as they do and be `alike`, and each picture that was left out could have been any other."""
    left_out = max(0.0, path.span_s / period_s + 1 - len(path.marks))
    near = (_SCATTER * path.rms_px + _SCATTER_PX) ** 2
    found = 0.0
    for mark in path.marks[3:]:
        allowed = near_px(mark.thickness, math.hypot(*path.velocity(mark.t_s)))
        found += math.log10(max(mark.chance * alike * min(1.0, near / allowed**2), 1e-6))
    return 6.0 + weight(path, period_s) * (0.3 * left_out + found)


def sureness(path: Path, period_s: float, chance: float) -> float:
    """0.5 for what passes barely, towards 0.99 for a long, clean fall that came about by a `chance` (log10) like that."""
    lengths, sigmas = path.fall_px / max(path.thickness, 3.0), path.bend / path.bend_error
    marks = weight(path, period_s) * len(path.marks)
    evidence = (marks - 5) / 12, math.log(sigmas / 14.0) / 2.0, -chance / 30, lengths / 12
    return round(0.5 + 0.49 * sum(min(1.0, part) for part in evidence) / len(evidence), 3)
