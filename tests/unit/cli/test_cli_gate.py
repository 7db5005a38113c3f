"""`gate` as a property office and its guard type it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_kit import Desk, desk
from rich.cells import cell_len

from edgeguard.control import Call
from edgeguard.control.gate_views import GatesView
from edgeguard.core.gate_list import Entry, ListKind
from edgeguard.testing.handlers import FakeBuilding


@pytest.fixture
def building() -> FakeBuilding:
    made = FakeBuilding()
    made.gates.put(Entry("浙A12345", ListKind.RESIDENT, bay="B-17"))
    return made


@pytest.fixture
def here(building: FakeBuilding) -> Iterator[Desk]:
    with desk(building) as made:
        yield made


@pytest.mark.parametrize(("lang", "words"), [("en", "a person decides"), ("zh", "待人工确认")])
def test_the_gate_at_one_moment(here: Desk, building: FakeBuilding, lang: str, words: str) -> None:
    printed = here.type("gate", lang=lang, width=140)
    assert printed.code == 0
    assert words in printed.out
    assert "浙*****5" in printed.out
    assert "87" in printed.out
    assert max(cell_len(line.rstrip()) for line in printed.out.splitlines()) <= 140
    building.gates.stick()
    assert here.type("gate").code == 1
    assert json.loads(here.type("gate", "--json").out)["zones"][0]["count"] == 87


def test_without_a_gate_nothing_is_wrong_and_no_clock_is_needed() -> None:
    async def none(_: Call) -> GatesView:
        return GatesView(False, (), (), ())

    with desk(handlers={"gates": none}) as here:
        printed = here.type("gate")
    assert (printed.code, "the clock" in printed.out) == (0, False)
    assert "no gate is configured" in printed.out


def test_why_says_who_would_be_let_in(here: Desk) -> None:
    known = here.type("gate", "why", "浙A·12345")
    assert (known.code, "let in — it is on a list" in known.out, "bay B-17" in known.out) == (0, True, True)
    unknown = here.type("gate", "why", "苏E99999", lang="zh")
    assert (unknown.code, "不在任何名单上" in unknown.out) == (1, True)


def test_add_list_remove(here: Desk, building: FakeBuilding) -> None:
    added = here.type("gate", "add", "浙AD88888", "--list", "visitor", "--to", "2026-11-30", "--days", "mon-fri", "--note", "=x")
    assert (added.code, "1 added" in added.out) == (0, True)
    assert "浙AD88888" in here.type("gate", "list", "visitor").out
    wrong = here.type("gate", "add", "浙AD88889", "--list", "visitor")
    assert (wrong.code, "to: is missing" in wrong.err) == (2, True)
    assert here.type("gate", "remove", "浙AD88888").code == 0
    assert here.type("gate", "remove", "浙AD88888").code == 1
    assert len(building.gates.entries) == 1


def test_a_file_is_taken_as_a_whole_or_not_at_all(here: Desk, building: FakeBuilding, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("plate,note\n京A00001,a\n12,b\n", encoding="utf-8")
    wrong = here.type("gate", "import", str(file), "--list", "resident")
    assert (wrong.code, f"{file}:3: plate: is no number plate" in wrong.err) == (1, True)
    assert len(building.gates.entries) == 1
    rows = "".join(f"京A{n:05d},号{n}\n" for n in range(2000))
    file.write_bytes(f"车牌,备注\n{rows}".encode("gb18030"))
    as_text = tmp_path / "unicode.txt"  # what a spreadsheet calls Unicode text
    as_text.write_bytes(f"车牌,备注\n{rows}".replace(",", "\t").encode("utf-16"))
    for one in (file, as_text):
        dry = here.type("gate", "import", str(one), "--list", "resident", "--dry-run")
        assert (dry.code, "would be 2000 added" in dry.out) == (0, True)
    assert (dry.code, "would be 2000 added" in dry.out, len(building.gates.entries)) == (0, True, 1)
    refused = here.type("gate", "import", str(file), "--list", "resident", "--whole")
    assert (refused.code, "1 entries would be removed" in refused.err) == (2, True)
    whole = here.type("gate", "import", str(file), "--list", "resident", "--whole", "--yes")
    assert (whole.code, "2000 added, 0 changed, 1 removed" in whole.out) == (0, True)
    assert len(building.gates.parts) == 4  # two dry runs, a look before removing, and the whole
    assert all(len(part.encode()) < 13_000 for parts in building.gates.parts.values() for part in parts)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("list,plate,note\nresident,京A00001,a\nresident,京A0", 3),
        ("list,plate,note\nresident,京A00001,a\nresident,京A00002", 3),
        ("list,plate\nresident,京A00001\n\nresident,京A0000", 4),
        ("list,plate\nresident,京A00001\nresident,京AD1234", 3),  # of 京AD12345
        ("list,plate\nresident,京A00001\nre", 3),
    ],
)
def test_a_file_that_breaks_off_is_not_taken_for_the_whole_list(
    here: Desk, building: FakeBuilding, tmp_path: Path, text: str, line: int
) -> None:
    file = tmp_path / "list.csv"
    file.write_text(text, encoding="utf-8", newline="")
    for more in (("--yes",), ("--dry-run",)):
        refused = here.type("gate", "import", str(file), "--whole", *more, width=200)
        assert (refused.code, f"{file}:{line}: " in refused.err) == (1, True)
        assert len(building.gates.entries) == 1
    taken = here.type("gate", "import", str(file), width=200)
    if taken.code == 0:
        assert f"line {line}" in taken.err
    else:
        assert f"{file}:{line}: " in taken.err


@pytest.mark.parametrize("last", ["京A00002,x", "京A00002,", '京A00002,"x"'])
def test_a_file_without_a_last_line_break_is_whole_where_its_last_row_is(
    here: Desk, building: FakeBuilding, tmp_path: Path, last: str
) -> None:
    file = tmp_path / "list.csv"
    file.write_text(f"车牌,备注\n京A00001,a\n{last}", encoding="utf-8", newline="")
    taken = here.type("gate", "import", str(file), "--list", "resident", "--whole", "--yes")
    assert (taken.code, taken.err, len(building.gates.entries)) == (0, "", 2)


def test_a_sheet_that_is_numbered_and_has_no_plates_yet_is_no_crash(here: Desk, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("序号,车牌\n1,", encoding="utf-8", newline="")
    told = here.type("gate", "import", str(file), "--list", "resident", width=200)
    assert (told.code, "break off in line 2" in told.err) == (0, True)


def test_a_last_character_of_gb_18030_that_looks_like_a_cut_one_of_utf_8_is_whole(here: Desk, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes(b"plate,note\nWJ01234," + "寮".encode("gb18030"))
    assert "within a character" not in here.type("gate", "import", str(file), "--list", "resident", width=200).err


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_a_file_cut_within_a_character_is_told_as_that(here: Desk, tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes("车牌,备注\n京A00001,甲\n京".encode(encoding)[:-1])
    refused = here.type("gate", "import", str(file), "--list", "resident", width=200)
    assert (refused.code, f"{file}:3: breaks off within a character" in refused.err) == (1, True)


def test_plates_that_no_camera_will_ever_read_are_told_with_their_lines(here: Desk, tmp_path: Path) -> None:
    """A serial one too long, a province mistyped: whoever it belongs to would stand before a closed gate."""
    file = tmp_path / "list.csv"
    file.write_text("plate\n浙A12345\n浙A123456\n\n淅A12345\n粤Z1234港\n浙AD12345\n", encoding="utf-8")
    taken = here.type("gate", "import", str(file), "--list", "resident", width=200)
    assert (taken.code, "2 plates of a form that can never be read (lines 3, 5)" in taken.out) == (0, True)


def test_an_export_replaces_the_last_one_whole_and_is_for_its_owner_alone(here: Desk, tmp_path: Path) -> None:
    file, before = tmp_path / "lists.csv", tmp_path / "link.csv"
    assert here.type("gate", "export", str(file)).code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    written = file.read_bytes()
    before.hardlink_to(file)
    assert here.type("gate", "export", str(file)).code == 0
    assert file.read_bytes() == written
    assert not file.samefile(before), "written beside and put in its place: a power cut leaves the last one"
    assert sorted(tmp_path.glob("*lists*")) == [file]


def test_what_is_exported_can_be_imported(here: Desk, building: FakeBuilding, tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    assert here.type("gate", "export", str(file)).code == 0
    assert file.stat().st_mode & 0o077 == 0
    building.gates.entries.clear()
    assert here.type("gate", "import", str(file)).code == 0
    assert list(building.gates.entries) == [(ListKind.RESIDENT, "浙A12345")]
    assert here.type("gate", "export").out.startswith("list,plate,")


def test_a_barrier_is_opened_held_and_released(here: Desk, building: FakeBuilding) -> None:
    assert here.type("gate", "open", "north").code == 2  # nobody is here to be asked
    assert here.type("gate", "open", "north", "--pass", "b-17", "--yes").code == 0
    assert here.type("gate", "hold", "north", "-m", "30", "--yes").code == 0
    assert here.type("gate", "release", "north").code == 0
    assert building.gates.acts == [("north", "open", "b-17"), ("north", "hold", ""), ("north", "release", "")]
    assert here.type("gate", "release", "north", "--over-loop").code == 2, "nobody is here to say that nothing is under it"
    assert here.type("gate", "release", "north", "--over-loop", "--yes").code == 0
    building.gates.opens = False
    assert here.type("gate", "open", "north", "--yes").code == 1
    assert here.type("gate", "open", "south", "--yes").code == 2


def test_who_is_inside_and_what_is_corrected(here: Desk) -> None:
    shown = here.type("gate", "stays")
    assert ("浙A12345" in shown.out, "1:30" in shown.out) == (True, True)
    assert "90 inside" in here.type("gate", "correct", "yard", "--count", "90").out
    assert here.type("gate", "correct", "yard").code == 2
