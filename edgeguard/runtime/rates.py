"""A rate from a counter that only grows, looked at now and then."""


class Rate:
    """Per second, over the time since the look before last that is at least `window_ms` old."""

    def __init__(self, window_ms: int = 5000) -> None:
        self._window_ms = window_ms
        self._looks: list[tuple[int, int]] = []

    def of(self, count: int, now_ms: int) -> float:
        """Note the counter at boot time `now_ms` and return the rate; 0.0 on the first look."""
        self._looks.append((now_ms, count))
        while len(self._looks) > 2 and now_ms - self._looks[1][0] >= self._window_ms:
            del self._looks[0]
        then_ms, then = self._looks[0]
        return 0.0 if now_ms == then_ms else round((count - then) * 1000.0 / (now_ms - then_ms), 1)
