"""When the time may be broadcast to meters, and what became of it meter by meter. Pure.

Source: DL/T 645-2007, 7.6 (broadcast time): once a day at most, never by more than five minutes, not around midnight, without an
answer. A meter that finds one of these broken ignores the broadcast, and nobody hears of it; so it is compared before and after.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from edgeguard.core.clock import Stamp, local_time
from edgeguard.core.limits import METER_CLOCK_NIGHT_S, METER_CLOCK_OBEYS_S, METER_CLOCK_RIGHT_S


class ClockVerdict(StrEnum):
    """What is known of a meter's clock after a broadcast."""

    RIGHT = "right"
    """It is right, and was not seen to be off before."""
    SET = "set"
    """It was off, and is right."""
    TOO_FAR = "too-far"
    """It is further off than a broadcast corrects."""
    IGNORED = "ignored"
    """It is still off, by so little that it could have obeyed."""
    UNKNOWN = "unknown"
    """It could not be read afterwards."""

    @property
    def is_right(self) -> bool:
        """Whether the clock was seen to be right."""
        return self in (ClockVerdict.RIGHT, ClockVerdict.SET)


def verdict(before_s: float | None, after_s: float | None, alone: bool = False) -> ClockVerdict:
    """By how far the clock was ahead before and after; None where it could not be read. `alone`: it was set by itself, and no
    matter how far it was off.
    """
    if after_s is None:
        return ClockVerdict.UNKNOWN
    if abs(after_s) <= METER_CLOCK_RIGHT_S:
        was_off = before_s is not None and abs(before_s) > METER_CLOCK_RIGHT_S
        return ClockVerdict.SET if was_off else ClockVerdict.RIGHT
    return ClockVerdict.TOO_FAR if abs(after_s) > METER_CLOCK_OBEYS_S and not alone else ClockVerdict.IGNORED


def why_not_now(now: Stamp) -> str:
    """Why no time may be broadcast at this moment; empty if it may."""
    if not now.synced:
        return "the gateway's clock is not synchronised: meters would be set wrong"
    ours = local_time(now.wall_ms)
    midnight = ours.replace(hour=0, minute=0, second=0, microsecond=0)
    since_s = (ours - midnight).total_seconds()
    if min(since_s, timedelta(days=1).total_seconds() - since_s) <= METER_CLOCK_NIGHT_S:
        minutes = METER_CLOCK_NIGHT_S / 60
        return f"it is {ours:%H:%M}, and within {minutes:.0f} minutes of midnight meters close their day: later"
    return ""


def day_of(now: Stamp) -> str:
    """The day on the meters' calendar: `2026-11-24`."""
    return f"{local_time(now.wall_ms):%Y-%m-%d}"


def day_ends_ms(now: Stamp) -> int:
    """Wall time at which that day is over."""
    ours = local_time(now.wall_ms)
    next_day = datetime(ours.year, ours.month, ours.day) + timedelta(days=1)  # noqa: DTZ001  local, as meters count
    return now.wall_ms + round((next_day - ours).total_seconds() * 1000)
