"""Plates made unreadable in a picture that others may see, those included that no detector finds.

What was found is made black. Since some are always missed, everything else is made so coarse that no plate can be read anywhere,
except where the site says that no vehicle can be.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeguard.camera.pictures import Bgr
from edgeguard.core.camera_limits import VEIL_COLUMNS
from edgeguard.core.facade import Spot
from edgeguard.vision.plate_geometry import stretched

_BEYOND: Final = 0.15
"""A plate is made black with so much around it, in shares of its width and height."""


def veil(shown: Bgr, plates: Iterable[NDArray[np.floating]], free: Sequence[Sequence[Spot]]) -> None:
    """Change the picture in place: coarse but in `free` (polygons, in shares of the picture), the corners of `plates` black."""
    height, width = shown.shape[:2]
    dots = (min(width, VEIL_COLUMNS), max(1, round(height * min(width, VEIL_COLUMNS) / width)))
    small = cv2.resize(shown, dots, interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    if free:
        sharp = np.zeros((height, width), np.uint8)
        for area in free:
            cv2.fillPoly(sharp, [np.array([(x * width, y * height) for x, y in area]).round().astype(np.int32)], 255)
        coarse = cv2.copyTo(shown, sharp, coarse)
    shown[:] = coarse
    for corners in plates:
        around = stretched(corners, _BEYOND, _BEYOND, _BEYOND)
        cv2.fillConvexPoly(shown, np.round(around).astype(np.int32), (0, 0, 0))
