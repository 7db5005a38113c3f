"""The way from a camera's process to the daemon: signs of life, and what was seen, told until the daemon has it on disk.

A thread of its own, so that a camera that gives nothing for ten seconds does not look like a process that hangs; the sign of life
says when the main loop last moved. What could not be told yet waits in order, on disk too: the next process tells what this one
could not. What must be given up all the same (too much of it, or refused for good) is counted and told.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import orjson
import structlog

from edgeguard.camera.journal import Journal, Noted
from edgeguard.control import ControlClient
from edgeguard.control.camera_views import BeatView, LostView, SightingView
from edgeguard.control.errors import CallRefused, DaemonSilent
from edgeguard.control.methods import CAMERA_BEAT, CAMERA_LOST, CAMERA_SAW, Method
from edgeguard.core.camera_limits import CAMERA_BEAT_S, CAMERA_REPORTS
from edgeguard.core.ids import CameraName

_log = structlog.get_logger()
_R = TypeVar("_R")
_CALL_S: Final = 20.0
_PASSING: Final = ("store-error", "overloaded", "handler-timeout")
"""Refusals that may pass by themselves."""


@dataclass(frozen=True, slots=True)
class Report:
    """A sighting, and what to do once the daemon has it. One that it refuses for good is not done: what is on disk stays marked.

    `on_disk`: what it tells of lies on the disk and is found again at the next start.
    """

    sighting: SightingView
    done: Callable[[], None] = lambda: None
    on_disk: bool = False


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A report, and its file in the journal where it has one."""

    report: Report
    noted: Noted | None


@dataclass(frozen=True, slots=True)
class _No:
    """The daemon does not take it; `for_good`: it never will."""

    for_good: bool


class Reporter:
    """Tells the daemon. `beat` is asked for the newest sign of life whenever one is due; `asked` hears which picture is wanted."""

    def __init__(
        self,
        socket: Path,
        camera: CameraName,
        beat: Callable[[], BeatView],
        journal: Journal,
        asked: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._socket = socket
        self._camera = camera
        self._beat = beat
        self._journal = journal
        self._asked = asked
        self._waiting: deque[_Waiting] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._settled: _Waiting | None = None

    def start(self) -> None:
        """Begin, with what an earlier process could not tell."""
        with self._lock:
            self._waiting.extend(_Waiting(Report(noted.sighting), noted) for noted in self._journal.open())
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="reporter", daemon=True)
        self._thread.start()

    def stop(self, within_s: float) -> None:
        """Tell what waits, for as long as that takes at most, and end; what is left lies in the journal."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(within_s)

    def tell(self, report: Report) -> None:
        """Queue a sighting; the oldest goes when too many wait, and is told as lost unless it is found again at the next start."""
        with self._lock:
            noted = None if report.on_disk else self._journal.keep(report.sighting)
            self._waiting.append(_Waiting(report, noted))
            while len(self._waiting) > CAMERA_REPORTS:
                self._give_up(self._waiting.popleft())

    @property
    def waiting(self) -> int:
        """Sightings that the daemon does not have yet."""
        return len(self._waiting)

    async def _run(self) -> None:
        async with ControlClient(self._socket) as client:
            next_s = 0.0
            loop = asyncio.get_running_loop()
            while not (self._stop.is_set() and not self._waiting):
                if loop.time() >= next_s:
                    next_s = loop.time() + CAMERA_BEAT_S
                    await self._show_life(client)
                if not self._waiting or not await self._tell_first(client):
                    await asyncio.sleep(0.05 if not self._waiting else 0.5)

    async def _show_life(self, client: ControlClient) -> None:
        answer = await self._call(client, CAMERA_BEAT, self._beat())
        if isinstance(answer, _No):
            return
        self._asked(answer.snapshot)
        lost = self._journal.lost
        if lost.count:
            heard = await self._call(client, CAMERA_LOST, lost)
            if not isinstance(heard, _No):
                with self._lock:
                    self._journal.confess(lost)

    async def _tell_first(self, client: ControlClient) -> bool:
        """Tell the oldest sighting; True when it need not be told again."""
        first = self._waiting[0]
        if first.noted is not None:
            if first is not self._settled:
                self._settled = first
                self._journal.settle(first.noted.file)
            if first.noted.erased:
                self._take_off(first)
                return True
        answer = await self._call(client, CAMERA_SAW, first.report.sighting)
        refused = isinstance(answer, _No)
        if isinstance(answer, _No) and not answer.for_good:
            return False
        with self._lock:
            if not self._take_off(first):
                return True
            if refused:
                self._give_up(first)
            elif first.noted is not None:
                self._journal.forget(first.noted.file)
        if not refused:
            first.report.done()
        return True

    def _take_off(self, first: _Waiting) -> bool:
        """Whether it was still the first, and not given up meanwhile."""
        if self._waiting and self._waiting[0] is first:
            self._waiting.popleft()
            return True
        return False

    def _give_up(self, one: _Waiting) -> None:
        if one.noted is not None:
            self._journal.forget(one.noted.file)
        if not one.report.on_disk:
            self._journal.lose(one.report.sighting)

    async def _call(self, client: ControlClient, method: Method[_R], what: BeatView | SightingView | LostView) -> "_R | _No":
        args = {"camera": self._camera, "what": orjson.dumps(what).decode()}
        try:
            return await client.call(method, args, _CALL_S)
        except DaemonSilent as error:
            _log.debug("report.silent", error=str(error))
            return _No(for_good=False)
        except CallRefused as error:
            _log.warning("report.refused", method=method.name, code=error.code, error=str(error))
            return _No(for_good=error.code not in _PASSING)
