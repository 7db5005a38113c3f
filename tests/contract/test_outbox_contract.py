"""What `core.ports.Outbox` promises, asked of the real store and of the fake that the uplink is tested with."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from edgeguard.core.clock import Clock, Stamp
from edgeguard.core.departure import Departures
from edgeguard.core.health import Health
from edgeguard.core.ids import BootId
from edgeguard.core.item import STREAMS, Item, PackSize, Stream
from edgeguard.core.ports import Outbox
from edgeguard.core.site import StoreSpec
from edgeguard.store import Batch, Store
from edgeguard.testing.clock import FakeClock
from edgeguard.testing.outbox import MemoryOutbox

T = Stream.TELEMETRY


@dataclass(frozen=True)
class Subject:
    """An outbox under test, with what the port leaves to the implementation."""

    outbox: Outbox
    clock: FakeClock
    put: Callable[[tuple[Item, ...]], Awaitable[tuple[int, ...]]]
    set_boot_offset: Callable[[BootId, int | None], Awaitable[None]]

    async def fill(self, stream: Stream, count: int, size: int = 0) -> None:
        for number in range(count):
            body = b'{"n":%d,"pad":"%s"}' % (number, b"x" * size)
            await self.put((Item(stream, self.clock.now(), body),))

    async def numbers(self, stream: Stream, after: int = 0, through: int | None = None) -> list[int]:
        return [row.seq for row in await self.outbox.read(stream, after, 1000, 1 << 30, through)]


@pytest.fixture(params=["store", "memory"])
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    clock = FakeClock()
    if request.param == "memory":
        memory = MemoryOutbox(clock)

        async def put_memory(items: tuple[Item, ...]) -> tuple[int, ...]:
            return memory.put(*items)

        yield Subject(memory, clock, put_memory, memory.set_boot_offset)
        return
    news: list[Health] = []
    spec = StoreSpec(tmp_path, 64 << 20, 1_000_000, None, 60_000, 100)
    store = await Store.open(spec, clock, news.append, free_bytes=lambda _: 1 << 30)

    async def put_store(items: tuple[Item, ...]) -> tuple[int, ...]:
        before = {stream: (await store.backlog(stream)).last_seq for stream in STREAMS}
        store.submit(Batch(items))
        await store.flush()
        numbers = []
        for item in items:
            before[item.stream] += 1
            numbers.append(before[item.stream])
        return tuple(numbers)

    yield Subject(store, clock, put_store, store.set_boot_offset)
    await store.close()


async def test_numbers_grow_by_one_in_each_stream_by_itself(subject: Subject) -> None:
    now = subject.clock.now()
    items = tuple(Item(stream, now, b"{}") for stream in (T, Stream.ALARMS, T, Stream.EVENTS, T))
    assert await subject.put(items) == (1, 1, 2, 1, 3)
    assert await subject.numbers(T) == [1, 2, 3]
    assert (await subject.outbox.read(Stream.ALARMS, 0, 10, 1000))[0].body == b"{}"


async def test_reading_keeps_both_limits_but_gives_one_row_at_least(subject: Subject) -> None:
    await subject.fill(T, 5, size=100)
    assert len(await subject.outbox.read(T, 0, 2, 1 << 20)) == 2
    assert len(await subject.outbox.read(T, 0, 10, 300)) == 2
    assert len(await subject.outbox.read(T, 0, 10, 1)) == 1
    assert len(await subject.outbox.read(T, 5, 10, 1 << 20)) == 0


async def test_reading_begins_after_and_ends_through(subject: Subject) -> None:
    await subject.fill(T, 9)
    assert await subject.numbers(T, 3, 6) == [4, 5, 6]
    assert await subject.numbers(T, 6, 3) == []


async def test_what_is_acknowledged_is_not_read_again_and_holes_are(subject: Subject) -> None:
    await subject.fill(T, 10)
    await subject.outbox.acknowledge(T, 6, 8)
    await subject.outbox.acknowledge(T, 1, 2)
    assert await subject.numbers(T) == [3, 4, 5, 9, 10]
    await subject.outbox.acknowledge(T, 2, 4)
    await subject.outbox.acknowledge(T, 2, 4)
    assert await subject.numbers(T) == [5, 9, 10]
    assert await subject.numbers(T, 0, 7) == [5]


async def test_numbers_never_given_cannot_be_acknowledged_in_advance(subject: Subject) -> None:
    await subject.fill(T, 2)
    await subject.outbox.acknowledge(T, 1, 50)
    await subject.fill(T, 2)
    assert await subject.numbers(T) == [3, 4]


async def test_parked_rows_are_dead_but_hinder_nobody(subject: Subject) -> None:
    await subject.fill(T, 5)
    await subject.outbox.acknowledge(T, 2, 2)
    await subject.outbox.park(T, 2, 3, "payload format invalid")
    assert await subject.numbers(T) == [1, 4, 5]
    held = await subject.outbox.backlog(T)
    assert (held.rows, held.dead, held.first_seq, held.last_seq) == (3, 1, 1, 5)


async def test_backlog_counts_what_is_still_to_be_delivered(subject: Subject) -> None:
    assert await subject.outbox.backlog(T) == await subject.outbox.backlog(T)
    empty = await subject.outbox.backlog(T)
    assert (empty.rows, empty.bytes, empty.first_seq, empty.last_seq, empty.oldest_at) == (0, 0, None, 0, None)
    await subject.put((Item(T, subject.clock.now(), b"12"),))
    subject.clock.advance(1)
    second = subject.clock.now()
    await subject.put((Item(T, second, b"345"), Item(T, second, b"6789")))
    await subject.outbox.acknowledge(T, 1, 1)
    held = await subject.outbox.backlog(T)
    assert (held.rows, held.bytes, held.first_seq, held.last_seq, held.oldest_at) == (2, 7, 2, 3, second)
    await subject.outbox.acknowledge(T, 2, 3)
    held = await subject.outbox.backlog(T)
    assert (held.rows, held.bytes, held.first_seq, held.last_seq, held.oldest_at) == (0, 0, None, 3, None)


async def test_first_younger_parts_live_from_history_by_boot_time(subject: Subject) -> None:
    assert await subject.outbox.first_younger(T, 1000) == 1
    for _ in range(6):
        await subject.fill(T, 1)
        subject.clock.advance(10)
    subject.clock.step_wall(-86_400)
    assert await subject.outbox.first_younger(T, 25_000) == 5
    assert await subject.outbox.first_younger(T, 1) == 7
    assert await subject.outbox.first_younger(T, 1_000_000) == 1
    await subject.outbox.acknowledge(T, 4, 5)
    assert await subject.outbox.first_younger(T, 25_000) == 6
    subject.clock.boot = BootId("boot-b")
    assert await subject.outbox.first_younger(T, 1_000_000_000) == 7


async def test_time_taken_before_the_clock_was_set_is_made_true(subject: Subject) -> None:
    subject.clock.synced = False
    untrusted = subject.clock.now()
    await subject.put((Item(T, untrusted, b"1"),))
    assert (await subject.outbox.read(T, 0, 1, 100))[0].at == untrusted
    await subject.set_boot_offset(untrusted.boot, 1_800_000_000_000)
    subject.clock.synced = True
    trusted = subject.clock.now()
    await subject.put((Item(T, trusted, b"2"), Item(T, replace(untrusted, boot=BootId("boot-x")), b"3")))
    first, second, third = await subject.outbox.read(T, 0, 3, 100)
    assert first.at == Stamp(1_800_000_000_000 + untrusted.boot_ms, untrusted.boot_ms, untrusted.boot, synced=True)
    assert second.at == trusted
    assert third.at == replace(untrusted, boot=BootId("boot-x"))


async def test_a_clock_that_is_trusted_no_more_says_so_until_it_is_set_again(subject: Subject) -> None:
    boot = subject.clock.boot
    await subject.set_boot_offset(boot, 1_800_000_000_000)
    subject.clock.synced = False
    before = subject.clock.now()
    await subject.put((Item(T, before, b"1"),))
    subject.clock.advance(1)
    await subject.set_boot_offset(boot, None)
    doubted = subject.clock.now()
    await subject.put((Item(T, doubted, b"2"),))
    first, second = await subject.outbox.read(T, 0, 2, 100)
    assert (first.at, second.at) == (Stamp(1_800_000_000_000 + before.boot_ms, before.boot_ms, boot, synced=True), doubted)
    await subject.set_boot_offset(boot, 1_800_000_000_500)
    rows = await subject.outbox.read(T, 0, 2, 100)
    assert [(row.at.synced, row.at.wall_ms - row.at.boot_ms) for row in rows] == [(True, 1_800_000_000_500)] * 2


async def test_packs_are_the_rows_ready_to_leave(subject: Subject) -> None:
    await subject.fill(T, 7)
    await subject.outbox.acknowledge(T, 3, 3)
    packs = await subject.outbox.pack(T, 0, 6, PackSize(2, 1000, 1000, 9))
    assert packs is not None
    assert [(pack.first_seq, pack.last_seq) for pack in packs] == [(1, 2), (4, 5), (6, 6)]
    first, second = await subject.outbox.read(T, 0, 2, 1000)
    departures = Departures()
    assert packs[0].items == departures.item(first.at, first.body) + b"," + departures.item(second.at, second.body)
    assert await subject.outbox.pack(T, 6, 6, PackSize(2, 1000, 1000, 9)) == ()
    assert await subject.outbox.pack(T, 0, None, PackSize(2, 10, 10, 9)) is None
    subject.clock.synced = False
    await subject.fill(T, 1)
    assert await subject.outbox.pack(T, 7, None, PackSize(2, 1000, 1000, 9)) is None


async def test_what_is_no_json_is_in_no_pack(subject: Subject) -> None:
    await subject.fill(T, 2)
    await subject.put((Item(T, subject.clock.now(), b'{"x":"1}'),))
    packs = await subject.outbox.pack(T, 0, None, PackSize(2, 1000, 1000, 9))
    assert packs is not None
    assert packs[-1].last_seq == 2
    assert await subject.outbox.pack(T, 2, None, PackSize(2, 1000, 1000, 9)) is None


async def test_a_commit_wakes_whoever_listens(subject: Subject) -> None:
    woken: list[str] = []
    subject.outbox.on_commit(lambda: woken.append("first"))
    subject.outbox.on_commit(lambda: woken.append("second"))
    await subject.fill(T, 1)
    assert woken == ["first", "second"]


async def test_the_epoch_stands_still(subject: Subject) -> None:
    epoch = subject.outbox.epoch
    await subject.fill(T, 1)
    assert epoch
    assert subject.outbox.epoch == epoch


def test_both_are_outboxes(tmp_path: Path) -> None:
    def takes(clock: Clock, store: Store) -> tuple[Outbox, Outbox]:
        return MemoryOutbox(clock), store

    assert callable(takes)  # mypy holds the types to the port; this keeps the function in use
