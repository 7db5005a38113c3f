"""Pictures of passes: the best one of each vehicle, its hash in the event, the disk never waited for, every bound kept and told."""

import hashlib
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from test_seek_plates import NOW, picture, spec

from edgeguard.camera.evidence import write_whole
from edgeguard.camera.pass_pictures import BestPictures, PassShelf
from edgeguard.camera.pictures import load_picture
from edgeguard.camera.reports import Report
from edgeguard.camera.sealing import Seal
from edgeguard.camera.seek_plates import PlateSeeker
from edgeguard.camera.shelf import Shelf
from edgeguard.camera.video import VideoError, VideoSource
from edgeguard.core.camera import CameraSpec, PassPictures, PlateShape
from edgeguard.core.camera_limits import PASS_PICTURES_HELD, PASS_WRITES
from edgeguard.core.ids import CameraName
from edgeguard.runtime.pass_traces import traces_of
from edgeguard.store.traces import records_with, remove, spellings
from edgeguard.vision.plate_cells import Found
from edgeguard.vision.plate_decoding import Candidate, Reading
from edgeguard.vision.plate_geometry import box_corners
from edgeguard.vision.plate_grammar import Colour, PlateKind
from edgeguard.vision.plate_passes import PassState, Seen, step

TEXT = "皖A12345"
STANDING = spec(PlateShape.MASKED)
SEAL = Seal(b"0123456789abcdef")


def seen_at(i: int, text: str | None = TEXT, confidence: float = 0.9, row: float = 20) -> Seen:
    found = Found(box_corners(100 + i, row + 5 * i, 160 + 3 * i, row + 20 + 6 * i), 0.9)
    said = None if text is None else Reading(text, confidence, PlateKind.ORDINARY, Colour.BLUE, (Candidate(text, confidence),))
    return Seen(found, said)


class Film:
    """A reader for whom one picture is the best: bright where all others are dark."""

    def __init__(self, best: int, text: str | None = TEXT) -> None:
        self._best, self._text, self._count = best, text, 0

    def look(self, picture: NDArray[np.uint8]) -> list[Seen]:
        del picture
        i, self._count = self._count, self._count + 1
        return [seen_at(i, self._text, 0.95 if i == self._best else 0.6)] if i < 20 else []

    @staticmethod
    def shown(i: int, best: int) -> NDArray[np.uint8]:
        stripes = np.arange(320, dtype=np.uint8) * 37 % 60 + np.uint8(190 if i == best else 0)
        return np.broadcast_to(stripes[:, np.newaxis], (180, 320, 3)).copy()


class Gate:
    """One gate camera's process as far as pictures of passes go."""

    def __init__(self, state: Path, camera: CameraSpec, write: Any = write_whole, max_bytes: int = 10**9) -> None:
        self.folder = state / "evidence" / camera.name / "passes"
        shelf = Shelf(self.folder, max_bytes, 86_400_000, free=lambda _: 10**12)
        shelf.open()
        self.told: list[Report] = []
        self.shelf = PassShelf(camera, shelf, self.told.append, SEAL, write)
        self.shelf.start()
        self.camera = camera

    def pass_by(self, reader: Film, best: int = 1) -> dict[str, Any]:
        seeker = PlateSeeker(self.camera, reader, self.told.append, b"", album=self.shelf)
        for i in range(15):
            seeker.see(cast(VideoSource, None), picture(2 * i, Film.shown(i, best)), NOW)
        seeker.lost(NOW)
        (report,) = [one for one in self.told if one.sighting.type == "plate"]
        facts = json.loads(report.sighting.facts)
        assert isinstance(facts, dict)
        return facts

    @staticmethod
    def shown(file: Path) -> NDArray[np.uint8]:
        opened = file.with_suffix("")
        opened.write_bytes(SEAL.opened(file.name, file.read_bytes()))
        return load_picture(opened)

    def removed(self) -> dict[str, Any]:
        (report,) = [one for one in self.told if one.sighting.type == "evidence-removed"]
        facts = json.loads(report.sighting.facts)
        assert isinstance(facts, dict)
        return facts


def kept(use: PassPictures, shape: PlateShape = PlateShape.MASKED) -> CameraSpec:
    return replace(spec(shape), pictures=use)


def test_the_best_picture_and_its_plate_are_kept_and_the_event_tells_their_hashes(tmp_path: Path) -> None:
    gate = Gate(tmp_path, kept(PassPictures.CLEAR))
    event = gate.pass_by(Film(best=1))
    gate.shelf.stop(5)
    identity = event["evidence"]["id"]
    whole, crop = gate.folder / f"{identity}.jpg.sealed", gate.folder / f"{identity}.crop.jpg.sealed"
    for what, file in (("picture", whole), ("crop", crop)):
        assert event["evidence"][f"{what}_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert b"\xff\xd8\xff" not in file.read_bytes()[:64], "no picture for who takes the disk away"
    assert float(gate.shown(whole).mean()) > 180, "the best of all that were looked at"
    assert gate.shown(crop).shape[1] == pytest.approx(1.4 * 62, abs=2)
    record = json.loads((gate.folder / f"{identity}.json").read_bytes())
    assert (record["event"]["text"], "12345" in json.dumps(record)) == ("皖A****5", False)


def test_a_masked_picture_shows_no_plate_and_has_no_crop(tmp_path: Path) -> None:
    gate = Gate(tmp_path, kept(PassPictures.MASKED))
    event = gate.pass_by(Film(best=1))
    gate.shelf.stop(5)
    assert set(event["evidence"]) == {"id", "picture_sha256"}
    shown = gate.shown(gate.folder / f"{event['evidence']['id']}.jpg.sealed")
    assert float(shown[27:44, 103:161].mean()) < 8, "the plate that was found"
    assert float(cv2.Laplacian(shown[100:], cv2.CV_64F).var()) < 50, "and no other can be read"


def test_without_being_asked_for_nothing_is_kept(tmp_path: Path) -> None:
    gate = Gate(tmp_path, STANDING)
    event = gate.pass_by(Film(best=1))
    gate.shelf.stop(5)
    assert ("evidence" in event, list(gate.folder.iterdir())) == (False, [])


def test_who_could_not_be_read_has_a_picture_too(tmp_path: Path) -> None:
    gate = Gate(tmp_path, kept(PassPictures.CLEAR))
    event = gate.pass_by(Film(best=1, text=None))
    gate.shelf.stop(5)
    assert (event["text"], set(event["evidence"])) == (None, {"id", "picture_sha256"})
    assert len(list(gate.folder.glob("*.jpg.sealed"))) == 1


def test_a_full_disk_costs_pictures_and_no_pass_and_is_told(tmp_path: Path) -> None:
    def full(path: Path, content: bytes) -> None:
        if path.suffix == ".json":
            raise VideoError(f"{path}: could not be written: No space left on device")
        write_whole(path, content)

    gate = Gate(tmp_path, kept(PassPictures.CLEAR), full)
    event = gate.pass_by(Film(best=1))
    gate.shelf.tidy(NOW, None)
    gate.shelf.stop(5)
    assert event["text"] == "皖A****5"
    assert gate.removed() == {"reason": "unwritten", "ids": [event["evidence"]["id"]]}
    assert not list(gate.folder.glob("*.jpg.sealed")), "nothing half written is left"


def test_a_disk_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    goes_on = threading.Event()

    def hangs(path: Path, content: bytes) -> None:
        goes_on.wait(20)
        write_whole(path, content)

    gate = Gate(tmp_path, kept(PassPictures.CLEAR), hangs)
    for number in range(PASS_WRITES + 2):
        gate.told.clear()
        event = gate.pass_by(Film(best=number % 3), best=number % 3)
    assert (event["evidence"], event["evidence_lost"]) == (None, "the disk is too slow")
    goes_on.set()
    gate.shelf.stop(5)


def test_the_oldest_go_when_there_are_too_many_and_that_is_told(tmp_path: Path) -> None:
    gate = Gate(tmp_path, kept(PassPictures.CLEAR), max_bytes=1)
    event = gate.pass_by(Film(best=1))
    gate.shelf.tidy(NOW, NOW.wall_ms)
    gate.shelf.stop(5)
    assert gate.removed() == {"reason": "size", "ids": [event["evidence"]["id"]]}
    assert [file.name for file in gate.folder.iterdir()] == [".key"]


@pytest.mark.parametrize("shape", [PlateShape.MASKED, PlateShape.CLEAR])
def test_an_erased_plate_takes_its_pictures_along_though_no_record_names_it(tmp_path: Path, shape: PlateShape) -> None:
    camera = kept(PassPictures.CLEAR, shape)
    gate = Gate(tmp_path, camera)
    gate.pass_by(Film(best=1))
    gate.shelf.stop(5)
    traces = traces_of(lambda: (camera, replace(camera, name=CameraName("other"))), tmp_path)

    def erased(text: str) -> int:
        records = [record for name in (text, *traces(text)) for record in records_with(tmp_path, spellings(name))]
        remove([], records)
        return len(records)

    assert erased("皖A12346") == 0
    assert traces("皖a·12345") == traces(TEXT), "however a person writes it"
    assert erased(TEXT) == 1
    assert not [file for file in gate.folder.iterdir() if file.name != ".key"]


def test_pictures_in_memory_are_few_however_many_vehicles_stand_there() -> None:
    best, state = BestPictures(), PassState()
    for i in range(20):
        crowd = [seen_at(0, None, row=25 * car) for car in range(i + 1)]
        state, passes = step(state, i * 0.08, crowd)
        best.see(picture(2 * i, Film.shown(i, 0)), crowd, state, passes)
    held = [found for number in range(1, 40) if (found := best.take(number)) is not None]
    assert 0 < len({one.t_s for one in held}) <= PASS_PICTURES_HELD
