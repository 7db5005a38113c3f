"""How busy and how good a line is, from what its counters did between two looks; a day of it in hourly buckets.

Pure. The score is 100 for a line on which nothing goes wrong; what lowers it is said. A device that is dead lowers nothing:
only what is lost of devices that live speaks against the line.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from edgeguard.core.limits import QUALITY_HOURS
from edgeguard.core.point import Labels
from edgeguard.core.quality import Reason

SPOILT: Final = (Reason.CHECKSUM, Reason.GARBAGE, Reason.SHORT_ANSWER)
"""Faults that a line makes of a good answer."""
STRANGE: Final = (Reason.WRONG_UNIT, Reason.WRONG_FUNCTION, Reason.WRONG_TRANSACTION)
"""Faults that show a talker who was not asked."""
_HOUR_S: Final = 3600.0
_ENOUGH_REQUESTS: Final = 10


@dataclass(frozen=True, slots=True)
class LineCounts:
    """Counters of a line at one moment; all of them only grow. `lost`: requests without any answer, to devices that live."""

    at_s: float
    requests: int = 0
    answers: int = 0
    faults: Mapping[Reason, int] = field(default_factory=dict)
    lost: int = 0
    junk_bytes: int = 0
    late_answers: int = 0
    reconnects: int = 0
    busy_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LineWork:
    """What a line did in `seconds`."""

    seconds: float = 0.0
    requests: int = 0
    answers: int = 0
    spoilt: int = 0
    strange: int = 0
    lost: int = 0
    junk_bytes: int = 0
    late_answers: int = 0
    reconnects: int = 0
    busy_s: float = 0.0

    @property
    def load(self) -> float:
        """Share of the time with a request outstanding."""
        return min(1.0, self.busy_s / self.seconds) if self.seconds > 0 else 0.0

    @property
    def requests_per_s(self) -> float:
        """Requests in a second."""
        return self.requests / self.seconds if self.seconds > 0 else 0.0

    def __add__(self, other: "LineWork") -> "LineWork":
        return LineWork(
            self.seconds + other.seconds,
            self.requests + other.requests,
            self.answers + other.answers,
            self.spoilt + other.spoilt,
            self.strange + other.strange,
            self.lost + other.lost,
            self.junk_bytes + other.junk_bytes,
            self.late_answers + other.late_answers,
            self.reconnects + other.reconnects,
            self.busy_s + other.busy_s,
        )


@dataclass(frozen=True, slots=True)
class Score:
    """0 to 100, None where too little was asked to tell; `reasons` says what lowered it, the heaviest first."""

    value: int | None
    reasons: tuple[Labels, ...] = ()


def work_between(before: LineCounts, now: LineCounts) -> LineWork:
    """What was done between two looks at the same counters."""
    return LineWork(
        seconds=max(0.0, now.at_s - before.at_s),
        requests=now.requests - before.requests,
        answers=now.answers - before.answers,
        spoilt=_grown(before, now, SPOILT),
        strange=_grown(before, now, STRANGE),
        lost=max(0, now.lost - before.lost),
        junk_bytes=now.junk_bytes - before.junk_bytes,
        late_answers=now.late_answers - before.late_answers,
        reconnects=now.reconnects - before.reconnects,
        busy_s=max(0.0, now.busy_s - before.busy_s),
    )


def _grown(before: LineCounts, now: LineCounts, reasons: Iterable[Reason]) -> int:
    return sum(now.faults.get(reason, 0) - before.faults.get(reason, 0) for reason in reasons)


def score(work: LineWork) -> Score:
    """Points off: 10 for each 1 % of spoilt answers (60 at most), 5 for each 1 % lost, 10 for each 0.1 junk bytes a request."""
    if work.requests < _ENOUGH_REQUESTS:
        return Score(None)
    share = 1.0 / work.requests
    costs = (
        (min(60.0, 1000 * work.spoilt * share), _spoilt(work)),
        (min(40.0, 500 * work.lost * share), _lost(work)),
        (min(40.0, 2000 * work.strange * share), _strange(work)),
        (min(20.0, 100 * work.junk_bytes * share), _junk(work)),
        (min(20.0, 1000 * work.late_answers * share), _late(work)),
        (min(20.0, 5.0 * work.reconnects), _reopened(work)),
    )
    lowered = sorted((cost for cost in costs if cost[0] >= 1.0), key=lambda cost: -cost[0])
    return Score(max(0, round(100 - sum(cost for cost, _ in costs))), tuple(words for _, words in lowered))


def _percent(count: int, work: LineWork) -> str:
    return f"{100 * count / work.requests:.1f} %"


def _spoilt(work: LineWork) -> Labels:
    told = _percent(work.spoilt, work)
    return Labels(f"应答损坏 {work.spoilt} 次({told})", f"{work.spoilt} answers spoilt ({told})")


def _lost(work: LineWork) -> Labels:
    told = _percent(work.lost, work)
    return Labels(f"在线设备无应答 {work.lost} 次({told})", f"{work.lost} requests lost by devices that live ({told})")


def _strange(work: LineWork) -> Labels:
    return Labels(f"未询问的应答 {work.strange} 次", f"{work.strange} answers that nobody asked for")


def _junk(work: LineWork) -> Labels:
    return Labels(f"杂散字节 {work.junk_bytes} 个", f"{work.junk_bytes} junk bytes")


def _late(work: LineWork) -> Labels:
    return Labels(f"迟到应答 {work.late_answers} 次", f"{work.late_answers} answers came too late")


def _reopened(work: LineWork) -> Labels:
    return Labels(f"重新连接 {work.reconnects} 次", f"opened anew {work.reconnects} times")


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour's work; `number` counts hours of the clock that the looks were taken by."""

    number: int
    work: LineWork


@dataclass(frozen=True, slots=True)
class Day:
    """The latest hours in which there was a look, oldest first; at most QUALITY_HOURS of them."""

    hours: tuple[Hour, ...] = ()

    @property
    def work(self) -> LineWork:
        """All of it together."""
        return sum((hour.work for hour in self.hours), LineWork())


def add_to_day(day: Day, work: LineWork, at_s: float) -> Day:
    """The day with work that ended at `at_s`."""
    number = int(at_s // _HOUR_S)
    hours = tuple(hour for hour in day.hours if number - hour.number < QUALITY_HOURS)
    if hours and hours[-1].number == number:
        return Day((*hours[:-1], replace(hours[-1], work=hours[-1].work + work)))
    return Day((*hours, Hour(number, work)))
