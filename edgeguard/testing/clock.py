"""A clock that only a test moves, and an event loop that jumps to its next timer instead of waiting."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId

T = TypeVar("T")

EPOCH_MS = 1_790_000_000_000
"""2026-09-21T14:13:20Z."""


class FakeClock:
    """Wall and boot time move together by `advance`; `step_wall` moves the wall alone, as a bad time server would."""

    def __init__(self, wall_ms: int = EPOCH_MS, boot_ms: int = 1_000_000, synced: bool = True) -> None:
        self.wall_ms: float = wall_ms
        self.boot_ms: float = boot_ms
        self.boot = BootId("boot-a")
        self.synced = synced

    def now(self) -> Stamp:
        """The present moment."""
        return Stamp(int(self.wall_ms), int(self.boot_ms), self.boot, self.synced)

    def advance(self, seconds: float) -> None:
        """Time passes."""
        self.wall_ms += seconds * 1000
        self.boot_ms += seconds * 1000

    def step_wall(self, seconds: float) -> None:
        """The wall clock is set, nothing else happens."""
        self.wall_ms += seconds * 1000


class _JumpingSelector(selectors.SelectSelector):
    """Never waits: what would be waiting becomes virtual time."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock
        self.now_s = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Ready files at once; else jump by `timeout`. RuntimeError if nothing could ever happen."""
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("nothing to do and no timer: the test has dead-locked")
            self.now_s += timeout
            self._clock.advance(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs timers in order without waiting, and moves `clock` along. For tests that have only fakes behind the loop.

    Real threads, sockets and processes must not be used with it: their answers would come hours of virtual time late.
    """

    def __init__(self, clock: FakeClock) -> None:
        self._jumping = _JumpingSelector(clock)
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds."""
        return self._jumping.now_s


def run_virtual(main: Coroutine[Any, Any, T], clock: FakeClock | None = None) -> T:
    """Run `main` to its end in virtual time."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock or FakeClock())) as runner:
        return runner.run(main)
