"""Rendered strips for the reader: a flat plate, worn, seen at an angle before a real backdrop, through a lens and a codec."""

from dataclasses import dataclass

import cv2
import numpy as np

from edgeguard.vision.plate_geometry import homography, line_quads
from recipe.abroad import draw_abroad
from recipe.glyphs import GlyphBank
from recipe.render import draw_plate
from recipe.texts import Kind, draw_kind, draw_text
from recipe.weathering import lens, light, rain, sensor, shadow_edge, wear

Image = np.ndarray
STORE_H, STORE_W = 36, 144
"""Strips are kept a little larger than the reader's input, so that training can shift and zoom them."""


TWO_LINES_BELOW = 2.6
"""A plate from abroad less wide than so many times its height is now and then laid out as one of two lines, as at run time."""
CUT_LEFT = 0.12
"""Share of the one-line strips whose left edge is cut into the first character, as detectors and crops do it."""
CUT_LEFT_BY = (0.02, 0.075)
"""By how much, as shares of the width; the first character ends at 0.14."""
FAINTEST = 7.0
"""Least spread of grey values of a strip that is worth learning."""


@dataclass(slots=True)
class Strip:
    """One training picture with what it says and what plate it is."""

    picture: Image
    text: str
    kind: Kind


@dataclass(slots=True)
class StripMaker:
    """Draws strips without end. `backdrops` are real pictures without plates."""

    bank: GlyphBank
    backdrops: list[Image]

    def make(self, rng: np.random.Generator) -> Strip:
        """One strip of STORE_H x STORE_W; what came out too dark for anybody to read is drawn anew."""
        strip = self._draw(rng)
        while strip.picture.std() < FAINTEST:
            strip = self._draw(rng)
        return strip

    def make_abroad(self, rng: np.random.Generator) -> Image:
        """A strip with a plate that is no Chinese one."""
        while True:
            flat = draw_abroad(rng, self.bank, 0.5)
            wear(rng, flat)
            stacked = flat.shape[1] < TWO_LINES_BELOW * flat.shape[0] and rng.random() < 0.5
            picture = self._two_lines(rng, flat) if stacked else self._one_line(rng, flat)
            if picture.std() >= FAINTEST:
                return picture

    def _draw(self, rng: np.random.Generator) -> Strip:
        kind = draw_kind(rng)
        text = draw_text(rng, kind)
        flat = draw_plate(rng, self.bank, kind, text, 0.5).picture
        wear(rng, flat)
        return Strip(self._two_lines(rng, flat) if kind.two_lines else self._one_line(rng, flat, cut_left=True), text, kind)

    def _backdrop(self, rng: np.random.Generator, width: int, height: int) -> Image:
        picture = self.backdrops[int(rng.integers(len(self.backdrops)))]
        return cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)

    def _one_line(self, rng: np.random.Generator, flat: Image, cut_left: bool = False) -> Image:
        plate_w = int(np.exp(rng.uniform(np.log(46), np.log(200))))
        quad = _quad(rng, plate_w, plate_w * rng.uniform(0.23, 0.36))
        low, high = quad.min(axis=0), quad.max(axis=0)
        span = high - low
        margin = rng.normal((0.02, 0.05), (0.03, 0.06), (2, 2))
        low, high = low - np.clip(margin[0], -0.03, 0.2) * span, high + np.clip(margin[1], -0.03, 0.2) * span
        if cut_left and rng.random() < CUT_LEFT:
            low[0] = quad[:, 0].min() + rng.uniform(*CUT_LEFT_BY) * span[0]
        width, height = max(16, int(high[0] - low[0])), max(8, int(high[1] - low[1]))
        picture = self._seen(rng, flat, quad - low, width, height)
        return cv2.resize(picture, (STORE_W, STORE_H), interpolation=_interpolation(rng, width, STORE_W))

    def _two_lines(self, rng: np.random.Generator, flat: Image) -> Image:
        """As at run time: the plate is found somewhat beside its true corners, and its two lines are laid side by side."""
        plate_w = int(np.exp(rng.uniform(np.log(50), np.log(200))))
        quad = _quad(rng, plate_w, plate_w * rng.uniform(0.42, 0.58))
        low = quad.min(axis=0) - 4
        span = quad.max(axis=0) + 4 - low
        picture = self._seen(rng, flat, quad - low, int(span[0]) + 1, int(span[1]) + 1)
        found = quad - low + rng.normal(0, 0.012 * plate_w, (4, 2))
        return lay_two_lines(picture, found.astype(np.float32), STORE_W, STORE_H)

    def _seen(self, rng: np.random.Generator, flat: Image, quad: np.ndarray, width: int, height: int) -> Image:
        if rng.random() < 0.15:
            shadow_edge(rng, flat)
        ratio = flat.shape[1] / max(np.linalg.norm(quad[1] - quad[0]), 1.0)
        if ratio > 1.5:
            flat = cv2.GaussianBlur(flat, (0, 0), 0.35 * ratio)
        scene = self._backdrop(rng, width, height)
        high, wide = flat.shape[:2]
        there = homography(np.array([[0, 0], [wide, 0], [wide, high], [0, high]], float) - 0.5, quad)
        cv2.warpPerspective(flat, there, (width, height), scene, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)
        scene = light(rng, scene)
        if rng.random() < 0.06:
            rain(rng, scene)
        return sensor(rng, lens(rng, scene, min(1.6, width / 100)))


def lay_two_lines(picture: Image, corners: np.ndarray, width: int, height: int) -> Image:
    """Both lines of a two-line plate side by side, the way the reader is fed."""
    top, bottom, split = line_quads(corners, width)
    strip = np.empty((height, width, 3), picture.dtype)
    for quad, left, right in ((top, 0, split), (bottom, split, width)):
        box = np.array([[0, 0], [right - left, 0], [right - left, height], [0, height]], float) - 0.5
        strip[:, left:right] = cv2.warpPerspective(
            picture, homography(quad, box), (right - left, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
    return strip


def _interpolation(rng: np.random.Generator, width: int, wanted: int) -> int:
    if width > wanted:
        return cv2.INTER_AREA
    return int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))


def _quad(rng: np.random.Generator, width: float, height: float) -> np.ndarray:
    """Corners TL TR BR BL of a plate `width` x `height`, turned, sheared and in perspective: mostly a little, sometimes much."""
    strong = rng.random() < 0.35
    turn, shear = (rng.normal(0, 0.16), rng.normal(0, 0.25)) if strong else (rng.normal(0, 0.03), rng.normal(0, 0.05))
    quad = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]) * (width, height)
    quad[:, 0] -= np.clip(shear, -0.6, 0.6) * quad[:, 1]
    turn = float(np.clip(turn, -0.4, 0.4))
    quad = quad @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return quad + rng.normal(0, (0.03 if strong else 0.012) * height, (4, 2))
