"""The process of one camera from its first to its last moment: bounds, parent, parts put together."""

import contextlib
import ctypes
import hashlib
import os
import random
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Final

import structlog

from edgeguard.camera.custody import CustodyBook
from edgeguard.camera.gate_reads import GateReads
from edgeguard.camera.journal import Journal
from edgeguard.camera.live import LiveCamera, access_of
from edgeguard.camera.pass_pictures import PassShelf
from edgeguard.camera.removals import tell_gone
from edgeguard.camera.reports import Report, Reporter
from edgeguard.camera.sealing import Seal, SealError
from edgeguard.camera.seek_falls import FallSeeker
from edgeguard.camera.shelf import Shelf, disk_free
from edgeguard.camera.sight import Sight
from edgeguard.camera.snapshots import Snapshots
from edgeguard.camera.standing import Standing
from edgeguard.camera.unlisted import Unlisted
from edgeguard.camera.worker import Seeker, Worker
from edgeguard.control.camera_views import TroubleView
from edgeguard.core.blindness import Blindness
from edgeguard.core.camera import (
    CameraSpec,
    PassPictures,
    PlateShape,
    Task,
    evidence_folder,
    pass_folder,
    reports_folder,
    snapshot_folder,
    standing_file,
    view_file,
)
from edgeguard.core.camera_limits import CAMERA_HUNG_S, CAMERA_LAST_WORDS_S, EVIDENCE_FREE_BYTES, PASS_FREE_BYTES, SNAPSHOTS_BYTES
from edgeguard.core.clock import AgeClock, Clock, Stamp
from edgeguard.core.errors import Permanent
from edgeguard.vision.facade import plane_of

_log = structlog.get_logger()
_PR_SET_PDEATHSIG: Final = 1
_SECRET_BYTES: Final = 4096
_USUAL: Final = (1920, 1080)
_NICE: Final = 5
"""Polls and barriers go before pictures."""


def run_camera(spec: CameraSpec, socket: Path, state: Path, clock: Clock, parent: int | None) -> int:
    """Look at the camera until SIGTERM. `state` is the store's folder; `parent` the process without which this one has no sense.

    The camera's password, the key of hashed plates and that of pictures, where it has them, come on standard input, a line each, so
    that this process needs no credentials of its own.
    """
    _refuse_lines_of_no_facade(spec)
    stop = _Stop()
    if parent is not None:
        _end_with(parent)
    resource.setrlimit(resource.RLIMIT_DATA, (spec.memory_bytes, spec.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    password, key = _line().decode("utf-8", "replace") if spec.password_file is not None else None, b""
    if spec.plate_key_file is not None:
        key = _line()
    seal, why_open = (None, "") if spec.picture_key_file is None else _seal(spec, _line())
    unsealed = (TroubleView(Blindness.UNSEALED.value, clock.now().boot_ms, why_open),) if why_open else ()
    falls = Path(evidence_folder(state, spec.name))
    book = CustodyBook(falls, lambda: clock.now().wall_ms)
    shelf = _shelf(falls, spec.evidence_bytes, spec.evidence_age_ms, book=book)
    album = _shelf(Path(snapshot_folder(state, spec.name)), SNAPSHOTS_BYTES, spec.evidence_age_ms)
    sight = Sight(Path(view_file(state, spec.name)), setup_of(spec))
    reporter: Reporter | None = None

    def tell(report: Report) -> None:
        if reporter is not None:
            reporter.tell(report)

    reads = GateReads(socket, spec.name) if spec.task is Task.PLATES else None
    passes = _pass_shelf(spec, state, tell, seal)
    seeker = _seeker(spec, shelf, tell, key, lambda: sight.knows_place, reads, passes, seal, Path(standing_file(socket, spec.name)))
    camera = LiveCamera(access_of(spec, password), random.SystemRandom())
    snapshots = Snapshots(spec, album, seeker.hide, tell, seal)

    ages, unlisted = AgeClock(), Unlisted(lambda: disk_free(falls))

    def tidy(now: Stamp) -> None:
        for one in (album, shelf):
            _tidy(one, now, ages.wall_ms(now), tell)
        unlisted.look(book.why_not, now.boot_ms)
        if passes is not None:
            passes.tidy(now, ages.wall_ms(now))

    worker = Worker(camera, seeker, sight, clock, tidy, look_on=snapshots.see, standing=lambda: (*unsealed, *unlisted.trouble))
    reporter = Reporter(socket, spec.name, worker.beat, Journal(Path(reports_folder(state, spec.name))), snapshots.ask)
    reporter.start()
    for thread in (reads, passes):
        if thread is not None:
            thread.start()
    snapshots.remember()
    try:
        worker.run(stop.asked_after_a_picture)
    finally:
        signal.alarm(0)
        for thread in (reads, passes):
            if thread is not None:
                thread.stop(CAMERA_LAST_WORDS_S)
        reporter.stop(CAMERA_LAST_WORDS_S)
        book.close()
    return 0


def _refuse_lines_of_no_facade(spec: CameraSpec) -> None:
    """Said once and for good at the start, not by a crash at every picture."""
    if spec.facade is not None:
        try:
            plane_of(spec.facade, spec.facade.size or _USUAL)
        except ValueError as error:
            raise Permanent(f"{spec.name}: facade: {error}") from error


def setup_of(spec: CameraSpec) -> str:
    """What the view was set up for; a camera with another address or facade has another view."""
    return hashlib.sha256(repr((spec.url, spec.task, spec.facade)).encode()).hexdigest()


def _seal(spec: CameraSpec, key: bytes) -> tuple[Seal | None, str]:
    """What seals its pictures, or why nothing does. Where the key is none (any more), pictures of passes are not kept at all, and
    that is said once and for good; what fell, and what somebody has asked for, is kept as it is: evidence is not given up for want
    of a key.
    """
    try:
        return Seal(key), ""
    except SealError as error:
        if spec.pictures is not PassPictures.NONE:
            raise Permanent(f"{spec.name}: picture_key_file: {error}") from error
        _log.warning("evidence.unsealed", camera=spec.name, error=str(error))
        return None, str(error)


def _pass_shelf(spec: CameraSpec, state: Path, tell: Callable[[Report], None], seal: Seal | None) -> PassShelf | None:
    """Where pictures of passes are kept; None where none are. What was kept when they still were grows old all the same."""
    folder = Path(pass_folder(state, spec.name))
    if spec.pictures is PassPictures.NONE and not folder.is_dir():
        return None
    return PassShelf(spec, _shelf(folder, spec.evidence_bytes, spec.evidence_age_ms, PASS_FREE_BYTES), tell, seal)


def _shelf(
    folder: Path, max_bytes: int, max_age_ms: int, least_free: int = EVIDENCE_FREE_BYTES, book: CustodyBook | None = None
) -> Shelf:
    shelf = Shelf(folder, max_bytes, max_age_ms, least_free=least_free, book=book)
    try:
        shelf.open()
    except OSError as error:
        raise Permanent(f"{folder}: cannot be made a folder for evidence: {error.strerror}") from error
    return shelf


class _Stop:
    """Set by SIGTERM and SIGINT; the second of them ends the process at once."""

    def __init__(self) -> None:
        self._set = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._told)

    def _told(self, number: int, _frame: FrameType | None) -> None:
        if self._set:
            os._exit(128 + number)
        self._set = True

    def asked_after_a_picture(self) -> bool:
        """Whether to stop.

        Where native code hangs none of our handlers runs any more: SIGALRM, which has none, then ends the process, also when the
        daemon that would do so is gone.
        """
        signal.alarm(CAMERA_HUNG_S)
        return self._set


def _end_with(parent: int) -> None:
    """SIGTERM when the parent ends (prctl(2)); nothing to do here if it already has."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        raise Permanent(f"the daemon (process {parent}) that started this camera is gone")


def _line() -> bytes:
    return sys.stdin.buffer.readline(_SECRET_BYTES).rstrip(b"\r\n")


def _seeker(
    spec: CameraSpec,
    shelf: Shelf,
    tell: Callable[[Report], None],
    key: bytes,
    knows_place: Callable[[], bool],
    reads: GateReads | None,
    passes: PassShelf | None,
    seal: Seal | None,
    standing: Path,
) -> Seeker:
    """What looks for the camera's task; the models are loaded only where they are needed."""
    if spec.task is Task.FALLING:
        return FallSeeker(spec, shelf, tell, knows_place, seal)
    from edgeguard.camera.plates import PlateReader
    from edgeguard.camera.seek_plates import PlateSeeker

    if spec.plate_shape is PlateShape.HASHED and not key:
        raise Permanent(f"{spec.name}: the key of hashed plates is empty or could not be read")
    told = (lambda _: None) if reads is None else reads.tell
    return PlateSeeker(spec, PlateReader.shipped(), tell, key, told, passes, knows_place, Standing(standing))


def _tidy(shelf: Shelf, now: Stamp, age_wall_ms: int | None, tell: Callable[[Report], None]) -> None:
    """Keep the evidence within its bounds, and tell what had to go. `age_wall_ms`: the time by which it grows old, if known."""
    try:
        gone = shelf.tidy(age_wall_ms)
    except OSError as error:
        _log.warning("evidence.disk", error=error.strerror)
        return
    tell_gone(gone, now, tell)
