"""Time as the product sees it: a stamp has a wall clock that may be wrong and a boot clock that never is.

Durations are always differences of boot time; wall time is only for people and platforms.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from edgeguard.core.ids import BootId


@dataclass(frozen=True, slots=True)
class Stamp:
    """One moment: wall clock in ms since 1970 (UTC), ms since boot, which boot, and whether the wall clock was trusted."""

    wall_ms: int
    boot_ms: int
    boot: BootId
    synced: bool

    def before(self, seconds: float) -> "Stamp":
        """The moment so long before this one, by the same clocks."""
        ms = round(seconds * 1000)
        return Stamp(self.wall_ms - ms, self.boot_ms - ms, self.boot, self.synced)


class Clock(Protocol):
    """The one source of time; injected, so that tests own it."""

    def now(self) -> Stamp:
        """The present moment; cheap enough to call per poll."""
        ...


def passed_ms(since: Stamp, now: Stamp) -> int:
    """Time between two moments, never negative: by boot time within one boot, else by the wall clock."""
    passed = now.boot_ms - since.boot_ms if since.boot == now.boot else now.wall_ms - since.wall_ms
    return max(0, passed)


def iso_utc(wall_ms: int) -> str:
    """UTC with milliseconds, as every message writes it: `2026-11-23T05:40:00.123Z`."""
    seconds, ms = divmod(wall_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"


def local_time(wall_ms: float) -> datetime:
    """What a clock on the wall of this machine's place shows: meters know no time zones."""
    return datetime.fromtimestamp(wall_ms / 1000.0, UTC).astimezone().replace(tzinfo=None)
