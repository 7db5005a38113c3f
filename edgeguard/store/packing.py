"""Rows that are kept as they leave, joined by SQLite itself: a backlog comes out without an object per row.

Runs on the desk's thread. All packs of one span are joined by one statement, proven by one checksum and then cut apart, so that
Python's lock, which whoever sends the packs before these often holds, has to be won back once only for each. Whatever is not
plain (a time not trusted when it was taken, numbers that thinning took out, a row too large, one of an older edgeguard without
sums, anything missing, changed or contradictory) is left to `Ledger.read`, which judges it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from edgeguard.core.item import Pack, PackSize, Stream
from edgeguard.store.ledger import Ledger
from edgeguard.store.sql import SQL
from edgeguard.store.sums import Beside, follow


def pack(ledger: Ledger, stream: Stream, after: int, through: int | None, size: PackSize) -> tuple[Pack, ...] | None:
    """What `core.ports.Outbox.pack` promises."""
    state = ledger.streams[stream]
    packs: list[Pack] = []
    for first, last in state.holes(after + 1, through):
        found = _packs(ledger, stream, first, last, size, size.packs - len(packs)) if first > state.thinned else []
        packs += found
        if not found or found[-1].last_seq < last:
            return tuple(packs) or None
        if len(packs) == size.packs:
            break
    return tuple(packs)


@dataclass(frozen=True, slots=True)
class _Knot:
    """What a row says beside its item; `total` are the bytes of all items of its stream through its own, which has `size`."""

    beside: Beside
    sums: int
    total: int
    size: int


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where a pack ends: its last number and row, and the bytes from the span's first item through this one, commas between."""

    last: int
    knot: _Knot
    through_bytes: int


def _packs(ledger: Ledger, stream: Stream, first: int, most: int, size: PackSize, packs: int) -> list[Pack]:
    """Packs of rows from `first` through `most` as far as these are plain."""
    start = _knots(ledger, stream, [first]).get(first)
    if start is None or not ledger.knows_run(start.beside[1]):
        return []
    cuts = _cuts(ledger, stream, start, first, most, size, packs)
    return _joined(ledger, stream, start, cuts) or _joined(ledger, stream, start, cuts[:1])


def _cuts(ledger: Ledger, stream: Stream, start: _Knot, first: int, most: int, size: PackSize, packs: int) -> list[_Cut]:
    """How rows from `first` on are to be cut; fewer cuts than packs asked for where a row fits none, or the rows end."""
    base = start.total - start.size + first
    cuts: list[_Cut] = []
    begin, before = first, 0
    while begin <= most and len(cuts) < packs:
        ends = [min(begin + size.max_items * (n + 1) - 1, most) for n in range(packs - len(cuts))]
        for end, knot in _ends(ledger, stream, list(dict.fromkeys(ends)), most):
            if knot.total + end - base - before > size.good_bytes:
                break
            cuts.append(_Cut(end, knot, knot.total + end - base))
            begin, before = end + 1, knot.total + end - base + 1
        if begin > most or len(cuts) == packs:
            break
        bound = base + before + size.good_bytes
        found = ledger.connection.execute(SQL[stream].fit, (begin, begin + size.max_items - 1, bound)).fetchone()[0]
        end = int(found or begin)
        lone = dict(_ends(ledger, stream, [end], most)).get(end)
        if lone is None or not 0 < lone.total + end - base - before <= size.max_bytes:
            break
        cuts.append(_Cut(end, lone, lone.total + end - base))
        begin, before = end + 1, lone.total + end - base + 1
    return cuts


def _ends(ledger: Ledger, stream: Stream, numbers: Sequence[int], most: int) -> Iterator[tuple[int, _Knot]]:
    """Rows at which a pack may end, as far as they are there in a run: below `most` the row behind has to know of one total."""
    knots = _knots(ledger, stream, [*numbers, *(number + 1 for number in numbers if number < most)])
    for number in numbers:
        knot, behind = knots.get(number), knots.get(number + 1)
        if knot is None or (number < most and (behind is None or behind.total - behind.size != knot.total)):
            return
        yield number, knot


def _knots(ledger: Ledger, stream: Stream, numbers: Sequence[int]) -> Mapping[int, _Knot]:
    """What these rows say, as far as they are there and have sums."""
    marks = ",".join("?" * len(numbers))
    told = ledger.connection.execute(f"{SQL[stream].knots} ({marks})", numbers).fetchone()[0] or ""
    try:
        rows = [[int(word) for word in row.split()] for row in told.split(",") if row]
        return {row[0]: _Knot((row[0], row[1], row[2], row[3], row[4]), *row[5:]) for row in rows}
    except ValueError:
        return {}


def _joined(ledger: Ledger, stream: Stream, start: _Knot, cuts: Sequence[_Cut]) -> list[Pack]:
    """The packs of these cuts; none if a row among them is not plain, not there, or not what was committed."""
    if not cuts:
        return []
    first, end = start.beside[0], cuts[-1]
    rows, items = ledger.connection.execute(SQL[stream].pack, (first, end.last)).fetchone()
    if rows != end.last - first + 1 or len(items) != end.through_bytes:
        return []
    sums = ledger.sums[stream]
    if follow(sums.ends(start.beside, start.sums)[0], items) != sums.ends(end.knot.beside, end.knot.sums)[1]:
        return []
    packs, whole = [], memoryview(items)
    begin, at = first, 0
    for cut in cuts:
        packs.append(Pack(begin, cut.last, whole[at : cut.through_bytes]))
        begin, at = cut.last + 1, cut.through_bytes + 1
    return packs
