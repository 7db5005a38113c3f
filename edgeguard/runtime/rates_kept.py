"""How often things were done lately, remembered over restarts: writes of a point, restarts that the platform has asked for.

What is counted goes to the store in the transaction of the record that tells of it, so that neither a crash nor a restart gives a
limit its whole measure anew. Times are those of the boot clock. After a boot their age is what the wall clock says, if it could
be trusted at both ends; otherwise all of it counts as just done, for a limit may err on one side only.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import orjson

from edgeguard.core.clock import Clock, Stamp
from edgeguard.core.ids import BootId
from edgeguard.core.limits import HOUR_MS
from edgeguard.core.rule_state import RuleState

OWNER: Final = "rates"


class RatesKept:
    """Boot times at which things were done, by name: those of the last hour, and the newest before it for pauses that are longer.

    A time is given out once for each name, so that it also says which of several it stands for.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._done: dict[str, list[int]] = {}
        self.apart = asyncio.Event()
        """The store may remember something else."""

    def known(self, states: Mapping[str, bytes]) -> None:
        """What the store has kept, in front of what has been done since the start."""
        now = self._clock.now()
        for name, body in states.items():
            since = self._done.get(name, [])
            self._done[name] = [*(at_ms for at_ms in _times(body, now) if at_ms not in since), *since]

    def count(self, name: str) -> int:
        """It is done now; the time that stands for it."""
        now_ms = self._clock.now().boot_ms
        done = self._done.get(name, [])
        lately = [at_ms for at_ms in done if now_ms - at_ms < HOUR_MS]
        before = [at_ms for at_ms in done if now_ms - at_ms >= HOUR_MS]
        at_ms = max(now_ms, max(lately, default=now_ms - 1) + 1)
        self._done[name] = [*before[-1:], *lately, at_ms]
        return at_ms

    def earlier(self, name: str, at_ms: int | None = None) -> tuple[int, ...]:
        """Those counted before this one, oldest first; without it all."""
        done = self._done.get(name, [])
        return tuple(done if at_ms is None or at_ms not in done else done[: done.index(at_ms)])

    def take_back(self, name: str, at_ms: int) -> None:
        """This one came to nothing."""
        self._done[name] = [other_ms for other_ms in self._done.get(name, ()) if other_ms != at_ms]

    def move(self, name: str, at_ms: int) -> int:
        """This one is done now, and not yet when it was counted; the time that stands for it from now on."""
        done = self._done.get(name, [])
        if at_ms not in done:
            return self.count(name)
        new_ms = max(self._clock.now().boot_ms, at_ms)
        while new_ms != at_ms and new_ms in done:
            new_ms += 1
        done[done.index(at_ms)] = new_ms
        return new_ms

    def state(self, name: str) -> RuleState:
        """What the store is to keep with the record of it."""
        done = self._done.get(name)
        if not done:
            return RuleState(OWNER, name, b"")
        now = self._clock.now()
        told = {"boot": now.boot, "wall_ms": now.wall_ms, "boot_ms": now.boot_ms, "synced": now.synced, "at_ms": done}
        return RuleState(OWNER, name, orjson.dumps(told))

    def states(self) -> tuple[RuleState, ...]:
        """All that is remembered, for a store that has begun a new file."""
        return tuple(self.state(name) for name, done in self._done.items() if done)


def _times(body: bytes, now: Stamp) -> list[int]:
    """Times of another boot are told in those of this one, what was before it by negative numbers.

    What cannot be read counts as one time, now: nothing may be done more often because its memory was damaged.
    """
    try:
        return _told(orjson.loads(body), now)
    except (ValueError, KeyError, TypeError):
        return [now.boot_ms]


def _told(told: Any, now: Stamp) -> list[int]:
    kept = Stamp(int(told["wall_ms"]), int(told["boot_ms"]), BootId(told["boot"]), told["synced"])
    if kept.boot == now.boot:
        return [min(int(at_ms), now.boot_ms) for at_ms in told["at_ms"]]
    since_ms = max(0, now.wall_ms - kept.wall_ms) if kept.synced and now.synced else 0
    return [now.boot_ms - since_ms - max(0, kept.boot_ms - int(at_ms)) for at_ms in told["at_ms"]]
