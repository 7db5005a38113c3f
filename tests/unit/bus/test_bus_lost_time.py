"""Time lost to silence: when a whole time-out is too much, and for whom."""

import asyncio
from contextlib import suppress
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.bus import ExchangeFailed, Priority, Request
from edgeguard.bus.lost_time import LostTime
from edgeguard.codec.modbus import read_request
from edgeguard.core.limits import BUS_PROBE_SHARE
from edgeguard.core.register import Table
from edgeguard.testing.bus import FakeBus
from edgeguard.testing.clock import run_virtual
from edgeguard.testing.examples import examples

READ = read_request(Table.HOLDING, 0, 1)
LOOK_S = 0.1


def request(unit: int, timeout_s: float = 1.0, priority: Priority = Priority.ROUTINE) -> Request:
    return Request(unit, READ, timeout_s, priority, look_s=LOOK_S)


@settings(max_examples=examples(20))
@given(st.lists(st.tuples(st.integers(1, 20), st.floats(0.0, 3.0)), min_size=1, max_size=40))
def test_whole_time_outs_beyond_the_first_two_keep_to_the_share_of_silence(asked: list[tuple[int, float]]) -> None:
    """Whoever is asked is silent, and others always wait."""
    lost, now_s, whole = LostTime(), 100.0, 0
    alone_cost = {unit for unit, _ in asked[:1]}
    for unit, pause_s in asked:
        now_s += pause_s
        wait_s = lost.wait_s(request(unit), now_s)
        if not {unit} >= alone_cost:
            whole += wait_s == 1.0
            alone_cost.add(unit)
        now_s += wait_s
        lost.silent(unit, wait_s, now_s)
    assert whole <= 2 + BUS_PROBE_SHARE * (now_s - 100.0)


def test_one_that_is_silent_again_and_again_costs_nobody_else_a_look() -> None:
    lost = LostTime()
    for now_s in range(1, 8):
        assert lost.wait_s(request(7), float(now_s)) == 1.0
        lost.silent(7, 1.0, float(now_s))
    assert lost.is_open(8.0)
    assert lost.wait_s(request(8), 8.0) == LOOK_S
    assert lost.wait_s(request(8, priority=Priority.PERSON), 8.0) == 1.0
    assert lost.wait_s(request(8), 7.0 + 6.1 / BUS_PROBE_SHARE) == 1.0
    assert not lost.is_open(7.0 + 7.1 / BUS_PROBE_SHARE)


def test_several_at_once_on_a_network_lose_time_together() -> None:
    lost = LostTime(parallel=4)
    for unit in range(1, 5):
        lost.silent(unit, 1.0, 1.0)
    assert lost.wait_s(request(9), 1.0) == 1.0


def test_a_look_is_told_from_a_time_out_and_blames_nobody_before_the_line_is_proved() -> None:
    """Who has a look while nobody has answered is put behind the others, for another; the last, alone, has all its time."""

    async def story(living: int) -> tuple[list[tuple[bool, str]], list[int]]:
        bus = FakeBus()
        if living:
            bus.unit(living).response_s = 0.001
        asked = [asyncio.ensure_future(bus.exchange(request(unit))) for unit in (1, 2, 3, 4, 5)]
        failed = await asyncio.gather(*asked, return_exceptions=True)
        return [(one.looked, one.fault.detail) for one in failed if isinstance(one, ExchangeFailed)], [unit for unit, _ in bus.sent]

    whole, look = (False, "no answer within 1 s"), (True, "no answer within 0.1 s")
    assert run_virtual(story(living=0)) == ([whole, whole, look, look, whole], [1, 2, 3, 4, 5, 3, 4, 5])
    assert run_virtual(story(living=3)) == ([whole, whole, look, whole], [1, 2, 3, 4, 5])


def test_a_short_trouble_of_the_whole_line_costs_its_devices_no_value_but_the_first_two() -> None:
    async def story() -> None:
        bus = FakeBus()
        loop = asyncio.get_running_loop()
        units = [bus.unit(unit) for unit in range(1, 13)]
        for unit in units:
            unit.silent = True

        def over() -> None:
            for unit in units:
                unit.silent = False

        loop.call_later(2.5, over)
        asked = [asyncio.ensure_future(bus.exchange(request(unit))) for unit in range(1, 13)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert [isinstance(answer, bytes) for answer in answers] == [False] * 2 + [True] * 10

    run_virtual(story())


def test_one_that_dies_on_a_saturated_line_keeps_each_living_one_waiting_for_its_time_out_once() -> None:
    """Those who have answered since have no precedence over those whose turn has not come yet."""

    async def story() -> None:
        bus = FakeBus()
        loop = asyncio.get_running_loop()
        until_s, dead, response_s = loop.time() + 5.0, 20, 0.03
        answered_s = {unit: [loop.time()] for unit in range(1, dead + 1)}
        for unit in range(1, dead + 1):
            bus.unit(unit).response_s = response_s

        async def keep_asking(unit: int) -> None:
            while loop.time() < until_s:
                with suppress(ExchangeFailed):
                    await bus.exchange(request(unit))
                    answered_s[unit].append(loop.time())

        loop.call_later(1.0, setattr, bus.unit(dead), "silent", True)
        await asyncio.gather(*(keep_asking(unit) for unit in range(1, dead + 1) for _ in range(2)))
        longest_s = max(after - before for unit in range(1, dead) for before, after in pairwise(answered_s[unit]))
        assert longest_s <= 1.0 + dead * response_s + 0.001

    run_virtual(story())
