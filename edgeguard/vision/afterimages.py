"""What a camera's noise reduction leaves behind: as a mean over pictures it keeps a moving thing where it was for some tenths of a
second.

Such afterimages stand out as the thing does, and a track may run on them, a few pictures behind: where the thing went, but later.
"""

from typing import Final

import numpy as np
from numpy.polynomial.polynomial import polyval
from numpy.typing import NDArray

from edgeguard.vision.trajectory import Path

LAG_S: Final = (0.03, 0.3)
"""So far behind the thing an afterimage may be."""
_STEP_S: Final = 0.01
_BESIDE: Final = (3.0, 0.5)
"""px, and thicknesses: so far from the way of the thing an afterimage may be."""
_ON_THE_WAY: Final = 0.8
_SHARED: Final = 0.6
"""Of the marks so many at least were there while the other was known, and of these so many on its way."""


def trails(path: Path, lead: Path) -> bool:
    """Whether `path` goes where `lead` went, 0.03 to 0.3 s later."""
    lags = np.arange(0.0, LAG_S[1], _STEP_S)
    times = np.array([mark.t_s for mark in path.marks])[:, None] - lags
    off = np.hypot(*(_at(lead, times) - np.array([(mark.x, mark.y) for mark in path.marks]).T[:, :, None]))
    off[(times < lead.start_s) | (times > lead.end_s)] = np.inf
    nearest = off.min(axis=1)
    compared = np.isfinite(nearest).sum()
    on_the_way = nearest <= _BESIDE[0] + _BESIDE[1] * path.thickness
    if compared < _SHARED * len(nearest) or on_the_way.sum() < _ON_THE_WAY * compared:
        return False
    return bool(np.median(lags[off.argmin(axis=1)][on_the_way]) >= LAG_S[0])


def _at(path: Path, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """2 by the shape of `times_s`: x and y."""
    t = times_s - path.start_s
    return np.stack([polyval(t, np.array(path.side)), polyval(t, np.array(path.down))])
