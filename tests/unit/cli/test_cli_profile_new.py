"""`profile new`: from a list, or by answering; a file that `profile check` accepts, and never one that was there before."""

import json
from pathlib import Path

import pytest
from cli_kit import Desk

from edgeguard.config import load_profile
from edgeguard.core.register import RawType, Table
from edgeguard.testing.handlers import FakeBuilding

LIST = """\
device,point,function,address0,type,scale,unit
Acme M1 meter,voltage_l1,4,0,uint16,0.1,V
Acme M1 meter,frequency,4,1,uint16,?,
"""
ANSWERS = "\n".join(
    (
        *("Acme", "M 2", "", "something", "pump", ""),
        *("频率", "frequency", "register", "input", "70000", "0x12C", "", "0.01", "Hz", "", ""),
        *("power", "", "", "uint32", "", "kW", "功率", "Power"),
        *("", ""),
    )
)
"""Four will not do at first: the kind, the point name, the table and the address are asked for again."""


@pytest.fixture
def nobody(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "none.sock", FakeBuilding())


def test_from_a_list(nobody: Desk, tmp_path: Path) -> None:
    path = tmp_path / "acme.csv"
    path.write_text(LIST, encoding="utf-8")

    printed = nobody.type("profile", "new", str(path), "--dir", str(tmp_path), "--kind", "electricity-meter", "--json")
    told = json.loads(printed.out)

    assert printed.code == 0
    assert (told["file"], told["points"]) == (str(tmp_path / "acme-m1-meter.toml"), 2)
    assert told["notes"] == ["line 3: no scale is given; the number is shown raw"]
    profile = load_profile(Path(told["file"]))
    assert (profile.template, profile.kind, profile.points[0].labels.zh) == (True, "electricity-meter", "A相电压")
    assert nobody.type("profile", "check", told["file"]).code == 0


def test_never_over_a_file_that_is_there(nobody: Desk, tmp_path: Path) -> None:
    path = tmp_path / "acme.csv"
    path.write_text(LIST, encoding="utf-8")
    there = tmp_path / "mine.toml"
    there.write_text("# mine\n", encoding="utf-8")

    printed = nobody.type("profile", "new", str(path), "--dir", str(tmp_path), "--name", "mine")

    assert printed.code == 2
    assert "is there already and is left alone" in printed.err
    assert there.read_text(encoding="utf-8") == "# mine\n"


def test_by_answering_with_second_thoughts(nobody: Desk, tmp_path: Path) -> None:
    printed = nobody.type("profile", "new", "--dir", str(tmp_path), answer=ANSWERS)

    assert printed.code == 0, printed
    profile = load_profile(tmp_path / "acme-m-2.toml")
    assert (profile.maker, profile.kind) == ("Acme", "pump")
    frequency, power = profile.fields
    assert (frequency.table, frequency.address, frequency.type, frequency.scale) == (Table.INPUT, 300, RawType.UINT16, 0.01)
    assert (power.table, power.address, power.type) == (Table.INPUT, 301, RawType.UINT32)
    assert (profile.points[0].labels.zh, profile.points[1].unit) == ("频率", "kW")
    assert printed.out.count("will not do") == 4


def test_answers_in_the_words_of_a_data_sheet_are_understood_or_told_why_not(nobody: Desk, tmp_path: Path) -> None:
    answers = (
        "Acme",
        "M 3",
        "",
        "pump",
        "",
        "Discharge pressure",
        "",
        "40002",
        "abc",
        "100H",
        "uint 16",
        "0,1",
        "bar",
        "出口压力",
        "",
        "",
    )
    printed = nobody.type("profile", "new", "--dir", str(tmp_path), answer="\n".join((*answers, "")))

    assert printed.code == 0, printed
    profile = load_profile(tmp_path / "acme-m-3.toml")
    (point,), (field,) = profile.points, profile.fields
    assert (point.name, point.labels.zh, point.labels.en) == ("discharge_pressure", "出口压力", "Discharge pressure")
    assert (field.address, field.type, field.scale) == (256, RawType.UINT16, 0.1)
    assert "'40002' will not do: if that is register 2, write 1; if it is counted from 0, write 0x9c42" in printed.out
    assert "'abc' will not do: write 4112, 0x1010 or 1010H" in printed.out


def test_answers_that_end_early_leave_nothing(nobody: Desk, tmp_path: Path) -> None:
    printed = nobody.type("profile", "new", "--dir", str(tmp_path), answer="Acme\nM2\n")

    assert printed.code != 0
    assert "nothing was written" in printed.err
    assert list(tmp_path.glob("*.toml")) == []


@pytest.mark.parametrize(("option", "value"), [("--kind", "lifts"), ("--name", "Not An Id")])
def test_bad_words_on_the_command_line(nobody: Desk, tmp_path: Path, option: str, value: str) -> None:
    path = tmp_path / "acme.csv"
    path.write_text(LIST, encoding="utf-8")

    printed = nobody.type("profile", "new", str(path), "--dir", str(tmp_path), option, value)

    assert printed.code == 2
    assert option in printed.err
