"""Whether anything moves in front of a gate camera: a few thousand cells against what they lately looked like.

An empty lane costs one shrinking of the picture; detector and reader sleep.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeguard.camera.video import Luma

_SIZE: Final = (96, 54)
_LEARN: Final = 0.05
_LEARN_CHANGED: Final = 0.005
"""What has changed is learned slowly: what drives by leaves no ghost, and what has parked is scenery within half a minute."""
_LEVELS: Final = 12.0
"""A cell that differs by so many levels from what it was, after the whole picture's change of light is taken off, has changed."""
_CELLS: Final = 6
_LINGER_S: Final = 0.6
"""So long after the last change it is still looked: a car that brakes moves less and less."""
_BEGIN_S: Final = 1.2
"""So long it is looked when a stream begins, whatever moves: whoever waits at the barrier meanwhile stands still."""


class LaneGate:
    """Feed it every picture; `moves` is whether this one is worth a look."""

    def __init__(self) -> None:
        self._known: NDArray[np.float32] | None = None
        self._until_s = -1e9

    def moves(self, t_s: float, luma: Luma) -> bool:
        """Whether something has changed, now or a moment ago."""
        small = cv2.resize(luma, _SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
        if self._known is None:
            self._known, self._until_s = small, t_s + _BEGIN_S
            return True
        change = small - self._known
        change -= np.median(change)
        changed = np.abs(change) > _LEVELS
        if int(np.count_nonzero(changed)) >= _CELLS:
            self._until_s = t_s + _LINGER_S
        self._known += np.where(changed, np.float32(_LEARN_CHANGED), np.float32(_LEARN)) * (small - self._known)
        return t_s <= self._until_s
