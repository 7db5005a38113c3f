"""How a camera sees, watched over its life: one look a second, and the reference of its view kept over restarts."""

import contextlib
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from edgeguard.camera.video import Luma
from edgeguard.core.blindness import Blindness
from edgeguard.vision.blindness import (
    GRID,
    KEPT,
    Eyesight,
    Look,
    Reference,
    Sign,
    Small,
    judge,
    knows_place,
    stood_before,
    troubles,
)
from edgeguard.vision.long_view import LongView

LOOK_S: Final = 1.0
_SAMPLE_PX: Final = 16
_EDGE_PX: Final = 9
"""So wide an edge may be, px at half size."""
_PEAK_PX: Final = 5
_CLEAR_EDGE: Final = 32
"""Levels: several times what noise adds."""
_FORMAT: Final = 1


def look_at(t_s: float, luma: Luma) -> Look:
    """The few numbers by which a picture's view is judged."""
    rows, columns = GRID
    step = max(1, min(luma.shape[0] // (4 * rows), luma.shape[1] // (4 * columns)))
    part = np.ascontiguousarray(luma[: luma.shape[0] // step * step, :])
    across = cv2.absdiff(part[:, 1:], part[:, :-1])
    halves = cv2.resize(luma, (luma.shape[1] // 2, luma.shape[0] // 2), interpolation=cv2.INTER_AREA)
    sharpness = float(cv2.norm(halves[:, 1:], halves[:, :-1], cv2.NORM_L2)) / (halves.shape[0] * (halves.shape[1] - 1)) ** 0.5
    size = (columns, rows)
    detail = cv2.resize(across, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    levels = cv2.resize(part, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    pixels = np.array(luma[::_SAMPLE_PX, ::_SAMPLE_PX])
    return Look(t_s, levels, detail, sharpness, pixels, _relief(luma), _fineness(np.asarray(halves, np.uint8)))


def _relief(luma: Luma) -> Small:
    """How much there is to see in each cell, whatever the sensor's noise: mean gradient, down and across, with a quarter as one."""
    rows, columns = GRID
    coarse = cv2.resize(luma, (4 * columns, 4 * rows), interpolation=cv2.INTER_AREA)
    steps = np.zeros(coarse.shape, np.float32)
    steps[:, 1:] += cv2.absdiff(coarse[:, 1:], coarse[:, :-1])
    steps[1:] += cv2.absdiff(coarse[1:], coarse[:-1])
    return np.asarray(cv2.resize(steps, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def _fineness(halves: Luma) -> Small:
    """How much of the height of each cell's finest clear edge lies between two px; 0 where there is none.

    Fog, exposure and noise change the height of an edge, and this hardly; a lens out of focus changes this alone.
    """
    steps = np.zeros(halves.shape, np.uint8)
    steps[:, 1:] = cv2.absdiff(halves[:, 1:], halves[:, :-1])
    steps[1:] = np.maximum(steps[1:], cv2.absdiff(halves[1:], halves[:-1]))
    around, beside = (np.ones((px, px), np.uint8) for px in (_EDGE_PX, _PEAK_PX))
    heights = cv2.subtract(cv2.dilate(halves, around), cv2.erode(halves, around))
    # The steepest px alone: beside an edge nothing is fine, and becomes finer when the edge is spread over it.
    is_edge = (heights >= _CLEAR_EDGE) & (steps == cv2.dilate(steps, beside))
    shares = np.where(is_edge, steps / np.maximum(heights, 1).astype(np.float32), np.float32(0))
    firsts = [np.arange(cells) * px // cells for cells, px in zip(GRID, halves.shape, strict=True)]
    return np.asarray(np.maximum.reduceat(np.maximum.reduceat(shares, firsts[0], axis=0), firsts[1], axis=1), np.float32)


class Sight:
    """The eyesight of one camera. `setup` names what the view was set up for: with another one the old view means nothing."""

    def __init__(self, file: Path | None, setup: str) -> None:
        self._file = file
        self._setup = setup
        self._next_s = 0.0
        self.eyes, self._stood = (Eyesight(), _NONE) if file is None else _kept(file, setup)
        self._signs_kept = self._stood

    def see(self, t_s: float, luma: Luma) -> None:
        """A picture has come; most of them are not looked at. `t_s`: seconds of a clock that never goes back."""
        if t_s < self._next_s:
            return
        self._next_s = t_s + LOOK_S
        if self._stood:
            self._stood, self.eyes = _NONE, stood_before(self.eyes, sorted(self._stood), t_s)
        self.eyes = judge(self.eyes, look_at(t_s, luma))
        standing = KEPT.intersection(sign for sign, _ in self.eyes.standing)
        if self._file is not None and (standing != self._signs_kept or not self.eyes.reference_kept):
            _keep(self._file, self._setup, self.eyes, standing)
            self.eyes, self._signs_kept = replace(self.eyes, reference_kept=True), standing

    @property
    def knows_place(self) -> bool:
        """Floors, lanes and masks are where they were drawn; False from the first sign that the camera was moved."""
        return Sign.MOVED not in self._stood and knows_place(self.eyes)

    @property
    def troubles(self) -> Mapping[Blindness, float]:
        """What is wrong with the view, and since which second."""
        return troubles(self.eyes)


_NONE: Final[frozenset[Sign]] = frozenset()
_LONG_MAPS: Final = ("edges", "relief", "levels", "fineness", "clear")


def _keep(file: Path, setup: str, eyes: Eyesight, standing: frozenset[Sign]) -> None:
    """Write the references, and what of the view was wrong; a disk that refuses costs them at the next start and nothing else."""
    arrays: dict[str, np.ndarray] = {"format": np.array(_FORMAT), "setup": np.array(setup)}
    arrays |= {"signs": np.array(sorted(standing), np.str_), "moved": np.array(Sign.MOVED in standing)}
    arrays["light"] = np.array(eyes.light)
    if eyes.left is not None:
        arrays["left"] = eyes.left
    for number, reference in enumerate(eyes.references):
        if reference is not None:
            arrays[f"edges{number}"] = reference.edges
            arrays[f"facts{number}"] = np.array([reference.sharpness, reference.looks, reference.crisp])
            if (long := reference.long) is not None:
                arrays[f"long{number}"] = np.stack([getattr(long, name) for name in _LONG_MAPS])
                arrays[f"longfacts{number}"] = np.array([long.focus, long.looks])
    partial = file.with_name(f".{file.name}.partial")
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as out:
            np.savez(out, allow_pickle=False, **arrays)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(file)


def _kept(file: Path, setup: str) -> tuple[Eyesight, frozenset[Sign]]:
    """The references of before, and what of the view was wrong; nothing where there is no file, where it belongs to another setup,
    or where it is damaged."""
    broken = (OSError, ValueError, KeyError, EOFError, zlib.error, zipfile.BadZipFile)
    with contextlib.suppress(*broken), np.load(file, allow_pickle=False) as kept:
        if int(kept["format"]) != _FORMAT or str(kept["setup"]) != setup:
            return Eyesight(), _NONE
        found: list[Reference | None] = [None, None, None]
        for number in range(3):
            if f"edges{number}" not in kept:
                continue
            edges, facts = kept[f"edges{number}"], kept[f"facts{number}"]
            if edges.shape == GRID and edges.dtype == np.float32 and facts.shape in ((2,), (3,)) and np.isfinite(edges).all():
                # Files of before it was known how crisp a view is hold two facts.
                crisp = float(facts[2]) if facts.size == 3 else 0.0
                found[number] = Reference(edges, float(facts[0]), int(facts[1]), crisp, _kept_long(kept, number))
        if all(reference is None for reference in found):
            return Eyesight(), _NONE
        # Files of before more was kept than a move name no signs.
        names = set(kept["signs"].tolist()) if "signs" in kept else {Sign.MOVED.value} if kept.get("moved") else set()
        eyes = Eyesight((found[0], found[1], found[2]), left=_kept_left(kept), light=_kept_light(kept))
        return eyes, frozenset(sign for sign in KEPT if sign.value in names)
    return Eyesight(), _NONE


def _kept_left(kept: Mapping[str, np.ndarray]) -> Small | None:
    """What of the view was seen last. None where a file of before has none, or a damaged one."""
    left = kept.get("left")
    if left is None or left.shape != GRID or left.dtype != np.float32:
        return None
    return np.where((left >= 0) & (left <= 1), left, np.float32(np.nan))


def _kept_light(kept: Mapping[str, np.ndarray]) -> float:
    """How bright what was seen last was; 0, as by night, where a file of before does not say, or a damaged one."""
    light = kept.get("light")
    known = light is not None and light.shape == () and light.dtype == np.float64 and 0 <= float(light) <= 255
    return float(light) if light is not None and known else 0.0


def _kept_long(kept: Mapping[str, np.ndarray], number: int) -> LongView | None:
    """None where a file of before has none, or a damaged one."""
    if f"long{number}" not in kept or f"longfacts{number}" not in kept:
        return None
    maps, facts = kept[f"long{number}"], kept[f"longfacts{number}"]
    if maps.shape != (len(_LONG_MAPS), *GRID) or maps.dtype != np.float32 or facts.shape != (2,) or not np.isfinite(maps).all():
        return None
    return LongView(maps[0], maps[1], maps[2], maps[3], maps[4], float(facts[0]), int(facts[1]))
