"""Small videos made on the spot: pictures in, a file out."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import MappingProxyType

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
WIDTH, HEIGHT = 320, 240

FAST = MappingProxyType({"preset": "ultrafast", "tune": "zerolatency", "x265-params": "log-level=none"})


def write(
    path: Path,
    pictures: Iterable[Grey],
    *,
    fps: int = 25,
    codec: str = "libx264",
    crf: int = 20,
    gop: int = 25,
    pixels: str = "",
    shown: Sequence[int] | None = None,
) -> Path:
    """Encode grey pictures of one size; the container follows from the path's suffix. `shown`: a display matrix."""
    options = {**FAST, "crf": str(crf)} if codec.startswith("libx26") else {}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        assert isinstance(stream, VideoStream)  # noqa: S101 (a video codec makes one)
        stream.pix_fmt = pixels or ("yuvj420p" if codec == "mjpeg" else "yuv420p")
        if shown is not None:
            stream.set_display_matrix(shown)
        stream.gop_size = gop
        for picture in pictures:
            if not stream.codec_context.is_open:
                stream.height, stream.width = picture.shape
            container.mux(stream.encode(av.VideoFrame.from_ndarray(_planar(picture), format="yuv420p")))
        container.mux(stream.encode(None))
    return path


def _planar(picture: Grey) -> Grey:
    rows, columns = picture.shape
    return np.vstack([picture, np.full((rows // 2, columns), 128, np.uint8)])


def noise(count: int, width: int = 64, height: int = 48, seed: int = 1) -> list[Grey]:
    """Still, noisy pictures with a bar that moves by two columns a picture."""
    rng = np.random.default_rng(seed)
    pictures = []
    for i in range(count):
        picture = rng.integers(90, 110, (height, width)).astype(np.uint8)
        picture[:, 2 * i % width : 2 * i % width + 2] = 235
        pictures.append(picture)
    return pictures


def wall(seed: int = 1) -> Grey:
    """A pale wall with dark windows."""
    rng = np.random.default_rng(seed)
    still = np.full((HEIGHT, WIDTH), 150, np.uint8)
    for top in range(10, HEIGHT, 40):
        for left in range(12, WIDTH, 44):
            still[top : top + 22, left : left + 26] = rng.integers(40, 90)
    return still


def drawn(fps: float, falls: bool = True, seconds: float = 5.0, y0: float = 30.0) -> Iterator[Grey]:
    """A pale thing of 6 px that leaves (150, y0) at 2 s and falls 20 px a metre, or only the wall."""
    rng = np.random.default_rng(7)
    still = wall()
    for n in range(int(seconds * fps)):
        picture = still.copy()
        t = n / fps - 2.0
        if falls and t >= 0:
            cv2.circle(picture, (round((150 + 20 * t) * 16), round((y0 + 95 * t * t) * 16)), 3 * 16, (225,), -1, cv2.LINE_AA, 4)
        grain = 1.5 * rng.standard_normal(picture.shape, np.float32)
        yield np.clip(picture + grain, 0, 255).astype(np.uint8)
