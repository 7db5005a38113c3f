"""More alarms than a person can read, and alarms that come and go all the time: counted, never guessed.

ISA-18.2: a flood begins with more than ten alarms in ten minutes and is over when fewer than five come in ten; an alarm chatters
if it comes three times in a minute. Times are boot time in ms.
"""

from dataclasses import dataclass, replace

from edgeguard.core.alarm_limits import (
    ALARM_CALM_COUNT,
    ALARM_CHATTER_COUNT,
    ALARM_CHATTER_MS,
    ALARM_FLOOD_COUNT,
    ALARM_FLOOD_MS,
)


@dataclass(frozen=True, slots=True)
class Flood:
    """`came_ms`: when the newest alarms came, no more than it takes to judge. `kept_back`: alarms held since the flood began."""

    came_ms: tuple[int, ...] = ()
    is_on: bool = False
    kept_back: int = 0

    def alarm(self, now_ms: int) -> "Flood":
        """One more has come."""
        came = (*self.came_ms, now_ms)[-(ALARM_FLOOD_COUNT + 1) :]
        return Flood(came, self.is_on or len(_since(came, now_ms)) > ALARM_FLOOD_COUNT, self.kept_back)

    def held(self) -> "Flood":
        """It was one of the less urgent, and kept back."""
        return replace(self, kept_back=self.kept_back + 1)

    def tick(self, now_ms: int) -> "Flood":
        """Time passes: a flood ends by itself. The same object if nothing changes."""
        if self.is_on and self.rate(now_ms) < ALARM_CALM_COUNT:
            return Flood(_since(self.came_ms, now_ms))
        return self

    def rate(self, now_ms: int) -> int:
        """Alarms in the last ten minutes; one more than a flood's beginning stands for any higher number."""
        return len(_since(self.came_ms, now_ms))


def _since(came_ms: tuple[int, ...], now_ms: int) -> tuple[int, ...]:
    return tuple(ms for ms in came_ms if 0 <= now_ms - ms < ALARM_FLOOD_MS)


def chatters(came_ms: tuple[int, ...], now_ms: int) -> tuple[tuple[int, ...], bool]:
    """An alarm has come once more: when it came lately, and whether that is too often."""
    lately = (*(ms for ms in came_ms if 0 <= now_ms - ms < ALARM_CHATTER_MS), now_ms)[-ALARM_CHATTER_COUNT:]
    return lately, len(lately) >= ALARM_CHATTER_COUNT
