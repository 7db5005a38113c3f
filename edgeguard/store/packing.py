"""Rows that are kept as they leave, joined to messages by SQLite itself: a backlog comes out without an object per row.

Runs on the desk's thread; Python's lock is free while SQLite joins. Whatever is not plain (a time not trusted when it was taken,
numbers that thinning took out, a row too large, anything missing or contradictory) is left to `Ledger.read`, which judges it.
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
        whole = first > state.thinned and _span(ledger, stream, first, last, size, packs)
        if not whole:
            return tuple(packs) or None
        if len(packs) == size.packs:
            break
    return tuple(packs)


def _span(ledger: Ledger, stream: Stream, first: int, last: int, size: PackSize, packs: list[Pack]) -> bool:
    """Add packs of these rows until there are enough; False if one of them has to be read."""
    edge = ledger.connection.execute(SQL[stream].edge, (first,)).fetchone()
    if edge is None:
        return False
    at, before = first, int(edge[0] - edge[1])
    while at <= last and len(packs) < size.packs:
        found = _one(ledger, stream, at, last, before, size)
        if found is None:
            return False
        packs.append(found.pack)
        at, before = found.pack.last_seq + 1, found.total
    return True


@dataclass(frozen=True, slots=True)
class _Found:
    """A pack, and the running total through its last row."""

    pack: Pack
    total: int


def _one(ledger: Ledger, stream: Stream, first: int, most: int, before: int, size: PackSize) -> _Found | None:
    """The pack that begins with `first`; `before` is the running total before it."""
    sql, execute = SQL[stream], ledger.connection.execute
    last = min(first + size.max_items - 1, most)
    edge = execute(sql.edge, (last,)).fetchone()
    if edge is not None and edge[0] - before + last - first > size.good_bytes:
        fitting = execute(sql.fit, (first, last, before + first + size.good_bytes)).fetchone()[0]
        last = first if fitting is None else int(fitting)
        edge = execute(sql.edge, (last,)).fetchone()
    if edge is None or not ledger.knows_run(edge[2]):
        return None
    expected_bytes = edge[0] - before + last - first
    if expected_bytes > size.max_bytes:
        return None
    rows, items = execute(sql.pack, (first, last)).fetchone()
    if rows != last - first + 1 or len(items) != expected_bytes:
        return None
    return _Found(Pack(first, last, items), int(edge[0]))
