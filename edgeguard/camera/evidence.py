"""What is kept of a fall: the camera's own packets as a clip, one picture of the whole way, and a record with the hashes of both.

The clip is remuxed, never encoded anew: its video is bit for bit what the camera sent, from a key frame at least eight seconds
before to five seconds after. Everything is written under another name first and renamed when it is whole on the disk.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from edgeguard.camera.ring import EncodedPacket
from edgeguard.camera.video import Luma, VideoError, open_video
from edgeguard.vision.falls import Fall

_IN_BROWSERS: Final = frozenset({"h264", "hevc", "av1", "vp9"})
_IN_MP4: Final = _IN_BROWSERS | {"mpeg4"}
_HEVC_TAG: Final = "hvc1"
"""Players of one maker open H.265 under this name only."""
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


def write_clip(path: Path, template: VideoStream, packets: Sequence[EncodedPacket]) -> None:
    """The packets as a file, its container by the suffix, stamps from zero on. VideoError when they do not fit into it."""
    if not packets:
        raise VideoError(f"{path}: there are no packets from a key frame on to keep")
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    base = template.time_base
    ticks = max(1, round((packets[-1].t_s - packets[0].t_s) / max(1, len(packets) - 1) / float(base or 1))) if base else 1
    try:
        with av.open(str(partial), "w", options={"movflags": "faststart"} if path.suffix == ".mp4" else {}) as output:
            stream = output.add_stream_from_template(template, opaque=True)
            if template.codec_context.name == "hevc" and path.suffix == ".mp4":
                stream.codec_context.codec_tag = _HEVC_TAG
            first = min((p.dts if p.dts is not None else p.pts or 0) for p in packets)
            for number, kept in enumerate(packets):
                packet = Packet(kept.data)
                packet.stream = stream
                packet.time_base = base  # type: ignore[assignment]
                stamped = kept.dts is not None or kept.pts is not None
                packet.dts = (kept.dts if kept.dts is not None else kept.pts or 0) - first if stamped else number * ticks
                packet.pts = kept.pts - first if kept.pts is not None else packet.dts
                packet.duration = kept.duration_ticks
                packet.is_keyframe = kept.is_key
                output.mux_one(packet)
        _settle(partial, path)
    except (av.FFmpegError, OSError, ValueError) as error:
        partial.unlink(missing_ok=True)
        raise VideoError(f"{path}: the clip could not be written: {error}") from error


def clip_suffix(codec: str) -> str:
    """The container that takes the codec's packets as they are."""
    return ".mp4" if codec in _IN_MP4 else ".mkv"


def streak_picture(clip: Path, starts_s: float, fall: Fall) -> NDArray[np.uint8]:
    """All of the fall in one picture: what passed, over what stood still, with the fitted path and its ends marked.

    The clip is decoded once more for it, which costs less than keeping seconds of pictures in memory all day; `starts_s` is the
    second of its first picture.
    """
    path = fall.path
    still: Luma | None = None
    with open_video(clip) as video:
        for picture in video:
            t_s = picture.t_s + starts_s
            if still is None or t_s < path.start_s - _STILL_S or still.shape != picture.luma.shape:
                still, brightest, darkest = picture.luma, np.array(picture.luma), np.array(picture.luma)
            elif t_s <= path.end_s + 0.1:
                cv2.max(brightest, picture.luma, brightest)
                cv2.min(darkest, picture.luma, darkest)
    if still is None:
        raise VideoError(f"{clip}: shows nothing")
    up, down = cv2.subtract(brightest, still), cv2.subtract(still, darkest)
    grey = np.where(up >= down, brightest, darkest).astype(np.uint8)
    canvas = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    way = [path.at(t) for t in np.linspace(path.start_s, path.end_s, 60)]
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
) -> Kept:
    """Write clip, picture and record of a fall into `folder`. VideoError names the file that could not be written."""
    codec = template.codec_context.name
    clip, picture, record = folder / f"{stem}{clip_suffix(codec)}", folder / f"{stem}.png", folder / f"{stem}.json"
    write_clip(clip, template, packets)
    done, encoded = cv2.imencode(".png", streak_picture(clip, packets[0].t_s, fall))
    if not done:
        raise VideoError(f"{picture}: the picture could not be encoded")
    write_whole(picture, encoded.tobytes())
    kept = Kept(clip, picture, record, _sha256(clip), _sha256(picture), codec in _IN_BROWSERS)
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
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        partial.write_bytes(content)
        _settle(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise VideoError(f"{path}: could not be written: {error.strerror}") from error


def _settle(partial: Path, path: Path) -> None:
    """On the disk before it bears its name."""
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
