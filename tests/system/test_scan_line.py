"""A scan as a person starts it: a port of its own, a simulated line, rows that `check` accepts. Real processes, real time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from harness import free_port, process, wait_for

pytestmark = pytest.mark.slow

SITE = """[gateway]
site = "test"
id = "line"
[[bus]]
name = "riser"
port = "{port}"
[[device]]
name = "shop"
bus = "riser"
address = 1
profile = "eastron-sdm120"
every = "10s"
[[device]]
name = "main"
bus = "riser"
address = "003411001043"
profile = "generic-dlt645-2007-three"
every = "60s"
"""


BOTH = {
    "1": ("9600 8N1", "eastron-sdm120"),
    "003411001043": ("9600 8N1", "generic-dlt645-2007-three"),
}
SCANS = 3
"""A device has a tenth of a second to answer a scan, which a machine that stands still lets pass: a person scans again then."""


def edgeguard(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgeguard", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_simulated_line_is_scanned_into_a_configuration(tmp_path: Path) -> None:
    port = tmp_path / "ports" / "riser"
    (tmp_path / "line.toml").write_text(SITE.format(port=port), encoding="utf-8")
    command = [sys.executable, "-m", "edgeguard", "simulate", str(tmp_path / "line.toml"), "--pty-dir", str(port.parent)]
    with process([*command, "--seconds", "150"], tmp_path / "simulator.log"):
        wait_for(port.exists, "the simulated line", 60)
        written = tmp_path / "found.toml"
        narrow = [
            "--baud",
            "9600",
            "--parity",
            "N",
            "--units",
            "1",
            "--protocol",
            "modbus",
            "--protocol",
            "dlt645",
            "--write",
            str(written),
            "--json",
        ]
        for _ in range(SCANS):
            written.unlink(missing_ok=True)
            done = edgeguard("--socket", str(tmp_path / "none.sock"), "scan", "--port", str(port), *narrow)
            assert done.returncode in (0, 1), done.stderr
            scan = json.loads(done.stdout)["scan"]
            assert scan["ended"] == "complete"
            found = {device["address"]: (device["line"], device["scores"][0]["profile"]) for device in scan["found"]}
            if found == BOTH:
                break
    assert found == BOTH
    assert done.returncode == 0, done.stderr
    checked = edgeguard("check", str(written))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_what_hangs_behind_a_serial_server_is_scanned_without_the_daemon(tmp_path: Path) -> None:
    url = f"rtu+tcp://127.0.0.1:{free_port()}"
    site = SITE.format(port="x").replace('port = "x"', f'url = "{url}"')
    (tmp_path / "line.toml").write_text(site, encoding="utf-8")
    command = [sys.executable, "-m", "edgeguard", "simulate", str(tmp_path / "line.toml"), "--seconds", "150"]
    with process(command, tmp_path / "simulator.log"):
        wait_for(lambda: "riser" in (tmp_path / "simulator.log").read_text(encoding="utf-8"), "the simulated line", 60)
        written = str(tmp_path / "found.toml")
        none = str(tmp_path / "none.sock")
        for _ in range(SCANS):
            Path(written).unlink(missing_ok=True)
            done = edgeguard(
                "--socket", none, "scan", "--tcp", url, "--units", "1", "--protocol", "modbus", "--write", written, "--json"
            )
            if done.returncode == 0:
                break
    assert done.returncode == 0, done.stderr
    assert "found modbus 9600 8N1 1: eastron-sdm120" in done.stderr, "told as it is found"
    assert f'url = "{url}"' in Path(written).read_text(encoding="utf-8")
    checked = edgeguard("check", written)
    assert checked.returncode == 0, checked.stdout + checked.stderr
