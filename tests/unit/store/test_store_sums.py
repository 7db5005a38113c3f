"""Sums of rows: what a disk has turned is found, also where it leaves a sentence that can be read; what is old is read as ever."""

import random
import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from store_kit import batch, bodies, everything, item, running, spec_of

from edgeguard.core.clock import iso_utc
from edgeguard.core.departure import Departures
from edgeguard.core.ids import Epoch
from edgeguard.core.item import STREAMS, Item, OutboxRow, PackSize, Stream
from edgeguard.store import Batch, Restoring, Store, restore
from edgeguard.store.audit_chain import ERASED_BODY
from edgeguard.store.damage import DATABASE, connect, open_outbox
from edgeguard.store.ledger import Ledger
from edgeguard.store.sums import Beside, Sums, follow
from edgeguard.store.trouble import SPOILT
from edgeguard.testing.clock import FakeClock

A, E, T = STREAMS
SIZE = PackSize(max_items=3, max_bytes=2000, good_bytes=1000, packs=4)
ALTERED = {
    "a digit": "body = CAST(replace(CAST(body AS TEXT), '\"n\":5', '\"n\":4') AS BLOB)",
    "its time": "wall_ms = wall_ms + 4096",
    "a time that nobody could write": "wall_ms = wall_ms + (1 << 55)",
    "its moment of the boot": "boot_ms = boot_ms + 1",
    "trust in its time": "synced = 1 - synced % 2",
    "its sums": "sums = sums + 1",
    "sums that are none": "sums = 0.5",
}


def test_every_bit_of_a_row_counts() -> None:
    sums = Sums(Epoch("00112233445566aa"), T)
    beside: Beside = (7, 3, 1_790_000_000_000, -5, 2)
    body = b'{"n":5}'
    kept, behind = sums.of(beside, 99, body)
    assert sums.fit(beside, kept, body)
    assert sums.ends(beside, kept) == (99, behind) == (99, follow(99, body))
    assert -(1 << 63) <= kept < 1 << 63
    for bit in range(63):
        assert not sums.fit(beside, kept ^ 1 << bit, body)
        for place in range(5):
            words = list(beside)
            words[place] ^= 1 << bit
            assert not sums.fit((words[0], words[1], words[2], words[3], words[4]), kept, body)
    for bit in range(8 * len(body)):
        spoilt = bytearray(body)
        spoilt[bit // 8] ^= 1 << bit % 8
        assert not sums.fit(beside, kept, bytes(spoilt))
    assert not Sums(Epoch("00112233445566aa"), E).fit(beside, kept, body)
    assert not Sums(Epoch("00112233445566ab"), T).fit(beside, kept, body)


async def sql(store: Store, statement: str) -> None:
    await store._writer.do(lambda ledger: ledger.connection.execute(statement))


async def unsound(store: Store, stream: Stream) -> list[int]:
    return [row.seq for row in await everything(store, stream) if not row.sound]


@pytest.mark.parametrize("stream", [A, T])
@pytest.mark.parametrize("change", ALTERED.values(), ids=ALTERED.keys())
async def test_a_changed_row_is_known_among_sound_ones(tmp_path: Path, stream: Stream, change: str) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(batch(clock, stream, *range(1, 9)))
        await sql(store, f"UPDATE {stream.value} SET {change} WHERE seq = 5")
        assert await unsound(store, stream) == [5]
        assert len(await everything(store, stream)) == 8
        await store.acknowledge(stream, 1, 4)
        oldest = (await store.backlog(stream)).oldest_at
        await store.park(stream, 5, 5, "no")
        assert oldest is not None
        assert iso_utc(oldest.wall_ms) == iso_utc((await store.dead_letters(1))[0].wall_ms)


@pytest.mark.parametrize("change", ALTERED.values(), ids=ALTERED.keys())
async def test_packs_hold_what_was_committed_or_end_before_it(tmp_path: Path, change: str) -> None:
    """An item leaves with the time that it was joined with: what else its row says does not leave."""
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(batch(clock, T, *range(1, 9)))
        departures = Departures()
        ours = [departures.item(row.at, row.body) for row in await everything(store, T)]
        await sql(store, f"UPDATE telemetry SET {change} WHERE seq = 5")
        for after in (0, 4, 5):
            packs = await store.pack(T, after, None, SIZE) or ()
            assert all(bytes(one.items) == b",".join(ours[one.first_seq - 1 : one.last_seq]) for one in packs)
            assert after == 4 or packs


async def test_rows_that_changed_places_are_known(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(batch(clock, T, *range(1, 9)))
        swap = "UPDATE telemetry SET seq = CASE seq WHEN -4 THEN 5 ELSE 4 END WHERE seq IN (-4, -5)"
        await sql(store, "UPDATE telemetry SET seq = -seq WHERE seq IN (4, 5)")
        await sql(store, swap)
        assert await unsound(store, T) == [4, 5]
        assert await store.pack(T, 3, None, SIZE) is None


async def test_a_total_that_was_changed_cuts_no_item_in_two(tmp_path: Path) -> None:
    """Where a pack ends is found by totals: one that is wrong by the length of a row would put items under foreign numbers."""
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(batch(clock, T, *range(1, 10)))
        length = await store._writer.do(lambda ledger: ledger.total_through(T, 5)[1])
        for wrong in (1, length + 1):
            await sql(store, f"UPDATE telemetry SET total = total + {wrong} WHERE seq = 3")
            packs = await store.pack(T, 0, None, SIZE)
            assert packs is None or all(orjson.loads(b"[%s]" % bytes(one.items)) for one in packs)
            assert packs is None or all(
                len(orjson.loads(b"[%s]" % bytes(one.items))) == one.last_seq - one.first_seq + 1 for one in packs
            )
        assert await unsound(store, T) == []


async def test_what_was_changed_is_a_dead_letter_for_ever_and_its_number_is_told(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(batch(clock, A, *range(1, 9)))
        await sql(store, f"UPDATE alarms SET {ALTERED['a digit']} WHERE seq = 5")
        await store.park(A, 5, 6, "payload format invalid (0x99)")
        assert [(one.seq, one.reason) for one in await store.dead_letters(9)] == [(5, SPOILT), (6, "payload format invalid (0x99)")]
        assert await store.retry_dead((), "amy") == 1
        assert [one.seq for one in await store.dead_letters(9)] == [5]
        assert await unsound(store, A) == []
        gap, retried = map(orjson.loads, await bodies(store, E))
        assert (gap["from"], gap["to"], retried["name"]) == (5, 6, "outbox.retry")


@pytest.mark.parametrize("text", ["'\"from\":2', '\"from\":3'", "'\"from\":2', '\"from\"=2'"])
async def test_a_gap_record_that_was_changed_is_not_told_again(tmp_path: Path, text: str) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(batch(clock, A, 1, 2, 3))
        await store.park(A, 2, 2, "no")
        change = f"UPDATE events SET body = CAST(replace(CAST(body AS TEXT), {text}) AS BLOB)"
        await sql(store, change)
        assert await unsound(store, E) == [1]
        await store.park(E, 1, 1, "no")
        told = [orjson.loads(body) for body in await bodies(store, E)]
        assert [(one["stream"], one["from"], one["to"]) for one in told] == [("events", 1, 1)]


async def test_rows_of_an_older_edgeguard_stay_and_new_ones_follow_them(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        for stream in STREAMS:
            await store.put(batch(clock, stream, 1, 2, 3))
        epoch = store.epoch
    taken = clock.now()
    with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as connection:
        connection.execute("UPDATE telemetry SET wall_ms = ?", (taken.wall_ms,))
        for stream in STREAMS:
            connection.execute(f"ALTER TABLE {stream.value} DROP COLUMN sums")
        for column in ("boot", "boot_ms", "synced"):
            connection.execute(f"ALTER TABLE dead_letters DROP COLUMN {column}")
        connection.execute("PRAGMA user_version = 6")
    async with running(spec_of(tmp_path), clock) as store:
        assert store.epoch == epoch
        for stream in STREAMS:
            await store.put(batch(clock, stream, 4, 5))
            assert [row.body for row in await everything(store, stream)] == [item(clock, stream, n).body for n in (1, 2, 3, 4, 5)]
            assert await unsound(store, stream) == []
            assert [row.at for row in await everything(store, stream)] == [taken] * 5
        assert await store.pack(T, 0, None, SIZE) is None
        assert [(one.first_seq, one.last_seq) for one in await store.pack(T, 3, None, SIZE) or ()] == [(4, 5)]


async def test_sums_go_on_after_a_restart_and_a_commit_that_failed(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(batch(clock, T, 1, 2))
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(batch(clock, T, 3))

        def fails(ledger: Ledger) -> None:
            with suppress(RuntimeError), ledger.transaction():
                ledger.append([item(clock, T, 9)])
                raise RuntimeError

        await store._writer.do(fails)
        await store.put(batch(clock, T, 4))
        assert [(one.first_seq, one.last_seq) for one in await store.pack(T, 0, None, replace(SIZE, max_items=9)) or ()] == [(1, 4)]


async def test_a_row_that_was_erased_is_sound(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(batch(clock, T, 1, 2))
        await store.put(Batch((Item(T, clock.now(), b'{"plate":"A-7777"}'),)))
        await store.put(batch(clock, T, 4))
        await store.erase("A-7777", "amy")
        assert await unsound(store, T) == []
        record = await store._writer.do(lambda ledger: ledger.row(T, 3))
        assert (record.sound, record.body) == (True, ERASED_BODY)
        assert [(one.first_seq, one.last_seq) for one in await store.pack(T, 0, None, SIZE) or ()] == [(1, 2), (4, 4)]


async def test_a_restore_leaves_behind_what_was_changed_and_says_so(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path / "state"), clock) as store:
        await store.put(batch(clock, T, *range(1, 9)))
        old = store.epoch
    with sqlite3.connect(tmp_path / "state" / DATABASE) as connection:
        connection.execute(f"UPDATE telemetry SET {ALTERED['a digit']} WHERE seq = 5")
    connection.close()
    shutil.copy(tmp_path / "state" / DATABASE, tmp_path / "copy")
    done = restore(tmp_path / "copy", tmp_path / "new", Restoring(Epoch("00112233445566aa"), clock.now(), "amy"))
    assert done.waiting["telemetry"] == 7
    async with running(spec_of(tmp_path / "new"), clock) as store:
        assert [row.body for row in await everything(store, T)] == [item(clock, T, n).body for n in (1, 2, 3, 4, 6, 7, 8)]
        told = [orjson.loads(body) for body in await bodies(store, E)]
        damaged = [one for one in told if one.get("reason") == "damaged"]
        assert [(one["from"], one["to"], one["epoch"]) for one in damaged] == [(5, 5, old)]


def _lookers(directory: Path, clock: FakeClock) -> tuple[Ledger, list[OutboxRow]]:
    losses: list[object] = []
    ledger = open_outbox(directory, Epoch("00112233445566aa"), clock.now().wall_ms, losses.append, connect)
    return ledger, [] if losses else [row for stream in STREAMS for row in ledger.read(stream, 0, 1000, 1 << 20, None)]


@pytest.mark.parametrize("turns", [3, pytest.param(150, marks=pytest.mark.slow)])
async def test_whatever_bit_of_the_file_turns_no_other_item_is_taken_for_one_of_ours(tmp_path: Path, turns: int) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path / "sound"), clock) as store:
        for stream in STREAMS:
            await store.put(batch(clock, stream, *range(1, 30)))
        ours = {(row.stream, row.seq): row for stream in STREAMS for row in await everything(store, stream)}
        tables = await store._writer.do(
            lambda ledger: ledger.connection.execute(
                "SELECT rootpage FROM sqlite_master WHERE name IN ('alarms', 'events', 'telemetry')"
            ).fetchall()
        )
    whole = (tmp_path / "sound" / DATABASE).read_bytes()
    chosen = random.Random(turns)
    found = 0
    for turn in range(turns):
        directory = tmp_path / str(turn)
        directory.mkdir()
        spoilt = bytearray(whole)
        ((page,),) = chosen.sample(tables, 1)
        spoilt[(page - 1) * 4096 + chosen.randrange(4096)] ^= 1 << chosen.randrange(8)
        (directory / DATABASE).write_bytes(spoilt)
        with suppress(sqlite3.Error):
            ledger, rows = _lookers(directory, clock)
            try:
                assert all(row == ours[row.stream, row.seq] for row in rows if row.sound)
                found += sum(not row.sound for row in rows)
            finally:
                ledger.witness.close()
                ledger.connection.close()
        shutil.rmtree(directory)
    assert found or turns < 100
