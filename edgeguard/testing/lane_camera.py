"""A gate camera as a live stream: an empty lane, and rendered cars that come when they are told to, over HTTP as cameras serve FLV.

When the middle of a car's plate crosses the line is known to the millisecond, by the film's own arithmetic: what a gateway makes of
it can be measured from there.
"""

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, cast

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from edgeguard.camera.pictures import load_picture

Bgr = NDArray[np.uint8]
_EMPTY: Final = ""
_EMPTY_S: Final = 0.4
_COMES_S: Final = 2.4
_NEWEST: Final = 500
_OPTIONS: Final = (("preset", "ultrafast"), ("tune", "zerolatency"), ("crf", "23"), ("threads", "1"))
_FLUSH: Final = (("flush_packets", "1"), ("flvflags", "no_duration_filesize"))
_HEAD: Final = b"HTTP/1.0 200 OK\r\nContent-Type: video/x-flv\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Car:
    """A picture of a car, and where in it the middle of its plate is, px."""

    picture: Bgr
    plate_x: float
    plate_y: float


@dataclass(frozen=True, slots=True)
class Crossing:
    """A car whose plate has crossed the line at that second of time.monotonic()."""

    name: str
    at_s: float


@dataclass(frozen=True, slots=True)
class _Packet:
    data: bytes
    is_key: bool
    second: float
    """Of the whole stream."""


class LaneCamera:
    """Serves the stream until it is closed. `line_y`: where the line lies, in shares of the height."""

    def __init__(
        self, folder: Path, cars: Mapping[str, Car], size: tuple[int, int] = (960, 540), fps: int = 25, line_y: float = 0.6
    ) -> None:
        self._size, self._fps, self._line_px = size, fps, line_y * size[1]
        self._ways = {name: _Way(car, size) for name, car in cars.items()}
        self._films = {name: folder / f"{name or 'lane'}.mp4" for name in (_EMPTY, *cars)}
        lane = lane_picture(size)
        for name, film in self._films.items():
            self._write(film, [lane] * round(_EMPTY_S * fps) if name == _EMPTY else self._ways[name].pictures(lane, fps))
        self._wanted: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._viewers: list[queue.Queue[_Packet | None]] = []
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self.crossings: list[Crossing] = []
        """What has crossed the line so far, or does so before the next picture."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/gate.flv"
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._play, self._accept)]
        for thread in self._threads:
            thread.start()

    def drive(self, name: str) -> None:
        """A car comes, after those that were told to come before."""
        self._wanted.put(name)

    @property
    def viewers(self) -> int:
        """How many look at it now."""
        return len(self._viewers)

    def close(self) -> None:
        """No more."""
        self._ending.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(5)

    def _write(self, path: Path, pictures: Sequence[Bgr] | Iterator[Bgr]) -> None:
        grain = np.random.default_rng(3).integers(0, 5, (7, *self._size[::-1], 3), dtype=np.uint8)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=self._fps, options=dict(_OPTIONS))
            assert isinstance(stream, VideoStream)  # noqa: S101 (a video codec makes one)
            stream.width, stream.height = self._size
            stream.pix_fmt = "yuv420p"
            for number, picture in enumerate(pictures):
                grainy = np.asarray(cv2.add(picture, grain[number % len(grain)]), np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(grainy, format="bgr24")))
            container.mux(stream.encode(None))

    def _play(self) -> None:
        """Film after film, each picture at its moment, to all who look."""
        films = {name: _packets(film) for name, film in self._films.items()}
        began_s, frames = time.monotonic(), 0
        while not self._ending.is_set():
            try:
                name = self._wanted.get_nowait()
            except queue.Empty:
                name = _EMPTY
            crosses_s = self._ways[name].crosses_s(self._line_px) if name != _EMPTY else -1.0
            for number, (data, is_key) in enumerate(films[name]):
                second = frames / self._fps
                time.sleep(max(0.0, began_s + second - time.monotonic()))
                now_s = time.monotonic()
                began_s = max(began_s, now_s - second - 1 / self._fps)  # a busy machine films later, not faster
                if number == int(crosses_s * self._fps) and name != _EMPTY:
                    self.crossings.append(Crossing(name, now_s + crosses_s - number / self._fps))
                with self._lock:
                    viewers = tuple(self._viewers)
                for viewer in viewers:
                    with contextlib.suppress(queue.Full):
                        viewer.put_nowait(_Packet(data, is_key, second))
                frames += 1
        for viewer in tuple(self._viewers):
            with contextlib.suppress(queue.Full):
                viewer.put_nowait(None)

    def _accept(self) -> None:
        while not self._ending.is_set():
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        """One viewer, from the next key picture on, until it hangs up."""
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        news: queue.Queue[_Packet | None] = queue.Queue(_NEWEST)
        with self._lock:
            self._viewers.append(news)
        try:
            link.recv(4096)
            link.sendall(_HEAD)
            with (
                av.open(str(self._films[_EMPTY])) as like,
                av.open(cast(Any, _Wire(link)), "w", format="flv", options=dict(_FLUSH)) as out,
            ):
                stream = out.add_stream_from_template(like.streams.video[0])
                first_s: float | None = None
                while (packet := news.get()) is not None:
                    if first_s is None and not packet.is_key:
                        continue
                    first_s = packet.second if first_s is None else first_s
                    made = av.Packet(packet.data)
                    made.stream, made.time_base, made.is_keyframe = stream, Fraction(1, 1000), packet.is_key
                    made.pts = made.dts = round((packet.second - first_s) * 1000)
                    out.mux_one(made)
        except (OSError, av.FFmpegError):
            pass  # it has hung up
        finally:
            with self._lock:
                self._viewers.remove(news)
            link.close()


class _Wire:
    """A connection as a muxer writes to it."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link

    def write(self, data: bytes) -> int:
        """All of it. OSError when the other side has hung up."""
        self._link.sendall(data)
        return len(data)


class _Way:
    """How a car comes nearer, down the picture: larger by the same amount each second."""

    def __init__(self, car: Car, size: tuple[int, int]) -> None:
        self._car, self._size = car, size
        high, wide = car.picture.shape[:2]
        self._zoom = 0.34 * size[0] / wide
        self._grows = 0.24 * size[0] / wide
        self._from_y = 0.12 * size[1] - self._zoom * high / 2
        self._speed = 0.16 * size[1]

    def _at(self, t_s: float) -> tuple[float, float, float]:
        """Zoom, and where the picture's corner lies."""
        zoom = self._zoom + self._grows * t_s
        return zoom, self._size[0] * 0.5 - zoom * self._car.plate_x, self._from_y + self._speed * t_s

    def crosses_s(self, line_px: float) -> float:
        """When the middle of its plate lies on the line."""
        at_start = self._zoom * self._car.plate_y + self._from_y
        return float((line_px - at_start) / (self._grows * self._car.plate_y + self._speed))

    def pictures(self, lane: Bgr, fps: int) -> Iterator[Bgr]:
        """The lane with the car in it, picture by picture."""
        for number in range(round(_COMES_S * fps)):
            zoom, x, y = self._at(number / fps)
            shown = lane.copy()
            move = np.array([[zoom, 0, x], [0, zoom, y]])
            cv2.warpAffine(self._car.picture, move, self._size, dst=shown, borderMode=cv2.BORDER_TRANSPARENT)
            yield shown


def rendered_cars(folder: Path) -> dict[str, Car]:
    """The pictures of tests/pictures by what their plates say. Where the plates are, the recipe that rendered them knows
    (models/recipe/samples.py): 150 px wide from 165, 160 on, their height by their kind."""
    cars = {}
    for path in sorted(folder.glob("*.jpg")):
        high = 75.0 if path.stem.endswith("挂") else 150 * 140 / 480 if len(path.stem) == 8 else 150 * 140 / 440
        cars[path.stem] = Car(load_picture(path), 165 + 74.5, 160 + (high + 4) / 2)
    return cars


def lane_picture(size: tuple[int, int]) -> Bgr:
    """A paved way with a darker edge above."""
    chance = np.random.default_rng(1)
    small = chance.integers(80, 130, (size[1] // 8, size[0] // 8), dtype=np.uint8)
    shown = np.asarray(cv2.cvtColor(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), cv2.COLOR_GRAY2BGR), np.uint8)
    shown[: size[1] // 8] = shown[: size[1] // 8] // 2
    return shown


def _packets(film: Path) -> list[tuple[bytes, bool]]:
    with av.open(str(film)) as container:
        return [(bytes(packet), packet.is_keyframe) for packet in container.demux(video=0) if packet.size]
