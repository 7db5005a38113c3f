"""Plates of GA 36-2018 drawn flat, in millimetres, on any scale. What weather and cameras do to them is `weathering`'s matter."""

from dataclasses import dataclass

import cv2
import numpy as np

from recipe.glyphs import GlyphBank
from recipe.texts import Kind

Image = np.ndarray
GROUNDS = {
    "blue": ((150, 70, 10), (255, 255, 255)),
    "yellow": ((20, 175, 240), (10, 10, 10)),
    "white": ((235, 235, 235), (15, 15, 15)),
    "black": ((25, 25, 25), (240, 240, 240)),
    "green": ((120, 190, 90), (15, 15, 15)),
    "yellow_green": ((110, 190, 80), (15, 15, 15)),
}
RED = (40, 30, 200)


@dataclass(frozen=True, slots=True)
class FlatPlate:
    """A plate seen straight on: the picture (BGR float32 0..255), where its edge lies, and what it says."""

    picture: Image
    text: str
    kind: Kind


def size_mm(kind: Kind) -> tuple[int, int]:
    """Width and height of the plate."""
    if kind.two_lines:
        return (220, 140) if kind.name == "motorcycle" else (440, 220)
    return (480, 140) if kind.name.startswith("energy") else (440, 140)


def boxes_mm(kind: Kind, count: int) -> list[tuple[float, float, float, float]]:
    """x, y, width, height of every glyph."""
    if kind.name == "motorcycle":
        return [(55, 12, 40, 40), (125, 12, 40, 40)] + [(13 + 40 * i, 60, 33, 65) for i in range(count - 2)]
    if kind.two_lines:
        return [(110, 15, 80, 60), (250, 15, 80, 60)] + [(27.5 + 80 * i, 90, 65, 110) for i in range(count - 2)]
    if kind.name.startswith("energy"):
        return [(15.5, 25, 45, 90), (69.5, 25, 43, 90)] + [(161.5 + 52 * i, 25, 43, 90) for i in range(count - 2)]
    if kind.name == "embassy":
        return [(15.5 + 57 * i + (22 if i > 3 else 0), 25, 45, 90) for i in range(count)]
    return [(15.5, 25, 45, 90), (72.5, 25, 45, 90)] + [(151.5 + 57 * i, 25, 45, 90) for i in range(count - 2)]


def dot_mm(kind: Kind) -> tuple[float, float] | None:
    """Middle of the dot between the second and the third glyph."""
    if kind.two_lines or kind.name.startswith("energy"):
        return None
    return (253, 70) if kind.name == "embassy" else (134.5, 70)


def _ground(rng: np.random.Generator, kind: Kind, width: int, height: int) -> Image:
    base = np.array(GROUNDS[kind.colour][0], np.float32) * rng.uniform(0.75, 1.2, 3).astype(np.float32)
    ground = np.empty((height, width, 3), np.float32)
    ground[:] = base
    if kind.colour == "green":
        pale = np.array((225, 240, 225), np.float32)
        fade = np.linspace(1.0, 0.0, height, dtype=np.float32)[:, None, None] ** rng.uniform(0.7, 1.6)
        ground = ground * (1 - fade) + pale * fade
    elif kind.colour == "yellow_green":
        seam = int(width * 0.285)
        ground[:, :seam] = np.array(GROUNDS["yellow"][0], np.float32) * rng.uniform(0.8, 1.15)
    return ground


def _ink_of(rng: np.random.Generator, kind: Kind, index: int, char: str) -> np.ndarray:
    colour = GROUNDS[kind.colour][1]
    if char in "警领使" or (kind.name == "army" and index < 2):
        colour = RED if kind.colour == "white" else colour
    return np.array(colour, np.float32)


def draw_plate(rng: np.random.Generator, bank: GlyphBank, kind: Kind, text: str, scale: float) -> FlatPlate:
    """`text` as a plate of `kind`, `scale` pixels to the millimetre. Stroke, stretch, spacing and paint vary."""
    width_mm, height_mm = size_mm(kind)
    width, height = round(width_mm * scale), round(height_mm * scale)
    picture = _ground(rng, kind, width, height)
    font = int(rng.integers(1 << 20))
    weight = float(rng.normal(0.0, 0.9)) + (-0.4 if kind.name.startswith("energy") else 0.2)
    stretch_w, stretch_h = rng.uniform(0.88, 1.1), rng.uniform(0.92, 1.06)
    strength = rng.uniform(0.82, 1.0)
    shift_x, shift_y = rng.normal(0, 1.5, 2)
    for index, (char, (x, y, w, h)) in enumerate(zip(text, boxes_mm(kind, len(text)), strict=True)):
        gw, gh = max(4, round(w * scale * stretch_w)), max(6, round(h * scale * stretch_h))
        cover = bank.draw(rng, char, gw, gh, weight, font) * strength
        left = round((x + w / 2 + shift_x) * scale - gw / 2 + rng.normal(0, 0.4))
        top = round((y + h / 2 + shift_y) * scale - gh / 2 + rng.normal(0, 0.4))
        left, top = max(0, min(left, width - gw)), max(0, min(top, height - gh))
        part = picture[top : top + gh, left : left + gw]
        part += cover[..., None] * (_ink_of(rng, kind, index, char) - part)
    _furnish(rng, picture, kind, scale)
    return FlatPlate(np.clip(picture, 0, 255), text, kind)


def _furnish(rng: np.random.Generator, picture: Image, kind: Kind, scale: float) -> None:
    """The dot, the rim line, the bolts, now and then a frame that covers the rim, a sticker, a scratch."""
    height, width = picture.shape[:2]
    ink = GROUNDS[kind.colour][1]
    middle = dot_mm(kind)
    if middle and rng.random() < 0.93:
        radius = 5 * scale * rng.uniform(0.7, 1.1)
        cv2.circle(picture, (round(middle[0] * scale), round(middle[1] * scale)), max(1, round(radius)), ink, -1, cv2.LINE_AA)
    if not kind.name.startswith("energy") or rng.random() < 0.3:
        inset = round(rng.uniform(1.5, 5) * scale)
        cv2.rectangle(
            picture, (inset, inset), (width - 1 - inset, height - 1 - inset), ink, max(1, round(rng.uniform(1.5, 4) * scale)), cv2.LINE_AA
        )
    xs = (110, 330) if width / height < 3.3 else (120, 360)
    for x in xs:
        for y in (12, height / scale - 12):
            if rng.random() < 0.55:
                centre = (round((x + rng.normal(0, 6)) * scale), round((y + rng.normal(0, 2)) * scale))
                shade = rng.uniform(20, 230)
                tint = np.clip(shade + rng.normal(0, 12, 3), 0, 255).tolist()
                cv2.circle(picture, centre, max(1, round(rng.uniform(4, 9) * scale)), tint, -1, cv2.LINE_AA)
    if rng.random() < 0.25:
        _frame(rng, picture, scale)


def _frame(rng: np.random.Generator, picture: Image, scale: float) -> None:
    height, width = picture.shape[:2]
    shade = float(rng.choice([15, 40, 120, 190, 230]))
    tint = np.clip(shade + rng.normal(0, 8, 3), 0, 255)
    for side in range(4):
        if rng.random() < 0.75:
            depth = round(rng.uniform(3, 14) * scale)
            part = (
                picture[:depth], picture[height - depth :], picture[:, :depth], picture[:, width - depth :]
            )[side]  # fmt: skip
            part[:] = tint
