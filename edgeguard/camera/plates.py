"""Number plates in a picture: found, straightened, read in one batch, and told only when the grammar and the reader agree.

Whole photos, gate pictures and crops that are little more than a plate take the same road; only the zoom differs. No tracking, no
files: pictures in, plates out.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeguard.camera.model import Model, load_model
from edgeguard.camera.pictures import Bgr
from edgeguard.core.camera_limits import PLATES_MAX
from edgeguard.vision.plate_cells import Found, overlap, peaks, without_doubles
from edgeguard.vision.plate_decoding import Reading, agreed, read, voted
from edgeguard.vision.plate_geometry import Points, aspect, box_corners, homography, line_quads, stretched, strip_corners
from edgeguard.vision.plate_passes import Seen

STRIP_W: Final = 128
STRIP_H: Final = 32
GREY: Final = 114
"""What fills a picture beyond its edge, as in training."""
_LOOK_PX: Final = 448
"""Long side of the picture that the detector sees first; with 16:9 it fills its page of 448 x 256."""
_SECOND_LOOKS: Final = (240, 896)
"""Where nothing was read: once for plates that fill the picture, once for small ones."""
_CELL_GRID: Final = 32
_LEAST_SCORE: Final = 0.25
_CLOSE_W: Final = 192
_CLOSE_H: Final = 96
_CLOSE_PLATE: Final = 108.0
"""Width of a plate in the close look that mends its corners."""
_TWO_LINES_BELOW: Final = 2.55
"""Plates less wide than this, in heights, may have two lines."""
_VIEWS: Final = ((0.0, 0.0, 0.0), (0.03, 0.03, 0.06))
"""Each plate is read as it was found, and where that is not sure, a little wider and higher, since a cut rim costs more than a
shown one. The numbers are the margins (left, right, high) that `stretched` takes."""
_FURTHER_VIEWS: Final = ((0.0, 0.05, 0.04), (0.05, 0.0, 0.04), (0.05, 0.05, 0.1), (0.02, 0.02, 0.14), (-0.02, -0.02, -0.05))
"""Where those two do not settle it, it is read with other margins as well, and all views vote."""
_ROOM: Final = 0.3
"""What is kept around a plate for its views, as a share of its width and height; more than any view stretches it."""
_SURE_ALONE: Final = 0.97
"""A first view as sure as this needs no second one."""
_SETTLED: Final = 0.6
_SAME_PLACE: Final = 0.3
_SURE_CROP: Final = 0.9
"""A crop that is read as surely as this needs no further look."""
_CROP_SIDE: Final = 640
_CROP_ASPECT: Final = (1.5, 6.5)
"""Pictures of this size and shape may be nothing but a plate."""
_STEEP_SIDE: Final = 320
_STEEP_ASPECT: Final = (1.0, 1.5)
"""So may small ones of the shape of photos, where a plate hangs or is seen askew: only if nothing else was read in them, and only
what is sure, since plates of other countries fill such pictures as well."""


_Place = tuple[Found, bool]
"""A plate, and whether to read it as one of two lines."""
_View = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class PlateRead:
    """A plate in a picture: where it is and what it says."""

    reading: Reading
    found: Found
    two_lines: bool

    @property
    def prominence(self) -> float:
        """By this plates are ordered: sure and large first."""
        return self.reading.confidence * math.sqrt(self.found.width_px)


class PlateReader:
    """Detector and reader of one process; not for two threads at once."""

    def __init__(self, detector: Model, reader: Model) -> None:
        self._detector = detector
        self._reader = reader

    @classmethod
    def shipped(cls, folder: Path | None = None) -> "PlateReader":
        """With the models that ship with the program. ModelError where they are not as they should be."""
        return cls(load_model("plate_detector", folder), load_model("plate_reader", folder))

    def see(self, picture: Bgr) -> tuple[PlateRead, ...]:
        """Every plate that can be read, the most prominent first."""
        reads: list[PlateRead] = []
        if _may_be_crop(picture, _CROP_SIDE, _CROP_ASPECT):
            reads = self._read_crop(picture)
        for side in (_LOOK_PX, *_SECOND_LOOKS):
            if any(self._is_told(one) for one in reads):
                break
            found = self._detect(picture, side)
            reads = self._read(picture, self._closer(picture, found)) if found else []
        else:
            if _may_be_crop(picture, _STEEP_SIDE, _STEEP_ASPECT) and not any(self._is_told(one) for one in reads):
                reads = [one for one in self._read_crop(picture) if one.reading.confidence >= _SURE_CROP]
        told = [one for one in reads if self._is_told(one)]
        return tuple(sorted(_distinct(told), key=lambda one: -one.prominence))

    def _read_crop(self, picture: Bgr) -> list[PlateRead]:
        """What a picture says that may be nothing but a plate. Where that is not sure, what all looks say together."""
        reads = self._read(picture, self._in_crop(picture))
        if not reads or max(one.reading.confidence for one in reads) >= _SURE_CROP:
            return reads
        found = self._detect(picture, _SECOND_LOOKS[0])
        return _pooled([*reads, *(self._read(picture, self._closer(picture, found)) if found else [])])

    def look(self, picture: Bgr) -> list[Seen]:
        """Every plate of a live picture with what it says, None where that is not sure: one look, no second ones."""
        places = self._closer(picture, self._detect(picture, _LOOK_PX))
        reads = {id(one.found): one for one in self._read(picture, places)} if places else {}
        seen = []
        for place in places:
            one = reads.get(id(place))
            seen.append(Seen(place, one.reading if one is not None and self._is_told(one) else None))
        return seen

    def _is_told(self, one: PlateRead) -> bool:
        return one.reading.confidence >= self._reader.facts.threshold

    def find(self, picture: Bgr) -> list[Found]:
        """Plates of any country, whether they can be read or not."""
        return self._closer(picture, self._detect(picture, _LOOK_PX))

    def _detect(self, picture: Bgr, long_side: int) -> list[Found]:
        height, width = picture.shape[:2]
        zoom = min(long_side / max(height, width), 2.0)
        wide, high = max(8, round(width * zoom)), max(8, round(height * zoom))
        page = np.full((_up(high), _up(wide), 3), GREY, np.uint8)
        page[:high, :wide] = _resized(picture, wide, high)
        scale = np.array([width / wide, height / high])
        found = peaks(self._detector.run(page[None])[0][0], _LEAST_SCORE, PLATES_MAX)
        return [Found((plate.corners + 0.5) * scale - 0.5, plate.score) for plate in found]

    def _closer(self, picture: Bgr, found: Sequence[Found]) -> list[Found]:
        """The same plates with better corners: each is looked at again, brought to one size."""
        if not found:
            return []
        pages, zooms, origins = [], [], []
        for plate in found:
            zoom = _CLOSE_PLATE / max(8.0, plate.box[2] - plate.box[0])
            middle = plate.corners.mean(axis=0)
            page, origin = _zoomed(picture, middle, zoom)
            pages.append(page)
            zooms.append(zoom)
            origins.append(origin)
        outs = self._detector.run(np.stack(pages))[0]
        return without_doubles([_mended(*args) for args in zip(found, outs, zooms, origins, strict=True)], most_overlap=0.5)

    def _in_crop(self, picture: Bgr) -> list[Found]:
        """What a crop may be: the plate that the detector sees in it, and the whole crop as it is."""
        height, width = picture.shape[:2]
        whole = Found(box_corners(0.0, 0.0, width - 1.0, height - 1.0), 0.5)
        zoom = min(_CLOSE_PLATE * 1.1 / width, (_CLOSE_H - 8) / height)
        page, origin = _zoomed(picture, whole.corners.mean(axis=0), zoom)
        seen = peaks(self._detector.run(page[None])[0][0], _LEAST_SCORE, 2)
        return [Found(plate.corners / zoom + origin, plate.score) for plate in seen] + [whole]

    def _read(self, picture: Bgr, found: Sequence[Found]) -> list[PlateRead]:
        """One reading at most for each place; all strips of all places are one batch."""
        places = [(plate, two) for plate in found for two in _line_counts(plate)]
        seen: list[list[Reading | None]] = [[] for _ in places]
        best_of: list[Reading | None] = [None] * len(places)

        def view(indices: list[int], views: Sequence[_View], judged: Callable[[list[Reading | None]], Reading | None]) -> None:
            for index, more in zip(indices, self._read_views(picture, [places[index] for index in indices], views), strict=True):
                seen[index] += more
                best_of[index] = judged(seen[index])

        view(list(range(len(places))), _VIEWS[:1], agreed)
        view([index for index, one in enumerate(best_of) if one is None or one.confidence < _SURE_ALONE], _VIEWS[1:], agreed)
        view([index for index, one in enumerate(best_of) if one is not None and one.confidence < _SETTLED], _FURTHER_VIEWS, voted)
        best: dict[int, PlateRead] = {}
        for (plate, two_lines), reading in zip(places, best_of, strict=True):
            before = best.get(id(plate))
            if reading and (before is None or reading.confidence > before.reading.confidence):
                best[id(plate)] = PlateRead(reading, plate, two_lines)
        return list(best.values())

    def _read_views(self, picture: Bgr, places: Sequence[_Place], views: Sequence[_View]) -> list[list[Reading | None]]:
        """What every view of every place says; all strips are one batch."""
        if not places:
            return []
        strips = []
        for plate, two in places:
            part, inside = _around(picture, plate.corners)
            cut = side_by_side if two else straightened
            strips += [cut(part, stretched(inside, *view)) for view in views]
        outs = zip(*self._reader.run(np.stack(strips)), strict=True)
        readings = [read(columns, colours) for columns, colours in outs]
        return [readings[start : start + len(views)] for start in range(0, len(readings), len(views))]


def _line_counts(plate: Found) -> tuple[bool, ...]:
    """Whether to read the plate as one of two lines: never, or both ways."""
    return (False, True) if aspect(plate.corners) < _TWO_LINES_BELOW else (False,)


def _may_be_crop(picture: Bgr, most_px: int, shape: tuple[float, float]) -> bool:
    height, width = picture.shape[:2]
    return bool(width <= most_px and shape[0] <= width / height <= shape[1])


def _up(pixels: int) -> int:
    return -(-pixels // _CELL_GRID) * _CELL_GRID


def _resized(picture: Bgr, width: int, height: int) -> Bgr:
    """The picture at another size: halved as often as goes, then fitted."""
    while picture.shape[1] >= 2 * width and picture.shape[0] >= 2 * height:
        picture = _halved(picture)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _zoomed(picture: Bgr, middle: Points, zoom: float) -> tuple[Bgr, Points]:
    """A page of _CLOSE_W x _CLOSE_H around `middle`, and the place of its corner in the picture."""
    half = np.array([_CLOSE_W, _CLOSE_H]) / 2
    origin = middle - half / zoom
    low = np.clip(np.floor(origin), 0, (picture.shape[1] - 1, picture.shape[0] - 1)).astype(int)
    high = np.maximum(np.ceil(middle + half / zoom), low + 1).astype(int)
    part, inside, scale = picture[low[1] : high[1], low[0] : high[0]], origin - low, zoom
    while scale <= 0.5 and min(part.shape[:2]) >= 2:
        part, inside, scale = _halved(part), (inside + 0.5) / 2 - 0.5, 2 * scale
    matrix = np.array([[scale, 0, -scale * inside[0]], [0, scale, -scale * inside[1]]])
    page = cv2.warpAffine(
        part, matrix, (_CLOSE_W, _CLOSE_H), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(GREY,) * 3
    )
    return np.asarray(page, np.uint8), origin


def _halved(picture: Bgr) -> Bgr:
    """Half as wide and high: the cheap way of not losing fine lines."""
    even = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
    return np.asarray(cv2.resize(even, (even.shape[1] // 2, even.shape[0] // 2), interpolation=cv2.INTER_AREA), np.uint8)


def _mended(plate: Found, cells: NDArray[np.float32], zoom: float, origin: Points) -> Found:
    middle = np.array([_CLOSE_W, _CLOSE_H]) / 2
    near = [
        seen
        for seen in peaks(cells, _LEAST_SCORE, 4)
        if np.all(np.abs(seen.corners.mean(axis=0) - middle) < (0.25 * _CLOSE_PLATE, 0.2 * _CLOSE_PLATE))
    ]
    if not near:
        return replace(plate, score=0.5 * plate.score)
    return Found(near[0].corners / zoom + origin, max(plate.score, near[0].score))


def _around(picture: Bgr, corners: Points) -> tuple[Bgr, Points]:
    """The plate's surroundings with room for all views, no larger than strips need, and the corners in them."""
    height, width = picture.shape[:2]
    span = _ROOM * np.ptp(corners, axis=0) + 2
    low = np.clip(np.floor(corners.min(axis=0) - span), 0, (width - 2, height - 2)).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0) + span), low + 2, (width, height)).astype(int)
    part = picture[low[1] : high[1], low[0] : high[0]]
    inside = corners - low
    while min(part.shape[:2]) >= 2 and float(np.linalg.norm(inside[1] - inside[0])) > 2.25 * STRIP_W:
        part, inside = _halved(part), (inside + 0.5) / 2 - 0.5
    return part, inside


def straightened(picture: Bgr, corners: Points) -> Bgr:
    """The plate between `corners` as the reader's strip of one line."""
    return _warp(picture, corners, strip_corners(STRIP_W, STRIP_H), STRIP_W)


def side_by_side(picture: Bgr, corners: Points) -> Bgr:
    """Both lines of a two-line plate beside each other as one strip."""
    top, bottom, split = line_quads(corners, STRIP_W)
    left = _warp(picture, top, box_corners(-0.5, -0.5, split - 0.5, STRIP_H - 0.5), split)
    right = _warp(picture, bottom, box_corners(-0.5, -0.5, STRIP_W - split - 0.5, STRIP_H - 0.5), STRIP_W - split)
    return np.hstack((left, right))


def _warp(part: Bgr, corners: Points, target: Points, width: int) -> Bgr:
    matrix = homography(corners, target)
    warped = cv2.warpPerspective(part, matrix, (width, STRIP_H), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)


def _pooled(reads: Sequence[PlateRead]) -> list[PlateRead]:
    """One of each text, with the chance that not all looks that gave it are wrong."""
    doubt: dict[str, float] = {}
    for one in reads:
        doubt[one.reading.text] = doubt.get(one.reading.text, 1.0) * (1.0 - one.reading.confidence)
    surest = {one.reading.text: one for one in sorted(reads, key=lambda one: one.reading.confidence)}
    return [replace(one, reading=replace(one.reading, confidence=1.0 - doubt[text])) for text, one in surest.items()]


def _distinct(reads: Sequence[PlateRead]) -> list[PlateRead]:
    """The surest reading of each place."""
    kept: list[PlateRead] = []
    for one in sorted(reads, key=lambda one: -one.reading.confidence):
        if all(overlap(one.found, other.found) < _SAME_PLACE for other in kept):
            kept.append(one)
    return kept
