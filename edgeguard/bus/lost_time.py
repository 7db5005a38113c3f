"""How much of a wire's time silence has taken lately, and what that means for those whose turn it is now.

When a device falls silent it is waited for as long as its time-out says, and everybody else on the wire with it. One may cost
that; twenty that die at once, as when a cable breaks, would keep those that still live waiting for twenty time-outs. So the time
lost counts, and what is counted wears off by the share that silence may have of a wire. While more than one time-out is
outstanding, whoever's turn it is gets a look: a few of the response times that are usual of it, which the living keep easily. One
that is silent then, while nobody has answered since the beginning, is asked once more when all others have had their turn: it may
have been the line. And who has answered since that began has a share of the wire of its own, beside one of all those together who
have not.

Knows nothing of queues, and of time only what it is told.
"""

import math

from edgeguard.bus.exchange import Priority, Request
from edgeguard.core.limits import BUS_PROBE_SHARE, BUS_STATIONS_KNOWN
from edgeguard.core.line import Station


class LostTime:
    """The account of one wire on which so many requests may be outstanding at once. Times are the loop's."""

    def __init__(self, parallel: int = 1) -> None:
        self._parallel = parallel
        self._lost_s = 0.0
        self._as_of_s = -math.inf
        self._sure: set[Station] = set()
        """Those that have answered since time is being lost."""
        self._silent: set[Station] = set()
        """Those to whom it was lost."""

    def lost_s(self, now_s: float) -> float:
        """What is not made up for yet."""
        return max(0.0, self._lost_s - BUS_PROBE_SHARE * (now_s - self._as_of_s)) if self._lost_s else 0.0

    def silent(self, station: Station, waited_s: float, now_s: float) -> bool:
        """It has not answered in so long. True if that may be the line: nobody has answered since, and it was not asked before."""
        lost_s = self.lost_s(now_s)
        if not lost_s:
            self._sure.clear()
            self._silent.clear()
        self._sure.discard(station)
        spared = station not in self._silent and not self._sure
        if len(self._silent) < BUS_STATIONS_KNOWN:
            self._silent.add(station)
        self._lost_s, self._as_of_s = lost_s + waited_s / self._parallel, now_s
        return spared

    def answered(self, station: Station) -> None:
        """It lives."""
        if self._lost_s and len(self._sure) < BUS_STATIONS_KNOWN:
            self._sure.add(station)

    def is_open(self, now_s: float) -> bool:
        """Time has been lost, and is not made up for."""
        return self._lost_s > 0.0 and self.lost_s(now_s) > 0.0

    def is_sure(self, station: Station) -> bool:
        """It has answered since time is being lost."""
        return station in self._sure

    def was_silent(self, station: Station) -> bool:
        """Time was lost to it."""
        return station in self._silent

    def wait_s(self, request: Request, now_s: float) -> float:
        """How long to wait for the answer to this, if it goes out now while others wait. A person's is given all its time.

        So is that of a station which alone has cost what is lost.
        """
        if request.priority is Priority.PERSON or self._silent <= {request.address} or self.lost_s(now_s) <= request.timeout_s:
            return request.timeout_s
        return min(request.timeout_s, request.look_s)
