"""What a platform does to alarms over Mosquitto, and a flood of them, through kill -9 of the real daemon; all of it on record."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest
from harness import Running, consumer, daemon, free_port, mosquitto, site_text, subscribe, wait_for
from test_config_put import Platform
from test_others import PROFILE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not (shutil.which("mosquitto") and shutil.which("mosquitto_pub")), reason="needs mosquitto and its clients"),
]
URGENT = ("a", "b")
CALM = tuple(f"m{number}" for number in range(14))
"""More than a flood begins with."""
HEAD = '[commands]\nallow = ["ack", "shelve", "unshelve", "out-of-service", "in-service"]\n'


def device(name: str) -> str:
    """On a bus of its own, where nobody answers: after a second its communication is lost."""
    severity = "major" if name in URGENT else "minor"
    head = f'[[device]]\nname = "{name}"\nbus = "{name}"\nprofile = "libmodbus-slave"\naddress = 1\nevery = "500ms"\n'
    return head + f'[device.alarms.comms-lost]\non_delay = "1s"\nseverity = "{severity}"\n\n'


def alarms(running: Running) -> dict[str, dict[str, Any]]:
    shown = running.ask("alarms")
    return {view["alarm"]: view for view in cast("list[dict[str, Any]]", shown)} if isinstance(shown, list) else {}


def states(running: Running) -> dict[str, str]:
    return {name: view["state"] for name, view in alarms(running).items()}


def suppressed(running: Running) -> set[str]:
    return {name for name, state in states(running).items() if state == "suppressed"}


def test_a_platform_keeps_alarms_back_and_lets_them_come_and_a_flood_outlives_a_kill(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "libmodbus-slave.toml").write_text(PROFILE, encoding="utf-8")
    broker, names = free_port(), (*URGENT, *CALM)
    text = site_text(tmp_path, broker, {name: free_port() for name in names}, HEAD + "".join(map(device, names)))
    with mosquitto(tmp_path, broker), subscribe(tmp_path, broker):
        platform = Platform(tmp_path, broker)
        with daemon(tmp_path, text, synced=True) as running:
            wait_for(lambda: len(states(running)) == len(names) + 1, "lost devices and the flood")
            flood = alarms(running)["gateway.alarm-flood"]
            assert flood["state"] == "active"
            kept_back = suppressed(running)
            assert 0 < len(kept_back) < len(CALM), "those that came first are told, the others are not"
            wait_for(lambda: running.ask("status")["uplink"]["state"] == "online", "the session")  # type: ignore[index]

            def done(name: str, alarm: str, **args: object) -> str:
                end = platform.ask(name, alarm=alarm, **args)
                assert end["state"] == "done", end
                return str(end["result"]["state"])

            assert done("shelve", "a.comms-lost", lasts="1h", reason="paint") == "shelved"
            assert done("out-of-service", "b.comms-lost", reason="no such pump") == "out-of-service"
            assert states(running)["b.comms-lost"] == "out-of-service"
            unknown = platform.ask("unshelve", alarm="attic.comms-lost")
            assert (unknown["state"], unknown["error"]["code"]) == ("refused", "unknown-name")
            before = alarms(running)
            running.child.kill()
            running.child.wait()
        with daemon(tmp_path, text, synced=True) as running:
            wait_for(lambda: bool(states(running)), "the daemon after its death")
            assert alarms(running) == before, "the flood goes on, and nothing of what it keeps back has come up"
            wait_for(lambda: running.ask("status")["uplink"]["state"] == "online", "the session")  # type: ignore[index]
            assert done("unshelve", "a.comms-lost") == "active"
            assert done("in-service", "b.comms-lost") == "active"
            assert suppressed(running) == kept_back
            assert running.stop(60) == 0
    told = consumer(tmp_path).stream("alarms")
    urgent = [(one["alarm"], one["state"]) for one in told if one["alarm"] in ("a.comms-lost", "b.comms-lost")]
    assert Counter(urgent) == {
        (f"{name}.comms-lost", state): count
        for name, held in (("a", "shelved"), ("b", "out-of-service"))
        for state, count in (("active", 2), (held, 1))
    }
    assert not [one for one in told if one["alarm"] in kept_back and one["state"] != "suppressed"]
    command = [sys.executable, "-m", "edgeguard", "audit", "show", "--directory", f"{tmp_path}/state", "--json"]
    rows = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout)
    ours = [(row["by"], row["name"], row["target"], row["result"], row.get("detail", "")) for row in rows if row.get("target")]
    assert ours == [
        ("platform", "shelve", "a.comms-lost", "done", "paint"),
        ("platform", "out-of-service", "b.comms-lost", "done", "no such pump"),
        ("platform", "unshelve", "a.comms-lost", "done", ""),
        ("platform", "in-service", "b.comms-lost", "done", ""),
    ]
    refused = [row for row in rows if row.get("state") == "refused"]
    assert [row["command"] for row in refused] == ["unshelve"]
