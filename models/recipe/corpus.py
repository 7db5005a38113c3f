"""The real pictures: where they lie, their labels, and which of them training never sees.

A plate goes to one side of the split by the hash of its text, so that one car is never on both sides, whatever the set or file.
"""

import csv
import functools
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

SHOWN = {
    ("easypr_family_photos", "粤A44444.jpg"): "粤K44444",
    ("easypr_family_photos", "鄂AV6985.jpg"): "鄂AV6P85",
    ("easypr_svm_has", "A03_K11882_2.jpg"): "苏ER505G",
    ("easypr_svm_has", "S01_L17977_2.jpg"): "苏M89E33",
    ("easypr_svm_has", "S13_DVM757_2.jpg"): "沪H91096",
    ("easypr_svm_has", "S13_EP2861_2.jpg"): "冀RUC392",
    ("easypr_svm_has", "S13_F5878X_0.jpg"): "浙F5878X",
    ("easypr_svm_has", "S13_FXJ975_2.jpg"): "苏BW8089",
    ("easypr_svm_has", "S13_ND50U2_0.jpg"): "",
    ("easypr_svm_has", "S13_PRX705_1.jpg"): "鲁CB3305",
    ("lyl_train", "S01_AL233F_4.jpg"): "皖AZ809P",
    ("lyl_train", "S08_ND50U2_0.jpg"): "",
    ("lyl_train", "S13_A1Q7V8_6.jpg"): "沪A197V8",
    ("lyl_train", "S13_A8A527_0.jpg"): "鄂A8A527",
    ("lyl_train", "S13_A9RF71_1.jpg"): "皖FSX309",
    ("lyl_train", "S13_ACS822_2.jpg"): "",
    ("lyl_train", "S13_B07330_0.jpg"): "苏BQ7330",
    ("lyl_train", "S13_B11110_0.jpg"): "苏B1L110",
    ("lyl_train", "S13_BM5768_0.jpg"): "渝BM5768",
    ("lyl_train", "S13_BN388C_5.jpg"): "苏A8AT15",
    ("lyl_train", "S13_C216C1_3.jpg"): "苏J538B7",
    ("lyl_train", "S13_D25F75_0.jpg"): "苏D25G75",
    ("lyl_train", "S13_D68246_0.jpg"): "沪D68246",
    ("lyl_train", "S13_D6F088_3.jpg"): "苏DC532P",
    ("lyl_train", "S13_E1VA57_3.jpg"): "苏BT013C",
    ("lyl_train", "S13_E43560_4.jpg"): "苏E6792K",
    ("lyl_train", "S13_E6JX09_0.jpg"): "苏MHG903",
    ("lyl_train", "S13_E6SL53_1.jpg"): "皖BB4091",
    ("lyl_train", "S13_E8JE92_2.jpg"): "冀DSK599",
    ("lyl_train", "S13_E8LN79_2.jpg"): "苏DZG159",
    ("lyl_train", "S13_EB7218_2.jpg"): "",
    ("lyl_train", "S13_EE91W3_3.jpg"): "苏K73397",
    ("lyl_train", "S13_EK1M59_2.jpg"): "苏A80202",
    ("lyl_train", "S13_FB9650_1.jpg"): "湘FB9650",
    ("lyl_train", "S13_STE953_0.jpg"): "苏CTE953",
}
"""What pictures plainly show whose labels say otherwise ("": nobody can tell), found by looking at every misreading of both sides."""

SHOWS_PLATE = frozenset({
    "A03_BT6427_3.jpg",
    "A03_D64328_3.jpg",
    "S01_Q36855_1.jpg",
    "S10_AT8866_4.jpg",
    "S13_DVM757_0.jpg",
    "S13_K51A33_0.jpg",
    "S13_MRR040_1.jpg",
    "S13_MXQ090_1.jpg",
    "S20_D31065_0.jpg",
    "S22_AU707Y_6.jpg",
    "S22_F6203H_0.jpg",
    "[162.5, 157.22]_[45 x 167]_-90_1.69368.jpg",
    "[393.5, 324.44]_[34 x 113]_-90_1.15119.jpg",
    "[538.006, 721.695]_[67.8359 x 266.34]_-89.0646_-0.449314.jpg",
    "[632.65, 370.023]_[31.0197 x 88.1171]_-81.2538_-0.508248.jpg",
    "[655, 369.24]_[238 x 52]_-0_0.0561019.jpg",
    "[746, 654.16]_[382 x 82]_-0_-0.0358657.jpg",
    "[799.945, 563.653]_[288.197 x 81.224]_-1.63658_0.328044.jpg",
    "[955.768, 812.76]_[96.2688 x 31.6709]_-2.45403_-0.660803.jpg",
})
"""Crops of NEGATIVES that show a plate, or most of one, after all: found by looking at all that was read in them or looked like one
to the detector. They are not learned."""


def learned_sources(without: str | None = None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(of phase 1, added by phase 2), less those of one camera. Phase 1 has CCPD alone; a run without it begins with the others."""
    left_out = CAMERAS[without] if without else ()
    first = tuple(source for source in CAMERAS["ccpd"] if source not in left_out)
    others = tuple(source for source in (*CAMERAS["gate"], *CAMERAS["street"]) if source not in left_out)
    return (first, others) if first else (others, ())


@dataclass(frozen=True, slots=True)
class Labelled:
    """One labelled picture file. `plate` is what its label says and decides the side of the split, `shown` what it shows ("": nobody
    can tell). `corners` is 4x2 or None."""

    path: Path
    source: str
    plate: str
    shown: str
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
            shown = SHOWN.get((source, row["file"]), plate)
            found.append(Labelled(folder / row["file"], source, plate, shown, row["colour"], _corners(row)))
    return found


@functools.cache
def held_plates() -> frozenset[str]:
    """The plates that held-out pictures show, whatever their labels say: none of them is learned, from whatever set."""
    return frozenset(row.shown for source in (*CROPS, PHOTOS) for row in labelled(source) if held_out(row.plate))


def negatives() -> list[Path]:
    """Crops without a plate, training side."""
    folder = SHARED / "plates" / NEGATIVES
    return [folder / row["file"] for row in rows_of(folder) if not held_out(row["file"]) and row["file"] not in SHOWS_PLATE]
