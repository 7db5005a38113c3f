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
from edgeguard.core.limits import RESTART_BACKOFF_MAX_S, RESTART_BACKOFF_MIN_S
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
    """One supervised part. `error` is the last failure in words, empty while there was none."""

    name: str
    work: Work
    state: ChildState = ChildState.RUNNING
    restarts: int = 0
    error: str = ""
    task: asyncio.Task[None] | None = None


class Supervisor:
    """Starts, restarts and stops children by name. A run of `healthy_s` forgets earlier failures."""

    def __init__(self, health: HealthSink, entropy: random.Random, healthy_s: float = 60.0) -> None:
        self._health = health
        self._entropy = entropy
        self._healthy_s = healthy_s
        self._children: dict[str, Child] = {}

    @property
    def children(self) -> tuple[Child, ...]:
        """All of them, in the order of starting."""
        return tuple(self._children.values())

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
            started = loop.time()
            child.state = ChildState.RUNNING
            try:
                await child.work()
                error: BaseException = EdgeguardError("ended by itself")
            except Exception as failure:  # noqa: BLE001  the one place where a bug ends
                error = failure
            if loop.time() - started > self._healthy_s:
                pause_s = RESTART_BACKOFF_MIN_S
            if self._parked(child, error):
                return
            child.restarts += 1
            await asyncio.sleep(pause_s * self._entropy.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, RESTART_BACKOFF_MAX_S)

    def _parked(self, child: Child, error: BaseException) -> bool:
        """Note the failure; True if trying again is pointless."""
        child.error = str(error) or type(error).__name__
        permanent = isinstance(error, Permanent)
        child.state = ChildState.FAILED if permanent else ChildState.WAITING
        expected = isinstance(error, EdgeguardError)
        _log.error("child.failed", child=child.name, error=child.error, parked=permanent, exc_info=None if expected else error)
        if permanent or child.restarts == 0:
            text = Labels(
                zh=f"{child.name} 已停止,需要人工处理" if permanent else f"{child.name} 出错,正在重新启动",
                en=f"{child.name} has stopped until somebody changes something"
                if permanent
                else f"{child.name} failed and restarts",
            )
            self._health(Health(child.name, "parked" if permanent else "restarting", ok=False, text=text, detail=child.error))
        return permanent
