"""Pictures of a video, one after the other, with their time; and the encoded packets they came from, for evidence.

One decode serves everything: the luma plane is a view of the decoder's own buffer, colour is converted only when asked for, and
packets are kept as they came. Broken packets, odd stamps and a changed size are counted and lived with; what cannot be opened or
never gives a picture is a VideoError.
"""

import errno
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, BinaryIO, Final, cast

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from edgeguard.camera.ring import EncodedPacket, PacketRing
from edgeguard.camera.timeline import Timeline
from edgeguard.core.camera_limits import (
    CAMERA_BROKEN_RUN,
    CAMERA_OPEN_S,
    CAMERA_READ_S,
    VIDEO_BROKEN_RUN,
    VIDEO_MAX_PIXELS,
    VIDEO_MIN_SIDE,
)
from edgeguard.core.errors import Permanent

Luma = NDArray[np.uint8]
"""Brightness of a picture: rows by columns, 0-255."""

_LUMA_FIRST: Final = ("yuv4", "yuvj4", "yuva4", "gray", "nv12", "nv21", "nv16", "nv24")
"""Pixel formats whose first plane is brightness, of one byte a pixel or (ending in `le`) of two."""
_HIGH_BITS: Final = ("p010le", "p012le", "p016le", "p210le", "p216le", "p410le", "p416le")
"""Pixel formats of two bytes a pixel whose bits are the upper ones."""

V4L2: Final = "v4l2"
"""The format of a camera of this machine."""
_DEVICE_WORDS: Final[Mapping[int, str]] = MappingProxyType(
    {
        errno.ENOENT: "is not plugged in",
        errno.ENODEV: "is not plugged in any more",
        errno.EACCES: "may not be opened by this user; it needs the group video (systemd/drop-ins/cameras.conf)",
        errno.EPERM: "may not be opened by this service; it needs DeviceAllow (systemd/drop-ins/cameras.conf)",
        errno.EBUSY: "is used by another program",
        errno.ENOTTY: "is no camera",
        errno.EINVAL: "does not give pictures of the size, rate or format that is asked for",
    }
)


_NO_PICTURES: Final = "gives no pictures; many cameras have several devices: take the first (…-video-index0)"


class VideoError(Permanent):
    """A video that cannot be opened or decoded."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a player does with a picture of a camera that lay on its side, hung upside down, or filmed as in a mirror."""

    swaps: bool = False
    """Rows become columns, before the rest."""
    flips_x: bool = False
    flips_y: bool = False

    def upright(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """As a player shows it; the same where nothing is to be done."""
        if self == _AS_IT_IS:
            return picture
        picture = picture.swapaxes(0, 1) if self.swaps else picture
        return np.ascontiguousarray(picture[:: -1 if self.flips_y else 1, :: -1 if self.flips_x else 1])


_AS_IT_IS: Final = Turn()


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded picture. `luma` may be read as long as the picture is held and must not be written to."""

    index: int
    t_s: float
    luma: Luma
    damaged: bool
    """The decoder had to guess parts of it."""
    _frame: VideoFrame
    _turn: Turn = _AS_IT_IS

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, px."""
        return self.luma.shape[1], self.luma.shape[0]

    def bgr(self) -> NDArray[np.uint8]:
        """The picture in colour, rows by columns by (blue, green, red); converted now, at the cost of a few milliseconds."""
        return self._turn.upright(pixels(self._frame, "bgr24"))


@dataclass(slots=True)
class VideoCounts:
    """What a stream has given so far."""

    pictures: int = 0
    broken: int = 0
    """Packets that could not be decoded."""
    resized: int = 0
    """Changes of the picture's size."""
    truncated: bool = False
    """The container ended in the middle of something."""
    ended: str = ""
    """In words, what it ended with, if that was an error."""


@dataclass(slots=True)
class VideoSource:
    """An open video; iterate to get its Pictures. A context manager; closing twice is harmless."""

    name: str
    codec: str
    width: int
    height: int
    timeline: Timeline
    counts: VideoCounts
    ring: PacketRing
    """The newest encoded packets."""
    _container: InputContainer
    _stream: VideoStream
    _broken_limit: int = VIDEO_BROKEN_RUN
    _size: tuple[int, int] = field(default=(0, 0))
    _broken_run: int = 0
    _rotation: int | None = None
    _turn: Turn = _AS_IT_IS

    def __enter__(self) -> "VideoSource":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file or connection; pictures and packets already given stay valid."""
        self._container.close()

    @property
    def template(self) -> VideoStream:
        """The stream's parameters as a muxer wants them."""
        return self._stream

    def __iter__(self) -> Iterator[Picture]:
        """Every picture until the end. VideoError when nothing can be decoded, MemoryError when there is no room for it."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except MemoryError:
                raise
            except av.FFmpegError as error:
                is_device = V4L2 in self._container.format.name
                self.counts.ended = _device_words(error, self._container.name) if is_device else _why(error)
                self.counts.truncated = True
                packet = None
            if packet is None:
                break
            if packet.size:
                self.ring.add(_kept(packet, self.timeline))
            yield from self._decoded(packet)
            if self._broken_run > self._broken_limit:
                self._ask_for_room()
                raise VideoError(f"{self.name}: no picture in {self._broken_run} packets, gave up")
        if self.counts.truncated:
            yield from self._decoded(None)
        if not self.counts.pictures:
            self._ask_for_room()
            raise VideoError(f"{self.name}: {self.counts.ended or 'holds no picture that can be decoded'}")

    def _ask_for_room(self) -> None:
        """MemoryError where two pictures more have no room: decoders without memory speak of invalid data, and blame the stream."""
        np.empty(3 * self.width * self.height, np.uint8)

    def _decoded(self, packet: "Packet[VideoStream] | None") -> Iterator[Picture]:
        try:
            frames = self._stream.decode(packet)
        except MemoryError:
            raise  # one of av's errors, too; but the packet is whole
        except av.FFmpegError:
            self.counts.broken += 1
            self._broken_run += 1
            return
        self._broken_run = 0 if frames else self._broken_run + 1
        for frame in frames:
            if frame.is_corrupt:
                self.counts.broken += 1
            yield self._picture(frame)

    def _picture(self, frame: VideoFrame) -> Picture:
        _refuse_size(self.name, frame.width, frame.height)
        if frame.rotation != self._rotation:
            self._rotation, self._turn = frame.rotation, turn_of(frame)
        luma = self._turn.upright(luma_of(frame))
        size = luma.shape[1], luma.shape[0]
        if self._size not in ((0, 0), size):
            self.counts.resized += 1
        self._size = size
        picture = Picture(self.counts.pictures, self.timeline.stamp(frame.pts), luma, frame.is_corrupt, frame, self._turn)
        self.counts.pictures += 1
        return picture


def open_video(path: Path | str, *, fps: float | None = None, threads: int = 1, ring: PacketRing | None = None) -> VideoSource:
    """Open a file, whatever its name looks like. `fps` overrides the stamps of the container.

    `threads` > 1 decodes faster and shows pictures later.

    VideoError names the file and what is wrong with it.
    """
    if isinstance(path, Path) and path.is_dir():
        raise VideoError(f"{path}: is a directory")
    if isinstance(path, Path) and path.is_file() and path.stat().st_size == 0:
        raise VideoError(f"{path}: is empty")
    # Without the scheme a name with a colon would be taken for a URL, and what it holds might lead to other places.
    return _open(f"file:{path}", str(path), fps, threads, ring or PacketRing(), options={"protocol_whitelist": "file"})


def codec_of(stream: VideoStream) -> str:
    """The codec's own name, whichever library decodes it here."""
    return stream.codec_context.codec.canonical_name


def open_stored(file: BinaryIO, name: str, form: str | None) -> VideoSource:
    """Open what `file` holds, of this container; it must be seekable, and stays the caller's to close. VideoError as open_video."""
    return _open(file, name, None, 1, PacketRing(), form, {"protocol_whitelist": "file"})


@dataclass(frozen=True, slots=True)
class StreamAccess:
    """How a live stream is reached. `shown` names it to people and holds no password."""

    url: str
    shown: str
    format: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)


def open_stream(access: StreamAccess) -> VideoSource:
    """Open a live stream: it must open, and go on, within bounded times. VideoError says why not, without the password."""
    ring = PacketRing()
    wait = (CAMERA_OPEN_S, CAMERA_READ_S)
    return _open(access.url, access.shown, None, 1, ring, access.format, access.options, wait, CAMERA_BROKEN_RUN)


def _open(
    url: str | BinaryIO,
    shown: str,
    fps: float | None,
    threads: int,
    ring: PacketRing,
    form: str | None = None,
    options: Mapping[str, str] | None = None,
    wait_s: tuple[float, float] | None = None,
    broken_limit: int = VIDEO_BROKEN_RUN,
) -> VideoSource:
    try:
        # For the container alone: `video_size` would make the decoder of a USB camera believe the size that was asked for.
        mine = dict(options or {})
        container = av.open(url, mode="r", format=form, container_options=mine, metadata_errors="replace", timeout=wait_s)
    except MemoryError:
        raise
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"{shown}: {_device_words(error, str(url), is_opening=True) if form == V4L2 else _why(error)}") from error
    try:
        source = _opened(shown, container, fps, threads, ring)
    except BaseException:
        container.close()
        raise
    source._broken_limit = broken_limit  # noqa: SLF001 (made here)
    return source


def _opened(name: str, container: InputContainer, fps: float | None, threads: int, ring: PacketRing) -> VideoSource:
    pictures = [s for s in container.streams.video if not s.disposition & s.disposition.attached_pic]
    if not pictures:
        raise VideoError(f"{name}: holds no video stream")
    stream = pictures[0]
    context = stream.codec_context
    if context is None:
        raise VideoError(f"{name}: its video codec is not known here")
    _refuse_size(name, context.width, context.height)
    stream.thread_type = "AUTO" if threads > 1 else "NONE"
    context.thread_count = threads
    rate = Fraction(fps).limit_denominator(1001) if fps else stream.average_rate or stream.guessed_rate
    timeline = Timeline(Fraction(0) if fps else stream.time_base or Fraction(0), rate)
    return VideoSource(name, codec_of(stream), context.width, context.height, timeline, VideoCounts(), ring, container, stream)


def luma_of(frame: VideoFrame) -> Luma:
    """Brightness of a decoded frame, as it lies: a view where the decoder's first plane already is that, else converted."""
    name, bits = frame.format.name, frame.format.components[0].bits
    if name.startswith(_LUMA_FIRST) and bits == 8:
        luma = _first_plane(frame, np.uint8)
    elif name in _HIGH_BITS or (name.startswith(_LUMA_FIRST) and name.endswith("le") and 8 < bits <= 16):
        share = 1 / (1 << (8 if name in _HIGH_BITS else bits - 8))
        luma = cast(Luma, cv2.convertScaleAbs(_first_plane(frame, np.uint16), alpha=share))
    else:
        luma = pixels(frame, "gray")
    return luma


def pixels(frame: VideoFrame, form: str) -> NDArray[np.uint8]:
    """A decoded frame converted to this pixel format. MemoryError where there is no room for that."""
    try:
        return cast(NDArray[np.uint8], frame.to_ndarray(format=form))
    except av.BlockingIOError as error:  # swscale waits for nothing: it gives EAGAIN when it gets no memory
        raise MemoryError(f"no room to convert {frame.width}x{frame.height} to {form}") from error


def _first_plane(frame: VideoFrame, kind: type[np.uint8] | type[np.uint16]) -> NDArray[Any]:
    plane = frame.planes[0]
    rows = np.frombuffer(cast(Any, plane), kind).reshape(-1, plane.line_size // kind().itemsize)
    return rows[: frame.height, : frame.width]


def turn_of(frame: VideoFrame) -> Turn:
    """How the container says its pictures are shown. To be asked once a stream: a frame that has been asked lies in a ring of
    references with the answer, and keeps its memory until the collector comes by."""
    try:
        matrix = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # beside something that this build of av has no name for
        return Turn()
    if matrix is None:
        return Turn()
    a, b, _, c, d = struct.unpack_from("=5i", bytes(cast(Any, matrix)))
    return Turn(True, c < 0, b < 0) if abs(b) + abs(c) > abs(a) + abs(d) else Turn(False, a < 0, d < 0)


def _kept(packet: "Packet[VideoStream]", timeline: Timeline) -> EncodedPacket:
    return EncodedPacket(
        data=bytes(packet),
        pts=packet.pts,
        dts=packet.dts,
        duration_ticks=packet.duration or 0,
        is_key=packet.is_keyframe,
        t_s=timeline.locate(packet.pts if packet.pts is not None else packet.dts),
    )


def _refuse_size(name: str, width: int, height: int) -> None:
    if width * height > VIDEO_MAX_PIXELS:
        raise VideoError(f"{name}: {width}x{height} is more than this program takes")
    if (width or height) and min(width, height) < VIDEO_MIN_SIDE:
        raise VideoError(f"{name}: {width}x{height} is too small to see anything in")


def _device_words(error: Exception, device: str, *, is_opening: bool = False) -> str:
    """What a person can do about a camera of this machine that does not open, or gives nothing any more."""
    code = getattr(error, "errno", None) or 0
    # FFmpeg says the same of one that is gone and of one that never gives pictures.
    words = _NO_PICTURES if is_opening and code == errno.ENODEV and os.path.lexists(device) else _DEVICE_WORDS.get(code)
    return f"{device} {words}" if words else f"{device}: {_why(error)}"


def _why(error: Exception) -> str:
    """In words; never the error's own text where it would repeat a URL with its password."""
    if isinstance(error, av.ExitError):
        return "gives no answer in time"
    if isinstance(error, av.InvalidDataError):
        return "is no video, or is cut short or damaged"
    said = getattr(error, "strerror", None) or (type(error).__name__ if isinstance(error, av.FFmpegError) else str(error))
    return str(said)[:200] or "cannot be opened"
