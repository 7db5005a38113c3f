"""A rate from a counter that only grows, looked at regularly."""

from collections import deque

from edgeguard.core.limits import RATE_WINDOW_MS


class Rate:
    """Per second over the last `window_ms` or a little more. `per_s` is the rate at the latest look."""

    def __init__(self, window_ms: int = RATE_WINDOW_MS) -> None:
        self.per_s = 0.0
        self._window_ms = window_ms
        self._looks: deque[tuple[int, int]] = deque()

    def look(self, count: int, now_ms: int) -> None:
        """Note the counter at boot time `now_ms`."""
        self._looks.append((now_ms, count))
        while len(self._looks) > 2 and now_ms - self._looks[1][0] >= self._window_ms:
            self._looks.popleft()
        then_ms, then = self._looks[0]
        self.per_s = 0.0 if now_ms == then_ms else round((count - then) * 1000.0 / (now_ms - then_ms), 2)
