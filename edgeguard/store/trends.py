"""The local history as the house sees it: rounds are handed over at no cost, packed and written together once a minute.

Nothing waits for it and nothing depends on it: while its disk refuses, rounds are kept as long as there is room, then dropped
and counted; a damaged file is set aside. What must never be lost goes through the outbox, not through here.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

import structlog

from edgeguard.core.clock import AgeClock, Clock
from edgeguard.core.errors import StoreError
from edgeguard.core.health import Health, HealthSink
from edgeguard.core.history_limits import (
    TREND_BLOCK_ROUNDS,
    TREND_BLOCK_SPAN_MS,
    TREND_BUFFER_VALUES,
    TREND_CHUNK_VALUES,
    TREND_CLOCK_SLACK_MS,
    TREND_CLOSE_S,
    TREND_COMPACT_AT_ONCE,
    TREND_PENDING_BYTES,
    TREND_RETRY_S,
)
from edgeguard.core.ids import BootId, DeviceName
from edgeguard.core.outbox_limits import ERASE_PAUSE_S, ERASE_TRIES
from edgeguard.core.point import Labels, Point
from edgeguard.core.site import HistorySpec
from edgeguard.core.snapshot import Snapshot
from edgeguard.core.trend import TrendPoint
from edgeguard.store import trend_erasing
from edgeguard.store.damage import Connect, connect
from edgeguard.store.desk import Desk
from edgeguard.store.traces import spellings
from edgeguard.store.trend_block import Row, encode_rounds
from edgeguard.store.trend_file import DATABASE, clear_quarantine, open_trends, set_aside
from edgeguard.store.trend_ledger import Block, Due, TrendLedger
from edgeguard.store.trouble import Trouble, sentence_of, trouble_of

_P = ParamSpec("_P")
_R = TypeVar("_R")
_log = structlog.get_logger()

_LOST: Final = Labels(zh="历史数据库损坏:已隔离并重建", en="the history was damaged: set aside and begun anew")
_REFUSED: Final = Labels(zh="历史数据无法写入:采集与上报不受影响", en="the history cannot be written; polling and reporting go on")
_WELL: Final = Labels(zh="历史数据已恢复写入", en="the history is written again")


@dataclass(slots=True)
class _Rounds:
    """Rounds of one device that can become one block: same points, same boot, a wall clock that has not been set between."""

    points: tuple[Point, ...]
    boot: BootId
    offset_ms: int
    synced: bool
    times_ms: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    @property
    def values(self) -> int:
        """Readings in it."""
        return len(self.rows) * len(self.points)


@dataclass(frozen=True, slots=True)
class TrendFigures:
    """What the history has done since the start: rounds taken, blocks and bytes written, rounds that had to be dropped."""

    rounds: int
    blocks: int
    bytes: int
    dropped_rounds: int
    trouble: str | None


class TrendStore:
    """One history file beside the outbox, in the same directory and under the same lock. `take` and `run` on the loop."""

    def __init__(
        self, directory: Path, spec: HistorySpec, clock: Clock, health: HealthSink, open_connection: Connect = connect
    ) -> None:
        self.spec = spec
        self._directory = directory
        self._clock = clock
        self._health = health
        self._open_connection = open_connection
        self._filling: dict[DeviceName, _Rounds] = {}
        self._full: deque[tuple[DeviceName, _Rounds]] = deque()
        self._packed: deque[tuple[Block, int]] = deque()
        self._offsets: list[tuple[BootId, int]] = []
        self._values = self._full_values = 0
        self._known: dict[DeviceName, tuple[tuple[Point, ...], tuple[TrendPoint, ...]]] = {}
        self._desk: Desk | None = None
        self._ledger: TrendLedger | None = None
        self._trouble: Trouble | None = None
        self._opening: asyncio.Task[None] | None = None
        self._damage: str | None = None
        self._wake = asyncio.Event()
        self._rounds = self._blocks = self._bytes = self._dropped = 0
        self._turn = asyncio.Lock()
        self._ages = AgeClock()

    @property
    def figures(self) -> TrendFigures:
        """Counters since the start."""
        return TrendFigures(self._rounds, self._blocks, self._bytes, self._dropped, self._trouble.value if self._trouble else None)

    def take(self, snapshot: Snapshot) -> None:
        """Remember a round; costs two appends."""
        if not self.spec.enabled or not snapshot.points:
            return
        at, filling = snapshot.at, self._filling.get(snapshot.device)
        offset_ms = at.wall_ms - at.boot_ms
        if (
            filling is None
            or filling.points is not snapshot.points
            or filling.boot != at.boot
            or filling.synced is not at.synced
            or at.boot_ms - filling.times_ms[0] > TREND_BLOCK_SPAN_MS
            or abs(offset_ms - filling.offset_ms) > TREND_CLOCK_SLACK_MS
        ):
            if filling is not None:
                self._fill_up(snapshot.device, filling)
            filling = self._filling[snapshot.device] = _Rounds(snapshot.points, at.boot, offset_ms, at.synced)
        filling.times_ms.append(at.boot_ms)
        filling.rows.append(snapshot.outcomes)
        self._rounds += 1
        self._values += len(snapshot.points)
        if filling.values >= TREND_CHUNK_VALUES or len(filling.rows) >= TREND_BLOCK_ROUNDS or self._values > TREND_BUFFER_VALUES:
            self._set_down()

    def set_boot_offset(self, boot: BootId, wall_minus_boot_ms: int) -> None:
        """The clock is set: rounds of this boot taken before get their true time with the next writing."""
        if self.spec.enabled:
            self._offsets.append((boot, wall_minus_boot_ms))

    async def become(self, spec: HistorySpec) -> None:
        """Go on under other bounds; what a history that is switched off has not written yet is written."""
        self.spec, before = spec, self.spec
        if before.enabled and not spec.enabled:
            with suppress(StoreError):
                await self.flush()
        async with self._turn:
            if self._ledger is not None:
                self._ledger.spec = spec

    async def run(self) -> None:
        """Write once in a while until cancelled. The disk's trouble is told once and tried again; a bug is the supervisor's."""
        next_s = asyncio.get_running_loop().time() + self.spec.flush_ms / 1000
        while True:
            pause_s = next_s - asyncio.get_running_loop().time()
            with suppress(TimeoutError):
                async with asyncio.timeout(max(pause_s, 0.0)):
                    await self._wake.wait()
            self._wake.clear()
            await self._pack()
            if asyncio.get_running_loop().time() < next_s:
                continue
            pause_ms = self.spec.flush_ms
            try:
                await self.flush()
                await self._keep_small()
            except StoreError:
                pause_ms = max(pause_ms, int(TREND_RETRY_S * 1000))
            next_s = asyncio.get_running_loop().time() + pause_ms / 1000

    async def flush(self) -> None:
        """Write everything that waits, in one transaction. StoreError if the disk refuses; it is kept then."""
        async with self._turn:
            for name in tuple(self._filling):
                self._fill_up(name, self._filling.pop(name))
            await self._pack()
            blocks, offsets = list(self._packed), list(self._offsets)
            if not blocks and not offsets:
                return
            await self._do(lambda ledger: ledger.save([block for block, _ in blocks], offsets))
            for _ in blocks:
                self._packed.popleft()
            del self._offsets[: len(offsets)]
            self._blocks += len(blocks)
            self._bytes += sum(len(block.body) for block, _ in blocks)

    async def erase(self, *texts: str, again: bool = False) -> int:
        """Take texts out of everything that points have shown, and every trace of them out of the file; how many blocks held one.

        Damaged histories that were set aside go altogether, since nobody can look into them. StoreError if the disk refuses.
        `again`: an earlier attempt did not come to its end, so that free pages and the log may hold what no block does any more.
        """
        await asyncio.to_thread(clear_quarantine, self._directory)
        if not (self._directory / DATABASE).exists():
            return 0
        if self.spec.enabled:
            await self.flush()
        needles, count = tuple(needle for text in texts for needle in spellings(text)), 0
        for table in trend_erasing.TABLES:
            after: int | None = 0
            while after is not None:
                found, after = await self._do(partial(_erase_slice, table, after, needles))
                count += found
        if count or again:
            await self._do(trend_erasing.rebuild)
            for _ in range(ERASE_TRIES):
                if await self._do(trend_erasing.cut_log):
                    return count
                await asyncio.sleep(ERASE_PAUSE_S)
            raise StoreError("the history is open elsewhere, so that its log could not be cut: close what reads it, erase again")
        return count

    async def close(self) -> None:
        """Write what waits, if the disk takes it in a moment, and close."""
        with suppress(StoreError, TimeoutError):
            async with asyncio.timeout(TREND_CLOSE_S):
                if self.spec.enabled:
                    await self.flush()
        await self._drop_desk()

    async def _keep_small(self) -> None:
        """Aggregate some of what is due, drop some of what is too old or too much: a little with every writing."""
        now = self._clock.now()
        now_ms = self._ages.wall_ms(now)
        if now_ms is None or not now.synced:
            # what is how old is not known, but how much there is
            await self._do(lambda ledger: ledger.enforce(None))
            return
        for _ in range(TREND_COMPACT_AT_ONCE * max(len(self._known), 1)):
            due = await self._do(lambda ledger: ledger.next_due(now_ms))
            if due is None:
                break
            await self._do(partial(_compact, due))
        await self._do(lambda ledger: ledger.enforce(now_ms))

    def _set_down(self) -> None:
        """The fullest device's rounds become a block soon."""
        fullest = max(self._filling, key=lambda name: self._filling[name].values)
        self._fill_up(fullest, self._filling.pop(fullest))
        self._wake.set()
        while self._full_values > TREND_BUFFER_VALUES and len(self._full) > 1:
            _, rounds = self._full.popleft()
            self._full_values -= rounds.values
            self._dropped += len(rounds.rows)

    def _fill_up(self, name: DeviceName, rounds: _Rounds) -> None:
        self._values -= rounds.values
        self._full_values += rounds.values
        self._full.append((name, rounds))

    async def _pack(self) -> None:
        """What is full becomes blocks, on another thread; the oldest go when too many wait for the disk."""
        while self._full:
            name, rounds = self._full.popleft()
            self._full_values -= rounds.values
            body = await asyncio.to_thread(encode_rounds, rounds.times_ms, rounds.rows)
            first, last = rounds.times_ms[0], rounds.times_ms[-1]
            points = self._trend_points(name, rounds.points)
            block = Block(name, points, first + rounds.offset_ms, last + rounds.offset_ms, rounds.boot, first, rounds.synced, body)
            self._packed.append((block, len(rounds.rows)))
        while len(self._packed) > 1 and sum(len(block.body) for block, _ in self._packed) > TREND_PENDING_BYTES:
            self._dropped += self._packed.popleft()[1]

    def _trend_points(self, name: DeviceName, points: tuple[Point, ...]) -> tuple[TrendPoint, ...]:
        known = self._known.get(name)
        if known is None or known[0] is not points:
            known = self._known[name] = points, tuple(TrendPoint(point.name, point.kind, point.unit) for point in points)
        return known[1]

    async def _do(self, work: Callable[[TrendLedger], _R]) -> _R:
        """Run work on the desk's thread, opening the file first if need be. StoreError, told once, if the disk refuses."""
        try:
            if self._ledger is None or self._desk is None:
                await self._open()
            assert self._desk is not None  # noqa: S101  `_open` has seen to both or raised
            assert self._ledger is not None  # noqa: S101
            found = await self._desk.do(work, self._ledger)
        except (sqlite3.Error, OSError) as error:
            await self._fell(error)
            raise StoreError(f"the history in {self._directory}: {sentence_of(error)}") from error
        if self._trouble is not None:
            self._trouble = None
            self._health(Health("history", "written", ok=True, text=_WELL))
        return found

    async def _open(self) -> None:
        """Open the file, once: who is cancelled while waiting for it leaves it to the next."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._begin())
        try:
            await asyncio.shield(self._opening)
        finally:
            if self._opening.done():
                self._opening = None

    async def _begin(self) -> None:
        wall_ms, damage = self._clock.now().wall_ms, self._damage
        found: list[tuple[TrendLedger, str]] = []

        def begin() -> sqlite3.Connection:
            told = ""
            if damage is not None:
                told = f"{damage}; now in {set_aside(self._directory, damage, wall_ms).folder}"
            connection, loss = open_trends(self._directory, wall_ms, self._open_connection)
            if loss is not None:
                told = f"{loss.reason}; now in {loss.folder}"
            found.append((TrendLedger(connection, self.spec), told))
            return connection

        desk = Desk(begin)
        await desk
        self._desk, (self._ledger, told), self._damage = desk, found[0], None
        if told:
            _log.error("history.set-aside", reason=told)
            self._health(Health("history", "damaged", ok=False, text=_LOST, detail=told[:500]))

    async def _fell(self, error: sqlite3.Error | OSError) -> None:
        """Note trouble, tell it if it is news; the file is opened anew before it is used again. What is no trouble is a bug."""
        trouble = trouble_of(error)
        if trouble is None:
            raise error
        await self._drop_desk()
        if trouble is Trouble.DAMAGED:
            self._damage = sentence_of(error)
        elif self._trouble is None:
            self._health(Health("history", trouble.value, ok=False, text=_REFUSED, detail=sentence_of(error)))
        if self._trouble is None:
            _log.warning("history.troubled", trouble=trouble.value, detail=sentence_of(error))
        self._trouble = trouble

    async def _drop_desk(self) -> None:
        desk, self._desk, self._ledger = self._desk, None, None
        if desk is not None:
            with suppress(sqlite3.Error, TimeoutError):
                async with asyncio.timeout(TREND_CLOSE_S):
                    await desk.close()


def _erase_slice(table: str, after: int, needles: Sequence[bytes], ledger: TrendLedger) -> tuple[int, int | None]:
    return trend_erasing.erase_slice(ledger, table, after, needles)


def _compact(due: Due, ledger: TrendLedger) -> None:
    ledger.compact(due)
