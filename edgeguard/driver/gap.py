"""How much silence a device needs between an answer and the next request to it, learned from what it does not answer.

A cheap device is still busy with its answer when the next request comes, and does not hear it. That looks like a bad line, but
has a pattern: what is asked at once fails, what is asked after a pause is answered. Then a pause is tried, the next longer one
if that changes nothing, and what has helped is kept. A device that fails either way has another trouble, and one that fails
after the longest pause as well may simply not answer that request: both get no longer
pause than had helped before. Pure: knows no clock and no line.
"""

from typing import Final

from edgeguard.core.limits import GAP_EVIDENCE, GAP_QUICK_S, GAP_SLOW_S, GAP_WINDOW

GAP_STEPS_S: Final = (0.01, 0.02, 0.05)
"""The pauses that are tried, one after the other."""
_TOLERANCE_S: Final = 0.001
"""Timers fire a little early or late."""


class Gap:
    """One device's. `configured_s` of silence is kept anyway; nothing shorter is tried."""

    def __init__(self, configured_s: float = 0.0) -> None:
        self._steps = tuple(step_s for step_s in GAP_STEPS_S if step_s > configured_s)
        self._configured_s = configured_s
        self._step_s = self._proved_s = 0.0
        self._hopeless = False
        self._quick = self._quick_failed = self._slow = self._slow_failed = 0

    @property
    def silence_s(self) -> float:
        """The silence to keep now, 0 for none beyond the configured one."""
        return self._step_s

    @property
    def proved_s(self) -> float:
        """The silence that has proved to be needed, 0 if none has."""
        return self._proved_s

    def recall(self, proved_s: float) -> None:
        """Begin with what was proved before a restart, if it is one of the steps that are tried."""
        if proved_s in self._steps:
            self._step_s = self._proved_s = proved_s

    def note(self, since_s: float, answered: bool) -> None:
        """A request that was sent `since_s` after the last answer of this device."""
        silence_s = max(self._configured_s, self._step_s)
        if since_s >= GAP_SLOW_S:
            self._slow += 1
            self._slow_failed += not answered
        elif silence_s - _TOLERANCE_S <= since_s <= silence_s + GAP_QUICK_S:
            self._quick += 1
            self._quick_failed += not answered
            self._judge()
        if self._quick + self._slow >= GAP_WINDOW:
            self._quick, self._quick_failed = self._quick // 2, self._quick_failed // 2
            self._slow, self._slow_failed = self._slow // 2, self._slow_failed // 2

    def _judge(self) -> None:
        """Try the next step where the pattern is there, keep the present one where it is gone."""
        if self._hopeless:
            return
        is_pattern = self._quick_failed >= GAP_EVIDENCE and 2 * self._quick_failed >= self._quick
        lives = self._slow >= GAP_EVIDENCE and 10 * self._slow_failed <= self._slow
        if is_pattern and lives:
            following = next((step_s for step_s in self._steps if step_s > self._step_s), None)
            self._hopeless = following is None
            self._step_s = following or self._proved_s
            self._quick = self._quick_failed = 0
        elif self._step_s and self._quick >= GAP_EVIDENCE and 10 * self._quick_failed <= self._quick:
            self._proved_s = self._step_s
