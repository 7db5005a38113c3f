"""The outbox as the house sees it: what is put here is delivered, or its loss is told.

Joins the writer, which brings rows in, with the keeper, which holds the file; has no state of its own but news once told.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import structlog

from edgeguard.core.alarm import Alarm
from edgeguard.core.clock import Clock
from edgeguard.core.errors import StoreError
from edgeguard.core.health import Health, HealthSink
from edgeguard.core.ids import AlarmName, BootId, Epoch
from edgeguard.core.item import STREAMS, Backlog, OutboxRow, Pack, PackSize, Stream
from edgeguard.core.limits import DEAD_LETTER_QUIET_MS, STORE_CLOSE_S
from edgeguard.core.outbox_limits import FIGURES_WITHIN_S, HEAP_BLOCK_BYTES
from edgeguard.core.point import Labels
from edgeguard.core.site import StoreSpec
from edgeguard.store import dead, erasing, packing, retention
from edgeguard.store import group as grouping
from edgeguard.store.damage import DATABASE, Connect, connect
from edgeguard.store.erasing import Erased
from edgeguard.store.figures import StoreFigures, file_bytes, holds_s
from edgeguard.store.keeper import Keeper
from edgeguard.store.ledger import Ledger
from edgeguard.store.pending import Batch
from edgeguard.store.thinning import Survey, Thinner
from edgeguard.store.writer import Numbers, Writer

_log = structlog.get_logger()
_DEAD_CODE: Final = "dead-letter"
_DEAD_TEXT: Final = Labels(zh="平台拒收：数据移入死信", en="refused by the platform: items moved to the dead letters")
_TAKEN_TEXT: Final = Labels(zh="平台不再拒收数据", en="the platform refuses no more items")


@dataclass(frozen=True, slots=True)
class _Measured:
    """What only the desk can tell: bytes of pages in use, bytes of the files, free bytes of the disk, backlogs."""

    used_bytes: int
    file_bytes: int
    free_bytes: int
    backlogs: tuple[Backlog, ...]


_NOTHING: Final = _Measured(0, 0, 0, tuple(Backlog(stream, 0, 0, None, 0, None, 0) for stream in STREAMS))


def _keep_heap() -> None:
    """Ask for a large block that is never touched, and give it back: glibc then takes all smaller ones from its heap, and keeps of
    what is freed twice as much (mallopt(3), M_MMAP_THRESHOLD). Pages that go back to the kernel after each portion of a backlog
    and are cleared for the next one cost a tenth of the drain.
    """
    bytes(HEAP_BLOCK_BYTES)


class Store:
    """One outbox file; implements `core.ports.Outbox`. Exactly one per directory (see StateLock).

    Methods that touch the file raise StoreError while the disk refuses; `submit` never does. After damage `epoch` is another
    one and numbers begin anew: whoever holds numbers across an await compares the epoch before using them.
    """

    def __init__(self, keeper: Keeper, writer: Writer, clock: Clock, health: HealthSink, free_bytes: grouping.FreeBytes) -> None:
        """Use `open`."""
        self._keeper = keeper
        self._writer = writer
        self._clock = clock
        self._health = health
        self._free_bytes = free_bytes
        self._parked_ms: int | None = None
        """When rows were parked last (boot time); None once that is over and has been told."""
        self._measured = _NOTHING
        self._measuring: asyncio.Task[None] | None = None
        self._closed = False

    @classmethod
    async def open(
        cls,
        spec: StoreSpec,
        clock: Clock,
        health: HealthSink,
        entropy: Callable[[int], bytes] = os.urandom,
        free_bytes: grouping.FreeBytes = grouping.disk_free,
        open_connection: Connect = connect,
        survey: Callable[[], Survey] | None = None,
    ) -> Self:
        """Open the outbox, beginning a new one where there is none or a damaged one.

        A disk that refuses does not hinder, nor one that does not answer within OPEN_WITHIN_S: items then wait in memory. `survey`
        makes what says which telemetry stays when some has to be thinned; without it none is. Raises Permanent for a database of
        a later edgeguard.
        """
        # Only now: were the directory made again later, a vanished mount would be taken for an empty outbox.
        directory = Path(spec.directory)
        _keep_heap()
        with suppress(OSError):
            await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True, mode=0o700)
        keeper = Keeper(directory, clock, health, entropy, open_connection)
        await keeper.begin()
        thinner = None if survey is None else Thinner(survey)
        return cls(keeper, Writer(keeper, spec, clock, health, free_bytes, thinner), clock, health, free_bytes)

    # --- bringing in

    async def run(self) -> None:
        """The writer's loop; ends only by being cancelled."""
        await self._writer.run()

    def submit(self, batch: Batch) -> None:
        """Queue a batch without waiting; it is committed within the spec's wait, at once if it holds an alarm or an event."""
        self._writer.add(batch)

    async def put(self, batch: Batch) -> Numbers:
        """Queue a batch and wait until it is durable; the numbers of its items, in their order.

        Raises StoreError if items of it had to be dropped. Cancelling the wait does not take the batch back.
        """
        waiter: asyncio.Future[Numbers] = asyncio.get_running_loop().create_future()
        self._writer.add(batch, waiter)
        return await waiter

    async def flush(self) -> None:
        """Commit everything that waits. Raises StoreError if the disk refuses."""
        await self._writer.flush()

    async def close(self) -> None:
        """Flush, checkpoint and close, within STORE_CLOSE_S twice over at most; what could not be written is lost and logged."""
        if self._closed:
            return
        self._closed = True
        with suppress(StoreError, TimeoutError):
            async with asyncio.timeout(STORE_CLOSE_S):
                await self._writer.flush()
        if lost := self._writer.give_up():
            _log.error("store.gave-up", items=lost, error=self._keeper.last_error)
        with suppress(StoreError, TimeoutError):
            async with asyncio.timeout(STORE_CLOSE_S):
                await self._keeper.close()

    async def set_boot_offset(self, boot: BootId, wall_minus_boot_ms: int | None) -> None:
        """The clock is set: rows of this boot taken before are read with their true time from now on.

        None: it cannot be trusted any more, rows to come bear what it says until it is set again. While the disk refuses it is
        kept for the next commit.
        """
        self._writer.set_offset(boot, wall_minus_boot_ms)
        await self._writer.step()

    @property
    def pending_items(self) -> int:
        """Items that are not durable yet; those that bring much may wait for it to fall."""
        return self._writer.pending.items

    @property
    def beat_s(self) -> float:
        """Loop time of the writer's last step; it takes one every few seconds even if nothing comes."""
        return self._writer.beat_s

    # --- core.ports.Outbox

    @property
    def epoch(self) -> Epoch:
        """Identity of the outbox file; not the file's while no file could be opened yet."""
        return self._keeper.epoch

    async def read(
        self, stream: Stream, after_seq: int, limit_rows: int, limit_bytes: int, through_seq: int | None = None
    ) -> Sequence[OutboxRow]:
        """Unacknowledged, unparked rows with `after_seq < seq <= through_seq`, in order, at least one if there is any."""
        return await self._writer.do(Ledger.read, stream, after_seq, limit_rows, limit_bytes, through_seq)

    async def pack(self, stream: Stream, after_seq: int, through_seq: int | None, size: PackSize) -> Sequence[Pack] | None:
        """The same rows ready to leave, as long as they are kept so; None if the next row is not."""
        self._writer.read_at = asyncio.get_running_loop().time()
        return await self._writer.do(packing.pack, stream, after_seq, through_seq, size)

    async def acknowledge(self, stream: Stream, first_seq: int, last_seq: int) -> None:
        """The broker has taken these numbers; both ends included. Never waits for the disk."""
        self._writer.acknowledge((stream, first_seq, last_seq))
        if self._parked_ms is not None and self._clock.now().boot_ms - self._parked_ms >= DEAD_LETTER_QUIET_MS:
            self._parked_ms = None
            self._health(Health("store", _DEAD_CODE, ok=True, text=_TAKEN_TEXT))

    async def park(self, stream: Stream, first_seq: int, last_seq: int, reason: str) -> None:
        """Move rows that the broker will never take to the dead letters, and record the gap.

        Told once, until something was taken after DEAD_LETTER_QUIET_MS without another: each piece of news is an event, which
        a broker that takes no events would send here too.
        """
        now = self._clock.now()
        if not await self._writer.do(grouping.park, stream, first_seq, last_seq, reason, now):
            return
        news, self._parked_ms = self._parked_ms is None, now.boot_ms
        if news:
            detail = f"{stream} {first_seq}-{last_seq}: {reason}"
            self._health(Health("store", _DEAD_CODE, ok=False, text=_DEAD_TEXT, detail=detail))

    async def backlog(self, stream: Stream) -> Backlog:
        """What the stream still holds."""
        return await self._writer.do(Ledger.backlog, stream)

    async def first_younger(self, stream: Stream, age_ms: int) -> int:
        """The smallest unacknowledged seq taken less than `age_ms` ago in this boot, or last_seq + 1.

        Found by halving: exact as long as a stream's items come in the order of their time.
        """
        return await self._writer.do(retention.first_younger, stream, age_ms, self._clock.now())

    def on_commit(self, wake: Callable[[], None]) -> None:
        """Call `wake` on the loop's thread after every commit that added rows."""
        self._writer.wakes.append(wake)

    def on_new_epoch(self, renewed: Callable[[], None]) -> None:
        """Call `renewed` on the loop's thread whenever `epoch` became another one while running.

        The file then holds none of this run's alarm states: they are to be submitted again. So it is after damage, and when a
        disk that refused at `open` gives its file at last, whose older states `load_alarms` can then give.
        """
        self._writer.renewals.append(renewed)

    # --- telling

    async def load_alarms(self) -> dict[AlarmName, Alarm]:
        """The alarm states as last committed; none while no file can be opened, so that the rules begin anew.

        If that is so at the start, `on_new_epoch` tells when a second call is worth it.
        """
        try:
            return await self._writer.do(Ledger.load_alarms)
        except StoreError as error:
            _log.warning("alarms.unknown", error=str(error))
            return {}

    async def load_states(self) -> dict[str, dict[str, bytes]]:
        """What the families of rules remembered, by name by owner, as last committed; StoreError while no file can be read."""
        return await self._writer.do(Ledger.load_states)

    async def load_commands(self) -> dict[str, int]:
        """Ids of commands that were accepted, with the wall time until which they count; StoreError while no file can be read."""
        return await self._writer.do(Ledger.load_commands)

    async def audit_head(self) -> tuple[int, str]:
        """Number and hash (hex) of the audit log's newest row."""
        n, digest = await self._writer.do(lambda ledger: ledger.audit.head())
        return n, digest.hex()

    async def dead_letters(self, limit: int) -> Sequence[dead.DeadLetter]:
        """The oldest dead letters."""
        return await self._writer.do(dead.list_dead, limit)

    async def retry_dead(self, ids: Sequence[int], by: str) -> int:
        """Send these dead letters (all, if none is named) again, as new items; how many there were. That is on record."""
        count = await self._writer.do(dead.retry_dead, ids, self._clock.now(), by)
        for wake in self._writer.wakes:
            wake()
        return count

    async def drop_dead(self, ids: Sequence[int], by: str) -> int:
        """Forget these dead letters (all, if none is named); how many there were. That is on record."""
        count = await self._writer.do(dead.drop_dead, ids, self._clock.now(), by)
        for wake in self._writer.wakes:
            wake()
        return count

    async def erase(self, text: str, by: str, *aliases: str) -> Erased:
        """Take out everything that holds this text or an alias as a word of its own (a plate, a name), and every trace of it.

        Numbers stay given and are told as gaps; the audit log names nothing but `by` and how much it was. StoreError: it is not
        done, and has to be begun again.
        """
        await self.flush()
        done = await erasing.erase_everywhere(self._writer.do, self._keeper.directory, (text, *aliases), self._clock, by)
        for wake in self._writer.wakes:
            wake()
        return done

    async def figures(self) -> StoreFigures:
        """The outbox at this moment; while the disk refuses or does not answer, what it was when last seen."""
        if self._measuring is None:
            self._measuring = asyncio.create_task(self._measure_now(), name="figures of the outbox")
        await asyncio.wait({self._measuring}, timeout=FIGURES_WITHIN_S)
        seen = self._measured
        caps, pending, trouble = self._writer.caps, self._writer.pending, self._keeper.trouble
        rows_per_s, bytes_per_s = self._writer.rate.per_second(self._clock.now().boot_ms)
        rows = sum(backlog.rows for backlog in seen.backlogs)
        room_bytes = min(caps.max_bytes - seen.used_bytes, seen.free_bytes)
        return StoreFigures(
            epoch=self._keeper.epoch,
            file_bytes=seen.file_bytes,
            used_bytes=seen.used_bytes,
            rows=rows,
            max_bytes=caps.max_bytes,
            max_rows=caps.max_rows,
            max_age_ms=caps.max_age_ms,
            free_disk_bytes=seen.free_bytes,
            backlogs=seen.backlogs,
            pending_items=pending.items,
            rows_per_s=rows_per_s,
            bytes_per_s=bytes_per_s,
            holds_s=holds_s(room_bytes, caps.max_rows - rows, rows_per_s, bytes_per_s),
            dropped=tuple((stream, self._writer.lost[stream] + pending.dropped[stream]) for stream in STREAMS),
            thinned=self._writer.thinned,
            trouble=trouble.value if trouble else None,
            last_error=self._keeper.last_error,
        )

    async def _measure_now(self) -> None:
        """However many ask meanwhile, the disk is asked once."""
        try:
            with suppress(StoreError):
                self._measured = await self._writer.do(self._measure)
        finally:
            self._measuring = None

    def _measure(self, ledger: Ledger) -> _Measured:
        directory = self._keeper.directory
        return _Measured(
            used_bytes=ledger.used_bytes(),
            file_bytes=file_bytes(directory / DATABASE),
            free_bytes=self._free_bytes(directory),
            backlogs=tuple(ledger.backlog(stream) for stream in STREAMS),
        )
