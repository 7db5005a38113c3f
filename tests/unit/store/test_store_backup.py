"""A copy taken beside the running store, and an outbox made of it: a new epoch that delivers what waited, and knows the rest."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import orjson
import pytest
from store_kit import batch, item, running, spec_of

from edgeguard.core.alarm import Alarm, AlarmState
from edgeguard.core.clock import Stamp
from edgeguard.core.errors import Permanent, StoreError
from edgeguard.core.ids import AlarmName, BootId, Epoch
from edgeguard.core.item import STREAMS, OutboxRow, Stream
from edgeguard.store import Batch, Restoring, StateLock, Store, backup, known_copies, restore, verify_audit
from edgeguard.store.damage import DATABASE
from edgeguard.testing.clock import FakeClock

T, E, A = Stream.TELEMETRY, Stream.EVENTS, Stream.ALARMS
NEW = Epoch("00000000000000ff")


def way(clock: FakeClock, *, over: bool = False, noted: tuple[int, bytes] | None = None) -> Restoring:
    return Restoring(NEW, clock.now(), "amy", over, noted)


async def waiting(store: Store, stream: Stream) -> list[OutboxRow]:
    return list(await store.read(stream, 0, 100_000, 1 << 30))


async def filled(store: Store, clock: FakeClock) -> None:
    """Thirty rows of each stream, ten of them delivered; an alarm that stands, a command's id, a record in the audit log."""
    for stream in STREAMS:
        await store.put(batch(clock, stream, *range(30)))
        await store.acknowledge(stream, 1, 10)
    body = b'{"type":"command","name":"write","target":"pump-1.setpoint","by":"amy","result":"done"}'
    alarm = Alarm(AlarmState.ACTIVE, clock.now(), value=0.4)
    item_of = item(clock, E)
    told = type(item_of)(E, clock.now(), body)
    await store.put(Batch((told,), ((AlarmName("pump-1.dry-run"), alarm),), (("c-1", clock.now().wall_ms + 1000),)))
    await store.flush()


async def test_a_copy_is_made_while_the_store_writes_and_is_whole(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path / "state"), clock) as store:
        await filled(store, clock)
        copied = backup(tmp_path / "state", tmp_path / "copy")
        await store.put(batch(clock, A, 99))
        assert copied.epoch == store.epoch
        assert copied.waiting == {"alarms": 20, "events": 21, "telemetry": 20}
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "state"]
    with closing(sqlite3.connect(tmp_path / "copy")) as found:
        assert found.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert found.execute("SELECT max(seq) FROM alarms").fetchone() == (30,)


async def test_a_copy_that_is_cut_off_is_looked_at_by_whoever_erases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()

    def killed(_: Path) -> None:
        assert known_copies(tmp_path / "state") == (str(tmp_path / "copy.partial"),)
        raise KeyboardInterrupt

    monkeypatch.setitem(backup.__globals__, "seal", killed)
    async with running(spec_of(tmp_path / "state"), clock) as store:
        await filled(store, clock)
        with pytest.raises(KeyboardInterrupt):
            backup(tmp_path / "state", tmp_path / "copy")


async def test_a_restored_outbox_is_a_new_epoch_that_delivers_what_waited_in_order_with_its_time(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path / "state"), clock) as store:
        await filled(store, clock)
        backup(tmp_path / "state", tmp_path / "copy")
        old, before = store.epoch, {stream: await waiting(store, stream) for stream in STREAMS}
    clock.boot = BootId("boot-b")
    clock.advance(100)
    made = restore(tmp_path / "copy", tmp_path / "new", way(clock))
    assert (made.epoch, made.from_epoch, made.set_aside) == (NEW, old, "")
    news: list[object] = []
    async with running(spec_of(tmp_path / "new"), clock, news) as store:  # type: ignore[arg-type]
        assert news == []
        assert store.epoch == NEW
        for stream in STREAMS:
            after = await waiting(store, stream)
            assert [row.seq for row in after] == list(range(1, len(after) + 1))
            assert [(row.at, row.body) for row in after[: len(before[stream])]] == [(row.at, row.body) for row in before[stream]]
            assert len(after) == len(before[stream]) + (4 if stream is E else 0)
        told = [orjson.loads(row.body) for row in await waiting(store, E)][-4:]
        assert [(gap["stream"], gap["from"], gap["to"], gap["reason"], gap["epoch"]) for gap in told[:3]] == [
            ("alarms", 11, 30, "restored", old),
            ("events", 11, 31, "restored", old),
            ("telemetry", 11, 30, "restored", old),
        ]
        assert (told[3]["name"], told[3]["by"], told[3]["detail"]) == ("restore", "amy", f"made of epoch {old}")
        assert (await store.load_alarms())[AlarmName("pump-1.dry-run")].state is AlarmState.ACTIVE
        assert set(await store.load_commands()) == {"c-1"}
    verdict = verify_audit(tmp_path / "new")
    assert (verdict.broken, verdict.first, verdict.last) == (None, 1, 2)
    assert sorted(path.name for path in (tmp_path / "new").iterdir() if path.name.startswith("restore")) == []


async def test_gap_records_that_waited_still_speak_of_their_own_epoch(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path / "state"), clock) as store:
        await store.put(batch(clock, T, 1, 2, 3))
        await store.park(T, 2, 2, "poison")
        backup(tmp_path / "state", tmp_path / "copy")
        old = store.epoch
    restore(tmp_path / "copy", tmp_path / "new", way(clock))
    async with running(spec_of(tmp_path / "new"), clock) as store:
        gaps = [orjson.loads(row.body) for row in await waiting(store, E) if b'"dead-letter"' in row.body and b'"gap"' in row.body]
        assert [(gap["from"], gap["to"], gap["epoch"]) for gap in gaps] == [(2, 2, old)]
        assert len(await store.dead_letters(10)) == 1


async def test_time_taken_before_the_clock_was_set_is_made_true_after_a_restore_too(tmp_path: Path) -> None:
    clock = FakeClock()
    clock.synced = False
    async with running(spec_of(tmp_path / "state"), clock) as store:
        await store.put(batch(clock, T, 1))
        backup(tmp_path / "state", tmp_path / "copy")
        (before,) = await waiting(store, T)
    restore(tmp_path / "copy", tmp_path / "new", way(clock))
    async with running(spec_of(tmp_path / "new"), clock) as store:
        await store.set_boot_offset(clock.boot, 1_900_000_000_000)
        (after,) = await waiting(store, T)
        assert after.at == Stamp(1_900_000_000_000 + before.at.boot_ms, before.at.boot_ms, before.at.boot, synced=True)


async def test_an_outbox_that_is_there_is_kept_unless_it_may_be_set_aside(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path / "state"), clock) as store:
        await filled(store, clock)
        backup(tmp_path / "state", tmp_path / "copy")
        with pytest.raises(Permanent, match="is there already"):
            backup(tmp_path / "state", tmp_path / "copy")
    with pytest.raises(Permanent, match="is there already"):
        restore(tmp_path / "copy", tmp_path / "state", way(clock))
    made = restore(tmp_path / "copy", tmp_path / "state", way(clock, over=True))
    assert (Path(made.set_aside) / DATABASE).exists()
    async with running(spec_of(tmp_path / "state"), clock) as store:
        assert store.epoch == NEW


async def test_what_goes_with_an_outbox_that_is_set_aside_is_told(tmp_path: Path) -> None:
    clock, state = FakeClock(), tmp_path / "state"
    async with running(spec_of(state), clock) as store:
        await store.put(batch(clock, A, *range(6)))
        backup(state, tmp_path / "copy")
        await store.put(batch(clock, A, *range(6, 12)))
        await store.acknowledge(A, 1, 8)
        first = store.epoch

    async def told() -> list[tuple[str, str, int | None, int | None, str | None]]:
        async with running(spec_of(state), clock) as store:
            gaps = [orjson.loads(row.body) for row in await waiting(store, E) if b'"gap"' in row.body]
            return [(gap["reason"], gap["stream"], gap["from"], gap["to"], gap.get("epoch")) for gap in gaps]

    restore(tmp_path / "copy", state, way(clock, over=True))
    assert await told() == [("restored", "alarms", 1, 6, first), ("replaced", "alarms", 9, 12, first)]
    restore(tmp_path / "copy", state, way(clock, over=True))
    assert (await told())[1:] == [("replaced", "alarms", 1, 6, NEW), ("replaced", "events", 1, 3, NEW)]
    (state / DATABASE).write_bytes(b"junk" * 3000)
    restore(tmp_path / "copy", state, way(clock, over=True))
    assert [gap[0] for gap in await told()] == ["restored", "damaged", "damaged", "damaged"]


async def test_not_while_a_daemon_runs_there(tmp_path: Path) -> None:
    async with running(spec_of(tmp_path / "state")):
        backup(tmp_path / "state", tmp_path / "copy")
    with StateLock.acquire(tmp_path / "state"), pytest.raises(Permanent, match="in use"):
        restore(tmp_path / "copy", tmp_path / "state", way(FakeClock(), over=True))


@pytest.mark.parametrize("what", ["nothing", "text", "foreign", "newer"])
async def test_what_is_no_copy_of_ours_is_named_and_nothing_is_touched(tmp_path: Path, what: str) -> None:
    copy = tmp_path / "copy"
    if what == "text":
        copy.write_bytes(b"not a database" * 100)
    elif what in ("foreign", "newer"):
        with closing(sqlite3.connect(copy)) as made:
            made.execute("CREATE TABLE t (x)")
            if what == "newer":
                made.execute("PRAGMA application_id = 1162301257")
                made.execute("PRAGMA user_version = 999")
    with pytest.raises(Permanent, match=str(copy)):
        restore(copy, tmp_path / "new", way(FakeClock()))
    assert not (tmp_path / "new" / DATABASE).exists()


async def test_thinned_telemetry_is_carried_over_without_its_holes(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path / "state"), clock) as store:
        await store.put(batch(clock, T, *range(20)))

        def thin(ledger: object) -> None:
            with ledger.transaction():  # type: ignore[attr-defined]
                ledger.thin(T, [1, 5, 20])  # type: ignore[attr-defined]

        await store._writer.do(thin)
        assert backup(tmp_path / "state", tmp_path / "copy").waiting["telemetry"] == 3
    restore(tmp_path / "copy", tmp_path / "new", way(clock))
    async with running(spec_of(tmp_path / "new"), clock) as store:
        assert [row.seq for row in await waiting(store, T)] == [1, 2, 3]


async def test_a_copy_that_has_lost_a_bit_is_refused(tmp_path: Path) -> None:
    """A bit within a text leaves a sound database: only the seal tells."""
    clock = FakeClock()
    async with running(spec_of(tmp_path / "state"), clock) as store:
        await filled(store, clock)
        backup(tmp_path / "state", tmp_path / "copy")
    content = bytearray((tmp_path / "copy").read_bytes())
    place = content.index(b"pump-1.setpoint")
    content[place] ^= 1
    (tmp_path / "copy").write_bytes(content)
    with pytest.raises(StoreError, match=r"copy: it is not what it was when it was made: its SHA-256 is another"):
        restore(tmp_path / "copy", tmp_path / "new", way(clock))
    assert not (tmp_path / "new" / DATABASE).exists()
    content[place] ^= 1
    (tmp_path / "copy").write_bytes(content)
    assert restore(tmp_path / "copy", tmp_path / "new", way(clock)).waiting["events"] == 21


async def test_a_copy_that_was_cut_short_is_refused_by_its_own_name(tmp_path: Path) -> None:
    """Not by that of the directory, which is sound."""
    clock = FakeClock()
    async with running(spec_of(tmp_path / "state"), clock) as store:
        await filled(store, clock)
        backup(tmp_path / "state", tmp_path / "copy")
    os.truncate(tmp_path / "copy", (tmp_path / "copy").stat().st_size // 2)
    with pytest.raises(StoreError, match=r"/copy: database disk image is malformed"):
        restore(tmp_path / "copy", tmp_path / "new", way(clock))
    assert not (tmp_path / "new" / DATABASE).exists()


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("DELETE FROM meta", "meta: it has no epoch"),
        ("DROP TABLE audit", "it has no table audit"),
        ("UPDATE events SET body = x'ff00' WHERE seq = 15", "events: row 15 holds no item"),
        ("UPDATE events SET body = x'5b5d' WHERE seq = 15", "events: row 15 holds no item"),
        ("DELETE FROM events WHERE seq = 15", "events: row 15 is missing"),
    ],
)
async def test_a_copy_without_a_seal_is_looked_through(tmp_path: Path, sql: str, words: str) -> None:
    """One of an earlier edgeguard has none; nothing that no daemon could live with is made of it."""
    clock = FakeClock()
    async with running(spec_of(tmp_path / "state"), clock) as store:
        await filled(store, clock)
        backup(tmp_path / "state", tmp_path / "copy")
    altered(tmp_path / "copy", sql)
    with pytest.raises(StoreError, match=words):
        restore(tmp_path / "copy", tmp_path / "new", way(clock))
    assert not (tmp_path / "new" / DATABASE).exists()


@pytest.mark.parametrize("name", ["foreign", "audit\"\" SELECT 90, x'00', x'00' --", "meta\"\" SELECT 1, '0000' --"])
async def test_tables_that_are_not_ours_are_left_where_they_are(tmp_path: Path, name: str) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path / "state"), clock) as store:
        await filled(store, clock)
        backup(tmp_path / "state", tmp_path / "copy")
    altered(tmp_path / "copy", f'CREATE TABLE "{name}" (x)')
    restore(tmp_path / "copy", tmp_path / "new", way(clock))
    assert verify_audit(tmp_path / "new").broken is None
    async with running(spec_of(tmp_path / "new"), clock) as store:
        assert store.epoch == NEW


def altered(copy: Path, sql: str) -> None:
    """The copy, unsealed and changed by somebody with SQLite at hand."""
    content = copy.read_bytes()
    copy.write_bytes(content[: content.rindex(b"\nedgeguard copy")])
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute(sql)
        connection.commit()
