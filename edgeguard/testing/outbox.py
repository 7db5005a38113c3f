"""An outbox that lives in a list: what the uplink's tests hold instead of a database.

It keeps the contract of `core.ports.Outbox` (the suite in tests/contract runs on it and on the store alike) and
must not know SQLite, files or threads.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from edgeguard.core.clock import Clock, Stamp
from edgeguard.core.departure import Departures
from edgeguard.core.errors import StoreError
from edgeguard.core.ids import BootId, Epoch
from edgeguard.core.item import STREAMS, Backlog, Item, OutboxRow, Pack, PackSize, Stream


class MemoryOutbox:
    """Rows in lists, one per stream. Tests fill it with `put`, look into `acknowledged` and `dead`, and break it with `trouble`."""

    def __init__(self, clock: Clock, epoch: str = "0123456789abcdef") -> None:
        self.trouble: StoreError | None = None
        """While set, every call raises it, as the store does while its disk refuses."""
        self.dead: list[tuple[OutboxRow, str]] = []
        """What was parked, with the reason."""
        self.acknowledged: dict[Stream, set[int]] = {stream: set() for stream in STREAMS}
        self._clock = clock
        self._epoch = Epoch(epoch)
        self._rows: dict[Stream, list[OutboxRow]] = {stream: [] for stream in STREAMS}
        self._offsets: dict[BootId, int] = {}
        self._doubted: dict[BootId, int] = {}
        """Boot time from which on the offset does not count."""
        self._wakes: list[Callable[[], None]] = []
        self._departures = Departures()

    @property
    def epoch(self) -> Epoch:
        """Identity of the outbox file; changes by `renew`."""
        return self._epoch

    def put(self, *items: Item) -> tuple[int, ...]:
        """Commit items at once; gives their numbers and wakes whoever listens. Raises `trouble`."""
        self._refuse()
        numbers = []
        for item in items:
            rows = self._rows[item.stream]
            rows.append(OutboxRow(item.stream, len(rows) + 1, item.at, item.body))
            numbers.append(len(rows))
        if items:
            for wake in self._wakes:
                wake()
        return tuple(numbers)

    def renew(self, epoch: str) -> None:
        """Start anew and empty under another epoch, as the store does after it set a damaged file aside."""
        self._epoch = Epoch(epoch)
        self.dead.clear()
        for stream in STREAMS:
            self._rows[stream].clear()
            self.acknowledged[stream].clear()

    async def set_boot_offset(self, boot: BootId, wall_minus_boot_ms: int | None) -> None:
        """From now on rows of this boot taken with an untrusted clock are read with their true time; None: not those to come."""
        self._refuse()
        if wall_minus_boot_ms is None:
            self._doubted[boot] = self._clock.now().boot_ms
            return
        self._doubted.pop(boot, None)
        self._offsets[boot] = wall_minus_boot_ms

    async def read(
        self, stream: Stream, after_seq: int, limit_rows: int, limit_bytes: int, through_seq: int | None = None
    ) -> Sequence[OutboxRow]:
        """Unacknowledged, unparked rows with `after_seq < seq <= through_seq`, in order, at least one if there is any."""
        self._refuse()
        found: list[OutboxRow] = []
        size = 0
        for row in self._open_rows(stream):
            if row.seq <= after_seq or (through_seq is not None and row.seq > through_seq):
                continue
            size += len(row.body)
            if found and (len(found) >= limit_rows or size > limit_bytes):
                break
            found.append(replace(row, at=self._true_time(row.at)))
        return tuple(found)

    async def pack(self, stream: Stream, after_seq: int, through_seq: int | None, size: PackSize) -> Sequence[Pack] | None:
        """The same rows ready to leave; None if the next one's time is not trusted, or it is too large."""
        rows = await self.read(stream, after_seq, size.max_items * size.packs, 1 << 40, through_seq)
        packs: list[Pack] = []
        for row in rows:
            item = self._departures.plain(row.at, row.body)
            if item is None or len(item) > size.max_bytes or not _is_json(item):
                return tuple(packs) or None
            last = packs[-1] if packs else Pack(0, -1, b"")
            joined = b",".join((last.items, item))
            if row.seq == last.last_seq + 1 and row.seq < last.first_seq + size.max_items and len(joined) <= size.good_bytes:
                packs[-1] = Pack(last.first_seq, row.seq, joined)
            elif len(packs) < size.packs:
                packs.append(Pack(row.seq, row.seq, item))
            else:
                break
        return tuple(packs)

    async def acknowledge(self, stream: Stream, first_seq: int, last_seq: int) -> None:
        """The broker has taken these numbers; both ends included; numbers never given are left out."""
        self._refuse()
        last = min(last_seq, len(self._rows[stream]))
        self.acknowledged[stream].update(range(max(first_seq, 1), last + 1))

    async def park(self, stream: Stream, first_seq: int, last_seq: int, reason: str) -> None:
        """Move the unacknowledged rows of a range to `dead`."""
        self._refuse()
        parked = [row for row in self._open_rows(stream) if first_seq <= row.seq <= last_seq]
        self.dead.extend((row, reason) for row in parked)

    async def backlog(self, stream: Stream) -> Backlog:
        """What the stream still holds."""
        self._refuse()
        rows = self._open_rows(stream)
        return Backlog(
            stream=stream,
            rows=len(rows),
            bytes=sum(len(row.body) for row in rows),
            first_seq=rows[0].seq if rows else None,
            last_seq=len(self._rows[stream]),
            oldest_at=self._true_time(rows[0].at) if rows else None,
            dead=sum(row.stream is stream for row, _ in self.dead),
        )

    async def first_younger(self, stream: Stream, age_ms: int) -> int:
        """The smallest unacknowledged seq taken less than `age_ms` ago in this boot, or last_seq + 1."""
        self._refuse()
        now = self._clock.now()
        for row in self._open_rows(stream):
            if row.at.boot == now.boot and now.boot_ms - row.at.boot_ms < age_ms:
                return row.seq
        return len(self._rows[stream]) + 1

    def on_commit(self, wake: Callable[[], None]) -> None:
        """Call `wake` after every `put` that added rows."""
        self._wakes.append(wake)

    def _refuse(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    def _open_rows(self, stream: Stream) -> list[OutboxRow]:
        gone = self.acknowledged[stream] | {row.seq for row, _ in self.dead if row.stream is stream}
        return [row for row in self._rows[stream] if row.seq not in gone]

    def _true_time(self, at: Stamp) -> Stamp:
        doubted = at.boot_ms >= self._doubted.get(at.boot, at.boot_ms + 1)
        offset = None if at.synced or doubted else self._offsets.get(at.boot)
        return at if offset is None else replace(at, wall_ms=at.boot_ms + offset, synced=True)


def _is_json(item: bytes) -> bool:
    try:
        json.loads(item)
    except ValueError:
        return False
    return True
