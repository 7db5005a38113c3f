"""Lists of plates from a platform: the real daemon, Mosquitto, and what stands in force after it is gone and the daemon is new."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from harness import Running, consumer, daemon, free_port, mosquitto, site_text, subscribe, wait_for
from test_config_put import Platform

from edgeguard.control import call, methods

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (shutil.which("mosquitto") and shutil.which("mosquitto_pub")), reason="needs mosquitto and its clients"),
]
RESIDENT, NEW, VISITOR, STRANGER = "浙A54321", "浙AD88888", "苏E99999", "京B11111"
SITE = """
[commands]
allow = ["gate.list"]

[parking]
trust_clock = true

[[device]]
name = "box"
bus = "gate"
address = 1
profile = "kmtronic-relay8"
every = "5s"
[device.interlock.relay_2]
requires = ["not box.relay_8"]

[[camera]]
name = "gate-in"
url = "rtsp://127.0.0.1:1/nobody"
task = "plates"

[[gate]]
name = "main"
open = "box.relay_2"
pulse = "200ms"
[gate.plates]
entry = ["gate-in"]
"""


def heads(running: Running) -> dict[str, tuple[int, int | None, int]]:
    """Of each list: entries, the platform's version, changes made here since."""
    found = call(running.folder / "control.sock", methods.GATES, {})
    return {one.list: (one.entries, one.version, one.local) for one in found.lists}


def verdict(running: Running, plate: str) -> str:
    (why,) = call(running.folder / "control.sock", methods.GATE_WHY, {"plate": plate, "by": "test"})
    return why.verdict


def is_online(running: Running) -> bool:
    uplink = call(running.folder / "control.sock", methods.STATUS).uplink
    return uplink is not None and uplink.state == "online"


def test_lists_come_by_versions_and_hold_without_a_network(tmp_path: Path) -> None:
    broker = free_port()
    text = site_text(tmp_path, broker, {"gate": free_port()}, SITE)
    with mosquitto(tmp_path, broker), subscribe(tmp_path, broker):
        platform = Platform(tmp_path, broker)
        with daemon(tmp_path, text, synced=True) as running:
            wait_for(lambda: is_online(running), "the session", 60)

            def put(**args: Any) -> dict[str, Any]:
                whole = {"transfer": "t", "part": 1, "parts": 1, "list": "resident", **args}
                return platform.ask("gate.list", **whole)

            # in two parts, the second one first: nothing is in force before both are there
            first = put(transfer="a", version=7, part=2, parts=2, entries=f"plate\n{NEW}\n")
            assert (first["state"], first["result"]["state"], first["result"]["missing"]) == ("done", "staged", 1)
            assert (verdict(running, NEW), heads(running)["resident"]) == ("refused", (0, None, 0))
            both = put(transfer="a", version=7, part=1, parts=2, entries=f"plate,bay\n{RESIDENT},B-17\n")
            assert (both["result"]["state"], both["result"]["added"]) == ("in-force", 2)
            assert [verdict(running, plate) for plate in (RESIDENT, NEW, STRANGER)] == ["open", "open", "refused"]

            # a change is one of the version that is here, or none at all
            late = put(version=9, base=8, remove=RESIDENT)
            assert (late["state"], late["error"]["code"]) == ("refused", "other-version")
            assert (verdict(running, RESIDENT), heads(running)["resident"]) == ("open", (2, 7, 0))
            assert put(version=8, base=7, remove=NEW)["result"]["removed"] == 1
            again = put(version=8, base=7, remove=RESIDENT)
            assert (again["error"]["code"], verdict(running, RESIDENT)) == ("other-version", "open")

            # one mistake refuses everything, at its line
            guests = f"plate,from,to\n{VISITOR},2020-01-01,2099-01-01\n"
            wrong = put(list="visitor", version=1, entries=f"{guests}A?,,2099-01-01\n")
            assert (wrong["state"], wrong["error"]["code"]) == ("refused", "bad-arguments")
            assert "line 3: plate" in wrong["error"]["message"]
            assert put(list="visitor", version=1, entries=guests)["state"] == "done"
            assert running.stop(60) == 0
    with daemon(tmp_path, text) as running:  # no broker, and nobody sets the clock
        assert heads(running) | {"resident": (1, 8, 0), "visitor": (1, 1, 0)} == heads(running)
        assert [verdict(running, plate) for plate in (RESIDENT, NEW, VISITOR, STRANGER)] == ["open", "refused", "open", "refused"]
        assert running.stop(60) == 0
    told = [(one["list"], one["added"], one["removed"], one["version"], one["by"]) for one in _events(tmp_path, "gate-list")]
    assert told == [("resident", 2, 0, 7, "platform"), ("resident", 0, 1, 8, "platform"), ("visitor", 1, 0, 1, "platform")]
    rows = _audit(tmp_path, "show")
    ends = [row["state"] for row in rows if row.get("command") == "gate.list" and row["by"] == "platform"]
    assert ends == ["accepted", "done"] * 2 + ["accepted", "refused", "accepted", "done"] + ["accepted", "refused"] * 2 + [
        "accepted",
        "done",
    ]
    assert _audit(tmp_path, "verify")["broken"] is None
    told_of = (tmp_path / "daemon.log").read_text(encoding="utf-8") + json.dumps(rows, ensure_ascii=False)
    assert not [plate for plate in (RESIDENT, NEW, VISITOR) if plate in told_of], "a plate stands in the log or on record"


def _events(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [item for item in consumer(folder).stream("events") if item.get("type") == kind]


def _audit(folder: Path, what: str) -> Any:
    command = [sys.executable, "-m", "edgeguard", "audit", what, "--directory", f"{folder}/state", "--json"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout)
