"""A disk that refuses: nothing accepted is lost, nothing is committed twice, news on changes only, and it goes on by itself."""

import asyncio
import sqlite3
import threading
from pathlib import Path

import orjson
import pytest
from store_kit import AMPLE, Faults, batch, bodies, deaf, everything, hurry, item, running, spec_of, until

from edgeguard.core.alarm import Alarm, AlarmState
from edgeguard.core.errors import StoreError
from edgeguard.core.health import Health
from edgeguard.core.ids import AlarmName
from edgeguard.core.item import Stream
from edgeguard.core.limits import DEAD_LETTER_QUIET_MS, DISK_LOW_BYTES, PENDING_ITEMS
from edgeguard.store import Batch, Store
from edgeguard.store.damage import connect
from edgeguard.store.group import BALLAST
from edgeguard.testing.clock import FakeClock


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody here waits for the writer's pauses."""
    hurry(monkeypatch)


IOERR_FSYNC = sqlite3.SQLITE_IOERR | (4 << 8)


def a_world() -> tuple[FakeClock, list[Health], Faults]:
    return FakeClock(), [], Faults()


def told(news: list[Health]) -> list[tuple[str, bool]]:
    return [(each.code, each.ok) for each in news]


@pytest.mark.parametrize(
    ("code", "word", "reopened"),
    [
        (sqlite3.SQLITE_FULL, "disk-full", False),
        (sqlite3.SQLITE_BUSY, "busy", False),
        (sqlite3.SQLITE_LOCKED, "busy", False),
        (sqlite3.SQLITE_READONLY, "read-only", True),
        (sqlite3.SQLITE_IOERR, "io-error", True),
        (IOERR_FSYNC, "io-error", True),
        (sqlite3.SQLITE_CANTOPEN, "io-error", True),
    ],
)
@pytest.mark.parametrize("word_at", ["BEGIN", "INSERT INTO events", "COMMIT"])
async def test_a_refused_commit_is_repeated_once_and_told_once(
    tmp_path: Path, code: int, word: str, reopened: bool, word_at: str
) -> None:
    clock, news, faults = a_world()
    async with running(spec_of(tmp_path), clock, news, open_connection=faults.connect) as store:
        assert await store.put(batch(clock, Stream.EVENTS, 1)) == (1,)
        epoch, opened = store.epoch, faults.opened
        faults.set(code, word_at)
        assert await store.put(batch(clock, Stream.EVENTS, 2, 3)) == (2, 3)
        assert faults.spent
        assert told(news) == [(word, False), (word, True)]
        assert (faults.opened > opened) == reopened
        assert [row.seq for row in await everything(store, Stream.EVENTS)] == [1, 2, 3]
        assert store.epoch == epoch


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR, IOERR_FSYNC])
async def test_a_commit_that_failed_but_is_in_the_file_is_not_made_twice(tmp_path: Path, code: int) -> None:
    clock, _, faults = a_world()
    async with running(spec_of(tmp_path), clock, open_connection=faults.connect) as store:
        await store.put(batch(clock, Stream.EVENTS, 1))
        faults.set(code, "COMMIT", after=True)
        items = (item(clock, Stream.EVENTS, 2), item(clock, Stream.ALARMS, 3), item(clock, Stream.EVENTS, 4))
        assert await store.put(Batch(items)) == (2, 1, 3)
        assert faults.spent
        assert len(await bodies(store, Stream.EVENTS)) == 3
        assert await bodies(store, Stream.ALARMS) == [items[1].body]


async def test_what_was_acknowledged_before_the_file_was_opened_again_is_not_sent_again(tmp_path: Path) -> None:
    clock, _, faults = a_world()
    async with running(spec_of(tmp_path), clock, open_connection=faults.connect) as store:
        await store.put(batch(clock, Stream.EVENTS, 1, 2, 3, 4))
        await store.acknowledge(Stream.EVENTS, 1, 1)
        assert len(await everything(store, Stream.EVENTS)) == 3  # the desk knows the first, the second is on its way to it
        await store.acknowledge(Stream.EVENTS, 3, 3)
        faults.set(sqlite3.SQLITE_IOERR, "COMMIT")
        await store.put(batch(clock, Stream.EVENTS, 5))
        assert [row.seq for row in await everything(store, Stream.EVENTS)] == [2, 4, 5]


async def test_a_disk_that_stays_broken_keeps_items_in_memory_until_it_is_mended(tmp_path: Path) -> None:
    clock, news, faults = a_world()
    async with running(spec_of(tmp_path), clock, news, open_connection=faults.connect) as store:
        await store.put(batch(clock, Stream.EVENTS, 0))
        faults.set(sqlite3.SQLITE_IOERR, "COMMIT", "OPEN", times=10_000)
        waiting = [asyncio.create_task(store.put(batch(clock, Stream.EVENTS, number))) for number in range(1, 6)]
        await until(lambda: told(news) == [("io-error", False)])
        with pytest.raises(StoreError):
            await store.read(Stream.EVENTS, 0, 1, 1)
        with pytest.raises(StoreError):
            await store.flush()
        figures = await store.figures()
        assert (figures.trouble, figures.last_error) == ("io-error", "injected (CODE_10)")
        faults.clear()
        assert sorted(await asyncio.gather(*waiting)) == [(2,), (3,), (4,), (5,), (6,)]
        assert told(news) == [("io-error", False), ("io-error", True)]


async def test_the_store_opens_on_a_disk_that_refuses_and_goes_on_when_it_is_mended(tmp_path: Path) -> None:
    clock, news, faults = a_world()
    faults.set(sqlite3.SQLITE_CANTOPEN, "OPEN", times=10_000)
    async with running(spec_of(tmp_path), clock, news, open_connection=faults.connect) as store:
        assert await store.load_alarms() == {}
        assert (await store.figures()).rows == 0
        waiting = asyncio.create_task(store.put(batch(clock, Stream.ALARMS, 1)))
        faults.clear()
        assert await waiting == (1,)
        assert told(news) == [("io-error", False), ("io-error", True)]


async def test_items_dropped_from_memory_are_counted_and_told_by_a_gap_record(tmp_path: Path) -> None:
    clock, _, faults = a_world()
    async with running(spec_of(tmp_path), clock, open_connection=faults.connect) as store:
        faults.set(sqlite3.SQLITE_BUSY, "BEGIN", times=10_000)
        refused = asyncio.create_task(store.put(batch(clock, Stream.TELEMETRY, 1)))
        await asyncio.sleep(0)
        alarm = batch(clock, Stream.ALARMS, 1)
        store.submit(alarm)
        chunk = batch(clock, Stream.TELEMETRY, *range(100))
        for _ in range(PENDING_ITEMS // 100 + 5):
            store.submit(chunk)
        with pytest.raises(StoreError):
            await refused
        dropped = dict((await store.figures()).dropped)[Stream.TELEMETRY]
        assert dropped >= 501
        faults.clear()
        await until(lambda: store._writer.pending.items == 0)
        await store.flush()
        (gap,) = [orjson.loads(body) for body in await bodies(store, Stream.EVENTS)]
        assert gap == {
            "type": "gap", "stream": "telemetry", "from": None, "to": None, "reason": "disk-full", "items": dropped
        }  # fmt: skip
        assert await bodies(store, Stream.ALARMS) == [alarm.items[0].body]
        backlog = await store.backlog(Stream.TELEMETRY)
        assert backlog.rows == 1 + (PENDING_ITEMS // 100 + 5) * 100 - dropped


async def test_when_room_is_short_alarms_alone_are_stored_and_the_rest_waits(tmp_path: Path) -> None:
    clock, news, _ = a_world()
    free = DISK_LOW_BYTES - 1
    async with running(spec_of(tmp_path), clock, news, free_bytes=lambda _: free) as store:
        event = asyncio.create_task(store.put(batch(clock, Stream.EVENTS, 1)))
        assert await store.put(batch(clock, Stream.ALARMS, 2)) == (1,)
        assert told(news) == [("disk-full", False)]
        figures = await store.figures()
        assert (figures.trouble, "only alarms are stored" in figures.last_error) == ("disk-full", True)
        assert not event.done()
        free = AMPLE
        assert await event == (1,)
        assert told(news) == [("disk-full", False), ("disk-full", True)]


async def test_on_a_full_disk_the_ballast_goes_for_the_alarms_and_is_laid_in_again(tmp_path: Path) -> None:
    clock, news, faults = a_world()
    free = AMPLE
    async with running(spec_of(tmp_path), clock, news, lambda _: free, faults.connect) as store:
        await store.put(batch(clock, Stream.EVENTS, 1))
        assert (tmp_path / BALLAST).stat().st_size > 0
        free = 0
        store.submit(Batch((item(clock, Stream.EVENTS, 2),)))
        faults.set(sqlite3.SQLITE_FULL, "INSERT INTO alarms")
        assert await store.put(batch(clock, Stream.ALARMS, 3)) == (1,)
        assert faults.spent
        assert not (tmp_path / BALLAST).exists()
        free = AMPLE
        await until(lambda: ("disk-full", True) in told(news))
        assert len(await bodies(store, Stream.EVENTS)) == 2
        await until(lambda: (tmp_path / BALLAST).exists())


async def test_damage_reported_by_any_statement_sets_the_file_aside(tmp_path: Path) -> None:
    for number, (code, word) in enumerate(
        [(sqlite3.SQLITE_CORRUPT, "COMMIT"), (sqlite3.SQLITE_NOTADB, "BEGIN"), (sqlite3.SQLITE_CORRUPT, "INSERT INTO alarms")]
    ):
        clock, news, faults = a_world()
        async with running(spec_of(tmp_path / str(number)), clock, news, open_connection=faults.connect) as store:
            await store.put(batch(clock, Stream.ALARMS, 1))
            old = store.epoch
            faults.set(code, word)
            assert await store.put(batch(clock, Stream.ALARMS, 2)) == (1,)
            assert store.epoch != old
            assert [each.code for each in news] == ["damaged"]
            (gap,) = [orjson.loads(body) for body in await bodies(store, Stream.EVENTS)]
            assert (gap["stream"], gap["from"], gap["to"], gap["epoch"]) == ("alarms", 1, 1, old)


async def test_after_damage_the_alarm_states_can_be_written_again(tmp_path: Path) -> None:
    clock, _, faults = a_world()
    name, active = AlarmName("pump-1.dry-run"), Alarm(AlarmState.ACTIVE, clock.now())
    told_at: list[str] = []
    async with running(spec_of(tmp_path), clock, open_connection=faults.connect) as store:

        def again() -> None:
            told_at.append(store.epoch)
            store.submit(Batch((), ((name, active),)))

        store.on_new_epoch(again)
        await store.put(Batch((item(clock, Stream.ALARMS),), ((name, active),)))
        assert told_at == []
        faults.set(sqlite3.SQLITE_CORRUPT, "INSERT INTO alarms")
        await store.put(batch(clock, Stream.ALARMS, 2))
        await store.flush()
        assert told_at == [store.epoch]
        assert await store.load_alarms() == {name: active}


async def test_alarm_states_of_a_disk_that_comes_late_can_be_asked_for_then(tmp_path: Path) -> None:
    clock, _, faults = a_world()
    name, active = AlarmName("pump-1.dry-run"), Alarm(AlarmState.ACTIVE, clock.now())
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(Batch((item(clock, Stream.ALARMS),), ((name, active),)))
        epoch = store.epoch
    faults.set(sqlite3.SQLITE_CANTOPEN, "OPEN", times=1)
    late: list[str] = []
    store = await Store.open(spec_of(tmp_path), clock, deaf, free_bytes=lambda _: AMPLE, open_connection=faults.connect)
    store.on_new_epoch(lambda: late.append(store.epoch))
    assert await store.load_alarms() == {}
    await store.flush()
    assert late == [epoch]
    assert await store.load_alarms() == {name: active}
    await store.close()


async def test_acknowledgements_of_the_old_epoch_do_not_count_in_the_new_one(tmp_path: Path) -> None:
    """Read and sent before the damage, acknowledged after it was noticed and before the new file is there."""
    clock, _, faults = a_world()
    async with running(spec_of(tmp_path), clock, open_connection=faults.connect) as store:
        for number in range(5):
            await store.put(batch(clock, Stream.ALARMS, number))
        old = store.epoch
        faults.set(sqlite3.SQLITE_CORRUPT, "SELECT seq")
        with pytest.raises(StoreError):
            await store.read(Stream.ALARMS, 0, 10, 1000)
        assert store.epoch == old
        await store.acknowledge(Stream.ALARMS, 1, 5)
        with pytest.raises(StoreError):
            await store.park(Stream.ALARMS, 1, 1, "topic invalid")
        await until(lambda: store.epoch != old)
        assert await store.put(batch(clock, Stream.ALARMS, 9)) == (1,)
        backlog = await store.backlog(Stream.ALARMS)
        assert (backlog.rows, backlog.dead) == (1, 0)


async def test_news_of_dead_letters_are_few_and_end(tmp_path: Path) -> None:
    clock, news, _ = a_world()
    async with running(spec_of(tmp_path), clock, news) as store:
        await store.put(batch(clock, Stream.EVENTS, *range(9)))
        for seq in (1, 3, 5):
            await store.park(Stream.EVENTS, seq, seq, "topic invalid")
            await store.acknowledge(Stream.EVENTS, seq + 1, seq + 1)
        assert told(news) == [("dead-letter", False)]
        clock.advance(DEAD_LETTER_QUIET_MS / 1000)
        await store.acknowledge(Stream.EVENTS, 7, 7)
        assert told(news) == [("dead-letter", False), ("dead-letter", True)]


async def test_a_parked_gap_record_breeds_no_other(tmp_path: Path) -> None:
    clock, _, _ = a_world()
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(batch(clock, Stream.TELEMETRY, 1))
        await store.park(Stream.TELEMETRY, 1, 1, "payload format invalid")
        assert [row.seq for row in await everything(store, Stream.EVENTS)] == [1]
        await store.park(Stream.EVENTS, 1, 1, "payload format invalid")
        assert await everything(store, Stream.EVENTS) == []
        assert (await store.backlog(Stream.EVENTS)).dead == 1


async def test_a_database_taken_away_while_in_use_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeguard.store.writer.STORE_LOOK_S", 0.01)
    clock, news, _ = a_world()
    async with running(spec_of(tmp_path), clock, news) as store:
        await store.put(batch(clock, Stream.ALARMS, 1))
        old = store.epoch
        (tmp_path / "outbox.db").unlink()
        await until(lambda: store.epoch != old)
        assert await store.put(batch(clock, Stream.ALARMS, 2)) == (1,)
        assert ("damaged", False) in told(news)


async def test_a_disk_that_does_not_answer_is_told_once_and_whoever_asks_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, news, faults = a_world()
    back = threading.Event()
    async with running(spec_of(tmp_path), clock, news, open_connection=faults.connect) as store:
        await store.put(batch(clock, Stream.EVENTS, 1))
        await store.figures()
        monkeypatch.setattr("edgeguard.store.keeper.DISK_STUCK_S", 0.02)
        monkeypatch.setattr("edgeguard.store.store.FIGURES_WITHIN_S", 0.01)
        try:
            hangs = asyncio.create_task(store._writer.do(lambda _: back.wait(30)))
            put = asyncio.create_task(store.put(batch(clock, Stream.EVENTS, 2)))
            await until(lambda: bool(news))
            figures = [await store.figures() for _ in range(20)][-1]
            assert (figures.trouble, figures.rows, "has not answered" in figures.last_error) == ("not-answering", 1, True)
            assert not put.done()
        finally:
            monkeypatch.setattr("edgeguard.store.keeper.DISK_STUCK_S", 60.0)
            back.set()
        await hangs
        assert await put == (2,)
        assert told(news) == [("not-answering", False), ("not-answering", True)]
        assert (await store.figures()).trouble is None


async def test_a_disk_that_does_not_answer_at_the_start_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes meanwhile waits in memory, and the file that was there goes on with its numbers and its epoch."""
    clock, news, back = FakeClock(), list[Health](), threading.Event()
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(batch(clock, Stream.EVENTS, 1))
        epoch = store.epoch

    def hanging(uri: str) -> sqlite3.Connection:
        back.wait(30)
        return connect(uri)

    monkeypatch.setattr("edgeguard.store.keeper.OPEN_WITHIN_S", 0.02)
    renewed: list[str] = []
    try:
        async with running(spec_of(tmp_path), clock, news, open_connection=hanging) as store:
            store.on_new_epoch(lambda: renewed.append(store.epoch))
            put = asyncio.create_task(store.put(batch(clock, Stream.ALARMS, 2)))
            assert (told(news), await store.load_alarms(), (await store.figures()).trouble) == (
                [("not-answering", False)],
                {},
                "not-answering",
            )
            back.set()
            assert await put == (1,)
            await until(lambda: len(news) == 2)
            assert (told(news)[1], store.epoch, renewed) == (("not-answering", True), epoch, [epoch])
            assert await store.put(batch(clock, Stream.EVENTS, 3)) == (2,)
    finally:
        back.set()


async def test_a_disk_that_never_answers_lets_the_store_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, back = FakeClock(), threading.Event()

    def hanging(uri: str) -> sqlite3.Connection:
        back.wait(30)
        return connect(uri)

    monkeypatch.setattr("edgeguard.store.keeper.OPEN_WITHIN_S", 0.02)
    monkeypatch.setattr("edgeguard.store.store.STORE_CLOSE_S", 0.02)
    store = await Store.open(spec_of(tmp_path), clock, deaf, open_connection=hanging)
    waiting = asyncio.create_task(store.put(batch(clock, Stream.ALARMS, 1)))
    await asyncio.sleep(0)
    await store.close()
    with pytest.raises(StoreError):
        await waiting
    back.set()
    assert store._keeper._opening is not None
    assert await store._keeper._opening is None, "what comes when all is over is closed at once"


async def test_a_bug_is_not_taken_for_trouble_of_the_disk(tmp_path: Path) -> None:
    clock, _, faults = a_world()
    store = await Store.open(spec_of(tmp_path), clock, deaf, open_connection=faults.connect)
    faults.set(sqlite3.SQLITE_MISUSE, "INSERT INTO events")
    store.submit(batch(clock, Stream.EVENTS, 1))
    with pytest.raises(sqlite3.OperationalError):
        await store.run()
    await store.close()


async def test_closing_on_a_disk_that_refuses_ends_and_tells_whoever_waits(tmp_path: Path) -> None:
    clock, _, faults = a_world()
    async with running(spec_of(tmp_path), clock, open_connection=faults.connect) as store:
        faults.set(sqlite3.SQLITE_FULL, "BEGIN", times=10_000)
        waiting = asyncio.create_task(store.put(batch(clock, Stream.ALARMS, 1)))
        await until(lambda: store._keeper.trouble is not None)
        await store.close()
        with pytest.raises(StoreError):
            await waiting
