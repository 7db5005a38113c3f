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
    """Time between two moments, never negative: by boot time within one boot.

    From an earlier boot at least as long as this one lasts; longer by the wall clock, if that could be trusted then. A clock that
    was wrong then would count from 1970.
    """
    if since.boot == now.boot:
        return max(0, now.boot_ms - since.boot_ms)
    return max(now.boot_ms, now.wall_ms - since.wall_ms if since.synced else 0)


class AgeClock:
    """The wall time by which things grow old: of all that this boot has shown while synchronised, the earliest by boot time.

    So a clock that leaps ahead makes nothing old that is not, and one that comes back is believed at once. After the next boot
    it is what that boot's clock says.
    """

    def __init__(self) -> None:
        self._boot: BootId | None = None
        self._offset_ms = 0

    def wall_ms(self, now: Stamp) -> int | None:
        """What time it is; None while nobody knows."""
        if now.synced:
            offset_ms = now.wall_ms - now.boot_ms
            self._offset_ms = min(offset_ms, self._offset_ms) if self._boot == now.boot else offset_ms
            self._boot = now.boot
        return now.boot_ms + self._offset_ms if self._boot == now.boot else None


def iso_utc(wall_ms: int) -> str:
    """UTC with milliseconds, as every message writes it: `2026-11-23T05:40:00.123Z`."""
    seconds, ms = divmod(wall_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"


def local_time(wall_ms: float) -> datetime:
    """What a clock on the wall of this machine's place shows: meters know no time zones."""
    return datetime.fromtimestamp(wall_ms / 1000.0, UTC).astimezone().replace(tzinfo=None)
