"""Whose turn it is: fair by time among equals, nobody starved, and dead devices kept to their tenth. In virtual time."""

import asyncio
from collections import Counter
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.bus import ExchangeFailed, Priority, Request
from edgeguard.codec.modbus import read_request
from edgeguard.core.limits import BUS_PASSED_OVER, BUS_PROBE_SHARE
from edgeguard.core.register import Table
from edgeguard.testing.bus import FakeBus
from edgeguard.testing.clock import run_virtual
from edgeguard.testing.examples import examples

READ = read_request(Table.HOLDING, 0, 1)


class Line:
    """A bus whose devices answer in times of their own; `had_s` is what each station has had of it, `order` who had a turn."""

    def __init__(self, response_s: dict[int, float]) -> None:
        self.bus = FakeBus()
        self.had_s: Counter[int] = Counter()
        self.order: list[tuple[Priority, int]] = []
        for unit, seconds in response_s.items():
            self.bus.unit(unit).response_s = seconds

    async def keep_asking(self, unit: int, priority: Priority, until_s: float, timeout_s: float = 9.0) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < until_s:
            begun_s = 0.0

            def begin() -> None:
                nonlocal begun_s
                begun_s = loop.time()
                self.order.append((priority, unit))

            with suppress(ExchangeFailed):
                await self.bus.exchange(Request(unit, READ, timeout_s, priority, on_sent=begin))
            self.had_s[unit] += loop.time() - begun_s  # type: ignore[assignment]


times = st.floats(0.05, 0.5)


@settings(max_examples=examples(15), deadline=None)
@given(st.dictionaries(st.integers(1, 20), st.tuples(times, st.integers(1, 6)), min_size=2, max_size=6))
def test_neither_many_requests_nor_slow_answers_take_more_than_a_fair_part(plan: dict[int, tuple[float, int]]) -> None:
    """Of stations that always wait none is ahead of another by more than one transaction of each."""

    async def story() -> None:
        line = Line({unit: seconds for unit, (seconds, _) in plan.items()})
        until_s = asyncio.get_running_loop().time() + 8.0
        await asyncio.gather(
            *(line.keep_asking(unit, Priority.ROUTINE, until_s) for unit, (_, asking) in plan.items() for _ in range(asking + 1))
        )
        slowest_s = sorted(seconds for seconds, _ in plan.values())[-2:]
        # After the end each finishes what it has queued: that much more may be had.
        rest_s = max(seconds * (asking + 1) for seconds, asking in plan.values())
        assert max(line.had_s.values()) - min(line.had_s.values()) <= sum(slowest_s) + rest_s + 1e-6

    run_virtual(story())


@settings(max_examples=examples(15), deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.sampled_from([Priority.PERSON, Priority.ALARM, Priority.ROUTINE])), min_size=2, max_size=12
    ),
    times,
)
def test_nobody_is_passed_over_for_ever(askers: list[tuple[int, Priority]], response_s: float) -> None:
    """Between two turns of a priority that always waits there are at most so many of others."""

    async def story() -> None:
        line = Line(dict.fromkeys(range(1, 10), response_s))
        until_s = asyncio.get_running_loop().time() + 100 * response_s
        # Two for each asker, so that one of them waits whenever the other is served.
        await asyncio.gather(*(line.keep_asking(unit, priority, until_s) for unit, priority in askers for _ in range(2)))
        present = {priority for _, priority in askers}
        within = line.order[:90]
        for priority in present:
            places = [-1, *(i for i, (one, _) in enumerate(within) if one is priority), len(within)]
            gaps = [after - before - 1 for before, after in pairwise(places)]
            assert max(gaps) <= BUS_PASSED_OVER + 2 * len(askers) + len(present)

    run_virtual(story())


def test_a_person_goes_first_and_routine_has_one_turn_in_nine_all_the_same() -> None:
    async def story() -> None:
        line = Line({1: 0.01, 2: 0.01})
        until_s = asyncio.get_running_loop().time() + 4.5
        await asyncio.gather(
            *(line.keep_asking(1, Priority.PERSON, until_s) for _ in range(3)),
            *(line.keep_asking(2, Priority.ROUTINE, until_s) for _ in range(3)),
        )
        turns = Counter(priority for priority, _ in line.order)
        assert turns[Priority.ROUTINE] == pytest.approx(450 / (BUS_PASSED_OVER + 1), abs=5)

    run_virtual(story())


@settings(max_examples=examples(12), deadline=None)
@given(st.integers(1, 20), st.floats(0.05, 1.0), st.floats(0.05, 0.2))
def test_dead_devices_are_waited_for_a_tenth_of_the_time_at_most(dead: int, timeout_s: float, response_s: float) -> None:
    async def story() -> None:
        line = Line({})
        line.bus.unit(99).response_s = response_s
        loop = asyncio.get_running_loop()
        begun_s, until_s = loop.time(), loop.time() + 20.0
        tasks = [asyncio.create_task(line.keep_asking(99, Priority.ROUTINE, until_s))]
        tasks += [asyncio.create_task(line.keep_asking(unit, Priority.PROBE, until_s, timeout_s)) for unit in range(1, dead + 1)]
        await asyncio.sleep(20.0)
        probes_s = sum(had_s for unit, had_s in line.had_s.items() if unit != 99)
        assert probes_s <= BUS_PROBE_SHARE * (loop.time() - begun_s) + timeout_s + response_s
        assert probes_s > 0
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run_virtual(story())


def test_revived_devices_are_not_held_back() -> None:
    """A probe that is answered costs no pause: after a broken cable all of a line is back at once."""

    async def story() -> None:
        line = Line(dict.fromkeys(range(1, 31), 0.01))
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        await asyncio.gather(*(line.bus.exchange(Request(unit, READ, 1.0, Priority.PROBE)) for unit in range(1, 31)))
        assert loop.time() - begun_s == pytest.approx(0.3)

    run_virtual(story())


def test_probes_that_have_a_bus_to_themselves_are_in_nobodys_way() -> None:
    """A search of an unused bus goes on at full speed; the first other request ends that."""

    async def story() -> None:
        line = Line({99: 0.01})
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        for unit in range(1, 21):
            with suppress(ExchangeFailed):
                await line.bus.exchange(Request(unit, READ, 0.1, Priority.PROBE))
        assert loop.time() - begun_s == pytest.approx(20 * 0.1, abs=1e-3)
        await line.bus.exchange(Request(99, READ, 1.0))
        begun_s = loop.time()
        for unit in range(1, 6):
            with suppress(ExchangeFailed):
                await line.bus.exchange(Request(unit, READ, 0.1, Priority.PROBE))
        assert loop.time() - begun_s > 4 * 0.1 / BUS_PROBE_SHARE

    run_virtual(story())
