"""Pixels that leave the range in which they have lately been, grouped into spots. What a spot means is decided elsewhere.

A pixel's range is the least and the greatest brightness of the last second or two and of its neighbours, leaving out the newest
pictures, widened by a margin; where nothing trembles the neighbours are left out of it. What moves has no ghost where it was;
swaying edges, flicker and foliage are inside their range; one pass over the picture (is everything inside?) finds a still scene
still. Ranges are brought up to date a few times a second. Large pictures are looked at in halves.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeguard.camera.video import Luma
from edgeguard.core.camera_limits import MOTION_MAX_POINTS, MOTION_MAX_SPOTS
from edgeguard.vision.sensitivity import Sensitivity, learn_fine, learn_noise, watch
from edgeguard.vision.spots import Spots

TILE_PX: Final = 32
_FULL_PIXELS: Final = 1_400_000
"""Pictures of more pixels are looked at in halves: the mean of two by two has half the noise and a quarter of the work."""
_CELL_BITS: Final = 2
"""Pixels of one spot are at most about a cell (of 4 px) apart."""
_SMOOTHED: Final = 0.45
"""What smoothing leaves of the noise, codecs included."""
_NOISY: Final = (3.2, 2.2)
"""Grey levels of noise from which on the picture is smoothed before it is looked at, and below which no more."""
_DELAY_S: Final = 0.115
"""So old a picture must be before it counts for the range: a slow object must not hide behind itself. This and the next are a
little less than whole periods of 20, 25 and 30 pictures a second, so that a stamp's last digit decides nothing."""
_REFRESH_S: Final = 0.095
_BLOCK_SAMPLES: Final = 8
"""Samples of one block; the range spans the block being filled and the one before."""
_WARM_SAMPLES: Final = 5
_BORDER_PX: Final = 2
"""The outermost pixels are where codecs and lenses err most, and where nothing is seen whole."""
_NOISE_STEP_PX: Final = 4
_FINE_MARGIN: Final = 6
"""Levels beyond its own range by which a sample shows that a pixel needs its neighbours' range."""
_STRAY_SHARE: Final = 0.00196
"""Of the pixels of a tile, those that must do so."""
_SUSPEND_SHARE: Final = 0.03
"""With more than this share of pixels out of range, the camera moved, the light changed or something large passes close by: no
thrown object does that."""
_SUSPEND_LEAST_PX: Final = 400
_UNREST_SHARE: Final = 0.06
"""Of the pixels of a quarter of a tile, those out of range from which on it belongs to such a change."""
_UNREST_LEAST: Final = 18
"""Quarters of tiles in one area: fewer of them may be a thing that is thrown close by."""
_UNREST_TOLD: Final = 0.3
"""Of what is watched: a camera that leaves out more than this does not see what it should."""
_UNREST_MOST: Final = 0.85
"""Of what is watched: where more is in unrest than this, the rest says nothing."""
_FORGET_AFTER_S: Final = 0.4
"""A scene that stays out of its range for so long is a new scene."""
_LEAST_AREA_PX: Final = 2
_BRIGHT_SINGLE: Final = 12.0
"""A single pixel counts when it is so many levels beyond its margin."""

_LOOKS: Final = 4
"""Pictures whose spots are made at once, at most: ranges are brought up to date after as many at 30 a second."""
_ALL_INSIDE: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
"""Eight pixels inside their ranges."""
_NEIGHBOURS: Final = np.ones((3, 3), np.uint8)


class _Range:
    """The least and the greatest brightness of every pixel."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.lows, self.highs = (np.zeros(size[::-1], np.uint8) for _ in range(2))


@dataclass(frozen=True, slots=True)
class Motion:
    """What one picture showed."""

    spots: Spots
    busy: NDArray[np.float64]
    """For each spot, how often something stands out in its tile, 0-1."""
    suspended: bool
    """Too much changed at once to say anything."""
    unrest: float = 0.0
    """Of what is watched, the share that was left out because too much changed there at once, 0-1."""


@dataclass(frozen=True, slots=True)
class _Outside:
    """What of a picture is out of range, by eights of px that lie in a row."""

    eights: NDArray[np.intp]
    """Those with such a px, counted row by row."""
    inside: NDArray[np.uint64]
    """Of each, a byte a px: 255 inside its range, 0 outside."""
    count: int
    """Pixels out of range."""


@dataclass(frozen=True, slots=True)
class _Look:
    """A picture that was compared with the ranges, and whose spots are still to be made."""

    place: int
    """Its own among the pictures of this call."""
    seen: Luma
    dt_s: float
    outside: _Outside
    unrest: float
    """Of what is watched, what was left out of it."""


class MotionField:
    """The ranges of one camera's pixels. `watched` is True where spots may be (facade polygon less privacy masks)."""

    def __init__(self, width: int, height: int, watched: NDArray[np.bool_] | None = None) -> None:
        self._scale = 1 if width * height <= _FULL_PIXELS else 2
        self._size = width // self._scale, height // self._scale
        self._tile = TILE_PX // self._scale
        shape = (-(-self._size[1] // self._tile), -(-self._size[0] // self._tile))
        self.sensitivity = Sensitivity.fresh(shape)
        padded = -(-self._size[0] // 64) * 64
        self._mask = np.full((self._size[1], padded), 255, np.uint8)
        self._looks: list[_Look] = []
        self._motions: list[Motion] = []
        self._changes = np.zeros((shape[0] * self._tile * self._scale // _NOISE_STEP_PX, shape[1] * self._tile), np.uint8)
        self._strays = np.zeros((self._size[1], padded), np.uint8)
        self._unwatched = None if watched is None or watched.all() else self.reduced(np.where(watched, 0, 255).astype(np.uint8))
        self._pixels_watched = self._size[0] * self._size[1]
        if self._unwatched is not None:
            self._pixels_watched = max(1, self._unwatched.size - cv2.countNonZero(self._unwatched))
        self._late: deque[tuple[float, Luma]] = deque()
        self._before: Luma | None = None
        self._noise_now = 0.0
        self._smooth = False
        self._blocks: list[NDArray[np.uint8]] = []
        self._samples = 0
        self._uses_fine = False
        self._near = _Range(self._size)
        self._lows, self._highs, self._margin = (np.zeros(self._size[::-1], np.uint8) for _ in range(3))
        self._refreshed_s = self._last_s = self._calm_s = -1e9
        self.suspended = 0
        """Pictures that could not be judged."""
        self.crowded = 0
        """Pictures in which more stood out than is looked at, or a large part was in unrest."""

    def steps(self, pictures: Iterable[tuple[float, Luma]]) -> list[Motion]:
        """The spots of the next pictures: of each its second, and what `reduced` makes of one of the field's size."""
        for t_s, raw in pictures:
            dt_s = min(t_s - self._last_s, 1.0)
            self._last_s = t_s
            seen = np.asarray(cv2.blur(raw, (3, 3)), np.uint8) if self._smooth else raw
            self._motions.append(Motion(Spots.none(), np.empty(0), True))
            if self._samples >= _WARM_SAMPLES:
                self._look(t_s, seen, dt_s)
            self._late.append((t_s, seen))
            if t_s - self._refreshed_s >= _REFRESH_S and (self._late[0][0] <= t_s - _DELAY_S or self._samples < _WARM_SAMPLES):
                self._read()
                self._refresh(t_s, raw)
            self._before = raw
            while len(self._late) > 1 and self._late[1][0] <= t_s - _DELAY_S:
                self._late.popleft()
        self._read()
        motions, self._motions = self._motions, []
        return motions

    def reduced(self, luma: Luma) -> Luma:
        """The picture as it is looked at."""
        if self._scale == 1:
            return luma
        width, height = self._size
        whole = luma[: height * self._scale, : width * self._scale]
        return np.asarray(cv2.resize(whole, self._size, interpolation=cv2.INTER_AREA), np.uint8)

    def _look(self, t_s: float, seen: Luma, dt_s: float) -> None:
        """Compare one picture more with the ranges; what is found is read later."""
        if len(self._looks) == _LOOKS or sum(look.outside.count for look in self._looks) >= MOTION_MAX_POINTS:
            self._read()
        outside = self._outside_of(seen)
        if self._is_flood(outside.count) and self._uses_fine:
            # A key frame draws everything anew, a gust shakes the pole: for a moment the neighbours count everywhere.
            self._read()
            self._compare(np.zeros_like(self.sensitivity.fine))
            outside = self._outside_of(seen)
        unrest = 0.0
        if self._is_flood(outside.count):
            outside, unrest = self._without_unrest(outside)
        if self._is_flood(outside.count):
            self._motions[-1] = replace(self._motions[-1], unrest=1.0)
            self.suspended += 1
            if t_s - self._calm_s > _FORGET_AFTER_S:
                self._forget(t_s)
            return
        self._calm_s = t_s
        self._looks.append(_Look(len(self._motions) - 1, seen, dt_s, outside, unrest))

    def _outside_of(self, seen: Luma) -> _Outside:
        """What is out of its range; a px of the mask is 0 there."""
        inside = self._mask[:, : self._size[0]]
        cv2.inRange(seen, self._lows, self._highs, inside)
        if self._unwatched is not None:
            cv2.bitwise_or(inside, self._unwatched, inside)
        return self._marked()

    def _marked(self) -> _Outside:
        """What is 0 in the mask: looked up at once, while the mask is at hand."""
        octets = self._mask.reshape(-1).view(np.uint64)
        eights = np.flatnonzero(octets != _ALL_INSIDE)
        some = octets.take(eights)
        return _Outside(eights, some, some.nbytes - int(np.count_nonzero(some.view(np.uint8))))

    def _without_unrest(self, outside: _Outside) -> tuple[_Outside, float]:
        """Call inside, in the mask, the large areas where much is out of range: what is left, or all that is `outside` where that
        is no use, and the share of what is watched that lies in those areas.

        A lorry, a crowd, a gust in the trees hides what is there, not what falls beside it.
        """
        inside = self._mask[:, : self._size[0]]
        down, across = self.sensitivity.hits.shape
        share = cv2.resize(inside, (2 * across, 2 * down), interpolation=cv2.INTER_AREA)
        changing = (share < 255 * (1 - _UNREST_SHARE)).astype(np.uint8)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(changing, connectivity=8)
        large = np.where(stats[:, cv2.CC_STAT_AREA] >= _UNREST_LEAST, 255, 0).astype(np.uint8)
        large[0] = 0
        hidden = cv2.resize(cv2.dilate(large[labels], _NEIGHBOURS), self._size, interpolation=cv2.INTER_NEAREST)
        if self._unwatched is not None:
            cv2.subtract(hidden, self._unwatched, hidden)
        unrest = cv2.countNonZero(hidden) / self._pixels_watched
        if unrest > _UNREST_MOST:
            return outside, unrest
        cv2.bitwise_or(inside, hidden, inside)
        return self._marked(), unrest

    def _is_flood(self, count: int) -> bool:
        return count >= MOTION_MAX_POINTS or count > max(_SUSPEND_LEAST_PX, _SUSPEND_SHARE * self._pixels_watched)

    def _read(self) -> None:
        """What stood out in the pictures looked at since the last reading, all at once: many cost little more than one."""
        looks, self._looks = self._looks, []
        hits = np.zeros((len(looks), *self.sensitivity.hits.shape), np.bool_)
        found = [Spots.none()] * len(looks)
        if any(look.outside.count for look in looks):
            numbers, rows, columns = self._places([look.outside for look in looks])
            _, down, across = hits.shape
            hits.reshape(-1)[(numbers * down + rows // self._tile) * across + columns // self._tile] = True
            found = self._spots(looks, numbers, rows, columns)
        for look, all_spots, hit in zip(looks, found, hits, strict=True):
            self.crowded += look.unrest > _UNREST_TOLD or len(all_spots) > MOTION_MAX_SPOTS
            spots = all_spots.strongest(MOTION_MAX_SPOTS)
            at = spots.centres.astype(np.intp) // TILE_PX
            self._motions[look.place] = Motion(spots, self.sensitivity.hits[at[:, 1], at[:, 0]], False, look.unrest)
            self.sensitivity = watch(self.sensitivity, hit, look.dt_s)

    def _places(self, outsides: list[_Outside]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """What is out of range: the number of the look, row and column."""
        eights = np.concatenate([outside.eights for outside in outsides])
        pixels = np.flatnonzero(np.concatenate([outside.inside for outside in outsides]).view(np.uint8) == 0)
        # Division and what is left apart: together they take ten times as long.
        across = self._mask.shape[1] // 8
        rows = eights // across
        columns = (eights - rows * across) * 8
        which = pixels >> 3
        numbers = np.repeat(np.arange(len(outsides)), [outside.count for outside in outsides])
        return numbers, rows.take(which), columns.take(which) + (pixels & 7)

    def _spots(
        self, looks: list[_Look], numbers: NDArray[np.intp], rows: NDArray[np.intp], columns: NDArray[np.intp]
    ) -> list[Spots]:
        """Of each look, from the pixels that are out of range: in cells, the looks below each other in one map of them."""
        places, values = rows * self._size[0] + columns, np.empty(len(rows), np.int16)
        cell_rows, cell_columns = rows >> _CELL_BITS, columns >> _CELL_BITS
        ends = np.searchsorted(numbers, np.arange(len(looks)), side="right").tolist()
        top = 0
        for look, (first, end) in zip(looks, pairwise((0, *ends)), strict=True):
            if first < end:
                values[first:end] = look.seen.reshape(-1).take(places[first:end])
                cell_rows[first:end] += top - cell_rows[first]
                cell_columns[first:end] -= cell_columns[first:end].min()
                top = int(cell_rows[end - 1] + 3) & ~1  # parts do not touch, and are numbered as they would be alone
        cells = np.zeros((top, int(cell_columns.max()) + 1), np.uint8)
        where = cell_rows * cells.shape[1] + cell_columns
        cells.reshape(-1)[where] = 1
        _, labels = cv2.connectedComponents(cells, connectivity=8, ltype=cv2.CV_16U)
        label = labels.take(where)
        over = values - self._highs.take(places)
        beyond = np.where(over > 0, over, values - self._lows.take(places))
        order = np.argsort(label, kind="stable")
        rows, columns, beyond = rows[order], columns[order], beyond[order].astype(np.float64)
        label = label[order]
        starts = np.flatnonzero(np.concatenate([[True], label[1:] != label[:-1]]))
        table, kept = self._table(rows, columns, beyond, starts)
        cuts = np.searchsorted(numbers[order[starts]][kept], np.arange(1, len(looks))).tolist()
        return [Spots(table[first:end]) for first, end in pairwise((0, *cuts, len(table)))]

    def _table(
        self, rows: NDArray[np.intp], columns: NDArray[np.intp], beyond: NDArray[np.float64], starts: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Rows as of Spots, and which of the spots, whose pixels begin at `starts`, they are: those that are whole and real."""
        ends = np.append(starts[1:], len(rows))
        weight = np.abs(beyond)
        weight += 1.0
        mass = np.add.reduceat(weight, starts)
        table = np.empty((8, len(starts)))
        x, y, lefts, tops, rights, bottoms, area, contrast = table
        np.divide(np.add.reduceat(weight * columns, starts), mass, out=x)
        np.divide(np.add.reduceat(weight * rows, starts), mass, out=y)
        lefts[:], rights[:] = np.minimum.reduceat(columns, starts), np.maximum.reduceat(columns, starts)
        tops[:], bottoms[:] = rows[starts], rows[ends - 1]
        np.subtract(ends, starts, out=area)
        np.divide(np.add.reduceat(beyond, starts), area, out=contrast)
        right, bottom = self._size[0] - _BORDER_PX, self._size[1] - _BORDER_PX
        whole = (lefts >= _BORDER_PX) & (tops >= _BORDER_PX) & (rights < right) & (bottoms < bottom)
        real = (area >= _LEAST_AREA_PX) | (np.abs(contrast) >= _BRIGHT_SINGLE)
        contrast += np.sign(contrast) * self._margin[rows[starts], columns[starts]]
        table[4:6] += 1.0 - table[2:4]
        if self._scale > 1:
            table[:2] = (table[:2] + 0.5) * self._scale - 0.5
            table[2:6] *= self._scale
            area *= self._scale * self._scale
        kept = real & whole
        return np.ascontiguousarray(table[:, kept].T), kept

    def _refresh(self, t_s: float, raw: Luma) -> None:
        """Take the oldest waiting picture into the range, and the noise of the newest into the margins."""
        sample = self._late[0][1]
        dt_s = min(t_s - self._refreshed_s, 1.0)
        self._refreshed_s = t_s
        self._try_finely(sample, dt_s)
        near = self._near
        if self._samples % _BLOCK_SAMPLES == 0:
            self._blocks = [np.array(sample), np.array(sample), *self._blocks[:2]]
            cv2.min(self._blocks[-2], sample, near.lows)
            cv2.max(self._blocks[-1], sample, near.highs)
        else:
            for lows, highs in ((self._blocks[0], self._blocks[1]), (near.lows, near.highs)):
                cv2.min(lows, sample, lows)
                cv2.max(highs, sample, highs)
        self._samples += 1
        if self._before is not None:
            self._measure(raw, dt_s)
        if self._blocks:
            self._widen()

    def _try_finely(self, sample: Luma, dt_s: float) -> None:
        """Learn in which tiles pixels stay within their own range, without help of their neighbours'."""
        if self._samples < 2 * _BLOCK_SAMPLES or len(self._blocks) != 4:
            return
        out = self._strays[:, : self._size[0]]
        cv2.min(sample, self._near.highs, out)
        cv2.max(out, self._near.lows, out)
        cv2.absdiff(out, sample, out)
        cv2.threshold(out, _FINE_MARGIN, 255, cv2.THRESH_BINARY, out)
        octets = self._strays.reshape(-1).view(np.uint64)
        words = np.flatnonzero(octets != 0)  # of the numbers themselves it takes five times as long
        width = self._strays.shape[1] // 8
        rows = words // width
        down, across = self.sensitivity.hits.shape
        tiles = rows // self._tile * across + (words - rows * width) // (self._tile // 8)
        strays = np.bincount(tiles, np.bitwise_count(octets[words]) // 8, down * across).reshape(down, across)
        self.sensitivity = learn_fine(self.sensitivity, strays > _STRAY_SHARE * self._tile**2, dt_s)

    def _widen(self) -> None:
        """The ranges with which pictures are compared, from those of the pixels and the margins."""
        margins = np.rint(self.sensitivity.margins).astype(np.uint8)
        self._margin = self._by_pixel(margins)
        self._compare(self.sensitivity.fine)

    def _compare(self, fine: NDArray[np.bool_]) -> None:
        """Set the ranges with which pictures are compared: of a pixel and its neighbours, or of it alone where it is `fine`."""
        self._uses_fine = bool(fine.any())
        cv2.erode(self._near.lows, _NEIGHBOURS, self._lows)
        cv2.dilate(self._near.highs, _NEIGHBOURS, self._highs)
        if self._uses_fine:
            # Copied by mask and then widened: arithmetic under a mask takes forty times as long.
            own = self._by_pixel(fine.astype(np.uint8))
            cv2.copyTo(self._near.lows, own, self._lows)
            cv2.copyTo(self._near.highs, own, self._highs)
        cv2.subtract(self._lows, self._margin, self._lows)
        cv2.add(self._highs, self._margin, self._highs)

    def _by_pixel(self, tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
        whole = np.repeat(np.repeat(tiles, self._tile, axis=1), self._tile, axis=0)
        return whole[: self._size[1], : self._size[0]]

    def _measure(self, raw: Luma, dt_s: float) -> None:
        """Temporal noise a tile, standard deviation in levels, from differences at every few pixels."""
        step, before = _NOISE_STEP_PX // self._scale, self._before
        assert before is not None  # noqa: S101
        rows = raw[::step]
        cv2.absdiff(rows, before[::step], self._changes[: len(rows), : self._size[0]])
        # The first of every few columns: as the low byte of a whole number it is picked at a fifth of the cost.
        picked = self._changes.view(f"<u{step}").astype(np.uint8)
        down, across = self.sensitivity.noise.shape
        noise = cv2.resize(picked, (across, down), interpolation=cv2.INTER_AREA).astype(np.float64) * 0.886
        ranked = np.sort(noise, axis=None)
        middle = float(ranked[(len(ranked) - 1) // 2] + ranked[len(ranked) // 2]) / 2
        self._noise_now = middle if self._noise_now == 0.0 else self._noise_now + 0.1 * (middle - self._noise_now)
        smooth = self._noise_now > _NOISY[self._smooth]
        if smooth != self._smooth:
            self._smooth = smooth
            self._forget(self._last_s)
            return
        self.sensitivity = learn_noise(self.sensitivity, noise * (_SMOOTHED if smooth else 1.0), dt_s)

    def _forget(self, t_s: float) -> None:
        """A new scene: ranges start anew, what the tiles are like is kept."""
        self._blocks, self._samples = [], 0
        self._late.clear()
        self._calm_s = t_s
