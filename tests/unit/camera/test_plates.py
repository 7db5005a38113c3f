"""Pictures -> plates, with the shipped models: rendered rears and crops of them, pictures without a plate, real ones if at hand."""

import csv
import os
import random
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edgeguard.camera.pictures import load_picture
from edgeguard.camera.plates import PlateReader, side_by_side, straightened
from edgeguard.vision.plate_geometry import box_corners
from edgeguard.vision.plate_grammar import kind_of

ROOT = Path(__file__).resolve().parents[3]
PICTURES = ROOT / "tests" / "pictures"
SHARED = Path(os.environ.get("EDGEGUARD_SHARED") or ROOT.parent / "shared") / "data"
NAMES = sorted(path.stem for path in PICTURES.glob("*.jpg"))


@pytest.fixture(scope="module")
def reader() -> PlateReader:
    return PlateReader.shipped()


def rear(name: str) -> NDArray[np.uint8]:
    return load_picture(PICTURES / f"{name}.jpg")


@pytest.mark.parametrize("name", NAMES)
def test_a_plate_on_a_rear_is_read(reader: PlateReader, name: str) -> None:
    (one,) = reader.see(rear(name))
    assert one.reading.text == name
    assert one.two_lines == name.endswith("挂")
    left, top, right, bottom = one.found.box
    assert (left, top, right) == pytest.approx((164, 160, 315), abs=20)
    assert bottom < 250


@pytest.mark.parametrize("zoom", [0.6, 1.0, 3.0])
def test_a_picture_that_is_hardly_more_than_the_plate_is_read(reader: PlateReader, zoom: float) -> None:
    crop = rear("皖A61R58")[156:216, 160:320]
    sized = np.asarray(cv2.resize(crop, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA), np.uint8)
    assert [one.reading.text for one in reader.see(sized)] == ["皖A61R58"]


@pytest.mark.parametrize("turn", [-25, -18, 25])
def test_a_small_picture_that_a_slanting_plate_fills_is_read(reader: PlateReader, turn: int) -> None:
    turned = cv2.warpAffine(rear("皖A61R58"), cv2.getRotationMatrix2D((240, 186), turn, 1), (480, 270))
    crop = np.asarray(turned[136:236, 170:310], np.uint8)
    assert [one.reading.text for one in reader.see(crop)] == ["皖A61R58"]


def test_size_and_place_in_the_picture_do_not_matter(reader: PlateReader) -> None:
    page = np.full((1080, 1920, 3), 90, np.uint8)
    page[700:970, 1300:1780] = rear("苏E39078")
    (one,) = reader.see(page)
    assert one.reading.text == "苏E39078"
    assert one.found.corners[0] == pytest.approx([1300 + 165, 700 + 160], abs=14)


def test_two_cars_are_two_plates(reader: PlateReader) -> None:
    page = np.hstack((rear("皖A61R58"), rear("苏E39078")))
    assert sorted(one.reading.text for one in reader.see(page)) == ["皖A61R58", "苏E39078"]


@pytest.mark.parametrize("size", [(8, 8), (8, 2000), (2000, 8), (33, 47), (480, 640)])
def test_pictures_of_any_shape_without_a_plate_give_none(reader: PlateReader, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (*size, 3), np.uint8)
    for picture in (noise, np.zeros((*size, 3), np.uint8)):
        assert reader.see(picture) == ()


def test_strips_are_what_the_reader_takes() -> None:
    picture = rear("鲁B7654挂")
    for cut in (straightened, side_by_side):
        strip = cut(picture, box_corners(165, 160, 314, 236))
        assert strip.shape == (32, 128, 3)
        assert strip.dtype == np.uint8


def test_corners_beyond_the_edge_are_lived_with() -> None:
    picture = rear("鲁B7654挂")
    for cut in (straightened, side_by_side):
        assert cut(picture, box_corners(-60, -20, 90, 40)).shape == (32, 128, 3)
        assert cut(picture, box_corners(900, 900, 1000, 930)).shape == (32, 128, 3)


def _rows(folder: Path) -> list[dict[str, str]]:
    if not (folder / "labels.csv").is_file():
        pytest.skip(f"{folder.name}: the real pictures are not at hand")
    with (folder / "labels.csv").open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("chenweijiang99_crops", 0.8), ("lyl_train", 0.8), ("easypr_family_photos", 0.8)])
def test_real_pictures_are_mostly_read(reader: PlateReader, name: str, least: float) -> None:
    """A guard against breakage, not the accuracy of the cards: these pictures were mostly seen in training."""
    folder = SHARED / "plates" / name
    rows = random.Random(1).sample([row for row in _rows(folder) if kind_of(row["plate"])], 60)
    hits = sum(any(one.reading.text == row["plate"] for one in reader.see(load_picture(folder / row["file"]))) for row in rows)
    assert hits >= least * len(rows)


@pytest.mark.slow
def test_plates_from_abroad_are_not_read_as_chinese(reader: PlateReader) -> None:
    folder = SHARED / "plates_abroad" / "openalpr"
    files = sorted({row["file"] for row in _rows(folder)})[::6]
    assert [(name, one.reading.text) for name in files for one in reader.see(load_picture(folder / name))] == []
