"""`backup`, `restore`, `erase` as typed: what is printed, what is returned, what is asked before it is done."""

import asyncio
import json
from pathlib import Path

from cli_kit import desk

from edgeguard.cli.parquet import Column, Form, write_parquet
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId
from edgeguard.core.item import Item, Stream
from edgeguard.core.site import StoreSpec
from edgeguard.store import Batch, Store, files_holding, known_copies
from edgeguard.testing.clock import FakeClock


def outbox(directory: Path, rows: int) -> None:
    async def fill() -> None:
        store = await Store.open(StoreSpec(directory, 64 << 20, 1_000_000, None, 200, 100), FakeClock(), lambda _: None)
        at = Stamp(1_790_000_000_000, 1000, BootId("boot-a"), synced=True)
        store.submit(Batch(tuple(Item(Stream.EVENTS, at, b'{"type":"health"}') for _ in range(rows))))
        await store.close()

    asyncio.run(fill())


def test_a_copy_is_made_and_becomes_an_outbox(tmp_path: Path) -> None:
    outbox(tmp_path / "state", 7)
    with desk() as made:
        there = ("--directory", str(tmp_path / "state"))
        printed = made.type("backup", str(tmp_path / "copy"), *there)
        assert (printed.code, "events 7" in printed.out, "of the outbox in" in printed.out) == (0, True, True)
        again = made.type("backup", str(tmp_path / "copy"), *there)
        assert (again.code, "is there already" in again.err) == (1, True)
        refused = made.type("restore", str(tmp_path / "copy"), *there)
        assert (refused.code, "is there already" in refused.err) == (1, True)
        done = made.type("restore", str(tmp_path / "copy"), *there, "--replace", "--json")
        told = json.loads(done.out)
        assert (done.code, told["waiting"]["events"]) == (0, 7)
        assert told["epoch"] != told["from_epoch"]
        assert Path(told["set_aside"]).is_dir()
        zh = made.type("restore", str(tmp_path / "copy"), "--directory", str(tmp_path / "new"), lang="zh")
        assert (zh.code, "新纪元" in zh.out) == (0, True)


def test_a_restore_from_a_copy_whose_log_is_not_what_was_noted_is_done_and_said(tmp_path: Path) -> None:
    outbox(tmp_path / "state", 2)
    with desk() as made:
        printed = made.type("backup", str(tmp_path / "copy"), "--directory", str(tmp_path / "state"), width=200)
        assert printed.out.splitlines()[-1] == "the end of the audit log, to keep elsewhere for the restore: --head 0:"
        assert made.type("restore", str(tmp_path / "copy"), "--directory", str(tmp_path / "new"), "--head", "five").code == 2
        there = ("--directory", str(tmp_path / "new"))
        told = made.type("restore", str(tmp_path / "copy"), *there, "--head", "3:00ff", width=400)
        assert (told.code, "the rows behind 0 are gone: there were 3" in told.out, "may be started" in told.out) == (1, True, True)
        assert "✓ epoch" in told.out
        found = made.type("audit", "verify", *there, width=400)
        assert (found.code, "row 1 tells what was found when the outbox was restored" in found.out) == (1, True)
        assert "第 1 条起不可信" in made.type("audit", "verify", *there, lang="zh", width=400).out


def test_erasing_asks_first_and_names_what_still_holds_it() -> None:
    with desk() as made:
        unasked = made.type("erase", "皖AD11212")
        assert (unasked.code, "nobody is here" in unasked.err) == (2, True)
        done = made.type("erase", "health", "--yes")
        assert (done.code, done.out) == (0, "3 rows are erased\n")
        stubborn = made.type("erase", "stubborn", "--yes")
        assert (stubborn.code, "learned.json still holds it" in stubborn.out) == (1, True)
        assert json.loads(made.type("erase", "stubborn", "--yes", "--json").out)["left"] == ["learned.json"]


def test_the_outbox_says_how_long_it_holds_and_what_was_thinned() -> None:
    with desk() as made:
        assert "holds 41.5 days at the present rate" in made.type("outbox").out
        assert "41.5 天" in made.type("outbox", lang="zh").out


def test_copies_that_still_hold_what_was_erased_are_named(tmp_path: Path) -> None:
    outbox(tmp_path / "state", 3)
    with desk() as made:
        copies = tmp_path / "copies"
        copies.mkdir()
        made.type("backup", str(copies / "monday"), "--directory", str(tmp_path / "state"))
        (copies / "other").write_text("nothing of that kind", encoding="utf-8")
        before = (copies / "monday").read_bytes()
        told = made.type("erase", "health", "--yes", "--look-in", str(copies), width=400)
        assert (told.code, "monday still holds it: remove it" in told.out, "other" in told.out) == (1, True, False)
        found = json.loads(made.type("erase", "health", "--yes", "--json", "--look-in", str(copies)).out)
        assert found["copies"] == [str(copies / "monday")]
        assert made.type("erase", "nobody", "--yes", "--look-in", str(copies)).code == 0
        assert (copies / "monday").read_bytes() == before


def test_copies_that_were_made_here_are_looked_at_without_being_named(tmp_path: Path) -> None:
    state, usb = tmp_path / "state", tmp_path / "usb"
    outbox(state, 3)
    usb.mkdir()
    with desk() as made:
        for name in ("monday", "tuesday"):
            made.type("backup", str(usb / name), "--directory", str(state))
        (usb / "tuesday").unlink()
        made.building.dead_letters.places = known_copies(state)
        told = made.type("erase", "health", "--yes", width=400)
        assert (told.code, "monday still holds it: remove it" in told.out, "tuesday" in told.out) == (1, True, False)
        assert made.type("erase", "nobody", "--yes").code == 0
        usb.rename(tmp_path / "drawer")
        unseen = json.loads(made.type("erase", "nobody", "--yes", "--json").out)
        assert (unseen["copies"], unseen["unseen"]) == ([], [str(usb / "monday"), str(usb / "tuesday")])
        assert made.type("erase", "nobody", "--yes").code == 1


def test_an_export_whose_pages_are_packed_is_looked_into(tmp_path: Path) -> None:
    rows: list[tuple[int | None, str | None]] = [(n, f"state {n}") for n in range(5000)]
    for name, word in (("with.parquet", "京A12345"), ("without.parquet", "京A1234")):
        with (tmp_path / name).open("wb") as file:
            columns = (Column("at", Form.TIME), Column("value", Form.TEXT))
            write_parquet(file, columns, iter([*rows, (7, word), (None, None), *rows]))
    assert files_holding([tmp_path], "京A12345") == (str(tmp_path / "with.parquet"),)
    assert "京A12345".encode() not in (tmp_path / "with.parquet").read_bytes()


def test_a_copy_whose_place_cannot_be_noted_says_so(tmp_path: Path) -> None:
    outbox(tmp_path / "state", 1)
    (tmp_path / "state" / "copies").symlink_to(tmp_path / "elsewhere")
    with desk() as made:
        told = made.type("backup", str(tmp_path / "copy"), "--directory", str(tmp_path / "state"), width=400)
        assert (told.code, "--look-in" in told.out) == (0, True)
