"""Pictures that are asked for: taken once, kept with their hash, what must not be seen black in every form of them."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_seek_plates import NOW, Sleeper, picture, spec

from edgeguard.camera.masking import hide
from edgeguard.camera.pictures import Bgr, load_picture
from edgeguard.camera.plates import PlateReader
from edgeguard.camera.reports import Report
from edgeguard.camera.sealing import Seal, sha256_within
from edgeguard.camera.seek_plates import PlateSeeker
from edgeguard.camera.shelf import Shelf
from edgeguard.camera.snapshots import Snapshots
from edgeguard.core.camera import CameraSpec, PlateShape, SnapshotUse
from edgeguard.core.camera_limits import SNAPSHOT_SENT_BYTES, SNAPSHOTS_BYTES
from edgeguard.core.facade import FacadeSpec

SHOWN = replace(spec(PlateShape.CLEAR), snapshot=SnapshotUse.SENT)
HALF = ((0.0, 0.0), (32.0, 0.0), (32.0, 36.0), (0.0, 36.0))
PICTURES = Path(__file__).parents[2] / "pictures"


def scene(width: int = 640, height: int = 360, seed: int = 1) -> Bgr:
    """Noise, which no JPEG makes small."""
    return np.random.default_rng(seed).integers(60, 255, (height, width, 3)).astype(np.uint8)


class Album:
    """A camera's snapshots in a folder, and what was told of them."""

    def __init__(
        self, folder: Path, camera: CameraSpec = SHOWN, veil: Callable[[Bgr], None] | None = None, seal: Seal | None = None
    ) -> None:
        self.told: list[Report] = []
        self.shelf = Shelf(folder / "snapshots", SNAPSHOTS_BYTES, 3_600_000)
        self.shelf.open()
        self.snapshots = Snapshots(camera, self.shelf, veil or (lambda shown: hide(shown, camera)), self.told.append, seal)

    def take(self, shown: Bgr, order: str = "o-1") -> dict[str, object]:
        self.snapshots.ask(order)
        self.snapshots.see(picture(0, shown), NOW)
        facts = json.loads(self.told[-1].sighting.facts)
        assert isinstance(facts, dict)
        return facts

    def file(self, facts: dict[str, object], what: str) -> Path:
        part = facts[what]
        assert isinstance(part, dict)
        path: Path = self.shelf.folder / part["file"]
        data = path.read_bytes()
        assert (part["sha256"], part["bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))
        shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert shown is not None
        assert shown.shape[:2] == (part["height"], part["width"])
        return Path(path)


def test_a_picture_is_kept_whole_and_sent_small_enough(tmp_path: Path) -> None:
    album = Album(tmp_path)
    facts = album.take(scene())
    kept, sent = album.file(facts, "picture"), album.file(facts, "sent")
    assert kept.stat().st_size > SNAPSHOT_SENT_BYTES >= sent.stat().st_size
    (report,) = album.told
    record = json.loads(kept.with_suffix(".json").read_bytes())
    assert (record["event"], record["picture"]["sha256"]) == (facts, hashlib.sha256(kept.read_bytes()).hexdigest())
    assert (report.on_disk, album.shelf.pieces()[0].unsent) == (True, True)
    report.done()
    assert not album.shelf.pieces()[0].unsent


def test_with_a_key_nothing_of_it_lies_on_the_disk_in_the_clear(tmp_path: Path) -> None:
    seal = Seal(b"a key of the site, long enough")
    album = Album(tmp_path, seal=seal)
    facts = album.take(np.full((120, 160, 3), 90, np.uint8))
    (piece,) = album.shelf.pieces()
    sealed = [file for file in piece.files if file.suffix == ".sealed"]
    assert len(sealed) == 2
    for what, file in zip(("picture", "sent"), sorted(sealed), strict=True):
        told = facts[what]
        assert isinstance(told, dict)
        assert (told["file"], told["sha256"]) == (file.name, sha256_within(file, seal))
        assert b"JFIF" not in file.read_bytes()


def test_what_is_small_enough_is_sent_as_it_is_kept(tmp_path: Path) -> None:
    album = Album(tmp_path)
    facts = album.take(np.full((120, 160, 3), 90, np.uint8))
    assert album.file(facts, "picture").read_bytes() == album.file(facts, "sent").read_bytes()


def test_nothing_is_made_for_sending_where_nothing_may_be_sent(tmp_path: Path) -> None:
    album = Album(tmp_path, spec(PlateShape.CLEAR))
    facts = album.take(scene())
    assert (facts["sent"], len(list(album.shelf.folder.glob("*.jpg")))) == (None, 1)


@pytest.mark.parametrize(
    "camera",
    [
        replace(SHOWN, masks=(((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)),)),
        replace(
            SHOWN,
            facade=FacadeSpec(size=(64, 36), polygon=((60, 0), (64, 0), (64, 36)), masks=(((0, 0), (32, 0), (32, 36), (0, 36)),)),
        ),
    ],
    ids=["its own", "of the facade"],
)
def test_masks_are_black_in_every_form(tmp_path: Path, camera: CameraSpec) -> None:
    album = Album(tmp_path, camera)
    facts = album.take(scene())
    for what in ("picture", "sent"):
        shown = load_picture(album.file(facts, what))
        half = shown.shape[1] // 2
        assert float(shown[:, : half - 12].mean()) < 2, what
        assert float(shown[:, half + 12 :].mean()) > 100, what


@pytest.mark.parametrize("shape", [PlateShape.CLEAR, PlateShape.MASKED])
def test_a_plate_that_may_only_leave_masked_is_in_no_picture(tmp_path: Path, shape: PlateShape) -> None:
    camera = replace(spec(shape), snapshot=SnapshotUse.SENT)
    seeker = PlateSeeker(camera, PlateReader.shipped(), lambda _: None)
    album = Album(tmp_path, camera, seeker.hide)
    facts = album.take(load_picture(PICTURES / "皖A61R58.jpg"))
    read = [texts_in(load_picture(album.file(facts, what))) for what in ("picture", "sent")]
    assert read == ([["皖A61R58"]] * 2 if shape is PlateShape.CLEAR else [[], []])


def texts_in(shown: Bgr) -> list[str]:
    return [one.reading.text for one in PlateReader.shipped().see(shown)]


@pytest.mark.parametrize("moved", [False, True])
def test_a_plate_that_nobody_found_is_in_no_picture_either(tmp_path: Path, moved: bool) -> None:
    still = load_picture(PICTURES / "皖A61R58.jpg")
    left = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
    camera = replace(spec(PlateShape.MASKED), plate_free=(left,))
    seeker = PlateSeeker(camera, Sleeper(), lambda _: None, knows_place=lambda: not moved)
    album = Album(tmp_path, camera, seeker.hide)
    wide = np.asarray(cv2.copyMakeBorder(still, 0, 0, still.shape[1] + 8, 0, cv2.BORDER_REFLECT_101), np.uint8)
    kept = load_picture(album.file(album.take(wide), "picture"))
    right = np.ascontiguousarray(kept[:, still.shape[1] + 8 :])
    for zoom in (0.5, 1.0, 2.0):
        assert texts_in(np.asarray(cv2.resize(right, None, fx=zoom, fy=zoom), np.uint8)) == []
    sharpness = [float(cv2.Laplacian(half, cv2.CV_64F).var()) for half in (kept[:, : still.shape[1]], right)]
    assert (sharpness[0] > 20 * sharpness[1]) is not moved, "sharp where no vehicle can be, while the camera stands as it did"


def test_the_same_order_again_is_one_picture_and_a_damaged_one_is_not_taken(tmp_path: Path) -> None:
    album = Album(tmp_path)
    album.snapshots.see(picture(0, scene()), NOW)
    assert not album.told, "nobody has asked"
    album.snapshots.ask("o-1")
    album.snapshots.see(replace(picture(1, scene()), damaged=True), NOW)
    assert not album.told
    for order in ("o-1", "o-1", "o-2"):
        album.take(scene(64, 48), order)
    assert [json.loads(report.sighting.facts)["order"] for report in album.told] == ["o-1", "o-2"]


def test_a_disk_that_refuses_is_told_in_words(tmp_path: Path) -> None:
    album = Album(tmp_path)
    album.shelf.folder.rmdir()
    facts = album.take(scene(64, 48))
    assert (facts["order"], "No such file" in str(facts["why"])) == ("o-1", True)


def test_what_an_earlier_process_could_not_tell_is_told(tmp_path: Path) -> None:
    before = Album(tmp_path)
    facts = before.take(scene(64, 48))
    after = Album(tmp_path)
    after.snapshots.remember()
    (report,) = after.told
    assert (report.sighting, json.loads(report.sighting.facts)) == (before.told[0].sighting, facts)
    report.done()
    assert not after.shelf.pieces()[0].unsent
