"""What people have done to alarms outlives kill -9 of the real daemon: shelving with its end, out of service, acknowledgement."""

import getpass
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from harness import Running, daemon, free_port, site_text, wait_for
from test_others import PROFILE

pytestmark = pytest.mark.slow


def device(name: str) -> str:
    """On a bus of its own, where nobody answers: after a second its communication is lost, and after two more it escalates."""
    head = f'[[device]]\nname = "{name}"\nbus = "{name}"\nprofile = "libmodbus-slave"\naddress = 1\nevery = "200ms"\n'
    return head + '[device.alarms.comms-lost]\non_delay = "1s"\ngroup = "room"\nescalate_after = "2s"\n\n'


def alarms(running: Running) -> dict[str, dict[str, Any]]:
    shown = running.ask("alarms")
    return {view["alarm"]: view for view in cast("list[dict[str, Any]]", shown)} if isinstance(shown, list) else {}


def states(running: Running) -> dict[str, str]:
    return {name.partition(".")[0]: view["state"] for name, view in alarms(running).items() if name.endswith(".comms-lost")}


def test_what_people_did_to_alarms_outlives_a_kill(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "libmodbus-slave.toml").write_text(PROFILE, encoding="utf-8")
    names = ("a", "b", "c")
    text = site_text(tmp_path, None, {name: free_port() for name in names}, "".join(map(device, names)))
    with daemon(tmp_path, text) as running:
        wait_for(lambda: states(running) == dict.fromkeys(names, "active"), "three lost devices")
        wait_for(lambda: alarms(running)["c.comms-lost"]["escalated"], "escalation")
        running.ask("shelve", "a.comms-lost", "--for", "2h", "--reason", "the cable is being changed")
        running.ask("out-of-service", "b.comms-lost", "--reason", "no such pump any more")
        running.ask("ack", "c.comms-lost")
        before = alarms(running)
        running.child.kill()
        running.child.wait()
    with daemon(tmp_path, text) as running:
        wait_for(lambda: bool(alarms(running)), "the daemon after its death", 60)
        after = alarms(running)
        assert {name: after[name] for name in before} == before
        assert states(running) == {"a": "shelved", "b": "out-of-service", "c": "acked"}
        assert after["a.comms-lost"]["reason"] == "the cable is being changed"
        assert after["a.comms-lost"]["until"] == before["a.comms-lost"]["until"] != ""
        assert after["c.comms-lost"]["severity"] == "critical"
        assert sum(view["first_out"] for view in after.values()) == 1
        running.ask("unshelve", "a.comms-lost")
        wait_for(lambda: states(running)["a"] == "active", "what was shelved")
        assert running.stop() == 0
    command = [sys.executable, "-m", "edgeguard", "audit", "show", "--directory", f"{tmp_path}/state", "--json"]
    rows = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout)
    assert [(row["name"], row["target"], row["result"], row.get("detail", "")) for row in rows] == [
        ("shelve", "a.comms-lost", "done", "the cable is being changed"),
        ("out-of-service", "b.comms-lost", "done", "no such pump any more"),
        ("ack", "c.comms-lost", "done", ""),
        ("unshelve", "a.comms-lost", "done", ""),
    ]
    assert {row["by"] for row in rows} == {getpass.getuser()}, "whoever sat at the command line"
