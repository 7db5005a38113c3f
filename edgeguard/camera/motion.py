"""Pixels that leave the range in which they have lately been, grouped into spots. What a spot means is decided elsewhere.

A pixel's range is the least and the greatest brightness of the last second or two and of its neighbours, leaving out the newest
pictures, widened by a margin. What moves has no ghost where it was; swaying edges, flicker and foliage are inside their range;
one pass over the picture (is everything inside?) finds a still scene still. Ranges are brought up to date a few times a second.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeguard.camera.video import Luma
from edgeguard.core.camera_limits import MOTION_MAX_POINTS, MOTION_MAX_SPOTS
from edgeguard.vision.sensitivity import Sensitivity, learn_noise, watch
from edgeguard.vision.spots import Spots

TILE_PX: Final = 32
_STRIP_ROWS: Final = 32
_CELL_PX: Final = 4
"""Pixels of one spot are at most about a cell apart."""
_DELAY_S: Final = 0.12
"""So old a picture must be before it counts for the range: a slow object must not hide behind itself."""
_REFRESH_S: Final = 0.1
_BLOCK_SAMPLES: Final = 8
"""Samples of one block; the range spans the block being filled and the one before."""
_WARM_SAMPLES: Final = 5
_BORDER_PX: Final = 2
"""The outermost pixels are where codecs and lenses err most, and where nothing is seen whole."""
_NOISE_STEP_PX: Final = 4
_SUSPEND_SHARE: Final = 0.03
"""With more than this share of pixels out of range, the camera moved or the light changed: no object does that."""
_SUSPEND_LEAST_PX: Final = 400
_FORGET_AFTER_S: Final = 0.4
"""A scene that stays out of its range for so long is a new scene."""
_LEAST_AREA_PX: Final = 2
_BRIGHT_SINGLE: Final = 12.0
"""A single pixel counts when it is so many levels beyond its margin."""


@dataclass(frozen=True, slots=True)
class Motion:
    """What one picture showed."""

    spots: Spots
    busy: NDArray[np.float64]
    """For each spot, how often something stands out in its tile, 0-1."""
    suspended: bool
    """Too much changed at once to say anything."""


class MotionField:
    """The ranges of one camera's pixels. `watched` is True where spots may be (facade polygon less privacy masks)."""

    def __init__(self, width: int, height: int, watched: NDArray[np.bool_] | None = None) -> None:
        self._size = width, height
        shape = (-(-height // TILE_PX), -(-width // TILE_PX))
        self.sensitivity = Sensitivity.fresh(shape)
        padded = -(-width // 64) * 64
        self._inside = np.full((height, padded), 255, np.uint8)
        self._unwatched = None if watched is None or watched.all() else np.where(watched, 0, 255).astype(np.uint8)
        self._pixels_watched = width * height if watched is None else max(1, int(np.count_nonzero(watched)))
        self._late: deque[tuple[float, Luma]] = deque()
        self._blocks: list[NDArray[np.uint8]] = []
        self._samples = 0
        self._lows = self._highs = np.zeros((0, 0), np.uint8)
        self._margin = np.zeros((height, width), np.uint8)
        self._refreshed_s = self._last_s = self._calm_s = -1e9
        self.suspended = 0
        """Pictures that could not be judged."""

    def step(self, t_s: float, luma: Luma) -> Motion:
        """The spots of the next picture, which must have the field's size."""
        dt_s = min(t_s - self._last_s, 1.0)
        self._last_s = t_s
        motion = self._look(t_s, luma, dt_s) if self._samples >= _WARM_SAMPLES else Motion(Spots.none(), np.empty(0), True)
        self._late.append((t_s, luma))
        if t_s - self._refreshed_s >= _REFRESH_S and (self._late[0][0] <= t_s - _DELAY_S or self._samples < _WARM_SAMPLES):
            self._refresh(t_s, luma)
        while len(self._late) > 1 and self._late[1][0] <= t_s - _DELAY_S:
            self._late.popleft()
        return motion

    def _look(self, t_s: float, luma: Luma, dt_s: float) -> Motion:
        width, _ = self._size
        inside = self._inside[:, :width]
        cv2.inRange(luma, self._lows, self._highs, inside)
        if self._unwatched is not None:
            cv2.bitwise_or(inside, self._unwatched, inside)
        places = self._outside()
        hit = np.zeros(self.sensitivity.hits.shape, np.bool_)
        rows, columns = places // self._inside.shape[1], places % self._inside.shape[1]
        hit[rows // TILE_PX, columns // TILE_PX] = True
        flood = len(places) >= MOTION_MAX_POINTS or len(places) > max(_SUSPEND_LEAST_PX, _SUSPEND_SHARE * self._pixels_watched)
        if flood:
            self.suspended += 1
            if t_s - self._calm_s > _FORGET_AFTER_S:
                self._forget(t_s)
            return Motion(Spots.none(), np.empty(0), True)
        self._calm_s = t_s
        busy_before = self.sensitivity.hits
        self.sensitivity = watch(self.sensitivity, hit, dt_s)
        spots = self._spots(luma, rows, columns).strongest(MOTION_MAX_SPOTS)
        at = spots.centres.astype(np.intp) // TILE_PX
        return Motion(spots, busy_before[at[:, 1], at[:, 0]], False)

    def _outside(self) -> NDArray[np.intp]:
        """Flat places in the padded picture of what is out of range; at most MOTION_MAX_POINTS, strip by strip."""
        found, count = [], 0
        stride = self._inside.shape[1]
        for top in range(0, self._size[1], _STRIP_ROWS):
            strip = self._inside[top : top + _STRIP_ROWS]
            if cv2.countNonZero(strip) == strip.size:
                continue
            words = np.flatnonzero(strip.reshape(-1).view(np.uint64) != np.uint64(0xFFFFFFFFFFFFFFFF))
            word, byte = np.nonzero(strip.reshape(-1, 8)[words] == 0)
            found.append(words[word] * 8 + byte + top * stride)
            count += len(found[-1])
            if count >= MOTION_MAX_POINTS:
                break
        return np.concatenate(found)[:MOTION_MAX_POINTS] if found else np.empty(0, np.intp)

    def _spots(self, luma: Luma, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Spots:
        if not len(rows):
            return Spots.none()
        value = luma[rows, columns].astype(np.int16)
        over = value - self._highs[rows, columns]
        beyond = np.where(over > 0, over, value - self._lows[rows, columns].astype(np.int16)).astype(np.float64)
        top, left = rows.min() // _CELL_PX, columns.min() // _CELL_PX
        cells = np.zeros((rows.max() // _CELL_PX - top + 1, columns.max() // _CELL_PX - left + 1), np.uint8)
        cell_rows, cell_columns = rows // _CELL_PX - top, columns // _CELL_PX - left
        cells[cell_rows, cell_columns] = 1
        count, labels = cv2.connectedComponents(cells, connectivity=8)
        label = labels[cell_rows, cell_columns]
        order = np.argsort(label, kind="stable")
        starts = np.searchsorted(label[order], np.arange(1, count))
        x, y, beyond = columns[order].astype(np.float64), rows[order].astype(np.float64), beyond[order]
        weight = np.abs(beyond) + 1.0
        mass = np.add.reduceat(weight, starts)
        area = np.diff(np.append(starts, len(order))).astype(np.float64)
        contrast = np.add.reduceat(beyond, starts) / area
        lefts, tops = np.minimum.reduceat(x, starts), np.minimum.reduceat(y, starts)
        table = np.column_stack(
            [
                np.add.reduceat(weight * x, starts) / mass,
                np.add.reduceat(weight * y, starts) / mass,
                lefts,
                tops,
                np.maximum.reduceat(x, starts) - lefts + 1,
                np.maximum.reduceat(y, starts) - tops + 1,
                area,
                contrast + np.sign(contrast) * self._margin[rows[order][starts], columns[order][starts]],
            ]
        )
        width, height = self._size
        right, bottom = table[:, 2] + table[:, 4], table[:, 3] + table[:, 5]
        whole = (lefts >= _BORDER_PX) & (tops >= _BORDER_PX) & (right <= width - _BORDER_PX) & (bottom <= height - _BORDER_PX)
        real = (area >= _LEAST_AREA_PX) | (np.abs(contrast) >= _BRIGHT_SINGLE)
        return Spots(table[real & whole])

    def _refresh(self, t_s: float, luma: Luma) -> None:
        """Take the oldest waiting picture into the range, and the noise of the newest into the margins."""
        sample = self._late[0][1]
        dt_s = min(t_s - self._refreshed_s, 1.0)
        self._refreshed_s = t_s
        if not self._blocks:
            self._blocks = [np.array(sample), np.array(sample)]
        elif self._samples % _BLOCK_SAMPLES == 0 and len(self._blocks) == 4:
            self._blocks[2:] = self._blocks[:2]
            self._blocks[:2] = [np.array(sample), np.array(sample)]
        elif self._samples % _BLOCK_SAMPLES == 0:
            self._blocks = [np.array(sample), np.array(sample), *self._blocks]
        else:
            cv2.min(self._blocks[0], sample, self._blocks[0])
            cv2.max(self._blocks[1], sample, self._blocks[1])
        self._samples += 1
        if len(self._late) > 1:
            self.sensitivity = learn_noise(self.sensitivity, self._noise(luma, self._late[-2][1]), dt_s)
        self._widen()

    def _widen(self) -> None:
        width, height = self._size
        margins = np.rint(self.sensitivity.margins).astype(np.uint8)
        self._margin = margins.repeat(TILE_PX, axis=0).repeat(TILE_PX, axis=1)[:height, :width]
        lows, highs = self._blocks[:2]
        if len(self._blocks) == 4:
            lows = np.asarray(cv2.min(lows, self._blocks[2]), np.uint8)
            highs = np.asarray(cv2.max(highs, self._blocks[3]), np.uint8)
        kernel = np.ones((3, 3), np.uint8)
        self._lows = np.asarray(cv2.subtract(cv2.erode(lows, kernel), self._margin), np.uint8)
        self._highs = np.asarray(cv2.add(cv2.dilate(highs, kernel), self._margin), np.uint8)

    def _noise(self, luma: Luma, before: Luma) -> NDArray[np.float64]:
        """Temporal noise a tile, standard deviation in levels, from differences at every few pixels."""
        step = _NOISE_STEP_PX
        difference = cv2.absdiff(np.ascontiguousarray(luma[::step, ::step]), np.ascontiguousarray(before[::step, ::step]))
        side = TILE_PX // step
        down, across = self.sensitivity.noise.shape
        padded = np.zeros((down * side, across * side), np.uint8)
        padded[: difference.shape[0], : difference.shape[1]] = difference
        grouped = padded.reshape(down, side, across, side).astype(np.float32)
        return np.asarray(grouped.mean(axis=(1, 3)) * 0.886, dtype=np.float64)

    def _forget(self, t_s: float) -> None:
        """A new scene: ranges start anew, what the tiles are like is kept."""
        self._blocks, self._samples = [], 0
        self._late.clear()
        self._calm_s = t_s
