"""Keeps parts of the daemon alive one for one: what fails is started again with a jittered back-off, what cannot work is parked.

This is the only place that catches every exception: a bug in one child must not reach its neighbours.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

import structlog

from edgeguard.core.errors import EdgeguardError, Permanent
from edgeguard.core.health import Health, HealthSink
from edgeguard.core.limits import RESTART_BACKOFF_MAX_S, RESTART_BACKOFF_MIN_S, RESTART_HEALTHY_S
from edgeguard.core.point import Labels

_log = structlog.get_logger()

Work = Callable[[], Awaitable[None]]


class ChildState(StrEnum):
    """Where a child is in its life."""

    RUNNING = "running"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(slots=True)
class Child:
    """One supervised part. `error` is the trouble it is in, in words; empty when it has run well for a healthy while."""

    name: str
    work: Work
    state: ChildState = ChildState.RUNNING
    restarts: int = 0
    error: str = ""
    task: asyncio.Task[None] | None = None


class Supervisor:
    """Starts, restarts and stops children by name. After a run of `healthy_s` earlier failures are forgotten, and that is told."""

    def __init__(self, health: HealthSink, entropy: random.Random, healthy_s: float = RESTART_HEALTHY_S) -> None:
        self._health = health
        self._entropy = entropy
        self._healthy_s = healthy_s
        self._children: dict[str, Child] = {}

    @property
    def children(self) -> tuple[Child, ...]:
        """All of them, in the order of starting."""
        return tuple(self._children.values())

    @property
    def parked(self) -> frozenset[str]:
        """Names of those that wait for a person."""
        return frozenset(child.name for child in self._children.values() if child.state is ChildState.FAILED)

    def start(self, name: str, work: Work) -> None:
        """Run `work` for ever under `name`; a name may be used once at a time."""
        if name in self._children:
            raise ValueError(f"{name} is already running")
        child = Child(name, work)
        self._children[name] = child
        child.task = asyncio.create_task(self._keep(child), name=name)

    async def stop(self, name: str) -> None:
        """Cancel a child and wait until it has ended; unknown names are fine."""
        child = self._children.pop(name, None)
        if child is not None and child.task is not None:
            child.task.cancel()
            await asyncio.gather(child.task, return_exceptions=True)

    async def stop_all(self) -> None:
        """Cancel every child and wait for all of them."""
        await asyncio.gather(*(self.stop(name) for name in tuple(self._children)))

    async def _keep(self, child: Child) -> None:
        loop = asyncio.get_running_loop()
        pause_s = RESTART_BACKOFF_MIN_S
        while True:
            started_s = loop.time()
            child.state = ChildState.RUNNING
            healthy = loop.call_later(self._healthy_s, self._recovered, child)
            try:
                error = await _failure_of(child.work)
            finally:
                healthy.cancel()
            if loop.time() - started_s >= self._healthy_s:
                pause_s = RESTART_BACKOFF_MIN_S
            if self._parked(child, error):
                return
            child.restarts += 1
            await asyncio.sleep(pause_s * self._entropy.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, RESTART_BACKOFF_MAX_S)

    def _recovered(self, child: Child) -> None:
        if child.error:
            child.error = ""
            _log.info("child.recovered", child=child.name)
            text = Labels(zh=f"{child.name} 已恢复正常", en=f"{child.name} works again")
            self._health(Health(child.name, "recovered", ok=True, text=text))

    def _parked(self, child: Child, error: Exception) -> bool:
        """Note the failure; True if trying again is pointless. The first of a row is told, with its trace if it is a bug."""
        first, child.error = not child.error, str(error) or type(error).__name__
        permanent = isinstance(error, Permanent)
        child.state = ChildState.FAILED if permanent else ChildState.WAITING
        if first or permanent:
            trace = error if first and not isinstance(error, EdgeguardError) else None
            _log.error("child.failed", child=child.name, error=child.error, parked=permanent, exc_info=trace)
            text = Labels(
                zh=f"{child.name} 已停止,需要人工处理" if permanent else f"{child.name} 出错,正在重新启动",
                en=f"{child.name} has stopped until somebody acts" if permanent else f"{child.name} failed and restarts",
            )
            self._health(Health(child.name, "parked" if permanent else "restarting", ok=False, text=text, detail=child.error))
        return permanent


async def _failure_of(work: Work) -> Exception:
    """Run it; how it ended. Being cancelled from outside passes through, a cancellation that came from within is a failure."""
    try:
        await work()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return EdgeguardError("cancelled from within")
    except Exception as failure:  # noqa: BLE001  the one place where a bug ends
        return failure
    return EdgeguardError("ended by itself")
