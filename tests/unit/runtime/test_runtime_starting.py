"""A start that waits says for what, and one that is over says nothing."""

import threading

import pytest
from structlog.testing import capture_logs

from edgeguard.runtime.notify import Notifier
from edgeguard.runtime.starting import Starting


class Systemd(Notifier):
    """The service manager."""

    def __init__(self) -> None:
        super().__init__(None)
        self.heard: list[str] = []
        self.hears = threading.Event()

    def status(self, text: str) -> None:
        self.heard.append(text)
        self.hears.set()


def test_what_a_start_waits_for_is_told_until_it_is_over() -> None:
    manager = Systemd()
    starting = Starting(manager, told_s=0.005)
    with capture_logs() as logs:
        starting.at("the lock of /var/lib/edgeguard")
        starting.at("the outbox in /var/lib/edgeguard")
        assert manager.hears.wait(30)
        starting.done()
    assert {line["event"] for line in logs} == {"daemon.start-waits"}
    assert logs[0]["what"] == "the outbox in /var/lib/edgeguard"
    assert manager.heard[0] == "starting: the outbox in /var/lib/edgeguard has taken 0 s"


@pytest.mark.parametrize("told_s", [10.0])
def test_a_quick_start_says_nothing(told_s: float) -> None:
    manager = Systemd()
    starting = Starting(manager, told_s)
    starting.at("the outbox")
    starting.done()
    assert starting._thread is not None
    starting._thread.join(30)
    assert manager.heard == []
