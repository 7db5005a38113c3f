"""Small videos made on the spot: pictures in, a file out."""

from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

FAST = {"preset": "ultrafast", "tune": "zerolatency", "x265-params": "log-level=none"}


def write(path: Path, pictures: Iterable[Grey], *, fps: int = 25, codec: str = "libx264", crf: int = 20, gop: int = 25) -> Path:
    """Encode grey pictures of one size; the container follows from the path's suffix."""
    options = {**FAST, "crf": str(crf)} if codec.startswith("libx26") else {}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        assert isinstance(stream, VideoStream)
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
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
