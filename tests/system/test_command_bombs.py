"""What a broken platform may send as a command, at a real broker: five megabytes, depth without end, bytes that are no text."""

import json
import subprocess
from pathlib import Path

import pytest
from harness import daemon, free_port, mosquitto, site_text, subscribe, wait_for
from soak_rig import rss_mib

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("needs_mosquitto")]

TOPIC = "edgeguard/v1/test/g1/commands/read"
BOMBS = {
    "five-megabytes": b'{"id":"big","pad":"' + b"x" * (5 << 20) + b'"}',
    "deep": b"[" * 100_000,
    "deep-objects": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "nan": b'{"id":"n","issued_at":"2026-11-23T05:40:00Z","ttl_s":NaN,"args":{}}',
    "twice": b'{"id":"a","id":"b","issued_at":"2026-11-23T05:40:00Z","ttl_s":30,"args":{}}',
    "no-utf-8": b'{"id":"\xff\xfe"}',
    "huge-number": b'{"id":"h","issued_at":"2026-11-23T05:40:00Z","ttl_s":' + b"9" * 5000 + b',"args":{}}',
    "empty": b"",
}


def test_bombs_are_refused_and_what_is_right_is_still_carried_out(tmp_path: Path) -> None:
    port = free_port()
    text = site_text(tmp_path, port, {}, '[commands]\nallow = ["diag"]\n')
    with mosquitto(tmp_path, port), subscribe(tmp_path, port, "edgeguard/v1/test/g1/replies"), daemon(tmp_path, text) as running:
        wait_for(lambda: "uplink.connected" in running.log(), "the session")
        before_mib = rss_mib(running.child.pid)
        for name, bomb in BOMBS.items():
            (tmp_path / name).write_bytes(bomb)
            command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-V", "5", "-q", "1", "-t", TOPIC]
            subprocess.run([*command, "-f", str(tmp_path / name)], check=True, timeout=60)
        wait_for(lambda: len(_replies(tmp_path)) >= len(BOMBS) - 2, "the answers to all but the two that no broker passes on to us")
        assert {reply["error"]["code"] for reply in _replies(tmp_path)} <= {"malformed", "too-large"}
        view = running.ask("status")
        assert isinstance(view, dict)
        assert view["uplink"]["state"] == "online"
        assert running.log().count("uplink.connected") == 1, "nothing of it ended the session"
        assert rss_mib(running.child.pid) < before_mib + 32
        assert running.stop() == 0


def _replies(folder: Path) -> list[dict[str, dict[str, str]]]:
    lines = (folder / "sub.log").read_text(encoding="utf-8", errors="replace").splitlines()
    return [json.loads(line.partition(" ")[2]) for line in lines if line.endswith("}")]
