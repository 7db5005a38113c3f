"""What the supervisor tells of a child that comes and goes, and how it tells a cancellation from a stop."""

import asyncio
import random

import pytest

from edgeguard.core.errors import Permanent, Retryable
from edgeguard.core.health import Health
from edgeguard.core.limits import RESTART_HEALTHY_S
from edgeguard.runtime.supervisor import ChildState, Supervisor
from edgeguard.testing.clock import run_virtual


class Child:
    """Runs as long as its plan says and then fails; for ever when the plan is at its end."""

    def __init__(self, *runs_s: float) -> None:
        self.runs_s = list(runs_s)
        self.starts = 0

    async def work(self) -> None:
        self.starts += 1
        if not self.runs_s:
            await asyncio.Event().wait()
        await asyncio.sleep(self.runs_s.pop(0))
        raise Retryable(f"failure {self.starts}")


def watched(news: list[Health], child: Child, seconds: float) -> tuple[ChildState, str, int]:
    """State, error and restarts of the child after so long."""

    async def story() -> tuple[ChildState, str, int]:
        boss = Supervisor(news.append, random.Random(7))
        boss.start("uplink", child.work)
        await asyncio.sleep(seconds)
        (seen,) = boss.children
        result = (seen.state, seen.error, seen.restarts)
        await boss.stop_all()
        return result

    return run_virtual(story())


def test_a_cancellation_from_within_is_a_failure_and_the_child_restarts() -> None:
    news: list[Health] = []
    starts: list[int] = []

    async def cancels_itself() -> None:
        starts.append(1)
        inner = asyncio.get_running_loop().create_future()
        inner.cancel()
        await inner

    async def story() -> None:
        boss = Supervisor(news.append, random.Random(7))
        boss.start("uplink", cancels_itself)
        await asyncio.sleep(10)
        (child,) = boss.children
        assert (child.state, child.error) == (ChildState.WAITING, "cancelled from within")
        await boss.stop("uplink")

    run_virtual(story())
    assert len(starts) > 2
    assert [(n.code, n.detail) for n in news] == [("restarting", "cancelled from within")]


def test_a_stop_is_not_a_failure_wherever_the_child_is() -> None:
    news: list[Health] = []

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.5)

    async def story() -> None:
        boss = Supervisor(news.append, random.Random(7))
        child = Child(0.0)
        boss.start("running", stubborn)
        boss.start("waiting", child.work)
        await asyncio.sleep(0.1)
        assert [c.state for c in boss.children] == [ChildState.RUNNING, ChildState.WAITING]
        begun_s = asyncio.get_running_loop().time()
        await asyncio.gather(boss.stop("running"), boss.stop("running"), boss.stop("waiting"), boss.stop("ghost"))
        assert asyncio.get_running_loop().time() - begun_s == pytest.approx(0.5)
        assert boss.children == ()
        await asyncio.sleep(60)
        assert child.starts == 1

    run_virtual(story())
    assert [n.source for n in news] == ["waiting"]


def test_a_name_is_used_once_at_a_time() -> None:
    async def story() -> None:
        news: list[Health] = []
        boss = Supervisor(news.append, random.Random(7))
        boss.start("uplink", Child().work)
        with pytest.raises(ValueError, match="uplink is already running"):
            boss.start("uplink", Child().work)
        await boss.stop("uplink")
        boss.start("uplink", Child().work)
        await boss.stop_all()

    run_virtual(story())


def test_recovery_is_told_after_a_healthy_while_and_not_before() -> None:
    news: list[Health] = []
    state = watched(news, Child(1.0), 1.0 + RESTART_HEALTHY_S - 1.0)
    assert state == (ChildState.RUNNING, "failure 1", 1)
    assert [n.code for n in news] == ["restarting"]
    news.clear()
    state = watched(news, Child(1.0), 1.0 + RESTART_HEALTHY_S + 2.0)
    assert state == (ChildState.RUNNING, "", 1)
    assert [(n.code, n.ok) for n in news] == [("restarting", False), ("recovered", True)]


def test_a_child_that_never_failed_has_nothing_to_recover_from() -> None:
    news: list[Health] = []
    assert watched(news, Child(), 1000.0) == (ChildState.RUNNING, "", 0)
    assert news == []


def test_of_failures_in_a_row_the_first_alone_is_told_but_the_last_is_shown() -> None:
    news: list[Health] = []
    assert watched(news, Child(0.0, 1.0, 30.0), 60.0) == (ChildState.RUNNING, "failure 3", 3)
    assert [n.detail for n in news] == ["failure 1"]


def test_a_failure_after_recovery_is_news_again() -> None:
    news: list[Health] = []
    watched(news, Child(0.0, RESTART_HEALTHY_S + 5.0), 200.0)
    assert [(n.code, n.detail) for n in news] == [
        ("restarting", "failure 1"),
        ("recovered", ""),
        ("restarting", "failure 2"),
        ("recovered", ""),
    ]


def test_parking_is_told_even_after_failures_that_were_told() -> None:
    news: list[Health] = []
    runs: list[int] = []

    async def worse() -> None:
        runs.append(1)
        raise Retryable("busy") if len(runs) < 3 else Permanent("no such user")

    async def story() -> None:
        boss = Supervisor(news.append, random.Random(7))
        boss.start("uplink", worse)
        await asyncio.sleep(1000)
        assert (boss.children[0].state, boss.children[0].error) == (ChildState.FAILED, "no such user")
        await boss.stop_all()

    run_virtual(story())
    assert [(n.code, n.detail) for n in news] == [("restarting", "busy"), ("parked", "no such user")]
