"""How much may be under way at once: bytes in flight by the delay of acknowledgements, and a token bucket for history.

On a slow line what is already in the sockets delays the next alarm and can outlast the acknowledgement time-out; a window
counted in messages does not see that. Pure: time comes in as an argument.
"""

from dataclasses import dataclass

from edgeguard.core import limits

_QUICK_S = 0.25
_SLOW_S = 2.0


class Pace:
    """Bytes that may be in flight. Grows while acknowledgements come quickly, halves when they come late.

    Late is measured against the quickest one of this connection, so that a long but wide path is not taken for a narrow one.
    """

    def __init__(self) -> None:
        self._most = limits.WINDOW_MAX_MESSAGES * limits.MESSAGE_MAX_BYTES
        self.bytes = limits.PACE_START_BYTES
        self._quickest_s: float | None = None
        self._shrunk_at_s = float("-inf")

    @property
    def message_bytes(self) -> int:
        """The largest payload worth sending now: a quarter of what may be in flight, within bounds."""
        return max(limits.PACE_MIN_MESSAGE_BYTES, min(self.bytes // 4, limits.MESSAGE_MAX_BYTES))

    def acknowledged(self, sent_s: float, now_s: float) -> None:
        """A message sent at `sent_s` was acknowledged now."""
        took_s = now_s - sent_s
        quickest_s = took_s if self._quickest_s is None else min(self._quickest_s, took_s)
        self._quickest_s = quickest_s
        if took_s < _QUICK_S or took_s < 1.5 * quickest_s:
            if self.bytes < self._most:
                self.bytes = min(self.bytes + self.bytes // 8, self._most)
        elif took_s > max(_SLOW_S, 4 * quickest_s) and sent_s > self._shrunk_at_s:
            self._shrink(now_s)

    def reconnected(self) -> None:
        """A new path: its delay has to be learned again, the size is kept."""
        self._quickest_s = None
        self._shrunk_at_s = float("-inf")

    def starved(self, now_s: float) -> None:
        """No acknowledgement within the time-out: perhaps too much was under way."""
        self._shrink(now_s)

    def _shrink(self, now_s: float) -> None:
        """Once per flight: what was sent before the last shrinking says nothing new."""
        self.bytes = max(self.bytes // 2, limits.PACE_MIN_BYTES)
        self._shrunk_at_s = now_s


@dataclass(slots=True)
class Bucket:
    """`rate_per_s` items a second with a quarter of a second's worth in store (at least one)."""

    rate_per_s: float
    tokens: float = 0.0
    seen_s: float | None = None

    @property
    def depth(self) -> float:
        """The most items that may go at once."""
        return max(1.0, self.rate_per_s * 0.25)

    def available(self, now_s: float) -> int:
        """Whole items that may go now."""
        if self.seen_s is None:
            self.tokens = self.depth
        else:
            self.tokens = min(self.depth, self.tokens + (now_s - self.seen_s) * self.rate_per_s)
        self.seen_s = now_s
        return int(self.tokens)

    def change(self, rate_per_s: float, now_s: float) -> None:
        """Another rate from now on; what has been saved up at the old one stays, as far as it fits."""
        self.available(now_s)
        self.rate_per_s = rate_per_s
        self.tokens = min(self.tokens, self.depth)

    def take(self, items: int) -> None:
        """Items that went."""
        self.tokens -= items

    def ready_at_s(self, now_s: float, items: int) -> float:
        """When `items` (or a full bucket, if that is less) will be there."""
        lacking = min(float(items), self.depth) - self.available(now_s)
        return now_s + max(0.0, lacking) / self.rate_per_s
