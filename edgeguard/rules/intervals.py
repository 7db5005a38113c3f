"""Amounts on the time line: quarters of an hour of UTC, which local hours, days and months are made of. Pure integers.

A quarter is numbered by its beginning: wall time in ms divided by QUARTER_MS. A day of a place that sets its clocks has 92, 96 or
100 of them, and none is lost.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Final

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId
from edgeguard.core.metering import QUARTER_MS, Step
from edgeguard.core.metering_limits import METER_SPREAD_QUARTERS, METER_UNPLACED

MEASURED_MS: Final = QUARTER_MS
"""Readings no further apart than this tell an interval's amount; what lies further apart is divided evenly, and marked so."""
FULL_MS: Final = QUARTER_MS - 9_000
"""A quarter of which so much lies between readings counts as whole."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One quarter: all of its amount, the part of it that was only divided evenly, and how much of its time was covered."""

    quarter: int
    amount: int = 0
    spread: int = 0
    covered_ms: int = 0

    @property
    def whole(self) -> bool:
        """Measured from end to end."""
        return self.covered_ms >= FULL_MS and not self.spread


@dataclass(frozen=True, slots=True)
class Unplaced:
    """An amount between two moments of a boot whose wall clock was not known; None: since before that boot."""

    boot: BootId
    from_boot_ms: int | None
    to_boot_ms: int
    amount: int


@dataclass(frozen=True, slots=True)
class Gap:
    """An amount over a time too long to be divided."""

    from_ms: int
    to_ms: int
    amount: int


@dataclass(frozen=True, slots=True)
class TimeLine:
    """`open`: quarters that more may still come to. `edge_ms`: the wall time up to which everything has its place."""

    open: tuple[Slot, ...] = ()
    edge_ms: int | None = None
    unplaced: tuple[Unplaced, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """A step on the wall clock."""

    from_ms: int
    to_ms: int
    amount: int
    spread: bool


@dataclass(frozen=True, slots=True)
class Placed:
    """What a step brought: quarters that are complete now, amounts that are not divided, and the spans that were placed."""

    closed: tuple[Slot, ...] = ()
    gaps: tuple[Gap, ...] = ()
    spans: tuple[Span, ...] = ()


def place(line: TimeLine, step: Step) -> tuple[TimeLine, Placed]:
    """Put an amount where it belongs. While the clock is not known it is kept apart; when it is known, all of it is placed."""
    if not step.end.synced:
        begin = step.start.boot_ms if step.start.boot == step.end.boot else None
        kept = _thinned((*line.unplaced, Unplaced(step.end.boot, begin, step.end.boot_ms, step.amount)))
        return replace(line, unplaced=kept), Placed()
    if (quick := _within(line, step)) is not None:
        return quick
    spans = _spans(line, step)
    slots = {slot.quarter: slot for slot in line.open}
    gaps: list[Gap] = []
    for span in spans:
        if (span.to_ms - span.from_ms) // QUARTER_MS > METER_SPREAD_QUARTERS:
            gaps.append(Gap(span.from_ms, span.to_ms, span.amount))
            continue
        for part in divide(span):
            before = slots.get(part.quarter, Slot(part.quarter))
            slots[part.quarter] = Slot(
                part.quarter, before.amount + part.amount, before.spread + part.spread, before.covered_ms + part.covered_ms
            )
    edge_ms = step.end.wall_ms
    closed = tuple(slots[quarter] for quarter in sorted(slots) if (quarter + 1) * QUARTER_MS <= edge_ms)
    still = tuple(slots[quarter] for quarter in sorted(slots) if (quarter + 1) * QUARTER_MS > edge_ms)
    return TimeLine(still, edge_ms), Placed(closed, tuple(gaps), spans)


def amend(line: TimeLine, amount: int, from_ms: int, to_ms: int, *, covered: bool) -> tuple[TimeLine, Placed]:
    """An amount (or less than nothing) for a time that is over: what is open still takes its part, the rest is told anew.

    `covered`: what the time between had before has its place already.
    """
    if (to_ms - from_ms) // QUARTER_MS > METER_SPREAD_QUARTERS:
        return line, Placed(gaps=(Gap(from_ms, to_ms, amount),))
    slots = {slot.quarter: slot for slot in line.open}
    late: list[Slot] = []
    for part in divide(_span(from_ms, to_ms, amount)):
        more = replace(part, covered_ms=0 if covered else part.covered_ms)
        if line.edge_ms is None or (more.quarter + 1) * QUARTER_MS <= line.edge_ms:
            late.append(more)
            continue
        was = slots.get(more.quarter, Slot(more.quarter))
        sums = was.amount + more.amount, was.spread + more.spread, was.covered_ms + more.covered_ms
        slots[more.quarter] = Slot(more.quarter, *sums)
    still = tuple(slots[quarter] for quarter in sorted(slots))
    return replace(line, open=still), Placed(tuple(late))


def _within(line: TimeLine, step: Step) -> tuple[TimeLine, Placed] | None:
    """The ordinary case: a short step of one boot that lies in the one quarter that is open. None for all others."""
    start, end = step.start, step.end
    if len(line.open) != 1 or line.unplaced or start.boot != end.boot:
        return None
    slot, to_ms = line.open[0], end.wall_ms
    begin_ms = slot.quarter * QUARTER_MS
    from_ms = to_ms - (end.boot_ms - start.boot_ms)
    if not begin_ms <= from_ms < to_ms < begin_ms + QUARTER_MS:
        return None
    grown = Slot(slot.quarter, slot.amount + step.amount, slot.spread, slot.covered_ms + to_ms - from_ms)
    return TimeLine((grown,), to_ms), Placed(spans=(Span(from_ms, to_ms, step.amount, spread=False),))


def _spans(line: TimeLine, step: Step) -> tuple[Span, ...]:
    """The step, and what has waited for the clock, on the wall clock; amounts of other boots lie somewhere before this one."""
    end = step.end
    offset_ms = end.wall_ms - end.boot_ms
    known = step.start.boot == end.boot
    start_ms = step.start.boot_ms + offset_ms if known else _wall_before(line, step.start, end)
    own = [entry for entry in line.unplaced if entry.boot == end.boot]
    adrift = [entry.amount for entry in line.unplaced if entry.boot != end.boot or entry.from_boot_ms is None]
    if adrift and not (known or step.start.synced):
        # of neither is more known than that it lies between the last trusted time and this one
        return (_span(start_ms, end.wall_ms, sum(adrift) + step.amount),)
    spans = [
        _span(entry.from_boot_ms + offset_ms, entry.to_boot_ms + offset_ms, entry.amount)
        for entry in own
        if entry.from_boot_ms is not None
    ]
    if adrift:
        # behind the last trusted time and before the first one of this boot
        first_ms = min([start_ms, *(entry.to_boot_ms + offset_ms for entry in own)])
        begin_ms = first_ms if line.edge_ms is None else min(line.edge_ms, first_ms)
        spans.insert(0, _span(begin_ms, first_ms, sum(adrift)))
    spans.append(_span(start_ms, end.wall_ms, step.amount))
    return tuple(spans)


def _wall_before(line: TimeLine, start: Stamp, end: Stamp) -> int:
    """When a step from another boot began: its own time if that was trusted, else the last time that was."""
    begun = start.wall_ms if start.synced else line.edge_ms
    return end.wall_ms if begun is None else min(begun, end.wall_ms)


def _span(from_ms: int, to_ms: int, amount: int) -> Span:
    from_ms = min(from_ms, to_ms)
    # within one quarter there is nothing to divide
    one_quarter = from_ms // QUARTER_MS == max(to_ms - 1, from_ms) // QUARTER_MS
    return Span(from_ms, to_ms, amount, spread=to_ms - from_ms > MEASURED_MS and not one_quarter)


def divide(span: Span) -> Iterator[Slot]:
    """The quarters of a span with their parts of its amount, by time; together they are exactly the amount."""
    first, last = span.from_ms // QUARTER_MS, max(span.to_ms - 1, span.from_ms) // QUARTER_MS
    length = span.to_ms - span.from_ms
    given = 0
    for quarter in range(first, last + 1):
        until = min((quarter + 1) * QUARTER_MS, span.to_ms) - span.from_ms
        upto = span.amount if quarter == last else span.amount * until // length
        part, given = upto - given, upto
        begun = max(quarter * QUARTER_MS, span.from_ms) - span.from_ms
        yield Slot(quarter, part, part if span.spread else 0, until - begun if length else 0)


def _thinned(entries: tuple[Unplaced, ...]) -> tuple[Unplaced, ...]:
    """Neighbours within a quarter of an hour of one boot become one; beyond the bound the oldest two do."""
    made = list(entries[:-1])
    newest = entries[-1]
    if made and _together(made[-1], newest, QUARTER_MS):
        made[-1] = replace(made[-1], to_boot_ms=newest.to_boot_ms, amount=made[-1].amount + newest.amount)
    else:
        made.append(newest)
    if len(made) > METER_UNPLACED:
        one, two = made[0], made[1]
        if one.boot == two.boot:
            made[:2] = [replace(one, to_boot_ms=two.to_boot_ms, amount=one.amount + two.amount)]
        else:
            made[:2] = [replace(two, amount=one.amount + two.amount)]
    return tuple(made)


def _together(one: Unplaced, two: Unplaced, within_ms: int) -> bool:
    return one.boot == two.boot and one.from_boot_ms is not None and two.to_boot_ms - one.from_boot_ms <= within_ms


def local(quarter: int, zone: tzinfo) -> datetime:
    """The beginning of a quarter by the clock on the wall."""
    return datetime.fromtimestamp(quarter * QUARTER_MS / 1000, zone)


def day_of(quarter: int, zone: tzinfo) -> date:
    """The local day that a quarter belongs to."""
    return local(quarter, zone).date()


def first_quarter(day: date, zone: tzinfo) -> int:
    """The first quarter of a local day. Where midnight does not exist the day begins with what comes in its place."""
    at = datetime(day.year, day.month, day.day, tzinfo=zone)
    quarter = int(at.timestamp() * 1000) // QUARTER_MS
    while day_of(quarter, zone) < day:
        quarter += 1
    while day_of(quarter - 1, zone) >= day:
        quarter -= 1
    return quarter


def quarters_of(day: date, zone: tzinfo) -> range:
    """All quarters of a local day: 96, or 92 or 100 where the clocks are set."""
    return range(first_quarter(day, zone), first_quarter(day + timedelta(days=1), zone))
