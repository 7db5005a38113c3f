"""What the vote over a vehicle's pictures is worth: held-out real plates, each shaken into ten pictures, read and voted on.

Beside the vote place by place stands one over whole texts, told under the same terms. Three degrees of harm: as in training, small
and soft, hardly legible. `right / wrong` of all plates; in brackets those sure enough (0.8) for a gate to open.
use: sequences.py
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from edgeguard.camera.model import load_model
from edgeguard.vision.plate_cells import Found
from edgeguard.vision.plate_decoding import Reading, read
from edgeguard.vision.plate_geometry import box_corners
from edgeguard.vision.plate_votes import Sighting, Vote, voted
from recipe.corpus import CROPS, PHOTOS, held_out, labelled
from recipe.reader_net import INPUT_H, INPUT_W
from recipe.real_strips import RealStrip, shaken, strips_of

Image = np.ndarray
PICTURES = 10
WIDTHS = {"as in training": None, "soft": (40, 90), "hardly legible": (26, 56)}
"""Dots that a plate is shrunk to and blown up again."""
PLACE = Found(box_corners(0.0, 0.0, 90.0, 29.0), 0.9)


def held() -> list[tuple[str, RealStrip]]:
    """What is written on every held-out plate, and its strip."""
    found = []
    for source in (*CROPS, PHOTOS):
        rows = [row for row in labelled(source) if source != PHOTOS or row.corners is not None]
        pairs = zip(rows, strips_of(source), strict=True)
        found += [(row.shown, strip) for row, strip in pairs if held_out(row.plate)]
    return found


def harmed(rng: np.random.Generator, strip: Image, widths: tuple[int, int] | None) -> Image:
    """As a worse camera sees it."""
    if widths is None:
        return strip
    width = int(rng.uniform(*widths))
    seen = cv2.resize(strip, (width, max(8, width // 4)), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.5:
        length = int(rng.integers(1, 4))
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1 / length
        seen = cv2.filter2D(seen, -1, kernel)
    seen = np.clip(seen + rng.normal(0, 6, seen.shape), 0, 255).astype(np.uint8)
    seen = cv2.imdecode(cv2.imencode(".jpg", seen, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR)
    return cv2.resize(seen, (INPUT_W, INPUT_H), interpolation=cv2.INTER_LINEAR)


def whole(sightings: Sequence[Sighting]) -> Vote:
    """The vote over whole texts."""
    weights: dict[str, float] = defaultdict(float)
    for sighting in sightings:
        weights[sighting.reading.text] += sighting.reading.confidence
        for rival in sighting.reading.rivals:
            weights[rival.text] += 0.5 * rival.probability
    text = max(weights, key=lambda one: weights[one])
    of_text = [sighting.reading.confidence for sighting in sightings if sighting.reading.text == text]
    return Vote(text, max(of_text, default=0.0) * weights[text] / sum(weights.values()), 1.0, len(of_text))


def told(readings: Sequence[Reading | None], vote: Callable[[Sequence[Sighting]], Vote], threshold: float) -> Vote | None:
    """As a pass is told: once three pictures agree, or at the end."""
    sightings: list[Sighting] = []
    result = None
    for number, reading in enumerate(readings):
        if reading is not None and reading.confidence >= threshold:
            sightings.append(Sighting(number / 10, reading, PLACE))
        if sightings:
            result = vote(sightings)
            if number >= 2 and result.agree >= 3 and result.confidence >= 0.5 and result.is_decided:
                return result
    return result if result and result.agree >= 2 and result.confidence >= 0.5 and result.is_decided else None


def main() -> None:
    """Print the table."""
    cv2.setNumThreads(1)
    model = load_model("plate_reader", None)
    plates, rng = held(), np.random.default_rng(5)
    for name, widths in WIDTHS.items():
        read_of = []
        for plate, strip in plates:
            outs = model.run(np.stack([harmed(rng, shaken(rng, strip), widths) for _ in range(PICTURES)]))
            read_of.append((plate, [read(*out) for out in zip(*outs, strict=True)]))
        for kind, vote in (("whole texts", whole), ("places", voted)):
            votes = [(plate, told(readings, vote, model.facts.threshold)) for plate, readings in read_of]
            seen = [(one.text == plate, one.confidence >= 0.8) for plate, one in votes if one]
            right, wrong = sum(right for right, _ in seen), sum(not right for right, _ in seen)
            sure = sum(right and sure for right, sure in seen), sum(sure and not right for right, sure in seen)
            print(f"{name}: by {kind} {right} / {wrong} ({sure[0]} / {sure[1]}) of {len(plates)}", flush=True)


if __name__ == "__main__":
    main()
