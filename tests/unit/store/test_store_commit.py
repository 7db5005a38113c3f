"""Group commit: what waits and what does not, in which order, and what closing leaves."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from store_kit import batch, bodies, deaf, item, running, spec_of, until

from edgeguard.core.alarm import Alarm, AlarmState
from edgeguard.core.clock import Stamp
from edgeguard.core.errors import StoreError
from edgeguard.core.ids import AlarmName, BootId
from edgeguard.core.item import Item, Stream
from edgeguard.store import Batch, Store
from edgeguard.store import group as grouping
from edgeguard.store.damage import DATABASE, Connect
from edgeguard.store.retention import Caps
from edgeguard.testing.clock import FakeClock

T = Stream.TELEMETRY


def counting() -> tuple[list[str], Connect]:
    begun: list[str] = []

    def open_connection(uri: str) -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        connection.set_trace_callback(lambda sql: begun.append(sql) if sql == "COMMIT" else None)
        return connection

    return begun, open_connection


async def test_telemetry_waits_for_company_and_an_alarm_takes_it_along(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        store.submit(batch(clock, T, 1, 2))
        await asyncio.sleep(0.02)
        assert (await store.backlog(T)).rows == 0
        assert (await store.figures()).pending_items == 2
        await store.put(batch(clock, Stream.ALARMS, 1))
        assert (await store.backlog(T)).rows == 2


async def test_enough_telemetry_is_committed_without_waiting(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path, telemetry_rows=5), clock) as store:
        woken = asyncio.Event()
        store.on_commit(woken.set)
        store.submit(batch(clock, T, 1, 2, 3, 4))
        await asyncio.sleep(0.02)
        assert not woken.is_set()
        store.submit(batch(clock, T, 5))
        await asyncio.wait_for(woken.wait(), 10)
        assert (await store.backlog(T)).rows == 5


async def test_telemetry_waits_no_longer_than_the_spec_says(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path, telemetry_wait_ms=10), clock) as store:
        woken = asyncio.Event()
        store.on_commit(woken.set)
        store.submit(batch(clock, T, 1))
        await asyncio.wait_for(woken.wait(), 10)


async def test_many_who_wait_share_commits(tmp_path: Path) -> None:
    clock = FakeClock()
    begun, open_connection = counting()
    async with running(spec_of(tmp_path), clock, open_connection=open_connection) as store:
        begun.clear()
        numbers = await asyncio.gather(*(store.put(batch(clock, Stream.EVENTS, n)) for n in range(50)))
        assert sorted(number for (number,) in numbers) == list(range(1, 51))
        assert len(begun) <= 3


async def test_a_batch_is_one_transaction_with_its_alarm_states(tmp_path: Path) -> None:
    clock = FakeClock()
    active = Alarm(AlarmState.ACTIVE, clock.now(), 12_345, value=4.0)
    pending = Alarm(AlarmState.NORMAL, None, 99, value=True)
    names = AlarmName("pump-1.dry-run"), AlarmName("pump-1.high"), AlarmName("lift.door")
    async with running(spec_of(tmp_path), clock) as store:
        states = ((names[0], active), (names[1], pending), (names[2], Alarm(AlarmState.ACKED, clock.now(), None, value="open")))
        assert await store.put(Batch((item(clock, Stream.ALARMS, 1),), states)) == (1,)
        assert await store.put(Batch((), ((names[2], Alarm()),))) == ()
    async with running(spec_of(tmp_path), clock) as store:
        assert await store.load_alarms() == {names[0]: active, names[1]: pending}
        assert type((await store.load_alarms())[names[0]].value) is float


async def test_the_time_of_an_alarm_state_is_made_true_too(tmp_path: Path) -> None:
    clock = FakeClock(synced=False)
    taken = clock.now()
    name = AlarmName("lift.door")
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(Batch((), ((name, Alarm(AlarmState.ACTIVE, taken)),)))
        await store.set_boot_offset(taken.boot, 5_000_000)
        since = (await store.load_alarms())[name].since
        assert since == Stamp(5_000_000 + taken.boot_ms, taken.boot_ms, taken.boot, synced=True)


async def test_numbers_epoch_acknowledgements_and_times_outlive_a_restart(tmp_path: Path) -> None:
    clock = FakeClock(synced=False)
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(batch(clock, Stream.EVENTS, *range(10)))
        await store.acknowledge(Stream.EVENTS, 1, 3)
        await store.acknowledge(Stream.EVENTS, 6, 7)
        await store.park(Stream.EVENTS, 9, 9, "topic invalid")
        await store.set_boot_offset(clock.boot, 1000)
        epoch = store.epoch
    clock.boot = BootId("boot-b")
    async with running(spec_of(tmp_path), clock) as store:
        assert store.epoch == epoch
        rows = await store.read(Stream.EVENTS, 0, 100, 1 << 20)
        assert [row.seq for row in rows] == [4, 5, 8, 10, 11]
        gap = {"type": "gap", "stream": "events", "from": 9, "to": 9, "reason": "dead-letter"}
        assert json.loads(rows[-1].body) == gap
        assert all(row.at.synced and row.at.wall_ms == row.at.boot_ms + 1000 for row in rows)
        assert await store.put(batch(clock, Stream.EVENTS, 11)) == (12,)
        assert (await store.backlog(Stream.EVENTS)).dead == 1


async def test_the_last_number_is_remembered_when_every_row_is_gone(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path, max_rows=64), clock) as store:
        await store.put(batch(clock, T, *range(60)))
        await store.acknowledge(T, 1, 60)
        await store.put(batch(clock, T, *range(60)))
        await store.acknowledge(T, 61, 120)
        await store.put(batch(clock, Stream.EVENTS, *range(60)))
    async with running(spec_of(tmp_path), clock) as store:
        assert (await store.backlog(T)).last_seq == 120
        assert await store.put(batch(clock, T, 1)) == (121,)


async def test_acknowledgements_are_written_though_nothing_else_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeguard.store.writer.ACK_WRITE_S", 0.01)
    monkeypatch.setattr("edgeguard.store.writer.ACK_ALONE_S", 0.02)
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(batch(clock, T, 1, 2, 3))
        await store.acknowledge(T, 1, 2)
        assert len(await store.read(T, 0, 10, 100)) == 1  # handed to the desk by a read, still to be written

        def floor() -> int:
            with sqlite3.connect(f"file:{tmp_path / DATABASE}?mode=ro", uri=True) as reader:
                row = reader.execute("SELECT floor FROM streams WHERE stream = 'telemetry'").fetchone()
            reader.close()
            return int(row[0]) if row else 0

        await until(lambda: floor() == 2)


async def test_acknowledgements_wait_for_items_to_be_written_along_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeguard.store.writer.ACK_WRITE_S", 0.01)
    monkeypatch.setattr("edgeguard.store.writer.ACK_ALONE_S", 3600.0)
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(batch(clock, T, 1, 2, 3))
        await store.acknowledge(T, 1, 2)
        await asyncio.sleep(0.05)
        assert store._keeper.ledger.streams[T].floor == 0
        await store.put(batch(clock, T, 4))
        assert (store._keeper.ledger.streams[T].floor, store._keeper.ledger.marks_dirty) == (2, False)


async def test_done_rows_are_removed_in_big_ranges_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeguard.store.writer.PRUNE_ROWS", 50)
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(batch(clock, T, *range(100)))
        await store.acknowledge(T, 1, 49)
        await store.flush()
        assert store._keeper.ledger.streams[T].first == 1
        await store.acknowledge(T, 50, 60)
        await store.flush()
        assert store._keeper.ledger.streams[T].first == 61
        assert len(await bodies(store, T)) == 40


async def test_closing_commits_what_waits_and_leaves_one_whole_file(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        store.submit(batch(clock, T, 1, 2))
        await store.close()
        await store.close()
        assert not (tmp_path / (DATABASE + "-wal")).exists()
        with pytest.raises(StoreError):
            await store.read(T, 0, 1, 1)
    async with running(spec_of(tmp_path), clock) as store:
        assert len(await bodies(store, T)) == 2


async def test_a_wait_given_up_takes_nothing_back(tmp_path: Path) -> None:
    clock = FakeClock()
    store = await Store.open(spec_of(tmp_path), clock, deaf)
    waiting = asyncio.create_task(store.put(batch(clock, Stream.ALARMS, 1)))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await store.flush()
    assert len(await bodies(store, Stream.ALARMS)) == 1
    await store.close()


async def test_a_loop_cancelled_in_the_middle_of_a_commit_loses_nothing(tmp_path: Path) -> None:
    clock = FakeClock()
    store = await Store.open(spec_of(tmp_path), clock, deaf)
    for number in range(1, 30):
        loop = asyncio.create_task(store.run())
        waiting = asyncio.create_task(store.put(batch(clock, Stream.ALARMS, number)))
        for _ in range(number % 7):
            await asyncio.sleep(0)
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
        await store.flush()
        assert await waiting == (number,)
    assert len(await bodies(store, Stream.ALARMS)) == 29
    await store.close()


async def test_figures_tell_fill_rate_and_how_long_it_holds(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path, max_rows=1000, max_bytes=1 << 30), clock) as store:
        assert (await store.figures()).holds_s is None
        clock.advance(100)
        await store.put(batch(clock, T, *range(100)))
        figures = await store.figures()
        assert figures.rows_per_s == pytest.approx(1.0)
        assert figures.holds_s == pytest.approx(900.0)
        assert figures.rows == 100
        assert figures.file_bytes >= figures.used_bytes > 0
        clock.advance(3600)
        assert (await store.figures()).rows_per_s == 0.0


async def test_a_log_that_has_outgrown_its_bound_is_cut_when_there_is_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that stood in the way had let it grow: once it is gone, the log shrinks, and nothing of it is lost."""
    clock = FakeClock()
    wal = tmp_path / f"{DATABASE}-wal"
    monkeypatch.setattr(grouping, "WAL_MAX_BYTES", 100_000)
    async with running(spec_of(tmp_path), clock) as store:
        with closing(sqlite3.connect(f"file:{tmp_path / DATABASE}?mode=ro", uri=True, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM events").fetchone()
            for number in range(40):
                await store.put(Batch((Item(Stream.EVENTS, clock.now(), b'{"n":%d,"pad":"%s"}' % (number, b"x" * 8000)),)))
            assert wal.stat().st_size > 300_000
        await store._writer.do(grouping.tidy, Caps(1 << 30, 1 << 20, None), clock.now(), tmp_path / DATABASE)
        assert wal.stat().st_size < 100_000
        assert (await store.backlog(Stream.EVENTS)).rows == 40
