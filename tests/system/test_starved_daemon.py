"""The real daemon when the machine gives it no more descriptors: what is open goes on, what is wanted comes back with them."""

import contextlib
import resource
import socket
from pathlib import Path

import pytest
from harness import consumer, daemon, free_port, listens, mosquitto, process, site_text, subscribe, wait_for
from poll_lateness import devices, slave, write_profile
from soak_rig import Gate, Judge
from test_others import PROFILE

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("needs_mosquitto")]

DEVICE = """
[[device]]
name = "s1"
bus = "plant"
profile = "libmodbus-slave"
address = 1
every = "200ms"
"""
SAID = "Too many open files"
SPARE = 3
"""Descriptors that are left to it in the milder case."""


def test_a_daemon_without_descriptors_keeps_polling_and_loses_nothing(tmp_path: Path, libmodbus_slave: Path) -> None:
    slave_port, broker_port = free_port(), free_port()
    with (
        process([str(libmodbus_slave), str(slave_port)], tmp_path / "slave.log"),
        mosquitto(tmp_path, broker_port),
        Gate(broker_port) as gate,
        Judge(broker_port) as judge,
    ):
        wait_for(lambda: listens(slave_port), "the slave")
        text = site_text(tmp_path, gate.port, {"plant": slave_port}, DEVICE)
        (tmp_path / "profiles" / "libmodbus-slave.toml").write_text(PROFILE, encoding="utf-8")
        with daemon(tmp_path, text) as running:
            wait_for(lambda: judge.arrivals > 3, "telemetry")
            pid = running.child.pid
            _, most = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, most))
            gate.set("shut")
            gate.set("open")
            wait_for(lambda: SAID in running.log(), "what is wrong, in the log")
            with socket.socket(socket.AF_UNIX) as caller:
                caller.connect(str(tmp_path / "control.sock"))
                wait_for(lambda: "control.no_descriptors" in running.log(), "that nobody can be answered, in the log")
            assert running.child.poll() is None
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, most))
            arrived = judge.arrivals
            wait_for(lambda: judge.arrivals > arrived + 5, "telemetry again")
            wait_for(lambda: "uptime_s" in str(running.ask("status")), "an answer")
            assert running.stop() == 0
            assert running.log().count(SAID) < 20, "said when it changes, not again and again"
        report = judge.report(final=True)
    assert report.sound, report


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

        def sessions() -> int:
            """By the log: to ask would take a descriptor."""
            return running.log().count("uplink.connected")

        with mosquitto(tmp_path, broker), subscribe(tmp_path, broker):
            wait_for(lambda: sessions() >= 1, "the session")
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
            wait_for(lambda: sessions() >= 2, "the session, when there is room again")
            wait_for(
                lambda: "health" in {item["type"] for item in consumer(tmp_path).stream("events")}, "what happened, at the platform"
            )
        assert running.stop() == 0
    log = running.log()
    assert log.count("control.no_descriptors") == 1
    assert len(log.splitlines()) < 60, "an error that lasts is told once"
    assert "Traceback" not in log
