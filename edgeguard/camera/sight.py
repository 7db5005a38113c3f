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
from edgeguard.vision.blindness import GRID, Eyesight, Look, Reference, judge, knows_place, moved_before

LOOK_S: Final = 1.0
_SAMPLE_PX: Final = 16
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
    return Look(t_s, levels, detail, sharpness, np.array(luma[::_SAMPLE_PX, ::_SAMPLE_PX]))


class Sight:
    """The eyesight of one camera. `setup` names what the view was set up for: with another one the old view means nothing."""

    def __init__(self, file: Path | None, setup: str) -> None:
        self._file = file
        self._setup = setup
        self._next_s = 0.0
        self._size = (0, 0)
        self.eyes, self._was_moved = (Eyesight(), False) if file is None else _kept(file, setup)
        self._moved_kept = self._was_moved

    def see(self, t_s: float, luma: Luma) -> None:
        """A picture has come; most of them are not looked at. `t_s`: seconds of a clock that never goes back."""
        if t_s < self._next_s:
            return
        self._next_s = t_s + LOOK_S
        if self._was_moved:
            self._was_moved, self.eyes = False, moved_before(self.eyes, t_s)
        self.eyes = judge(self.eyes, look_at(t_s, luma))
        is_moved = Blindness.MOVED in self.troubles
        if self._file is not None and (is_moved is not self._moved_kept or not self.eyes.reference_kept):
            _keep(self._file, self._setup, self.eyes, is_moved)
            self.eyes, self._moved_kept = replace(self.eyes, reference_kept=True), is_moved

    @property
    def knows_place(self) -> bool:
        """Floors, lanes and masks are where they were drawn; False from the first sign that the camera was moved."""
        return not self._was_moved and knows_place(self.eyes)

    @property
    def troubles(self) -> Mapping[Blindness, float]:
        """What is wrong with the view, and since which second."""
        return dict(self.eyes.standing)


def _keep(file: Path, setup: str, eyes: Eyesight, is_moved: bool) -> None:
    """Write the references, and whether the camera was moved; a disk that refuses costs them at the next start and nothing else."""
    arrays: dict[str, np.ndarray] = {"format": np.array(_FORMAT), "setup": np.array(setup), "moved": np.array(is_moved)}
    for number, reference in enumerate(eyes.references):
        if reference is not None:
            arrays[f"edges{number}"] = reference.edges
            arrays[f"facts{number}"] = np.array([reference.sharpness, reference.looks, reference.crisp])
    partial = file.with_name(f".{file.name}.partial")
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as out:
            np.savez(out, allow_pickle=False, **arrays)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(file)


def _kept(file: Path, setup: str) -> tuple[Eyesight, bool]:
    """The references of before, and whether the camera had been moved; nothing where there is no file, where it belongs to
    another setup, or where it is damaged."""
    broken = (OSError, ValueError, KeyError, EOFError, zlib.error, zipfile.BadZipFile)
    with contextlib.suppress(*broken), np.load(file, allow_pickle=False) as kept:
        if int(kept["format"]) != _FORMAT or str(kept["setup"]) != setup:
            return Eyesight(), False
        found: list[Reference | None] = [None, None, None]
        for number in range(3):
            if f"edges{number}" not in kept:
                continue
            edges, facts = kept[f"edges{number}"], kept[f"facts{number}"]
            if edges.shape == GRID and edges.dtype == np.float32 and facts.shape in ((2,), (3,)) and np.isfinite(edges).all():
                # Files of before it was known how crisp a view is hold two facts.
                found[number] = Reference(edges, float(facts[0]), int(facts[1]), *map(float, facts[2:]))
        is_moved = "moved" in kept and bool(kept["moved"]) and any(reference is not None for reference in found)
        return Eyesight((found[0], found[1], found[2])), is_moved
    return Eyesight(), False
