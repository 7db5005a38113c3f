"""When the watchdog is fed, and when not."""

from edgeguard.core.limits import WATCHDOG_GRACE_S
from edgeguard.runtime.poller import PollFigures
from edgeguard.runtime.progress import stuck

NOW_S = 10_000.0


def test_a_poller_that_sleeps_until_its_round_is_not_stuck() -> None:
    sleeping = PollFigures(beat_s=NOW_S - 3000, next_s=NOW_S + 100)
    assert stuck(NOW_S, {"device.meter": sleeping}, {}) == ()


def test_a_poller_whose_round_does_not_end_is_stuck_after_the_grace_and_its_patience() -> None:
    begun_s = NOW_S - WATCHDOG_GRACE_S - 100.5
    assert stuck(NOW_S, {"device.meter": PollFigures(patience_s=100.0, beat_s=begun_s, next_s=begun_s)}, {}) == ("device.meter",)
    assert stuck(NOW_S, {"device.meter": PollFigures(patience_s=101.0, beat_s=begun_s, next_s=begun_s)}, {}) == ()


def test_parts_without_a_schedule_must_beat() -> None:
    beats = {"store": NOW_S - WATCHDOG_GRACE_S - 1, "uplink": NOW_S - 1}
    assert stuck(NOW_S, {}, beats) == ("store",)
