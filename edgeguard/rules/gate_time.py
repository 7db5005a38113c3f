"""Whether an entry of a list holds at a moment, by the clock on the wall of the site. Pure, and right when that clock is changed.

First and last moment of an entry are moments in time: where a wall time comes twice, the entry begins with the first and ends with
the second; where it is left out, with the moment at which the clock was put forward. Days and hours are what the clock shows.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

from edgeguard.core.clock import Stamp
from edgeguard.core.gate_limits import GATE_CLOCK_KEPT_MS
from edgeguard.core.gate_list import Entry


class Holds(StrEnum):
    """How an entry stands at a moment."""

    YES = "yes"
    NOT_YET = "not-yet"
    OVER = "over"
    OTHER_DAY = "other-day"
    OTHER_HOUR = "other-hour"
    CLOCK = "clock"
    """It holds at some times only, and nobody knows what time it is."""


def holds(entry: Entry, now: datetime | None, zone: tzinfo) -> Holds:
    """`now` is an aware moment, None while no clock can be trusted."""
    if not entry.needs_clock:
        return Holds.YES
    if now is None:
        return Holds.CLOCK
    if entry.since is not None and now < moment_of(entry.since, zone, first=True):
        return Holds.NOT_YET
    if entry.until is not None and now >= moment_of(entry.until, zone, first=False):
        return Holds.OVER
    local = now.astimezone(zone).replace(tzinfo=None)
    if not entry.hours:
        return Holds.YES if _on_day(entry, local) else Holds.OTHER_DAY
    minute = local.hour * 60 + local.minute
    in_hours = False
    for hours in entry.hours:
        if hours.first_min < hours.until_min:
            runs, began = hours.first_min <= minute < hours.until_min, local
        else:
            runs = minute >= hours.first_min or minute < hours.until_min
            began = local - timedelta(days=1) if minute < hours.until_min else local
        in_hours |= runs
        if runs and _on_day(entry, began):
            return Holds.YES
    return Holds.OTHER_DAY if in_hours or not _on_day(entry, local) else Holds.OTHER_HOUR


def is_over(entry: Entry, now: datetime, zone: tzinfo) -> bool:
    """Whether its last moment has passed for good."""
    return entry.until is not None and now >= moment_of(entry.until, zone, first=False)


def moment_of(wall: datetime, zone: tzinfo, *, first: bool) -> datetime:
    """The moment at which the clock of a place shows `wall`; of two the first or the second, of none the moment of the change."""
    early = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    late = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if early > late:  # the hour is left out; fold 0 counts by the offset before the change, fold 1 by the one after it
        return _change_between(late, early, zone)
    return early if first else late


def _change_between(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """The moment, to the second, at which the zone's offset changes between two others."""
    offset = before.astimezone(zone).utcoffset()
    low, high = before, after
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def _on_day(entry: Entry, local: datetime) -> bool:
    return not entry.days or local.isoweekday() in entry.days


def known_time(now: Stamp, anchor: Stamp | None, *, trusted: bool) -> datetime | None:
    """What time it is, None if nobody knows. `anchor` is the last moment at which the wall clock was synchronised.

    Weeks without a network do not make a clock wrong: within the boot of the anchor the boot clock carries it on, so that a wall
    clock that leaps meanwhile decides nothing. `trusted`: the site says that its wall clock is right even so.
    """
    if now.synced:
        return datetime.fromtimestamp(now.wall_ms / 1000, UTC)
    if anchor is not None and anchor.boot == now.boot and 0 <= now.boot_ms - anchor.boot_ms <= GATE_CLOCK_KEPT_MS:
        return datetime.fromtimestamp((anchor.wall_ms + now.boot_ms - anchor.boot_ms) / 1000, UTC)
    return datetime.fromtimestamp(now.wall_ms / 1000, UTC) if trusted else None
