"""A gate camera's process that is killed: who still stands there keeps the id and is one pass; nobody else gets it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray
from test_seek_plates import NOW, picture, spec

from edgeguard.camera.reports import Report
from edgeguard.camera.seek_plates import PlateSeeker
from edgeguard.camera.standing import Standing
from edgeguard.camera.video import VideoSource
from edgeguard.control.camera_views import ReadView
from edgeguard.core.camera import PlateShape
from edgeguard.core.ids import BootId
from edgeguard.core.lane import LaneSpec
from edgeguard.vision.plate_cells import Found
from edgeguard.vision.plate_decoding import Reading
from edgeguard.vision.plate_geometry import box_corners
from edgeguard.vision.plate_grammar import Colour, PlateKind
from edgeguard.vision.plate_passes import Seen

TEXT, OTHER = "皖A12345", "皖A12346"
LINED = (LaneSpec("main", line=((0.0, 0.9), (1.0, 0.9))),)


@dataclass
class Street:
    """What is read at a height of the picture; None: nobody is there."""

    text: str | None = TEXT
    y: float = 80.0

    def look(self, picture: NDArray[np.uint8]) -> list[Seen]:
        del picture
        if self.text is None:
            return []
        return [
            Seen(
                Found(box_corners(100, self.y, 160, self.y + 20), 0.9), Reading(self.text, 0.9, PlateKind.ORDINARY, Colour.BLUE, ())
            )
        ]


@dataclass
class Camera:
    """One process after the other before the same street; `s` is the boot clock."""

    file: Path
    lanes: tuple[LaneSpec, ...] = ()
    street: Street = field(default_factory=Street)
    told: list[Report] = field(default_factory=list)
    reads: list[ReadView] = field(default_factory=list)
    s: float = 500.0
    boot: BootId = NOW.boot

    def begin(self) -> None:
        """A process begins; of one before it nothing is heard any more."""
        of = replace(spec(PlateShape.MASKED), lanes=self.lanes)
        standing = Standing(self.file)
        self.seeker = PlateSeeker(of, self.street, self.told.append, b"", self.reads.append, standing=standing)
        self.seeker.remember()
        self.rng, self.index = np.random.default_rng(1), 0

    def watch(self, for_s: float, move: Callable[[int], None] = lambda _: None) -> None:
        """Pictures in which something moves."""
        for i in range(round(for_s / 0.08)):
            move(i)
            shown = self.rng.integers(0, 255, (180, 320, 3)).astype(np.uint8)
            now = replace(NOW, boot_ms=round(self.s * 1000), boot=self.boot)
            self.seeker.see(cast(VideoSource, None), picture(self.index, shown), now)
            self.index += 2
            self.s += 0.08

    @property
    def ids(self) -> list[str]:
        return [report.sighting.id for report in self.told]


@pytest.fixture
def camera(tmp_path: Path) -> Camera:
    at = Camera(tmp_path / "gate.standing")
    at.begin()
    return at


def test_who_stands_there_is_one_pass_however_often_the_process_is_killed(camera: Camera) -> None:
    camera.watch(2)
    for _ in range(3):
        camera.s += 8
        camera.begin()
        camera.watch(2)
    assert len(camera.told) == 1
    assert {view.id for view in camera.reads} == set(camera.ids)
    assert len(camera.reads) == 4, "a gate that was killed as well may have forgotten it"


def test_who_waits_before_the_line_keeps_the_id_and_is_told_once_with_the_time_since_it_came(camera: Camera) -> None:
    camera.lanes = LINED
    camera.begin()
    camera.watch(2)
    camera.s += 6
    camera.begin()
    camera.watch(2)
    camera.watch(0.5, lambda i: setattr(camera.street, "y", 80.0 + 15 * min(i, 5)))
    assert [view.stage for view in camera.reads] == ["sure", "sure", "line"]
    assert len({view.id for view in camera.reads}) == 1
    assert camera.ids == [camera.reads[0].id]
    (report,) = camera.told
    assert report.sighting.boot_ms == 500_000
    assert b'"duration_s":10.' in report.sighting.facts.encode()


def test_another_vehicle_never_inherits_an_id(camera: Camera) -> None:
    camera.watch(2)
    camera.s += 6
    camera.street.text = OTHER
    camera.begin()
    camera.watch(2)
    assert len(set(camera.ids)) == 2


def test_who_comes_again_later_passes_again(camera: Camera) -> None:
    camera.watch(2)
    camera.s += 31
    camera.begin()
    camera.watch(2)
    assert len(set(camera.ids)) == 2


def test_the_id_is_inherited_once(camera: Camera) -> None:
    """It goes, and comes again while what an earlier process has left would still count."""
    camera.watch(2)
    camera.s += 2
    camera.begin()
    camera.watch(2)
    camera.street.text = None
    camera.watch(14)
    camera.street.text = TEXT
    camera.watch(2)
    assert len(set(camera.ids)) == 2


def test_who_turned_back_comes_as_another_pass(camera: Camera) -> None:
    camera.lanes = LINED
    camera.begin()
    camera.watch(2)
    camera.street.text = None
    camera.watch(12)
    assert [view.stage for view in camera.reads] == ["sure", "turned"]
    camera.begin()
    camera.street.text = TEXT
    camera.watch(2)
    assert camera.reads[-1].stage == "sure"
    assert camera.reads[-1].id != camera.reads[0].id


def test_a_second_kill_before_anybody_was_read_loses_nothing(camera: Camera) -> None:
    camera.watch(2)
    camera.street.text = None
    camera.s += 2
    camera.begin()
    camera.watch(2)
    camera.street.text = TEXT
    camera.s += 2
    camera.begin()
    camera.watch(2)
    assert len(camera.told) == 1


def test_another_boot_says_nothing(camera: Camera) -> None:
    camera.watch(2)
    camera.boot = BootId("another")
    camera.begin()
    camera.watch(2)
    assert len(set(camera.ids)) == 2


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"key":"zz","here":{}}', b'{"key":"00","here":{"a":[1]}}', b"\xff\x00", b'{"key":1,"here":[]}']
)
def test_a_spoilt_file_costs_nothing_else(tmp_path: Path, content: bytes) -> None:
    camera = Camera(tmp_path / "gate.standing")
    camera.file.write_bytes(content)
    camera.begin()
    camera.watch(2)
    assert len(camera.told) == 1


def test_no_plate_stands_in_the_file_which_is_ours_alone_and_goes_with_the_vehicles(camera: Camera) -> None:
    camera.watch(2)
    assert "12345" not in camera.file.read_text(encoding="utf-8")
    assert camera.file.stat().st_mode & 0o777 == 0o600
    camera.street.text = None
    camera.watch(33)
    assert not camera.file.exists()
