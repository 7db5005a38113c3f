"""Sets of numbers as few intervals: which numbers of a stream are done. Pure; knows neither rows nor SQL."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

Span = tuple[int, int]
"""First and last number, both included."""


def _first(span: Span) -> int:
    return span[0]


def _last(span: Span) -> int:
    return span[1]


@dataclass(frozen=True, slots=True)
class Intervals:
    """Disjoint spans in rising order, never adjacent: `(1, 4), (5, 6)` is always held as `(1, 6)`."""

    spans: tuple[Span, ...] = ()

    def add(self, first: int, last: int) -> "Intervals":
        """With `first` to `last` inside; an empty range (first > last) changes nothing."""
        if first > last:
            return self
        low = bisect_left(self.spans, first - 1, key=_last)
        high = bisect_right(self.spans, last + 1, key=_first)
        if low < high:
            first = min(first, self.spans[low][0])
            last = max(last, self.spans[high - 1][1])
        return Intervals((*self.spans[:low], (first, last), *self.spans[high:]))

    def above(self, floor: int) -> "Intervals":
        """Without the numbers up to and including `floor`."""
        keep = bisect_right(self.spans, floor, key=_last)
        spans = self.spans[keep:]
        if spans and spans[0][0] <= floor:
            spans = ((floor + 1, spans[0][1]), *spans[1:])
        return Intervals(spans)

    def reach(self, floor: int) -> int:
        """The highest number up to which everything above `floor` is inside; `floor` itself if the next one is not."""
        at = bisect_right(self.spans, floor + 1, key=_first) - 1
        return self.spans[at][1] if at >= 0 and self.spans[at][1] > floor else floor

    def holes(self, first: int, last: int) -> Iterator[Span]:
        """The parts of `first` to `last` that are not inside, in rising order."""
        for span_first, span_last in self.spans[bisect_left(self.spans, first, key=_last) :]:
            if span_first > last:
                break
            if first < span_first:
                yield first, span_first - 1
            first = span_last + 1
        if first <= last:
            yield first, last

    def longest(self, count: int) -> "Intervals":
        """At most `count` spans; the shortest are forgotten."""
        if len(self.spans) <= count:
            return self
        ranked = sorted(self.spans, key=lambda span: span[0] - span[1])
        return Intervals(tuple(sorted(ranked[:count])))

    def __len__(self) -> int:
        """How many numbers are inside."""
        return sum(last - first + 1 for first, last in self.spans)
