"""What must not be seen by others, made black in a picture."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgeguard.camera.pictures import Bgr
from edgeguard.core.camera import CameraSpec
from edgeguard.core.facade import FacadeSpec
from edgeguard.vision.facade import watched_area


def hidden_area(facade: FacadeSpec, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which pixels of a picture of this width and height its masks hide; what lies outside the watched polygon is shown."""
    seen = watched_area(replace(facade, polygon=()), size)
    return np.zeros((size[1], size[0]), np.bool_) if seen is None else ~seen


def hide(shown: Bgr, spec: CameraSpec) -> None:
    """Burn a camera's privacy masks into a picture of it: those of its facade file, and its own."""
    size = (shown.shape[1], shown.shape[0])
    for masks in (spec.facade or FacadeSpec(), FacadeSpec(size=(1, 1), masks=spec.masks)):
        if masks.masks:
            shown[hidden_area(masks, size)] = 0
