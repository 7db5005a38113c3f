"""Pictures with plates for the detector: real photos turned and zoomed, their plates replaced by rendered ones, tight crops, and
pictures without any plate."""

from dataclasses import dataclass

import cv2
import numpy as np

from edgeguard.vision.plate_geometry import homography
from recipe.corpus import ABROAD_TRAIN, PHOTOS, SHARED, held_out, labelled, load, negatives, rows_of
from recipe.glyphs import GlyphBank
from recipe.render import draw_plate
from recipe.texts import draw_kind, draw_text
from recipe.weathering import lens, light, rain, smooth_noise, wear

Image = np.ndarray
SCENE_H, SCENE_W = 192, 288
GREY = 114
"""What fills a picture beyond its edge, here and at run time."""


@dataclass(slots=True)
class Photo:
    """A photo in halving sizes, the corners of its plates, and boxes where a plate may stand unlabelled."""

    levels: list[Image]
    plates: list[np.ndarray]
    unsure: list[np.ndarray]
    is_chinese: bool


@dataclass(slots=True)
class Scene:
    """What the detector learns from: plates as (corners, whether exact), and boxes to leave out of the loss."""

    picture: Image
    plates: list[tuple[np.ndarray, bool]]
    unsure: list[np.ndarray]


def _levels(picture: Image) -> list[Image]:
    longest = max(picture.shape[:2])
    if longest > 1280:
        picture = cv2.resize(picture, None, fx=1280 / longest, fy=1280 / longest, interpolation=cv2.INTER_AREA)
    levels = [picture]
    while max(levels[-1].shape[:2]) > 300 and len(levels) < 4:
        levels.append(cv2.resize(levels[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    return levels


def _quad(row: dict[str, str]) -> np.ndarray:
    if "x3" not in row:
        x1, y1, x2, y2 = (float(row[name]) for name in ("x1", "y1", "x2", "y2"))
        return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]])
    return np.array([[float(row[f"x{i}"]), float(row[f"y{i}"])] for i in (1, 2, 3, 4)])


def chinese_photos() -> list[Photo]:
    """The street photos of the training side."""
    found = []
    for row in labelled(PHOTOS):
        if held_out(row.plate) or row.corners is None:
            continue
        picture = load(row.path)
        zoom = min(1.0, 1280 / max(picture.shape[:2]))
        found.append(Photo(_levels(picture), [row.corners * zoom], [], True))
    return found


def abroad_photos() -> list[Photo]:
    """Photos from abroad, training side; plates whose corners nobody knows are left out of the loss."""
    found = []
    for source in ABROAD_TRAIN:
        folder = SHARED / "plates_abroad" / source
        plates: dict[str, list[np.ndarray]] = {}
        for row in rows_of(folder, "corners_pseudo.csv"):
            plates.setdefault(row["file"], []).append(_quad(row))
        unsure: dict[str, list[np.ndarray]] = {}
        for row in rows_of(folder):
            quad = _quad(row)
            known = plates.get(row["file"], [])
            if row["kind"] == "corners" and not known:
                plates.setdefault(row["file"], []).append(quad)
            elif not any(np.linalg.norm(quad.mean(0) - k.mean(0)) < 0.3 * np.ptp(quad[:, 0]) for k in known):
                unsure.setdefault(row["file"], []).append(quad)
        for row in rows_of(folder, "ignore.csv"):
            unsure.setdefault(row["file"], []).append(_quad(row))
        for name in sorted({row["file"] for row in rows_of(folder)}):
            if not held_out(name):
                found.append(Photo(_levels(load(folder / name)), plates.get(name, []), unsure.get(name, []), False))
    return found


class SceneMaker:
    """Draws scenes without end."""

    def __init__(self, bank: GlyphBank, photos: list[Photo], crops: list[Image]) -> None:
        self.bank, self.photos, self.crops = bank, photos, crops
        self.nothing = [load(path) for path in negatives()[::2]]
        chinese = sum(photo.is_chinese for photo in photos)
        weights = np.array([3.0 if photo.is_chinese else 1.0 for photo in photos]) if chinese else np.ones(len(photos))
        self.weights = weights / weights.sum()

    def make(self, rng: np.random.Generator) -> Scene:
        """One scene of SCENE_H x SCENE_W."""
        draw = rng.random()
        if draw < 0.82:
            scene = self._from_photo(rng)
        elif draw < 0.9:
            scene = self._tight(rng)
        elif draw < 0.95 and self.crops:
            scene = self._real_crop(rng)
        else:
            scene = Scene(self._mosaic(rng), [], [])
        return Scene(_camera(rng, scene.picture), scene.plates, scene.unsure)

    def _from_photo(self, rng: np.random.Generator) -> Scene:
        photo = self.photos[int(rng.choice(len(self.photos), p=self.weights))]
        height, width = photo.levels[0].shape[:2]
        wanted_w = float(np.exp(rng.uniform(np.log(20), np.log(175))))
        if photo.plates:
            focus = photo.plates[int(rng.integers(len(photo.plates)))]
            zoom = wanted_w / max(8.0, float(np.linalg.norm(focus[1] - focus[0])))
            middle = focus.mean(axis=0)
        else:
            zoom, middle = float(np.exp(rng.uniform(np.log(0.3), np.log(1.3)))), rng.uniform(0.2, 0.8, 2) * (width, height)
        zoom = float(np.clip(zoom, 0.1, 2.5))
        place = rng.uniform(0.12, 0.88, 2) * (SCENE_W, SCENE_H) if rng.random() < 0.9 else rng.uniform(-1, 2, 2) * (SCENE_W, SCENE_H)
        turn = float(np.clip(rng.normal(0, 0.08), -0.3, 0.3))
        rotation = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        if rng.random() < 0.3:
            rotation = rotation @ np.array([[1, rng.normal(0, 0.12)], [rng.normal(0, 0.05), rng.uniform(0.8, 1.2)]])
        matrix = np.column_stack((rotation, place - rotation @ middle))
        level = min(len(photo.levels) - 1, max(0, int(np.floor(-np.log2(zoom) + rng.uniform(-0.3, 0.6)))))
        half = np.array(photo.levels[level].shape[1::-1]) / (width, height)
        seen = np.full((SCENE_H, SCENE_W, 3), GREY, np.uint8) if rng.random() < 0.4 else self._mosaic(rng)
        there = matrix @ np.diag([1 / half[0], 1 / half[1], 1.0])
        cv2.warpAffine(photo.levels[level], there, (SCENE_W, SCENE_H), seen, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)
        moved = [plate @ rotation.T + matrix[:, 2] for plate in photo.plates]
        unsure = [box @ rotation.T + matrix[:, 2] for box in photo.unsure]
        for plate in moved:
            if rng.random() < (0.55 if photo.is_chinese else 0.7):
                self._replace(rng, seen, plate)
        plates = [(plate, True) for plate in moved]
        if rng.random() < 0.3:
            self._add(rng, seen, plates, unsure)
        return Scene(seen, plates, unsure)

    def _replace(self, rng: np.random.Generator, seen: Image, corners: np.ndarray) -> None:
        """Paint a rendered plate over a real one, in its light."""
        if corners.min() < -400 or corners.max() > 700:
            return
        width = float(np.linalg.norm(corners[1] - corners[0]))
        kind = draw_kind(rng)
        flat = draw_plate(rng, self.bank, kind, draw_text(rng, kind), float(np.clip(width / 440 * 1.3, 0.12, 0.6)))
        wear(rng, flat.picture)
        mask = np.zeros(seen.shape[:2], np.uint8)
        cv2.fillConvexPoly(mask, np.round(corners).astype(np.int32), 255)
        under = cv2.mean(seen, mask)[:3] if mask.any() else (120, 120, 120)
        gain = np.clip(np.mean(under) / max(20.0, flat.picture.mean()), 0.25, 1.7) * rng.uniform(0.8, 1.25)
        self._paint(rng, seen, np.clip(flat.picture * gain, 0, 255), corners + rng.normal(0, 0.004 * width, (4, 2)))

    def _add(self, rng: np.random.Generator, seen: Image, plates: list[tuple[np.ndarray, bool]], unsure: list[np.ndarray]) -> None:
        """Paint one more plate anywhere that is free."""
        kind = draw_kind(rng)
        flat = draw_plate(rng, self.bank, kind, draw_text(rng, kind), 0.35)
        wear(rng, flat.picture)
        width = float(np.exp(rng.uniform(np.log(20), np.log(150))))
        quad = _free_quad(rng, width, width * flat.picture.shape[0] / flat.picture.shape[1])
        quad += rng.uniform(0.1, 0.9, 2) * (SCENE_W, SCENE_H)
        reach = 0.7 * width
        if any(np.abs(other.mean(0) - quad.mean(0)).max() < reach + np.ptp(other[:, 0]) / 2 for other in [p for p, _ in plates] + unsure):
            return
        self._paint(rng, seen, light(rng, flat.picture), quad)
        plates.append((quad, True))

    def _paint(self, rng: np.random.Generator, seen: Image, flat: Image, quad: np.ndarray) -> None:
        high, wide = flat.shape[:2]
        shrink = wide / max(6.0, float(np.linalg.norm(quad[1] - quad[0])))
        if shrink > 1.4:
            flat = cv2.GaussianBlur(flat, (0, 0), 0.4 * shrink)
        there = homography(np.array([[0, 0], [wide, 0], [wide, high], [0, high]], float) - 0.5, quad)
        coded = np.clip(lens(rng, flat, 0.6), 0, 255).astype(np.uint8)
        cv2.warpPerspective(coded, there, seen.shape[1::-1], seen, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)

    def _mosaic(self, rng: np.random.Generator) -> Image:
        """Grilles, lamps, lettering and leaves side by side: nothing to find."""
        rows, columns = int(rng.integers(1, 4)), int(rng.integers(1, 4))
        picture = np.empty((SCENE_H, SCENE_W, 3), np.uint8)
        ys, xs = np.linspace(0, SCENE_H, rows + 1).astype(int), np.linspace(0, SCENE_W, columns + 1).astype(int)
        for i in range(rows):
            for j in range(columns):
                crop = self.nothing[int(rng.integers(len(self.nothing)))]
                picture[ys[i] : ys[i + 1], xs[j] : xs[j + 1]] = cv2.resize(crop, (xs[j + 1] - xs[j], ys[i + 1] - ys[i]))
        return picture

    def _tight(self, rng: np.random.Generator) -> Scene:
        """A crop with little but the plate, on grey: the form of pictures that are plates themselves."""
        kind = draw_kind(rng)
        flat = draw_plate(rng, self.bank, kind, draw_text(rng, kind), 0.35)
        wear(rng, flat.picture)
        width = float(np.exp(rng.uniform(np.log(50), np.log(150))))
        quad = _free_quad(rng, width, width * flat.picture.shape[0] / flat.picture.shape[1] * rng.uniform(0.75, 1.3))
        low, high = quad.min(axis=0), quad.max(axis=0)
        pad = rng.uniform(-0.03, 0.25, 4) * np.array([*(high - low), *(high - low)])
        low, high = low - pad[:2], high + pad[2:]
        size = np.ceil(high - low).astype(int)
        crop = cv2.resize(self.nothing[int(rng.integers(len(self.nothing)))], (int(size[0]), int(size[1])))
        self._paint(rng, crop, light(rng, flat.picture), quad - low)
        return _on_grey(rng, crop, quad - low, True)

    def _real_crop(self, rng: np.random.Generator) -> Scene:
        """A real crop; where its corners lie is not known, only that a plate is in its middle."""
        crop = self.crops[int(rng.integers(len(self.crops)))]
        width = float(np.exp(rng.uniform(np.log(50), np.log(160))))
        height = width * crop.shape[0] / crop.shape[1]
        crop = cv2.resize(crop, (int(width), max(12, int(height))), interpolation=cv2.INTER_AREA)
        high, wide = crop.shape[:2]
        return _on_grey(rng, crop, np.array([[0, 0], [wide, 0], [wide, high], [0, high]], float), False)


def _on_grey(rng: np.random.Generator, crop: Image, quad: np.ndarray, is_exact: bool) -> Scene:
    high, wide = min(crop.shape[0], SCENE_H), min(crop.shape[1], SCENE_W)
    picture = np.full((SCENE_H, SCENE_W, 3), GREY, np.uint8)
    x, y = int(rng.integers(SCENE_W - wide + 1)), int(rng.integers(SCENE_H - high + 1))
    picture[y : y + high, x : x + wide] = crop[:high, :wide]
    return Scene(picture, [(quad + (x, y), is_exact)], [])


def _free_quad(rng: np.random.Generator, width: float, height: float) -> np.ndarray:
    quad = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]) * (width * rng.uniform(0.75, 1), height)
    quad[:, 0] -= np.clip(rng.normal(0, 0.15), -0.5, 0.5) * quad[:, 1]
    turn = float(np.clip(rng.normal(0, 0.12), -0.45, 0.45))
    quad = quad @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return quad + rng.normal(0, 0.02 * height, (4, 2))


def _camera(rng: np.random.Generator, picture: Image) -> Image:
    """Light, blur, noise and codec over the whole scene; cheap, since a scene is large."""
    gains = rng.uniform(0.85, 1.15, 3) * (rng.uniform(0.5, 1.4) if rng.random() < 0.85 else rng.uniform(0.15, 0.5))
    gamma = rng.uniform(0.65, 1.4)
    steps = np.arange(256, dtype=np.float32) / 255
    table = np.clip(255 * np.clip(steps[:, None] * gains, 0, 1) ** gamma, 0, 255).astype(np.uint8)
    out = cv2.LUT(picture, table[None])
    if rng.random() < 0.2:
        field = np.clip(1 + smooth_noise(rng, SCENE_H, SCENE_W, 3)[..., None] * 0.4, 0.3, 1.7)
        out = np.clip(out * field, 0, 255).astype(np.uint8)
    if rng.random() < 0.15:
        out = cv2.cvtColor(cv2.cvtColor(out, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    if rng.random() < 0.35:
        out = lens(rng, out, 0.7)
    if rng.random() < 0.04:
        rain(rng, out)
    if rng.random() < 0.3:
        noise = rng.integers(-12, 13, picture.shape, dtype=np.int16)
        out = np.clip(out + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.35:
        _, coded = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))])
        out = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return out


