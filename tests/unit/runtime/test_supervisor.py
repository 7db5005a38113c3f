"""Restart one for one, back-off, parking."""

import asyncio
import itertools
import random

from edgeguard.core.errors import Permanent, Retryable
from edgeguard.core.health import Health
from edgeguard.runtime.supervisor import ChildState, Supervisor
from edgeguard.testing.clock import run_virtual


def supervisor(news: list[Health]) -> Supervisor:
    return Supervisor(news.append, random.Random(7))


def test_a_failing_child_is_restarted_with_growing_pauses_and_its_neighbour_never_notices() -> None:
    news: list[Health] = []
    starts: list[float] = []

    async def failing() -> None:
        starts.append(asyncio.get_running_loop().time())
        raise Retryable("the line is down")

    async def steady() -> None:
        await asyncio.Event().wait()

    async def story() -> None:
        boss = supervisor(news)
        boss.start("bad", failing)
        boss.start("good", steady)
        await asyncio.sleep(600)
        bad, good = boss.children
        assert (good.state, good.restarts) == (ChildState.RUNNING, 0)
        assert (bad.state, bad.error) == (ChildState.WAITING, "the line is down")
        await boss.stop_all()
        assert boss.children == ()

    run_virtual(story())
    pauses = [b - a for a, b in itertools.pairwise(starts)]
    assert 0.5 <= pauses[0] <= 1.0
    assert max(pauses) <= 60.0
    assert pauses[5] > pauses[0] * 10
    assert [n.code for n in news] == ["restarting"]


def test_a_bug_is_caught_here_and_nowhere_else() -> None:
    async def buggy() -> None:
        raise ZeroDivisionError

    async def story() -> None:
        boss = supervisor([])
        boss.start("buggy", buggy)
        await asyncio.sleep(30)
        assert boss.children[0].restarts > 2
        assert "ZeroDivisionError" in boss.children[0].error
        await boss.stop_all()

    run_virtual(story())


def test_a_permanent_error_parks_the_child_and_says_so() -> None:
    news: list[Health] = []
    runs: list[int] = []

    async def refused() -> None:
        runs.append(1)
        raise Permanent("the certificate file is missing")

    async def story() -> None:
        boss = supervisor(news)
        boss.start("uplink", refused)
        await asyncio.sleep(3600)
        assert boss.children[0].state is ChildState.FAILED
        await boss.stop("uplink")

    run_virtual(story())
    assert runs == [1]
    assert [(n.source, n.code, n.detail) for n in news] == [("uplink", "parked", "the certificate file is missing")]


def test_a_healthy_while_forgets_old_failures() -> None:
    starts: list[float] = []

    async def story() -> None:
        async def mostly_fine() -> None:
            starts.append(asyncio.get_running_loop().time())
            if len(starts) > 8:
                await asyncio.sleep(100)
            raise Retryable("again")

        boss = supervisor([])
        boss.start("c", mostly_fine)
        await asyncio.sleep(1000)
        await boss.stop_all()

    run_virtual(story())
    assert starts[10] - starts[9] <= 101.0


def test_a_child_that_returns_is_started_again() -> None:
    runs: list[int] = []

    async def short() -> None:
        runs.append(1)

    async def story() -> None:
        boss = supervisor([])
        boss.start("short", short)
        await asyncio.sleep(10)
        await boss.stop_all()

    run_virtual(story())
    assert len(runs) > 2
