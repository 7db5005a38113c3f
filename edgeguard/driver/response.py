"""How long a device takes to answer, over a bounded window of its latest answers."""

from collections import deque

from edgeguard.core.limits import PROBE_TIMEOUT_MIN_S, PROBE_TIMEOUT_RESPONSES, RESPONSE_WINDOW


class ResponseTimes:
    """The latest response times in seconds."""

    def __init__(self) -> None:
        self._latest_s: deque[float] = deque(maxlen=RESPONSE_WINDOW)

    def note(self, response_s: float) -> None:
        """One more answer."""
        self._latest_s.append(response_s)

    def quantile_s(self, share: float) -> float:
        """The smallest time that `share` (0 to 1) of the answers did not exceed; 0 if there were none."""
        if not self._latest_s:
            return 0.0
        ordered = sorted(self._latest_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def probe_timeout_s(self, timeout_s: float) -> float:
        """How long to wait for a sign of life: `timeout_s` for a stranger, a few of its usual response times otherwise."""
        if not self._latest_s:
            return timeout_s
        return min(timeout_s, max(PROBE_TIMEOUT_MIN_S, PROBE_TIMEOUT_RESPONSES * self.quantile_s(0.95)))
