"""Caps of a full outbox: what goes first, and the gap records that tell of it. Runs inside the ledger's transactions.

The lowest class goes first, its oldest rows before its newest: telemetry, then hints and figures, then other events, alarms last.
A gap record that would go with the events around it is told again, joined with its neighbours, so that loss is never silent; what
telling it again will take is room that has to be made, too. Before records push out alarms, those that say what is `kept` become
whole ranges.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import orjson

from edgeguard.core.clock import Stamp
from edgeguard.core.intervals import Intervals, Span
from edgeguard.core.item import STREAMS, Item, OutboxRow, Stream
from edgeguard.core.limits import CAP_SLACK_PARTS, PRUNE_ROWS
from edgeguard.core.outbox_limits import ROW_BESIDE_BYTES, THIN_TOLD
from edgeguard.store.ledger import Ledger
from edgeguard.store.sql import SQL

LOWEST_FIRST: Final = tuple(reversed(STREAMS))
GAP_MARK: Final = b'{"type":"gap",'
"""How the bodies of gap records begin; the store alone writes events of this type."""
FIGURE_MARKS: Final = (b'{"type":"energy",', b'{"type":"hint",')
"""How the bodies of events begin that give way before all others."""

STORE_FULL: Final = "store-full"
TOO_OLD: Final = "too-old"
DISK_FULL: Final = "disk-full"
DAMAGED: Final = "damaged"
DEAD_LETTER: Final = "dead-letter"
THINNED: Final = "thinned"
RESTORED: Final = "restored"
REPLACED: Final = "replaced"
ERASED: Final = "erased"


@dataclass(frozen=True, slots=True)
class Caps:
    """Bytes of database pages in use (the write-ahead log comes on top), rows in all tables, age; None for an age means none."""

    max_bytes: int
    max_rows: int
    max_age_ms: int | None


@dataclass(frozen=True, slots=True)
class Gap:
    """A loss: numbers `first` to `last` of a stream, or `items` that never had numbers. `epoch` only if it was another one.

    `kept`: those of `first` to `last`, in order, that are not lost.
    """

    stream: Stream
    reason: str
    first: int | None = None
    last: int | None = None
    items: int | None = None
    epoch: str | None = None
    kept: tuple[int, ...] = ()

    @property
    def lost(self) -> int:
        """How many numbers of the range are lost; 0 where there is none."""
        return 0 if self.first is None or self.last is None else self.last - self.first + 1 - len(self.kept)

    def item(self, at: Stamp) -> Item:
        """`{"type":"gap","stream":…,"from":…,"to":…,"reason":…}`, with `items`, `epoch` and `kept` where there are any."""
        body: dict[str, object] = {
            "type": "gap",
            "stream": self.stream.value,
            "from": self.first,
            "to": self.last,
            "reason": self.reason,
        }
        if self.items is not None:
            body["items"] = self.items
        if self.epoch is not None:
            body["epoch"] = self.epoch
        if self.kept:
            body["kept"] = self.kept
        return Item(Stream.EVENTS, at, orjson.dumps(body))


def gap_of(body: bytes) -> Gap:
    """The gap that a record tells of."""
    told = orjson.loads(body)
    kept = tuple(told.get("kept", ()))
    return Gap(Stream(told["stream"]), told["reason"], told["from"], told["to"], told.get("items"), told.get("epoch"), kept)


def _told_by(row: OutboxRow) -> Gap | None:
    """What a gap record tells; None if the disk has changed it."""
    try:
        return gap_of(row.body) if row.sound else None
    except (ValueError, TypeError, KeyError):
        return None


def merged(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """The same losses in as few records as tell them fully: one with `kept` is needless where others tell its whole range."""
    spans: dict[tuple[Stream, str, str | None], Intervals] = {}
    counts: dict[tuple[Stream, str, str | None], int | None] = {}
    exact: dict[Gap, None] = {}
    for gap in gaps:
        key = gap.stream, gap.reason, gap.epoch
        if gap.kept:
            exact[gap] = None
        elif gap.first is not None and gap.last is not None:
            spans[key] = spans.get(key, Intervals()).add(gap.first, gap.last)
        elif gap.items is None:
            counts[key] = None
        elif (held := counts.get(key, 0)) is not None:
            counts[key] = held + gap.items
    numbered = [Gap(stream, reason, *span, epoch=epoch) for (stream, reason, epoch), held in spans.items() for span in held.spans]
    counted = [Gap(stream, reason, items=items, epoch=epoch) for (stream, reason, epoch), items in counts.items()]
    return (*(gap for gap in exact if not _covered(gap, spans)), *numbered, *counted)


def _covered(gap: Gap, spans: Mapping[tuple[Stream, str, str | None], Intervals]) -> bool:
    """Whether the whole range of a record with `kept` is lost by one of these."""
    if gap.first is None or gap.last is None:
        return False
    alike = (held for (stream, _, epoch), held in spans.items() if (stream, epoch) == (gap.stream, gap.epoch))
    return any(not list(held.holes(gap.first, gap.last)) for held in alike)


def prune(ledger: Ledger, at_least: int = 1) -> int:
    """Remove rows that nobody needs, in one big range, from the first stream that has `at_least` of them; gives how many."""
    for stream, state in ledger.streams.items():
        if state.removable >= max(at_least, 1):
            removed = min(state.removable, PRUNE_ROWS)
            ledger.remove_through(stream, state.first + removed - 1)
            return removed
    return 0


def filled(ledger: Ledger, caps: Caps, near: float = 0.0) -> float:
    """The fuller of the caps on rows and bytes as a part of 1. Where it is below `near` it may be a little less full than said."""
    rows = sum(state.rows for state in ledger.streams.values())
    at_most = ledger.pages.used_bytes_at_most() if near else caps.max_bytes
    used_bytes = at_most if at_most < near * caps.max_bytes else ledger.used_bytes()
    return max(rows / caps.max_rows, used_bytes / caps.max_bytes)


def enforce(ledger: Ledger, caps: Caps, now: Stamp) -> tuple[Gap, ...]:
    """Bring rows and bytes under their caps, with some room to spare; what is lost by it is told by new rows and by the result."""
    drops: list[_Drop] = []
    again: Span = (0, 0)
    whole = False
    for stream in LOWEST_FIRST:
        while (excess := _excess(ledger, caps, again)) != (0, 0):
            if prune(ledger):
                continue
            if stream is Stream.EVENTS and (figures := _drop_figures(ledger)) is not None:
                drops.append(figures)
            elif ledger.streams[stream].rows:
                drops.append(_drop(ledger, stream, _cut(ledger, stream, excess[0], excess[1] + again[1]), STORE_FULL))
            elif stream is Stream.EVENTS and not whole and _excess(ledger, caps, (0, 0)) == (0, 0):
                drops, whole = [_whole(drops)], True
                again = _told_again(drops, now)
                continue
            else:
                break
            if _excess(ledger, caps, again) == (0, 0):
                again = _told_again(drops, now)
    return _tell(ledger, drops, now)


def _whole(drops: Sequence["_Drop"]) -> "_Drop":
    """The same with whole ranges in the place of those with `kept`, which can be joined.

    What of these has come, or was on its way, is named as well, which harms nobody; what waits is not, since what is less than
    alarms has gone by then, and no record tells of alarms with `kept`.
    """
    carried = tuple(replace(gap, kept=()) for drop in drops for gap in drop.carried)
    return _Drop(tuple(gap for drop in drops for gap in drop.lost), carried)


def _told_again(drops: Sequence["_Drop"], now: Stamp) -> Span:
    """Rows and bytes of the records that were dropped among events and have to be told again; 0 where there are none."""
    if not any(drop.carried for drop in drops):
        return 0, 0
    records = _records(drops, now)
    return len(records), sum(2 * len(record.body) + ROW_BESIDE_BYTES for record in records)


def expire(ledger: Ledger, caps: Caps, now: Stamp) -> tuple[Gap, ...]:
    """Drop what is older than the cap on age; told as `enforce` tells."""
    if caps.max_age_ms is None:
        return ()
    drops: list[_Drop] = []
    for stream in LOWEST_FIRST:
        state = ledger.streams[stream]
        young = _first_where_younger(ledger, stream, now, caps.max_age_ms, state.first)
        if young > state.floor + 1:
            drops.append(_drop(ledger, stream, young - 1, TOO_OLD))
    return _tell(ledger, drops, now)


def first_younger(ledger: Ledger, stream: Stream, age_ms: int, now: Stamp) -> int:
    """What `core.ports.Outbox.first_younger` promises: by boot time, so that rows of other boots are never young."""
    state = ledger.streams[stream]
    low, high = state.floor + 1, state.last + 1
    while low < high:
        middle = (low + high) // 2
        at = ledger.row(stream, middle).at
        if at.boot == now.boot and now.boot_ms - at.boot_ms < age_ms:
            high = middle
        else:
            low = middle + 1
    return next((first for first, _ in state.holes(low)), state.last + 1)


def age_ms(at: Stamp, now: Stamp) -> int:
    """How old a row is at least: by boot time in this boot; for an earlier boot by wall time if both clocks were trusted.

    Without trust an earlier boot is at least as old as this one.
    """
    if at.boot == now.boot:
        return now.boot_ms - at.boot_ms
    by_wall = now.wall_ms - at.wall_ms if at.synced and now.synced else 0
    return max(by_wall, now.boot_ms)


def _first_where_younger(ledger: Ledger, stream: Stream, now: Stamp, limit_ms: int, low: int) -> int:
    """The first seq from `low` on that is not older than the limit, by halving: rows lie in the order of their time."""
    high = ledger.streams[stream].last + 1
    while low < high:
        middle = (low + high) // 2
        if age_ms(ledger.row(stream, middle).at, now) <= limit_ms:
            high = middle
        else:
            low = middle + 1
    return low


def _excess(ledger: Ledger, caps: Caps, again: Span) -> Span:
    """Rows and bytes above the caps less their spare part, `again` (rows, bytes) being still to come."""
    max_rows = caps.max_rows - caps.max_rows // CAP_SLACK_PARTS
    max_bytes = caps.max_bytes - caps.max_bytes // CAP_SLACK_PARTS
    rows = sum(state.rows for state in ledger.streams.values())
    return max(rows + again[0] - max_rows, 0), max(ledger.used_bytes() + again[1] - max_bytes, 0)


def _cut(ledger: Ledger, stream: Stream, rows: int, size: int) -> int:
    """The last number to drop so that so many rows and bytes go; at least one row goes."""
    state = ledger.streams[stream]
    by_rows = min(state.first + max(rows, 1) - 1, state.last)
    if not size:
        return by_rows
    upto = min(state.last, state.first + PRUNE_ROWS - 1)
    total, length = ledger.total_through(stream, state.first)
    found = ledger.connection.execute(SQL[stream].beyond, (state.first, upto, total - length + size)).fetchone()
    return max(by_rows, found[0] if found else upto)


@dataclass(frozen=True, slots=True)
class _Drop:
    """What went: rows still to be delivered, and gap records among them, whose news must not go with them."""

    lost: tuple[Gap, ...]
    carried: tuple[Gap, ...]


def _drop(ledger: Ledger, stream: Stream, last: int, reason: str) -> _Drop:
    """Remove the rows through `last`."""
    drop = _seize(ledger, stream, 1, last, reason)
    ledger.remove_through(stream, last)
    return drop


def _seize(ledger: Ledger, stream: Stream, first: int, last: int, reason: str) -> _Drop:
    """What will go with these rows."""
    holes = tuple(ledger.streams[stream].holes(first, last))
    carried: list[Gap] = []
    if stream is Stream.EVENTS:
        for hole in holes:
            carried += [gap for row in ledger.beginning_with(GAP_MARK, stream, *hole) if (gap := _told_by(row)) is not None]
    return _Drop(tuple(Gap(stream, reason, *hole) for hole in holes), tuple(carried))


def _drop_figures(ledger: Ledger) -> _Drop | None:
    """Take hints and figures out of the oldest events that were not looked through yet; None if there are no such events."""
    state = ledger.streams[Stream.EVENTS]
    first = max(state.thinned + 1, state.floor + 1)
    last = min(first + PRUNE_ROWS - 1, state.last)
    if first > last:
        return None
    starts = " OR ".join(["substr(body, 1, ?) = ?"] * len(FIGURE_MARKS))
    marks = [part for mark in FIGURE_MARKS for part in (len(mark), mark)]
    sql = f"SELECT seq FROM events WHERE seq > ? AND seq < ? AND ({starts})"  # noqa: S608 - our own words
    figures = {int(seq) for (seq,) in ledger.connection.execute(sql, (first, last, *marks)) if any(state.holes(seq, seq))}
    keep = [seq for seq in range(first, last + 1) if seq not in figures]
    ledger.thin(Stream.EVENTS, keep)
    return _Drop(gaps_between(Stream.EVENTS, STORE_FULL, keep), ())


def gaps_between(stream: Stream, reason: str, keep: Sequence[int]) -> tuple[Gap, ...]:
    """Records of the numbers that lie between these, each with so many of these as an item can hold; none for what has no holes."""
    parts = [tuple(keep[at : at + THIN_TOLD + 1]) for at in range(0, max(len(keep) - 1, 0), THIN_TOLD)]
    gaps = [Gap(stream, reason, part[0], part[-1], kept=part) for part in parts]
    return tuple(gap for gap in gaps if gap.lost)


def park(ledger: Ledger, stream: Stream, first: int, last: int, reason: str, now: Stamp) -> int:
    """Move what is still to be delivered of a range to the dead letters, and tell the consumer why these numbers are missing.

    Gives the number of rows. If all of them are gap records nothing is told: who refuses these would refuse the next ones too,
    and each would breed two.
    """
    drop = _seize(ledger, stream, first, last, DEAD_LETTER)
    parked = ledger.park(stream, first, last, reason)
    if parked > len(drop.carried):
        _tell(ledger, (drop,), now)
    return parked


def _tell(ledger: Ledger, drops: Sequence[_Drop], now: Stamp) -> tuple[Gap, ...]:
    ledger.append(_records(drops, now))
    return tuple(gap for drop in drops for gap in drop.lost)


def _records(drops: Sequence[_Drop], now: Stamp) -> list[Item]:
    """What has gone, and what the records among it told."""
    carried = tuple(gap for drop in drops for gap in drop.carried)
    lost = tuple(gap for drop in drops for gap in drop.lost)
    return [gap.item(now) for gap in merged((*carried, *lost))]
