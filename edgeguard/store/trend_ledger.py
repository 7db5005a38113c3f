"""What is done with an open history: blocks come in, hours and days are aggregated, what is too much goes. Plain SQL, no loop.

Runs on one thread. Everything that belongs together is one transaction, so that a kill at any moment leaves blocks that are
either aggregated or still due to be.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import orjson

from edgeguard.core.history_limits import TREND_DROP_PARTS, TREND_DROP_ROWS, TREND_GRACE_MS
from edgeguard.core.ids import BootId, DeviceName
from edgeguard.core.point import Outcome
from edgeguard.core.site import HistorySpec
from edgeguard.core.trend import Aggregate, TrendPoint
from edgeguard.rules.aggregate import NOTHING, aggregate, merge
from edgeguard.store.trend_block import decode_aggregates, decode_rounds, encode_aggregates

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
MINUTES: Final = 1
HOURS: Final = 2
_SPAN_MS: Final = {MINUTES: HOUR_MS, HOURS: DAY_MS}.__getitem__
"""What one row of aggregates spans, by its grain."""

Columns = list[list[Aggregate | None]]


@dataclass(frozen=True, slots=True)
class Block:
    """Packed rounds of one device, by the wall clock from `from_ms` to `to_ms`; `boot_ms` is the first round's."""

    device: DeviceName
    points: tuple[TrendPoint, ...]
    from_ms: int
    to_ms: int
    boot: BootId
    boot_ms: int
    synced: bool
    body: bytes


@dataclass(frozen=True, slots=True)
class Due:
    """A stretch that waits for its aggregation."""

    grain: int
    from_ms: int
    layout: int


class TrendLedger:
    """Holds the connection; knows the numbers of layouts and boots that it has seen."""

    def __init__(self, connection: sqlite3.Connection, spec: HistorySpec) -> None:
        self.connection = connection
        self.spec = spec
        self._layouts: dict[tuple[DeviceName, tuple[TrendPoint, ...]], int] = {}
        self._boots: dict[BootId, int] = {}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._layouts.clear()
            self._boots.clear()
            if self.connection.in_transaction:
                self.connection.rollback()
            raise
        self.connection.commit()

    def save(self, blocks: Sequence[Block], offsets: Sequence[tuple[BootId, int]]) -> None:
        """Blocks, and what has become known of the clocks of boots: one transaction."""
        with self.transaction():
            for block in blocks:
                layout, boot = self._layout(block), self._boot(block.boot)
                if self._has(block, layout, boot):
                    continue
                row = (layout, block.from_ms, block.to_ms, boot, block.boot_ms, int(block.synced), block.body)
                self.connection.execute("INSERT INTO raw VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", row)
                if block.synced:
                    self._is_due(MINUTES, layout, block.from_ms, block.to_ms)
            for name, offset_ms in offsets:
                self._place(self._boot(name), offset_ms)

    def next_due(self, now_ms: int) -> Due | None:
        """The oldest stretch that is over and whose rounds have been written."""
        for grain in (MINUTES, HOURS):
            until = now_ms - TREND_GRACE_MS - _SPAN_MS(grain)
            found = self.connection.execute(
                "SELECT grain, from_ms, layout FROM due WHERE grain = ? AND from_ms <= ? ORDER BY from_ms LIMIT 1", (grain, until)
            ).fetchone()
            if found is not None:
                return Due(*found)
        return None

    def compact(self, due: Due) -> None:
        """Aggregate one stretch anew from what is there of it; minutes whose rounds have gone stay as they are."""
        with self.transaction():
            columns = self._minutes(due) if due.grain == MINUTES else self._hours(due)
            if columns:
                row = (due.grain, due.from_ms, due.layout, encode_aggregates(columns))
                self.connection.execute("INSERT OR REPLACE INTO aggregates VALUES (NULL, ?, ?, ?, ?)", row)
                if due.grain == MINUTES:
                    self._is_due(HOURS, due.layout, due.from_ms, due.from_ms)
            self.connection.execute(
                "DELETE FROM due WHERE grain = ? AND from_ms = ? AND layout = ?", (due.grain, due.from_ms, due.layout)
            )

    def used_bytes(self) -> int:
        """Bytes of pages in use."""
        pages, free, size = (
            self.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    def enforce(self, now_ms: int | None) -> int:
        """Drop what is too old (None: nobody knows), then what is too much: rounds, then minutes, then hours. Rows that went."""
        spec, gone = self.spec, 0
        with self.transaction():
            if now_ms is not None:
                gone += self._expire(now_ms)
            for table, where, values in (("raw", "1", ()), ("aggregates", "grain = ?", (MINUTES,)), ("aggregates", "1", ())):
                while self.used_bytes() > spec.max_bytes and (dropped := self._drop(table, where, values, "id")):
                    gone += dropped
        return gone

    def _expire(self, now_ms: int) -> int:
        spec = self.spec
        waiting = self.connection.execute("SELECT min(from_ms) FROM due WHERE grain = ?", (MINUTES,)).fetchone()[0]
        too_old = now_ms - spec.raw_ms
        gone = self._drop("raw", "to_ms < ? AND synced", (too_old if waiting is None else min(too_old, waiting),), "from_ms")
        gone += self._drop("aggregates", "grain = ? AND from_ms < ?", (MINUTES, now_ms - spec.minutes_ms), "from_ms")
        return gone + self._drop("aggregates", "grain = ? AND from_ms < ?", (HOURS, now_ms - spec.hours_ms), "from_ms")

    def _drop(self, table: str, where: str, values: tuple[int, ...], order: str) -> int:
        first, last = self.connection.execute(f"SELECT min(id), max(id) FROM {table}").fetchone()  # noqa: S608
        most = TREND_DROP_ROWS if first is None else min(max((last - first) // TREND_DROP_PARTS, 1), TREND_DROP_ROWS)
        chosen = f"SELECT id FROM {table} WHERE {where} ORDER BY {order} LIMIT ?"  # noqa: S608 (literals of this module)
        return self.connection.execute(f"DELETE FROM {table} WHERE id IN ({chosen})", (*values, most)).rowcount  # noqa: S608

    def _has(self, block: Block, layout: int, boot: int) -> bool:
        """Whether a block has been saved already: who was cancelled while waiting for that hands it in again."""
        found = self.connection.execute(
            "SELECT 1 FROM raw WHERE from_ms = ? AND layout = ? AND boot = ? AND boot_ms = ?",
            (block.from_ms, layout, boot, block.boot_ms),
        )
        return found.fetchone() is not None

    def _layout(self, block: Block) -> int:
        key = (block.device, block.points)
        number = self._layouts.get(key)
        if number is None:
            body = orjson.dumps([[point.name, point.kind.value, point.unit] for point in block.points])
            self.connection.execute("INSERT OR IGNORE INTO layouts VALUES (NULL, ?, ?)", (block.device, body))
            found = self.connection.execute(
                "SELECT id FROM layouts WHERE device = ? AND points = ?", (block.device, body)
            ).fetchone()
            number = self._layouts[key] = int(found[0])
        return number

    def _boot(self, name: BootId) -> int:
        number = self._boots.get(name)
        if number is None:
            self.connection.execute("INSERT OR IGNORE INTO boots VALUES (NULL, ?, NULL)", (name,))
            number = self._boots[name] = int(self.connection.execute("SELECT id FROM boots WHERE name = ?", (name,)).fetchone()[0])
        return number

    def _place(self, boot: int, offset_ms: int) -> None:
        """The clock of a boot is known: its rounds from before get their true time, and are due to be aggregated."""
        self.connection.execute("UPDATE boots SET offset_ms = ? WHERE id = ?", (offset_ms, boot))
        rows = self.connection.execute(
            "SELECT id, layout, boot_ms, to_ms - from_ms FROM raw WHERE boot = ? AND synced = 0", (boot,)
        ).fetchall()
        for number, layout, boot_ms, span_ms in rows:
            from_ms = boot_ms + offset_ms
            self.connection.execute(
                "UPDATE raw SET from_ms = ?, to_ms = ?, synced = 1 WHERE id = ?", (from_ms, from_ms + span_ms, number)
            )
            self._is_due(MINUTES, layout, from_ms, from_ms + span_ms)

    def _is_due(self, grain: int, layout: int, from_ms: int, to_ms: int) -> None:
        span = _SPAN_MS(grain)
        for start in range(from_ms // span * span, to_ms + 1, span):
            self.connection.execute("INSERT OR IGNORE INTO due VALUES (?, ?, ?)", (grain, start, layout))

    def _minutes(self, due: Due) -> Columns:
        until = due.from_ms + HOUR_MS
        rows = self.connection.execute(
            "SELECT from_ms, body FROM raw WHERE from_ms > ? AND from_ms < ? AND to_ms >= ? AND layout = ? AND synced"
            " ORDER BY from_ms",
            (due.from_ms - HOUR_MS, until, due.from_ms, due.layout),
        )
        gathered: list[list[list[Outcome]]] = []
        for from_ms, body in rows:
            try:
                times, columns = decode_rounds(body)
            except ValueError:
                continue  # a damaged block is a gap, and its row is shown as one wherever it is read
            if not gathered:
                gathered = [[[] for _ in range(60)] for _ in columns]
            _sort_in(gathered, columns, [(from_ms + time - times[0] - due.from_ms) // MINUTE_MS for time in times])
        fresh: Columns = [[aggregate(cells) if cells else None for cells in minutes] for minutes in gathered]
        floor = self.connection.execute("SELECT min(from_ms) FROM raw WHERE synced").fetchone()[0]
        return self._kept(due, fresh, MINUTE_MS, until if floor is None else floor)

    def _hours(self, due: Due) -> Columns:
        fresh: Columns = []
        rows = self.connection.execute(
            "SELECT from_ms, body FROM aggregates WHERE grain = ? AND from_ms >= ? AND from_ms < ? AND layout = ? ORDER BY from_ms",
            (MINUTES, due.from_ms, due.from_ms + DAY_MS, due.layout),
        )
        floor = None
        for from_ms, body in rows:
            floor = from_ms if floor is None else floor
            try:
                columns = decode_aggregates(body)
            except ValueError:
                continue
            if not fresh:
                fresh = [[None] * 24 for _ in columns]
            for column, minutes in zip(fresh, columns, strict=True):
                merged = merge(minute for minute in minutes if minute is not None)
                column[(from_ms - due.from_ms) // HOUR_MS] = None if merged == NOTHING else merged
        return self._kept(due, fresh, HOUR_MS, due.from_ms + DAY_MS if floor is None else floor)

    def _kept(self, due: Due, fresh: Columns, width_ms: int, floor_ms: int) -> Columns:
        """With what was aggregated before of stretches whose sources have gone."""
        found = self.connection.execute(
            "SELECT body FROM aggregates WHERE grain = ? AND from_ms = ? AND layout = ?", (due.grain, due.from_ms, due.layout)
        ).fetchone()
        if found is None:
            return fresh
        try:
            before = decode_aggregates(found[0])
        except ValueError:
            return fresh
        if not fresh:
            return before
        first = (floor_ms - due.from_ms) // width_ms
        return [
            [
                old if old is not None and (new is None or i < first) else new
                for i, (old, new) in enumerate(zip(olds, news, strict=True))
            ]
            for olds, news in zip(before, fresh, strict=True)
        ]


def _sort_in(gathered: list[list[list[Outcome]]], columns: Sequence[Sequence[Outcome]], minutes: Sequence[int]) -> None:
    """Each round's outcomes to its minute; rounds of other hours are left out. A block is mostly of one minute or two."""
    start = 0
    while start < len(minutes):
        end = start + 1
        while end < len(minutes) and minutes[end] == minutes[start]:
            end += 1
        if 0 <= minutes[start] < 60:
            for minute_of, column in zip(gathered, columns, strict=True):
                minute_of[minutes[start]].extend(column[start:end])
        start = end
