"""Who asked for what he may not: told as events, the first time at once and then as a count, so that a flood of them fills nothing.

A peer of the control socket that may look but not write, a process that speaks for a camera that is not its own, commands of the
platform that are not allowed, repeated, stale or not well formed. Every one of the platform's is in the audit log besides.
"""

from dataclasses import dataclass
from typing import Final

from edgeguard.core.afar_limits import REFUSALS_KINDS, REFUSALS_TOLD_MS
from edgeguard.core.clock import Clock
from edgeguard.core.health import Health, HealthSink
from edgeguard.core.point import Labels

_OWN_TROUBLE: Final = frozenset({"busy", "clock-unsynced", "not-recorded"})
"""Codes of refusals that say nothing of whoever asked."""


@dataclass(slots=True)
class _Kind:
    """Refusals of one kind: when they were last told, how many have come since, the last of them in words."""

    told_ms: int
    since: int = 0
    last: str = ""


class Refusals:
    """Counts refusals and tells them. All methods belong to the loop's thread."""

    def __init__(self, clock: Clock, tell: HealthSink) -> None:
        self._clock = clock
        self._tell = tell
        self._kinds: dict[tuple[str, str], _Kind] = {}

    def peer(self, user: str, method: str) -> None:
        """A user of this machine asked the control socket for something that is not his."""
        self._note("control", user, method)

    def command(self, code: str, name: str) -> None:
        """A command of the platform was refused for `code`."""
        if code not in _OWN_TROUBLE:
            self._note("commands", code, name)

    def look(self) -> None:
        """Tell what has come since it was last told, and forget kinds that have been quiet. Called once a second."""
        now_ms = self._clock.now().boot_ms
        for (source, about), kind in tuple(self._kinds.items()):
            if now_ms - kind.told_ms < REFUSALS_TOLD_MS:
                continue
            if kind.since == 0:
                del self._kinds[source, about]
                continue
            self._tell(_news(source, about, kind.since, kind.last))
            kind.told_ms, kind.since = now_ms, 0

    def _note(self, source: str, about: str, what: str) -> None:
        kind = self._kinds.get((source, about))
        if kind is None and len(self._kinds) >= REFUSALS_KINDS:
            about = "..."
            kind = self._kinds.get((source, about))
        if kind is not None:
            kind.since, kind.last = kind.since + 1, what[:40]
            return
        self._kinds[source, about] = _Kind(self._clock.now().boot_ms)
        self._tell(_news(source, about, 1, what[:40]))


def _news(source: str, about: str, count: int, last: str) -> Health:
    if source == "control":
        text = Labels(f"用户 {about} 的请求被拒绝:没有权限", f"user {about} asked for what is not allowed to them")
    else:
        text = Labels(f"平台命令被拒绝:{about}", f"a command was refused: {about}")
    return Health(source, "refused", False, text, f"{count} x, last: {last}")
