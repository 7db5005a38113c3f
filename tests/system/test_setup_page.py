"""The page of `camera NAME --setup`, driven by its own script: clicks become a file that the site holds with."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from harness import process, wait_for

from edgeguard.config import load_site

pytestmark = pytest.mark.slow

PICTURE = Path(__file__).resolve().parents[1] / "pictures" / "皖AD11212.jpg"
DRIVER = Path(__file__).with_name("setup_page_driver.js")
SITE = """[gateway]
site = "a"
id = "b"
[[camera]]
name = "gate"
url = "rtsp://127.0.0.1:9/x"
task = "plates"
[[camera]]
name = "east"
url = "rtsp://127.0.0.1:9/y"
task = "falling"
facade = "east.toml"
"""


def driven(folder: Path, camera: str, task: str) -> Any:
    """What the script says after everything was clicked."""
    command = [sys.executable, "-u", "-m", "edgeguard", "camera", camera, "--setup", "--config", str(folder / "site.toml")]
    log = folder / f"{camera}.log"
    with process([*command, "--picture", str(PICTURE), "--port", "0"], log) as child:
        wait_for(lambda: "http://" in log.read_text(encoding="utf-8"), "the page's address")
        found = re.search(r"http://\S+", log.read_text(encoding="utf-8"))
        assert found is not None
        done = subprocess.run(["node", str(DRIVER), found[0], task], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert child.wait(60) == 0, "the page's button ends it"
    return json.loads(done.stdout)


@pytest.mark.timeout(240)
def test_what_is_clicked_is_written_and_holds(tmp_path: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    (tmp_path / "site.toml").write_text(SITE, encoding="utf-8")
    facade = driven(tmp_path, "east", "falling")
    assert facade["rows"] > 5
    assert any("holds with it" in told for told in facade["saved"]), facade
    lanes = driven(tmp_path, "gate", "plates")
    assert any("holds with them" in told for told in lanes["saved"]), lanes
    gate, east = load_site(tmp_path / "site.toml").cameras
    assert [(lane.name, len(lane.polygon), lane.line is not None) for lane in gate.lanes] == [("lane-1", 3, True)]
    assert east.facade is not None
    assert [line.floor for line in east.facade.lines] == [1, 5, 9]
    assert (len(east.facade.polygon), len(east.facade.masks), len(east.facade.columns)) == (3, 1, 1)
    assert east.facade.focal_px == pytest.approx(240 / 0.57735, abs=1)
