"""The end of a process that cannot end in order.

A disk that hangs holds threads for ever, and Python waits for its threads before it ends: systemd would kill the process without a
word. What had been committed is on disk, what had not was never said to be.
"""

import os
import threading
from collections.abc import Callable

import structlog

from edgeguard.core.limits import LEAVE_AFTER_S

_log = structlog.get_logger()


def _leave() -> None:
    os._exit(1)


class Leaving:
    """From `begin` on the process has `within_s` to end in order; then `leave` ends it as it is.

    Nothing calls that off but the end itself: Python waits for a database's thread even after everything else has ended in order.
    """

    def __init__(self, within_s: float = LEAVE_AFTER_S, leave: Callable[[], None] = _leave) -> None:
        self._within_s = within_s
        self._leave = leave
        self._timer: threading.Timer | None = None

    def begin(self) -> None:
        """The time begins when it is first asked for."""
        if self._timer is None:
            self._timer = threading.Timer(self._within_s, self._overdue)
            self._timer.daemon = True
            self._timer.start()

    def _overdue(self) -> None:
        _log.error("daemon.stop-overdue", within_s=self._within_s)
        self._leave()
