"""The one thread that may touch the database, borrowed from aiosqlite.

aiosqlite costs about 95 us per call, and a group commit would need six of them; here a whole transaction is one call.
This is the only module that touches aiosqlite's inner parts (`_execute`, `_thread`); tests/contract pins them.
"""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec, TypeVar, cast

import aiosqlite

_P = ParamSpec("_P")
_R = TypeVar("_R")

_CHUNK_ROWS = 64


def _while_heard(work: Callable[[], None]) -> None:
    """Run aiosqlite's loop of work, whose own errors go to who waits, until a result finds that the event loop has been closed."""
    with suppress(RuntimeError):
        work()


class Desk(aiosqlite.Connection):
    """A connection with its thread. Await it once to open; `do` runs work there; `close` ends both."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connect, _CHUNK_ROWS)
        # A daemon: a disk that never answers must not keep the process from ending.
        self._thread = threading.Thread(target=_while_heard, args=(self._thread.run,), name="desk", daemon=True)

    async def do(self, work: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Run `work` on the thread, after what was asked before, and give its result or raise its error.

        When the waiter is cancelled the work is done all the same.
        """
        return cast(_R, await self._execute(work, *args, **kwargs))  # type: ignore[no-untyped-call]
