"""A scan as a person starts it: a port of its own, a simulated line, rows that `check` accepts. Real processes, real time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from harness import process, wait_for

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
        done = edgeguard("--socket", str(tmp_path / "none.sock"), "scan", "--port", str(port), *narrow)
    assert done.returncode == 0, done.stderr
    scan = json.loads(done.stdout)["scan"]
    assert scan["ended"] == "complete"
    found = {device["address"]: (device["line"], device["scores"][0]["profile"]) for device in scan["found"]}
    assert found == {
        "1": ("9600 8N1", "eastron-sdm120"),
        "003411001043": ("9600 8N1", "generic-dlt645-2007-three"),
    }
    checked = edgeguard("check", str(written))
    assert checked.returncode == 0, checked.stdout + checked.stderr
