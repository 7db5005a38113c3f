"""Plates that no Chinese authority gives, drawn flat: what the reader must not read. Their letters lie as close to Chinese ones as they
come, since it is those that are mistaken: white on black or blue, seven or eight characters, a mark or a crest at the left edge."""

import cv2
import numpy as np

from recipe.glyphs import LATIN, GlyphBank
from recipe.texts import DIGITS, LETTERS

Image = np.ndarray
PATTERNS = (
    "LLL DDDD", "LL DDD LL", "LLL DDDL", "L DDDD LL", "DDD LLL", "LL LL DDDD", "DD LLL DD", "LLDD LLL", "LLLDLDD", "DDDD LLL",
    "LL DDDDD", "DDDDDDD", "LLL DDDL", "LLL DDDL", "LLLDDDL", "L LLDDDD", "LL DDDD", "LLL DDD", "L DDD LLL", "LLDDDD", "DDD DD DDD", "LLL DDL", "DDDLLDD", "LLLL DDD", "L DDDDDD",
)  # fmt: skip
"""L a letter, D a digit; where a blank stands there is a gap, a dash or a dot."""
GROUNDS = (
    (0.36, (235, 235, 235), ((15, 15, 15), (120, 40, 20), (40, 30, 160), (60, 110, 20))),
    (0.12, (20, 190, 240), ((10, 10, 10), (30, 20, 140))),
    (0.42, (25, 25, 25), ((240, 240, 240), (190, 190, 190), (60, 200, 240))),
    (0.08, (150, 70, 20), ((250, 250, 250), (60, 200, 240))),
    (0.05, (60, 110, 30), ((245, 245, 245), (230, 240, 230))),
    (0.04, (40, 30, 180), ((250, 250, 250),)),
    (0.05, (170, 170, 170), ((20, 20, 20), (60, 30, 20))),
)
"""Share, ground and inks, BGR."""
SIZES_MM = ((520, 110), (440, 120), (400, 130), (350, 110), (305, 155), (280, 200))


def draw_abroad(rng: np.random.Generator, bank: GlyphBank, scale: float) -> Image:
    """One plate, `scale` pixels to the millimetre; BGR float32."""
    shares = np.array([share for share, _, _ in GROUNDS])
    _, ground, inks = GROUNDS[int(rng.choice(len(GROUNDS), p=shares / shares.sum()))]
    ink = np.array(inks[int(rng.integers(len(inks)))], np.float32)
    width_mm, height_mm = SIZES_MM[int(rng.integers(len(SIZES_MM)))]
    width, height = round(width_mm * scale), round(height_mm * scale)
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = np.array(ground, np.float32) * rng.uniform(0.75, 1.1, 3).astype(np.float32)
    left = _band(rng, picture) if rng.random() < 0.3 else 0.02
    text = _text(rng)
    lines = [text]
    if width < 1.9 * height:
        lines = text.split(" ", 1) if " " in text else [text[:3], text[3:]]
    lettering = rng.random() < 0.35
    top = 0.22 if lettering else rng.uniform(0.04, 0.16)
    if lettering:
        small = "".join(LETTERS[int(rng.integers(len(LETTERS)))] for _ in range(int(rng.integers(4, 12))))
        span = rng.uniform(0.2, 0.5)
        _write(rng, bank, picture, small, ink, (0.5 - span / 2, 0.04, 0.5 + span / 2, 0.17))
    step = (0.97 - top) / len(lines)
    for index, line in enumerate(lines):
        inset = rng.uniform(0.0, 0.05)
        _write(rng, bank, picture, line, ink, (left + inset, top + index * step, 0.98 - inset, top + (index + 1) * step - 0.04))
    if rng.random() < 0.5:
        edge = max(1, round(rng.uniform(1, 3) * scale))
        cv2.rectangle(picture, (edge, edge), (width - 1 - edge, height - 1 - edge), ink.tolist(), edge, cv2.LINE_AA)
    return np.clip(picture, 0, 255)


def _text(rng: np.random.Generator) -> str:
    pattern = PATTERNS[int(rng.integers(len(PATTERNS)))]
    some = {"L": LETTERS, "D": DIGITS}
    return "".join(some[mark][int(rng.integers(len(some[mark])))] if mark in some else mark for mark in pattern)


def _band(rng: np.random.Generator, picture: Image) -> float:
    """A coloured band or a crest at the left edge; where the text may begin, as a share of the width."""
    height, width = picture.shape[:2]
    share = rng.uniform(0.07, 0.13)
    tint = rng.uniform(10, 240, 3)
    if rng.random() < 0.6:
        picture[:, : round(share * width)] = tint
        tint = rng.uniform(10, 240, 3)
    for _ in range(int(rng.integers(1, 6))):
        centre = (rng.uniform(0.2, 0.8) * share * width, rng.uniform(0.15, 0.85) * height)
        axes = (max(1, round(rng.uniform(0.1, 0.4) * share * width)), max(1, round(rng.uniform(0.04, 0.2) * height)))
        at = (round(centre[0]), round(centre[1]))
        cv2.ellipse(picture, at, axes, rng.uniform(0, 180), 0, rng.uniform(150, 360), tint.tolist(), int(rng.choice([-1, 1, 2])), cv2.LINE_AA)
    return float(share)


def _write(rng: np.random.Generator, bank: GlyphBank, picture: Image, text: str, ink: np.ndarray, box: tuple[float, float, float, float]) -> None:
    """The text across the box, given as shares of the picture."""
    height, width = picture.shape[:2]
    x1, y1, x2, y2 = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    gap = rng.uniform(0.3, 0.9)
    units = sum(gap if char == " " else 1.0 for char in text)
    pitch = (x2 - x1) / units
    font, weight, filled = int(rng.integers(1 << 20)), float(rng.normal(0, 1.2)), rng.uniform(0.7, 0.95)
    between = rng.random()
    high = max(5, round(min(y2 - y1, pitch * rng.uniform(1.3, 2.6))))
    top = round((y1 + y2 - high) / 2)
    at = x1
    for char in text:
        if char == " ":
            middle = (round(at + gap * pitch / 2), top + high // 2)
            if between < 0.3:
                reach = max(1, round(0.25 * gap * pitch))
                cv2.line(picture, (middle[0] - reach, middle[1]), (middle[0] + reach, middle[1]), ink.tolist(), max(1, high // 12))
            elif between < 0.5:
                cv2.circle(picture, middle, max(1, high // 14), ink.tolist(), -1, cv2.LINE_AA)
            at += gap * pitch
            continue
        wide = max(3, round(pitch * filled * (0.6 if char in "1I" else 1.0)))
        cover = bank.draw(rng, char if char in LATIN else "0", wide, high, weight, font)
        left = max(0, min(round(at + (pitch - wide) / 2), width - wide))
        part = picture[max(0, top) : top + high, left : left + wide]
        part += cover[: part.shape[0], : part.shape[1], None] * (ink - part)
        at += pitch
