"""Whether a plate in a picture can be read, and if not, what to change at the camera: size, slant, sharpness, contrast. Pure."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgeguard.core.point import Labels
from edgeguard.vision.plate_geometry import Points, aspect

LEAST_WIDTH_PX: Final = 80.0
MOST_TILT_DEG: Final = 25.0
MOST_TURN_DEG: Final = 45.0
"""A plate of 440 x 140 that is seen so much from the side that it looks narrower by cos 45."""
_FLAT_ASPECT: Final = 440 / 140
LEAST_CONTRAST: Final = 45.0
"""Grey levels between the dark and the light of a plate."""
MOST_EDGE: Final = 0.045
"""Width of an edge by that of the plate. Measured on 20 street photos, blurred in six steps: of plates below it 56 of 60 were read
right, above it 3 of 47. A stroke is 0.027 wide: beyond it strokes run together."""


@dataclass(frozen=True, slots=True)
class PlateAim:
    """What was measured of one plate: width px, tilt of its upper edge and turn away from the camera in degrees, contrast in grey
    levels, width of its edges by its own width. `faults` are what must change; empty when all is well."""

    width_px: float
    tilt_deg: float
    turn_deg: float
    contrast: float
    edge: float
    faults: tuple[Labels, ...]


def aim_of(corners: NDArray[np.floating], grey: NDArray[np.floating], two_lines: bool = False) -> PlateAim:
    """Judge the plate between `corners`; `grey` is the straightened plate, rows by columns, as many columns as it is wide in the
    picture or fewer."""
    width = _width(corners)
    tilt, turn = tilt_deg(corners), turn_deg(corners, two_lines)
    dark, light = (float(level) for level in np.percentile(grey, (5, 95)))
    contrast = light - dark
    edge = edge_px(grey, contrast) / grey.shape[1]
    return PlateAim(width, tilt, turn, contrast, edge, _faults(width, tilt, turn, contrast, edge))


def _width(corners: NDArray[np.floating]) -> float:
    top, bottom = corners[1] - corners[0], corners[2] - corners[3]
    return float((np.linalg.norm(top) + np.linalg.norm(bottom)) / 2)


def tilt_deg(corners: NDArray[np.floating]) -> float:
    """By how much the plate's long edges are off the horizontal: 0 to 90."""
    across = (corners[1] - corners[0]) + (corners[2] - corners[3])
    angle = abs(math.degrees(math.atan2(float(across[1]), float(across[0]))))
    return min(angle, 180.0 - angle)


def turn_deg(corners: NDArray[np.floating], two_lines: bool) -> float:
    """How far the plate is turned away about its upright: what makes it look narrower than it is. 0 where it looks wide."""
    full = 2.0 if two_lines else _FLAT_ASPECT
    share = aspect(np.asarray(corners, np.float64)) / full
    return math.degrees(math.acos(min(1.0, share)))


def edge_px(grey: NDArray[np.floating], contrast: float) -> float:
    """How many px its sharpest edges take from dark to light: 1 to 2 in a sharp picture."""
    steps = np.abs(np.diff(np.asarray(grey, np.float64), axis=1))
    steepest = float(np.percentile(steps, 97)) if steps.size else 0.0
    return contrast / steepest if steepest > 1e-6 else float(grey.shape[1])


def _faults(width: float, tilt: float, turn: float, contrast: float, edge: float) -> tuple[Labels, ...]:
    found = []
    if width < LEAST_WIDTH_PX:
        found.append(
            Labels(
                f"太小:{width:.0f} 像素,至少 {LEAST_WIDTH_PX:.0f};拉近镜头或靠近安装",
                f"too small: {width:.0f} px wide, {LEAST_WIDTH_PX:.0f} at least; zoom in or hang the camera nearer",
            )
        )
    if tilt > MOST_TILT_DEG:
        found.append(Labels(f"太斜:{tilt:.0f} 度;转正摄像头", f"too slanted: {tilt:.0f} degrees; turn the camera upright"))
    if turn > MOST_TURN_DEG:
        found.append(
            Labels(
                f"太侧:约 {turn:.0f} 度;更正对车道", f"seen too much from the side: about {turn:.0f} degrees; face the lane more"
            )
        )
    if contrast < LEAST_CONTRAST:
        found.append(
            Labels(
                f"对比度太低:{contrast:.0f} 级;调整曝光或补光",
                f"too little contrast: {contrast:.0f} levels; mend exposure or light",
            )
        )
    elif edge > MOST_EDGE:
        found.append(Labels("太模糊:对焦,或缩短快门时间", "too blurred: focus, or a shorter exposure"))
    return tuple(found)


def corners_of(points: Points) -> tuple[tuple[float, float], ...]:
    """As plain numbers."""
    return tuple((float(x), float(y)) for x, y in points)
