"""Plates in files: a picture, or a video of which every so many pictures are read and each car's readings are voted on."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from edgeguard.camera.pictures import Bgr, decode_picture, picture_data
from edgeguard.camera.plates import PlateReader
from edgeguard.camera.video import open_video
from edgeguard.core.errors import Permanent
from edgeguard.vision.plate_cells import Found
from edgeguard.vision.plate_decoding import Reading
from edgeguard.vision.plate_tracks import PlateTrack, PlateTracks, passes

_READ_EVERY_S: Final = 0.1
"""Pictures of a video between two that are read; a car stays in sight for longer."""


class DrawingError(Permanent):
    """A drawn picture that cannot be written."""


@dataclass(frozen=True, slots=True)
class SeenPlate:
    """A plate in a file; times only in videos, in seconds from its start."""

    reading: Reading
    found: Found
    first_s: float | None = None
    last_s: float | None = None
    sightings: int = 1


@dataclass(frozen=True, slots=True)
class SeenFile:
    """Everything that was read in one file."""

    plates: Sequence[SeenPlate]
    ms: float
    """Time for finding and reading, without decoding, per picture that was read."""
    pictures: int
    last: Bgr
    """The picture (of a video: the one with the best reading) on which plates can be drawn."""
    is_video: bool = False


def see_file(reader: PlateReader, path: Path) -> SeenFile:
    """The plates of a picture or video; a picture may come through a pipe. Permanent errors name the file."""
    data = picture_data(path, whatever=False)
    return see_video(reader, path) if data is None else see_picture(reader, decode_picture(data, str(path)))


def see_picture(reader: PlateReader, picture: Bgr) -> SeenFile:
    """The plates of a picture, the most prominent first."""
    began_s = time.perf_counter()
    reads = reader.see(picture)
    ms = (time.perf_counter() - began_s) * 1000
    return SeenFile([SeenPlate(one.reading, one.found) for one in reads], ms, 1, picture)


def see_video(reader: PlateReader, path: Path) -> SeenFile:
    """The plates of a video in the order in which they come."""
    tracks, over = PlateTracks(), list[PlateTrack]()
    spent_s, count, next_s, best = 0.0, 0, 0.0, -1.0
    shown: Bgr | None = None
    with open_video(path) as video:
        for picture in video:
            if picture.t_s < next_s:
                continue
            next_s = picture.t_s + _READ_EVERY_S
            seen = picture.bgr()
            began_s = time.perf_counter()
            reads = reader.see(seen)
            spent_s += time.perf_counter() - began_s
            count += 1
            over += tracks.see(picture.t_s, [(one.reading, one.found) for one in reads])
            clearest = max((one.reading.confidence for one in reads), default=-1.0)
            if shown is None or clearest > best:
                shown, best = seen, clearest
    plates = [
        SeenPlate(one.best.reading, one.best.found, one.first_s, one.last_s, one.sightings)
        for one in passes([*over, *tracks.end()])
        if one.is_decided
    ]
    page = shown if shown is not None else np.zeros((1, 1, 3), np.uint8)
    return SeenFile(plates, 1000 * spent_s / max(1, count), count, page, is_video=True)


def draw(seen: SeenFile, target: Path) -> None:
    """Write the picture with every plate outlined and its letters and digits beside it (OpenCV draws no province).

    DrawingError names the file that cannot be written.
    """
    page = seen.last.copy()
    thickness = max(1, round(max(page.shape[:2]) / 500))
    for plate in seen.plates:
        outline = np.round(plate.found.corners).astype(np.int32)
        cv2.polylines(page, [outline], True, (60, 60, 255), thickness, cv2.LINE_AA)
        words = f"{plate.reading.text.encode('ascii', 'ignore').decode()} {plate.reading.confidence:.2f}"
        left, top, _, bottom = plate.found.box
        scale = 0.6 * thickness
        (width, height), _ = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
        y = round(top) - 4 if top > height + 6 else round(bottom) + height + 6
        x = max(0, min(round(left), page.shape[1] - width))
        cv2.putText(page, words, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 3 * thickness, cv2.LINE_AA)
        cv2.putText(page, words, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), thickness, cv2.LINE_AA)
    suffix = target.suffix.lower() if target.suffix.lower() in {".jpg", ".jpeg", ".png", ".bmp", ".webp"} else ".jpg"
    try:
        done, data = cv2.imencode(suffix, page)
        if not done:
            raise DrawingError(f"{target}: cannot be written as {suffix}")
        _put(target, data.tobytes())
    except OSError as error:
        raise DrawingError(f"{target}: cannot be written ({error.strerror})") from error


def _put(target: Path, content: bytes) -> None:
    """Whole or not at all, so that a full disk takes no older drawing; a device or a pipe gets it as it is. OSError as it comes."""
    if target.exists() and not target.is_file():
        target.write_bytes(content)
        return
    target = target.resolve()
    partial = target.with_name(f".{target.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
