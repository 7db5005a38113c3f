"""The real daemon's outbox copied while it runs, erased in, and made anew from the copy, all by the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from harness import daemon, free_port, site_text, wait_for

pytestmark = pytest.mark.slow


def run(*words: str) -> tuple[int, Any]:
    done = subprocess.run([sys.executable, "-m", "edgeguard", *words, "--json"], capture_output=True, text=True, timeout=60)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def test_a_copy_an_erasing_and_a_restored_outbox(tmp_path: Path) -> None:
    state, copy = tmp_path / "state", tmp_path / "copy"
    there = ("--directory", str(state))
    text = site_text(tmp_path, free_port(), {}, "")
    with daemon(tmp_path, text) as running:
        wait_for(lambda: "refused" in str(running.ask("status")), "the news that nobody is at the broker's port")
        code, copied = run("backup", str(copy), *there)
        assert (code, copied["waiting"]["events"] > 0) == (0, True)
        refused, words = run("restore", str(copy), *there, "--replace")
        assert (refused, str(running.child.pid) in str(words)) == (1, True)
        socket = ("--socket", str(tmp_path / "control.sock"))
        shelf = state / "evidence" / "gate-in" / "passes"
        shelf.mkdir(parents=True)
        for stem, text_of in (("20261124T215501123Z", "uplink"), ("20261124T215502000Z", "another")):
            (shelf / f"{stem}.jpg").write_bytes(b"picture")
            (shelf / f"{stem}.json").write_text(json.dumps({"event": {"text": text_of}}), encoding="utf-8")
        code, erased = run(*socket, "erase", "uplink", "--yes")
        assert (code, erased["rows"] > 0, erased["left"]) == (1, True, [])
        assert (erased["copies"], erased["unseen"]) == ([str(copy)], []), "the copy that was made above is looked at by itself"
        assert [path.stem for path in shelf.glob("*.jpg")] == ["20261124T215502000Z"]
        assert (erased["evidence"], erased["unread"]) == (1, 1)
        files = [path for path in state.rglob("*") if path.is_file()]
        assert not [path.name for path in files if b'"uplink"' in path.read_bytes()]
        code, short = run(*socket, "erase", "ab", "--yes")
        assert (code, "characters" in str(short)) == (2, True)
        assert running.stop() == 0
    code, verdict = run("audit", "verify", *there)
    assert (code, verdict["broken"]) == (0, None)
    code, made = run("restore", str(copy), *there, "--replace")
    assert (code, made["waiting"], made["from_epoch"]) == (0, copied["waiting"], copied["epoch"])
    with daemon(tmp_path, text) as running:
        view = running.ask("outbox")
        assert isinstance(view, dict)
        assert view["epoch"] == made["epoch"]
        assert running.stop() == 0
    code, verdict = run("audit", "verify", *there)
    assert (code, verdict["broken"]) == (0, None)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_what_root_restores_belongs_to_whom_the_directory_belongs_to(tmp_path: Path) -> None:
    nobody = 65534
    state, copy, other = tmp_path / "state", tmp_path / "copy", tmp_path / "other"
    text = site_text(tmp_path, None, {}, "")
    with daemon(tmp_path, text) as running:
        assert run("backup", str(copy), "--directory", str(state))[0] == 0
        running.stop()
    other.mkdir()
    os.chown(other, nobody, nobody)
    assert run("restore", str(copy), "--directory", str(other))[0] == 0
    assert {path.stat().st_uid for path in other.rglob("*")} == {nobody}
