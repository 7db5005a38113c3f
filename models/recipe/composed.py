"""An estimate for whole photos as CCPD has them, of which none is here: composed, not photographed.

Every held-out crop of CCPD, as it is and in its own size, is put over the plate of a street photo of the held-out side, which is zoomed so
that its own plate would be as large; 720 x 1160 dots of it are taken so that the plate lies where CCPD's plates lie. What is around
the crop is brought to the brightness of its rim, the seam is feathered. So the whole way is measured on what it costs to find the
plate and to read it where it was found; the same crop alone stands beside it. It flatters where a real car would be as tilted,
blurred or dark as its plate, and wrongs where the crop had cut the plate's edge, which is then missing in the photo as well.
use: composed.py [--out FILE] [--misses FOLDER]
"""

import argparse
import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from edgeguard.camera.plates import PlateReader
from recipe.corpus import CROPS, PHOTOS, held_out, labelled, load
from recipe.evaluate import share

Image = np.ndarray
WIDE, HIGH = 720, 1160
FEATHER = 4
SEED = 31


def streets() -> list[tuple[Image, np.ndarray]]:
    """Street photos of the held-out side with their plate painted over, and its box: x, y, width, height."""
    found = []
    for row in labelled(PHOTOS):
        if row.corners is not None and held_out(row.plate):
            low, high = row.corners.min(0), row.corners.max(0)
            box = np.array([*low, *(high - low)])
            found.append((_without_plate(load(row.path), box), box))
    return found


def composed(rng: np.random.Generator, crop: Image, street: Image, box: np.ndarray) -> tuple[Image, np.ndarray]:
    """A picture of WIDE x HIGH with the crop in it, and the crop's box."""
    high, wide = crop.shape[:2]
    zoom = min(0.94 * wide / box[2], 0.94 * high / box[3])
    middle = (box[:2] + box[2:] / 2) * zoom
    at = np.array([WIDE * np.clip(rng.normal(0.5, 0.12), 0.25, 0.75), HIGH * np.clip(rng.normal(0.48, 0.09), 0.25, 0.75)])
    if zoom < 1:
        size = (max(8, round(street.shape[1] * zoom)), max(8, round(street.shape[0] * zoom)))
        street, zoom = cv2.resize(street, size, interpolation=cv2.INTER_AREA), 1.0
    move = np.array([[zoom, 0, at[0] - middle[0]], [0, zoom, at[1] - middle[1]]])
    picture = cv2.warpAffine(street, move, (WIDE, HIGH), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    x, y = np.round(at - (wide / 2, high / 2)).astype(int)
    rim = np.concatenate([crop[:2].reshape(-1, 3), crop[-2:].reshape(-1, 3)]).mean()
    here = picture[max(0, y - 12) : y + high + 12, max(0, x - 12) : x + wide + 12].mean()
    picture = np.clip(picture * np.clip(rim / max(1.0, here), 0.35, 1.6), 0, 255).astype(np.uint8)
    mask = np.zeros((HIGH, WIDE), np.float32)
    mask[y + FEATHER // 2 : y + high - FEATHER // 2, x + FEATHER // 2 : x + wide - FEATHER // 2] = 1
    mask = cv2.blur(mask, (FEATHER, FEATHER))[y : y + high, x : x + wide, None]
    part = picture[y : y + high, x : x + wide]
    picture[y : y + high, x : x + wide] = np.round(mask * crop + (1 - mask) * part)
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1], cv2.IMREAD_COLOR), np.array([x, y, wide, high])


def _without_plate(street: Image, box: np.ndarray) -> Image:
    """Painted over with what is around it."""
    mask = np.zeros(street.shape[:2], np.uint8)
    pad = 0.06 * box[2]
    (x1, y1), (x2, y2) = np.floor(box[:2] - pad).astype(int), np.ceil(box[:2] + box[2:] + pad).astype(int)
    mask[max(0, y1) : y2, max(0, x1) : x2] = 255
    return cv2.inpaint(street, mask, 5, cv2.INPAINT_TELEA)


def why(reader: PlateReader, picture: Image, box: np.ndarray, said: list[str], plate: str) -> str:
    """Which part of the way failed."""
    if said:
        return "only the province wrong" if said[0][1:] == plate[1:] else "misread"
    middle = box[:2] + box[2:] / 2
    near = [one for one in reader.find(picture) if np.all(np.abs(one.corners.mean(0) - middle) < box[2:] / 2)]
    return "found, not read surely" if near else "not found"


def main() -> None:
    """Print, and keep where asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--misses", type=Path)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    reader, rng, backgrounds = PlateReader.shipped(asked.models), np.random.default_rng(SEED), streets()
    results = {}
    for source in CROPS[:1]:
        rows = [row for row in labelled(source) if held_out(row.plate)]
        right, alone, causes, both = 0, 0, Counter[str](), 0
        for number, row in enumerate(rows):
            crop, plate = load(row.path), row.shown
            picture, box = composed(rng, crop, *backgrounds[int(rng.integers(len(backgrounds)))])
            said = [one.reading.text for one in reader.see(picture)]
            of_crop = [one.reading.text for one in reader.see(crop)][:1] == [plate]
            alone += of_crop
            if said[:1] == [plate]:
                right += 1
                continue
            cause = why(reader, picture, box, said, plate)
            causes[cause] += 1
            both += not of_crop
            print(plate, said[:2], cause, "" if of_crop else "(nor the crop alone)", flush=True)
            if asked.misses:
                asked.misses.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(asked.misses / f"{source[:4]}-{number}-{cause.replace(' ', '_')}.jpg"), picture)
        facts = {"crops alone": alone, "missed both ways": both, "causes": dict(causes)}
        results[f"{source} in street photos"] = {**share(right, len(rows)), **facts}
    print(json.dumps(results, ensure_ascii=False, indent=1))
    if asked.out:
        asked.out.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
