"""`replay-rules` as people and programs use it: last week's data, new limits, and what differs."""

import json
from pathlib import Path

from cli_kit import Printed, typed

from edgeguard.cli.session import Exit

SITE = """\
[gateway]
site = "lakeside"
id = "b07"
[[bus]]
name = "plant"
url = "tcp://10.0.0.7:502"
[[device]]
name = "tank"
bus = "plant"
address = 1
profile = "generic-level-transmitter"
every = "5s"
[[device.alarm]]
name = "low"
point = "level"
condition = "low"
limit = LIMIT
severity = "major"
text = { zh = "低", en = "low" }
[[device.alarm]]
name = "off"
point = "range_low"
condition = "equals"
limit = 7
severity = "minor"
text = { zh = "它", en = "it" }
"""


def lines() -> str:
    """Ten minutes of a tank that is emptied three times, and of a device that nobody knows."""
    told = []
    for second in range(0, 600, 5):
        at = f"2026-11-23T05:{40 + second // 60}:{second % 60:02d}Z"
        level = 0.4 if second % 200 < 60 else 1.5
        told.append(json.dumps({"at": at, "device": "tank", "values": {"level": level, "range_low": 0.0}}))
        told.append(json.dumps({"at": at, "device": "attic", "bad": {"level": "timeout"}}))
    return "\n".join(told)


def play(folder: Path, *words: str, lang: str = "en") -> Printed:
    """With a new limit of 0.5 m, where 0.3 m was."""
    (folder / "week.jsonl").write_text(lines(), encoding="utf-8")
    for name, limit in (("new", "0.5"), ("old", "0.3")):
        (folder / f"{name}.toml").write_text(SITE.replace("LIMIT", limit), encoding="utf-8")
    environ = {"EDGEGUARD_LANG": lang, "COLUMNS": "140", "NO_COLOR": "1", "TZ": "UTC"}
    given = [str(folder / "week.jsonl"), "--config", str(folder / "new.toml")]
    return typed("replay-rules", *given, *words, environ=environ)


def test_new_limits_on_old_data_and_what_differs(tmp_path: Path) -> None:
    printed = play(tmp_path, "--against", str(tmp_path / "old.toml"))
    assert printed.code == Exit.FINE
    assert "120 rounds" in printed.out
    assert "not in the configuration: attic" in printed.out
    assert [line.split()[2:4] for line in printed.out.splitlines() if " tank.low " in line][:2] == [
        ["active", "tank.low"],
        ["returned", "tank.low"],
    ]
    assert [line.split() for line in printed.out.splitlines() if line.split()[:1] == ["tank.low"]] == [["tank.low", "3", "0"]]
    chinese = play(tmp_path, "--against", str(tmp_path / "new.toml"), lang="zh")
    assert "没有差别" in chinese.out


def test_for_programs_and_a_part_of_it(tmp_path: Path) -> None:
    shown = json.loads(play(tmp_path, "--json", "--against", str(tmp_path / "old.toml")).out)
    assert (shown["rounds"], shown["unknown_devices"]) == (120, ["attic"])
    assert shown["alarms"]["tank.low"] == {"here": 3, "against": 0}
    assert {alarm["here"] - alarm["against"] for name, alarm in shown["alarms"].items() if name != "tank.low"} == {0}
    assert [one["state"] for one in shown["told"] if one.get("alarm") == "tank.low"][:2] == ["active", "returned"]
    part = json.loads(play(tmp_path, "--json", "--from", "2026-11-23T05:43:00Z", "--to", "2026-11-23T05:45:00Z").out)
    assert part["rounds"] == 24
    nothing = play(tmp_path, "--json", "--from", "2027-01-01")
    assert (nothing.code, json.loads(nothing.out)["rounds"]) == (Exit.WRONG, 0)


def test_what_is_no_recording_is_said(tmp_path: Path) -> None:
    printed = play(tmp_path)
    assert printed.code == Exit.FINE
    (tmp_path / "week.csv").write_text("a,b\n", encoding="utf-8")
    environ = {"EDGEGUARD_LANG": "en", "COLUMNS": "140", "NO_COLOR": "1"}
    wrong = typed("replay-rules", str(tmp_path / "week.csv"), "--config", str(tmp_path / "new.toml"), environ=environ)
    assert wrong.code != Exit.FINE
    assert "week.csv:1: is no export of rounds" in wrong.err + wrong.out
