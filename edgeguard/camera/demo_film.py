"""The film of a demo's gate camera: two rendered cars that come nearer, one after the other, and an empty lane between them.

Made when a demo begins, from two small rendered pictures that come with the package; nobody's car, nobody's plate.
"""

import itertools
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

RESIDENT: Final = "皖A61R58"
STRANGER: Final = "苏E39078"
_FPS: Final = 8
_SIZE: Final = (480, 360)
_COMES_S: Final = 2.4
_EMPTY_S: Final = 12.0

Bgr = NDArray[np.uint8]


def make_film(path: Path) -> None:
    """Write it: about half a minute, to be played again and again."""
    cars = [_picture(name) for name in ("resident", "stranger")]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=_FPS, options={"preset": "ultrafast", "crf": "26", "threads": "1"})
        assert isinstance(stream, VideoStream)  # noqa: S101 (a video codec makes one)
        stream.width, stream.height = _SIZE
        stream.pix_fmt = "yuv420p"
        for bgr in _frames(cars):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(bgr, format="bgr24")))
        container.mux(stream.encode(None))


def _frames(cars: list[Bgr]) -> Iterator[Bgr]:
    lane, chance = _lane(), np.random.default_rng(2)
    grains = itertools.cycle([chance.integers(0, 4, (_SIZE[1], _SIZE[0], 1), dtype=np.uint8) for _ in range(5)])

    def lit(shown: Bgr) -> Bgr:
        """With the grain that every camera has; the lane is nowhere so bright that it would run over."""
        return np.asarray(np.minimum(shown, 251) + next(grains), np.uint8)

    for car in cars:
        for _ in range(round(_EMPTY_S * _FPS / 2)):
            yield lit(lane)
        for i in range(round(_COMES_S * _FPS)):
            zoom = 0.55 + 0.028 * i
            move = np.array([[zoom, 0, 70.0 - 2.0 * i], [0, zoom, 5.0 * i - 20]])
            shown = lane.copy()
            cv2.warpAffine(car, move, _SIZE, dst=shown, borderMode=cv2.BORDER_TRANSPARENT)
            yield lit(shown)
        for _ in range(round(_EMPTY_S * _FPS / 2)):
            yield lit(lane)


def _lane() -> Bgr:
    """A paved way between two kerbs, with a hedge behind it."""
    chance = np.random.default_rng(1)
    small = chance.integers(70, 130, (_SIZE[1] // 6, _SIZE[0] // 6), dtype=np.uint8)
    shown = np.asarray(cv2.cvtColor(cv2.resize(small, _SIZE, interpolation=cv2.INTER_LINEAR), cv2.COLOR_GRAY2BGR), np.uint8)
    shown[: _SIZE[1] // 6] = shown[: _SIZE[1] // 6] // np.array([2, 1, 2], np.uint8)
    for x in (_SIZE[0] // 12, _SIZE[0] * 11 // 12):
        cv2.line(shown, (x, _SIZE[1] // 6), (_SIZE[0] // 2 + (x - _SIZE[0] // 2) * 5 // 4, _SIZE[1]), (205, 205, 205), 7)
    return shown


def _picture(name: str) -> Bgr:
    data = (resources.files("edgeguard.camera") / "cars" / f"{name}.jpg").read_bytes()
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None  # noqa: S101 (it comes with the package)
    return np.asarray(picture, np.uint8)
