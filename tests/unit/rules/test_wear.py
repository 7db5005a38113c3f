"""Counters towards a service: what is counted, what is not, and when the interval will be over."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId
from edgeguard.core.maintenance import Usage
from edgeguard.rules.judgement import Seen
from edgeguard.rules.wear import Tally, add, count, end_day, follow, serviced, usage_finding

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def at(hours: float, wrong_h: float = 0.0) -> Stamp:
    """`wrong_h`: how far the wall clock is ahead."""
    return Stamp(round((hours + wrong_h) * HOUR_MS), round(hours * HOUR_MS), BootId("b"), synced=True)


def counted(readings: list[tuple[float, float]], usage: Usage = Usage.TRIPS, modulus: float | None = None) -> Tally:
    """Readings as (hours, value)."""
    tally = Tally()
    for hours, value in readings:
        tally = count(tally, usage, value, at(hours), round(hours // 24), modulus)
    return tally


def worked(days: int, per_day: float, tally: Tally | None = None, first: int = 0) -> Tally:
    tally = tally or Tally(raw=0.0, since_day=first)
    for day in range(first, first + days):
        tally = end_day(add(tally, per_day, day), day)
    return tally


def test_the_first_reading_counts_nothing_and_the_next_ones_their_steps() -> None:
    tally = counted([(0, 5000), (1, 5010), (1.5, 5010), (30, 5200)])

    assert (tally.used, tally.breaks, tally.since_day) == (200.0, 0, 0)


@pytest.mark.parametrize("wrong_h", [-1.0, 9_600.0])
def test_how_long_the_device_can_have_worked_is_not_asked_of_a_clock_that_jumps(wrong_h: float) -> None:
    tally = count(Tally(), Usage.TRIPS, 5000, at(0), 0)
    worked = count(tally, Usage.TRIPS, 5100, at(1, wrong_h), 0)
    leapt = count(tally, Usage.TRIPS, 25_000, at(1, wrong_h), 0)

    assert (worked.used, worked.breaks) == (100.0, 0)
    assert (leapt.used, leapt.breaks) == (0.0, 1)


def test_a_counter_that_was_reset_breaks_off_and_goes_on() -> None:
    tally = counted([(0, 5000), (1, 5010), (2, 0), (3, 7)])

    assert (tally.used, tally.breaks, tally.break_day) == (17.0, 1, 0)


def test_a_counter_that_rolls_over_is_no_reset() -> None:
    tally = counted([(0, 65_500), (1, 65_530), (2, 14)], modulus=65_536.0)

    assert (tally.used, tally.breaks) == (50.0, 0)


def test_a_counter_that_falls_from_the_middle_has_not_rolled_over() -> None:
    tally = counted([(0, 30_000), (1, 10)], modulus=65_536.0)

    assert (tally.used, tally.breaks) == (0.0, 1)


@pytest.mark.parametrize(("usage", "leap"), [(Usage.RUN_HOURS, 30.0), (Usage.TRIPS, 100_000.0)])
def test_a_leap_that_no_device_can_have_worked_is_another_device(usage: Usage, leap: float) -> None:
    tally = counted([(0, 100.0), (2, 100.0 + leap)], usage)

    assert (tally.used, tally.breaks) == (0.0, 1)


def test_what_was_counted_by_the_device_while_the_gateway_was_off_is_counted() -> None:
    assert counted([(0, 100.0), (48, 140.0)], Usage.RUN_HOURS).used == 40.0


def test_an_interval_in_good_time_says_nothing() -> None:
    assert usage_finding(worked(60, 100.0), 1_000_000.0, 60) is None


def test_a_service_is_announced_a_month_before_with_its_date() -> None:
    found = usage_finding(worked(60, 100.0), 8_000.0, 59)

    assert found is not None
    assert (found.seen, found.share) == (Seen.USAGE, 0.75)
    assert found.reach is not None
    assert found.reach.expected == pytest.approx(20.0)


def test_an_interval_that_is_over_is_due_and_has_no_date() -> None:
    found = usage_finding(worked(60, 100.0), 5_000.0, 60)

    assert found is not None
    assert (found.seen, found.reach) == (Seen.PASSED, None)


def test_nearly_used_up_is_told_even_of_a_device_that_stands_still() -> None:
    stood = worked(42, 0.0, worked(3, 100.0), 3)

    assert usage_finding(stood, 310.0, 45) is not None
    assert usage_finding(stood, 400.0, 45) is None


def test_a_service_begins_anew_and_knows_the_pace() -> None:
    tally = serviced(worked(60, 100.0), 60)

    assert (tally.used, tally.since_day) == (0.0, 60)
    found = usage_finding(end_day(add(tally, 100.0, 60), 60), 2_000.0, 60)
    assert found is not None
    assert found.reach is not None
    assert found.reach.expected == pytest.approx(19.0, abs=0.5)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.floats(0.01, 48), st.floats(0, 1e6)), max_size=30))
def test_what_is_used_never_falls_and_is_never_more_than_can_be(steps: list[tuple[float, float]]) -> None:
    tally, at_h, before = Tally(), 0.0, 0.0
    for hours, value in steps:
        at_h += hours
        tally = count(tally, Usage.RUN_HOURS, value, at(at_h), round(at_h // 24))
        assert tally.used >= before
        before = tally.used
    assert tally.used <= 1.05 * (at_h + 0.1 * len(steps)) + len(steps)


def test_a_counter_kept_here_is_followed_and_its_loss_adds_nothing() -> None:
    tally = follow(follow(Tally(), 40.0, 10), 43.0, 10)
    assert (tally.used, tally.since_day) == (3.0, 10)
    lost = follow(tally, 2.0, 11)
    assert (lost.used, lost.breaks, lost.break_day) == (3.0, 1, 11)
    assert follow(lost, 5.0, 12).used == 6.0
    assert follow(lost, 2.0, 12) is lost


def used_by(weeks: list[float], first: int = 100) -> Tally:
    """Five days of work and two of rest, week after week."""
    used, days = 0.0, [(first - 1, 0.0)]
    for number, week in enumerate(weeks):
        for day in range(7):
            used += week / 5 if day < 5 else 0.0
            days.append((first + 7 * number + day, used))
    return Tally(raw=used, used=used, since_day=first, days=tuple(days))


def test_the_interval_of_a_service_is_as_wide_as_the_weeks_differ() -> None:
    steady, uneven = used_by([100.0] * 6), used_by([100.0, 60.0, 140.0, 70.0, 130.0, 100.0])
    same, wide = (usage_finding(tally, 1000.0, 142) for tally in (steady, uneven))
    assert same is not None
    assert same.reach is not None
    assert wide is not None
    assert wide.reach is not None
    assert same.reach.expected == pytest.approx(28.0)
    assert wide.reach.expected == pytest.approx(28.0)
    assert same.reach.earliest > 25
    assert same.reach.latest == pytest.approx(28.0, abs=3)
    assert wide.reach.earliest < 21
    assert wide.reach.latest is not None
    assert wide.reach.latest > 38


def test_days_on_which_nothing_was_read_make_no_week_of_rest() -> None:
    tally = used_by([100.0] * 6)
    torn = replace(tally, days=tuple(dated for dated in tally.days if not 108 <= dated[0] < 125))
    whole, holey = usage_finding(tally, 1000.0, 142), usage_finding(torn, 1000.0, 142)
    assert whole is not None
    assert holey is not None
    assert whole.reach is not None
    assert holey.reach is not None
    assert holey.reach.expected == pytest.approx(whole.reach.expected, abs=1.0)
