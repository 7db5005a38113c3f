"""The film of the demo's gate camera: both cars are read from it, as by a camera's process, and the camera sees nothing amiss."""

from pathlib import Path

import pytest

from edgeguard.camera.demo_film import RESIDENT, STRANGER, make_film
from edgeguard.camera.plates import PlateReader
from edgeguard.camera.seek_plates import PlateSeeker
from edgeguard.camera.sight import Sight
from edgeguard.camera.video import open_video
from edgeguard.control.camera_views import ReadView
from edgeguard.core.camera import CameraSpec, Task
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId, CameraName
from edgeguard.core.point import Labels

pytestmark = pytest.mark.slow


def test_both_cars_are_read_and_the_camera_is_well(tmp_path: Path) -> None:
    make_film(tmp_path / "gate.mp4")
    reads: list[ReadView] = []
    spec = CameraSpec(CameraName("gate-in"), "file:gate.mp4", Task.PLATES, Labels("", ""))
    seeker = PlateSeeker(spec, PlateReader.shipped(), lambda _: None, b"", reads.append)
    sight = Sight(tmp_path / "view.npz", "demo")
    now = Stamp(0, 0, BootId("boot"), True)
    with open_video(tmp_path / "gate.mp4") as source:
        for picture in source:
            sight.see(picture.t_s, picture.luma)
            seeker.see(source, picture, now)
            assert sight.troubles == {}, picture.t_s
    assert [(view.text, view.direction) for view in reads] == [(RESIDENT, "towards"), (STRANGER, "towards")]
    assert min(view.confidence for view in reads) > 0.85
