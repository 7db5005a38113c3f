"""The group commit: who waits for durability, since when, and what happens while the disk refuses.

One commit at a time; what comes meanwhile makes up the next group. Knows neither SQL nor files.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from typing import Concatenate, Final, ParamSpec, TypeVar

from edgeguard.core.clock import Clock
from edgeguard.core.errors import StoreError
from edgeguard.core.health import Health, HealthSink
from edgeguard.core.ids import BootId, Epoch
from edgeguard.core.item import STREAMS, Stream
from edgeguard.core.limits import (
    ACK_ALONE_S,
    ACK_FIRST_FOR_S,
    ACK_FIRST_S,
    ACK_WRITE_S,
    DISK_LOOK_S,
    GROUP_MAX_ROWS,
    PENDING_ITEMS,
    PRUNE_EVERY_S,
    PRUNE_READING_S,
    PRUNE_ROWS,
    STORE_LOOK_S,
    STORE_RETRY_MAX_S,
    STORE_RETRY_MIN_S,
)
from edgeguard.core.outbox_limits import THIN_SLICES_PER_COMMIT
from edgeguard.core.point import Labels
from edgeguard.core.site import StoreSpec
from edgeguard.store import group as grouping
from edgeguard.store.damage import DATABASE
from edgeguard.store.figures import Rate
from edgeguard.store.group import Ack, Committed, FreeBytes, Group
from edgeguard.store.keeper import Keeper
from edgeguard.store.ledger import Ledger
from edgeguard.store.pending import Batch, Entry, Pending
from edgeguard.store.retention import DISK_FULL, Caps, Gap
from edgeguard.store.thinning import Thinner
from edgeguard.store.trouble import Trouble

_P = ParamSpec("_P")
_R = TypeVar("_R")

Numbers = tuple[int, ...]

_FULL_CODE: Final = "store-full"
_FULL_TEXT: Final = Labels(zh="发件箱已满：最旧的数据被丢弃", en="the outbox is full: its oldest items are dropped")
_ROOM_TEXT: Final = Labels(zh="发件箱已有空间", en="the outbox has room again")
_WELL_BELOW: Final = 0.9
"""An outbox that was full counts as well again below this part of its caps."""
_PRUNES_PER_COMMIT: Final = 4
_THIN_CODE: Final = "store-thinning"
_THIN_TEXT: Final = Labels(zh="发件箱将满：较早的遥测数据被稀释", en="the outbox is nearly full: older telemetry is thinned")
_THICK_TEXT: Final = Labels(zh="发件箱不再稀释数据", en="the outbox thins nothing any more")
_THIN_OVER: Final = 0.75
"""Thinning counts as over below this part of the caps; it begins above 7/8."""


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A commit that failed so that only the opened file can tell whether it is in it; `last` are the numbers before it."""

    entries: list[Entry]
    gaps: tuple[Gap, ...]
    epoch: Epoch
    last: dict[Stream, int]


class Writer:
    """Takes batches and acknowledgements on the loop's thread and brings them to the keeper's desk in groups."""

    def __init__(
        self,
        keeper: Keeper,
        spec: StoreSpec,
        clock: Clock,
        health: HealthSink,
        free_bytes: FreeBytes,
        thinner: Thinner | None = None,
    ) -> None:
        self.caps = Caps(spec.max_bytes, spec.max_rows, spec.max_age_ms)
        self.pending = Pending(PENDING_ITEMS)
        self.rate = Rate(clock.now().boot_ms)
        self.lost = dict.fromkeys(STREAMS, 0)
        """Numbered items that the caps cost since the start."""
        self.thinned = 0
        """Telemetry items that thinning cost since the start."""
        self.wakes: list[Callable[[], None]] = []
        self.renewals: list[Callable[[], None]] = []
        self.beat_s = asyncio.get_running_loop().time()
        """Loop time of the last step that came to its end, well or not: a disk that never answers shows here."""
        self.read_at = float("-inf")
        """Loop time when a backlog was read last."""
        self._keeper = keeper
        self._spec = spec
        self._clock = clock
        self._health = health
        self._free_bytes = free_bytes
        self._writing = asyncio.Lock()
        self._stirred = asyncio.Event()
        self._step: asyncio.Task[None] | None = None
        self._worker: asyncio.Task[None] | None = None
        self._shift = 0
        self._acks: list[Ack] = []
        self._doubt: _Doubt | None = None
        self._offset: tuple[BootId, int | None] | None = None
        self._told = dict.fromkeys(STREAMS, 0)
        self._short_of_room = False
        self._full = False
        self._thinner = thinner
        self._near_caps = False
        self._thinning = False
        self._pause_s = 0.0
        self._first_at = 0.0
        self._unmarked_at: float | None = None
        self._looked_at = float("-inf")
        self._pruned_at = float("-inf")
        self._tidied_at = self._begun_at = self.beat_s

    # --- what the loop's thread brings

    def add(self, batch: Batch, waiter: asyncio.Future[Numbers] | None = None) -> None:
        """Queue a batch; the oldest least urgent items go if the bound is passed, and their waiters hear of it."""
        if not len(self.pending):
            self._first_at = asyncio.get_running_loop().time()
            self._stirred.set()
        entry = Entry(batch.items, batch.alarms, waiter, batch.commands, batch.audit, batch.states)
        self._disappoint(self.pending.add(entry))
        if entry.urgent or self.pending.items >= self._spec.telemetry_rows:
            self._stirred.set()

    def acknowledge(self, ack: Ack) -> None:
        """Hand to the desk with the next piece of work, write with the next items after a second, alone a little later."""
        if self._unmarked_at is None:
            self._unmarked_at = asyncio.get_running_loop().time()
            self._stirred.set()
        self._acks.append(ack)

    def set_offset(self, boot: BootId, offset_ms: int | None) -> None:
        """Write with the next commit."""
        self._offset = (boot, offset_ms)

    async def do(self, work: Callable[Concatenate[Ledger, _P], _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Run work on the desk, after the acknowledgements that came before it. Raises StoreError if the disk refuses."""
        acks, self._acks = self._acks, []
        epoch = self._keeper.epoch

        def acknowledged(ledger: Ledger) -> _R:
            for ack in acks:
                ledger.mark_done(*ack)
            return work(ledger, *args, **kwargs)

        try:
            return await self._keeper.do(acknowledged)
        except StoreError:
            if epoch == self._keeper.epoch:
                self._acks = [*acks, *self._acks]
            self._stirred.set()
            raise

    # --- the loop

    async def run(self) -> None:
        """Commit what comes, until cancelled; a commit that has begun is finished all the same."""
        self._shift += 1
        self._worker = asyncio.create_task(self._work(self._shift))
        try:
            await asyncio.shield(self._worker)
        finally:
            self._shift += 1
            self._stirred.set()

    async def _work(self, shift: int) -> None:
        """One task for all commits of a run, since a task for each would be felt; ends at its next pause after the run."""
        while shift == self._shift:
            await self._wait(shift)
            if shift == self._shift:
                await self._commit_once(everything=False)

    async def flush(self) -> None:
        """Commit everything that waits, acknowledgements too. Raises StoreError if the disk refuses."""
        while True:
            await self.step(everything=True)
            if self._keeper.trouble is not None:
                raise StoreError(f"{len(self.pending)} batches wait for the disk: {self._keeper.last_error}")
            if not len(self.pending):
                return

    def give_up(self) -> int:
        """Tell whoever waits that nothing more will be committed; gives the number of items that are lost by it."""
        entries = [*(self._doubt.entries if self._doubt else ()), *self.pending.take(PENDING_ITEMS * 2)]
        self._disappoint(entries)
        return sum(len(entry.items) for entry in entries)

    async def _wait(self, shift: int) -> None:
        """Return when there is something to do: at once for the urgent, else when the first deadline or the shift is over."""
        await asyncio.sleep(0)  # those whom the last commit set free may join the next
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while shift == self._shift:
            if self._keeper.trouble is not None or self._keeper.broken:
                idle = self._short_of_room and not self.pending.holds(Stream.ALARMS)
                deadline = begun + (DISK_LOOK_S if idle else self._pause_s)
            elif self._enough():
                return
            else:
                deadline = self._deadline()
            self._stirred.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._stirred.wait()
            except TimeoutError:
                return

    def _enough(self) -> bool:
        return self.pending.urgent or self.pending.items >= self._spec.telemetry_rows

    @property
    def _marks_alone_s(self) -> float:
        """So long acknowledgements wait for items to be written along with: every commit wears the card."""
        if asyncio.get_running_loop().time() - self._begun_at < ACK_FIRST_FOR_S:
            return ACK_FIRST_S
        return min(ACK_WRITE_S + self._spec.telemetry_wait_ms / 1000, ACK_ALONE_S)

    def _telemetry_deadline(self) -> float:
        return self._first_at + self._spec.telemetry_wait_ms / 1000

    def _deadline(self) -> float:
        deadline = self._tidied_at + STORE_LOOK_S
        if len(self.pending):
            deadline = min(deadline, self._telemetry_deadline())
        if self._unmarked_at is not None:
            deadline = min(deadline, self._unmarked_at + self._marks_alone_s)
        if self._much_removable():
            deadline = min(deadline, self._prune_due())
        return deadline

    async def step(self, *, everything: bool = False) -> None:
        """One commit with all that belongs to it; what has begun is finished even if the waiter is cancelled.

        `everything`: items and acknowledgements are written although they might wait for more.
        """
        self._step = asyncio.create_task(self._commit_once(everything=everything))
        await asyncio.shield(self._step)

    async def _commit_once(self, *, everything: bool) -> None:
        """Open the file if need be, look at the disk, commit one group. Trouble is noted, told, and left for the next time."""
        async with self._writing:
            if self._keeper.broken and not await self._reopen():
                self._back_off()
                self.beat_s = asyncio.get_running_loop().time()
                return
            try:
                await self._look()
                await self._commit(everything=everything)
                await self._prune_and_tidy()
                await self._thin()
            except StoreError:
                self._back_off()
                if self._short_of_room and self.pending.holds(Stream.ALARMS):
                    with suppress(StoreError):  # it has been noted: they wait on
                        await self._commit(everything=False)
                        self._pause_s = 0.0
            else:
                self._pause_s = 0.0
            finally:
                self.beat_s = asyncio.get_running_loop().time()

    async def _reopen(self) -> bool:
        epoch = self._keeper.epoch
        if not await self._keeper.reopen():
            return False
        renewed = self._keeper.epoch != epoch
        if renewed:
            self._acks.clear()
            self._unmarked_at = None
        doubt, self._doubt = self._doubt, None
        if doubt is not None:
            self._settle(doubt)
        if renewed:  # what is submitted now comes after all that waits: the newest alarm state is written last
            for tell in self.renewals:
                tell()
        return True

    def _settle(self, doubt: _Doubt) -> None:
        """Only we give numbers: if any number after those before the commit is taken, the whole commit is in the file."""
        streams = self._keeper.ledger.streams
        if doubt.epoch == self._keeper.epoch and any(streams[stream].last > last for stream, last in doubt.last.items()):
            last = dict(doubt.last)
            numbers = []
            for item in chain.from_iterable(entry.items for entry in doubt.entries):
                last[item.stream] += 1
                numbers.append(last[item.stream])
            self._settled(doubt.entries, tuple(numbers))
            self._tell_drops(doubt.gaps)
        else:
            self._disappoint(self.pending.put_back(doubt.entries))

    async def _look(self) -> None:
        """Every second of work: is there room for more than alarms?"""
        now = asyncio.get_running_loop().time()
        if now - self._looked_at < DISK_LOOK_S and not self._short_of_room:
            return
        self._looked_at = now
        calm = self._keeper.trouble is None
        room = await self._keeper.do(lambda _: grouping.look_for_room(self._keeper.directory, self._free_bytes, make_ballast=calm))
        if room.low:
            self._short_of_room = True
            self._keeper.lack_room(f"{room.free_bytes} bytes are free")
        elif room.ample:
            self._short_of_room = False

    async def _commit(self, *, everything: bool) -> None:
        now = asyncio.get_running_loop().time()
        troubled = self._keeper.trouble is not None
        unmarked_s = 0.0 if self._unmarked_at is None else now - self._unmarked_at
        due = self._unmarked_at is not None and (everything or unmarked_s >= self._marks_alone_s)
        wanted = everything or due or troubled or self._enough() or now >= self._telemetry_deadline()
        entries = self.pending.take(GROUP_MAX_ROWS, alarms_only=self._short_of_room) if wanted else []
        save_marks = due or (troubled and not self._short_of_room) or (bool(entries) and unmarked_s >= ACK_WRITE_S)
        gaps = () if self._short_of_room else self._untold()
        if not (entries or gaps or self._offset or save_marks) or (self._short_of_room and not entries):
            return
        group = self._group(entries, gaps, save_marks)
        streams = self._keeper.ledger.streams
        doubt = _Doubt(entries, gaps, self._keeper.epoch, {stream: state.last for stream, state in streams.items()})
        unmarked_at = self._unmarked_at
        if save_marks:
            self._unmarked_at = None
        try:
            done = await self.do(grouping.commit, group, self.caps)
        except StoreError:
            self._unmarked_at = unmarked_at
            await self._failed(doubt)
            raise
        if self._offset is group.offset:
            self._offset = None
        self._succeeded(doubt, group, done)

    def _group(self, entries: list[Entry], gaps: tuple[Gap, ...], save_marks: bool) -> Group:
        """All entries as one; those that hold more than items are few."""
        items = tuple(chain.from_iterable([entry.items for entry in entries]))
        group = Group(items, (), gaps, self._offset, self._clock.now(), save_marks)
        more = [entry for entry in entries if entry.alarms or entry.commands or entry.audit or entry.states]
        if not more:
            return group
        return replace(
            group,
            alarms=tuple(chain.from_iterable(entry.alarms for entry in more)),
            commands=tuple(chain.from_iterable(entry.commands for entry in more)),
            audit=tuple(chain.from_iterable(entry.audit for entry in more)),
            states=tuple(chain.from_iterable(entry.states for entry in more)),
        )

    async def _failed(self, doubt: _Doubt) -> None:
        if self._keeper.broken:
            self._doubt = doubt
            return
        self._disappoint(self.pending.put_back(doubt.entries))
        if self._keeper.trouble is Trouble.FULL:
            self._short_of_room = True
            await self._keeper.do(lambda _: grouping.drop_ballast(self._keeper.directory))

    def _succeeded(self, doubt: _Doubt, group: Group, done: Committed) -> None:
        if self._short_of_room:
            self._keeper.lack_room("it was full")
        else:
            self._keeper.well()
        self._tell_drops(doubt.gaps)
        self._count_lost(done.lost)
        self._near_caps = done.near_caps
        if group.items:
            self.rate.count(group.now.boot_ms, len(group.items), sum([len(item.body) for item in group.items]))
        self._settled(doubt.entries, done.numbers)
        if len(self.pending):
            self._first_at = asyncio.get_running_loop().time()

    def _settled(self, entries: list[Entry], numbers: Numbers) -> None:
        at = 0
        for entry in entries:
            given = numbers[at : at + len(entry.items)]
            at += len(entry.items)
            if entry.waiter is not None and not entry.waiter.done():
                entry.waiter.set_result(given)
        if numbers:
            for wake in self.wakes:
                wake()

    async def _prune_and_tidy(self) -> None:
        """Remove in big ranges what is done; every few seconds see to age, to the -wal, and whether a full outbox has emptied."""
        now = asyncio.get_running_loop().time()
        prunes = _PRUNES_PER_COMMIT if self._near_caps else int(now >= self._prune_due())
        for _ in range(prunes):
            if not self._much_removable():
                break
            await self.do(grouping.prune, PRUNE_ROWS)
            self._pruned_at = now
        if now - self._tidied_at < STORE_LOOK_S:
            return
        self._tidied_at = now
        path = self._keeper.directory / DATABASE
        tidied = await self.do(grouping.tidy, self.caps, self._clock.now(), path)
        self._count_lost(tidied.lost)
        if self._thinning and tidied.filled < _THIN_OVER:
            self._thinning = False
            self._health(Health("store", _THIN_CODE, ok=True, text=_THICK_TEXT))
        if self._full and tidied.filled < _WELL_BELOW:
            self._full = False
            self._health(Health("store", _FULL_CODE, ok=True, text=_ROOM_TEXT))

    def _prune_due(self) -> float:
        """Loop time from which on the next range of rows may go."""
        reading = self._pruned_at - self.read_at < PRUNE_READING_S
        return self._pruned_at + (PRUNE_READING_S if reading else PRUNE_EVERY_S)

    def _much_removable(self) -> bool:
        """Some stream has a big range of rows that nobody needs, and there is room to remove it."""
        return not self._short_of_room and any(state.removable >= PRUNE_ROWS for state in self._keeper.ledger.streams.values())

    async def _thin(self) -> None:
        """A slice or two of the oldest telemetry, while the outbox is nearly full; less of it may then be dropped."""
        if self._thinner is None or not self._near_caps or self._short_of_room:
            return
        for _ in range(THIN_SLICES_PER_COMMIT):
            thinned = await self.do(self._thinner.step, self.caps, self._clock.now())
            self.thinned += thinned.rows
            if thinned.rows and not self._thinning:
                self._thinning = True
                self._health(Health("store", _THIN_CODE, ok=False, text=_THIN_TEXT))
            if not thinned.more:
                break

    # --- bookkeeping

    def _untold(self) -> tuple[Gap, ...]:
        """Losses without a record yet: items that never had a number, and files set aside."""
        if self.pending.dropped == self._told:
            return tuple(self._keeper.losses)
        drops = [(stream, self.pending.dropped[stream] - self._told[stream]) for stream in STREAMS]
        return (*self._keeper.losses, *(Gap(stream, DISK_FULL, items=count) for stream, count in drops if count))

    def _tell_drops(self, gaps: tuple[Gap, ...]) -> None:
        """These records are committed."""
        for gap in gaps:
            if gap in self._keeper.losses:
                self._keeper.losses.remove(gap)
            elif gap.items is not None:
                self._told[gap.stream] += gap.items

    def _count_lost(self, lost: tuple[Gap, ...]) -> None:
        for gap in lost:
            self.lost[gap.stream] += gap.lost
        if lost and not self._full:
            self._full = True
            told = ", ".join(f"{gap.stream} {gap.first}-{gap.last} ({gap.reason})" for gap in lost[:4])
            self._health(Health("store", _FULL_CODE, ok=False, text=_FULL_TEXT, detail=told))

    def _back_off(self) -> None:
        self._pause_s = min(max(self._pause_s * 2, STORE_RETRY_MIN_S), STORE_RETRY_MAX_S)

    def _disappoint(self, entries: list[Entry]) -> None:
        for entry in entries:
            if entry.waiter is not None and not entry.waiter.done():
                entry.waiter.set_exception(StoreError(f"dropped, since the disk refuses: {self._keeper.last_error or 'closed'}"))
