"""When to try a connection again: a small state machine of its own, without a socket and without a clock.

    STOPPED -> CONNECTING -> CONNECTED -> WAITING -> CONNECTING ...
                   \\---- failed ---------/

The pause doubles from failure to failure. Only an answer proves that an endpoint works: one that accepts and hangs up is
not hammered, since opening alone does not shorten the pause.
"""

import random

from edgeguard.bus.stats import LinkState
from edgeguard.core.limits import BUS_RECONNECT_MAX_S, BUS_RECONNECT_MIN_S


class Reconnect:
    """State and next pause of one connection. `openings` counts connections made."""

    def __init__(self, entropy: random.Random, min_s: float = BUS_RECONNECT_MIN_S, max_s: float = BUS_RECONNECT_MAX_S) -> None:
        self.state = LinkState.STOPPED
        self.openings = 0
        self._entropy = entropy
        self._min_s = min_s
        self._max_s = max_s
        self._pause_s = min_s

    def attempt(self) -> None:
        """A connection is being made."""
        self.state = LinkState.CONNECTING

    def opened(self) -> None:
        """It is there."""
        self.state = LinkState.CONNECTED
        self.openings += 1

    def ended(self, proved: bool) -> float:
        """The attempt failed, or the connection ended; seconds to wait, jittered by half to one. `proved`: an answer had come."""
        self.state = LinkState.WAITING
        if proved:
            self._pause_s = self._min_s
        pause_s = self._pause_s
        self._pause_s = min(pause_s * 2, self._max_s)
        return pause_s * self._entropy.uniform(0.5, 1.0)

    def stopped(self) -> None:
        """Nobody tries any more."""
        self.state = LinkState.STOPPED
