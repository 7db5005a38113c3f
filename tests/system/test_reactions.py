"""A real daemon and a simulated plant room: a dry pump sounds a siren; a kill in the middle makes it neither again nor for ever."""

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import Running, daemon, free_port, listens, site_text, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

DEVICES = """
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

[[reaction]]
name = "dry-siren"
alarm = "pump-1.dry-run"
target = "panel.relay_2"
value = true
reset = false
mode = "on"
min_on = "2s"
"""


@contextlib.contextmanager
def plant(folder: Path, text: str, port: int) -> Iterator[Callable[[str], None]]:
    """The simulated plant room; what is said to it goes wrong."""
    path = folder / "plant.toml"
    path.write_text(text, "utf-8")
    command = [sys.executable, "-m", "edgeguard", "simulate", str(path), "--json"]
    with (folder / "plant.log").open("ab") as log:
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)

    def say(line: str) -> None:
        assert child.stdin is not None
        child.stdin.write(line.encode() + b"\n")
        child.stdin.flush()

    try:
        wait_for(lambda: listens(port), "the plant room", 60)
        yield say
    finally:
        child.terminate()
        child.wait(10)


def written(running: Running) -> list[bool]:
    """What the relay was told, and showed when it was read back, by the daemon's own log."""
    lines = [json.loads(line) for line in running.log().splitlines() if '"device.written"' in line]
    assert all((line["device"], line["fate"]) == ("panel", "done") for line in lines)
    return [line["value"] for line in lines]


def record(folder: Path) -> list[str]:
    """What stands in the audit log, `name result`, oldest first; the chain must be whole."""
    audit = [sys.executable, "-m", "edgeguard", "audit"]
    where = ["--directory", f"{folder}/state", "--json"]
    assert subprocess.run([*audit, "verify", *where], capture_output=True, timeout=120, check=False).returncode == 0
    shown = subprocess.run([*audit, "show", *where], capture_output=True, text=True, timeout=120, check=True)
    return [f"{row['name']} {row['result']}" for row in json.loads(shown.stdout)]


def said(running: Running, result: str) -> Callable[[], bool]:
    """Whether the daemon's log has it that the reaction has come so far."""
    return lambda: f'"result": "{result}"' in running.log()


def test_a_siren_is_neither_repeated_nor_forgotten(tmp_path: Path) -> None:
    port = free_port()
    text = site_text(tmp_path, None, {"plant": port}, DEVICES)
    with plant(tmp_path, text, port) as say:
        with daemon(tmp_path, text) as running:
            wait_for(lambda: "daemon.started" in running.log(), "the daemon", 60)
            say("pump-1 dry-run")
            wait_for(said(running, "on"), "the siren", 60)
            assert written(running) == [True]
            # A disk that takes a second or more is not waited for: what is killed before it did is lost, and the documents say so.
            wait_for(lambda: record(tmp_path)[-1] == "reaction on", "the record of the siren", 60)
            running.child.send_signal(signal.SIGKILL)
            running.child.wait(10)
        with daemon(tmp_path, text) as running:
            wait_for(lambda: running.log().count("daemon.started") == 2, "the second daemon", 60)
            say("pump-1 well")
            wait_for(said(running, "ended"), "the end of the siren", 60)
            assert written(running) == [True, False]
            assert running.stop(60) == 0
    begun = ["reaction started", "write accepted", "write done", "reaction on"]
    ended = ["reaction ending", "write accepted", "write done", "reaction ended"]
    assert record(tmp_path) == [*begun, *ended]
