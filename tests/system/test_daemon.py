"""The daemon as systemd and an operator know it: signals, reload, notification, one instance, restart."""

import contextlib
import functools
import json
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from harness import Consumer, consumer, daemon, free_port, listens, mosquitto, process, site_text, subscribe, wait_for
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
        for round_number in range(3):
            with daemon(tmp_path, text) as running:
                wait_for(functools.partial(_has_items, tmp_path, 5 * (round_number + 1)), "telemetry")
                assert running.stop() == 0
        with daemon(tmp_path, text) as running:
            wait_for(lambda: _rows(running.ask("outbox")) == 0, "an empty outbox")
            view = running.ask("outbox")
            assert running.stop() == 0
        assert isinstance(view, dict)
        last = {stream["stream"]: stream["last_seq"] for stream in view["streams"]}
        wait_for(lambda: set(range(1, last["telemetry"] + 1)) <= _numbers(consumer(tmp_path)), "all of them at the subscriber")
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
            wait_for(lambda: _rows(running.ask("outbox")) == 0, "an empty outbox")
            wait_for(lambda: bool(consumer(tmp_path).stream("telemetry")), "telemetry at the subscriber")
            assert running.stop() == 0


def _numbers(seen: Consumer) -> set[int]:
    return {n for (_, stream), items in seen.items.items() if stream == "telemetry" for n in items}


def _has_items(folder: Path, wanted: int) -> bool:
    return len(consumer(folder).stream("telemetry")) >= wanted


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
        second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
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
        running.child.wait()
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
        assert running.stop() == 0
    starts = [n for n, event in enumerate(_bodies(tmp_path / "state" / "outbox.db", "events")) if event.get("code") == "started"]
    assert len(starts) == 2, "health events of before the kill have ended with it"
    assert starts[0] == 0, "first of all"


def test_a_stop_in_the_middle_of_a_reload_is_a_stop(tmp_path: Path, slave_port: int) -> None:
    text = site_text(tmp_path, None, {"plant": slave_port}, device("s1", 1))
    for _ in range(3):
        with daemon(tmp_path, text) as running:
            (tmp_path / "site.toml").write_text(text + device("s2", 2))
            running.child.send_signal(signal.SIGHUP)
            assert running.stop() == 0
            assert "Traceback" not in running.log()


def test_a_stop_in_the_middle_of_a_write_leaves_its_end_on_record(tmp_path: Path, slave_port: int) -> None:
    mute = socket.socket()
    mute.bind(("127.0.0.1", 0))
    mute.listen(4)
    buses = {"plant": slave_port, "mute": int(mute.getsockname()[1])}
    text = site_text(tmp_path, None, buses, device("s1", 1) + device("gone", 2).replace('"plant"', '"mute"'))
    with mute, daemon(tmp_path, text) as running:
        command = [
            sys.executable,
            "-m",
            "edgeguard",
            "--socket",
            f"{tmp_path}/control.sock",
            "write",
            "gone.relay",
            "true",
            "--yes",
        ]

        def results() -> list[object]:
            events = _bodies(tmp_path / "state" / "outbox.db", "events")
            return [event["result"] for event in events if event.get("target") == "gone.relay"]

        with process(command, tmp_path / "write.log"):
            wait_for(lambda: bool(results()), "the record of the write")
            time.sleep(0.3)
            assert running.stop() == 0
    assert results()[0] == "accepted"
    assert results()[1] in ("unverified", "lost", "not-sent")


def _bodies(database: Path, table: str) -> list[dict[str, object]]:
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return [json.loads(body) for (body,) in connection.execute(f"SELECT body FROM {table} ORDER BY seq")]


def test_a_standard_error_that_nobody_reads_stops_nothing(tmp_path: Path, slave_port: int) -> None:
    text = site_text(tmp_path, None, {"plant": slave_port}, device("s1", 1))
    (tmp_path / "site.toml").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "edgeguard", "run", "--config", str(tmp_path / "site.toml")]
    with Path("/dev/full").open("w") as full:
        child = subprocess.Popen(command, stderr=full, stdin=subprocess.DEVNULL)
    try:
        wait_for(lambda: (tmp_path / "control.sock").exists() or child.poll() is not None, "the control socket")
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == 0
    finally:
        child.kill()
        child.wait()
