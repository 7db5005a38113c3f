"""Characters as distance fields, from the Hei fonts of the system, from strokes drawn here, and from cut-outs of real plates.

A distance field lets one glyph be drawn with any stroke weight and softness. Field: positive inside, in pixels of FIELD_H.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from edgeguard.vision.plate_grammar import ALPHABET, DIGITS, LETTERS

FIELD_W, FIELD_H = 40, 80
PAD = 6
FONTS = (
    ("/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc", 2),
    ("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", 2),
    ("/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc", 0),
    ("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc", 0),
)
LATIN = DIGITS + LETTERS + "O"

# Centre lines of the plate's even-stroke type on a grid 4 wide and 8 high (y down). `~` begins a smoothed line.
STROKES = {
    "0": "~0,2 0,0 4,0 4,8 0,8 0,2", "1": "2,0 2,8", "2": "~0,2 0,0 4,0 4,3 0,8;0,8 4,8", "3": "~0,1.5 .5,0 4,0 4,3.8 1.5,3.8;~1.5,3.8 4,3.8 4,8 0,8 0,6.4",
    "4": "2.6,0 0,5.8 4,5.8;3,3.6 3,8", "5": "3.8,0 .4,0 .2,3.6;~.2,3.6 4,2.6 4,8 0,8 0,6.3", "6": "2.4,0 .3,4.6;~.3,4.2 0,8 4,8 4,3.3 1,3.6 .2,5", "7": "0,0 4,0;4,0 1.6,8",
    "8": "~2,3.8 .2,3.8 .2,0 3.8,0 3.8,3.8 2,3.8;~2,3.8 0,3.8 0,8 4,8 4,3.8 2,3.8", "9": "1.6,8 3.7,3.4;~3.7,3.8 4,0 0,0 0,4.7 3,4.4 3.8,3",
    "A": "0,8 2,0;2,0 4,8;.7,5.4 3.3,5.4", "B": "0,0 0,8;~0,0 3.9,0 3.9,3.8 0,3.8;~0,3.8 4,3.8 4,8 0,8", "C": "~4,2.2 4,0 0,0 0,8 4,8 4,5.8", "D": "0,0 0,8;~0,0 4,0 4,8 0,8",
    "E": "4,0 0,0;0,0 0,8;0,8 4,8;0,3.9 3.4,3.9", "F": "4,0 0,0;0,0 0,8;0,3.9 3.4,3.9", "G": "~4,2.2 4,0 0,0 0,8 4,8 4,5;4,4.4 2.2,4.4;4,4.4 4,8", "H": "0,0 0,8;4,0 4,8;0,3.9 4,3.9",
    "J": "~3.6,0 3.6,8 0,8 0,5.6;3.6,0 3.6,4", "K": "0,0 0,8;4,0 0,5;1.4,3.4 4,8", "L": "0,0 0,8;0,8 4,8", "M": "0,8 0,0;0,0 2,5.5;2,5.5 4,0;4,0 4,8", "N": "0,8 0,0;0,0 4,8;4,8 4,0",
    "P": "0,0 0,8;~0,0 4,0 4,4.4 0,4.4", "Q": "~0,2 0,0 4,0 4,8 0,8 0,2;2.3,5.8 4.2,8.2", "R": "0,0 0,8;~0,0 4,0 4,4.1 0,4.1;1.8,4.1 4,8", "S": "~4,1.8 4,0 0,0 0,3.8 4,4 4,8 0,8 0,6.2", "T": "0,0 4,0;2,0 2,8",
    "U": "~0,0 0,8 4,8 4,0;0,0 0,4;4,0 4,4", "V": "0,0 2,8;2,8 4,0", "W": "0,0 1,8;1,8 2,2.5;2,2.5 3,8;3,8 4,0", "X": "0,0 4,8;4,0 0,8", "Y": "0,0 2,4;4,0 2,4;2,4 2,8", "Z": "0,0 4,0;4,0 0,8;0,8 4,8",
    "O": "~0,2 0,0 4,0 4,8 0,8 0,2",
}  # fmt: skip


@dataclass(slots=True)
class GlyphBank:
    """Distance fields by character: `fields[char]` is a list of arrays FIELD_H x FIELD_W, each from another font."""

    fields: dict[str, list[np.ndarray]]

    def draw(self, rng: np.random.Generator, char: str, width: int, height: int, weight: float, font: int) -> np.ndarray:
        """Coverage 0..1 of `char` in a box of height x width. `weight` moves the outline; `font` keeps one plate in one hand."""
        variants = self.fields[char]
        field = variants[font % len(variants)] if rng.random() < 0.8 else variants[int(rng.integers(len(variants)))]
        scaled = cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR)
        softness = FIELD_H / height
        return np.clip((scaled + weight) / softness + 0.5, 0.0, 1.0)


def _field(ink: np.ndarray) -> np.ndarray:
    """Signed distance of a mask (0/255), sampled down to FIELD_H x FIELD_W."""
    inside = cv2.distanceTransform((ink > 127).astype(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((ink <= 127).astype(np.uint8), cv2.DIST_L2, 5)
    signed = (inside - outside) * (FIELD_H / ink.shape[0])
    return cv2.resize(signed, (FIELD_W, FIELD_H), interpolation=cv2.INTER_AREA).astype(np.float32)


def _font_ink(font: ImageFont.FreeTypeFont, char: str) -> np.ndarray:
    page = Image.new("L", (400, 400), 0)
    ImageDraw.Draw(page).text((80, 40), char, font=font, fill=255)
    ink = np.asarray(page)
    ys, xs = np.nonzero(ink > 127)
    return np.ascontiguousarray(ink[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1])


def _boxed(ink: np.ndarray, fill_w: float, even: int) -> np.ndarray:
    """The ink stretched to `fill_w` of the glyph's box, vertical strokes thickened by `even` pixels after the squeeze."""
    width, height = FIELD_W * 4, FIELD_H * 4
    inner = max(8, int((width - 2 * PAD) * fill_w))
    squeezed = cv2.resize(ink, (inner, height - 2 * PAD), interpolation=cv2.INTER_AREA)
    if even:
        squeezed = cv2.dilate(squeezed, np.ones((1, even), np.uint8))
    box = np.zeros((height, width), np.uint8)
    left = (width - inner) // 2
    box[PAD : height - PAD, left : left + inner] = squeezed
    return box


def _smooth(points: np.ndarray) -> np.ndarray:
    for _ in range(2):
        a, b = points[:-1], points[1:]
        cut = np.empty((2 * len(a), 2))
        cut[0::2], cut[1::2] = 0.78 * a + 0.22 * b, 0.22 * a + 0.78 * b
        points = np.vstack((points[:1], cut, points[-1:]))
    return points


def _stroke_ink(program: str, thickness: int) -> np.ndarray:
    width, height = FIELD_W * 4, FIELD_H * 4
    box = np.zeros((height, width), np.uint8)
    half = thickness / 2 + PAD
    scale = np.array([(width - 2 * half) / 4, (height - 2 * half) / 8])
    for line in program.split(";"):
        points = np.array([[float(v) for v in p.split(",")] for p in line.lstrip("~").split()])
        if line.startswith("~"):
            points = _smooth(points)
        pixels = np.round(points * scale + half).astype(np.int32)
        cv2.polylines(box, [pixels], False, 255, thickness, cv2.LINE_AA)
    return box


def font_bank() -> GlyphBank:
    """Every character of the alphabet in every font at hand, evened to various degrees; letters also as plain strokes."""
    fields: dict[str, list[np.ndarray]] = {char: [] for char in ALPHABET}
    for path, index in FONTS:
        if not Path(path).exists():
            raise SystemExit(f"{path} is missing: install fonts-noto-cjk, fonts-wqy-zenhei and fonts-wqy-microhei")
        font = ImageFont.truetype(path, 200, index=index)
        for char in ALPHABET:
            ink = _font_ink(font, char)
            if char == "1":
                fields[char].append(_field(_boxed(ink, 0.45, 0)))
                continue
            fill = 1.0 if char not in "J" else 0.9
            evens = (1, 9, 17) if char not in LATIN else (1, 9)
            fields[char] += [_field(_boxed(ink, fill, even)) for even in evens]
    for char, program in STROKES.items():
        fields[char] += [_field(_stroke_ink(program, thickness)) for thickness in (36, 44, 52) for _ in range(3)]
    return GlyphBank(fields)
