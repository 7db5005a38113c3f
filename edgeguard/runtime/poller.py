"""Polls one device at a fixed rate for ever: no drift, staggered starts, and a patient knock at the door of a dead one.

Knows nothing of the uplink or the store; what a round says goes to a sink.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from edgeguard.core.limits import PROBE_FIRST_S, PROBE_LINEAR_MAX_S, PROBE_MAX_S, PROBE_STEP_S
from edgeguard.core.line_limits import FIRST_ROUNDS_S
from edgeguard.core.snapshot import Snapshot
from edgeguard.driver import Device

_log = structlog.get_logger()

KNOCK_AFTER = 2
"""Silent rounds after which a device is only knocked at."""
SMOOTHING = 0.2
"""Weight of the newest round in the figures of rounds."""
GOLDEN = 0.6180339887498949
"""Multiples of it modulo 1 spread any number of starts evenly over a period."""


def start_offset_s(index: int, period_s: float) -> float:
    """When the device with this index on its bus starts within the first period."""
    return (index * GOLDEN) % 1.0 * period_s


def probe_delay_s(failures: int, period_s: float) -> float:
    """Pause before the next knock after `failures` rounds without an answer (1 or more).

    The first retry comes with the next period, then the pause grows by half seconds to 10 s, then doubles to 5 minutes.
    """
    if failures <= 1:
        return period_s
    linear_s = PROBE_FIRST_S + PROBE_STEP_S * (failures - 2)
    if linear_s <= PROBE_LINEAR_MAX_S:
        return max(period_s, linear_s)
    steps = round((PROBE_LINEAR_MAX_S - PROBE_FIRST_S) / PROBE_STEP_S)
    doublings = min(failures - 2 - steps, 16)
    return max(period_s, min(PROBE_LINEAR_MAX_S * 2.0**doublings, PROBE_MAX_S))


def _smoothed(before_s: float, now_s: float) -> float:
    return now_s if before_s == 0.0 else before_s + SMOOTHING * (now_s - before_s)


@dataclass(slots=True)
class PollFigures:
    """What a poller has done. `beat_s` and `next_s` are loop time: the last completed step and the next round due.

    `patience_s` is how long a round may take in the worst case, because others on the bus are dead. `took_s` and `every_s`
    are smoothed: how long rounds that were answered take, and how far apart their beginnings are; 0 before there are any.
    """

    patience_s: float = 0.0
    rounds: int = 0
    failures: int = 0
    skipped: int = 0
    beat_s: float = 0.0
    next_s: float = 0.0
    took_s: float = 0.0
    every_s: float = 0.0


class Poller:
    """One device's schedule. `figures` is live. `revived` is called when a dead device is back: others may be so, too.

    `offset_s`: where in its period the device is polled. A slow one is polled sooner the first time, for somebody waits for it.
    `after_s`: how long others have been let go first by then.
    """

    def __init__(
        self,
        device: Device,
        sink: Callable[[Snapshot], None],
        period_s: float,
        offset_s: float,
        revived: Callable[[], None] = lambda: None,
        after_s: float = 0.0,
    ) -> None:
        self.device = device
        self.figures = PollFigures()
        self._sink = sink
        self._period_s = period_s
        self._offset_s = offset_s
        self._after_s = after_s
        self._revived = revived
        self._silent = 0
        self._heard = False
        self._woken = asyncio.Event()
        self._begun_s = 0.0

    @property
    def silent_rounds(self) -> int:
        """Rounds in a row that nobody answered."""
        return self._silent

    def wake(self) -> None:
        """There is reason to ask at once, should the device be silent: its bus is connected again, or a neighbour is back."""
        if self._silent:
            self._woken.set()

    async def run(self) -> None:
        """Poll until cancelled. A round that overruns its period skips the rounds it has missed, and keeps the beat."""
        loop = asyncio.get_running_loop()
        figures = self.figures
        figures.beat_s = loop.time()
        first_s = self._offset_s * min(1.0, FIRST_ROUNDS_S / self._period_s)
        due_s, lead_s = loop.time() + first_s + self._after_s, self._offset_s - first_s
        while True:
            figures.next_s = due_s
            due_s = await self._sleep_until(due_s)
            begun_s = loop.time()
            snapshot = await self._round()
            figures.rounds += 1
            figures.beat_s = loop.time()
            self._measure(begun_s, figures.beat_s, snapshot.answered)
            self._judge(snapshot)
            self._sink(snapshot)
            if self._silent:
                due_s = max(due_s, loop.time() - self._period_s) + self._pause_s()
            elif lead_s > 0.0:
                due_s, lead_s, self._begun_s = due_s + lead_s, 0.0, 0.0
            else:
                due_s += self._period_s
            missed = int((loop.time() - due_s) // self._period_s) + 1 if loop.time() > due_s else 0
            if missed > 0:
                figures.skipped += missed
                due_s += missed * self._period_s

    def _pause_s(self) -> float:
        """Before the next round of a silent device. A stranger had a first look only: it may be slow, and is asked again soon.

        One that is polled rarely does not lose its whole period with one frame.
        """
        period_s = min(self._period_s, FIRST_ROUNDS_S)
        if self._silent == 1 and not self._heard:
            return min(period_s, PROBE_FIRST_S)
        return probe_delay_s(self._silent, period_s)

    async def _sleep_until(self, due_s: float) -> float:
        """Wait for the round, or for a reason to begin it earlier; when it begins, by the beat."""
        loop = asyncio.get_running_loop()
        if not self._silent:
            await asyncio.sleep(due_s - loop.time())
            return due_s
        try:
            async with asyncio.timeout_at(due_s):
                await self._woken.wait()
        except TimeoutError:
            return due_s
        self._woken.clear()
        return loop.time()

    async def _round(self) -> Snapshot:
        """A whole round, or a knock at the door of a device that was silent twice; if it opens, the round follows at once.

        One that was never heard is knocked at after a single silence. Knocks keep to their share of the bus (bus.queue).
        """
        if self._silent >= (KNOCK_AFTER if self._heard else 1):
            snapshot = await self.device.probe()
            if not snapshot.answered:
                return snapshot
        return await self.device.poll()

    def _measure(self, begun_s: float, ended_s: float, answered: bool) -> None:
        """How long rounds take and how often they come, as long as the device answers."""
        figures = self.figures
        if answered:
            figures.took_s = _smoothed(figures.took_s, ended_s - begun_s)
            if self._begun_s and not self._silent:
                figures.every_s = _smoothed(figures.every_s, begun_s - self._begun_s)
        self._begun_s = begun_s

    def _judge(self, snapshot: Snapshot) -> None:
        """Count rounds in a row without an answer; said once when it changes from or to none."""
        if snapshot.answered:
            silent, self._silent, self._heard = self._silent, 0, True
            self._woken.clear()
            if silent >= KNOCK_AFTER:
                _log.info("device.revived", device=snapshot.device, silent_rounds=silent)
                self._revived()
            return
        self.figures.failures += 1
        self._silent += 1
        if self._silent == KNOCK_AFTER:
            _log.warning("device.silent", device=snapshot.device, fault=str(snapshot.outcomes[0]))
