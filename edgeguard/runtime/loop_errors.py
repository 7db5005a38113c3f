"""What asyncio has nobody to raise to: a task that nobody awaited, a callback that failed, a connection that could not be accepted.

Told in our own log, a kind once a minute: out of descriptors asyncio tries to accept a hundred times in a row, once a second.
"""

import asyncio
from typing import Any, Final

import structlog

from edgeguard.core.limits import LOOP_ERROR_KINDS, LOOP_ERROR_QUIET_S

_log = structlog.get_logger()
_STARVED: Final = "socket.accept() out of system resource"


class LoopErrors:
    """For `loop.set_exception_handler`."""

    def __init__(self) -> None:
        self._told_s: dict[str, float] = {}
        self._untold: dict[str, int] = {}

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Tell it, or count it where its kind was told a moment ago."""
        error, message = context.get("exception"), str(context.get("message", ""))
        kind = f"{message[:80]} {type(error).__name__}"
        if loop.time() - self._told_s.get(kind, float("-inf")) < LOOP_ERROR_QUIET_S:
            self._untold[kind] = self._untold.get(kind, 0) + 1
            return
        if len(self._told_s) >= LOOP_ERROR_KINDS:
            self._told_s.clear()
            self._untold.clear()
        self._told_s[kind] = loop.time()
        before = self._untold.pop(kind, 0)
        if message == _STARVED:
            _log.warning("control.not-accepting", error=str(error), repeats=before)
        else:
            _log.error("loop.error", message=message, repeats=before, exc_info=error)
