"""What a camera costs: memory and CPU of its process at 1080p25, and how late polls come beside it against without it.

Real daemon, real process, a film in the camera's place. Phases with the camera's process running and stopped take turns in one run.
Prints one JSON object.
use: bench_camera.py [--size 1920x1080] [--phases 10] [--phase-s 3] [--task falling]
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "system"))

from harness import daemon, site_text, wait_for
from poll_lateness import devices, measure, slave, street, write_profile

from edgeguard.control import call, methods
from edgeguard.control.camera_views import CameraView


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--phases", type=int, default=10)
    parser.add_argument("--phase-s", type=float, default=3.0)
    parser.add_argument("--task", default="falling")
    asked = parser.parse_args()
    width, height = map(int, asked.size.split("x"))
    with tempfile.TemporaryDirectory() as place, slave() as wire:
        folder = Path(place)
        write_profile(folder / "profiles")
        wall = street(folder / "wall.mp4", (width, height), 4.0)
        camera = f'[[camera]]\nname = "eye"\nurl = "file:{wall}"\ntask = "{asked.task}"\n'
        site = site_text(folder, None, wire.buses, f"{devices(wire)}\n{camera}")
        with daemon(folder, site) as running:

            def view() -> CameraView:
                return call(running.folder / "control.sock", methods.CAMERAS)[0]

            wait_for(lambda: view().pictures > 100, "pictures", 120)
            before = view()
            phases = measure(wire, lambda: view().pid, asked.phases, asked.phase_s)
            after = view()
    print(
        json.dumps(
            {
                "size": asked.size,
                "task": asked.task,
                "rss_mib": after.rss_mib,
                "cpu_ms_per_picture": round(1000 * (after.cpu_s - before.cpu_s) / max(1, after.pictures - before.pictures), 2),
                "skipped": after.skipped,
                "lateness_p95_ms": {"without": round(phases.without_ms, 2), "with": round(phases.with_ms, 2)},
                "ratio": round(phases.ratio, 2),
                "polls": phases.polls,
            }
        )
    )


if __name__ == "__main__":
    main()
