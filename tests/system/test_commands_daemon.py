"""Commands of a platform that reach registers: the real daemon, Mosquitto, a simulated plant room, and the audit log after it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from harness import daemon, free_port, mosquitto, site_text, subscribe, wait_for
from test_config_put import Platform
from test_reactions import plant

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not (shutil.which("mosquitto") and shutil.which("mosquitto_pub")), reason="needs mosquitto and its clients"),
]

SITE = """
[commands]
allow = ["read", "write", "ack", "shelve", "barrier", "diag"]

[[device]]
name = "pump-1"
bus = "plant"
address = 1
profile = "grundfos-cim200"
every = "1s"
timeout = "10s"

[[device]]
name = "panel"
bus = "plant"
address = 9
profile = "kmtronic-relay8"
every = "1s"
timeout = "10s"
[device.interlock.relay_2]
requires = ["pump-1.remote_access"]
[device.interlock.relay_3]
requires = ["not pump-1.remote_access"]

[[gate]]
name = "north"
open = "panel.relay_2"
pulse = "200ms"
feedback = "pump-1.remote_access"
"""


def test_what_a_platform_can_have_done_and_what_it_cannot(tmp_path: Path) -> None:
    bus, broker = free_port(), free_port()
    text = site_text(tmp_path, broker, {"plant": bus}, SITE)
    with mosquitto(tmp_path, broker), subscribe(tmp_path, broker):
        platform = Platform(tmp_path, broker)
        with plant(tmp_path, text, bus) as say, daemon(tmp_path, text, synced=True) as running:
            wait_for(lambda: running.ask("status")["devices_online"] == 2, "the plant room", 60)  # type: ignore[index]
            wait_for(lambda: running.ask("status")["uplink"]["state"] == "online", "the session", 60)  # type: ignore[index]

            def refused(name: str, **args: object) -> tuple[str, str]:
                end = platform.ask(name, **args)
                assert (end["ok"], end["state"]) == (False, "refused")
                return end["error"]["code"], end["error"]["message"]

            (view,) = platform.ask("read", targets=["pump-1.remote_access"])["result"]
            assert view["value"] is True
            code, why = refused("write", device="panel", point="relay_1", value=True)
            assert (code, "no second condition" in why) == ("write-refused", True)
            code, why = refused("write", device="panel", point="relay_3", value=True)
            assert (code, "not pump-1.remote_access" in why) == ("write-refused", True)
            assert refused("restart")[0] == "not-allowed"
            assert refused("barrier", gate="south")[0] == "unknown-name"

            done = platform.ask("write", device="panel", point="relay_2", value=True)
            assert (done["state"], done["result"]["read_back"], done["result"]["verified"]) == ("done", True, True)
            assert platform.ask("write", device="panel", point="relay_2", value=False)["state"] == "done"
            opened = platform.ask("barrier", gate="north")
            assert (opened["state"], opened["result"]["feedback"]) == ("done", True)

            say("pump-1 dry-run")
            wait_for(lambda: any(one["state"] == "active" for one in running.ask("alarms")), "the alarm", 60)  # type: ignore[attr-defined]
            alarm = next(one["alarm"] for one in running.ask("alarms") if one["state"] == "active")  # type: ignore[attr-defined]
            assert platform.ask("ack", alarm=alarm)["result"]["state"] == "acked"
            assert platform.ask("shelve", alarm=alarm, lasts="1h", reason="known")["result"]["state"] == "shelved"
            counts = platform.ask("diag")["result"]["commands"]
            assert (counts["refused"], counts["not-allowed"], counts["done"]) == (3, 1, 6)
            last = platform.send("diag")
            wait_for(lambda: bool(platform.ends(last)), "the last answer", 60)
            assert running.stop(60) == 0
        with daemon(tmp_path, text, synced=True) as running:
            wait_for(lambda: running.ask("status")["uplink"]["state"] == "online", "the session", 60)  # type: ignore[index]
            platform.again()
            wait_for(lambda: len(platform.ends(last)) == 2, "the second answer", 60)
            assert platform.ends(last)[1]["error"]["code"] == "repeated"
            assert running.stop(60) == 0
    rows = _audit(tmp_path, "show")
    assert isinstance(rows, list)
    told = [(row.get("name") or row.get("command"), row.get("result") or row.get("state")) for row in rows]
    first = told.index(("write", "accepted"))
    assert told[first:].count(("write", "refused")) >= 2, "what was refused is on record, too"
    switched = [row for row in rows if row.get("target") == "panel.relay_2" and row.get("name") == "write"]
    assert [(row["value"], row["result"]) for row in switched] == [
        (value, result) for value in (True, False, True, False) for result in ("accepted", "done")
    ]
    assert [row["by"] for row in switched[::2]] == ["platform"] * 3 + ["gateway"]
    assert _audit(tmp_path, "verify")["broken"] is None  # type: ignore[index]


def test_a_command_that_a_kill_cuts_off_is_answered_by_the_next_start(tmp_path: Path) -> None:
    bus, broker = free_port(), free_port()
    text = site_text(tmp_path, broker, {"plant": bus}, SITE)
    with mosquitto(tmp_path, broker), subscribe(tmp_path, broker), plant(tmp_path, text, bus) as say:
        platform = Platform(tmp_path, broker)
        with daemon(tmp_path, text, synced=True) as running:
            wait_for(lambda: running.ask("status")["devices_online"] == 2, "the plant room", 60)  # type: ignore[index]
            wait_for(lambda: running.ask("status")["uplink"]["state"] == "online", "the session", 60)  # type: ignore[index]
            say("panel dead")
            say("status")
            wait_for(lambda: '"dead"' in (tmp_path / "plant.log").read_text(encoding="utf-8"), "a panel that is dead")
            cut = platform.send("read", targets=["panel.relay_2"])
            wait_for(lambda: bool(platform.answers(cut)), "its acceptance")
            running.child.kill()
            running.child.wait(10)
        with daemon(tmp_path, text, synced=True) as running:
            wait_for(lambda: bool(platform.ends(cut)), "the answer of the next start")
            assert running.stop(60) == 0
        with daemon(tmp_path, text, synced=True) as running:
            wait_for(lambda: running.ask("status")["uplink"]["state"] == "online", "the session", 60)  # type: ignore[index]
            assert platform.ask("diag")["state"] == "done"
            assert running.stop(60) == 0
    assert [(end["state"], end["error"]["code"]) for end in platform.ends(cut)] == [("failed", "broken-off")]
    states = [row["state"] for row in _audit(tmp_path, "show") if row.get("id") == cut]  # type: ignore[attr-defined]
    assert states == ["accepted", "failed"]


def _audit(folder: Path, what: str) -> object:
    command = [sys.executable, "-m", "edgeguard", "audit", what, "--directory", f"{folder}/state", "--json"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout)
