"""What waiting for devices that may be dead has cost a wire lately, and when it may cost more.

Two kinds of request may find nobody: a knock at the door of a device that is silent, and the first look at one that nobody has
heard yet. What they wait for nothing is written down and counts for a while; together they get a tenth of any such while, so that
those who answer keep the rest. What is answered costs nothing. A wait that is longer than all that may be spent goes out when
nothing counts any more, and counts for longer.

First looks may spend at once what there is: there are so many of them, and then no more. Knocks never end, and keep a pace, so
that there is always one soon which finds that somebody is back.

Knows nothing of queues, and of time only what it is told.
"""

from collections import deque

from edgeguard.core.limits import BUS_PROBE_SHARE
from edgeguard.core.line_limits import PROBE_WINDOW_S

_BUDGET_S = BUS_PROBE_SHARE * PROBE_WINDOW_S


class ProbeShare:
    """The account of one wire. Times are the loop's."""

    def __init__(self) -> None:
        self._spent: deque[tuple[float, float]] = deque()
        """Until when it counts, and how much it is; the earliest first."""
        self._sum_s = 0.0
        self._paced_s = 0.0

    def spend(self, waited_s: float, now_s: float, knock: bool) -> None:
        """So long was waited for nothing; by a `knock`, or by a first look."""
        if knock:
            self._paced_s = now_s + waited_s * (1.0 / BUS_PROBE_SHARE - 1.0)
        self._forget(now_s)
        until_s = now_s + max(PROBE_WINDOW_S, waited_s / BUS_PROBE_SHARE)
        self._spent.append((max(until_s, self._spent[-1][0]) if self._spent else until_s, waited_s))
        self._sum_s += waited_s

    def ready_s(self, wait_s: float, now_s: float, knock: bool) -> float:
        """When a wait of this length may begin."""
        self._forget(now_s)
        at_s, left_s = max(now_s, self._paced_s) if knock else now_s, self._sum_s
        for until_s, waited_s in self._spent:
            if left_s + wait_s <= _BUDGET_S:
                break
            at_s, left_s = max(at_s, until_s), left_s - waited_s
        return at_s

    def _forget(self, now_s: float) -> None:
        while self._spent and self._spent[0][0] <= now_s:
            self._sum_s -= self._spent.popleft()[1]
        if not self._spent:
            self._sum_s = 0.0
