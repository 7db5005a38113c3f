"""Words to systemd, over a real datagram socket."""

import socket
from pathlib import Path

import pytest

from edgeguard.runtime.notify import Notifier


def test_nobody_listens(tmp_path: Path) -> None:
    assert not Notifier(None).send("READY=1")
    assert not Notifier(str(tmp_path / "gone")).send("READY=1")


@pytest.mark.parametrize("abstract", [False, True])
def test_assignments_travel_in_one_datagram(tmp_path: Path, abstract: bool) -> None:
    address = f"@edgeguard-{tmp_path.name}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + address[1:] if abstract else address)
        listener.settimeout(1.0)
        notifier = Notifier(address)
        assert notifier.send("READY=1", "STATUS=well")
        assert listener.recv(100) == b"READY=1\nSTATUS=well"
        notifier.status("two\nlines")
        assert listener.recv(100) == b"STATUS=two lines"


def test_a_listener_that_does_not_read_stops_nothing(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        sent = [Notifier(str(tmp_path / "notify")).send("WATCHDOG=1") for _ in range(5000)]
    assert sent[0]
    assert not sent[-1]
