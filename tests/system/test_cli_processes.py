"""The command line as processes: exit codes, a live `top` on a real terminal, pipes that break."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import process, wait_for

pytestmark = pytest.mark.slow

EDGEGUARD = [sys.executable, "-m", "edgeguard"]


@pytest.fixture
def socket_path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="eg-") as folder, fake_daemon(Path(folder)) as path:
        yield path


@contextlib.contextmanager
def fake_daemon(folder: Path) -> Iterator[Path]:
    path = folder / "s"
    with process([sys.executable, "-m", "edgeguard.testing.handlers", str(path)], folder / "daemon.log"):
        wait_for(path.is_socket, "the fake daemon's socket")
        yield path


def run(path: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "EDGEGUARD_SOCKET": str(path), "EDGEGUARD_LANG": "en", **environ}
    return subprocess.run([*EDGEGUARD, *words], env=env, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)


def test_exit_codes(socket_path: Path, tmp_path: Path) -> None:
    assert run(socket_path, "devices").returncode == 0
    assert run(socket_path, "status").returncode == 1
    assert run(socket_path, "nonsense").returncode == 2
    assert run(socket_path, "check", str(tmp_path / "none.toml")).returncode == 2
    assert run(socket_path, "run", "--config", str(tmp_path / "none.toml")).returncode == 2
    assert run(tmp_path / "none.sock", "status").returncode == 3
    assert run(socket_path, "write", "pump-1.setpoint", "4").returncode == 2
    assert run(socket_path, "write", "pump-1.setpoint", "4", "--yes").returncode == 0


def test_a_dead_daemons_socket_is_explained_and_replaced() -> None:
    with tempfile.TemporaryDirectory(prefix="eg-") as folder:
        with fake_daemon(Path(folder)) as path:
            pass
        assert path.is_socket()
        silent = run(path, "status")
        assert silent.returncode == 3
        assert "is gone" in silent.stderr
        path.unlink()
        with fake_daemon(Path(folder)):
            assert run(path, "devices").returncode == 0


def test_output_into_a_closed_pipe_ends_quietly(socket_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m edgeguard --socket {socket_path} points | head -n 1"],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_json_lines_of_top_end_on_interrupt(socket_path: Path) -> None:
    with subprocess.Popen(
        [*EDGEGUARD, "--socket", str(socket_path), "top", "--json", "-i", "0.2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        for _ in range(2):
            assert json.loads(child.stdout.readline())["status"]["site"] == "lakeside"
        child.send_signal(signal.SIGINT)
        assert child.wait(60) == 0
        assert b"Traceback" not in child.stderr.read()


class Terminal:
    """A command on a pseudo-terminal; `shown` is everything that it has sent so far."""

    def __init__(self, *words: str, rows: int = 24, cells: int = 80) -> None:
        self.master, self.slave = pty.openpty()
        self.resize(rows, cells)
        self.before = termios.tcgetattr(self.slave)
        env = {**os.environ, "TERM": "xterm-256color", "EDGEGUARD_LANG": "en"}
        env.pop("COLUMNS", None)
        env.pop("LINES", None)
        self.child = subprocess.Popen(
            [*EDGEGUARD, *words], stdin=self.slave, stdout=self.slave, stderr=self.slave, env=env, start_new_session=True
        )
        self.shown = ""
        self.received = 0

    def resize(self, rows: int, cells: int) -> None:
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cells, 0, 0))

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def wait_for(self, pattern: str, seconds: float = 60.0) -> None:
        """Read until the pattern has been sent since the last wait."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.shown)):
            assert time.monotonic() < deadline, f"{pattern!r} did not come in {self.shown[-2000:]!r}"
            if select.select([self.master], [], [], 0.05)[0]:
                came = os.read(self.master, 65536)
                self.received += len(came)
                self.shown += came.decode("utf-8", "replace")
        self.shown = self.shown[found.end() :]

    def end(self) -> int:
        code = self.child.wait(60)
        assert termios.tcgetattr(self.slave) == self.before
        return code


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    made: list[Terminal] = []
    yield made
    for terminal in made:
        if terminal.child.poll() is None:
            terminal.child.kill()
            terminal.child.wait(10)
        os.close(terminal.master)
        os.close(terminal.slave)


def test_top_lives_on_a_terminal(socket_path: Path, terminals: list[Terminal]) -> None:
    terminal = Terminal("--socket", str(socket_path), "top", "-i", "0.2")
    terminals.append(terminal)

    terminal.wait_for(r"\x1b\[\?1049h")
    terminal.wait_for("pump-1.dry-run")
    terminal.wait_for("▸pump-1")
    terminal.type(b"\x1b[B")
    terminal.wait_for("▸meter-main")
    terminal.type(b"p")
    terminal.wait_for("PAUSED")
    terminal.resize(30, 130)
    terminal.child.send_signal(signal.SIGWINCH)
    terminal.wait_for("acknowledged, 3 in flight")
    terminal.type(b"q")
    terminal.wait_for(r"\x1b\[\?1049l")
    assert terminal.end() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_top_gives_the_terminal_back_when_it_is_ended(socket_path: Path, terminals: list[Terminal], number: signal.Signals) -> None:
    terminal = Terminal("--socket", str(socket_path), "top")
    terminals.append(terminal)
    terminal.wait_for("pump-1.dry-run")

    terminal.child.send_signal(number)

    terminal.wait_for(r"\x1b\[\?25h\x1b\[\?1049l")
    assert terminal.end() == 0


def test_top_outlives_the_daemon_and_finds_the_next_one(terminals: list[Terminal]) -> None:
    with tempfile.TemporaryDirectory(prefix="eg-") as folder:
        with fake_daemon(Path(folder)) as path:
            terminal = Terminal("--socket", str(path), "top", "-i", "0.2")
            terminals.append(terminal)
            terminal.wait_for("pump-1.dry-run")
        terminal.wait_for("the daemon does not answer")
        path.unlink()
        with fake_daemon(Path(folder)):
            terminal.wait_for("q .*quit")
            terminal.type(b"q")
            assert terminal.end() == 0


def test_top_without_a_daemon_is_a_sentence_and_not_a_picture(tmp_path: Path, terminals: list[Terminal]) -> None:
    terminal = Terminal("--socket", str(tmp_path / "none"), "top", cells=200)
    terminals.append(terminal)

    terminal.wait_for("systemctl start edgeguard")
    assert "\x1b[?1049h" not in terminal.shown
    assert terminal.end() == 3


def test_a_picture_costs_little_bandwidth(socket_path: Path, terminals: list[Terminal]) -> None:
    """Ten further pictures in which nearly every line changes a figure cost less than six full ones."""
    sent = []
    for count in ("1", "11"):
        terminal = Terminal("--socket", str(socket_path), "top", "-i", "0.2", "-n", count)
        terminals.append(terminal)
        terminal.wait_for(r"(?s)\x1b\[\?1049h.*\x1b\[\?1049l")
        sent.append(terminal.received)
        assert terminal.end() == 0

    assert sent[1] - sent[0] < 6 * sent[0]


def test_write_asks_on_a_terminal(socket_path: Path, terminals: list[Terminal]) -> None:
    terminal = Terminal("--socket", str(socket_path), "write", "pump-1.setpoint", "4.5")
    terminals.append(terminal)

    terminal.wait_for("Pressure setpoint")
    terminal.wait_for("3.50 bar")
    terminal.wait_for(r"Write this\? \[y/N\]")
    terminal.type(b"y\n")
    terminal.wait_for(r"read back 4.50 bar")
    assert terminal.end() == 0
