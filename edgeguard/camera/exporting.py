"""A copy of evidence for people outside: as it is where nothing has to be hidden, else with the privacy masks burnt in.

The kept clip is never touched: it stays the camera's own packets. Only the copy is encoded anew, and only where there are masks.
"""

import os
import shutil
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from edgeguard.camera.masking import hidden_area
from edgeguard.camera.sealing import SEALED, Seal, SealError
from edgeguard.camera.video import Picture, VideoError, open_video
from edgeguard.core.facade import FacadeSpec

_QUALITY: Final = "20"
"""x264's constant rate factor: no difference that a person would see."""
_TICKS: Final = 90_000


def export_piece(clip: Path, picture: Path, record: Path, facade: FacadeSpec | None, folder: Path) -> tuple[Path, ...]:
    """The files of one piece, copied into `folder`. VideoError names the file that could not be read or written.

    With masks the record is left out: its hashes are those of the originals.
    """
    masks = facade.masks if facade is not None else ()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if facade is None or not masks:
            return tuple(_copied(file, folder) for file in (clip, picture, record))
        return (_masked_clip(clip, folder, facade), _masked_picture(picture, folder, facade))
    except OSError as error:
        raise VideoError(f"{folder}: the copy could not be written: {error.strerror}") from error
    except av.FFmpegError as error:
        raise VideoError(f"{clip}: the copy could not be made: {type(error).__name__}") from error


def export_pictures(pictures: Sequence[Path], record: Path, folder: Path, seal: Seal | None = None) -> tuple[Path, ...]:
    """Pictures that were kept with their masks already burnt in, as they are; sealed ones are opened, which takes the seal.

    The record's hashes are those of the sealed files. VideoError if a copy cannot be written, SealError where one does not open.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return (
            *(_opened(file, folder, seal) if file.suffix == SEALED else _copied(file, folder) for file in pictures),
            _copied(record, folder),
        )
    except OSError as error:
        raise VideoError(f"{folder}: the copy could not be written: {error.strerror}") from error


def _opened(file: Path, folder: Path, seal: Seal | None) -> Path:
    if seal is None:
        raise SealError(f"{file.name}: is sealed; say with which key it was: --key FILE")
    data = seal.opened(file.name, file.read_bytes())
    target = folder / file.name.removesuffix(SEALED)
    partial = folder / f".{target.name}.partial"
    _own(partial).write_bytes(data)
    return _settled(partial, target)


def _copied(file: Path, folder: Path) -> Path:
    target, partial = folder / file.name, folder / f".{file.name}.partial"
    shutil.copyfile(file, _own(partial))
    return _settled(partial, target)


def _masked_clip(clip: Path, folder: Path, facade: FacadeSpec) -> Path:
    target = folder / f"{clip.stem}.masked.mp4"
    partial = folder / f".{target.stem}.partial.mp4"
    with open_video(clip) as source, av.open(str(_own(partial)), "w", options={"movflags": "faststart"}) as out:
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
    return _settled(partial, target)


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


def _masked_picture(picture: Path, folder: Path, facade: FacadeSpec) -> Path:
    shown = cv2.imdecode(np.frombuffer(picture.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if shown is None:
        raise VideoError(f"{picture}: is no picture")
    shown[hidden_area(facade, (shown.shape[1], shown.shape[0]))] = 0
    done, encoded = cv2.imencode(".png", shown)
    if not done:
        raise VideoError(f"{picture}: could not be encoded anew")
    target = folder / f"{picture.stem}.masked.png"
    partial = folder / f".{target.name}.partial"
    _own(partial).write_bytes(encoded.tobytes())
    return _settled(partial, target)


def _own(partial: Path) -> Path:
    """An empty file for its owner alone, whatever stood there: a copy shows people, and may go to a folder that others see."""
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    return partial


def _settled(partial: Path, target: Path) -> Path:
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(target)
    return target
