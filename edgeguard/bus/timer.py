"""One timer for whatever is due first: it is set again and again, and only an earlier moment moves it."""

import asyncio
from collections.abc import Callable


class Timer:
    """Calls `act` at the earliest moment asked for since it last did."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act
        self._handle: asyncio.TimerHandle | None = None

    def at(self, when_s: float) -> None:
        """Not later than this (loop time)."""
        if self._handle is not None:
            if self._handle.when() <= when_s:
                return
            self._handle.cancel()
        self._handle = asyncio.get_running_loop().call_at(when_s, self._due)

    def _due(self) -> None:
        self._handle = None
        self._act()
