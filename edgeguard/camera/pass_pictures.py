"""Pictures of passes: the best one of each vehicle on its way, made a JPEG when its pass is told, and written by another thread.

A pass never waits for the disk: its event is told with the hashes as soon as the picture is encoded. A disk that is slow or full
costs pictures, and that is told. On the disk they are sealed under a key of the site; the hashes are those of the sealed files, so
that whoever checks them needs no key. Nothing of them leaves the gateway but those hashes.
"""

import contextlib
import hashlib
import os
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import orjson
import structlog
from numpy.typing import NDArray

from edgeguard.camera.evidence import write_whole
from edgeguard.camera.masking import hide
from edgeguard.camera.pictures import Bgr
from edgeguard.camera.removals import tell_gone
from edgeguard.camera.reports import Report
from edgeguard.camera.sealing import Seal
from edgeguard.camera.shelf import Gone, Shelf, stem_of
from edgeguard.camera.veil import veil
from edgeguard.camera.video import Picture, VideoError
from edgeguard.core.camera import PASSES_KEY, SEALED, CameraSpec, PassPictures, PlateShape
from edgeguard.core.camera_limits import PASS_PICTURES_HELD, PASS_WRITES
from edgeguard.core.clock import Stamp
from edgeguard.core.plate_shape import shaped
from edgeguard.vision.plate_geometry import stretched
from edgeguard.vision.plate_passes import FOR_THE_GATE, Pass, PassState, Seen, best_moment

_log = structlog.get_logger()
_QUALITY: Final = 85
_AROUND: Final = 0.2
"""A crop shows so much around the plate, in shares of its width and height."""
_KEY_BYTES: Final = 32
_UNWRITTEN: Final = "unwritten"


@dataclass(frozen=True, slots=True)
class _Held:
    """The best picture of a vehicle so far, and all plates that were found in it."""

    t_s: float
    picture: Picture
    plates: tuple[NDArray[np.float64], ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is to be written of one pass; `text` is its plate, which is in the record under the folder's key only."""

    stem: str
    files: Mapping[str, bytes]
    record: Mapping[str, Any]
    text: str | None


@dataclass(frozen=True, slots=True)
class _Tidy:
    """A minute has gone; `age_ms` is the time by which things grow old, if known."""

    now: Stamp
    age_ms: int | None


class BestPictures:
    """The best picture of each vehicle on its way. Holds decoded pictures, PASS_PICTURES_HELD at most."""

    def __init__(self) -> None:
        self._held: dict[int, _Held] = {}

    def see(self, picture: Picture, seen: Sequence[Seen], state: PassState, passes: Sequence[Pass]) -> None:
        """A picture was looked at; after it this is on the way, and these are to be told."""
        plates = tuple(one.found.corners for one in seen)
        now_told = {one.number for one in passes if one.stage not in FOR_THE_GATE}
        for track in state.tracks:
            if (not track.told or track.number in now_told) and best_moment(track) == picture.t_s:
                self._held[track.number] = _Held(picture.t_s, picture, plates)
        while len({held.t_s for held in self._held.values()}) > PASS_PICTURES_HELD:
            del self._held[min(self._held)]

    def take(self, number: int) -> _Held | None:
        """The best picture of this vehicle, which is then forgotten."""
        return self._held.pop(number, None)

    def forget_all_but(self, state: PassState) -> None:
        """Who is not on the way any more, or has been told, needs none."""
        waiting = {track.number for track in state.tracks if not track.told}
        for number in self._held.keys() - waiting:
            del self._held[number]


class PassShelf:
    """Makes and keeps the pictures of one camera's passes, sealed; `write` puts a whole file on the disk.

    Without a seal none are kept any more, and those that are there grow old.
    """

    def __init__(
        self,
        spec: CameraSpec,
        shelf: Shelf,
        tell: Callable[[Report], None],
        seal: Seal | None,
        write: Callable[[Path, bytes], None] = write_whole,
    ) -> None:
        self._spec = spec
        self._shelf = shelf
        self._tell = tell
        self._seal = seal
        self._write_whole = write
        self._jobs: queue.Queue[_Kept | _Tidy | None] = queue.Queue(PASS_WRITES)
        self._unwritten: list[Gone] = []
        self._thread = threading.Thread(target=self._run, name="pass pictures", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self, within_s: float) -> None:
        """Write what waits, for as long as that takes at most."""
        with contextlib.suppress(queue.Full):
            self._jobs.put(None, timeout=within_s)
        self._thread.join(within_s)

    def tidy(self, now: Stamp, age_ms: int | None) -> None:
        """Keep within the bounds, soon."""
        with contextlib.suppress(queue.Full):
            self._jobs.put_nowait(_Tidy(now, age_ms))

    def keep(self, held: _Held, one: Pass, at: Stamp, event: Mapping[str, Any], sharp: bool) -> dict[str, Any]:
        """What the event says of its pictures, which will be on the disk soon. `sharp`: the site's areas without vehicles are
        where they were drawn."""
        stem = f"{stem_of(at.wall_ms)}-{one.number}"
        if self._seal is None:
            return {"evidence": None, "evidence_lost": "there is no key to seal it with"}
        try:
            shown = self._pictures(stem, held, one, sharp)
            files = {what: (name + SEALED, self._seal.closed(name + SEALED, data)) for what, (name, data) in shown.items()}
        except (VideoError, cv2.error) as error:
            return {"evidence": None, "evidence_lost": str(error)[:200]}
        hashes = {what: (name, hashlib.sha256(data).hexdigest()) for what, (name, data) in files.items()}
        moment = {"wall_ms": at.wall_ms, "boot_ms": at.boot_ms, "boot": at.boot, "synced": at.synced}
        told = {what: {"file": name, "sha256": sha256} for what, (name, sha256) in hashes.items()}
        record = {"at": moment, "event": dict(event), "shows": self._spec.pictures.value, **told}
        try:
            self._jobs.put_nowait(_Kept(stem, dict(files.values()), record, one.text))
        except queue.Full:
            return {"evidence": None, "evidence_lost": "the disk is too slow"}
        return {"evidence": {"id": stem, **{f"{what}_sha256": sha256 for what, (_, sha256) in hashes.items()}}}

    def _pictures(self, stem: str, held: _Held, one: Pass, sharp: bool) -> dict[str, tuple[str, bytes]]:
        """Names and contents of its files, by what they show."""
        shown = held.picture.bgr().copy()
        hide(shown, self._spec)
        if self._spec.pictures is PassPictures.MASKED:
            veil(shown, held.plates, self._spec.plate_free if sharp else ())
            return {"picture": (f"{stem}.jpg", _jpeg(shown))}
        found = {"picture": (f"{stem}.jpg", _jpeg(shown))}
        crop = None if one.best is None or one.best.t_s != held.t_s else _crop(shown, one.best.found.corners)
        return found if crop is None else {**found, "crop": (f"{stem}.crop.jpg", _jpeg(crop))}

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            if isinstance(job, _Tidy):
                self._tidy(job)
            else:
                self._keep(job)

    def _keep(self, kept: _Kept) -> None:
        """The record last: what a power cut leaves half written has none, and grows old like everything else."""
        try:
            record = dict(kept.record)
            if kept.text is not None and self._spec.plate_shape is not PlateShape.CLEAR:
                record["trace"] = shaped(kept.text, PlateShape.HASHED, self._key())
            for name, data in kept.files.items():
                self._write_whole(self._shelf.folder / name, data)
            self._write_whole(self._shelf.folder / f"{kept.stem}.json", orjson.dumps(record, option=orjson.OPT_INDENT_2))
        except (OSError, VideoError) as error:
            _log.warning("pass.unwritten", error=str(error))
            self._unwritten = [*self._unwritten, Gone(kept.stem, _UNWRITTEN, unsent=False)]
            for name in kept.files:
                with contextlib.suppress(OSError):
                    (self._shelf.folder / name).unlink(missing_ok=True)

    def _tidy(self, job: _Tidy) -> None:
        gone, self._unwritten = self._unwritten, []
        try:
            gone += self._shelf.tidy(job.age_ms)
        except OSError as error:
            _log.warning("evidence.disk", error=error.strerror)
        tell_gone(gone, job.now, self._tell)

    def _key(self) -> bytes:
        """The folder's own; made with the first picture, and lying there before it is used."""
        file = self._shelf.folder / PASSES_KEY
        try:
            return file.read_bytes()
        except FileNotFoundError:
            key = os.urandom(_KEY_BYTES)
            self._write_whole(file, key)
            file.chmod(0o600)
            return key


def _crop(shown: Bgr, corners: NDArray[np.float64]) -> Bgr | None:
    """The plate's upright box with a little around it; None where nothing of it lies in the picture."""
    around = stretched(corners, _AROUND, _AROUND, _AROUND)
    (left, top), (right, bottom) = np.floor(around.min(axis=0)).astype(int), np.ceil(around.max(axis=0)).astype(int)
    part = shown[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    return np.ascontiguousarray(part) if part.size else None


def _jpeg(shown: Bgr) -> bytes:
    done, encoded = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise VideoError("the picture could not be encoded")
    return encoded.tobytes()
