"""Which telemetry of a stretch of time tells the most of it: for each point the lowest, the highest and the last value.

Pure. Items are judged as they were stored, so that what stays is exactly what was measured, at its own time.
"""

import orjson

from edgeguard.core.outbox_limits import THIN_WORDS


class _Point:
    """Numbers of the items that hold a point's extremes; `words` those that held a text, or a reason for no value, last."""

    __slots__ = ("high", "high_seq", "last_seq", "low", "low_seq", "words")

    def __init__(self) -> None:
        self.low, self.high = float("inf"), float("-inf")
        self.low_seq: int | None = None
        self.high_seq: int | None = None
        self.last_seq = 0
        self.words: dict[str, int] = {}


class Extremes:
    """Items of one stretch in their order, and of these the ones worth keeping. Switches count as numbers.

    Of texts and of reasons for no value the last item of each is kept, of THIN_WORDS different ones at most. An item that is no
    telemetry is kept.
    """

    def __init__(self) -> None:
        self._points: dict[tuple[str, str], _Point] = {}
        self._odd: set[int] = set()

    def see(self, seq: int, body: bytes) -> None:
        """The next item."""
        try:
            told = orjson.loads(body)
            device, values, bad = told["device"], told["values"], told.get("bad", {})
            for point, value in values.items():
                self._take(self._points.setdefault((device, point), _Point()), seq, value)
            for point, reason in bad.items():
                self._take(self._points.setdefault((device, point), _Point()), seq, f"!{reason}")
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            self._odd.add(seq)

    def kept(self) -> frozenset[int]:
        """Numbers of the items that stay."""
        kept = set(self._odd)
        for point in self._points.values():
            kept.update(seq for seq in (point.low_seq, point.high_seq) if seq is not None)
            kept.add(point.last_seq)
            kept.update(point.words.values())
        return frozenset(kept)

    @staticmethod
    def _take(point: _Point, seq: int, value: object) -> None:
        point.last_seq = seq
        if isinstance(value, (int, float)):
            if value < point.low:
                point.low, point.low_seq = value, seq
            if value > point.high:
                point.high, point.high_seq = value, seq
        else:
            word = str(value)
            if word in point.words or len(point.words) < THIN_WORDS:
                point.words[word] = seq
