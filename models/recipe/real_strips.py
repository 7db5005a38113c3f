"""Real pictures cut and shaken into strips for the reader, and the held-out ones cut as at run time."""

from dataclasses import dataclass

import cv2
import numpy as np

from edgeguard.vision.plate_geometry import homography, strip_corners
from recipe.corpus import (
    ABROAD_TRAIN,
    PHOTOS,
    SHARED,
    Labelled,
    held_out,
    held_plates,
    labelled,
    load,
    negatives,
    rows_of,
)
from recipe.reader_net import INPUT_H, INPUT_W
from recipe.reader_samples import CUT_LEFT, CUT_LEFT_BY
from recipe.shards import COLOURS, NO_PLATE, encode
from recipe.weathering import lens, rain, sensor, smooth_noise

Image = np.ndarray
NO_COLOUR = -1


@dataclass(slots=True)
class RealStrip:
    """A real picture around one plate: the picture, the plate's corners in it (None: the whole picture is the crop), its labels.

    `plate` is the label as given, which decides the side of the split; `shown` is what can be read, and what is learned."""

    picture: Image
    corners: np.ndarray | None
    source: str
    plate: str
    shown: str
    labels: np.ndarray


def _colour(row: Labelled, picture: Image, corners: np.ndarray | None) -> int:
    if row.colour:
        return COLOURS.index(row.colour) if row.colour != "green" or len(row.shown) == 8 else NO_COLOUR
    return NO_COLOUR


def _cut(picture: Image, corners: np.ndarray) -> tuple[Image, np.ndarray]:
    """The neighbourhood of the corners only, to save memory."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    pad = 0.4 * (high - low)
    x1, y1 = np.maximum(low - pad, 0).astype(int)
    x2, y2 = (high + pad).astype(int)
    part = picture[y1:y2, x1:x2]
    zoom = min(1.0, 420 / part.shape[1])
    if zoom < 1.0:
        part = cv2.resize(part, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    return part.copy(), (corners - (x1, y1)) * zoom


def strips_of(source: str) -> list[RealStrip]:
    """Every labelled plate of a set; photos without corners are left out."""
    found = []
    for row in labelled(source):
        if source == PHOTOS and row.corners is None:
            continue
        picture, corners = load(row.path), row.corners
        colour = _colour(row, picture, corners)
        if corners is not None:
            picture, corners = _cut(picture, corners)
        labels = np.array([*encode(row.shown), colour], np.int16)
        found.append(RealStrip(picture, corners, source, row.plate, row.shown, labels))
    return found


def split(strips: list[RealStrip]) -> tuple[list[RealStrip], list[RealStrip]]:
    """(for training, held out), by plate. What nobody can read, or shows a plate of the other side, is not learned."""
    learned = [s for s in strips if s.shown and not held_out(s.plate) and not held_out(s.shown) and s.shown not in held_plates()]
    return learned, [s for s in strips if held_out(s.plate)]


def foreign_strips() -> list[RealStrip]:
    """What is not a Chinese plate: crops without any, and plates from abroad."""
    nothing = np.array([*encode(""), NO_PLATE], np.int16)
    found = [RealStrip(load(path), None, "negatives", "", "", nothing) for path in negatives()]
    for source in ABROAD_TRAIN:
        folder = SHARED / "plates_abroad" / source
        for row in rows_of(folder):
            if held_out(row["file"]):
                continue
            corners = np.array([[float(row[f"x{i}"]), float(row[f"y{i}"])] for i in (1, 2, 3, 4)])
            picture, corners = _cut(load(folder / row["file"]), corners)
            if min(picture.shape[:2]) >= 8:
                found.append(RealStrip(picture, corners, source, "", "", nothing))
    return found


def straight(strip: RealStrip) -> Image:
    """The strip as run time would cut it, without any shaking."""
    if strip.corners is None:
        shrink = strip.picture.shape[1] > INPUT_W
        return cv2.resize(strip.picture, (INPUT_W, INPUT_H), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR)
    return rectified(strip.picture, strip.corners)


def rectified(picture: Image, corners: np.ndarray) -> Image:
    """The plate between `corners` as a strip."""
    matrix = homography(corners, strip_corners(INPUT_W, INPUT_H))
    width = float(np.linalg.norm(corners[1] - corners[0]))
    if width > 2.2 * INPUT_W:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.35 * width / INPUT_W)
    return cv2.warpPerspective(picture, matrix, (INPUT_W, INPUT_H), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def shaken(rng: np.random.Generator, strip: RealStrip) -> Image:
    """The strip at another angle, in other light, through a worse lens."""
    picture, corners = strip.picture, strip.corners
    height, width = picture.shape[:2]
    if corners is None:
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float) - 0.5
        grow = rng.normal(0.0, 0.03, (4, 2)) if rng.random() < 0.8 else rng.normal(0.0, 0.08, (4, 2))
        target = np.array([[0, 0], [INPUT_W, 0], [INPUT_W, INPUT_H], [0, INPUT_H]], float) - 0.5
    elif rng.random() < 0.25:
        low, high = corners.min(axis=0), corners.max(axis=0)
        corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])])
        target = np.array([[0, 0], [INPUT_W, 0], [INPUT_W, INPUT_H], [0, INPUT_H]], float) - 0.5
        grow = rng.normal(0.0, 0.03, (4, 2))
    else:
        target = strip_corners(INPUT_W, INPUT_H)
        grow = rng.normal(0.0, 0.03, (4, 2)) + rng.normal(0, 0.03, 2)
    if rng.random() < CUT_LEFT:
        grow[[0, 3], 0] += rng.uniform(*CUT_LEFT_BY)
    span = corners.max(axis=0) - corners.min(axis=0)
    wide = float(np.linalg.norm(corners[1] - corners[0]))
    if wide > 2.2 * INPUT_W:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.35 * wide / INPUT_W)
    turned = np.array(grow) * span * (1.0, 1.6)
    seen = cv2.warpPerspective(
        picture, homography(corners + turned, target), (INPUT_W, INPUT_H), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return _relit(rng, seen)


def _relit(rng: np.random.Generator, seen: Image) -> Image:
    if rng.random() < 0.3:
        small = int(rng.uniform(48, 110))
        seen = cv2.resize(seen, (small, max(12, small // 4)), interpolation=cv2.INTER_AREA)
        seen = cv2.resize(seen, (INPUT_W, INPUT_H), interpolation=cv2.INTER_LINEAR)
    out = seen.astype(np.float32)
    out *= rng.uniform(0.5, 1.35) * rng.uniform(0.85, 1.15, 3).astype(np.float32)
    if rng.random() < 0.3:
        out *= np.clip(1 + smooth_noise(rng, INPUT_H, INPUT_W, 2)[..., None] * 0.4, 0.3, 1.8)
    if rng.random() < 0.3:
        out = 255 * np.clip(out / 255, 0, 1) ** np.float32(rng.uniform(0.6, 1.5))
    if rng.random() < 0.04:
        rain(rng, out)
    return sensor(rng, lens(rng, out, 0.7)) if rng.random() < 0.6 else np.clip(out, 0, 255).astype(np.uint8)
