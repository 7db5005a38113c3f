"""Packs: what may be joined by SQLite is, in order; what may not is left to be read."""

from pathlib import Path

import pytest
from store_kit import batch, item, running, spec_of

from edgeguard.core.departure import Departures
from edgeguard.core.errors import StoreError
from edgeguard.core.item import Item, OutboxRow, PackSize, Stream
from edgeguard.store import Batch, Store
from edgeguard.store.ledger import Ledger
from edgeguard.store.sql import SQL
from edgeguard.testing.clock import FakeClock

T = Stream.TELEMETRY
SIZE = PackSize(max_items=3, max_bytes=2000, good_bytes=1000, packs=4)


def leaving(rows: list[OutboxRow]) -> bytes:
    departures = Departures()
    return b",".join(departures.item(row.at, row.body) for row in rows)


async def sql(store: Store, statement: str) -> None:
    await store._writer.do(lambda ledger: ledger.connection.execute(statement))


def plan_of(ledger: Ledger, statement: str, values: tuple[int, ...]) -> list[str]:
    return [str(row[3]) for row in ledger.connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]


async def test_packs_hold_what_the_rows_would_have_been(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(batch(clock, T, *range(10)))
        rows = list(await store.read(T, 0, 100, 1 << 20))
        packs = await store.pack(T, 0, None, SIZE)
        assert packs is not None
        assert [(each.first_seq, each.last_seq) for each in packs] == [(1, 3), (4, 6), (7, 9), (10, 10)]
        assert [each.items for each in packs] == [leaving(rows[at : at + 3]) for at in (0, 3, 6, 9)]
        assert await store.pack(T, 10, None, SIZE) == ()
        assert await store.pack(T, 0, 0, SIZE) == ()
        await store.acknowledge(T, 2, 4)
        packs = await store.pack(T, 0, 8, SIZE)
        assert packs is not None
        assert [(each.first_seq, each.last_seq) for each in packs] == [(1, 1), (5, 7), (8, 8)]


async def test_a_row_too_large_for_company_goes_alone_and_one_too_large_for_a_message_is_left(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(Batch(tuple(item(clock, T, n, size) for n, size in enumerate((100, 1500, 100, 3000, 100)))))
        packs = await store.pack(T, 0, None, SIZE)
        assert packs is not None
        assert [(each.first_seq, each.last_seq) for each in packs] == [(1, 1), (2, 2), (3, 3)]
        assert await store.pack(T, 3, None, SIZE) is None


async def test_times_not_trusted_when_taken_are_left_to_be_read(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(batch(clock, T, 1, 2, 3, 4))
        clock.synced = False
        await store.put(batch(clock, T, 5))
        clock.synced = True
        await store.put(batch(clock, T, 6))
        packs = await store.pack(T, 0, None, SIZE)
        assert packs is not None
        assert packs[0].last_seq == 3
        await store.set_boot_offset(clock.now().boot, 1_800_000_000_000)
        assert await store.pack(T, 4, None, SIZE) is None
        assert (await store.read(T, 4, 1, 1000))[0].at.wall_ms == 1_800_000_000_000 + clock.now().boot_ms


@pytest.mark.parametrize("body", [b"{}", b'{ "a":1}', b'["no object"]'])
async def test_odd_bodies_are_left_to_be_read_and_come_back_whole(tmp_path: Path, body: bytes) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(Batch((Item(T, clock.now(), body),)))
        assert await store.pack(T, 0, None, SIZE) is None
        assert (await store.read(T, 0, 1, 1000))[0].body == body


async def test_rows_of_an_older_edgeguard_are_left_to_be_read(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(batch(clock, T, 1, 2))
        plain = Departures().plain(clock.now(), item(clock, T, 1).body)
        assert plain is not None
        await sql(store, f"UPDATE telemetry SET synced = 1, body = CAST('{item(clock, T, 1).body.decode()}' AS BLOB) WHERE seq = 1")
        assert await store.pack(T, 0, None, SIZE) is None
        assert [row.body for row in await store.read(T, 0, 2, 1000)] == [item(clock, T, n).body for n in (1, 2)]


async def test_a_missing_row_is_no_pack_and_is_found_by_reading(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(batch(clock, T, *range(8)))
        await sql(store, "DELETE FROM telemetry WHERE seq = 5")
        packs = await store.pack(T, 0, None, SIZE)
        assert packs is not None
        assert packs[-1].last_seq < 5
        assert await store.pack(T, 3, None, SIZE) is None
        with pytest.raises(StoreError, match="row 5 is missing"):
            await store.read(T, 3, 10, 1000)


SPOILT = (
    '\'{"x":1,"n":"5}\'',
    '\'{"x":1},{"n":5}\'',
    "'{\"x\":1' || char(1) || '}'",
    "'{\"x\":\"' || CAST(x'e6b3' AS TEXT) || '\"}'",
)
"""A quote gone, an object that became two, a control character, half of a letter of three bytes."""


@pytest.mark.parametrize("spoilt", SPOILT)
async def test_what_no_consumer_could_read_is_no_pack(tmp_path: Path, spoilt: str) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(batch(clock, T, *range(8)))
        await sql(
            store, f"UPDATE telemetry SET body = CAST(substr({spoilt} || '{' ' * 500}', 1, length(body)) AS BLOB) WHERE seq = 5"
        )
        packs = await store.pack(T, 0, None, SIZE)
        assert packs is not None
        assert packs[-1].last_seq == 3
        assert await store.pack(T, 3, None, SIZE) is None
        packs = await store.pack(T, 5, None, SIZE)
        assert packs is not None
        assert packs[-1].last_seq == 8


async def test_a_dead_letter_is_the_body_alone_and_may_go_again(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(batch(clock, T, 1, 2))
        await store.park(T, 1, 1, "poison")
        (letter,) = await store.dead_letters(10)
        assert (letter.body, letter.wall_ms) == (item(clock, T, 1).body, clock.now().wall_ms)
        assert await store.retry_dead((), "amy") == 1
        assert (await store.read(T, 2, 1, 1000))[0].body == item(clock, T, 1).body


async def test_sqlite_walks_the_rows_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """The order of what is joined rests on this."""
    async with running(spec_of(tmp_path)) as store:
        for statement, values in ((SQL[T].pack, (1, 9)), (f"{SQL[T].totals} (?,?)", (1, 2))):
            plan = await store._writer.do(plan_of, statement, values)
            walks = [step for step in plan if "telemetry" in step]
            assert walks
            assert all(walk.startswith("SEARCH telemetry USING INTEGER PRIMARY KEY (rowid") for walk in walks)
            assert not any("DESC" in step or "TEMP" in step for step in plan)
