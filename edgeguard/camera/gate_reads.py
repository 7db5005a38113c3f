"""The quick way from a gate camera to the gate: readings for decisions, told at once or never.

Beside the reporter's, which waits for disks: a connection and a thread of its own. What could not be told within seconds is
forgotten, because the vehicle may have left; the pass itself is told by the reporter all the same.
"""

import asyncio
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import orjson
import structlog

from edgeguard.control import ControlClient
from edgeguard.control.camera_views import ReadView
from edgeguard.control.errors import CallRefused, DaemonSilent
from edgeguard.control.methods import CAMERA_READS
from edgeguard.core.camera_limits import GATE_READS_WAITING
from edgeguard.core.gate_limits import GATE_READ_OLD_MS
from edgeguard.core.ids import CameraName

_log = structlog.get_logger()
_CALL_S: Final = 2.0
_AGAIN_S: Final = 0.2


@dataclass(slots=True)
class _Line:
    """What waits, shared between the threads. `loop` and `stirred` belong to the telling one."""

    waiting: deque[tuple[float, ReadView]] = field(default_factory=lambda: deque(maxlen=GATE_READS_WAITING))
    loop: asyncio.AbstractEventLoop | None = None
    stirred: asyncio.Event | None = None
    stopping: bool = False


class GateReads:
    """Tells the daemon what a gate camera reads. `tell` never blocks."""

    def __init__(self, socket: Path, camera: CameraName) -> None:
        self._socket = socket
        self._camera = camera
        self._line = _Line()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="gate reads", daemon=True)
        self._thread.start()

    def stop(self, within_s: float) -> None:
        """End; what waits is forgotten."""
        self._line.stopping = True
        self._stir()
        if self._thread is not None:
            self._thread.join(within_s)

    def tell(self, view: ReadView) -> None:
        """Queue a reading; the oldest goes when too many wait."""
        self._line.waiting.append((time.monotonic(), view))
        self._stir()

    def _stir(self) -> None:
        loop, stirred = self._line.loop, self._line.stirred
        if loop is not None and stirred is not None and not loop.is_closed():
            loop.call_soon_threadsafe(stirred.set)

    async def _run(self) -> None:
        self._line.stirred = asyncio.Event()
        self._line.loop = asyncio.get_running_loop()
        self._line.stirred.set()  # what came before this thread was there
        async with ControlClient(self._socket) as client:
            while not self._line.stopping:
                await self._line.stirred.wait()
                self._line.stirred.clear()
                while self._line.waiting and not self._line.stopping:
                    at_s, view = self._line.waiting[0]
                    if time.monotonic() - at_s > GATE_READ_OLD_MS / 1000 or await self._told(client, view):
                        self._line.waiting.popleft()
                    else:
                        await asyncio.sleep(_AGAIN_S)

    async def _told(self, client: ControlClient, view: ReadView) -> bool:
        """Whether it need not be told again."""
        args = {"camera": self._camera, "what": orjson.dumps(view).decode()}
        try:
            await client.call(CAMERA_READS, args, _CALL_S)
        except DaemonSilent:
            return False
        except CallRefused as error:
            _log.warning("read.refused", code=error.code)
        return True
