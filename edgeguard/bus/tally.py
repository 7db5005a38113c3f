"""What one wire has done, counted as it happens: requests, bytes, faults, how long it was busy and how long answers take."""

from collections import Counter
from types import MappingProxyType

from edgeguard.bus.line_errors import LineErrors
from edgeguard.bus.response import ResponseTimes
from edgeguard.bus.stats import BusStats, LinkState
from edgeguard.core.quality import Reason


class Tally:
    """The counters of one wire; see bus.stats.BusStats. Times are the loop's."""

    def __init__(self) -> None:
        self.requests = 0
        self.answers = 0
        self.bytes_sent = 0
        self.bytes_received = 0
        self.faults: Counter[Reason] = Counter()
        self.responses = ResponseTimes()
        self._busy_s = 0.0
        self._busy_since_s: float | None = None

    def busy(self, now_s: float) -> None:
        """A request is outstanding from now on, if none was."""
        if self._busy_since_s is None:
            self._busy_since_s = now_s

    def idle(self, now_s: float) -> None:
        """None is outstanding any more."""
        self._busy_s = self.busy_s(now_s)
        self._busy_since_s = None

    def busy_s(self, now_s: float) -> float:
        """Time so far with a request outstanding."""
        return self._busy_s + (0.0 if self._busy_since_s is None else now_s - self._busy_since_s)

    def stats(
        self,
        now_s: float,
        state: LinkState,
        reconnects: int,
        connected_s: float | None,
        error: str,
        line_errors: LineErrors | None,
        *,
        junk_bytes: int,
        late_answers: int,
        foreign_frames: int,
        waiting: int,
    ) -> BusStats:
        """The counters, together with what others have counted."""
        return BusStats(
            state=state,
            requests=self.requests,
            answers=self.answers,
            faults=MappingProxyType(dict(self.faults)),
            bytes_sent=self.bytes_sent,
            bytes_received=self.bytes_received,
            junk_bytes=junk_bytes,
            late_answers=late_answers,
            foreign_frames=foreign_frames,
            reconnects=reconnects,
            busy_s=self.busy_s(now_s),
            waiting=waiting,
            response_p95_s=self.responses.quantile_s(0.95),
            connected_s=connected_s,
            error=error,
            line_errors=line_errors,
        )
