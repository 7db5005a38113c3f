"""Views of a camera, and what may come before its lens: covers, turns, lorries, crowds, fog, lamps. All follows from a seed.

Every happening is a function of one float picture that gives another one; the picture it is given stays as it is.
"""

import math
import os
from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from fall_scene import Grey, Scene, facade, real
from fall_weather import Canvas

DATA: Final = Path(os.environ.get("EDGEGUARD_SHARED") or Path(__file__).parents[2].parent / "shared") / "data"
VIEWS: Final = (
    "plates_abroad/openalpr", "facade/bgs_video02.avi", "facade-50000", "plates/easypr_family_photos", "facade/vtest.avi",
    "plates_abroad/romanian", "facade-50001", "plates_abroad/openlpr_phone", "facade/bgs_video03.avi",
)  # fmt: skip
"""Clips of cameras that stand still, drawn facades, and of folders of pictures of cars the first that is large enough."""
_LEAST_PX: Final = 360
_MOST_PX: Final = 1280
COVERS: Final = (("side", 25.0), ("corner", 90.0), ("blob", 140.0), ("leaf", 50.0))
"""Outline of what covers a lens, and its brightness by day."""


def view(name: str) -> Scene:
    """One of VIEWS."""
    if name.startswith("facade-"):
        # Drawn edges are finer than any lens leaves them.
        drawn = facade(int(name.removeprefix("facade-")), 1280, 720)
        return Scene(name, 1280, 720, 25.0, lambda n: np.asarray(cv2.GaussianBlur(drawn.picture(n), (0, 0), 0.55), np.uint8))
    path = DATA / name
    if path.is_file():
        return real(path, whole=True)
    shown = next(p for file in sorted(path.glob("*.jpg")) if min((p := _read(file)).shape) >= _LEAST_PX)
    height, width = shown.shape
    if width > _MOST_PX:
        size = (_MOST_PX, height * _MOST_PX // width)
        shown = np.asarray(cv2.resize(shown, size, interpolation=cv2.INTER_AREA), np.uint8)
    return Scene(name, shown.shape[1], shown.shape[0], 25.0, lambda n: shown)


def _read(file: Path) -> Grey:
    coded = np.frombuffer(file.read_bytes(), np.uint8)
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)


def cut(picture: Canvas) -> Canvas:
    """Without a tenth on each side: what a turned view shows there was never taken."""
    height, width = picture.shape
    return picture[height // 10 : height - height // 10, width // 10 : width - width // 10]


def _plane(shape: tuple[int, ...], angle: float) -> Canvas:
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return np.asarray(math.cos(angle) * columns + math.sin(angle) * rows, np.float32)


def _soft(part: Canvas, sigma_px: float) -> Canvas:
    return np.asarray(cv2.GaussianBlur(part, (0, 0), sigma_px), np.float32)


def covered(picture: Canvas, outline: str, share: float, level: float, seed: int) -> Canvas:
    """Something close to the lens, out of focus (its edge has a sigma of 2.5 % of the width), over `share` of the picture."""
    height, width = picture.shape
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:72, :128] / 72
    if outline == "side":
        angle = rng.uniform(0, 2 * math.pi)
        far = math.cos(angle) * x + math.sin(angle) * y
    elif outline == "corner":
        far = np.hypot(x - rng.choice([0, 16 / 9]), y - rng.choice([0.0, 1.0]))
    elif outline == "blob":
        right, down = x - rng.uniform(0.4, 1.3), y - rng.uniform(0.3, 0.7)
        far = np.hypot(right, down) / (1 + 0.25 * np.sin(3 * np.arctan2(down, right) + rng.uniform(0, 6)))
    else:
        far = np.abs(x - rng.uniform(0.3, 1.4) + 0.3 * (y - 0.5)) - 0.1 * np.sin(7 * y + rng.uniform(0, 6))
    far = far + 0.3 * cv2.GaussianBlur(rng.normal(0, 1, far.shape), (0, 0), 8)
    hides = cv2.resize((far < np.quantile(far, share)).astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    hides = _soft(np.asarray(hides, np.float32), 0.025 * width)
    shade = cv2.resize(rng.normal(1, 0.12, (3, 4)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(picture + hides * (level * np.asarray(shade) - picture), np.float32)


BOARDS: Final = (("sheet", 10.0), ("sheet", 70.0), ("strip", 60.0), ("strip", 160.0))
"""Outline of what stands before a camera and ends at an edge, and its brightness by day."""


def boarded(picture: Canvas, outline: str, share: float, level: float, seed: int) -> Canvas:
    """A sheet somewhere in the picture, or a strip at one of its borders, without anything to see on it, over `share` of it."""
    height, width = picture.shape
    rng = np.random.default_rng(seed)
    shown = picture.copy()
    if outline == "sheet":
        wide = int(width * min(1.0, math.sqrt(share) * rng.uniform(0.9, 1.3)))
        tall = min(height, int(share * height * width / wide))
    else:
        wide, tall = ((int(width * share), height), (width, int(height * share)))[int(rng.integers(2))]
    left, top = (
        int(rng.uniform(0, room + 1)) if outline == "sheet" else room * int(rng.integers(2))
        for room in (width - wide, height - tall)
    )
    shown[top : top + tall, left : left + wide] = level * (1 + 0.03 * np.linspace(-1, 1, wide, dtype=np.float32))
    return shown


def wrapped(picture: Canvas, level: float, seed: int) -> Canvas:
    """Nothing but what is put over the lens, a fifth brighter here and darker there."""
    height, width = picture.shape
    shade = np.random.default_rng(seed).normal(1, 0.2, (3, 4)).astype(np.float32)
    return np.asarray(level * cv2.resize(shade, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def clocked(picture: Canvas, second: float) -> Canvas:
    """With the clock and the name that a camera writes over what it sees."""
    height, width = picture.shape
    shown, scale = picture.copy(), min(height / 800, width / 1100)
    stroke = max(1, round(2 * scale))
    clock = f"2026-11-27 Fri 10:{second // 60 % 60:02.0f}:{second % 60:02.0f}"
    for text, place in ((clock, (width // 50, height * 6 // 100)), ("Camera 01", (width * 3 // 4, height * 96 // 100))):
        for grey, wide in ((0.0, 3 * stroke), (255.0, stroke)):
            cv2.putText(shown, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (grey,), wide, cv2.LINE_AA)
    return shown


def settled(picture: Canvas, depth: float, seed: int) -> Canvas:
    """Snow on the ground, the lower half or two thirds of the picture; of what lies under it 1 - `depth` is seen."""
    height, width = picture.shape
    rng = np.random.default_rng(seed)
    tops = np.linspace(rng.uniform(0.3, 0.55), rng.uniform(0.3, 0.55), width, dtype=np.float32) * height
    lies = (np.arange(height, dtype=np.float32)[:, None] >= tops) * depth
    return np.asarray(picture + lies * (215 - picture), np.float32)


def turned(picture: Canvas, turn_deg: float, zoom: float) -> Canvas:
    """The camera turned about its axis, or zoomed. What lies outside of the picture is mirrored."""
    height, width = picture.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn_deg, zoom)
    way, border = cv2.INTER_AREA, cv2.BORDER_REFLECT_101
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height), flags=way, borderMode=border), np.float32)


def lorry(picture: Canvas, share: float, seed: int) -> Canvas:
    """The flat side of a lorry with its ribs, lettering and wheels, over `share` of the picture."""
    height, width = picture.shape
    rng = np.random.default_rng(seed)
    wide = int(width * min(1.0, math.sqrt(share) * rng.uniform(0.9, 1.3)))
    tall = min(int(0.97 * height), int(share * height * width / wide))
    left, top = int(rng.uniform(0, width - wide + 1)), max(0, int((height - tall) * rng.uniform(0.3, 1)))
    level = float(rng.uniform(50, 220))
    shown = picture.copy()
    side = shown[top : top + tall, left : left + wide]
    side[:] = level + np.linspace(-12, 12, tall)[:, None]
    for rib in range(0, wide, max(6, wide // 14)):
        side[:, rib : rib + 2] -= 25
    cv2.putText(side, "LOGISTIK", (wide // 10, tall // 2), 0, wide / 260, (255 - level,), max(1, wide // 120))
    for axle in (0.2, 0.35, 0.8):
        cv2.circle(shown, (left + int(wide * axle), min(height - 1, top + tall)), max(4, tall // 9), (25.0,), -1)
    return shown


@lru_cache(maxsize=1)
def _cars() -> tuple[Grey, ...]:
    files = sorted((DATA / "plates_abroad" / "openlpr_web").glob("*.jpg"))
    return tuple(_read(file) for file in files[:: max(1, len(files) // 30)])


def parked(picture: Canvas, share: float, seed: int) -> Canvas:
    """Cars, cut from pictures of cars, over `share` of the picture and mostly in its lower part."""
    height, width = picture.shape
    rng = np.random.default_rng(seed)
    shown, hidden = picture.copy(), np.zeros(picture.shape, bool)
    for _ in range(200):
        if hidden.mean() >= share:
            break
        wide = int(width * rng.uniform(0.12, 0.28))
        tall = int(0.7 * wide)
        left, top = int(rng.uniform(0, width - wide)), int((height - tall) * rng.triangular(0.1, 0.9, 1.0))
        car = cv2.resize(_cars()[int(rng.integers(len(_cars())))], (wide, tall), interpolation=cv2.INTER_AREA)
        body = np.zeros((tall, wide), np.uint8)
        cv2.ellipse(body, (wide // 2, tall // 2), (int(wide * 0.49), int(tall * 0.47)), 0, 0, 360, (1,), -1)
        place = np.s_[top : top + tall, left : left + wide]
        shown[place] = np.where(body > 0, car, shown[place])
        hidden[place] |= body > 0
    return shown


def fog(picture: Canvas, far: float, near: float) -> Canvas:
    """Of the contrast at the top of the picture `far` is left, at its bottom `near`."""
    return np.asarray(180 + (picture - 180) * np.linspace(far, near, picture.shape[0], dtype=np.float32)[:, None], np.float32)


def fog_bank(picture: Canvas) -> Canvas:
    """Nothing is seen above a height, everything below."""
    left = np.clip((np.arange(picture.shape[0]) / picture.shape[0] - 0.35) / 0.3, 0, 1).astype(np.float32)
    return np.asarray(185 + (picture - 185) * left[:, None], np.float32)


def sunlit(picture: Canvas, seed: int) -> Canvas:
    """The shadow of a house over a part of the picture."""
    rng = np.random.default_rng(seed)
    across = _plane(picture.shape, rng.uniform(0, math.pi))
    shadow = (across < np.quantile(across, rng.uniform(0.3, 0.7))).astype(np.float32)
    return np.asarray(picture * (1 - 0.6 * _soft(shadow, 2.0)), np.float32)


def lamps(shape: tuple[int, ...], seed: int, number: int) -> Canvas:
    """How bright street lamps make each px, by day 1.0."""
    height, width = shape
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    lit = np.full((height, width), 0.12, np.float32)
    for _ in range(number):
        x, y, reach_px = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.12, 0.3) * width
        lit += rng.uniform(0.5, 1.2) * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * reach_px**2))
    return np.asarray(0.45 * lit, np.float32)


def glare(picture: Canvas, seed: int) -> Canvas:
    """Headlights that shine into the lens."""
    height, width = picture.shape
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    far = np.hypot(columns - rng.uniform(0.2, 0.8) * width, rows - rng.uniform(0.3, 0.8) * height) / width
    return np.asarray(np.clip(picture + 400 * np.exp(-((far / 0.15) ** 2)) + 60 * np.exp(-((far / 0.45) ** 2)), 0, 255), np.float32)
