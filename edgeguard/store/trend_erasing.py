"""Erasing a text from the history. Its blocks are packed, so that no look at the file's bytes would find it: they are unpacked.

A text that a point has shown becomes a gap; all else of its round stays. Plain SQL on the ledger's thread, a slice at a time.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import orjson

from edgeguard.core.outbox_limits import ERASE_SLICE_BLOCKS
from edgeguard.core.point import Kind, Outcome
from edgeguard.core.quality import Fault, Reason
from edgeguard.store.traces import holds
from edgeguard.store.trend_block import decode_aggregates, decode_rounds, encode_aggregates, encode_rounds
from edgeguard.store.trend_ledger import TrendLedger

TABLES: Final = ("raw", "aggregates")
_GAP: Final = Fault(Reason.NOT_DUE)


def erase_slice(ledger: TrendLedger, table: str, after: int, needles: Sequence[bytes]) -> tuple[int, int | None]:
    """Blocks of a slice of a table that held one of the texts and do no more; where the next slice begins, None at the end."""
    texts = _with_texts(ledger)
    sql = f"SELECT id, layout, body FROM {table} WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608 (one of TABLES)
    rows = ledger.connection.execute(sql, (after, ERASE_SLICE_BLOCKS)).fetchall()
    changed = []
    for number, layout, body in rows:
        if layout in texts:
            without = _rounds_without(body, needles) if table == "raw" else _aggregates_without(body, needles)
            if without is not None:
                changed.append((without, number))
    if changed:
        with ledger.transaction():
            ledger.connection.executemany(f"UPDATE {table} SET body = ? WHERE id = ?", changed)  # noqa: S608
    return len(changed), rows[-1][0] if rows else None


def rebuild(ledger: TrendLedger) -> None:
    """Write the whole file anew: what was in pages that are free now is in no page any more."""
    ledger.connection.execute("VACUUM")


def cut_log(ledger: TrendLedger) -> bool:
    """Bring everything into the file and empty the -wal; False if a reader was in the way."""
    return not ledger.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]


def _with_texts(ledger: TrendLedger) -> set[int]:
    rows = ledger.connection.execute("SELECT id, points FROM layouts")
    return {number for number, points in rows if any(kind == Kind.TEXT.value for _, kind, _ in orjson.loads(points))}


def _rounds_without(body: bytes, needles: Sequence[bytes]) -> bytes | None:
    """The block without the texts; None if it holds none, or is damaged and tells nobody anything."""
    try:
        times, columns = decode_rounds(body)
    except ValueError:
        return None
    kept = [tuple(_GAP if _is_wanted(cell, needles) else cell for cell in column) for column in columns]
    return None if kept == columns else encode_rounds(times, list(zip(*kept, strict=True)))


def _aggregates_without(body: bytes, needles: Sequence[bytes]) -> bytes | None:
    try:
        columns = decode_aggregates(body)
    except ValueError:
        return None
    kept = [
        [replace(one, last=None) if one is not None and _is_wanted(one.last, needles) else one for one in column]
        for column in columns
    ]
    return None if kept == columns else encode_aggregates(kept)


def _is_wanted(cell: Outcome | None, needles: Sequence[bytes]) -> bool:
    return isinstance(cell, str) and holds(cell.encode(), needles)
