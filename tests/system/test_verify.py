"""`edgeguard verify` as a platform team would run it: beside Mosquitto, fed by mosquitto_pub, judged by exit code and JSON."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from harness import free_port, mosquitto, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (shutil.which("mosquitto") and shutil.which("mosquitto_pub")), reason="needs mosquitto and its clients"),
]

ROOT = "edgeguard/v1/lakeside/b07"


class Verifier:
    """The command in its own process; ends by SIGTERM and is then asked for its verdict."""

    def __init__(self, port: int, *options: str) -> None:
        command = (sys.executable, "-m", "edgeguard", "--json", "verify", "--broker", f"mqtt://127.0.0.1:{port}")
        where = ("--site", "lakeside", "--gateway", "b07", "--interval", "0.2")
        self.child = subprocess.Popen([*command, *where, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.reports: list[dict[str, Any]] = []
        assert self.child.stdout is not None
        self._lines = iter(self.child.stdout)
        self.next()

    def next(self) -> dict[str, Any]:
        """The next report of those it prints while it runs."""
        self.reports.append(json.loads(next(self._lines)))
        return self.reports[-1]

    def until(self, wanted: str, value: object) -> None:
        """Read reports until one says so."""
        for _ in range(200):
            if self.next()[wanted] == value:
                return
        raise AssertionError(f"{wanted} never became {value}: {self.reports[-1]}")

    def end(self) -> tuple[int, dict[str, Any]]:
        """Exit code and the last report."""
        self.child.terminate()
        out, _ = self.child.communicate(timeout=60)
        return self.child.returncode, json.loads(out.splitlines()[-1])


def publish(
    port: int, lane: str, seq: int, count: int = 1, of: str | None = None, more: dict[str, object] | None = None, **changes: object
) -> None:
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    items = [{"at": at, "n": seq + i, **(more or {})} for i in range(count)]
    message = {"v": 1, "gateway": "b07", "epoch": "epoch-a", "stream": of or lane, "seq": seq, "items": items, **changes}
    say(port, f"{ROOT}/{lane}", message)


def say(port: int, topic: str, message: dict[str, object], *options: str) -> None:
    command = ("mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-V", "5", "-q", "1", "-t", topic, "-s", *options)
    subprocess.run(command, input=json.dumps(message), text=True, check=True, timeout=60)


def stream(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(s for s in report["streams"] if s["stream"] == name)


def test_a_whole_stream_with_repeats_history_and_a_told_gap_is_sound(tmp_path: Path) -> None:
    port = free_port()
    with mosquitto(tmp_path, port):
        verifier = Verifier(port, "--settle", "0")
        publish(port, "telemetry", 1, 10)
        gap = {"type": "gap", "stream": "telemetry", "from": 11, "to": 14, "reason": "store-full"}
        publish(port, "events", 1, more=gap)
        publish(port, "history", 15, 5, of="telemetry")
        publish(port, "telemetry", 20, 10)
        publish(port, "telemetry", 25, 10)
        verifier.until("messages", 5)
        code, report = verifier.end()
    assert (code, report["sound"], report["gaps"]) == (0, True, {"store-full": 4})
    seen = stream(report, "telemetry")
    assert (seen["items"], seen["first"], seen["last"], seen["repeats"], seen["explained_items"]) == (30, 1, 34, 5, 4)
    assert abs(seen["lag"]["p50_s"]) < 60.0


def test_a_number_that_never_comes_is_named_and_is_exit_1(tmp_path: Path) -> None:
    port = free_port()
    with mosquitto(tmp_path, port):
        verifier = Verifier(port, "--settle", "0")
        publish(port, "alarms", 1, 4)
        publish(port, "alarms", 6, 4)
        verifier.until("messages", 2)
        code, report = verifier.end()
    assert (code, stream(report, "alarms")["lost"], report["sound"]) == (1, [[5, 5]], False)


def test_one_that_comes_in_the_middle_judges_what_it_hears_and_names_whoever_misbehaves(tmp_path: Path) -> None:
    port = free_port()
    with mosquitto(tmp_path, port):
        say(port, f"{ROOT}/status", {"v": 1, "online": True, "version": "1.2"}, "-r")
        publish(port, "alarms", 1, 6)
        verifier = Verifier(port, "--settle", "0")
        verifier.until("online", True)
        publish(port, "alarms", 7, 2)
        publish(port, "telemetry", 1, 3, epoch="epoch-b")
        say(port, "edgeguard/v1/lakeside/b08/alarms", {"v": 1, "gateway": "b08"})
        verifier.until("messages", 3)
        well = verifier.reports[-1]
        assert (well["sound"], well["epochs"], well["troubles"]) == (True, 2, [])
        publish(port, "alarms", 10)
        publish(port, "alarms", 9)
        publish(port, "telemetry", 3, epoch="epoch-b", more={"n": "another"})
        publish(port, "events", 1, gateway="b08")
        say(port, f"{ROOT}/events", {}, "-r")
        verifier.until("messages", 8)
        code, report = verifier.end()
    assert code == 1
    alarms, telemetry = stream(report, "alarms"), stream(report, "telemetry")
    assert (alarms["first"], alarms["reorders"], alarms["lost"]) == (7, 1, [])
    assert (telemetry["conflicts"], telemetry["repeats"]) == (1, 1)
    assert (report["troubles_count"], "gateway 'b08'" in report["troubles"][0]) == (2, True)


def test_a_broker_that_forgets_the_verifier_is_not_blamed_on_the_gateway(tmp_path: Path) -> None:
    port = free_port()
    with mosquitto(tmp_path, port):
        verifier = Verifier(port, "--settle", "0")
        publish(port, "alarms", 1)
        verifier.until("messages", 1)
    wait_for(lambda: bool(verifier.next()["link"]), "the lost connection")
    with mosquitto(tmp_path, port):
        verifier.until("link", "")
        publish(port, "alarms", 5)
        verifier.until("messages", 2)
        code, report = verifier.end()
    assert (code, stream(report, "alarms")["unseen_items"], stream(report, "alarms")["lost"]) == (0, 3, [])


def test_nobody_there_and_nothing_heard_are_exit_1_in_words(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "edgeguard", "verify", "--broker", f"mqtt://127.0.0.1:{port}", "--site", "s", "--gateway", "g"]
    nobody = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (nobody.returncode, nobody.stderr.count("\n")) == (1, 1)
    assert "nobody listens at the broker's port" in nobody.stderr
    with mosquitto(tmp_path, port):
        silent = subprocess.run([*command, "--seconds", "0.5"], capture_output=True, text=True, timeout=60)
    assert (silent.returncode, "nothing was heard" in silent.stdout) == (1, True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--broker", "mqtt://broker.example"), "use mqtts:// or --allow-plaintext"),
        (("--broker", "http://localhost"), "is not known here"),
        (("--broker", "mqtt://localhost", "--ca", "ca.pem"), "do nothing with mqtt://"),
        (("--broker", "mqtts://localhost", "--cert", "c.pem"), "belong together"),
        (("--broker", "mqtt://localhost", "--password-file", "p"), "needs --username"),
        (("--broker", "mqtt://localhost", "--site", "A/#"), "is no id"),
    ],
)
def test_bad_usage_is_exit_2(options: tuple[str, ...], words: str) -> None:
    command = [sys.executable, "-m", "edgeguard", "verify", "--site", "s", "--gateway", "g", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert words in done.stderr
