"""Small rendered pictures for the tests: `samples.py FOLDER`. Each shows one kind of plate on a plain rear; the name is the text."""

import sys
from pathlib import Path

import cv2
import numpy as np

from edgeguard.vision.plate_geometry import homography
from recipe.glyphs import font_bank
from recipe.render import draw_plate
from recipe.texts import KINDS
from recipe.weathering import smooth_noise

SHOWN = (
    ("皖A61R58", "blue"),
    ("苏E39078", "yellow"),
    ("鲁B7654挂", "trailer"),
    ("皖AD11212", "energy_small"),
    ("粤B63258D", "energy_large"),
    ("京A1830警", "police"),
)

SEED = 9


def main() -> None:
    """Write them all."""
    folder, seed = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else SEED
    folder.mkdir(parents=True, exist_ok=True)
    bank = font_bank()
    for index, (text, kind_name) in enumerate(SHOWN):
        rng = np.random.default_rng((seed, index))
        kind = next(kind for kind in KINDS if kind.name == kind_name)
        flat = draw_plate(rng, bank, kind, text, 0.8).picture
        height, width = 270, 480
        scene = np.full((height, width, 3), (70, 66, 60), np.float32) + 14 * smooth_noise(rng, height, width, 5)[..., None]
        cv2.rectangle(scene, (40, 90), (440, 255), (52, 48, 46), -1)
        cv2.rectangle(scene, (40, 90), (440, 104), (96, 92, 90), -1)
        for x in (52, 372):
            cv2.rectangle(scene, (x, 112), (x + 56, 138), (40, 36, 170), -1)
        high, wide = flat.shape[:2]
        plate_w, plate_h = 150, 150 * high / wide
        quad = np.array([[0, 0], [plate_w, 4], [plate_w - 1, plate_h + 4], [-1, plate_h]], float) + (165, 160)
        there = homography(np.array([[0, 0], [wide, 0], [wide, high], [0, high]], float) - 0.5, quad)
        soft = cv2.GaussianBlur(flat, (0, 0), 0.9)
        cv2.warpPerspective(soft, there, (width, height), scene, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)
        noisy = np.clip(scene + rng.normal(0, 2, scene.shape), 0, 255).astype(np.uint8)
        _, data = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 82])
        (folder / f"{text}.jpg").write_bytes(data.tobytes())


if __name__ == "__main__":
    main()
