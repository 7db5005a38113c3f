"""Who counts as stuck: the only question the watchdog asks."""

from edgeguard.core.limits import WATCHDOG_GRACE_S
from edgeguard.runtime.poller import PollFigures
from edgeguard.runtime.progress import stuck

NOW_S = 10_000.0
OVER_S = WATCHDOG_GRACE_S + 1.0


def test_what_moves_is_not_stuck() -> None:
    assert stuck(NOW_S, {"device.a": PollFigures(beat_s=NOW_S - 1)}, {"store": NOW_S - 1}) == ()
    assert stuck(NOW_S, {}, {}) == ()


def test_a_poller_is_stuck_when_the_grace_after_its_round_has_passed() -> None:
    figures = PollFigures(beat_s=NOW_S - 500.0, next_s=NOW_S - OVER_S)
    assert stuck(NOW_S, {"device.a": figures}, {}) == ("device.a",)
    figures.next_s = NOW_S - WATCHDOG_GRACE_S
    assert stuck(NOW_S, {"device.a": figures}, {}) == ()


def test_a_poller_may_sleep_until_its_next_round_is_due() -> None:
    asleep = PollFigures(beat_s=NOW_S - 86_000.0, next_s=NOW_S + 400.0)
    assert stuck(NOW_S, {"device.a": asleep}, {}) == ()


def test_a_poller_that_ends_rounds_late_is_not_stuck() -> None:
    late = PollFigures(beat_s=NOW_S - 1.0, next_s=NOW_S - 10 * OVER_S)
    assert stuck(NOW_S, {"device.a": late}, {}) == ()


def test_a_poller_behind_dead_devices_has_their_time_on_top() -> None:
    figures = PollFigures(patience_s=100.0, beat_s=NOW_S - 99.0 - OVER_S)
    assert stuck(NOW_S, {"device.a": figures}, {}) == ()
    figures.beat_s -= 2.0
    assert stuck(NOW_S, {"device.a": figures}, {}) == ("device.a",)


def test_every_other_part_beats_by_itself() -> None:
    beats = {"store": NOW_S - OVER_S, "uplink": NOW_S - WATCHDOG_GRACE_S}
    assert stuck(NOW_S, {}, beats) == ("store",)


def test_all_that_are_stuck_are_named() -> None:
    pollers = {name: PollFigures(beat_s=beat_s) for name, beat_s in (("device.a", 1.0), ("device.b", NOW_S), ("device.c", 2.0))}
    assert stuck(NOW_S, pollers, {"store": 1.0}) == ("device.a", "device.c", "store")
