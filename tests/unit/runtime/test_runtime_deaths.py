"""Many devices of a line die at once, as when a cable breaks: what that costs those that live, and how all are found again."""

import asyncio
from itertools import pairwise

import pytest
from riser import TIMEOUT_S, Riser, RtuBus

from edgeguard.core.limits import BUS_PROBE_SHARE, PROBE_TIMEOUT_MIN_S, RTU_QUIET_S

pytestmark = pytest.mark.slow

DEAD = range(1, 21)
LOOK_S = PROBE_TIMEOUT_MIN_S
"""Twice the worst answer of these devices is less."""


def rounds_since(riser: Riser, unit: int, at_s: float) -> list[float]:
    return [round_s for round_s in riser.rounds[unit] if round_s > at_s]


@pytest.mark.parametrize(("rtu", "quiet_s"), [(False, 0.0), (True, RTU_QUIET_S)])
def test_when_twenty_die_at_once_the_one_that_lives_has_its_turn_after_two_time_outs_and_a_look_at_each(
    rtu: bool, quiet_s: float
) -> None:
    """The worst order: all others are before it. From then on it loses no round, and the dead have little more than their share."""
    riser = Riser([*DEAD, 99], 1.0, RtuBus() if rtu else None)

    async def story() -> None:
        await asyncio.sleep(30.0)
        died_s, busy_s = riser.passed_s, riser.bus.stats.busy_s
        riser.silence(DEAD)
        await asyncio.sleep(120.0)
        burst_s = 2 * TIMEOUT_S + 19 * (LOOK_S + quiet_s)
        first_s, *later_s = rounds_since(riser, 99, died_s)
        assert first_s - died_s <= burst_s + 0.2
        assert max(after - before for before, after in pairwise([first_s, *later_s])) <= 2.5
        assert len(later_s) >= 110
        assert all(riser.told[unit][-1] > died_s for unit in DEAD)
        rounds_s = len(later_s) * 2 * (0.02 + (0.04 if rtu else 0.0))
        lost_s = riser.bus.stats.busy_s - busy_s - rounds_s
        # Each is looked at twice before it is a probe. It was 33 s without a number in the frames, 28 s with one.
        assert lost_s <= 2 * TIMEOUT_S + 2 * 20 * LOOK_S + BUS_PROBE_SHARE * 120.0 + TIMEOUT_S

    riser.run(story)


def test_of_many_that_live_each_keeps_its_rounds_whoever_dies() -> None:
    living = range(50, 60)
    riser = Riser([unit for pair in zip(range(1, 11), living, strict=True) for unit in pair], 1.0)

    async def story() -> None:
        await asyncio.sleep(10.0)
        died_s = riser.passed_s
        riser.silence(range(1, 11))
        await asyncio.sleep(20.0)
        for unit in living:
            assert len(rounds_since(riser, unit, died_s)) >= 15

    riser.run(story)


def test_after_a_short_cut_of_power_all_are_back_within_seconds() -> None:
    """What is lost to silence counts, but nobody who answers waits for it to be made up for."""
    riser = Riser([*DEAD, 99], 1.0)

    async def story() -> None:
        await asyncio.sleep(10.0)
        riser.silence(DEAD)
        await asyncio.sleep(10.0)
        riser.silence(DEAD, silent=False)
        back_s = riser.passed_s
        await asyncio.sleep(10.0)
        assert max(rounds_since(riser, unit, back_s)[0] for unit in DEAD) - back_s <= 5.0

    riser.run(story)


def test_one_that_becomes_slow_when_others_die_is_known_by_its_late_answer_and_given_all_its_time() -> None:
    riser = Riser([*DEAD, 98, 99], 1.0, RtuBus())

    async def story() -> None:
        await asyncio.sleep(10.0)
        riser.silence(DEAD)
        riser.bus.unit(98).response_s = 0.5
        slow_s = riser.passed_s
        await asyncio.sleep(40.0)
        assert len(rounds_since(riser, 98, slow_s + 20.0)) >= 5  # of a line that it fills by itself
        assert len(rounds_since(riser, 99, slow_s + 20.0)) >= 15

    riser.run(story)
