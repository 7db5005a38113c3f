"""The daemon as systemd and an operator know it: signals, reload, notification, one instance, restart."""

import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from harness import consumer, daemon, free_port, listens, mosquitto, process, site_text, subscribe, wait_for
from test_others import PROFILE

pytestmark = pytest.mark.slow


def device(name: str, address: int, every: str = "200ms") -> str:
    return f'[[device]]\nname = "{name}"\nbus = "plant"\nprofile = "libmodbus-slave"\naddress = {address}\nevery = "{every}"\n\n'


@pytest.fixture
def slave_port(tmp_path: Path, libmodbus_slave: Path) -> object:
    port = free_port()
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "libmodbus-slave.toml").write_text(PROFILE, encoding="utf-8")
    with process([str(libmodbus_slave), str(port)], tmp_path / "slave.log"):
        wait_for(lambda: listens(port), "the slave")
        yield port


@pytest.mark.usefixtures("needs_mosquitto")
def test_stop_and_start_lose_and_repeat_nothing(tmp_path: Path, slave_port: int) -> None:
    broker_port = free_port()
    text = site_text(tmp_path, broker_port, {"plant": slave_port}, device("s1", 1) + device("s2", 2))
    with mosquitto(tmp_path, broker_port), subscribe(tmp_path, broker_port):
        time.sleep(0.3)
        for round_number in range(3):
            with daemon(tmp_path, text) as running:
                wanted = 5 * (round_number + 1)
                wait_for(lambda wanted=wanted: len(consumer(tmp_path).stream("telemetry")) >= wanted, "telemetry")
                assert running.stop() == 0
        time.sleep(0.3)
        seen = consumer(tmp_path)
        assert len({epoch for epoch, _ in seen.items}) == 1
        assert seen.stream("telemetry")
        assert seen.repeats == 0


@pytest.mark.usefixtures("needs_mosquitto")
def test_items_of_an_outage_arrive_after_it(tmp_path: Path, slave_port: int) -> None:
    broker_port = free_port()
    text = site_text(tmp_path, broker_port, {"plant": slave_port}, device("s1", 1))
    with daemon(tmp_path, text) as running:
        wait_for(lambda: _rows(running.ask("outbox")) >= 5, "rows kept while there is no broker")
        with mosquitto(tmp_path, broker_port), subscribe(tmp_path, broker_port):
            wait_for(lambda: _rows(running.ask("outbox")) == 0, "an empty outbox", 40)
            items = consumer(tmp_path).stream("telemetry")
            assert len(items) >= 1
            assert running.stop() == 0


def _rows(view: object) -> int:
    assert isinstance(view, dict)
    return sum(stream["rows"] for stream in view["streams"])


def test_a_wrong_reload_keeps_the_old_configuration_and_a_right_one_is_applied(tmp_path: Path, slave_port: int) -> None:
    text = site_text(tmp_path, None, {"plant": slave_port}, device("s1", 1))
    with daemon(tmp_path, text) as running:
        wait_for(lambda: "seconds" in str(running.ask("points")), "points")
        (tmp_path / "site.toml").write_text(text + device("s2", 2).replace("libmodbus-slave", "no-such-profile"))
        running.child.send_signal(signal.SIGHUP)
        wait_for(lambda: "no-such-profile" in str(running.ask("status")), "the refusal")
        assert [d["name"] for d in _list(running.ask("devices"))] == ["s1"]
        (tmp_path / "site.toml").write_text(text + device("s2", 2))
        running.child.send_signal(signal.SIGHUP)
        wait_for(lambda: [d["name"] for d in _list(running.ask("devices"))] == ["s1", "s2"], "the second device")
        status = running.ask("status")
        assert isinstance(status, dict)
        assert status["config_error"] == ""
        assert running.stop() == 0


def _list(view: object) -> list[dict[str, object]]:
    assert isinstance(view, list)
    return view


def test_one_instance_per_state_directory(tmp_path: Path, slave_port: int) -> None:
    text = site_text(tmp_path, None, {"plant": slave_port}, device("s1", 1))
    with daemon(tmp_path, text) as running:
        command = [sys.executable, "-m", "edgeguard", "run", "--config", str(tmp_path / "site.toml")]
        second = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert second.returncode == 1
        assert str(running.child.pid) in second.stderr
        assert _list(running.ask("devices"))


def test_systemd_hears_ready_status_watchdog_and_stopping(tmp_path: Path, slave_port: int) -> None:
    address = str(tmp_path / "notify")
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(address)
        sock.settimeout(0.2)
        done = threading.Event()

        def listen() -> None:
            while not done.is_set():
                try:
                    heard.append(sock.recv(4096).decode())
                except TimeoutError:
                    continue

        listener = threading.Thread(target=listen)
        listener.start()
        text = site_text(tmp_path, None, {"plant": slave_port}, device("s1", 1))
        with daemon(tmp_path, text, {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"}) as running:
            wait_for(lambda: sum("WATCHDOG=1" in words for words in heard) >= 2, "the watchdog's food")
            running.child.send_signal(signal.SIGHUP)
            wait_for(lambda: any("RELOADING=1" in words for words in heard), "RELOADING")
            assert running.stop() == 0
        done.set()
        listener.join()
    assert "READY=1" in heard[0]
    assert any("STOPPING=1" in words for words in heard)
    assert any("STATUS=" in words and "1 devices" in words for words in heard)


def test_kill_nine_keeps_alarms_and_numbers(tmp_path: Path, slave_port: int) -> None:
    text = site_text(tmp_path, None, {"plant": slave_port}, device("s1", 1))
    with daemon(tmp_path, text) as running:
        running.ask("write", "s1.relay", "true", "--yes")
        wait_for(lambda: "relay-on" in str(running.ask("alarms")), "the alarm")
        before = running.ask("outbox")
        running.child.kill()
        running.child.wait(5)
    (tmp_path / "control.sock").unlink(missing_ok=True)
    with daemon(tmp_path, text) as running:
        wait_for(lambda: "relay-on" in str(running.ask("alarms")), "the alarm after the kill")
        after = running.ask("outbox")
        assert isinstance(before, dict)
        assert isinstance(after, dict)
        assert after["epoch"] == before["epoch"]
        numbers = {s["stream"]: s["last_seq"] for s in before["streams"]}
        assert all(s["last_seq"] >= numbers[s["stream"]] for s in after["streams"])
        assert next(s["last_seq"] for s in after["streams"] if s["stream"] == "alarms") == numbers["alarms"]
