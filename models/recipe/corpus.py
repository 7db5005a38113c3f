"""The real pictures: where they lie, their labels, and which of them training never sees.

A plate goes to one side of the split by the hash of its text, so that one car is never on both sides, whatever the set or file.
"""

import csv
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edgeguard.vision.plate_grammar import kind_of

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("EDGEGUARD_SHARED", ROOT.parent / "shared")) / "data"
CROPS = ("chenweijiang99_crops", "luxianlebron_crops", "lyl_train", "easypr_svm_has")
PHOTOS = "easypr_family_photos"
NEGATIVES = "easypr_svm_no_negatives"
ABROAD_TRAIN = ("openlpr_phone", "romanian", "rf_lp350")
ABROAD_HELD = ("openlpr_web", "openalpr")
HELD_SHARE = 0.12
CAMERAS = {"ccpd": CROPS[:2], "gate": CROPS[2:], "street": (PHOTOS,)}
"""The Chinese sources by who took the pictures: what a run leaves out to learn how well it does before a camera it has never seen."""


def learned_sources(without: str | None = None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(of phase 1, added by phase 2), less those of one camera. Phase 1 has CCPD alone; a run without it begins with the others."""
    left_out = CAMERAS[without] if without else ()
    first = tuple(source for source in CAMERAS["ccpd"] if source not in left_out)
    others = tuple(source for source in (*CAMERAS["gate"], *CAMERAS["street"]) if source not in left_out)
    return (first, others) if first else (others, ())


@dataclass(frozen=True, slots=True)
class Labelled:
    """One labelled picture file. `corners` is 4x2 or None."""

    path: Path
    source: str
    plate: str
    colour: str
    corners: np.ndarray | None


def load(path: Path) -> np.ndarray:
    """The picture as BGR uint8."""
    picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise SystemExit(f"{path}: not a picture")
    return picture


def held_out(key: str) -> bool:
    """Whether the plate (or file) `key` is kept for validation."""
    digest = hashlib.sha256(("edgeguard-plates:" + key).encode()).digest()
    return int.from_bytes(digest[:4]) / 2**32 < HELD_SHARE


def _corners(row: dict[str, str]) -> np.ndarray | None:
    if not row.get("x1"):
        return None
    return np.array([[float(row[f"x{i}"]), float(row[f"y{i}"])] for i in (1, 2, 3, 4)])


def rows_of(folder: Path, name: str = "labels.csv") -> list[dict[str, str]]:
    """The rows of a label file; none when there is no such file."""
    path = folder / name
    if not path.exists():
        return []
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def labelled(source: str) -> list[Labelled]:
    """All pictures of one set whose plate is known and fits the grammar."""
    folder = SHARED / "plates" / source
    found = []
    for row in rows_of(folder):
        plate = row["plate"].strip()
        if plate and kind_of(plate):
            found.append(Labelled(folder / row["file"], source, plate, row["colour"], _corners(row)))
    return found


def negatives() -> list[Path]:
    """Crops without a plate, training side."""
    folder = SHARED / "plates" / NEGATIVES
    return [folder / row["file"] for row in rows_of(folder) if not held_out(row["file"])]
