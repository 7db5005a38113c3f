"""Eleven and more ways to find the outbox damaged: the store opens all the same, tells it, and never gives a number twice."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import orjson
import pytest
from store_kit import batch, bodies, deaf, everything, hurry, item, running, spec_of, until

from edgeguard.core.alarm import Alarm, AlarmState
from edgeguard.core.errors import Permanent, StoreError
from edgeguard.core.health import Health
from edgeguard.core.ids import AlarmName
from edgeguard.core.item import Stream
from edgeguard.core.limits import QUARANTINE_KEEP
from edgeguard.store import Batch, Store, audit_body
from edgeguard.store.damage import DATABASE, QUARANTINE
from edgeguard.testing.clock import FakeClock


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody here waits for the writer's pauses."""
    hurry(monkeypatch)


ROWS = 300


async def fill(directory: Path) -> str:
    """A closed outbox with some hundred rows; gives its epoch."""
    clock = FakeClock()
    async with running(spec_of(directory), clock) as store:
        for number in range(ROWS):
            store.submit(batch(clock, Stream.TELEMETRY, number))
        await store.flush()
        return store.epoch


async def crash(directory: Path, source: Path) -> str:
    """An outbox as kill -9 leaves it, with commits in the -wal: the files of a running store, copied."""
    clock = FakeClock()
    async with running(spec_of(source), clock) as store:
        for number in range(3):
            store.submit(batch(clock, Stream.TELEMETRY, *range(number * 100, number * 100 + 100)))
            await store.flush()
        directory.mkdir()
        for suffix in ("", "-wal", "-shm", ".last"):
            shutil.copy(source / (DATABASE + suffix), directory / (DATABASE + suffix))
        return store.epoch


def patch(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def flip_header(path: Path) -> None:
    patch(path, 3, b"\xff")


def flip_pages(path: Path) -> None:
    for page in range(1, path.stat().st_size // 4096):
        patch(path, page * 4096, b"\x00\xff\x55\xaa")


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def cut_mid_page(path: Path) -> None:
    os.truncate(path, 5000)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def text(path: Path) -> None:
    path.write_text("these are the notes of the electrician\n" * 500)


def directory_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").write_text("x")


def symlink_instead(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def log_is_a_directory(path: Path) -> None:
    path.with_name(DATABASE + "-wal").mkdir()


def foreign_database(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE meta (one, epoch, clean)")
        connection.execute("PRAGMA application_id = 7")
    connection.close()


def table_gone(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE telemetry")
    connection.close()


def rows_gone(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM telemetry WHERE seq < 20")
    connection.close()


def tail_gone(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM telemetry WHERE seq > 20")
    connection.close()


def database_gone(path: Path) -> None:
    path.unlink()
    path.with_name(DATABASE + "-wal").write_bytes(b"left over")


def changed(sql: str) -> Callable[[Path], None]:
    """What SQLite finds sound: a bit within a text, a value of another type, a table under another name."""

    def change(path: Path) -> None:
        with sqlite3.connect(path) as connection:
            connection.execute(sql)
        connection.close()

    return change


MEANINGLESS = {
    "epoch that is none": "UPDATE meta SET epoch = 'x' || substr(epoch, 2)",
    "epoch of bytes": "UPDATE meta SET epoch = x'ff'",
    "no epoch": "DELETE FROM meta",
    "table by another name": "ALTER TABLE alarm_states RENAME TO alarm_stades",
    "text for a number": "UPDATE telemetry SET boot = 'a' WHERE seq = 300",
    "the last of all numbers": "UPDATE telemetry SET seq = 9223372036854775807 WHERE seq = 300",
}
KINDS: list[Callable[[Path], None]] = [
    flip_header,
    flip_pages,
    truncate,
    cut_mid_page,
    empty,
    text,
    directory_instead,
    symlink_instead,
    log_is_a_directory,
    foreign_database,
    table_gone,
    rows_gone,
    tail_gone,
    database_gone,
]


async def expect_new_epoch(directory: Path, old: str) -> Health:
    """The store opens, works and has told its loss, in the news and in gap records; what was there is set aside whole."""
    clock = FakeClock()
    news: list[Health] = []
    async with running(spec_of(directory), clock, news) as store:
        assert store.epoch != old
        assert await store.put(batch(clock, Stream.TELEMETRY, 7)) == (1,)
        gaps = await bodies(store, Stream.EVENTS)
        assert len(gaps) == 3
        assert all(b'"type":"gap"' in gap and b'"reason":"damaged"' in gap for gap in gaps)
        epoch = store.epoch
    assert [(told.source, told.code, told.ok) for told in news] == [("store", "damaged", False)]
    async with running(spec_of(directory), clock, news) as store:
        assert store.epoch == epoch
        assert await bodies(store, Stream.TELEMETRY) == [batch(clock, Stream.TELEMETRY, 7).items[0].body]
    assert len(news) == 1
    assert len(list((directory / QUARANTINE).iterdir())) == 1
    return news[0]


@pytest.mark.parametrize("damage", KINDS, ids=lambda kind: kind.__name__)
async def test_a_damaged_database_is_set_aside_and_a_new_epoch_begins(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    old = await fill(tmp_path)
    damage(tmp_path / DATABASE)
    await expect_new_epoch(tmp_path, old)


@pytest.mark.parametrize("sql", MEANINGLESS.values(), ids=MEANINGLESS.keys())
async def test_a_database_that_only_sqlite_finds_sound_is_set_aside_too(tmp_path: Path, sql: str) -> None:
    old = await fill(tmp_path)
    changed(sql)(tmp_path / DATABASE)
    await expect_new_epoch(tmp_path, old)


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("UPDATE alarm_states SET state = 'activd'", "alarm_states"),
        ("UPDATE alarm_states SET value = '1.'", "alarm_states"),
        ("UPDATE command_ids SET expires_ms = 'soon'", "command_ids"),
        ("UPDATE telemetry SET body = 'text' WHERE seq = 150", "telemetry: row 150 holds no item"),
        ("UPDATE telemetry SET boot = 'a' WHERE seq = 150", "a row"),
        ("UPDATE audit SET n = 9223372036854775807", "audit"),
        ("DELETE FROM audit; DELETE FROM audit_anchor", "audit"),
    ],
)
async def test_what_was_never_written_there_is_damage_and_no_bug(tmp_path: Path, sql: str, word: str) -> None:
    """Found when it is read: the daemon must not begin again and again over one bit."""
    clock = FakeClock()
    old = await fill(tmp_path)
    alarm = Alarm(AlarmState.ACTIVE, clock.now(), value=0.4)
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(Batch((), ((AlarmName("pump-1.dry-run"), alarm),), (("c-1", clock.now().wall_ms + 1000),)))
        await store.put(Batch((), audit=(audit_body(clock.now(), b'{"command":"read"}'),)))
        await store.flush()
    for one in sql.split("; "):
        changed(one)(tmp_path / DATABASE)
    news: list[Health] = []
    async with running(spec_of(tmp_path), clock, news) as store:
        for look in (
            store.load_alarms,
            store.load_commands,
            store.audit_head,
            lambda: store.read(Stream.TELEMETRY, 0, 400, 1 << 20),
        ):
            with suppress(StoreError):
                await look()
        await store.put(Batch((), audit=(audit_body(clock.now(), b'{"command":"read"}'),)))
        await until(lambda: store.epoch != old)
        assert await store.put(batch(clock, Stream.TELEMETRY, 7)) == (1,)
    (lost,) = [told for told in news if told.code == "damaged"]
    assert word in lost.detail


async def test_files_are_set_aside_together(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    old = await crash(directory, tmp_path / "source")
    patch(directory / DATABASE, 0, b"not SQLite at all")
    patch(directory / (DATABASE + "-wal"), 0, b"nor this")
    await expect_new_epoch(directory, old)
    (folder,) = (directory / QUARANTINE).iterdir()
    assert (folder / DATABASE).read_bytes().startswith(b"not SQLite at all")
    assert (folder / (DATABASE + "-wal")).exists()


async def test_a_crash_alone_is_no_damage_whatever_the_shm_holds(tmp_path: Path) -> None:
    for number, shm in enumerate((None, b"", b"\xa5" * 32768, b"short")):
        directory = tmp_path / f"state-{number}"
        old = await crash(directory, tmp_path / f"source-{number}")
        if shm is not None:
            (directory / (DATABASE + "-shm")).write_bytes(shm)
        news: list[Health] = []
        async with running(spec_of(directory), news=news) as store:
            assert (store.epoch, news) == (old, [])
            assert (await store.backlog(Stream.TELEMETRY)).rows == 300


async def test_a_missing_wal_is_noticed(tmp_path: Path) -> None:
    for number, names in enumerate((("-wal",), ("-wal", "-shm"))):
        directory = tmp_path / f"state-{number}"
        old = await crash(directory, tmp_path / f"source-{number}")
        for suffix in names:
            (directory / (DATABASE + suffix)).unlink()
        assert "was committed" in (await expect_new_epoch(directory, old)).detail


async def test_a_wal_cut_short_is_noticed(tmp_path: Path) -> None:
    for number, keep in enumerate((0, 10_000)):
        directory = tmp_path / f"state-{number}"
        old = await crash(directory, tmp_path / f"source-{number}")
        os.truncate(directory / (DATABASE + "-wal"), keep)
        assert "was committed" in (await expect_new_epoch(directory, old)).detail


async def test_a_broken_wal_is_noticed(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    old = await crash(directory, tmp_path / "source")
    (directory / (DATABASE + "-shm")).unlink()
    patch(directory / (DATABASE + "-wal"), 32 + 24 + 500, b"\xff\xff")
    assert "was committed" in (await expect_new_epoch(directory, old)).detail


async def test_a_transaction_that_never_was_synced_is_no_damage(tmp_path: Path) -> None:
    """What a power cut leaves: the last transaction torn, and a witness that never reached the disk."""
    directory = tmp_path / "state"
    old = await crash(directory, tmp_path / "source")
    for suffix in ("-shm", ".last"):
        (directory / (DATABASE + suffix)).unlink()
    wal = directory / (DATABASE + "-wal")
    os.truncate(wal, wal.stat().st_size - 100)
    news: list[Health] = []
    async with running(spec_of(directory), news=news) as store:
        assert (store.epoch, news) == (old, [])
        assert (await store.backlog(Stream.TELEMETRY)).rows == 200


async def test_the_wal_of_another_outbox_is_noticed(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    old = await crash(directory, tmp_path / "source-1")
    await crash(tmp_path / "other", tmp_path / "source-2")
    for suffix in ("-wal", "-shm"):
        shutil.copy(tmp_path / "other" / (DATABASE + suffix), directory / (DATABASE + suffix))
    await expect_new_epoch(directory, old)


async def test_a_newer_schema_is_refused_and_left_untouched(tmp_path: Path) -> None:
    await fill(tmp_path)
    connection = sqlite3.connect(tmp_path / DATABASE)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    with pytest.raises(Permanent, match="schema 999"):
        await Store.open(spec_of(tmp_path), FakeClock(), deaf)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


async def test_only_the_newest_quarantines_are_kept(tmp_path: Path) -> None:
    for _ in range(QUARANTINE_KEEP + 3):
        await fill(tmp_path)
        flip_header(tmp_path / DATABASE)
    await fill(tmp_path)
    folders = sorted(path.name for path in (tmp_path / QUARANTINE).iterdir())
    assert [name.rpartition("-")[2] for name in folders] == ["4", "5", "6"]
    assert folders[0].startswith("20260921T141320Z-")


async def test_damage_found_while_running_is_survived_and_told_with_the_numbers_lost(tmp_path: Path) -> None:
    clock = FakeClock()
    news: list[Health] = []
    async with running(spec_of(tmp_path), clock) as store:
        for _ in range(20):  # more than SQLite keeps in memory
            store.submit(Batch(tuple(item(clock, Stream.TELEMETRY, number, size=1000) for number in range(500))))
        await store.flush()
        old = store.epoch
    async with running(spec_of(tmp_path), clock, news) as store:
        await store.acknowledge(Stream.TELEMETRY, 1, 10)
        flip_pages(tmp_path / DATABASE)
        with pytest.raises(StoreError):
            await everything(store, Stream.TELEMETRY)
        assert await store.put(batch(clock, Stream.TELEMETRY, 1)) == (1,)
        assert store.epoch != old
        await until(lambda: [told.code for told in news] == ["damaged"])
        (gap,) = await bodies(store, Stream.EVENTS)
        told = orjson.loads(gap)
        assert (told["stream"], told["from"], told["to"], told["epoch"]) == ("telemetry", 11, 10_000, old)
