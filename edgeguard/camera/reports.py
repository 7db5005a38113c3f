"""The way from a camera's process to the daemon: signs of life, and what was seen, told until the daemon has it on disk.

A thread of its own, so that a camera that gives nothing for ten seconds does not look like a process that hangs; the sign of life
says when the main loop last moved. What could not be told yet and is not on disk waits in a bounded queue.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson
import structlog

from edgeguard.control import ControlClient
from edgeguard.control.camera_views import BeatView, SightingView
from edgeguard.control.errors import CallRefused, DaemonSilent
from edgeguard.control.methods import CAMERA_BEAT, CAMERA_SAW, Method
from edgeguard.control.views import CountView
from edgeguard.core.camera_limits import CAMERA_BEAT_S, CAMERA_REPORTS
from edgeguard.core.ids import CameraName

_log = structlog.get_logger()
_CALL_S: Final = 20.0
_PASSING: Final = ("store-error", "overloaded", "handler-timeout")
"""Refusals that may pass by themselves."""


@dataclass(frozen=True, slots=True)
class Report:
    """A sighting, and what to do once the daemon has it. One that it refuses for good is not done: what is on disk stays marked."""

    sighting: SightingView
    done: Callable[[], None] = lambda: None


class Reporter:
    """Tells the daemon. `beat` is asked for the newest sign of life whenever one is due."""

    def __init__(self, socket: Path, camera: CameraName, beat: Callable[[], BeatView]) -> None:
        self._socket = socket
        self._camera = camera
        self._beat = beat
        self._waiting: deque[Report] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self.dropped = 0
        """Sightings that were given up because too many waited, or because the daemon refused them."""

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="reporter", daemon=True)
        self._thread.start()

    def stop(self, within_s: float) -> None:
        """Tell what waits, for as long as that takes at most, and end."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(within_s)

    def tell(self, report: Report) -> None:
        """Queue a sighting; the oldest goes when too many wait. What is on disk (see `done`) is found again at the next start."""
        with self._lock:
            self._waiting.append(report)
            while len(self._waiting) > CAMERA_REPORTS:
                self._waiting.popleft()
                self.dropped += 1

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
                    await self._call(client, CAMERA_BEAT, self._beat())
                if not self._waiting or not await self._tell_first(client):
                    await asyncio.sleep(0.05 if not self._waiting else 0.5)

    async def _tell_first(self, client: ControlClient) -> bool:
        """Tell the oldest sighting; True when it need not be told again."""
        report = self._waiting[0]
        taken = await self._call(client, CAMERA_SAW, report.sighting)
        if taken is None:
            return False
        with self._lock:
            if self._waiting and self._waiting[0] is report:
                self._waiting.popleft()
        if taken:
            report.done()
        else:
            self.dropped += 1
        return True

    async def _call(self, client: ControlClient, method: Method[CountView], what: BeatView | SightingView) -> bool | None:
        """True taken, False refused for good, None not known: try again."""
        args = {"camera": self._camera, "what": orjson.dumps(what).decode()}
        try:
            await client.call(method, args, _CALL_S)
        except DaemonSilent as error:
            _log.debug("report.silent", error=str(error))
            return None
        except CallRefused as error:
            _log.warning("report.refused", method=method.name, error=str(error))
            return None if error.code in _PASSING else False
        return True
