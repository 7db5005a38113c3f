"""Counting what a device does not count itself: edges of a truth and the time that it holds. Pure; never counts over a gap."""

from dataclasses import dataclass

from edgeguard.core.clock import Stamp
from edgeguard.core.json_value import JsonValue
from edgeguard.core.limits import HOUR_MS
from edgeguard.core.rule_limits import RUN_GAP_MS
from edgeguard.rules.truth import Truth

TOLD_MS = 36_000
"""Running time is told and kept in hundredths of an hour."""


@dataclass(frozen=True, slots=True)
class Counter:
    """How often something has begun, and how long it lasted in all; both only grow.

    `on` is what was known last. `seen_ms`, `boot`: when it was last known to be on; time is counted only from one look to the
    next, and not over more than RUN_GAP_MS or a restart of the machine.
    """

    begun: int = 0
    held_ms: int = 0
    on: bool | None = None
    seen_ms: int | None = None
    boot: str = ""

    def look(self, truth: Truth, now: Stamp) -> "Counter":
        """The counter after a look at `now`. Unknown is neither an end nor a beginning."""
        if truth is None:
            return Counter(self.begun, self.held_ms, self.on, None, "")
        begun = self.begun + (truth and self.on is False)
        held_ms = self.held_ms
        if truth and self.on and self.seen_ms is not None and self.boot == now.boot:
            step_ms = now.boot_ms - self.seen_ms
            held_ms += step_ms if 0 < step_ms <= RUN_GAP_MS else 0
        return Counter(begun, held_ms, truth, now.boot_ms if truth else None, now.boot if truth else "")

    def lasted(self, now: Stamp) -> "Counter":
        """The counter at a moment up to which nothing has changed."""
        return self if self.seen_ms is None else self.look(True, now)

    @property
    def hours(self) -> float:
        """The time in hours, rounded down to what is kept."""
        return self.told_ms / HOUR_MS

    @property
    def told_ms(self) -> int:
        """The time as it is told and kept."""
        return self.held_ms - self.held_ms % TOLD_MS

    def body(self) -> list[JsonValue]:
        """For keeping; the moment of the last look goes with the process."""
        return [self.begun, self.told_ms, self.on]

    @classmethod
    def of(cls, body: JsonValue) -> "Counter":
        """As kept; a new one for what is no such body."""
        match body:
            case [int(begun), int(held_ms), bool() | None as on] if begun >= 0 and held_ms >= 0:
                return cls(begun, held_ms, on)
            case _:
                return cls()
