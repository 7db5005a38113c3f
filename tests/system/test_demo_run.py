"""`edgeguard demo` as a person starts it: the proof, the ways out of it, and nothing left behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name: that of a socket has 107 characters at most, and pytest's own are long in its workers."""
    with tempfile.TemporaryDirectory(prefix="eg-") as made:
        yield Path(made)


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    """A headless demo whose temporary files go to `folder`."""
    command = [sys.executable, "-m", "edgeguard", "--lang", "en", "demo", "--headless", "--json", *options]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(folder)}
    )


def daemon_of(child: subprocess.Popen[str]) -> int | None:
    """The process id of the demo's daemon, once there is one."""
    try:
        return int(Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text(encoding="ascii").split()[0])
    except (IndexError, OSError):
        return None


def logged(folder: Path, words: str) -> Callable[[], bool]:
    """Whether the daemon's log holds `words`."""
    return lambda: any(words in log.read_text(encoding="utf-8") for log in folder.glob("edgeguard-demo-*/daemon.log"))


def alive(pid: int) -> bool:
    """Whether a process of that id exists."""
    return Path(f"/proc/{pid}").exists()


def test_everything_goes_all_the_way_on_ports_that_are_free(folder: Path) -> None:
    with socket.socket() as lift, socket.socket() as broker:
        for taken, port in ((lift, 15021), (broker, 18883)):
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                taken.bind(("127.0.0.1", port))
                taken.listen()
            except OSError:
                continue  # somebody else has it, which serves as well
        child = start(folder, "--seconds", "20", "--seed", "7")
        out, err = child.communicate(timeout=100)
    summary = json.loads(out)
    assert summary["reasons"] == [], err
    assert (child.returncode, summary["ok"], summary["daemon_exit"]) == (0, True, 0)
    assert summary["devices"] == [
        "flat-meter",
        "garden-water",
        "gate-io",
        "lift-1",
        "main-meter",
        "plant-meter",
        "pump-1",
        "pump-2",
        "shop-meter",
        "tank-level",
        "water-meter",
    ]
    assert "pump-1.dry-run" in summary["alarms"]
    assert {stream["stream"] for stream in summary["streams"]} == {"alarms", "events", "telemetry"}
    assert all(stream["first_seq"] == 1 and stream["last_seq"] == stream["items"] for stream in summary["streams"])
    assert list(folder.iterdir()) == []


def test_a_daemon_that_dies_is_a_reason_and_shows_its_log(folder: Path) -> None:
    child = start(folder, "--seconds", "60")
    wait_for(logged(folder, "daemon.started"), "the daemon")
    pid = daemon_of(child)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    out, err = child.communicate(timeout=90)
    assert child.returncode == 1
    assert any("ended by itself, exit code -9" in reason for reason in json.loads(out)["reasons"])
    assert "daemon.started" in err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(folder: Path, number: signal.Signals) -> None:
    child = start(folder, "--seconds", "60")
    wait_for(logged(folder, "daemon.started"), "the daemon")
    pid = daemon_of(child)
    assert pid is not None
    child.send_signal(number)
    out, _ = child.communicate(timeout=90)
    assert json.loads(out)["daemon_exit"] == 0
    assert not alive(pid)
    assert list(folder.iterdir()) == []


def test_a_demo_that_is_killed_leaves_no_daemon(folder: Path) -> None:
    child = start(folder, "--seconds", "60")
    wait_for(logged(folder, "daemon.started"), "the daemon")
    pid = daemon_of(child)
    assert pid is not None
    child.kill()
    child.communicate(timeout=90)
    wait_for(lambda: not alive(pid), "the daemon's end")
    assert logged(folder, "daemon.stopping")()
