"""`audit show`: deeds and what came of them in the reader's language, for programs as they are on record."""

import json
from pathlib import Path

import pytest
from cli_kit import Desk

from edgeguard.store import AuditRow
from edgeguard.testing.handlers import FakeBuilding

SAID = {"command": "write", "at": "2026-11-24T08:00:00.000Z", "by": "wang", "synced": True, "state": "half-done"}
BODY = json.dumps({**SAID, "target": "pump-1.setpoint"}).encode()


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr("edgeguard.cli.audit.read_audit", lambda _directory, _count: (AuditRow(7, BODY, bytes(32)),))
    return Desk(Path("/nonexistent"), FakeBuilding())


@pytest.mark.parametrize(("lang", "told"), [("zh", ("写入", "部分完成")), ("en", ("write", "half-done"))])
def test_deeds_and_results_follow_the_language(desk: Desk, lang: str, told: tuple[str, str]) -> None:
    printed = desk.type("audit", "show", lang=lang, width=160)

    row = printed.out.splitlines()[1].split()
    assert (printed.code, row[3:5]) == (0, list(told))
    assert "pump-1.setpoint" in printed.out


def test_reasons_and_values_that_were_replaced_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.dumps({"name": "shelve", "by": "wang", "result": "done", "old": 3, "detail": "pit is being painted"}).encode()
    monkeypatch.setattr("edgeguard.cli.audit.read_audit", lambda _directory, _count: (AuditRow(8, body, bytes(32)),))
    printed = Desk(Path("/nonexistent"), FakeBuilding()).type("audit", "show", width=160)
    assert 'old=3 detail="pit is being painted"' in printed.out


def test_programs_get_the_words_of_the_record(desk: Desk) -> None:
    (row,) = json.loads(desk.type("audit", "show", "--json", lang="zh").out)

    assert (row["n"], row["command"], row["state"]) == (7, "write", "half-done")


@pytest.mark.parametrize(("lang", "told"), [("zh", "--directory 指定另一个状态目录"), ("en", "--directory names another one")])
def test_a_folder_without_a_database_is_told_with_the_option_that_names_another(tmp_path: Path, lang: str, told: str) -> None:
    printed = Desk(tmp_path, FakeBuilding()).type("audit", "show", "--directory", str(tmp_path), lang=lang)

    assert printed.code == 1
    assert f"there is no database in {tmp_path}" in printed.err
    assert told in printed.err
