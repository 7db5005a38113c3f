"""The plates of one picture with what a person must know to aim a gate camera: read or not, how large, slanted, sharp."""

from dataclasses import dataclass
from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeguard.camera.pictures import Bgr
from edgeguard.vision.plate_aim import PlateAim, aim_of, corners_of
from edgeguard.vision.plate_geometry import Points, aspect, box_corners, homography
from edgeguard.vision.plate_passes import Seen

_WIDEST: Final = 400
_NARROWEST: Final = 16
_TWO_LINES_BELOW: Final = 2.0


class Looks(Protocol):
    """Finds and reads plates in one picture."""

    def look(self, picture: Bgr) -> list[Seen]:
        """Every plate, read where that is sure."""
        ...


@dataclass(frozen=True, slots=True)
class AimedPlate:
    """A plate as it is seen: corners top left, top right, bottom right, bottom left; `text` None where it could not be read."""

    corners: tuple[tuple[float, float], ...]
    text: str | None
    confidence: float
    aim: PlateAim


def aimed_plates(reader: Looks, picture: Bgr) -> tuple[AimedPlate, ...]:
    """Every plate of the picture, the widest first."""
    seen = [_aimed(one, picture) for one in reader.look(picture)]
    return tuple(sorted(seen, key=lambda one: -one.aim.width_px))


def _aimed(one: Seen, picture: Bgr) -> AimedPlate:
    corners = np.asarray(one.found.corners, np.float64)
    two_lines = aspect(corners) < _TWO_LINES_BELOW
    reading = one.reading
    aim = aim_of(corners, _flat(picture, corners), two_lines)
    return AimedPlate(corners_of(corners), reading.text if reading else None, reading.confidence if reading else 0.0, aim)


def _flat(picture: Bgr, corners: Points) -> NDArray[np.float64]:
    """The plate alone, straightened, no larger than it is in the picture."""
    width = int(np.clip(np.linalg.norm(corners[1] - corners[0]), _NARROWEST, _WIDEST))
    height = int(np.clip(np.linalg.norm(corners[3] - corners[0]), _NARROWEST / 2, _WIDEST))
    matrix = homography(corners, box_corners(0, 0, width - 1, height - 1))
    flat = cv2.warpPerspective(picture, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.cvtColor(flat, cv2.COLOR_BGR2GRAY), np.float64)
