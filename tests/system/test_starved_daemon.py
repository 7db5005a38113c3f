"""The real daemon when the machine gives it no more descriptors: what is open goes on, what is wanted comes back with them."""

import resource
import socket
from pathlib import Path

import pytest
from harness import daemon, free_port, listens, mosquitto, process, site_text, wait_for
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
                wait_for(lambda: "control.not-accepting" in running.log(), "that nobody can be answered, in the log")
            assert running.child.poll() is None
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, most))
            arrived = judge.arrivals
            wait_for(lambda: judge.arrivals > arrived + 5, "telemetry again")
            wait_for(lambda: "uptime_s" in str(running.ask("status")), "an answer")
            assert running.stop(20) == 0
            assert running.log().count(SAID) < 20, "said when it changes, not again and again"
        report = judge.report(final=True)
    assert report.sound, report
