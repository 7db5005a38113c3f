"""How much the acceleration that floors give a path in m/s2 speaks for a fall.

What drops along the wall shows that of the earth, less what the air takes; what is thrown away from the wall comes nearer to the
camera, and the facade behind it gives up to three times as much. Birds, insects and chance show anything. So no acceleration
decides by itself: it moves the likelihood that the path's form has, as Bayes' rule has it.
"""

import math
from typing import Final

from edgeguard.vision.facade import Plane
from edgeguard.vision.trajectory import Path

_MIDDLE_M_S2: Final = 10.5
_SPREAD: Final = 0.3
"""Of the acceleration of falls, as a logarithm: half of them lie between 9 and 13 m/s2."""
_MOST: Final = 1.5
"""What the likeliest acceleration says, as a natural logarithm of odds: four and a half times as likely a fall as without it."""
_LEAST: Final = -2.0
"""What the unlikeliest says: falls far out of the range occur (3 of 100), as floors are not where the thing is."""


def evidence(plane: Plane, path: Path) -> float:
    """By what the logarithm of the odds that `path` is a fall changes; 0 where the floors give no acceleration."""
    gravity = plane.gravity_m_s2(path)
    if math.isnan(gravity):
        return 0.0
    if gravity <= 0:
        return _LEAST
    unsure = math.hypot(_SPREAD, path.bend_error / max(path.bend, path.bend_error))
    off = math.log(gravity / _MIDDLE_M_S2) / unsure
    return max(_LEAST, _MOST - math.log(unsure / _SPREAD) - 0.5 * off * off)


def updated(likelihood: float, evidence_ln: float) -> float:
    """A likelihood, 0-1, after evidence."""
    odds = math.exp(evidence_ln) * likelihood
    return odds / (odds + 1.0 - likelihood)
