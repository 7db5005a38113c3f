"""One camera's process as the daemon sees it: started, listened to, ended when it hangs, and gone with the daemon.

The supervisor starts it again; here is one life of it.
"""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, TextIO

import structlog

from edgeguard.config.files import CREDENTIALS
from edgeguard.control.camera_views import BeatView
from edgeguard.core.camera import CameraSpec
from edgeguard.core.camera_limits import CAMERA_SILENT_S, CAMERA_START_S, CAMERA_STDERR_BYTES, CAMERA_TERM_S
from edgeguard.core.errors import Permanent, Retryable
from edgeguard.core.printable import printable

_log = structlog.get_logger()
_LOOK_S: Final = 1.0
_BAD_CONFIGURATION: Final = 2
_NOT_FOR_CAMERAS: Final = (CREDENTIALS, "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
_FOR_CAMERAS: Final = MappingProxyType({"OPENBLAS_NUM_THREADS": "1"})
"""Each thread of the linear algebra that numpy and OpenCV bring sets tens of MiB aside, and nothing here has use for a second."""

_SOONER: Final = 500
"""On the kernel's scale of -1000 to 1000: where memory is short it ends a camera, which comes back, before polls and barriers."""
_SOONEST: Final = 1000


class CameraLink:
    """A camera's process. `beat` is its newest sign of life, None before the first of this life."""

    def __init__(
        self,
        spec: CameraSpec,
        command: Sequence[str],
        papers: bytes = b"",
        silent_s: float = CAMERA_SILENT_S,
        start_s: float = CAMERA_START_S,
    ) -> None:
        self.spec = spec
        self.papers = papers
        """What its next life is given first on standard input; the camera's secrets follow."""
        self._silent_s = silent_s
        self._start_s = start_s
        self.pid = 0
        self.beat: BeatView | None = None
        self.beat_s = 0.0
        """Loop time of it."""
        self._command = tuple(command)
        self._last_words = ""

    def hear(self, beat: BeatView) -> None:
        """A sign of life has come."""
        self.beat, self.beat_s = beat, asyncio.get_running_loop().time()

    async def run(self) -> None:
        """One life of the process. Retryable or Permanent says how it ended; cancelled, it takes the process with it."""
        self.beat, self._last_words = None, ""
        child = await self._start()
        self.pid = child.pid
        words = asyncio.create_task(self._listen(child), name=f"camera.{self.spec.name}.words")
        try:
            hung = await self._watch(child)
        finally:
            await _end(child)
            self.pid, self.beat = 0, None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CAMERA_TERM_S):
                    await words
        raise self._end_of(child.returncode or 0, hung)

    async def _start(self) -> Process:
        environment = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_CAMERAS} | dict(_FOR_CAMERAS)
        try:
            child = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=DEVNULL, stderr=PIPE, env=environment, limit=CAMERA_STDERR_BYTES
            )
        except OSError as error:
            raise Retryable(f"its process cannot be started: {error.strerror}") from error
        _goes_first(child.pid)
        assert child.stdin is not None  # noqa: S101 (asked for)
        with contextlib.suppress(ConnectionError):
            child.stdin.write(self.papers)
            for secret in (self.spec.password_file, self.spec.plate_key_file, self.spec.picture_key_file):
                if secret is not None:
                    child.stdin.write(_first_line(self.spec, Path(secret)))
            child.stdin.close()
        return child

    async def _watch(self, child: Process) -> str:
        """Until it ends or hangs; in words, how it hangs."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        while child.returncode is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await child.wait()
            silent_s = loop.time() - (self.beat_s if self.beat else began_s)
            if silent_s > (self._silent_s if self.beat else self._start_s):
                return f"showed no sign of life for {silent_s:.0f} s"
            if self.beat is not None and self.beat.pulse_s > self._silent_s:
                return f"has looked at nothing for {self.beat.pulse_s:.0f} s"
        return ""

    async def _listen(self, child: Process) -> None:
        """Pass its log on, and keep the last line: it may say why it ended."""
        assert child.stderr is not None  # noqa: S101 (asked for)
        while True:
            try:
                line = await child.stderr.readline()
            except ValueError:
                continue  # a line beyond the limit; what is left of it comes next
            if not line:
                return
            self._last_words = line.decode("utf-8", "replace").strip() or self._last_words
            stderr: TextIO | None = sys.stderr
            if stderr is None:
                continue
            with contextlib.suppress(OSError, ValueError):
                stderr.write(printable(line.decode("utf-8", "backslashreplace"), "\n\t"))
                stderr.flush()

    def _end_of(self, code: int, hung: str) -> Exception:
        words = self._last_words[-300:]
        if hung:
            return Retryable(f"its process {hung} and was ended")
        if code < 0:
            why = ", as the kernel does when memory is short" if -code == signal.SIGKILL else ""
            return Retryable(f"its process was ended by {_signal_name(-code)}{why}")
        if code == _BAD_CONFIGURATION:
            return Permanent(words or "its process refuses its configuration")
        return Retryable(f"its process ended with code {code}{f': {words}' if words else ''}")


def _goes_first(pid: int) -> None:
    """From its first moment on: until it did so itself, the daemon might be chosen."""
    with contextlib.suppress(OSError, ValueError):
        own = int(Path("/proc/self/oom_score_adj").read_text(encoding="ascii"))
        Path(f"/proc/{pid}/oom_score_adj").write_text(str(min(_SOONEST, own + _SOONER)), encoding="ascii")


def _first_line(spec: CameraSpec, file: Path) -> bytes:
    """A secret on its way to the process. What cannot be read is an empty line, which the camera or the process refuses."""
    try:
        return file.read_bytes().partition(b"\n")[0].rstrip(b"\r") + b"\n"
    except OSError as error:
        _log.warning("camera.secret", camera=spec.name, file=str(file), error=error.strerror)
        return b"\n"


async def _end(child: Process) -> None:
    """SIGTERM, and SIGKILL if that does not help; the process is gone when this returns."""
    for number, patience_s in ((signal.SIGTERM, CAMERA_TERM_S), (signal.SIGKILL, CAMERA_TERM_S)):
        if child.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await child.wait()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
