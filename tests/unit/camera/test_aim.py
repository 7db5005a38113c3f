"""Aiming a gate camera: what is wrong with a plate in a picture, on rendered rears that are spoilt in one way each."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeguard.camera.aim import aimed_plates
from edgeguard.camera.pictures import Bgr, load_picture
from edgeguard.camera.plates import PlateReader
from edgeguard.vision.plate_aim import aim_of, tilt_deg, turn_deg
from edgeguard.vision.plate_geometry import box_corners

PICTURE = Path(__file__).resolve().parents[2] / "pictures" / "皖AD11212.jpg"


@pytest.fixture(scope="module")
def reader() -> PlateReader:
    return PlateReader.shipped()


def faults(reader: PlateReader, picture: Bgr) -> str:
    (one, *_) = aimed_plates(reader, picture)
    return "; ".join(fault.en for fault in one.aim.faults)


def test_a_good_picture_has_no_faults(reader: PlateReader) -> None:
    (one,) = aimed_plates(reader, load_picture(PICTURE))
    assert (one.text, one.aim.faults) == ("皖AD11212", ())
    assert one.aim.width_px == pytest.approx(141, abs=12)


def test_each_way_to_spoil_it_is_named(reader: PlateReader) -> None:
    whole = load_picture(PICTURE)
    assert "too small" in faults(
        reader, np.asarray(cv2.resize(whole, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA), np.uint8)
    )
    assert "too blurred" in faults(reader, np.asarray(cv2.GaussianBlur(whole, (0, 0), 3.5), np.uint8))
    assert "contrast" in faults(reader, np.asarray(whole * 0.2 + 100, np.uint8))


def test_slant_and_turn_are_measured_at_the_corners() -> None:
    flat = box_corners(0, 0, 440, 140)
    assert tilt_deg(flat) == 0
    assert turn_deg(flat, two_lines=False) == pytest.approx(0, abs=1e-4)
    angle = np.radians(30)
    turned = flat @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    assert tilt_deg(turned) == pytest.approx(30)
    assert tilt_deg(turned[[2, 3, 0, 1]]) == pytest.approx(30), "upside down"
    assert turn_deg(flat * (0.5, 1.0), two_lines=False) == pytest.approx(60, abs=0.1)
    strip = np.tile(np.repeat([30.0, 200.0], 4), (20, 10))
    said = " ".join(fault.en for fault in aim_of(turned * (0.4, 1.0), strip).faults)
    assert "slanted" in said
    assert "from the side" in said
