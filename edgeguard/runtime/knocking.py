"""How often dead devices of one bus are knocked at: together at most a tenth of its time, as long as anybody on it answers.

Each dead device backs off by itself (see runtime.poller); with many of them, just after they have died, that alone would be
too much. A wire on which nobody answers harms nobody, so there is no limit there.
"""

from collections.abc import Callable

from edgeguard.core.limits import KNOCK_BUS_SHARE, PROBE_TIMEOUT_MIN_S

_WEIGHT = 0.2


class Knocking:
    """The share of one bus. `anybody_answers` says whether a limit is needed."""

    def __init__(self, anybody_answers: Callable[[], bool]) -> None:
        self._anybody_answers = anybody_answers
        self._free_s = 0.0
        self._cost_s = PROBE_TIMEOUT_MIN_S

    def reserve(self, now_s: float) -> float:
        """When the next knock may begin; from now on that moment is taken."""
        if not self._anybody_answers():
            return now_s
        begin_s = max(now_s, self._free_s)
        self._free_s = begin_s + self._cost_s / KNOCK_BUS_SHARE
        return begin_s

    def took(self, seconds: float) -> None:
        """What a knock that nobody answered has taken of the bus."""
        self._cost_s += _WEIGHT * (seconds - self._cost_s)
