"""`config.put` on the real daemon behind a real broker: kept, taken back when it cuts the gateway off, and after kill -9."""

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from harness import consumer, daemon, free_port, mosquitto, site_text, subscribe, wait_for

from edgeguard.testing.messages import check_command, check_reply

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (shutil.which("mosquitto") and shutil.which("mosquitto_pub")), reason="needs mosquitto and its clients"),
]
ROOT = "edgeguard/v1/test/g1"
COMMANDS = '[commands]\nallow = ["config.get", "config.put"]\nmay_change = ["uplink"]\nconfig_trial = "6s"\n'


class Platform:
    """Sends commands by mosquitto_pub and reads the answers that mosquitto_sub has written."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        self._sent = 0
        self._last = ("", "")

    def send(self, name: str, **args: Any) -> str:
        self._sent += 1
        command_id = f"{name}-{self._sent}"
        body = json.dumps({"id": command_id, "issued_at": datetime.now(UTC).isoformat(), "ttl_s": 60, "args": args})
        check_command(name, body.encode())
        self._last = (name, body)
        self.again()
        return command_id

    def again(self) -> None:
        """The very same message once more, as somebody would who has recorded it."""
        name, body = self._last
        where = ("-h", "127.0.0.1", "-p", str(self._port), "-q", "1", "-t", f"{ROOT}/commands/{name}", "-s")
        subprocess.run(["mosquitto_pub", *where], input=body, text=True, check=True, timeout=60)

    def answers(self, command_id: str) -> list[dict[str, Any]]:
        # a line still being written is left out
        lines = (self._folder / "sub.log").read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
        told = [line.partition(" ")[2] for line in lines if line.startswith(f"{ROOT}/replies ")]
        return [answer for answer in map(json.loads, told) if answer["id"] == command_id]

    def ask(self, name: str, **args: Any) -> dict[str, Any]:
        """The last answer."""
        command_id = self.send(name, **args)
        wait_for(lambda: bool(self.ends(command_id)), f"the end of {command_id}")
        end = self.ends(command_id)[0]
        check_reply(json.dumps(end).encode(), name)
        return end

    def ends(self, command_id: str) -> list[dict[str, Any]]:
        return [answer for answer in self.answers(command_id) if answer["state"] != "accepted"]


def test_a_configuration_from_afar(tmp_path: Path) -> None:
    port = free_port()
    text = site_text(tmp_path, port, {}, COMMANDS)
    with mosquitto(tmp_path, port), subscribe(tmp_path, port):
        platform = Platform(tmp_path, port)
        with daemon(tmp_path, text, synced=True) as running:
            wait_for(lambda: '"online":true' in (tmp_path / "sub.log").read_text(encoding="utf-8"), "the session")
            told = platform.ask("config.get")["result"]
            assert (told["source"], told["file"]) == ("file", text)

            louder = text.replace('level = "info"', 'level = "debug"')
            done = platform.ask("config.put", file=louder, base=told["sha256_in_force"])
            assert (done["state"], done["result"]["changed"]) == ("done", ['log.level: "info" -> "debug"'])
            again = platform.ask("config.put", file=louder, base=told["sha256_in_force"])
            assert (again["state"], again["error"]["code"]) == ("refused", "conflict")

            base = done["result"]["sha256"]
            lost = platform.ask("config.put", file=louder.replace(str(port), str(free_port())), base=base)
            assert (lost["state"], "could not be reached within 6 s" in lost["error"]["message"]) == ("rolled-back", True)
            assert platform.ask("config.get")["result"]["sha256_in_force"] == base

            # one that never ends well, lest it be over before the kill
            cut = platform.send("config.put", file=louder.replace(str(port), str(free_port())), base=base)
            trial = tmp_path / "state" / "config" / "trial.json"
            wait_for(trial.exists, "the trial")
            running.child.kill()
            running.child.wait(10)
        assert trial.exists()
        with daemon(tmp_path, text, synced=True) as running:
            wait_for(lambda: any(end["state"] == "rolled-back" for end in platform.ends(cut)), "the answer")
            assert platform.ask("config.get")["result"]["sha256_in_force"] == base
            assert not trial.exists()
            wait_for(lambda: [e["result"] for e in _puts(tmp_path)].count("rolled-back") == 2, "the events")
            assert running.stop() == 0
    assert [event["result"] for event in _puts(tmp_path)] == ["accepted", "done", *["accepted", "rolled-back"] * 2]
    assert (tmp_path / "site.toml").read_text(encoding="utf-8") == text


def _puts(folder: Path) -> list[dict[str, Any]]:
    return [event for event in consumer(folder).stream("events") if event.get("name") == "config.put"]
