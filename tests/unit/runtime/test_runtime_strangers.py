"""Devices that nobody has heard yet, and dead ones, on a serial line: what they cost the living, and how soon they are found."""

import asyncio

import pytest
from riser import TIMEOUT_S, Riser, RtuBus

from edgeguard.core.limits import BUS_PASSED_OVER, BUS_PROBE_SHARE, FIRST_LOOK_S, RTU_QUIET_S
from edgeguard.core.line_limits import PROBE_WINDOW_S


def test_twenty_strangers_that_are_dead_leave_the_line_to_the_one_that_lives() -> None:
    """Their looks are short, and whoever lives comes between them; the whole tries that follow take a tenth of the line."""
    dead = range(1, 21)
    riser = Riser([*dead, 99])
    riser.silence(dead)

    async def story() -> None:
        await asyncio.sleep(44.0)
        assert riser.rounds[99][0] <= 20 * FIRST_LOOK_S + 20 / BUS_PASSED_OVER * TIMEOUT_S
        assert len(riser.rounds[99]) >= 70  # of 88; they were 2
        assert all(told[0] <= 21 * FIRST_LOOK_S / BUS_PROBE_SHARE for told in riser.told.values())
        since_s, busy_s, had = riser.passed_s, riser.bus.stats.busy_s, len(riser.rounds[99])
        await asyncio.sleep(100.0)
        living_s = 2 * 0.02 * (len(riser.rounds[99]) - had)
        assert riser.bus.stats.busy_s - busy_s - living_s <= BUS_PROBE_SHARE * (riser.passed_s - since_s) + TIMEOUT_S

    riser.run(story)


def test_a_slow_stranger_among_dead_ones_is_found_within_their_share() -> None:
    dead = range(1, 11)
    riser = Riser([*dead, 98, 99])
    riser.silence(dead)
    riser.bus.unit(98).response_s = 0.8

    async def story() -> None:
        await asyncio.sleep((len(dead) + 1) * TIMEOUT_S / BUS_PROBE_SHARE + 12 * FIRST_LOOK_S)
        assert riser.rounds[98]
        assert riser.rounds[99]

    riser.run(story)


@pytest.mark.parametrize("response_s", [0.3, 0.95])
def test_a_slow_stranger_is_known_by_its_late_answer_and_does_not_wait_for_the_share_of_the_dead(response_s: float) -> None:
    """It answers its first look while the dead have theirs; after one round of looks it has its whole time-out."""
    dead = range(1, 21)
    riser = Riser([*dead, 98, 99], bus=RtuBus())
    riser.silence(dead)
    riser.bus.unit(98).response_s = response_s

    async def story() -> None:
        await asyncio.sleep(22 * (FIRST_LOOK_S + RTU_QUIET_S) + (20 / BUS_PASSED_OVER + 6) * TIMEOUT_S)  # it was 204 s
        assert riser.rounds[98]
        since_s, busy_s, had = riser.passed_s, riser.bus.stats.busy_s, [len(riser.rounds[unit]) for unit in (98, 99)]
        await asyncio.sleep(40.0)
        slow, quick = (len(riser.rounds[unit]) - before for unit, before in zip((98, 99), had, strict=True))
        assert slow >= 12
        assert quick >= 25
        living_s = 2 * slow * (response_s + 0.02) + 2 * quick * (0.02 + 0.02)
        assert riser.bus.stats.busy_s - busy_s - living_s <= BUS_PROBE_SHARE * (riser.passed_s - since_s) + TIMEOUT_S

    riser.run(story)


def test_those_that_always_answer_after_their_time_out_keep_to_the_share_of_the_dead() -> None:
    """Their late answers let them pass once, not again and again."""
    late = range(1, 11)
    riser = Riser([*late, 99], bus=RtuBus())
    for unit in late:
        riser.bus.unit(unit).response_s = TIMEOUT_S + 0.2

    async def story() -> None:
        await asyncio.sleep(30.0)
        since_s, busy_s, had = riser.passed_s, riser.bus.stats.busy_s, len(riser.rounds[99])
        await asyncio.sleep(40.0)
        assert len(riser.rounds[99]) - had >= 50
        living_s = 2 * (0.02 + 0.02) * (len(riser.rounds[99]) - had)
        assert riser.bus.stats.busy_s - busy_s - living_s <= BUS_PROBE_SHARE * (riser.passed_s - since_s) + TIMEOUT_S

    riser.run(story)


def test_a_slow_stranger_that_is_alone_is_found_at_once() -> None:
    riser = Riser([98])
    riser.bus.unit(98).response_s = 0.8

    async def story() -> None:
        await asyncio.sleep(4.0)
        assert riser.rounds[98]

    riser.run(story)


def test_when_one_is_back_the_others_are_knocked_at_at_once() -> None:
    """A riser has been without power for a quarter of an hour; each device is knocked at ever more rarely."""
    units = range(1, 11)
    riser = Riser([*units, 99], period_s=10.0)

    async def story() -> None:
        await asyncio.sleep(30.0)
        riser.silence(units)
        await asyncio.sleep(900.0)
        riser.silence(units, silent=False)
        back_s = riser.passed_s
        await asyncio.sleep(300.0)
        first_s = [next(at for at in riser.rounds[unit] if at > back_s) for unit in units]
        assert max(first_s) - min(first_s) <= 1.0

    riser.run(story)


@pytest.mark.slow
@pytest.mark.parametrize(("dead", "worst_s"), [(0, 5.1), (5, 5.1), (20, 45.0)])
def test_the_dead_among_thirty_two_that_live_never_take_more_than_a_tenth_from_the_start_on(dead: int, worst_s: float) -> None:
    """The worst order: those that live are behind the dead. Of no 20 s and of no minute more is taken, silences included."""
    living, deads = range(1, 33), range(101, 101 + dead)
    riser = Riser([1, *deads, *living[1:]], 5.0, RtuBus())
    riser.silence(deads)
    for unit in living:
        riser.bus.unit(unit).response_s = 0.03

    async def story() -> None:
        await asyncio.sleep(400.0)
        assert max(riser.rounds[unit][0] for unit in living) <= worst_s
        since_s = min(riser.rounds[unit][0] for unit in living)
        for window_s in (PROBE_WINDOW_S, 60.0) if dead else ():
            assert 0.02 < riser.worst_share(deads, window_s, since_s, RTU_QUIET_S) <= BUS_PROBE_SHARE + 1e-6

    riser.run(story)


def test_first_looks_go_before_the_whole_tries_at_those_that_did_not_answer_theirs() -> None:
    """A whole time-out in between would have kept those that live waiting for their first look for 20 s."""
    living, dead = range(1, 13), range(101, 106)
    riser = Riser([1, *dead, *living[1:]], 5.0, RtuBus())
    riser.silence(dead)

    async def story() -> None:
        await asyncio.sleep(8.0)
        assert max(riser.rounds[unit][0] for unit in living) <= 5.1

    riser.run(story)
