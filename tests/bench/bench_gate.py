"""From the line to the barrier: rendered cars before a live camera, the real daemon, a relay on Modbus TCP, telemetry meanwhile.

The film says to the millisecond when the middle of a plate crosses the line; it is filmed at 25 pictures a second, encoded, sent
over HTTP, decoded, found, read and voted on in the camera's process, and decided upon by lists of 5,000 plates. `crossing_to_pass`
ends when the event of the pass is on disk, `crossing_to_relay` when the slave has the write, past record, interlock and bus, while
so many points a second are polled and stored. `wrong`: residents that were not let in once, and strangers that were.
Prints one JSON object.
`--pictures` keeps a picture of every pass, as a site may ask for; `pictures` says how many came to be kept.
use: bench_gate.py [--crossings 40] [--points 1000] [--width 1920] [--pictures none|masked|clear]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from edgeguard.control import call, methods
from edgeguard.control.errors import DaemonSilent
from edgeguard.core.gate_list import Entry, ListKind
from edgeguard.rules.gate_csv import write_csv
from edgeguard.testing.gate_box import METER_POINTS, GateBox, gate_tables
from edgeguard.testing.lane_camera import Crossing, LaneCamera, rendered_cars

PICTURES = Path(__file__).parents[1] / "pictures"
STRANGERS = ("苏E39078", "鲁B7654挂")
BETWEEN_S = 2.6
"""Each car comes again after more than 20 s, as another passage."""


@dataclass
class Words:
    """What the daemon has logged, with the moment at which it came."""

    heard: list[tuple[float, dict[str, object]]] = field(default_factory=list)

    def follow(self, child: subprocess.Popen[bytes]) -> None:
        """Until the daemon ends."""
        assert child.stderr is not None
        for line in child.stderr:
            try:
                self.heard.append((time.monotonic(), json.loads(line)))
            except ValueError:
                sys.stderr.buffer.write(line)

    def moments(self, event: str) -> list[float]:
        """Of one event."""
        return [at_s for at_s, told in self.heard if told.get("event") == event]


def site_text(folder: Path, box: GateBox, url: str, points: int, pictures: str) -> str:
    """The configuration of the house."""
    head = f'[gateway]\nsite = "bench"\nid = "b1"\n[store]\ndirectory = "{folder}/state"\n[control]\nsocket = "{folder}/s"\n'
    head += f'[log]\nlevel = "info"\nformat = "json"\n[profiles]\ndirectories = ["{folder}"]\n[parking]\ntrust_clock = true\n'
    return head + gate_tables(folder, box.port, url, meters=points // METER_POINTS, camera=_pictures(folder, pictures))


def _pictures(folder: Path, kept: str) -> str:
    if kept == "none":
        return ""
    key = folder / "picture-key"
    key.write_text(os.urandom(32).hex(), encoding="ascii")
    key.chmod(0o600)
    return f'pictures = "{kept}"\npicture_key_file = "{key}"\n'


@contextmanager
def daemon(folder: Path, text: str) -> Iterator[Words]:
    """The real one, until it can be asked."""
    (folder / "site.toml").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "edgeguard", "run", "--config", str(folder / "site.toml")]
    child, words = subprocess.Popen(command, stderr=subprocess.PIPE), Words()
    threading.Thread(target=words.follow, args=(child,), daemon=True).start()
    try:
        wait(lambda: (folder / "s").exists(), 60)
        yield words
    finally:
        child.terminate()
        child.wait(20)


def wait(until: object, within_s: float) -> None:
    """Poll; RuntimeError if it does not come."""
    end_s = time.monotonic() + within_s
    while not until():  # type: ignore[operator]
        if time.monotonic() > end_s:
            raise RuntimeError("it did not come in time")
        time.sleep(0.05)


def put_on_list(folder: Path, plates: list[str]) -> None:
    """The residents, and thousands of others."""
    entries = [Entry(plate, ListKind.RESIDENT) for plate in [*plates, *(f"浙B{n:05d}" for n in range(5000 - len(plates)))]]
    (folder / "list.csv").write_text(write_csv(entries), encoding="utf-8")
    command = [sys.executable, "-m", "edgeguard", "--socket", f"{folder}/s", "gate", "import", str(folder / "list.csv"), "--yes"]
    subprocess.run(command, check=True, capture_output=True)


def is_well(folder: Path) -> bool:
    """Whether the camera gives pictures."""
    try:
        return any(camera.pictures > 100 and camera.state == "well" for camera in call(folder / "s", methods.CAMERAS))
    except DaemonSilent:
        return False


def after(crossing: Crossing, moments: list[float]) -> list[float]:
    """What came of a crossing, ms after it, before the next car comes."""
    return [1000 * (at_s - crossing.at_s) for at_s in moments if -0.2 < at_s - crossing.at_s < BETWEEN_S]


def measure(crossings: int, points: int, size: tuple[int, int], pictures: str) -> dict[str, object]:
    """One run."""
    cars = rendered_cars(PICTURES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        box, camera = GateBox(("127.0.0.1", "127.0.0.2"), drives=(0.5, 0.9)), LaneCamera(folder, cars, size)
        with daemon(folder, site_text(folder, box, camera.url, points, pictures)) as words:
            put_on_list(folder, [plate for plate in cars if plate not in STRANGERS])
            wait(lambda: is_well(folder), 120)
            for number in range(crossings):
                camera.drive(list(cars)[number % len(cars)])
                wait(lambda number=number: len(camera.crossings) > number, 60)
                time.sleep(BETWEEN_S)
            (view,) = call(folder / "s", methods.CAMERAS)
            told, closed = words.moments("camera.saw"), list(box.closed_s)
            kept = sum(1 for _ in folder.glob("state/**/*.jpg*"))
        camera.close()
        box.close()
    to_pass = [after(crossing, told) for crossing in camera.crossings]
    to_relay = {crossing: after(crossing, closed) for crossing in camera.crossings}
    wrong = [crossing.name for crossing, ms in to_relay.items() if len(ms) != (crossing.name not in STRANGERS)]
    return {
        "bench": "gate",
        "points_per_s": points // METER_POINTS * METER_POINTS,
        "picture": list(size),
        "pictures": {"of_passes": pictures, "files": kept},
        "load": round(os.getloadavg()[0], 1),
        "camera_cpu_share": round(view.cpu_s / max(1.0, view.pictures / 25), 2),
        "skipped": view.skipped,
        "crossing_to_pass_ms": figures([ms[0] for ms in to_pass if ms]),
        "crossing_to_relay_ms": figures([ms[0] for ms in to_relay.values() if ms]),
        "passes_untold": sum(not ms for ms in to_pass),
        "wrong": wrong,
    }


def figures(values: list[float]) -> dict[str, float]:
    """Median, 95th percentile, worst."""
    ordered = sorted(values) or [float("nan")]
    at = {name: ordered[min(len(ordered) - 1, int(share * len(ordered)))] for name, share in (("p50", 0.5), ("p95", 0.95))}
    return {name: round(value, 1) for name, value in {**at, "worst": ordered[-1]}.items()} | {"count": len(values)}


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser()
    options.add_argument("--crossings", type=int, default=40)
    options.add_argument("--points", type=int, default=1000)
    options.add_argument("--width", type=int, default=1920)
    options.add_argument("--pictures", choices=("none", "masked", "clear"), default="none")
    given = options.parse_args()
    size = given.width, given.width * 9 // 16
    print(json.dumps(measure(given.crossings, given.points, size, given.pictures), ensure_ascii=False))


if __name__ == "__main__":
    main()
