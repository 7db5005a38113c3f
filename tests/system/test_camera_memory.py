"""A camera whose pictures need more memory than it may have: its process ends, nothing else does, and it comes back by itself."""

from pathlib import Path

import numpy as np
import pytest
from harness import daemon, site_text, wait_for

from edgeguard.control import call, methods
from edgeguard.control.camera_views import CameraView
from edgeguard.testing import film

pytestmark = pytest.mark.slow

HUGE = 4320, 7680


@pytest.mark.timeout(240)
def test_a_process_out_of_memory_ends_is_told_and_comes_back(tmp_path: Path) -> None:
    """RLIMIT_DATA, which each process sets itself from `memory`, refuses what the system would still give."""
    seen = film.write(tmp_path / "seen.mp4", (np.full(HUGE, 128, np.uint8) for _ in range(3)), crf=40)
    camera = f'[[camera]]\nname = "eye"\nurl = "file:{seen}"\ntask = "falling"\nmemory = "192MiB"\n'
    with daemon(tmp_path, site_text(tmp_path, None, {}, camera)) as running:

        def view() -> CameraView:
            return call(running.folder / "control.sock", methods.CAMERAS)[0]

        wait_for(lambda: view().restarts >= 1, "the end of its process", 90)
        told = running.log()
        assert '"code":"restarting"' in told.replace(" ", "")
        assert "memory" in told.partition("its process ended with code")[2].partition("\n")[0].lower()
        film.write(tmp_path / "wall.mp4", film.drawn(12, falls=False, seconds=3.0), fps=12).replace(seen)
        wait_for(lambda: view().state == "well" and view().pictures > 0, "pictures that it has room for", 90)
