"""How long ago something was, and what has grown old: on clocks that are set, jump, and begin anew with each boot."""

import pytest

from edgeguard.core.alarm import Hold, HoldKind
from edgeguard.core.clock import AgeClock, Stamp, passed_ms
from edgeguard.core.ids import BootId
from edgeguard.core.reaction import Since

HOUR_MS = 3_600_000
DAYS_400_MS = 400 * 24 * HOUR_MS
NOW_MS = 1_790_000_000_000


def at(wall_ms: int, boot_ms: int, boot: str = "b", synced: bool = True) -> Stamp:
    return Stamp(wall_ms, boot_ms, BootId(boot), synced)


NOW = at(NOW_MS, 2 * HOUR_MS)


@pytest.mark.parametrize(
    ("since", "passed"),
    [
        (at(0, HOUR_MS, synced=False), HOUR_MS),
        (at(NOW_MS + HOUR_MS, HOUR_MS), HOUR_MS),
        (at(NOW_MS - DAYS_400_MS, HOUR_MS), HOUR_MS),
        (at(NOW_MS - 5 * HOUR_MS, 99 * HOUR_MS, "a"), 5 * HOUR_MS),
        (at(NOW_MS - HOUR_MS, 99 * HOUR_MS, "a"), 2 * HOUR_MS),
        (at(0, HOUR_MS, "a", synced=False), 2 * HOUR_MS),
        (at(NOW_MS, 3 * HOUR_MS), 0),
    ],
    ids=["1970 then", "an hour back", "400 days ahead", "an earlier boot", "at least this boot", "an earlier boot in 1970", "none"],
)
def test_how_long_ago(since: Stamp, passed: int) -> None:
    assert passed_ms(since, NOW) == Since.of(since).passed_ms(NOW) == passed
    assert Since.read(Since.of(since).body()) == Since.of(since)
    assert Hold(HoldKind.SHELVED, since, "li", "", lasts_ms=passed + 1).is_over(NOW) is False
    assert Hold(HoldKind.SHELVED, since, "li", "", lasts_ms=passed).is_over(NOW) is True


def test_a_clock_that_leaps_makes_nothing_old_and_one_that_comes_back_is_believed() -> None:
    ages = AgeClock()
    assert ages.wall_ms(at(1000, 1000, synced=False)) is None
    assert ages.wall_ms(at(NOW_MS, 2000)) == NOW_MS
    assert ages.wall_ms(at(NOW_MS + DAYS_400_MS, 3000)) == NOW_MS + 1000
    assert ages.wall_ms(at(5, 4000, synced=False)) == NOW_MS + 2000, "known since, whatever the clock shows"
    assert ages.wall_ms(at(NOW_MS - HOUR_MS, 5000)) == NOW_MS - HOUR_MS
    assert ages.wall_ms(at(NOW_MS, 6000)) == NOW_MS - HOUR_MS + 1000
    assert ages.wall_ms(at(7, 10, "c", synced=False)) is None, "another boot knows nothing yet"
    assert ages.wall_ms(at(NOW_MS, 20, "c")) == NOW_MS
