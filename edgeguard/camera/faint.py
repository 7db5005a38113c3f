"""What hardly stands out: pixels a few deviations from their own mean, in a picture smoothed over three by three.

One such spot means nothing, there are dozens of them in every picture; a row of them on a way that only a fall explains does. The
threshold follows their number, so that a noisy scene gives no more work than a quiet one.
"""

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeguard.camera.grouping import enlarged, grouped, is_whole
from edgeguard.camera.video import Luma
from edgeguard.core.camera_limits import FAINT_MAX_POINTS, FAINT_MAX_SPOTS
from edgeguard.vision.faint import NOTHING_FAINT, Faint
from edgeguard.vision.spots import Spots

_BANDS: Final = 5
"""One of them a picture is learnt from."""
_OF_MEAN: Final = 1.25
"""Standard deviation over mean distance from the mean."""
_MEAN_S: Final = 1.5
_DEVIATION_S: Final = 3.0
_CLIP: Final = 6.0
"""What passes moves the mean by no more than this would, grey levels."""
_START_DEVIATION: Final = 4.0
"""Grey levels, until there is a measurement."""
_LEAST_LEVELS: Final = np.uint8(2)
_DEVIATIONS: Final = (2.4, 6.0)
"""From the mean, which a faint spot is at least, and which are never asked for."""
_WANTED_SPOTS: Final = 60.0
_FOLLOW_PER_S: Final = 0.75
_WARM_S: Final = 1.0
_BORDER_PX: Final = 3
_LEAST_AREA_PX: Final = 2
_BUSY_MEMORY_S: Final = 4.0
_TILE_PX: Final = 32


class FaintField:
    """Means and deviations of one camera's pixels, in the size that is looked at (`scale` times smaller than the picture)."""

    def __init__(self, size: tuple[int, int], scale: int, unwatched: NDArray[np.uint8] | None) -> None:
        self._size, self._scale, self._unwatched = size, scale, unwatched
        width, height = size
        self._padded = -(-width // 64) * 64
        self._over = np.zeros((height, self._padded), np.uint8)
        self._mean, self._deviation = (np.zeros((height, width), np.float32) for _ in range(2))
        self._mean8 = np.zeros((height, width), np.uint8)
        self._limit = np.full((height, width), 255, np.uint8)
        self._deviations = 3.5
        self._tile = _TILE_PX // scale
        self._hits = np.zeros((-(-height // self._tile), -(-width // self._tile)))
        self._begun_s: float | None = None
        self._learnt_s = [0.0] * _BANDS
        self._band = 0
        self._skips = False
        self._last_s = -1e9

    def step(self, t_s: float, raw: Luma, looks: bool) -> Faint:
        """The faint spots of the next picture; without `looks` it is only learnt from, and only every other is."""
        self._skips = not looks and not self._skips
        if self._skips:
            return NOTHING_FAINT
        seen = np.asarray(cv2.blur(raw, (3, 3)), np.uint8)
        if self._begun_s is None:
            self._begun_s, self._learnt_s = t_s, [t_s] * _BANDS
            self._mean[:], self._mean8[:], self._deviation[:] = seen, seen, _START_DEVIATION
        faint = NOTHING_FAINT
        if looks and t_s - self._begun_s >= _WARM_S:
            faint = self._look(seen, min(t_s - self._last_s, 1.0))
        self._learn(t_s, seen)
        self._last_s = t_s
        return faint

    def forget(self) -> None:
        """A new scene."""
        self._begun_s = None

    def _look(self, seen: Luma, dt_s: float) -> Faint:
        over = self._over[:, : self._size[0]]
        cv2.compare(cv2.absdiff(seen, self._mean8), self._limit, cv2.CMP_GT, over)
        if self._unwatched is not None:
            cv2.subtract(over, self._unwatched, over)
        count = cv2.countNonZero(over)
        found = Spots.none()
        if 0 < count <= FAINT_MAX_POINTS:
            words = np.flatnonzero(self._over.reshape(-1).view(np.uint64))
            word, byte = np.nonzero(self._over.reshape(-1, 8)[words])
            places = words[word] * 8 + byte
            found = self._grouped(seen, places // self._padded, places % self._padded)
        number = len(found) if count <= FAINT_MAX_POINTS else 10 * _WANTED_SPOTS
        excess = math.log((number + 5.0) / (_WANTED_SPOTS + 5.0))
        step = _FOLLOW_PER_S * dt_s * min(1.0, max(-1.0, excess))
        self._deviations = min(_DEVIATIONS[1], max(_DEVIATIONS[0], self._deviations + step))
        found = found.strongest(FAINT_MAX_SPOTS)
        at = (found.centres / self._scale).astype(np.intp) // self._tile
        busy = self._hits[at[:, 1], at[:, 0]]
        hit = np.zeros(self._hits.shape)
        np.add.at(hit, (at[:, 1], at[:, 0]), 1.0)
        self._hits += min(dt_s / _BUSY_MEMORY_S, 0.5) * (hit - self._hits)
        return found, busy

    def _learn(self, t_s: float, seen: Luma) -> None:
        """Bring one band of rows up to date: all of them in turn, so that no picture takes longer than others."""
        band, self._band = self._band, (self._band + 1) % _BANDS
        dt_s, self._learnt_s[band] = min(t_s - self._learnt_s[band], 1.0), t_s
        rows = slice(band * len(seen) // _BANDS, (band + 1) * len(seen) // _BANDS)
        mean, deviation = self._mean[rows], self._deviation[rows]
        off = seen[rows].astype(np.float32)
        np.subtract(off, mean, out=off)
        np.clip(off, -_CLIP, _CLIP, out=off)
        cv2.scaleAdd(off, min(dt_s / _MEAN_S, 0.5), mean, mean)
        share = min(dt_s / _DEVIATION_S, 0.5)
        cv2.addWeighted(deviation, 1 - share, np.abs(off, out=off), share, 0.0, deviation)
        cv2.convertScaleAbs(mean, self._mean8[rows])
        limit = self._limit[rows]
        cv2.convertScaleAbs(deviation, limit, alpha=_OF_MEAN * self._deviations, beta=0.5)
        np.maximum(limit, _LEAST_LEVELS, out=limit)

    def _grouped(self, seen: Luma, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Spots:
        beyond = seen[rows, columns].astype(np.float64) - self._mean8[rows, columns]
        table, _ = grouped(rows, columns, beyond, 0.0)
        real = (table[:, 6] >= _LEAST_AREA_PX) & is_whole(table, self._size, _BORDER_PX)
        return Spots(enlarged(table[real], self._scale))
