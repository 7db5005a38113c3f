"""The audit log: what commands did is on record with them, in a chain that shows every change, and old rows go in order."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from store_kit import item, running, spec_of

from edgeguard.core.errors import Permanent, StoreError
from edgeguard.core.item import Stream
from edgeguard.rules.items import command_item
from edgeguard.store import Batch, audit, audit_body, ledger, read_audit, verify_audit
from edgeguard.store import audit_chain as chain
from edgeguard.testing.clock import FakeClock


async def filled(folder: Path, rows: int = 5) -> None:
    clock = FakeClock()
    async with running(spec_of(folder), clock) as store:
        for number in range(rows):
            clock.advance(1)
            await store.put(Batch((command_item("write", f"pump-1.p{number}", clock.now(), "liwei", "done", number),)))


def tamper(folder: Path, sql: str) -> None:
    with sqlite3.connect(folder / "outbox.db") as connection:
        connection.execute(sql)
    connection.close()


async def test_every_command_item_is_on_record_and_nothing_else(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(Batch((item(clock, Stream.EVENTS), item(clock, Stream.TELEMETRY))))
        await store.put(Batch((command_item("ack", "pump-1.dry-run", clock.now(), "liwei", "done"),)))
        await store.put(Batch((), audit=(audit_body(clock.now(), b'{"command":"read"}'),)))
        n, head = await store.audit_head()
    rows = read_audit(tmp_path, 10)
    told = [json.loads(row.body) for row in rows]
    assert [(row.n, body.get("name"), body.get("command")) for row, body in zip(rows, told, strict=True)] == [
        (1, "ack", None),
        (2, None, "read"),
    ]
    assert (n, head) == (2, rows[-1].hash.hex())
    assert told[0]["at"].endswith("Z")
    assert told[0]["synced"] is True


async def test_a_whole_chain_is_sound_and_its_end_can_be_noted(tmp_path: Path) -> None:
    await filled(tmp_path, 3)
    before = verify_audit(tmp_path)
    assert (before.first, before.last, before.broken) == (1, 3, None)
    await filled(tmp_path, 4)
    after = verify_audit(tmp_path, (before.last, bytes.fromhex(before.head)))
    assert (after.first, after.last, after.broken) == (1, 7, None)


@pytest.mark.parametrize(
    ("sql", "broken"),
    [
        ("UPDATE audit SET body = replace(body, 'p2', 'p9') WHERE n = 3", 3),
        ("DELETE FROM audit WHERE n = 2", 2),
        ("DELETE FROM audit WHERE n = 1", 1),
        ("UPDATE audit SET hash = x'00' WHERE n = 4", 4),
        ("UPDATE audit SET n = n + 10 WHERE n = 5", 5),
        ("UPDATE audit_anchor SET n = 1", 2),
        ("DELETE FROM audit_anchor", 1),
        ("UPDATE audit_anchor SET hash = 'text'", 1),
    ],
)
async def test_what_was_changed_or_taken_out_is_found(tmp_path: Path, sql: str, broken: int) -> None:
    await filled(tmp_path)
    tamper(tmp_path, sql)
    assert verify_audit(tmp_path).broken == broken


async def test_a_break_that_is_known_hides_no_other(tmp_path: Path) -> None:
    await filled(tmp_path, 9)
    tamper(tmp_path, "UPDATE audit SET body = replace(body, 'p2', 'p9') WHERE n = 3")
    first = verify_audit(tmp_path)
    assert (first.last, first.head, first.broken, first.also) == (2, read_audit(tmp_path, 8)[0].hash.hex(), 3, ())
    tamper(tmp_path, "DELETE FROM audit WHERE n = 6")
    tamper(tmp_path, "UPDATE audit SET body = replace(body, 'p7', 'p1') WHERE n = 8")
    assert verify_audit(tmp_path) == replace(first, also=(6, 8))


async def test_an_end_that_is_cut_off_is_found_while_an_event_tells_of_it(tmp_path: Path) -> None:
    await filled(tmp_path)
    tamper(tmp_path, "DELETE FROM audit WHERE n > 3")
    found = verify_audit(tmp_path)
    assert (found.last, found.broken) == (3, 4)
    assert found.reason == "the rows behind 3 are gone: write pump-1.p4 by liwei stands among the events only"


async def test_a_beginning_that_is_cut_off_is_found_since_old_rows_go_only_when_there_are_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(tmp_path)
    tamper(tmp_path, "UPDATE audit_anchor SET (n, hash) = (SELECT n, hash FROM audit WHERE n = 2)")
    tamper(tmp_path, "DELETE FROM audit WHERE n <= 2")
    found = verify_audit(tmp_path)
    assert (found.first, found.last, found.broken) == (3, 5, 2)
    assert found.reason.startswith("rows before 3 or behind 5 were taken out: ")
    monkeypatch.setattr(audit, "AUDIT_MAX_ROWS", 3)
    assert verify_audit(tmp_path).broken is None


async def test_of_a_log_whose_old_rows_went_by_age_a_late_event_proves_a_cut_and_an_early_one_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "AUDIT_MAX_ROWS", 2)
    await filled(tmp_path)
    tamper(tmp_path, "UPDATE audit_anchor SET (n, hash) = (SELECT n, hash FROM audit WHERE n = 2)")
    tamper(tmp_path, "DELETE FROM audit WHERE n <= 2")
    tamper(tmp_path, "DELETE FROM audit WHERE n > 4")
    assert verify_audit(tmp_path).broken == 5
    tamper(tmp_path, "DELETE FROM events WHERE seq > 2")
    assert verify_audit(tmp_path).broken is None


async def test_only_a_noted_end_can_tell_that_the_newest_rows_are_gone_with_their_events(tmp_path: Path) -> None:
    await filled(tmp_path)
    verdict = verify_audit(tmp_path)
    tamper(tmp_path, "DELETE FROM audit WHERE n > 3")
    tamper(tmp_path, "DELETE FROM events WHERE seq > 3")
    assert verify_audit(tmp_path).broken is None
    found = verify_audit(tmp_path, (verdict.last, bytes.fromhex(verdict.head)))
    assert (found.broken, found.reason) == (4, "the rows behind 3 are gone: there were 5")


async def test_a_chain_that_was_computed_anew_is_not_the_one_that_was_noted(tmp_path: Path) -> None:
    await filled(tmp_path / "a", 3)
    await filled(tmp_path / "b", 2)
    noted = verify_audit(tmp_path / "a")
    tamper(tmp_path / "a", "UPDATE audit SET hash = x'11' WHERE n = 3")
    assert verify_audit(tmp_path / "a", (3, bytes.fromhex(noted.head))).broken == 3


async def test_a_noted_row_that_lies_before_the_kept_ones_proves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever computes the whole chain anew could let it begin behind what was noted."""
    monkeypatch.setattr(audit, "AUDIT_MAX_ROWS", 2)
    await filled(tmp_path)
    noted = verify_audit(tmp_path)
    at_3 = read_audit(tmp_path, 3)[0]
    tamper(tmp_path, "UPDATE audit_anchor SET (n, hash) = (SELECT n, hash FROM audit WHERE n = 3)")
    tamper(tmp_path, "DELETE FROM audit WHERE n <= 3")
    assert verify_audit(tmp_path, (noted.last, bytes.fromhex(noted.head))).broken is None
    assert verify_audit(tmp_path, (3, at_3.hash)).broken is None
    assert verify_audit(tmp_path, (3, b"other")).broken == 3
    verdict = verify_audit(tmp_path, (2, b"whatever"))
    assert (verdict.broken, "not kept any more" in verdict.reason) == (2, True)


async def test_old_rows_go_in_order_and_leave_their_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (audit, chain):
        monkeypatch.setattr(module, "AUDIT_MAX_ROWS", 10)
    monkeypatch.setattr(chain, "AUDIT_PRUNE_ROWS", 5)
    await filled(tmp_path, 40)
    verdict = verify_audit(tmp_path)
    assert (verdict.last, verdict.broken) == (40, None)
    assert 10 <= verdict.last - verdict.first + 1 <= 15


async def test_ids_of_commands_are_remembered_at_least_until_their_time_is_over(tmp_path: Path) -> None:
    clock = FakeClock()
    now_ms = clock.now().wall_ms
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(Batch((), commands=(("a", now_ms + 1000), ("b", now_ms + 60_000))))
    clock.advance(2)
    async with running(spec_of(tmp_path), clock) as store:
        assert await store.load_commands() == {"a": now_ms + 1000, "b": now_ms + 60_000}
        await store.put(Batch((), commands=(("c", now_ms + 90_000),)))
        assert await store.load_commands() == {"a": now_ms + 1000, "b": now_ms + 60_000, "c": now_ms + 90_000}


async def test_an_id_outlives_a_wall_clock_that_leapt_and_the_table_has_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    now_ms = clock.now().wall_ms
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(Batch((), commands=(("a", now_ms + 30_000),)))
        clock.step_wall(86_400)
        await store.put(Batch((), commands=(("b", now_ms + 86_430_000),)))
    clock.step_wall(-86_400)
    async with running(spec_of(tmp_path), clock) as store:
        assert set(await store.load_commands()) == {"a", "b"}
        monkeypatch.setattr(ledger, "COMMAND_IDS_KEPT", 3)
        for i in range(10):
            clock.advance(60)
            await store.put(Batch((), commands=((f"c-{i}", clock.now().wall_ms + 1000),)))
        assert set(await store.load_commands()) == {"b", "c-7", "c-8", "c-9"}


async def test_a_file_of_the_first_release_gets_its_audit_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgeguard.store import schema

    every = schema.steps()
    monkeypatch.setattr(schema, "steps", lambda: every[:1])
    clock = FakeClock()
    old = tmp_path / "outbox.db"
    with sqlite3.connect(old) as connection:
        schema.migrate(connection, "old")
        connection.execute("INSERT INTO meta VALUES (1, '00000000000000000000000000000000')")
    connection.close()
    monkeypatch.setattr(schema, "steps", lambda: every)
    async with running(spec_of(tmp_path), clock) as store:
        assert await store.audit_head() == (0, "")
        assert store.epoch == "0" * 32
        await store.put(Batch((), audit=(audit_body(clock.now(), b'{"command":"read"}'),)))
    assert verify_audit(tmp_path).last == 1


def test_no_database_and_a_spoilt_one(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="there is no database"):
        verify_audit(tmp_path)
    (tmp_path / "outbox.db").write_bytes(b"junk" * 5000)
    with pytest.raises(StoreError, match="cannot be read"):
        read_audit(tmp_path, 5)
