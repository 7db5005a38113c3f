"""Dead letters: items that the broker will never take under their number. They can be looked at, sent again, or dropped.

Their number is accounted for by a gap record; sent again they are new items with new numbers, at the end of their stream.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId
from edgeguard.core.item import Item, Stream
from edgeguard.store.audit_chain import audit_body, deed
from edgeguard.store.ledger import Ledger
from edgeguard.store.trouble import SPOILT, interprets


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One item that was set aside: `id` names it here, `seq` was its number, `wall_ms` its time, `reason` the broker's.

    `boot` and `boot_ms`: the same time by the clock of its boot, where `wall_ms` was not trusted and is not known since; else None.
    """

    id: int
    stream: Stream
    seq: int
    reason: str
    wall_ms: int
    body: bytes
    boot: BootId | None = None
    boot_ms: int = 0


@interprets("dead_letters")
def list_dead(ledger: Ledger, limit: int) -> tuple[DeadLetter, ...]:
    """The oldest `limit`, in the order in which they were set aside."""
    rows = ledger.connection.execute(
        "SELECT id, stream, seq, reason, wall_ms, body, iif(synced, NULL, boot), boot_ms,"
        " (SELECT max(offset_ms) FROM boots WHERE name = boot) FROM dead_letters ORDER BY id LIMIT ?",
        (limit,),
    ).fetchall()
    return tuple(_letter(*row) for row in rows)


def _letter(
    n: int, stream: str, seq: int, reason: str, wall_ms: int, body: bytes, boot: str | None, boot_ms: int, offset_ms: int | None
) -> DeadLetter:
    """With its true time, if that has become known since it was set aside."""
    if boot is None or offset_ms is not None:
        true_ms = wall_ms if boot is None or offset_ms is None else boot_ms + offset_ms
        return DeadLetter(n, Stream(stream), seq, reason, true_ms, body)
    return DeadLetter(n, Stream(stream), seq, reason, wall_ms, body, BootId(boot), boot_ms)


def retry_dead(ledger: Ledger, ids: Sequence[int], now: Stamp, by: str) -> int:
    """Make these (all, if none is named) new items in one transaction, in their order; how many there were. On record by `by`.

    What the disk has changed stays where it is: as a new item it would be believed.
    """
    with ledger.transaction():
        letters = tuple(one for one in _chosen(ledger, ids) if one.reason != SPOILT)
        ledger.append([Item(one.stream, _time(one, now), one.body) for one in letters])
        _remove(ledger, letters)
        _record(ledger, "outbox.retry", len(letters), now, by)
    return len(letters)


def drop_dead(ledger: Ledger, ids: Sequence[int], now: Stamp, by: str) -> int:
    """Forget these (all, if none is named); how many there were. Their gap records stand. On record by `by`."""
    with ledger.transaction():
        letters = _chosen(ledger, ids)
        _remove(ledger, letters)
        _record(ledger, "outbox.drop", len(letters), now, by)
    return len(letters)


def _time(one: DeadLetter, now: Stamp) -> Stamp:
    """As this boot would have said it; a time that was never trusted stays its own boot's."""
    if one.boot is None:
        return Stamp(one.wall_ms, now.boot_ms, now.boot, synced=True)
    return Stamp(one.wall_ms, one.boot_ms, one.boot, synced=False)


def _record(ledger: Ledger, name: str, count: int, now: Stamp, by: str) -> None:
    """What was done, in the same transaction: an event for the platform, a row of the audit log."""
    told = deed(name, "dead-letters", count, by)
    ledger.append([Item(Stream.EVENTS, now, told)])
    ledger.audit.append([audit_body(now, told)])


def _chosen(ledger: Ledger, ids: Sequence[int]) -> tuple[DeadLetter, ...]:
    wanted = frozenset(ids)
    return tuple(one for one in list_dead(ledger, -1) if not wanted or one.id in wanted)


def _remove(ledger: Ledger, letters: Sequence[DeadLetter]) -> None:
    ledger.connection.executemany("DELETE FROM dead_letters WHERE id = ?", [(one.id,) for one in letters])
