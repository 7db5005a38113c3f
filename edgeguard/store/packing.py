"""Rows that are kept as they leave, joined by SQLite itself: a backlog comes out without an object per row.

Runs on the desk's thread. All packs of one span are joined by one statement, proven by one checksum and then cut apart, so that
Python's lock, which whoever sends the packs before these often holds, has to be won back once only for each. Whatever is not
plain (a time not trusted when it was taken, numbers that thinning took out, a row too large, one of an older edgeguard without
sums, anything missing, changed or contradictory) is left to `Ledger.read`, which judges it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from edgeguard.core.item import Pack, PackSize, Stream
from edgeguard.store.ledger import Ledger
from edgeguard.store.sql import SQL
from edgeguard.store.sums import follow


def pack(ledger: Ledger, stream: Stream, after: int, through: int | None, size: PackSize) -> tuple[Pack, ...] | None:
    """What `core.ports.Outbox.pack` promises."""
    state = ledger.streams[stream]
    packs: list[Pack] = []
    for first, last in state.holes(after + 1, through):
        cuts = _cuts(ledger, stream, first, last, size, size.packs - len(packs)) if first > state.thinned else []
        found = _joined(ledger, stream, first, cuts) or _joined(ledger, stream, first, cuts[:1])
        packs += found
        if not found or found[-1].last_seq < last:
            return tuple(packs) or None
        if len(packs) == size.packs:
            break
    return tuple(packs)


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where a pack ends: its last number, and the bytes from the span's first item through its last one, commas between them."""

    last: int
    through_bytes: int


def _cuts(ledger: Ledger, stream: Stream, first: int, most: int, size: PackSize, packs: int) -> list[_Cut]:
    """How rows from `first` on are to be cut; fewer cuts than packs asked for where a row fits none, or the rows end."""
    cuts: list[_Cut] = []
    begin, start = first, None
    while begin <= most and len(cuts) < packs:
        ends = [min(begin + size.max_items * (n + 1) - 1, most) for n in range(packs - len(cuts))]
        before, totals = _totals(ledger, stream, begin, list(dict.fromkeys(ends)), most)
        for end, total in totals:
            start = before if start is None else start
            if total - before + end - begin > size.good_bytes:
                break
            cuts.append(_Cut(end, total - start + end - first))
            begin, before = end + 1, total
        if begin > most or len(cuts) == packs:
            break
        bounds = (begin, begin + size.max_items - 1, before + begin + size.good_bytes)
        end = int(ledger.connection.execute(SQL[stream].fit, bounds).fetchone()[0] or begin)
        before, totals = _totals(ledger, stream, begin, [end], most)
        if not totals or not 0 < totals[0][1] - before + end - begin <= size.max_bytes:
            break
        start = before if start is None else start
        cuts.append(_Cut(end, totals[0][1] - start + end - first))
        begin = end + 1
    return cuts


def _totals(ledger: Ledger, stream: Stream, begin: int, ends: Sequence[int], most: int) -> tuple[int, list[tuple[int, int]]]:
    """The bytes of all items before `begin`; and ends with the bytes of all items through them, in order.

    None but the first if one of these rows is not there, and none from an end on whose total the row behind it does not confirm.
    """
    numbers = sorted({begin, *ends, *(end + 1 for end in ends if end < most)})
    marks = ",".join("?" * len(numbers))
    found = ledger.connection.execute(f"{SQL[stream].totals} ({marks})", numbers).fetchone()[0] or ""
    words = [int(word) for word in found.split(",") if word]
    if len(words) != 2 * len(numbers):
        return 0, []
    through = dict(zip(numbers, words[::2], strict=True))
    before = {number: through[number] - size for number, size in zip(numbers, words[1::2], strict=True)}
    sure = takewhile(lambda end: end == most or before[end + 1] == through[end], ends)
    return before[begin], [(end, through[end]) for end in sure]


def _joined(ledger: Ledger, stream: Stream, first: int, cuts: Sequence[_Cut]) -> list[Pack]:
    """The packs of these cuts; none if a row among them is not plain, not there, or not what was committed."""
    if not cuts:
        return []
    last, through_bytes = cuts[-1].last, cuts[-1].through_bytes
    items, *edges = ledger.connection.execute(SQL[stream].pack, (first, last)).fetchone()
    if items is None or len(items) != through_bytes or not _fit(ledger, stream, edges, items):
        return []
    packs, whole = [], memoryview(items)
    begin, at = first, 0
    for cut in cuts:
        packs.append(Pack(begin, cut.last, whole[at : cut.through_bytes]))
        begin, at = cut.last + 1, cut.through_bytes + 1
    return packs


def _fit(ledger: Ledger, stream: Stream, edges: Sequence[str | None], items: bytes) -> bool:
    """Whether the sums of the first and the last row confirm all that is joined from the one to the other."""
    sums = ledger.sums[stream]
    ends: list[tuple[int, int]] = []
    for edge in edges:
        try:
            seq, run, wall_ms, boot_ms, form, kept = map(int, (edge or "").split())
            ends.append(sums.ends((seq, run, wall_ms, boot_ms, form), kept))
        except ValueError:
            return False
        if not ledger.knows_run(run):
            return False
    return follow(ends[0][0], items) == ends[1][1]
