"""A copy of evidence for people outside: out of its seal, and as it is, unless privacy masks have to be burnt in.

The kept clip is never touched: it stays the camera's own packets. Only the copy is encoded anew, and only where there are masks.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from edgeguard.camera.evidence import opened_clip
from edgeguard.camera.masking import hidden_area
from edgeguard.camera.pictures import decode_picture
from edgeguard.camera.sealing import Seal, opened_file
from edgeguard.camera.video import Picture, VideoError
from edgeguard.core.camera import SEALED
from edgeguard.core.facade import FacadeSpec

_QUALITY: Final = "20"
"""x264's constant rate factor: no difference that a person would see."""
_TICKS: Final = 90_000


def export_piece(
    clip: Path, picture: Path, record: Path, facade: FacadeSpec | None, folder: Path, seal: Seal | None = None
) -> tuple[Path, ...]:
    """The files of one piece, copied into `folder`; sealed ones are opened, which takes the seal. VideoError or PictureError
    names the file that could not be read or written, SealError the one that does not open.

    With masks the record is left out: its hashes are those of the originals.
    """
    masks = facade.masks if facade is not None else ()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if facade is None or not masks:
            return tuple(_copied(file, folder, seal) for file in (clip, picture, record))
        return (_masked_clip(clip, folder, facade, seal), _masked_picture(picture, folder, facade, seal))
    except OSError as error:
        raise VideoError(f"{folder}: the copy could not be written: {error.strerror}") from error
    except av.FFmpegError as error:
        raise VideoError(f"{clip}: the copy could not be made: {type(error).__name__}") from error


def export_pictures(pictures: Sequence[Path], record: Path, folder: Path, seal: Seal | None = None) -> tuple[Path, ...]:
    """Pictures that were kept with their masks already burnt in, as they are; sealed ones are opened, which takes the seal.

    Where they are of a pass, the record's hashes are those of the sealed files. VideoError if a copy cannot be written, SealError
    where one does not open.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return tuple(_copied(file, folder, seal) for file in (*pictures, record))
    except OSError as error:
        raise VideoError(f"{folder}: the copy could not be written: {error.strerror}") from error


def _copied(file: Path, folder: Path, seal: Seal | None) -> Path:
    """What the file holds, out of its seal; nothing where that does not open to the end."""
    target = folder / file.name.removesuffix(SEALED)
    with opened_file(file, seal) as source, _made_whole(target) as partial, partial.open("wb") as out:
        shutil.copyfileobj(source, out)
    return target


def _masked_clip(clip: Path, folder: Path, facade: FacadeSpec, seal: Seal | None) -> Path:
    target = folder / f"{Path(clip.name.removesuffix(SEALED)).stem}.masked.mp4"
    with (
        _made_whole(target) as partial,
        opened_clip(clip, seal) as source,
        av.open(str(partial), "w", options={"movflags": "faststart"}) as out,
    ):
        rate = Fraction(1 / source.timeline.period_s).limit_denominator(1001)
        stream = out.add_stream("libx264", rate=rate, options={"crf": _QUALITY})
        assert isinstance(stream, VideoStream)  # noqa: S101 (a video codec makes one)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, _TICKS)
        for frame in _masked_frames(source, facade):
            if not stream.codec_context.is_open:
                stream.width, stream.height = frame.width, frame.height
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return target


def _masked_frames(pictures: Iterable[Picture], facade: FacadeSpec) -> Iterable[VideoFrame]:
    hidden: NDArray[np.bool_] | None = None
    size = (0, 0)
    for picture in pictures:
        if picture.size != size:
            size, hidden = picture.size, hidden_area(facade, picture.size)
        shown = picture.bgr()
        shown[hidden] = 0
        even = np.ascontiguousarray(shown[: size[1] // 2 * 2, : size[0] // 2 * 2])
        frame = VideoFrame.from_ndarray(even, format="bgr24")
        frame.pts, frame.time_base = round(picture.t_s * _TICKS), Fraction(1, _TICKS)
        yield frame


def _masked_picture(picture: Path, folder: Path, facade: FacadeSpec, seal: Seal | None) -> Path:
    with opened_file(picture, seal) as opened:
        shown = decode_picture(opened.read(), str(picture))
    shown[hidden_area(facade, (shown.shape[1], shown.shape[0]))] = 0
    done, encoded = cv2.imencode(".png", shown)
    if not done:
        raise VideoError(f"{picture}: could not be encoded anew")
    target = folder / f"{Path(picture.name.removesuffix(SEALED)).stem}.masked.png"
    with _made_whole(target) as partial:
        partial.write_bytes(encoded.tobytes())
    return target


@contextmanager
def _made_whole(target: Path) -> Iterator[Path]:
    """An empty file for its owner alone, whatever stood there: a copy shows people, and may go to a folder that others see. On the
    disk before it bears its name; nothing is left of one that could not be made.
    """
    partial = target.with_name(f".{target.stem}.partial{target.suffix}")
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
