"""Watches the wall clock from the side: tells when it steps and when it becomes trustworthy. Durations never depend on it."""

from dataclasses import dataclass

from edgeguard.core.clock import Stamp
from edgeguard.core.health import Health
from edgeguard.core.limits import CLOCK_STEP_MS
from edgeguard.core.point import Labels


@dataclass(frozen=True, slots=True)
class ClockNews:
    """`boot_offset_ms` (wall minus boot time) is set when it is now known and trusted, and differs from what was.

    `doubtful`: from now on it is not.
    """

    health: Health | None
    boot_offset_ms: int | None
    doubtful: bool = False


class TimeWatch:
    """Compares wall and boot time from look to look."""

    def __init__(self) -> None:
        self._offset_ms: int | None = None
        self._synced: bool | None = None

    def look(self, now: Stamp) -> ClockNews:
        """What has happened to the clock since the last look."""
        offset_ms = now.wall_ms - now.boot_ms
        step_ms = 0 if self._offset_ms is None else offset_ms - self._offset_ms
        first, became_synced = self._synced is None, now.synced and not self._synced
        lost_sync = bool(self._synced) and not now.synced
        stepped = abs(step_ms) >= CLOCK_STEP_MS
        self._offset_ms, self._synced = offset_ms, now.synced
        health = None
        if stepped:
            health = Health(
                "clock",
                "stepped",
                ok=now.synced,
                text=Labels(zh="系统时钟发生跳变", en="the wall clock was stepped"),
                detail=f"{step_ms / 1000:+.3f} s",
            )
        elif became_synced and not first:
            health = Health("clock", "synced", ok=True, text=Labels(zh="系统时钟已同步", en="the wall clock is synchronised"))
        elif lost_sync or (first and not now.synced):
            text = Labels(zh="系统时钟未同步", en="the wall clock is not synchronised; items are marked until it is")
            health = Health("clock", "unsynced", ok=False, text=text)
        trusted = now.synced and (became_synced or stepped)
        return ClockNews(health, offset_ms if trusted else None, doubtful=lost_sync or (first and not now.synced))
