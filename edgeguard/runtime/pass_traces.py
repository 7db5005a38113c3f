"""What a plate is called in the records of pictures of passes, which name it under a key of their folder: for whoever erases it."""

from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from edgeguard.core.camera import PASSES_KEY, CameraSpec, PlateShape, pass_folder
from edgeguard.core.gate_list import plain_plate
from edgeguard.core.plate_shape import shaped

_log = structlog.get_logger()


def traces_of(cameras: Callable[[], Sequence[CameraSpec]], state: Path) -> Callable[[str], tuple[str, ...]]:
    """The names of a text, one for each of these cameras that has a folder of passes. A folder without a key has no record."""

    def traces(text: str) -> tuple[str, ...]:
        found, plate = [], plain_plate(text) or text
        for camera in cameras():
            file = Path(pass_folder(state, camera.name)) / PASSES_KEY
            try:
                found.append(shaped(plate, PlateShape.HASHED, file.read_bytes()))
            except FileNotFoundError:
                continue
            except OSError as error:
                _log.warning("pass.key", camera=camera.name, error=error.strerror)
        return tuple(found)

    return traces
