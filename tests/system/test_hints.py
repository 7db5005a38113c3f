"""Hints and services with the real daemon: what is watched is shown, a service is on record and outlives kill -9."""

import contextlib
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from harness import Running, daemon, free_port, site_text

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

PUMP = """\
[[device]]
name = "pump-1"
bus = "plant"
address = 1
profile = "grundfos-cim200"
every = "1s"
[device.maintenance]
run_hours = 6000
"""


def watched(running: Running) -> dict[str, dict[str, Any]]:
    view = running.ask("hints", "--all")
    assert isinstance(view, dict)
    assert view["hints"] == []
    return {one["name"]: one for one in view["watched"]}


def test_a_service_is_on_record_and_outlives_a_kill(tmp_path: Path) -> None:
    site = site_text(tmp_path, None, {"plant": free_port()}, PUMP)
    with daemon(tmp_path, site) as running:
        before = watched(running)
        assert {"pump-head", "pump-power", "wear-run-hours", "wear-starts"} <= set(before)
        assert (before["wear-run-hours"]["limit"], before["wear-run-hours"]["assumed"]) == (6000, False)
        assert before["wear-starts"]["assumed"]
        assert before["pump-head"]["state"] == "learning"
        done = running.ask("service", "pump-1", "--done", "seal replaced", "--about", "wear-run-hours", "--yes")
        assert isinstance(done, dict)
        assert done["reset"] == ["wear-run-hours"]
        running.child.send_signal(signal.SIGKILL)
        running.child.wait(10)
    with contextlib.closing(sqlite3.connect(tmp_path / "state" / "outbox.db")) as db:
        (body,) = db.execute("SELECT body FROM rule_states WHERE owner = 'hints' AND name = 'pump-1'").fetchone()
        assert b"seal replaced" in body
    (tmp_path / "control.sock").unlink(missing_ok=True)
    with daemon(tmp_path, site) as running:
        assert watched(running)["wear-run-hours"]["level"] == 0
        log = running.ask("audit", "show", "--directory", str(tmp_path / "state"))
        assert any("seal replaced" in str(row) for row in log)  # type: ignore[attr-defined]
