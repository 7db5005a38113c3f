"""What a camera may cost others: polls keep their time beside it, it keeps its memory, and when it dies natively it comes back."""

import os
import signal
from pathlib import Path

import pytest
from harness import daemon, site_text, wait_for
from poll_lateness import devices, measure, slave, street, write_profile

from edgeguard.control import call, methods
from edgeguard.control.camera_views import CameraView

pytestmark = pytest.mark.slow

RATIO = 1.5
MEMORY_MIB = 250.0


@pytest.mark.timeout(400)
def test_polls_keep_their_time_beside_a_camera_that_then_dies_and_comes_back(tmp_path: Path) -> None:
    write_profile(tmp_path / "profiles")
    wall = street(tmp_path / "wall.mp4", (1920, 1080), 2.0)
    camera = f'[[camera]]\nname = "eye"\nurl = "file:{wall}"\ntask = "falling"\n'
    with (
        slave() as wire,
        daemon(tmp_path, site_text(tmp_path, None, wire.buses, f"{devices(wire)}\n{camera}")) as running,
    ):

        def view() -> CameraView:
            return call(running.folder / "control.sock", methods.CAMERAS)[0]

        wait_for(lambda: view().pictures > 50, "pictures", 120)
        found = [measure(wire, lambda: view().pid, 4, 0.8)]
        while min(one.ratio for one in found) > RATIO and len(found) < 10:
            found.append(measure(wire, lambda: view().pid, 4, 0.8))
        assert min(one.ratio for one in found) <= RATIO, found
        assert sum(one.polls for one in found) > 100
        assert view().width == 1920
        assert 0 < view().rss_mib <= MEMORY_MIB
        os.kill(view().pid, signal.SIGABRT)
        wait_for(lambda: view().restarts == 1 and view().pictures > 0, "another process", 120)
        log = running.log()
        assert '"code":"restarting"' in log.replace(" ", "")
        assert "its process was ended by SIGABRT" in log
