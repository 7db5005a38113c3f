"""A small part of the evaluation, each time: floors under what `hint_report.py` shows in full, on seeds of its own."""

import pytest
from hint_case import Case, run
from hint_report import always, late, never, row
from hint_world import Decay

from edgeguard.core.maintenance import HintKind
from edgeguard.rules.hints import Telling

SEEDS = (910_001, 910_002)


@pytest.mark.slow
def test_a_battery_that_goes_is_seen_a_week_before() -> None:
    ours = row("ours", [run(Case("battery", SEEDS[0], 58, HintKind.QUANTITY, Decay(24, 54)))])

    assert (ours.in_time, ours.beside) == (1, 0)
    assert ours.errors[0] < 20


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "kind", "least", "days_off"),
    [
        ("drive", HintKind.TEMPERATURE, 2, 20),
        ("pump", HintKind.PUMP_HEAD, 2, 20),
        ("lift", HintKind.DOOR_CLOSE_TIME, 1, 60),
    ],
)
def test_what_goes_is_seen_a_week_before_and_the_controls_do_worse(make: str, kind: HintKind, least: int, days_off: int) -> None:
    """Door times scatter with the traffic: of two doors that go within six weeks one is seen a week ahead, the other later."""
    outcomes = [run(Case(make, seed, 95, kind, Decay(50, 90))) for seed in SEEDS]
    ours = row("ours", outcomes)

    assert ours.in_time >= least
    assert (ours.at_all, ours.beside) == (len(SEEDS), 0)
    assert all(error < days_off for error in ours.errors)
    assert row("never", [never(outcome) for outcome in outcomes]).at_all == 0
    assert row("always", [always(outcome) for outcome in outcomes]).beside > 10
    assert row("late", [late(outcome) for outcome in outcomes]).in_time == 0
    assert max(outcome.kept_bytes for outcome in outcomes) < 8192


@pytest.mark.slow
@pytest.mark.parametrize("make", ["pump", "drive", "drive-alone", "terminal"])
def test_half_a_year_of_a_device_that_is_well_gives_no_hint(make: str) -> None:
    assert run(Case(make, 910_003, 180)).told == ()


@pytest.mark.slow
def test_what_was_mended_without_a_word_takes_its_hint_back() -> None:
    outcome = run(Case("battery", 910_004, 110, HintKind.QUANTITY, Decay(50, 100, "linear", 85)))

    assert [told.telling for told in outcome.told][-1] is Telling.WITHDRAWN
    assert outcome.told[-1].day <= 97
