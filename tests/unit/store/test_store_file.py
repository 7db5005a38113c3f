"""Schema steps, the witness, and how SQLite is set up."""

import os
import sqlite3
from pathlib import Path

import pytest
from store_kit import item

from edgeguard.core.departure import Departures
from edgeguard.core.errors import Permanent
from edgeguard.core.ids import Epoch
from edgeguard.core.item import STREAMS, Stream
from edgeguard.core.limits import DEAD_LETTERS_MAX, WITNESS_EVERY_S
from edgeguard.store import group as grouping
from edgeguard.store import schema
from edgeguard.store.damage import DATABASE, close_sound, open_outbox
from edgeguard.store.group import Group
from edgeguard.store.ledger import Ledger
from edgeguard.store.retention import Caps
from edgeguard.store.witness import Witness, hear
from edgeguard.testing.clock import FakeClock

EPOCH = Epoch("00112233445566aa")


def opened(directory: Path) -> Ledger:
    return open_outbox(directory, EPOCH, 0, lambda loss: pytest.fail(loss.reason))


def test_schema_files_are_numbered_from_one_without_gaps() -> None:
    assert [number for number, _ in schema.steps()] == list(range(1, len(schema.steps()) + 1))


def test_migration_brings_an_empty_file_to_the_newest_schema_and_then_changes_nothing(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    for _ in range(2):
        schema.migrate(connection, "x.db")
        assert schema.version_of(connection) == schema.steps()[-1][0]
        assert connection.execute("PRAGMA application_id").fetchone()[0] == schema.APPLICATION_ID
    connection.execute("PRAGMA user_version = 77")
    with pytest.raises(Permanent, match=r"x\.db has schema 77"):
        schema.migrate(connection, "x.db")
    connection.close()


def test_a_step_that_fails_leaves_the_schema_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    schema.migrate(connection, "x.db")
    known = schema.steps()
    newer = (known[-1][0] + 1, "CREATE TABLE extra (x); INSERT INTO nowhere VALUES (1);")
    monkeypatch.setattr(schema, "steps", lambda: (*known, newer))
    with pytest.raises(sqlite3.OperationalError):
        schema.migrate(connection, "x.db")
    assert schema.version_of(connection) == known[-1][0]
    assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'extra'").fetchone() == (0,)
    connection.close()


def test_the_connection_is_set_up_for_durability(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    expected = {"journal_mode": "wal", "synchronous": 2, "secure_delete": 2, "mmap_size": 0}
    assert {name: ledger.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in expected} == expected
    assert (tmp_path / DATABASE).stat().st_mode & 0o777 == 0o600
    close_sound(ledger)


def test_an_insert_touches_no_table_but_its_own(tmp_path: Path) -> None:
    """What keeps the bytes written per item low: no counter, no index, no mark is written along."""
    ledger, clock = opened(tmp_path), FakeClock()
    commit(ledger, clock, 1)
    seen: set[str] = set()

    def watch(action: int, name: str | None, *_: str | None) -> int:
        if action in (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE):
            seen.add(str(name))
        return sqlite3.SQLITE_OK

    ledger.connection.set_authorizer(watch)
    commit(ledger, clock, 5)
    assert seen <= {"telemetry"}
    ledger.connection.set_authorizer(None)
    close_sound(ledger)


def commit(ledger: Ledger, clock: FakeClock, count: int) -> None:
    items = tuple(item(clock, Stream.TELEMETRY, number) for number in range(count))
    grouping.commit(ledger, Group(items, (), (), None, clock.now(), save_marks=False), Caps(1 << 30, 1 << 30, None))


def test_dead_letters_are_bounded_and_the_newest_stay(tmp_path: Path) -> None:
    ledger, clock = opened(tmp_path), FakeClock()
    commit(ledger, clock, DEAD_LETTERS_MAX + 10)
    assert grouping.park(ledger, Stream.TELEMETRY, 1, DEAD_LETTERS_MAX + 10, "poison", clock.now()) == DEAD_LETTERS_MAX + 10
    rows = ledger.connection.execute("SELECT min(seq), max(seq), count(*), min(reason) FROM dead_letters").fetchone()
    assert rows == (11, DEAD_LETTERS_MAX + 10, DEAD_LETTERS_MAX, "poison")
    close_sound(ledger)


def test_a_crash_after_the_last_row_was_removed_forgets_no_number(tmp_path: Path) -> None:
    ledger, clock = opened(tmp_path), FakeClock()
    commit(ledger, clock, 10)
    ledger.mark_done(Stream.TELEMETRY, 1, 10)
    assert grouping.prune(ledger, 1) == 10
    ledger.connection.close()
    ledger.witness.close()
    ledger = opened(tmp_path)
    state = ledger.streams[Stream.TELEMETRY]
    assert (state.first, state.last, state.floor, state.rows) == (11, 10, 10, 0)
    commit(ledger, clock, 1)
    assert [row.seq for row in ledger.read(Stream.TELEMETRY, 0, 10, 1000, None)] == [11]
    kept = Departures().plain(clock.now(), item(clock, Stream.TELEMETRY, 0).body)
    assert kept is not None
    assert ledger.bytes_between(Stream.TELEMETRY, 11, 11) == len(kept)
    close_sound(ledger)


def test_a_half_made_file_is_never_met(tmp_path: Path) -> None:
    (tmp_path / (DATABASE + ".new")).write_bytes(b"half")
    (tmp_path / (DATABASE + ".new-journal")).write_bytes(b"half")
    close_sound(opened(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == [DATABASE, DATABASE + ".last"]


def test_the_witness_says_what_it_saw_last(tmp_path: Path) -> None:
    path = tmp_path / "seen"
    assert hear(path) is None
    witness = Witness(path)
    assert hear(path) is None
    for number in (5, 6):
        last = {stream: number + place for place, stream in enumerate(STREAMS)}
        witness.see(EPOCH, last, at_once=True)
        told = hear(path)
        assert told is not None
        assert (told.epoch, told.last) == (EPOCH, last)
    witness.close()
    witness.close()


def test_a_witness_asked_often_writes_seldom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = 100.0
    monkeypatch.setattr("time.monotonic", lambda: at)
    witness = Witness(tmp_path / "seen")
    for number in range(1, 10):
        witness.see(EPOCH, dict.fromkeys(STREAMS, number))
    told = hear(tmp_path / "seen")
    assert told is not None
    assert set(told.last.values()) == {1}
    at += 2 * WITNESS_EVERY_S
    witness.see(EPOCH, dict.fromkeys(STREAMS, 10))
    told = hear(tmp_path / "seen")
    assert told is not None
    assert set(told.last.values()) == {10}
    witness.close()


def test_a_witness_that_cannot_be_believed_is_silent(tmp_path: Path) -> None:
    path = tmp_path / "seen"
    witness = Witness(path)
    witness.see(EPOCH, dict.fromkeys(STREAMS, 7))
    witness.close()
    sound = path.read_bytes()
    for position in range(len(sound)):
        path.write_bytes(sound[:position] + bytes([sound[position] ^ 1]) + sound[position + 1 :])
        assert hear(path) is None
    path.write_bytes(sound[:-1])
    assert hear(path) is None
    path.unlink()
    path.mkdir()
    assert hear(path) is None
    Witness(path).see(EPOCH, dict.fromkeys(STREAMS, 8))
    path.rmdir()
    os.mkfifo(path)
    assert hear(path) is None
