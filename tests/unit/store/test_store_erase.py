"""What tells of a resident is erased without a trace: the test looks at every byte of every file."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_kit import running, spec_of

from edgeguard.core.camera import evidence_folder, reports_folder
from edgeguard.core.ids import CameraName
from edgeguard.core.item import Item, OutboxRow, Stream
from edgeguard.store import Batch, Store, read_audit, unread_pictures, verify_audit
from edgeguard.store import group as grouping
from edgeguard.store.audit_chain import link
from edgeguard.store.traces import holds, spellings
from edgeguard.testing.clock import FakeClock

T, E, A = Stream.TELEMETRY, Stream.EVENTS, Stream.ALARMS
PLATE = "皖AD11212"
OTHER = "皖AD11213"


def seen(clock: FakeClock, text: str, stream: Stream = E, size: int = 0) -> Item:
    return Item(stream, clock.now(), orjson.dumps({"type": "plate", "text": text, "camera": "gate-in", "pad": "x" * size}))


def deed(clock: FakeClock, text: str) -> Item:
    return Item(E, clock.now(), orjson.dumps({"type": "command", "name": "barrier", "target": text, "by": "amy", "result": "done"}))


def files_with(directory: Path, text: str) -> list[str]:
    """Every file below that holds the text in any spelling, wherever in it."""
    needles = [text.encode(), text.encode("utf-16-le"), orjson.dumps(text), text.encode("unicode_escape")]
    return sorted(
        str(path.relative_to(directory))
        for path in directory.rglob("*")
        if path.is_file() and any(needle in path.read_bytes() for needle in needles)
    )


async def waiting(store: Store, stream: Stream = E) -> list[OutboxRow]:
    return list(await store.read(stream, 0, 100_000, 1 << 30))


async def test_no_byte_of_it_is_left_and_every_number_is_accounted_for(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        for first in range(0, 300, 25):
            texts = [(PLATE if number % 7 == 0 else OTHER, number * 20) for number in range(first, first + 25)]
            await store.put(Batch(tuple(seen(clock, text, size=size) for text, size in texts)))
        await store.put(Batch((seen(clock, PLATE, A), seen(clock, PLATE, T), deed(clock, PLATE))))
        await store.acknowledge(E, 1, 100)
        await store.park(E, 106, 106, "refused")
        assert files_with(tmp_path, PLATE) != []
        before = {row.seq for row in await waiting(store)}
        done = await store.erase(PLATE, "amy")
        assert done.left == ()
        assert files_with(tmp_path, PLATE) == []
        assert files_with(tmp_path, OTHER) != []
        after = {row.seq: orjson.loads(row.body) for row in await waiting(store)}
        told = {
            seq
            for gap in after.values()
            if gap["type"] == "gap" and gap["reason"] == "erased" and gap["stream"] == "events"
            for seq in range(gap["from"], gap["to"] + 1)
        }
        assert before - set(after) == told
        assert {seq for seq in told if seq <= 300} == {seq for seq in range(101, 301) if (seq - 1) % 7 == 0} - {106}
        assert not await waiting(store, A) + await waiting(store, T)
        (record,) = [body for body in after.values() if body.get("name") == "erase"]
        assert (record["by"], record["value"]) == ("amy", done.rows)
        assert PLATE not in str(record)
        assert [letter for letter in await store.dead_letters(10) if PLATE.encode() in letter.body] == []


async def test_the_audit_log_stays_whole_says_who_and_never_what(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        for text in (OTHER, PLATE, OTHER, PLATE):
            await store.put(Batch((deed(clock, text),)))
        head = await store.audit_head()
        await store.erase(PLATE, "amy")
        verdict = verify_audit(tmp_path, (head[0], bytes.fromhex(head[1])))
        assert (verdict.broken, verdict.last) == (None, 6)
        rows = [orjson.loads(row.body) for row in read_audit(tmp_path, 10)]
        assert [row.get("target") for row in rows[:4]] == [OTHER, None, OTHER, None]
        assert (rows[4]["name"], rows[4]["by"], rows[4]["erased"], rows[4]["result"]) == ("erase", "amy", [2, 4], "accepted")
        assert (rows[5]["name"], rows[5]["by"], rows[5]["value"], rows[5]["result"]) == ("erase", "amy", 4, "done")


async def test_a_row_that_was_emptied_by_other_means_is_found(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        for text in (OTHER, PLATE, OTHER):
            await store.put(Batch((deed(clock, text),)))
        await store.erase(PLATE, "amy")
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as thief:
        thief.execute("UPDATE audit SET body = ? WHERE n = 3", (b'{"type":"erased"}',))
        thief.commit()
    verdict = verify_audit(tmp_path)
    assert (verdict.broken, "no row says" in verdict.reason) == (3, True)


async def test_rows_before_an_erased_one_cannot_be_written_anew(tmp_path: Path) -> None:
    """The erased row can no longer be computed, so only what the erasure says of it ties it to what came before."""
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        for text in (OTHER, OTHER, PLATE, OTHER):
            await store.put(Batch((deed(clock, text),)))
        await store.erase(PLATE, "bob")
        head = await store.audit_head()
        await store.put(Batch((deed(clock, OTHER),)))
    noted = (head[0], bytes.fromhex(head[1]))
    assert verify_audit(tmp_path, noted).broken is None
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as thief:
        ((first, before),) = thief.execute("SELECT body, hash FROM audit WHERE n = 1").fetchall()
        other = first.replace(b"amy", b"eve")
        thief.execute("UPDATE audit SET body = ?, hash = ? WHERE n = 1", (other, link(b"", other)))
        second = thief.execute("SELECT body FROM audit WHERE n = 2").fetchone()[0]
        thief.execute("UPDATE audit SET hash = ? WHERE n = 2", (link(link(b"", other), second),))
        thief.commit()
    verdict = verify_audit(tmp_path, noted)
    assert (verdict.broken, verdict.reason) == (3, "row 3, erased since, stood behind other rows")
    assert before != link(b"", other)


async def test_an_erasure_that_is_erased_itself_leaves_the_log_whole(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        for text in (OTHER, PLATE, OTHER):
            await store.put(Batch((deed(clock, text),)))
        await store.erase(PLATE, "carol-zhang")
        await store.erase("carol-zhang", "bob")
        verdict = verify_audit(tmp_path)
        assert (verdict.broken, verdict.last) == (None, 7)
        accepted, done = [orjson.loads(row.body) for row in read_audit(tmp_path, 2)]
        assert (accepted["by"], accepted["erased"]) == ("bob", [2, 4, 5])
        assert (done["by"], done["value"]) == ("bob", 3), "two rows of the log and one event"
    assert files_with(tmp_path, "carol-zhang") == []


async def test_what_an_older_file_left_in_free_pages_is_rebuilt_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that went without being overwritten: by a release that did not do so, here by telemetry, which is never overwritten."""
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        for _ in range(10):
            await store.put(Batch(tuple(seen(clock, PLATE, T, 200) for _ in range(100))))
        await store.put(Batch((seen(clock, OTHER, T),)))
        await store.acknowledge(T, 1, 1000)
        await store.flush()
        await store._writer.do(grouping.prune, 1)
        done = await store.erase(PLATE, "amy")
        assert (done.rebuilt, done.left) == (True, ())
        assert files_with(tmp_path, PLATE) == []
        assert [row.seq for row in await waiting(store, T)] == [1001]
    async with running(spec_of(tmp_path), clock) as store:
        assert [row.seq for row in await waiting(store, T)] == [1001]


async def test_events_that_were_delivered_and_pruned_leave_nothing(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        for _ in range(20):
            await store.put(Batch(tuple(seen(clock, PLATE, size=100) for _ in range(25))))
        await store.acknowledge(E, 1, 500)
        await store.flush()
        await store._writer.do(grouping.prune, 1)
        done = await store.erase(PLATE, "amy")
        assert (done.rows, done.rebuilt, done.left) == (0, False, ())
        assert files_with(tmp_path, PLATE) == []


async def test_quarantined_databases_go_and_foreign_files_are_named(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        for name, text in (("1", PLATE), ("2", OTHER)):
            folder = tmp_path / "quarantine" / f"20261124T000000Z-{name}"
            folder.mkdir(parents=True)
            (folder / "outbox.db").write_bytes(b"\0" * 5000 + text.encode() + b"\0" * 5000)
        (tmp_path / "notes").write_text(f"{PLATE} lives on the third floor")
        done = await store.erase(PLATE, "amy")
        assert (done.quarantined, done.left) == (1, ("notes",))
        assert [folder.name[-1] for folder in (tmp_path / "quarantine").iterdir()] == ["2"]


async def test_what_a_camera_could_not_tell_yet_goes_too(tmp_path: Path) -> None:
    folder = Path(reports_folder(tmp_path, CameraName("gate-in")))
    folder.mkdir(parents=True)
    for name, text in (("000000000001.json", PLATE), ("000000000002.json", OTHER)):
        (folder / name).write_bytes(orjson.dumps({"facts": json.dumps({"text": text}, ensure_ascii=False)}))
    async with running(spec_of(tmp_path), FakeClock()) as store:
        done = await store.erase(PLATE, "amy")
    assert (done.untold, done.left, [path.name for path in folder.iterdir()]) == (1, (), ["000000000002.json"])
    assert files_with(tmp_path, PLATE) == []


async def test_what_cameras_have_kept_goes_whole_if_its_record_names_it(tmp_path: Path) -> None:
    folder = Path(evidence_folder(tmp_path, CameraName("gate-in"))) / "passes"
    folder.mkdir(parents=True)
    for stem, text in (("20261124T215501123Z", PLATE), ("20261124T215502000Z", OTHER), ("20261124T215503000Z", f"{PLATE}7")):
        for suffix in (".jpg", ".small.jpg", ".unsent"):
            (folder / f"{stem}{suffix}").write_bytes(PLATE.encode() if suffix == ".jpg" else b"picture")
        (folder / f"{stem}.json").write_text(json.dumps({"event": {"type": "plate", "text": text}}), encoding="utf-8")
    (folder / ".20261124T215504000Z.partial.json").write_text(json.dumps({"text": PLATE}, ensure_ascii=False), encoding="utf-8")
    async with running(spec_of(tmp_path), FakeClock()) as store:
        done = await store.erase(PLATE, "amy")
        assert (done.rows, done.evidence, done.left) == (0, 2, ())
        rows = [orjson.loads(row.body) for row in read_audit(tmp_path, 10)]
        assert [(row["name"], row.get("files")) for row in rows] == [("erase", 2), ("erase", None)]
    assert sorted({path.name.partition(".")[0] for path in folder.iterdir()}) == ["20261124T215502000Z", "20261124T215503000Z"]
    assert len(list(folder.iterdir())) == 8
    assert unread_pictures(tmp_path) == 4


async def test_nothing_found_changes_nothing(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(spec_of(tmp_path), clock) as store:
        await store.put(Batch((seen(clock, OTHER),)))
        done = await store.erase(PLATE, "amy")
        assert (done.rows, done.left) == (0, ())
        assert [row.seq for row in await waiting(store)] == [1]


@given(st.text(min_size=3, max_size=12).filter(lambda text: text.isprintable()))
def test_every_spelling_in_json_is_found(text: str) -> None:
    for ascii_only in (False, True):
        body = json.dumps({"text": f"({text})"}, ensure_ascii=ascii_only).encode()
        assert holds(body, spellings(text))
    assert holds(orjson.dumps({"text": text}), spellings(text))


def test_a_word_right_behind_a_line_feed_is_a_word() -> None:
    assert holds(orjson.dumps({"text": "called by\nLi Wei"}), spellings("Li Wei"))
    assert not holds(orjson.dumps({"text": "nLi Wei"}), spellings("Li Wei"))


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("京A1234", False),
        ("京A123", True),
        ("车牌京A123驶入", True),
        ("x京A123", True),
        ("京A1235,京A123", True),
        ("京a123", False),
    ],
)
def test_a_longer_plate_is_another_one(body: str, found: bool) -> None:
    assert holds(orjson.dumps({"text": body}), spellings("京A123")) is found
