"""Dead letters: items that the broker will never take under their number. They can be looked at, sent again, or dropped.

Their number is accounted for by a gap record; sent again they are new items with new numbers, at the end of their stream.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edgeguard.core.clock import Stamp
from edgeguard.core.item import Item, Stream
from edgeguard.store.ledger import Ledger
from edgeguard.store.trouble import SPOILT, interprets


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One item that was set aside: `id` names it here, `seq` was its number, `wall_ms` its time, `reason` the broker's."""

    id: int
    stream: Stream
    seq: int
    reason: str
    wall_ms: int
    body: bytes


@interprets("dead_letters")
def list_dead(ledger: Ledger, limit: int) -> tuple[DeadLetter, ...]:
    """The oldest `limit`, in the order in which they were set aside."""
    rows = ledger.connection.execute(
        "SELECT id, stream, seq, reason, wall_ms, body FROM dead_letters ORDER BY id LIMIT ?", (limit,)
    ).fetchall()
    return tuple(DeadLetter(n, Stream(stream), seq, reason, wall_ms, body) for n, stream, seq, reason, wall_ms, body in rows)


def retry_dead(ledger: Ledger, ids: Sequence[int], now: Stamp) -> int:
    """Make these (all, if none is named) new items in one transaction, in their order; how many there were.

    What the disk has changed stays where it is: as a new item it would be believed.
    """
    with ledger.transaction():
        letters = tuple(one for one in _chosen(ledger, ids) if one.reason != SPOILT)
        ledger.append([Item(one.stream, Stamp(one.wall_ms, now.boot_ms, now.boot, synced=True), one.body) for one in letters])
        _remove(ledger, letters)
    return len(letters)


def drop_dead(ledger: Ledger, ids: Sequence[int]) -> int:
    """Forget these (all, if none is named); how many there were. Their gap records stand."""
    with ledger.transaction():
        letters = _chosen(ledger, ids)
        _remove(ledger, letters)
    return len(letters)


def _chosen(ledger: Ledger, ids: Sequence[int]) -> tuple[DeadLetter, ...]:
    wanted = frozenset(ids)
    return tuple(one for one in list_dead(ledger, -1) if not wanted or one.id in wanted)


def _remove(ledger: Ledger, letters: Sequence[DeadLetter]) -> None:
    ledger.connection.executemany("DELETE FROM dead_letters WHERE id = ?", [(one.id,) for one in letters])
