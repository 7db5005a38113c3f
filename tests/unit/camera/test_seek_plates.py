"""Live plates: nothing is looked at while nothing moves, a rendered car is read and told once, its text in the right shape."""

import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edgeguard.camera.lane_gate import LaneGate
from edgeguard.camera.pictures import load_picture
from edgeguard.camera.plates import PlateReader
from edgeguard.camera.reports import Report
from edgeguard.camera.seek_plates import PlateSeeker
from edgeguard.camera.video import Picture, VideoSource
from edgeguard.control.camera_views import ReadView
from edgeguard.core.camera import CameraSpec, PlateShape, Task
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId, CameraName
from edgeguard.core.lane import LaneSpec
from edgeguard.core.plate_shape import shaped
from edgeguard.core.point import Labels
from edgeguard.vision.plate_cells import Found
from edgeguard.vision.plate_decoding import Candidate, Reading
from edgeguard.vision.plate_geometry import box_corners
from edgeguard.vision.plate_grammar import Colour, PlateKind
from edgeguard.vision.plate_passes import Seen

PICTURES = Path(__file__).parents[2] / "pictures"
NOW = Stamp(1_795_000_000_000, 500_000, BootId("this-boot"), True)


class Frame:
    """A decoded frame in colour."""

    rotation = 0

    def __init__(self, bgr: NDArray[np.uint8]) -> None:
        self._bgr = bgr

    def to_ndarray(self, format: str) -> NDArray[np.uint8]:  # noqa: A002 (PyAV's word)
        assert format == "bgr24"
        return self._bgr


def picture(index: int, bgr: NDArray[np.uint8]) -> Picture:
    grey = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), np.uint8)
    return Picture(index, index * 0.04, grey, False, Frame(bgr))  # type: ignore[arg-type]


def spec(shape: PlateShape) -> CameraSpec:
    return CameraSpec(CameraName("gate"), "rtsp://10.0.0.9/1", Task.PLATES, Labels("", ""), plate_shape=shape)


class Sleeper:
    """A reader that counts how often it is woken."""

    def __init__(self) -> None:
        self.woken = 0

    def look(self, picture: NDArray[np.uint8]) -> list[Seen]:
        del picture
        self.woken += 1
        return []


def lane(rng: np.random.Generator, light: float = 0.0, sigma: float = 3.0) -> NDArray[np.uint8]:
    base = np.full((180, 320), 110.0) + np.linspace(0, 30, 320) + light
    return np.clip(base + rng.normal(0, sigma, base.shape), 0, 255).astype(np.uint8)


def test_an_empty_lane_lets_the_reader_sleep_and_a_change_of_light_does_not_wake_it() -> None:
    rng, gate = np.random.default_rng(1), LaneGate()
    awake = [gate.moves(i * 0.04, lane(rng, light=0.1 * i)) for i in range(250)]
    assert awake.index(False) == 31, "for a moment after the beginning it is looked: somebody may stand there"
    assert sum(awake[31:]) == 0


def test_a_car_wakes_it_and_keeps_it_awake_for_a_moment() -> None:
    rng, gate = np.random.default_rng(1), LaneGate()
    awake = []
    for i in range(100):
        seen = lane(rng)
        if 40 <= i < 60:
            seen[60:120, 10 * (i - 40) : 10 * (i - 40) + 80] = 40
        awake.append(gate.moves(i * 0.04, seen))
    assert not any(awake[31:40])
    assert all(awake[40:60])
    assert not any(awake[90:])


def test_pictures_are_looked_at_no_faster_than_a_car_needs() -> None:
    rng = np.random.default_rng(1)
    sleeper, told = Sleeper(), list[Report]()
    seeker = PlateSeeker(spec(PlateShape.CLEAR), sleeper, told.append)
    for i in range(50):
        colour = np.asarray(cv2.cvtColor(lane(rng), cv2.COLOR_GRAY2BGR), np.uint8)
        colour[60:120, 5 * i : 5 * i + 60] = 30
        seeker.see(cast(VideoSource, None), picture(i, colour), NOW)
    assert sleeper.woken == seeker.looked <= 26


def test_who_stands_there_when_the_camera_begins_is_read() -> None:
    still = load_picture(PICTURES / "皖A61R58.jpg")
    reads: list[ReadView] = []
    seeker = PlateSeeker(spec(PlateShape.MASKED), PlateReader.shipped(), lambda _: None, b"", reads.append)
    for i in range(0, 40, 4):
        seeker.see(cast(VideoSource, None), picture(i, still), NOW)
    assert [(view.stage, view.text, view.direction) for view in reads] == [("line", "皖A61R58", "unknown")]


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        (PlateShape.CLEAR, "皖A61R58"),
        pytest.param(PlateShape.MASKED, "皖A****8", marks=pytest.mark.slow),
        pytest.param(PlateShape.HASHED, None, marks=pytest.mark.slow),
    ],
)
def test_a_car_that_comes_is_read_by_the_shipped_models_and_told_once(shape: PlateShape, text: str | None) -> None:
    still = load_picture(PICTURES / "皖A61R58.jpg")
    told: list[Report] = []
    seeker = PlateSeeker(spec(shape), PlateReader.shipped(), told.append, b"key of the site")
    for i in range(14):
        zoom = 0.7 + 0.03 * i
        frame = cv2.warpAffine(still, np.array([[zoom, 0, 20.0], [0, zoom, 4.0 * i]]), (still.shape[1], still.shape[0] + 60))
        seeker.see(cast(VideoSource, None), picture(2 * i, np.asarray(frame, np.uint8)), NOW)
    seeker.lost(NOW)
    (report,) = told
    event = json.loads(report.sighting.facts)
    assert event["text"] == (text or shaped("皖A61R58", PlateShape.HASHED, b"key of the site"))
    assert (event["direction"], event["color"], event["shape"]) == ("towards", "blue", shape.value)
    assert report.sighting.boot_ms < NOW.boot_ms
    if shape is not PlateShape.CLEAR:
        assert "61R5" not in report.sighting.facts


def test_shapes() -> None:
    assert shaped("皖AD11212", PlateShape.MASKED, b"") == "皖A*****2"
    assert shaped("AB", PlateShape.MASKED, b"") == "**"
    one, two = (shaped("皖AD11212", PlateShape.HASHED, key) for key in (b"a", b"b"))
    assert (len(one), one != two) == (32, True)
    assert shaped("皖AD11212", PlateShape.HASHED, b"a") == one


class Rehearsed:
    """A reader that sees a car come nearer, picture by picture."""

    def __init__(self) -> None:
        self.count = 0

    def look(self, picture: NDArray[np.uint8]) -> list[Seen]:
        del picture
        i, self.count = self.count, self.count + 1
        found = Found(box_corners(100 + i, 20 + 5 * i, 160 + 3 * i, 40 + 6 * i), 0.9)
        text = "皖A12345"
        return [Seen(found, Reading(text, 0.9, PlateKind.ORDINARY, Colour.BLUE, (Candidate(text, 0.9),)))] if i < 20 else []


class Hasty:
    """A reader of dark cars."""

    def look(self, picture: NDArray[np.uint8]) -> list[Seen]:
        dark = np.flatnonzero(picture[90, :, 0] < 60)
        if not len(dark):
            return []
        text, x = "皖A12345", float(dark[0])
        return [Seen(Found(box_corners(x, 80, x + 60, 100), 0.9), Reading(text, 0.9, PlateKind.ORDINARY, Colour.BLUE, ()))]


def test_a_car_in_a_hurry_is_told_when_it_has_gone_and_not_with_the_next_one() -> None:
    """Two readings, and then an empty lane: what is told minutes later would open the barrier for somebody else."""
    reads: list[ReadView] = []
    seeker, rng = PlateSeeker(spec(PlateShape.MASKED), Hasty(), lambda _: None, b"", reads.append), np.random.default_rng(1)
    for i in range(120):
        grey = lane(rng)
        if 40 <= i < 43:
            grey[60:120, 60 * (i - 40) : 60 * (i - 40) + 60] = 40
        seeker.see(cast(VideoSource, None), picture(i, np.repeat(grey[..., None], 3, axis=2)), NOW)
    assert [(view.stage, view.text) for view in reads] == [("end", "皖A12345")]
    assert seeker.looked < 30, "an empty lane is not looked at"


@pytest.mark.parametrize(("away_s", "passes"), [(3, 1), (60, 2)])
def test_a_stream_that_is_lost_for_a_moment_makes_no_second_pass_of_who_stands_there(away_s: int, passes: int) -> None:
    told: list[Report] = []
    seeker, rng = PlateSeeker(spec(PlateShape.MASKED), Hasty(), told.append), np.random.default_rng(1)
    standing = lane(rng)
    standing[60:120, 100:160] = 40
    shown = np.repeat(standing[..., None], 3, axis=2)
    for i in range(20):
        seeker.see(cast(VideoSource, None), picture(i, shown), replace(NOW, boot_ms=NOW.boot_ms + 40 * i))
    seeker.lost(replace(NOW, boot_ms=NOW.boot_ms + 800))
    seeker.lost(replace(NOW, boot_ms=NOW.boot_ms + 1800))  # called again, in vain
    for i in range(20):
        seeker.see(cast(VideoSource, None), picture(i, shown), replace(NOW, boot_ms=NOW.boot_ms + 1000 * away_s + 40 * i))
    seeker.lost(replace(NOW, boot_ms=NOW.boot_ms + 100_000))
    assert len(told) == passes


def test_the_gate_hears_of_a_car_before_its_pass_is_told_under_the_same_id_and_nobody_else_its_plate() -> None:
    told: list[Report] = []
    reads: list[ReadView] = []
    lanes = (LaneSpec("main", line=((0.0, 0.6), (1.0, 0.6))),)
    seeker = PlateSeeker(replace(spec(PlateShape.MASKED), lanes=lanes), Rehearsed(), told.append, b"", reads.append)
    rng = np.random.default_rng(1)
    for i in range(40):
        shown = rng.integers(0, 255, (180, 320, 3)).astype(np.uint8)
        seeker.see(cast(VideoSource, None), picture(2 * i, shown), NOW)
    (report,) = told
    assert [(view.stage, view.text, view.lane) for view in reads] == [("sure", "皖A12345", "main"), ("line", "皖A12345", "main")]
    assert {view.id for view in reads} == {report.sighting.id}
    facts = json.loads(report.sighting.facts)
    assert (facts["text"], facts["lane"], facts["crossed"]) == ("皖A****5", "main", True)
    assert "12345" not in report.sighting.facts
