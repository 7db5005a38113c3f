"""The audit log over a restore: nothing of it is lost, and what somebody has changed is told then and for ever after."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from store_kit import item, running, spec_of

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import Epoch
from edgeguard.core.item import Stream
from edgeguard.rules.items import command_item
from edgeguard.store import Batch, Restored, Restoring, backup, read_audit, restore, verify_audit
from edgeguard.testing.clock import FakeClock


async def deeds(folder: Path, clock: FakeClock, *targets: str) -> None:
    async with running(spec_of(folder), clock) as store:
        for target in targets:
            clock.advance(1)
            await store.put(Batch((command_item("write", target, clock.now(), "liwei", "done"),)))


def altered(copy: Path, *sql: str) -> Path:
    """As somebody would do it who has SQLite at hand and seals nothing."""
    content = copy.read_bytes()
    copy.write_bytes(content[: content.rindex(b"\nedgeguard copy")])
    tampered(copy, *sql)
    return copy


def tampered(file: Path, *sql: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        for one in sql:
            connection.execute(one)


def restored(copy: Path, directory: Path, now: Stamp, noted: tuple[int, bytes] | None = None) -> Restored:
    return restore(copy, directory, Restoring(Epoch("00000000000000ff"), now, "amy", over=True, noted=noted))


def targets(directory: Path) -> list[str]:
    return [json.loads(row.body)["target"] for row in read_audit(directory, 100)]


async def test_what_was_done_after_the_copy_stays_on_record(tmp_path: Path) -> None:
    clock, state = FakeClock(), tmp_path / "state"
    await deeds(state, clock, "a", "b")
    copied = backup(state, tmp_path / "copy")
    assert copied.audit is not None
    await deeds(state, clock, "c", "d")
    made = restored(tmp_path / "copy", state, clock.now())
    assert (made.audit.rows, made.audit.source, made.audit.broken, made.audit.aside) == (4, "replaced", None, "")
    assert targets(state) == ["a", "b", "c", "d", "outbox"]
    again = restored(tmp_path / "copy", state, clock.now())
    assert again.audit.rows == 5
    verdict = verify_audit(state, (copied.audit.last, bytes.fromhex(copied.audit.head)))
    assert (verdict.last, verdict.broken) == (6, None)


async def test_a_copy_that_goes_on_further_brings_its_log_along(tmp_path: Path) -> None:
    clock, state = FakeClock(), tmp_path / "state"
    await deeds(state, clock, "a")
    backup(state, tmp_path / "early")
    await deeds(state, clock, "b")
    backup(state, tmp_path / "late")
    restored(tmp_path / "early", tmp_path / "new", clock.now())
    tampered(tmp_path / "new" / "outbox.db", "DELETE FROM audit WHERE n = 2")
    made = restored(tmp_path / "late", tmp_path / "new", clock.now())
    assert (made.audit.source, made.audit.aside) == ("copy", "")
    assert targets(tmp_path / "new") == ["a", "b", "outbox"]


async def test_of_two_logs_that_part_the_copy_s_is_taken_and_the_other_named(tmp_path: Path) -> None:
    clock = FakeClock()
    await deeds(tmp_path / "a", clock, "a")
    await deeds(tmp_path / "b", clock, "b", "c")
    backup(tmp_path / "a", tmp_path / "copy")
    head = verify_audit(tmp_path / "b").head
    made = restored(tmp_path / "copy", tmp_path / "b", clock.now())
    assert (made.audit.source, made.audit.broken) == ("copy", None)
    assert made.audit.aside == f"another audit log, 2 rows up to {head}, lies with the outbox that was there"
    assert verify_audit(tmp_path / "b").broken is None
    assert json.loads(read_audit(tmp_path / "b", 1)[0].body)["aside"] == made.audit.aside


CHANGED = "UPDATE audit SET body = replace(body, 'b', 'x') WHERE n = 2"
CUT = "DELETE FROM audit WHERE n > 2"


@pytest.mark.parametrize(
    ("sql", "row", "reason"),
    [
        (CHANGED, 2, "row 2 does not fit the rows before it"),
        (CUT, 3, "the rows behind 2 are gone: write c by liwei stands among the events only"),
    ],
)
async def test_a_copy_whose_log_was_changed_is_restored_and_that_is_said_for_ever(
    tmp_path: Path, sql: str, row: int, reason: str
) -> None:
    clock, state, new = FakeClock(), tmp_path / "state", tmp_path / "new"
    await deeds(state, clock, "a", "b", "c")
    backup(state, tmp_path / "copy")
    made = restored(altered(tmp_path / "copy", sql), new, clock.now())
    assert (made.audit.broken, made.audit.reason) == (row, f"the copy's log: {reason}")
    assert made.waiting["events"] == 3
    async with running(spec_of(new), clock) as store:
        await store.put(Batch((item(clock, Stream.EVENTS),)))
    assert verify_audit(new).broken == row
    last = read_audit(new, 1)[0]
    anchor = (f"UPDATE audit_anchor SET n = {last.n - 1}, hash = (SELECT hash FROM audit WHERE n = {last.n - 1})",)
    tampered(new / "outbox.db", *anchor, f"DELETE FROM audit WHERE n < {last.n}")
    verdict = verify_audit(new)
    assert (verdict.broken, reason in verdict.reason) == (row, True)


async def test_a_whole_log_that_is_there_heals_a_copy_s_and_the_change_is_told_all_the_same(tmp_path: Path) -> None:
    clock, state = FakeClock(), tmp_path / "state"
    await deeds(state, clock, "a", "b", "c")
    backup(state, tmp_path / "copy")
    made = restored(altered(tmp_path / "copy", CHANGED), state, clock.now())
    assert (made.audit.source, made.audit.broken) == ("replaced", 2)
    assert targets(state) == ["a", "b", "c", "outbox"]
    assert verify_audit(state).broken == 2


async def test_a_log_that_was_changed_where_it_lay_is_told_and_not_taken(tmp_path: Path) -> None:
    clock, state = FakeClock(), tmp_path / "state"
    await deeds(state, clock, "a", "b")
    backup(state, tmp_path / "copy")
    await deeds(state, clock, "c")
    tampered(state / "outbox.db", "UPDATE audit SET body = replace(body, 'c', 'x') WHERE n = 3")
    made = restored(tmp_path / "copy", state, clock.now())
    assert (made.audit.source, made.audit.broken) == ("copy", 3)
    assert made.audit.reason == "the log that was there: row 3 does not fit the rows before it"
    assert verify_audit(state).broken == 3


async def test_a_noted_end_tells_of_a_copy_that_was_computed_anew(tmp_path: Path) -> None:
    clock, state = FakeClock(), tmp_path / "state"
    await deeds(state, clock, "a", "b")
    copied = backup(state, tmp_path / "copy")
    assert copied.audit is not None
    altered(tmp_path / "copy", "DELETE FROM audit", "UPDATE events SET body = x'7b7d'")
    made = restored(tmp_path / "copy", tmp_path / "blind", clock.now())
    assert made.audit.broken is None
    made = restored(tmp_path / "copy", tmp_path / "new", clock.now(), (copied.audit.last, bytes.fromhex(copied.audit.head)))
    assert (made.audit.broken, made.audit.reason) == (1, "the copy's log: the rows behind 0 are gone: there were 2")


def junk(path: Path) -> None:
    path.write_bytes(b"junk" * 2000)


def link(path: Path) -> None:
    path.symlink_to("/nowhere")


@pytest.mark.parametrize("spoil", [junk, Path.mkdir, link])
async def test_an_outbox_that_cannot_be_read_any_more_is_no_hindrance(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    clock, state = FakeClock(), tmp_path / "state"
    await deeds(state, clock, "a")
    backup(state, tmp_path / "copy")
    for left in state.glob("outbox.db*"):
        left.unlink()
    spoil(state / "outbox.db")
    made = restored(tmp_path / "copy", state, clock.now())
    assert made.audit.aside == "the audit log that was there cannot be read: it is no outbox"
    assert targets(state) == ["a", "outbox"]
