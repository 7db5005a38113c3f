"""What a camera's process is given by the daemon."""

import io
from dataclasses import replace
from pathlib import Path

import pytest

from edgeguard.config import load_site
from edgeguard.config.handover import Handover, handed, taken
from edgeguard.core.errors import Permanent

SITE = """
[gateway]
site = "lakeside"
id = "b07"

[store]
directory = "state"

[[camera]]
name = "east"
url = "rtsp://10.0.0.9/1"
task = "falling"
facade = "facade.toml"

[[camera]]
name = "gate"
url = "/dev/video0"
task = "plates"
video_size = "1920x1080"

[[camera.lane]]
name = "in"
polygon = [[0, 0], [1, 0], [1, 1]]
line = [[0, 0.7], [1, 0.7]]
"""
FACADE = """[facade]
size = [1920, 1080]
columns = [500, 900]
masks = [[[0, 0], [100, 0], [100, 200]]]

[facade.mount]
pitch_deg = 30
focal_px = 1800
distance_m = 18
height_m = 3
"""


@pytest.mark.parametrize("index", [0, 1])
def test_a_process_gets_the_camera_as_the_daemon_has_it_but_for_its_alarms(tmp_path: Path, index: int) -> None:
    (tmp_path / "facade.toml").write_text(FACADE)
    (tmp_path / "site.toml").write_text(SITE)
    site = load_site(tmp_path / "site.toml")
    papers = Handover(site.cameras[index], site.log, "/run/edgeguard/control.sock", str(site.store.directory))
    pipe = io.BytesIO(handed(papers) + b"a password\n")
    assert taken(pipe) == replace(papers, camera=replace(papers.camera, alarms=()))
    assert pipe.read() == b"a password\n", "the camera's secrets follow"


@pytest.mark.parametrize("given", [b"", b"x\n{}", b"2\n{}", b"999\n{}", b"-1\n"])
def test_what_is_no_handover_is_refused_in_words(given: bytes) -> None:
    with pytest.raises(Permanent, match="standard input: not what a daemon gives"):
        taken(io.BytesIO(given))
