"""Words to systemd, over a socket as systemd's own."""

import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgeguard.runtime.notify import Notifier


@contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(address)
        sock.setblocking(False)
        yield sock


def test_lines_travel_in_one_datagram(tmp_path: Path) -> None:
    with listening(str(tmp_path / "notify")) as sock:
        assert Notifier(str(tmp_path / "notify")).send("READY=1", "STATUS=polling 3 devices")
        assert sock.recv(4096) == b"READY=1\nSTATUS=polling 3 devices"


def test_the_abstract_namespace_is_spelt_with_an_at_sign() -> None:
    name = f"edgeguard-test-{uuid.uuid4()}"
    with listening("\0" + name) as sock:
        assert Notifier("@" + name).send("WATCHDOG=1")
        assert sock.recv(4096) == b"WATCHDOG=1"


def test_the_address_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with listening(str(tmp_path / "notify")) as sock:
        assert Notifier.from_environment().send("STOPPING=1")
        assert sock.recv(4096) == b"STOPPING=1"


def test_without_systemd_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not Notifier.from_environment().send("READY=1")
    assert not Notifier("").send("READY=1")


def test_nobody_listening_is_no_trouble(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    assert not Notifier(address).send("READY=1")
    with listening(address):
        assert Notifier(address).send("READY=1")
    assert not Notifier(address).send("READY=1")
    assert not Notifier(str(tmp_path / ("x" * 200))).send("READY=1")


def test_a_listener_that_does_not_read_never_holds_the_loop_up(tmp_path: Path) -> None:
    with listening(str(tmp_path / "notify")):
        notifier = Notifier(str(tmp_path / "notify"))
        assert not all(notifier.send("WATCHDOG=1") for _ in range(100_000))


def test_the_status_is_one_line_and_cannot_smuggle_an_assignment(tmp_path: Path) -> None:
    with listening(str(tmp_path / "notify")) as sock:
        Notifier(str(tmp_path / "notify")).status("3 devices\nMAINPID=1")
        assert sock.recv(4096) == b"STATUS=3 devices MAINPID=1"
