"""Bytes on a line that were no frame: each stretch of them may have been another master's question, damaged on its way to us.

Its device heard it whole and answers, and frames on a serial line bear no number: if we have asked the same unit for something of
the same length, that answer looks like ours. So what comes after such a burst is no value yet: the question is asked once more
for each burst that may still be answered. A device answers in the order in which it was asked, so that each answer pays for one
burst, and the first one that is owed to nobody else is ours.

A line on which nothing but frames is heard pays nothing for this, a noisy one a repetition for each kind of request. A master has
one question on the line at a time and a device keeps one more in mind: so many bursts count and no more, however many there are.
Pure: knows no wire and no clock.
"""

import math
from collections.abc import Hashable
from dataclasses import dataclass, field

from edgeguard.core.limits import BUS_BYTE_GAP_S, FOREIGN_YIELD_S
from edgeguard.core.line_limits import BURST_BYTES, BURSTS_OWED, LINE_ALONE_S


@dataclass(frozen=True, slots=True)
class _Burst:
    """When it ended, and whose answers have paid for it."""

    at_s: float
    paid: set[Hashable] = field(default_factory=set)


class Bursts:
    """The latest bursts of a line, and the bytes of which it is not yet known whether they are one."""

    def __init__(self) -> None:
        self._kept: list[_Burst] = []
        self._loose = self._pieces = 0
        self._others_s = -math.inf
        self.last_s = -math.inf
        """When anything has come."""

    def foreign(self, now_s: float) -> None:
        """Another master was heard: from now on a burst is one of its questions rather than noise."""
        self._others_s = now_s

    def alone(self, now_s: float) -> bool:
        """No other master was heard for long."""
        return now_s - self._others_s >= LINE_ALONE_S

    @property
    def loose(self) -> int:
        """Bytes that have come lately and belong to no frame so far."""
        return self._loose

    @property
    def is_one(self) -> bool:
        """They are more than a little noise."""
        return self._loose >= BURST_BYTES

    def is_over(self, now_s: float) -> bool:
        """What comes now is no part of what has come."""
        return now_s - self.last_s > BUS_BYTE_GAP_S

    def is_first(self, now_s: float) -> bool:
        """There was none before this one for a while."""
        return not self._kept or now_s - self._kept[-1].at_s > FOREIGN_YIELD_S

    def came(self, count: int, now_s: float) -> None:
        """So many bytes have come."""
        self._pieces += self.is_over(now_s)
        self._loose += count
        self.last_s = now_s

    def were(self, loose: int) -> None:
        """So many of them belong to no frame; less than none, if a frame has ended that began in the burst before."""
        if loose < 0 and self._kept:
            del self._kept[-1]
        self._loose = max(0, loose)

    def end(self, waited: bool) -> None:
        """What has come is all there is of it. `waited`: while we waited for an answer, which may come before or behind."""
        if self.is_one:
            bursts = min(max(1, self._pieces), self._loose // BURST_BYTES) + waited
            self._kept = [*self._kept, *(_Burst(self.last_s) for _ in range(bursts))][-BURSTS_OWED:]
        self._loose = self._pieces = 0

    def explained(self, gap: int) -> None:
        """A station has answered what nobody was heard to ask: the question was in the `gap` bytes before that, or in a burst."""
        if self._loose >= gap >= BURST_BYTES:
            self._loose -= gap
        elif self._kept:
            del self._kept[0]

    def pay(self, kind: Hashable, since_s: float, owed_s: float) -> bool:
        """An answer of this kind has come, to a question that was asked after `since_s`. True if that may be a burst.

        It may also be a question of ours of `owed_s`. If that was before the burst, so is its answer; otherwise the burst is
        owed none of this kind any more.
        """
        for burst in self._kept:
            if burst.at_s > since_s and kind not in burst.paid:
                if owed_s >= burst.at_s:
                    burst.paid.add(kind)
                return True
        return False
