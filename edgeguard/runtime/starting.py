"""What a start waits for, in words: a disk that hangs would hold it without any.

On a thread of its own, since what waits may be the loop's thread itself, before there is a loop.
"""

import threading
import time

import structlog

from edgeguard.core.outbox_limits import START_TOLD_S
from edgeguard.runtime.notify import Notifier

_log = structlog.get_logger()


class Starting:
    """`at(what)` names what is begun now; every `told_s` that is told, in the journal and to the service manager, until `done`."""

    def __init__(self, notifier: Notifier, told_s: float = START_TOLD_S) -> None:
        self._notifier = notifier
        self._told_s = told_s
        self._what = ""
        self._since_s = 0.0
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def at(self, what: str) -> None:
        """From now on this is waited for."""
        self._what, self._since_s = what, time.monotonic()
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="what the start waits for", daemon=True)
            self._thread.start()

    def done(self) -> None:
        """The start is over, well or not."""
        self._done.set()

    def _watch(self) -> None:
        while not self._done.wait(self._told_s):
            waited_s = round(time.monotonic() - self._since_s)
            _log.warning("daemon.start-waits", what=self._what, waited_s=waited_s)
            self._notifier.status(f"starting: {self._what} has taken {waited_s} s")
