"""Falls in a live stream: what the event says of the facade while the view is the one that was set up, and while it is not; what
becomes of event and evidence on a disk that takes no more."""

import resource
from pathlib import Path

import orjson
import pytest

from edgeguard.camera.custody import CustodyBook, Link, read_custody
from edgeguard.camera.reports import Report
from edgeguard.camera.sealing import Seal
from edgeguard.camera.seek_falls import FallSeeker
from edgeguard.camera.shelf import Shelf
from edgeguard.camera.video import open_video
from edgeguard.core.camera import PURPOSES, CameraSpec, Task
from edgeguard.core.camera_limits import EVIDENCE_MIN_BYTES
from edgeguard.core.clock import Stamp
from edgeguard.core.facade import FacadeSpec, FloorLine
from edgeguard.core.ids import BootId, CameraName
from edgeguard.core.point import Labels
from edgeguard.testing import film

ROWS = {5: 230.0, 7: 130.0, 9: 30.0}
"""Floors whose slabs are 50 px apart: straight up, without perspective."""
FACADE = FacadeSpec(size=(320, 240), lines=tuple(FloorLine(floor, (0, row), (320, row)) for floor, row in ROWS.items()))
SPEC = CameraSpec(CameraName("east"), "file:x", Task.FALLING, Labels("东", "east"), facade=FACADE)


@pytest.fixture(scope="module")
def throw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film.write(tmp_path_factory.mktemp("film") / "throw.mp4", film.drawn(25, seconds=5.0))


@pytest.mark.slow
@pytest.mark.parametrize("moved", [False, True])
def test_a_moved_camera_tells_falls_without_a_floor(throw: Path, tmp_path: Path, moved: bool) -> None:
    told: list[Report] = []
    book = CustodyBook(tmp_path / "evidence", lambda: 5000)
    shelf = Shelf(tmp_path / "evidence", EVIDENCE_MIN_BYTES, 86_400_000, book=book)
    shelf.open()
    seeker = FallSeeker(SPEC, shelf, told.append, lambda: not moved)
    with open_video(throw) as video:
        for picture in video:
            seeker.see(video, picture, Stamp(round(picture.t_s * 1000), round(picture.t_s * 1000), BootId("boot"), True))
        seeker.lost(Stamp(5000, 5000, BootId("boot"), True))
    (report,) = told
    event = orjson.loads(report.sighting.facts)
    assert (event["calibrated"], event.get("moved", False), "floor" in event) == (not moved, moved, not moved)
    assert event["evidence"]["clip"]
    known = read_custody(shelf.folder)
    assert known is not None
    assert known.holds(Link(**event["evidence"]["custody"])), "the event, and with it the audit log, is bound to the list"
    again: list[Report] = []
    (shelf.folder / f"{event['evidence']['id']}.unsent").touch()
    FallSeeker(SPEC, shelf, again.append).remember()
    assert orjson.loads(again[0].sighting.facts) == event
    record = orjson.loads((shelf.folder / f"{event['evidence']['id']}.json").read_bytes())
    assert event["purpose"] == record["event"]["purpose"] == {"zh": PURPOSES[Task.FALLING].zh, "en": PURPOSES[Task.FALLING].en}
    if not moved:
        assert event["floor"] in (8, 9)


@pytest.mark.slow
def test_on_a_full_disk_older_evidence_makes_room_for_a_fall(throw: Path, tmp_path: Path) -> None:
    told: list[Report] = []
    room = 12 * 1024**2

    def free(folder: Path) -> int:
        return room - sum(file.stat().st_size for file in folder.iterdir())

    shelf = Shelf(tmp_path / "evidence", EVIDENCE_MIN_BYTES, 86_400_000, free=free)
    shelf.open()
    for stem in ("20260101T000000000Z", "20260101T000001000Z"):
        (shelf.folder / f"{stem}.mp4").write_bytes(bytes(4 * 1024**2))
    seeker = FallSeeker(SPEC, shelf, told.append)
    with open_video(throw) as video:
        for picture in video:
            seeker.see(video, picture, Stamp(round(picture.t_s * 1000), round(picture.t_s * 1000), BootId("boot"), True))
        seeker.lost(Stamp(5000, 5000, BootId("boot"), True))
    removed, fall = told
    assert orjson.loads(removed.sighting.facts) == {"reason": "disk", "ids": ["20260101T000000000Z"]}
    assert orjson.loads(fall.sighting.facts)["evidence"]["clip"]


@pytest.mark.slow
@pytest.mark.parametrize("seal", [None, Seal(b"a key of the site, long enough")])
def test_a_disk_that_takes_no_more_costs_the_evidence_and_leaves_nothing_half(
    throw: Path, tmp_path: Path, seal: Seal | None
) -> None:
    told: list[Report] = []
    shelf = Shelf(tmp_path / "evidence", EVIDENCE_MIN_BYTES, 86_400_000)
    shelf.open()
    seeker = FallSeeker(SPEC, shelf, told.append, seal=seal)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    with open_video(throw) as video:
        for picture in video:
            seeker.see(video, picture, Stamp(round(picture.t_s * 1000), round(picture.t_s * 1000), BootId("boot"), True))
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))  # below what the clip needs
        try:
            seeker.lost(Stamp(5000, 5000, BootId("boot"), True))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    (report,) = told
    event = orjson.loads(report.sighting.facts)
    assert (event["evidence"], "could not be written" in event["evidence_lost"]) == (None, True)
    assert [file.suffix for file in shelf.folder.iterdir()] == [".unsent"]
