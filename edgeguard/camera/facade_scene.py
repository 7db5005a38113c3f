"""A film of a block of flats from which something is thrown, for those who have no camera at hand: always the same.

Its facade file says where the floors are, so that what sees it can tell from which one it came.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from edgeguard.core.facade import FacadeSpec, FloorLine

Grey = NDArray[np.uint8]

WIDTH: Final = 480
HEIGHT: Final = 360
FPS: Final = 20
SECONDS: Final = 24.0
FLOORS: Final = 10
_GROUND_PX: Final = 345
_STOREY_PX: Final = 33
_BAY_PX: Final = 60
FROM_FLOOR: Final = 8
FROM_COLUMN: Final = 5
_THROWN_S: Final = 3.0
_G_PX_S2: Final = 9.4 * _STOREY_PX / 3.0
"""Gravity less some drag, with storeys of 3 m."""
_ASIDE_PX_S: Final = 9.0
_RADIUS_PX: Final = 3.0
_HAND_PX: Final = 12
"""A hand is so far above its floor's slab."""
_NOISES: Final = 7


def facade_of_scene() -> FacadeSpec:
    """Where the floors and the window columns of the film are."""
    lines = tuple(FloorLine(f, (0.0, _slab_px(f)), (float(WIDTH), _slab_px(f))) for f in (1, 5, FLOORS))
    columns = tuple(float(x) for x in range(_BAY_PX, WIDTH, _BAY_PX))
    return FacadeSpec(size=(WIDTH, HEIGHT), lines=lines, columns=columns)


def write_scene(path: Path, seconds: float = SECONDS) -> None:
    """The film as H.264 in an mp4, two key frames a second."""
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "26", "threads": "1"}
        stream = container.add_stream("libx264", rate=FPS, options=options)
        assert isinstance(stream, VideoStream)  # noqa: S101 (a video codec makes one)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = WIDTH, HEIGHT, "yuv420p", FPS // 2
        grey = np.full((HEIGHT // 2, WIDTH), 128, np.uint8)
        for picture in _pictures(seconds):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.vstack([picture, grey]), format="yuv420p")))
        container.mux(stream.encode(None))


def _pictures(seconds: float) -> Iterator[Grey]:
    rng = np.random.default_rng(8)
    wall = _wall(rng)
    noises = [np.rint(rng.normal(0, 1.2, wall.shape)).astype(np.int16) for _ in range(_NOISES)]
    noisy = [np.clip(wall + noise, 0, 255).astype(np.uint8) for noise in noises]
    x0, y0 = (FROM_COLUMN - 0.4) * _BAY_PX, _slab_px(FROM_FLOOR) - _HAND_PX
    for n in range(round(seconds * FPS)):
        picture, t = noisy[n % _NOISES].copy(), n / FPS - _THROWN_S
        x, y = x0 + _ASIDE_PX_S * t, y0 + 0.5 * _G_PX_S2 * t * t
        if t >= 0 and y < _GROUND_PX:
            cv2.circle(picture, (round(x * 16), round(y * 16)), round(_RADIUS_PX * 16), (235,), -1, cv2.LINE_AA, 4)
        yield picture


def _wall(rng: np.random.Generator) -> Grey:
    """Storeys with dark windows on a wall of middle grey, a strip of sky, a pavement."""
    wall = np.full((HEIGHT, WIDTH), 128, np.uint8)
    for floor in range(1, FLOORS + 1):
        slab = round(_slab_px(floor))
        wall[slab - 2 : slab] = 108
        for left in range(12, WIDTH - _BAY_PX // 2, _BAY_PX):
            wall[slab - 25 : slab - 8, left : left + 30] = rng.integers(45, 85)
    wall[: round(_slab_px(FLOORS)) - _STOREY_PX] = 205
    wall[_GROUND_PX:] = 95
    return wall


def _slab_px(floor: int) -> float:
    return float(_GROUND_PX - (floor - 1) * _STOREY_PX)
