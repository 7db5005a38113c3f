"""How long answers take, over a bounded window of the latest ones."""

from collections import deque

from edgeguard.core.limits import RESPONSE_WINDOW


class ResponseTimes:
    """The latest response times in seconds, from sending to answer."""

    def __init__(self) -> None:
        self._latest_s: deque[float] = deque(maxlen=RESPONSE_WINDOW)

    def note(self, response_s: float) -> None:
        """One more answer."""
        self._latest_s.append(response_s)

    @property
    def worst_s(self) -> float:
        """The longest of them; 0 if there were none."""
        return max(self._latest_s, default=0.0)

    def quantile_s(self, share: float) -> float:
        """The smallest time that `share` (0 to 1) of the answers did not exceed; 0 if there were none."""
        if not self._latest_s:
            return 0.0
        ordered = sorted(self._latest_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
