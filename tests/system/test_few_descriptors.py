"""A daemon that has hardly a descriptor left: polls go on, callers are told why, with room again everything is back."""

import contextlib
import resource
import socket
from pathlib import Path

import pytest
from harness import consumer, daemon, free_port, mosquitto, site_text, subscribe, wait_for
from poll_lateness import devices, slave, write_profile

pytestmark = pytest.mark.slow
SPARE = 3


@pytest.mark.usefixtures("needs_mosquitto")
def test_polls_go_on_callers_are_told_and_the_broker_is_found_again(tmp_path: Path) -> None:
    write_profile(tmp_path / "profiles")
    broker = free_port()
    with (
        slave(2) as wire,
        daemon(tmp_path, site_text(tmp_path, broker, wire.buses, devices(wire))) as running,
        contextlib.ExitStack() as calls,
    ):

        def polls() -> int:
            return min(map(len, wire.arrivals))

        def state() -> object:
            return running.ask("status")["uplink"]["state"]  # type: ignore[index]

        with mosquitto(tmp_path, broker), subscribe(tmp_path, broker):
            wait_for(lambda: state() == "online", "the session")
            pid = running.child.pid
            used = max(int(one.name) for one in Path(f"/proc/{pid}/fd").iterdir())
            _, most = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 1 + SPARE, most))
            answers = []
            for _ in range(4 * SPARE):
                caller = calls.enter_context(socket.socket(socket.AF_UNIX))
                caller.settimeout(30)
                caller.connect(str(tmp_path / "control.sock"))
                caller.sendall(b'{"id":1,"method":"status"}\n')
                answers.append(caller.recv(200))
            assert b"no file descriptors left" in answers[-1]
            assert b'"result"' in answers[0]
        with mosquitto(tmp_path, broker), subscribe(tmp_path, broker):
            before = polls()
            wait_for(lambda: polls() > before + 40, "polls of devices while nothing can be opened")
            calls.close()
            wait_for(lambda: state() == "online", "the session, when there is room again")
            wait_for(
                lambda: "health" in {item["type"] for item in consumer(tmp_path).stream("events")}, "what happened, at the platform"
            )
        assert running.stop() == 0
    log = running.log()
    assert log.count("control.no_descriptors") == 1
    assert len(log.splitlines()) < 60, "an error that lasts is told once"
    assert "Traceback" not in log
