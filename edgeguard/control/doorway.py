"""Connections taken from a listening socket, also when the process has no descriptor left.

asyncio's own servers do not live through that: up to Python 3.11 each tick that finds no descriptor starts a hundred timers,
and each of those ends in another such tick. Here a spare descriptor is given up for a moment, so that whoever calls is told
and not left waiting.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from typing import Final

import structlog

_log = structlog.get_logger()
_AT_ONCE: Final = 16
_PAUSE_S: Final = 1.0
_NONE_LEFT: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

Taken = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]


class Doorway:
    """Takes connections from `listener`, which it owns, and hands their streams to `taken`.

    `turned_away` is called for every connection that there is no descriptor for; what it gives is sent before the connection ends.
    """

    def __init__(self, listener: socket.socket, limit: int, taken: Taken, turned_away: Callable[[], bytes]) -> None:
        self._listener = listener
        self._limit = limit
        self._taken = taken
        self._turned_away = turned_away
        self._loop = asyncio.get_running_loop()
        self._spare: int | None = None
        self._again: asyncio.TimerHandle | None = None
        self._short = False
        self._arriving: set[asyncio.Task[None]] = set()
        listener.setblocking(False)
        self._listen()

    def close(self) -> None:
        """Take nobody any more."""
        if self._again is not None:
            self._again.cancel()
        self._loop.remove_reader(self._listener)
        self._listener.close()
        self._give_spare()
        for arriving in self._arriving:
            arriving.cancel()

    def _listen(self) -> None:
        self._again = None
        self._keep_spare()
        self._loop.add_reader(self._listener, self._take)

    def _take(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _NONE_LEFT:
                    raise
                if not self._turn_away(error):
                    self._loop.remove_reader(self._listener)
                    self._again = self._loop.call_later(_PAUSE_S, self._listen)
                    return
                continue
            if self._short:
                self._short = False
                _log.info("control.descriptors_again")
            self._keep_spare()
            arriving = self._loop.create_task(self._arrive(connection), name="control.arriving")
            self._arriving.add(arriving)
            arriving.add_done_callback(self._arriving.discard)

    async def _arrive(self, connection: socket.socket) -> None:
        reader = asyncio.StreamReader(self._limit)
        try:
            await self._loop.connect_accepted_socket(lambda: asyncio.StreamReaderProtocol(reader, self._taken), connection)
        except OSError as error:  # it left before it was there
            connection.close()
            _log.debug("control.left_at_once", error=error.strerror)

    def _turn_away(self, why: OSError) -> bool:
        """Whether one connection was taken in the place of the spare descriptor, told, and ended."""
        if not self._short:
            self._short = True
            _log.error("control.no_descriptors", error=why.strerror)
        if not self._give_spare():
            return False
        try:
            connection, _ = self._listener.accept()
            with connection:
                connection.setblocking(False)
                connection.send(self._turned_away())
        except OSError:
            return False
        finally:
            self._keep_spare()
        return True

    def _keep_spare(self) -> None:
        if self._spare is None:
            try:
                self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                return  # none is left; the next connection that is taken brings another try

    def _give_spare(self) -> bool:
        spare, self._spare = self._spare, None
        if spare is None:
            return False
        os.close(spare)
        return True
