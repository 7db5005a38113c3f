"""What is kept of a fall: the camera's own packets as a clip, one picture of the whole way, and a record with the hashes of both.

The clip is remuxed, never encoded anew: its video is bit for bit what the camera sent, from a key frame at least eight seconds
before to five seconds after. Everything is written under another name first and renamed when it is whole on the disk. With a key
of the site it is sealed as it is written: nothing of it is ever on the disk in the clear. Hashes are those of what is in the seal.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from edgeguard.camera.ring import EncodedPacket
from edgeguard.camera.sealing import Seal, SealedWriter, opened_file, sha256_within
from edgeguard.camera.video import Luma, VideoError, VideoSource, codec_of, open_stored, open_video
from edgeguard.core.camera import SEALED
from edgeguard.core.camera_limits import VIDEO_GAP_MAX_S
from edgeguard.vision.falls import Fall

_IN_BROWSERS: Final = frozenset({"h264", "hevc", "av1", "vp9"})
_SAMPLED: Final = frozenset({"yuv420p", "yuvj420p"})
"""What every player takes; of 4:2:2, 4:4:4 and ten bits in H.264 most take none."""
_TEN_BITS: Final = "yuv420p10le"
_IN_MP4: Final = _IN_BROWSERS | {"mpeg4"}
_HEVC_TAG: Final = "hvc1"
"""Players of one maker open H.265 under this name only."""
_FORMATS: Final = MappingProxyType({".mp4": "mp4", ".mkv": "matroska"})
_INDEX_BYTES: Final = 8192
_INDEX_BYTES_A_PACKET: Final = 48
"""Room at the beginning of an mp4 for its index. A packet whose facts are all unlike its neighbours' takes 44 bytes of it."""
_STILL_S: Final = 0.2
"""So long before the fall's first mark the picture is taken that shows what stood still."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The files of one fall, and what a person must know of them."""

    clip: Path
    picture: Path
    record: Path
    clip_sha256: str
    picture_sha256: str
    plays_in_browsers: bool


def write_clip(path: Path, template: VideoStream, packets: Sequence[EncodedPacket], seal: Seal | None = None) -> None:
    """The packets as a file, its container by the suffix, stamps from zero on; in the seal, if any (`path` then ends in SEALED).

    The same packets make the same mp4 in the seal as without one (an mkv bears a random number). VideoError when they
    do not fit into the container.
    """
    if not packets:
        raise VideoError(f"{path}: there are no packets from a key frame on to keep")
    partial = _partial(path)
    form = _FORMATS.get(Path(path.name.removesuffix(SEALED)).suffix)
    # The index goes to where players look first, though it is written last: room is left for it, so that nothing has to be moved.
    room = _INDEX_BYTES + 4 * len(template.codec_context.extradata or b"") + _INDEX_BYTES_A_PACKET * len(packets)
    options = {"moov_size": str(room)} if form == "mp4" else {}
    try:
        if seal is None:
            with av.open(str(partial), "w", format=form, options=options) as output:
                _mux(output, template, packets)
        else:
            with (
                partial.open("wb") as file,
                SealedWriter(seal, path.name, file, room + _INDEX_BYTES) as writer,
                av.open(writer, "w", format=form, options=options) as output,
            ):
                _mux(output, template, packets)
        _settle(partial, path)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"{path}: the clip could not be written: {getattr(error, 'strerror', None) or error}") from error
    finally:
        partial.unlink(missing_ok=True)  # of Ctrl-C, too, nothing is left


def _mux(output: OutputContainer, template: VideoStream, packets: Sequence[EncodedPacket]) -> None:
    base = template.time_base
    ticks = max(1, round((packets[-1].t_s - packets[0].t_s) / max(1, len(packets) - 1) / float(base or 1))) if base else 1
    stream = output.add_stream_from_template(template, opaque=True)
    if codec_of(template) == "hevc" and output.format.name == "mp4":
        stream.codec_context.codec_tag = _HEVC_TAG
    pause = round(VIDEO_GAP_MAX_S / float(base or 1))
    for kept, (dts, pts) in zip(packets, _stamps(packets, ticks, pause), strict=True):
        packet = Packet(kept.data)
        packet.stream = stream
        packet.time_base = base  # type: ignore[assignment]
        packet.dts, packet.pts = dts, pts
        packet.duration = kept.duration_ticks
        packet.is_keyframe = kept.is_key
        output.mux_one(packet)


def _stamps(packets: Sequence[EncodedPacket], ticks: int, pause: int) -> Iterator[tuple[int, int]]:
    """dts and pts of each packet, from zero on, as a container takes them. Cameras repeat stamps and set their clock back: a dts
    that does not grow is one tick after the one before it; where it goes back by more than two pictures, or on by more than a
    `pause`, what follows is put `ticks` after it. Without stamps pictures are counted."""
    last: int | None = None
    shift = 0
    for kept in packets:
        stamp = kept.dts if kept.dts is not None else kept.pts
        if stamp is None:
            dts = 0 if last is None else last + ticks
        elif last is None:
            dts, shift = 0, -stamp
        else:
            dts = stamp + shift
            if not -2 * ticks <= dts - last <= pause:
                shift += last + ticks - dts
            dts = max(stamp + shift, last + 1)
        yield dts, dts if kept.pts is None else max(dts, kept.pts + shift)
        last = dts


@contextmanager
def opened_clip(clip: Path, seal: Seal | None) -> Iterator[VideoSource]:
    """A kept clip, sealed or not. SealError where the seal does not open it (None opens none), VideoError where it is no clip."""
    form = _FORMATS.get(Path(clip.name.removesuffix(SEALED)).suffix)
    with (
        opened_file(clip, seal) as file,
        open_video(clip) if clip.suffix != SEALED else open_stored(file, str(clip), form) as video,
    ):
        yield video


def clip_suffix(codec: str) -> str:
    """The container that takes the codec's packets as they are."""
    return ".mp4" if codec in _IN_MP4 else ".mkv"


def _plays(template: VideoStream) -> bool:
    codec, pixels = codec_of(template), template.codec_context.pix_fmt
    return codec in _IN_BROWSERS and (pixels in _SAMPLED or (pixels == _TEN_BITS and codec != "h264"))


def passed(video: VideoSource, starts_s: float, fall: Fall) -> Luma:
    """What passed during the fall, over what stood still; `starts_s` is the second of the clip's first picture.

    The clip is decoded once more for it, which costs less than keeping seconds of pictures in memory all day.
    """
    path = fall.path
    still: Luma | None = None
    for picture in video:
        t_s = picture.t_s + starts_s
        if still is None or t_s < path.start_s - _STILL_S or still.shape != picture.luma.shape:
            still = np.array(picture.luma)
            brightest, darkest = still, still
        elif t_s <= path.end_s + 0.1:
            if brightest is still:
                brightest, darkest = np.array(still), np.array(still)
            cv2.max(brightest, picture.luma, brightest)
            cv2.min(darkest, picture.luma, darkest)
    if still is None:
        raise VideoError(f"{video.name}: shows nothing")
    mask = cv2.compare(cv2.subtract(brightest, still), cv2.subtract(still, darkest), cv2.CMP_GE)
    return np.asarray(cv2.copyTo(brightest, mask, darkest), np.uint8)


_STRAYS: Final = (2.0, 0.3)
"""So far from its marks, px and in thicknesses (root of the mean square), a fitted path does not show where the thing was."""


def streak_picture(grey: Luma, fall: Fall) -> NDArray[np.uint8]:
    """All of the fall in one picture: what passed, with the fitted path and its ends marked; where that strays, as of what comes
    nearer, with the way from mark to mark."""
    path = fall.path
    canvas = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    way = [path.at(t) for t in np.linspace(path.start_s, path.end_s, 60)]
    if path.rms_px > _STRAYS[0] + _STRAYS[1] * path.thickness:
        way = [(mark.x, mark.y) for mark in path.marks]
    offset = 3 + path.thickness
    for side in (-offset, offset):
        line = np.array([[round((x + side) * 8), round(y * 8)] for x, y in way], np.int32)
        cv2.polylines(canvas, [line.reshape(-1, 1, 2)], False, (0, 210, 255), 1, cv2.LINE_AA, 3)
    for (x, y), colour in ((way[0], (80, 220, 80)), (way[-1], (60, 60, 255))):
        cv2.circle(canvas, (round(x), round(y)), round(6 + path.thickness), colour, 2, cv2.LINE_AA)
    return np.asarray(canvas, dtype=np.uint8)


def keep(
    folder: Path,
    stem: str,
    template: VideoStream,
    packets: Sequence[EncodedPacket],
    fall: Fall,
    facts: dict[str, Any],
    seal: Seal | None = None,
) -> Kept:
    """Write clip, picture and record of a fall into `folder`; clip and picture sealed where there is a seal. VideoError names the
    file that could not be written; nothing is left of the others then, which on a full disk would only take room.
    """
    ending = "" if seal is None else SEALED
    clip = folder / f"{stem}{clip_suffix(codec_of(template))}{ending}"
    picture = folder / f"{stem}.png{ending}"
    try:
        return _written(clip, picture, folder / f"{stem}.json", template, packets, fall, facts, seal)
    except BaseException:
        for file in (clip, picture):
            with contextlib.suppress(OSError):
                file.unlink()
        raise


def _written(
    clip: Path,
    picture: Path,
    record: Path,
    template: VideoStream,
    packets: Sequence[EncodedPacket],
    fall: Fall,
    facts: dict[str, Any],
    seal: Seal | None,
) -> Kept:
    codec = codec_of(template)
    write_clip(clip, template, packets, seal)
    with opened_clip(clip, seal) as video:
        grey = passed(video, packets[0].t_s, fall)
    # The decoder's pictures are gone before others are made: with 3840 x 2160 px that is a tenth of all memory.
    done, encoded = cv2.imencode(".png", streak_picture(grey, fall))
    if not done:
        raise VideoError(f"{picture}: the picture could not be encoded")
    shown = encoded.tobytes()
    write_whole(picture, shown if seal is None else seal.closed(picture.name, shown))
    kept = Kept(clip, picture, record, sha256_within(clip, seal), hashlib.sha256(shown).hexdigest(), _plays(template))
    text = {
        **facts,
        "clip": {"file": clip.name, "sha256": kept.clip_sha256, "codec": codec, "plays_in_browsers": kept.plays_in_browsers},
        "picture": {"file": picture.name, "sha256": kept.picture_sha256},
        "clip_starts_s": round(packets[0].t_s, 3),
        "clip_ends_s": round(packets[-1].t_s, 3),
    }
    write_whole(record, (json.dumps(text, ensure_ascii=False, indent=2) + "\n").encode())
    return kept


def write_whole(path: Path, content: bytes) -> None:
    """A file that is whole on the disk or not there. VideoError names it when it could not be written."""
    partial = _partial(path)
    try:
        partial.write_bytes(content)
        _settle(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise VideoError(f"{path}: could not be written: {error.strerror}") from error


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.stem}.partial{path.suffix}")


def _settle(partial: Path, path: Path) -> None:
    """On the disk before it bears its name."""
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)
