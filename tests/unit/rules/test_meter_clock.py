"""When the time may be broadcast to meters, and what is said of each clock afterwards."""

from datetime import datetime, timedelta

import pytest

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId
from edgeguard.rules.meter_clock import ClockVerdict, day_ends_ms, day_of, verdict, why_not_now


def at(hour: int, minute: int, second: int = 0, synced: bool = True) -> Stamp:
    wall_s = datetime(2026, 11, 24, hour, minute, second).astimezone().timestamp()
    return Stamp(round(wall_s * 1000), 1, BootId("b"), synced)


@pytest.mark.parametrize(
    ("hour", "minute", "second", "allowed"),
    [(23, 54, 59, True), (23, 55, 0, False), (23, 59, 59, False), (0, 0, 0, False), (0, 5, 0, False), (0, 5, 1, True)],
)
def test_not_around_midnight(hour: int, minute: int, second: int, allowed: bool) -> None:
    assert (why_not_now(at(hour, minute, second)) == "") is allowed


def test_not_by_a_clock_that_may_be_wrong() -> None:
    assert "not synchronised" in why_not_now(at(12, 0, synced=False))


def test_a_day_is_the_meters_day() -> None:
    now = at(13, 30)
    assert day_of(now) == "2026-11-24"
    assert day_ends_ms(now) - now.wall_ms == timedelta(hours=10, minutes=30) / timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (0.4, 0.4, ClockVerdict.RIGHT),
        (None, -1.0, ClockVerdict.RIGHT),
        (-74.0, 0.3, ClockVerdict.SET),
        (60.0, 60.0, ClockVerdict.IGNORED),
        (None, -60.0, ClockVerdict.IGNORED),
        (301.0, 301.0, ClockVerdict.TOO_FAR),
        (-90_000.0, -90_000.0, ClockVerdict.TOO_FAR),
        (12.0, None, ClockVerdict.UNKNOWN),
    ],
)
def test_what_is_said_of_a_clock(before: float | None, after: float | None, said: ClockVerdict) -> None:
    assert verdict(before, after) is said
    assert said.is_right is (after is not None and abs(after) <= 2.0)
