"""Backgrounds: real clips in motion, and facades drawn from a seed. Grey pictures, endless, one a call."""

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

SHARED: Final = Path(os.environ.get("EDGEGUARD_SHARED") or Path(__file__).parents[2].parent / "shared")

REAL_TUNING: Final = (
    "V_BIRD_001.mp4", "V_BIRD_007.mp4", "V_BIRD_011.mp4", "V_BIRD_015.mp4", "V_BIRD_019.mp4", "V_BIRD_023.mp4",
    "V_BIRD_027.mp4", "V_BIRD_031.mp4", "V_BIRD_047.mp4", "bgs_video.avi", "intel_one-by-one-person-detection.mp4",
)  # fmt: skip
REAL_MORE: Final = (
    "V_BIRD_029.mp4", "V_BIRD_035.mp4", "V_BIRD_037.mp4", "V_BIRD_039.mp4", "V_BIRD_043.mp4", "V_BIRD_045.mp4", "V_BIRD_049.mp4",
    "V_BIRD_051.mp4", "V_AIRPLANE_043.mp4", "bgs_video02.avi", "bgs_video03.avi", "IR_AIRPLANE_003.mp4", "IR_BIRD_005.mp4",
    "IR_BIRD_009.mp4", "IR_BIRD_023.mp4", "IR_BIRD_025.mp4", "IR_BIRD_029.mp4", "IR_BIRD_033.mp4", "IR_BIRD_039.mp4",
)  # fmt: skip
"""In neither of the sets above; only for tuning."""
REAL_REPORT: Final = (
    "V_BIRD_003.mp4", "V_BIRD_009.mp4", "V_BIRD_013.mp4", "V_BIRD_017.mp4", "V_BIRD_021.mp4", "V_BIRD_025.mp4",
    "V_BIRD_033.mp4", "V_BIRD_041.mp4", "V_HELICOPTER_003.mp4", "intel_car-detection.mp4", "vtest.avi",
)  # fmt: skip


_SMALL: Final = (640, 360)
_STILL_PX: Final = 0.3
_UNSURE: Final = 0.1
"""Peak of the phase correlation; a sky has nothing to hold on to."""
_JUMP_LEVELS: Final = 4.0
"""From one picture to the next half of the view changes so much only where a clip is cut, or a thermal camera sets itself anew."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A background: its size, pictures a second, and what makes its pictures (number -> picture, not to be written to)."""

    name: str
    width: int
    height: int
    fps: float
    picture: Callable[[int], Grey]


def real(path: Path, size: tuple[int, int] | None = None, pictures: int = 300, *, whole: bool = False) -> Scene:
    """The standing part of a clip, or the `whole` of it, played forwards and backwards for as long as it takes, so that nothing
    jumps."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        fps = min(float(stream.average_rate or 25), 30.0)
        frames: list[Grey] = []
        for frame in container.decode(stream):
            grey = _grey(frame)
            frames.append(grey if size is None else np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8))
            if len(frames) >= pictures:
                break
    small = [np.asarray(cv2.resize(frame, _SMALL, interpolation=cv2.INTER_AREA), np.uint8) for frame in frames]
    first, last = (0, len(frames)) if whole else _standing(small, fps)
    there_and_back = _there_and_back(frames[first:last])
    height, width = frames[0].shape
    return Scene(path.stem, width, height, fps, lambda n: there_and_back[n % len(there_and_back)])


def part_of(path: Path, seed: int, size: tuple[int, int], pictures: int = 250) -> Scene:
    """The standing part of a clip, of which a part chosen by `seed` fills the picture, mirrored or not."""
    rng = np.random.default_rng(seed)
    turned = rng.random() < 0.5
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        fps = min(float(stream.average_rate or 25), 30.0)
        box = _box(rng, stream.codec_context.width, stream.codec_context.height, size)
        frames: list[Grey] = []
        small: list[Grey] = []
        for frame in container.decode(stream):
            grey = _grey(frame)
            frames.append(_cut(grey, box, size, turned))
            small.append(np.asarray(cv2.resize(grey, _SMALL, interpolation=cv2.INTER_AREA), np.uint8))
            if len(frames) >= pictures:
                break
    first, last = _standing(small, fps)
    there_and_back = _there_and_back(frames[first:last])
    return Scene(path.stem, *size, fps, lambda n: there_and_back[n % len(there_and_back)])


def _there_and_back(frames: list[Grey]) -> list[Grey]:
    return [*frames, *frames[-2:0:-1]]


def _standing(small: list[Grey], fps: float) -> tuple[int, int]:
    """First and last + 1 of the longest stretch in which the camera stands still; many clips of birds follow them or are cut, as no
    camera before a facade does. A step is a fifth of a second; a bird that flies through is two steps of motion at most."""
    step = max(1, round(fps / 5))
    shown = [frame.astype(np.float32) for frame in small[::step]]
    fine = [frame - cv2.GaussianBlur(frame, (0, 0), 8) for frame in shown]
    window = cv2.createHanningWindow(_SMALL, cv2.CV_32F)
    moves = [cv2.phaseCorrelate(one, other, window) for one, other in pairwise(fine)]
    stands = [response < _UNSURE or math.hypot(*shift) < _STILL_PX for shift, response in moves]
    coarse = [cv2.resize(frame, (64, 36), interpolation=cv2.INTER_AREA).astype(np.float32) for frame in small]
    jumps = {n // step for n, (one, other) in enumerate(pairwise(coarse)) if np.median(np.abs(other - one)) > _JUMP_LEVELS}
    best, begin = (0, 0), 0
    for n in range(len(stands) + 1):
        if n == len(stands) or n in jumps or not any(stands[n : n + 3]):
            best = max(best, (begin, n), key=lambda run: run[1] - run[0])
            begin = n + 1
    return best[0] * step, max(best[1] * step, best[0] * step + 1)


def held(path: Path, seed: int, size: tuple[int, int], fps: float = 25.0) -> Scene:
    """One picture of a clip, standing still: what is behind most facade cameras. Bushes stir in some, light drifts in others."""
    rng = np.random.default_rng(seed)
    turned = rng.random() < 0.5
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        number, shown = int(rng.integers(0, 50)), None
        for i, frame in enumerate(container.decode(stream)):
            shown = _grey(frame)
            if i >= number:
                break
    assert shown is not None
    still = _cut(shown, _box(rng, shown.shape[1], shown.shape[0], size), size, turned).astype(np.float32)
    still += cv2.GaussianBlur(rng.normal(0, 1, still.shape).astype(np.float32), (0, 0), 0.8) * float(rng.uniform(0, 8))
    bush = _bush(rng, still) if rng.random() < 0.5 else None
    drift, pace = float(rng.uniform(0, 6)), float(rng.uniform(0.1, 0.8))

    def picture(n: int) -> Grey:
        t_s = n / fps
        moved = still if bush is None else bush(t_s)
        return np.asarray(np.clip(moved + drift * math.sin(pace * t_s), 2, 253), np.uint8)

    return Scene(f"held-{path.stem}", *size, fps, picture)


def _grey(frame: av.VideoFrame) -> Grey:
    return np.asarray(frame.to_ndarray(format="gray"), np.uint8)


def _box(rng: np.random.Generator, width: int, height: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a part with the proportions of `size`."""
    wide = min(width, height * size[0] / size[1]) * rng.uniform(0.6, 1.0)
    tall = wide * size[1] / size[0]
    left, top = rng.uniform(0, width - wide), rng.uniform(0, height - tall)
    return int(left), int(top), int(left + wide), int(top + tall)


def _cut(picture: Grey, box: tuple[int, int, int, int], size: tuple[int, int], turned: bool) -> Grey:
    left, top, right, bottom = box
    part = cv2.resize(picture[top:bottom, left:right], size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.flip(part, 1) if turned else part, np.uint8)


def _bush(rng: np.random.Generator, still: NDArray[np.float32]) -> Callable[[float], NDArray[np.float32]]:
    """A round part of the picture whose leaves stir in gusts."""
    side = int(rng.uniform(0.15, 0.4) * min(still.shape))
    left, top = int(rng.uniform(0, still.shape[1] - side)), int(rng.uniform(0.3, 1.0) * (still.shape[0] - side))
    sway, pace = rng.uniform(0.4, 3.0), rng.uniform(1.5, 4.5)
    leaves = cv2.GaussianBlur(rng.normal(0, 1, (side, side)).astype(np.float32), (0, 0), 1.4)
    crown = still[top : top + side, left : left + side] + leaves * float(rng.uniform(15, 60))
    rows, columns = np.indices(crown.shape, np.float32)
    phase = columns / 13 + rows / 23
    round_part = (rows / side - 0.5) ** 2 + (columns / side - 0.5) ** 2 < 0.24

    def picture(t_s: float) -> NDArray[np.float32]:
        gust = sway * (0.4 + 0.6 * np.sin(0.5 * t_s) ** 2)
        across = columns + (gust * np.sin(pace * t_s + phase)).astype(np.float32)
        down = rows + (0.6 * gust * np.sin(1.5 * pace * t_s + 1.7 * phase)).astype(np.float32)
        moved = cv2.remap(crown, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        whole = still.copy()
        whole[top : top + side, left : left + side][round_part] = moved[round_part]
        return whole

    return picture


def facade(seed: int, width: int, height: int, fps: float = 25.0) -> Scene:
    """A drawn block of flats: storeys, windows with dark and light panes, balconies, plaster or tiles, sky, a tree that sways."""
    rng = np.random.default_rng(seed)
    wall = float(rng.uniform(90, 190))
    picture = np.full((height, width), wall, np.float32)
    grain = cv2.GaussianBlur(rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), float(rng.uniform(0.6, 2.0)))
    picture += grain * rng.uniform(4, 12)
    storey = int(rng.uniform(0.045, 0.13) * height)
    bay = int(storey * rng.uniform(0.9, 1.6))
    for top in range(int(rng.uniform(0, storey)), height, storey):
        picture[top : top + max(1, storey // 12)] -= rng.uniform(5, 30)
        for left in range(int(rng.uniform(0, 0.5) * bay), width, bay):
            _window(rng, picture, left + bay // 5, top + storey // 4, int(bay * 0.55), int(storey * 0.6))
    if rng.random() < 0.6:
        sky = int(rng.uniform(0.02, 0.2) * height)
        picture[:sky] = np.linspace(rng.uniform(190, 235), rng.uniform(200, 240), sky)[:, None]
    picture += np.linspace(rng.uniform(-25, 25), rng.uniform(-25, 25), width)[None, :]
    still = np.clip(picture, 5, 250)
    tree = _tree(rng, width, height) if rng.random() < 0.5 else None
    return Scene(f"facade-{seed}", width, height, fps, lambda n: _swaying(still, tree, n / fps))


def _window(rng: np.random.Generator, picture: NDArray[np.float32], left: int, top: int, width: int, height: int) -> None:
    pane = picture[top : top + height, left : left + width]
    if pane.shape[0] < 4 or pane.shape[1] < 4:
        return
    pane[:] = rng.choice([rng.uniform(25, 70), rng.uniform(60, 130), rng.uniform(150, 230)], p=[0.55, 0.3, 0.15])
    pane += np.linspace(0, rng.uniform(-25, 25), pane.shape[0], dtype=np.float32)[:, None]
    pane[:, pane.shape[1] // 2] += 60
    if rng.random() < 0.3:
        picture[top + height : top + height + max(2, height // 4), max(0, left - 3) : left + width + 3] = rng.uniform(60, 220)


def _tree(rng: np.random.Generator, width: int, height: int) -> tuple[NDArray[np.float32], int, int, float]:
    side = int(rng.uniform(0.15, 0.35) * width)
    leaves = cv2.GaussianBlur(rng.normal(0, 1, (side, side)).astype(np.float32), (0, 0), 1.5) * 60 + 60
    return leaves.astype(np.float32), int(rng.uniform(0, width - side)), height - side, float(rng.uniform(0.3, 2.0))


def _swaying(still: NDArray[np.float32], tree: tuple[NDArray[np.float32], int, int, float] | None, t_s: float) -> Grey:
    if tree is None:
        return still.astype(np.uint8)
    leaves, left, top, sway = tree
    rows, columns = np.indices(leaves.shape, np.float32)
    phase = columns / 17 + rows / 29
    moved = cv2.remap(
        leaves,
        columns + (sway * np.sin(2.1 * t_s + phase)).astype(np.float32),
        rows + (0.6 * sway * np.sin(3.3 * t_s + 1.7 * phase)).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    picture = still.copy()
    crown = (rows / leaves.shape[0] - 0.5) ** 2 + (columns / leaves.shape[1] - 0.5) ** 2 < 0.24
    area = picture[top : top + leaves.shape[0], left : left + leaves.shape[1]]
    area[crown] = moved[crown]
    return np.clip(picture, 5, 250).astype(np.uint8)


def clips(names: tuple[str, ...]) -> Iterator[Path]:
    """Those of the real clips that are at hand."""
    return (path for name in names if (path := SHARED / "data" / "facade" / name).exists())
