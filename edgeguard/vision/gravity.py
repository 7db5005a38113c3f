"""How much the acceleration that floors give a path in m/s2 speaks for a fall.

What drops along the wall shows that of the earth, less what the air takes; what is thrown away from the wall comes nearer to the
camera, and the facade behind it gives up to three times as much. Birds, insects and chance show anything. So no acceleration
decides by itself: it moves the likelihood that the path's form has, as Bayes' rule has it.
"""

import math
from typing import Final

from edgeguard.vision.facade import Plane
from edgeguard.vision.trajectory import Path

_MIDDLE_M_S2: Final = 10.3
_SPREAD: Final = 0.3
"""Of the acceleration of falls, as a logarithm: three in four of 1,697 rendered throws showed 8 to 14 m/s2, and one in five of
3,391 paths that looked like falls and were none."""
_TAIL: Final = 1.2
"""How slowly their share shrinks farther out, as Student's t does: light things that the air holds, throws that pass the camera."""
_MOST: Final = 1.5
"""What the likeliest acceleration says, as a natural logarithm of odds: four and a half times as likely a fall as without it."""
_RANGE_M_S2: Final = (1.5, 50.0)
_LEAST: Final = -4.0
"""What says that it does not fall at all: beyond the range lay two of those throws, and one in six of the others."""
_NEXT_TO_NONE: Final = 1e-9


def log_ratio(plane: Plane, path: Path) -> float:
    """By what the natural logarithm of the odds that `path` is a fall changes; 0 where the floors give no acceleration."""
    gravity = plane.gravity_m_s2(path)
    if math.isnan(gravity):
        return 0.0
    if not _RANGE_M_S2[0] <= gravity <= _RANGE_M_S2[1]:
        return _LEAST
    unsure = math.hypot(_SPREAD, path.bend_error / max(path.bend, path.bend_error, _NEXT_TO_NONE))
    off = math.log(gravity / _MIDDLE_M_S2) / unsure
    return max(_LEAST, _MOST - math.log(unsure / _SPREAD) - _TAIL * math.log1p(off * off))


def updated(likelihood: float, by_ln: float) -> float:
    """A likelihood, 0-1, whose odds change by a natural logarithm."""
    odds = math.exp(by_ln) * likelihood
    return odds / (odds + 1.0 - likelihood)
