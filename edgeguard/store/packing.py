"""Rows that are kept as they leave, joined by SQLite itself: a backlog comes out without an object per row.

Runs on the desk's thread. All packs of one span are joined by one statement and then cut apart, so that Python's lock, which
whoever sends the packs before these often holds, has to be won back once only. Whatever is not plain (a time not trusted when it
was taken, numbers that thinning took out, a row too large, anything missing or contradictory) is left to `Ledger.read`, which
judges it.
"""

from dataclasses import dataclass

from edgeguard.core.item import Pack, PackSize, Stream
from edgeguard.store.ledger import Ledger
from edgeguard.store.sql import SQL


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
    sql, execute = SQL[stream], ledger.connection.execute
    edge = execute(sql.edge, (first,)).fetchone()
    if edge is None or not ledger.knows_run(edge[2]):
        return []
    base = int(edge[0] - edge[1]) + first
    cuts: list[_Cut] = []
    begin, before = first, 0
    while begin <= most and len(cuts) < packs:
        ends = [min(begin + size.max_items * (n + 1) - 1, most) for n in range(packs - len(cuts))]
        for end, total in _totals(ledger, stream, list(dict.fromkeys(ends))):
            if total + end - base - before > size.good_bytes:
                break
            cuts.append(_Cut(end, total + end - base))
            begin, before = end + 1, total + end - base + 1
        if begin > most or len(cuts) == packs:
            break
        bound = base + before + size.good_bytes
        end = int(execute(sql.fit, (begin, begin + size.max_items - 1, bound)).fetchone()[0] or begin)
        total = sum(total for _, total in _totals(ledger, stream, [end]))
        if not 0 < total + end - base - before <= size.max_bytes:
            break
        cuts.append(_Cut(end, total + end - base))
        begin, before = end + 1, total + end - base + 1
    return cuts


def _totals(ledger: Ledger, stream: Stream, numbers: list[int]) -> list[tuple[int, int]]:
    """Numbers with their running totals, in order, as far as these rows are there."""
    marks = ",".join("?" * len(numbers))
    found = ledger.connection.execute(f"{SQL[stream].totals} ({marks})", numbers).fetchone()[0]
    totals = [int(total) for total in found.split(",")] if found else []
    return list(zip(numbers, totals, strict=True)) if len(totals) == len(numbers) else []


def _joined(ledger: Ledger, stream: Stream, first: int, cuts: list[_Cut]) -> list[Pack]:
    """The packs of these cuts; none if a row among them is not plain, not there, or not what a consumer could read.

    SQLite looks whether it is JSON, without Python's lock; one bit that a disk has turned is no fault to it otherwise.
    """
    if not cuts:
        return []
    rows, items, told = ledger.connection.execute(SQL[stream].pack, (first, cuts[-1].last)).fetchone()
    if rows != cuts[-1].last - first + 1 or told != rows or len(items) != cuts[-1].through_bytes or not _is_text(items):
        return []
    packs, whole = [], memoryview(items)
    begin, at = first, 0
    for cut in cuts:
        packs.append(Pack(begin, cut.last, whole[at : cut.through_bytes]))
        begin, at = cut.last + 1, cut.through_bytes + 1
    return packs


def _is_text(items: bytes) -> bool:
    """UTF-8, at which SQLite does not look."""
    try:
        items.decode()
    except UnicodeDecodeError:
        return False
    return True
