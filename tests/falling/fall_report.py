"""One command for every figure: `python tests/falling/fall_report.py [--set NAME] [--films N] [--folder DIR]`.

Renders the films it lacks, runs the detector (as it is, and set up with floor lines) and two controls (one that never speaks, one
that takes all motion for a fall) over them and over every real clip without throws, and prints recall and false alarms of the same
setting side by side. Beside recall stands how many of the throws nobody could have seen in the film, and what was found of the
rest.
"""

import argparse
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from fall_film import Film, made
from fall_plans import SETS, empty_plans, plans
from fall_scene import SHARED
from fall_score import STOREY_M, Said, Tally, report, score
from fall_sight import could_be_seen
from fall_throw import Camera

from edgeguard.camera.fall_judge import fall_judge
from edgeguard.camera.falling import FallWatch
from edgeguard.camera.video import open_video
from edgeguard.core.facade import FacadeSpec, FloorLine, Mount

Detector = Callable[[Film], list[Said]]
_HIGHEST_M: Final = 120.0
"""No house is drawn higher; cameras that look up steeply would show floors beyond."""


def set_up(camera: Camera) -> FacadeSpec:
    """What a technician tells of the facade before this camera: three floor slabs, as far apart as can be seen; where fewer are
    seen, how the camera hangs."""
    lowest, highest = camera.height_at(camera.height - 1), min(camera.height_at(1), _HIGHEST_M)
    first, last = max(0, math.ceil(lowest / STOREY_M)), math.floor(highest / STOREY_M)
    if last - first < 2:
        return FacadeSpec(mount=Mount(math.degrees(camera.pitch), camera.focal_px, camera.distance_m, camera.height_m))
    rows = {floor: camera.row_at(STOREY_M * floor) for floor in (first, (first + last) // 2, last)}
    right = camera.width - 1.0
    return FacadeSpec(lines=tuple(FloorLine(floor + 1, (0.0, row), (right, row)) for floor, row in rows.items()))


def watched(film: Film) -> list[Said]:
    """The product, which knows nothing of the camera."""
    return _watched(film, FacadeSpec())


def watched_with_floors(film: Film) -> list[Said]:
    """The product, set up with floor lines. Nobody knows the cameras of the real clips."""
    return _watched(film, set_up(film.camera) if film.camera.width > 1 else FacadeSpec())


def _watched(film: Film, spec: FacadeSpec) -> list[Said]:
    watch = FallWatch(fall_judge(), spec)
    said = []
    with open_video(film.path) as video:
        for picture in video:
            said += [(fall, picture.t_s) for fall in watch.see(picture)]
        last_s = picture.t_s
    said += [(fall, last_s) for fall in watch.end()]
    return [Said(tuple((m.t_s, m.x, m.y) for m in fall.path.marks), told_s, fall.confidence) for fall, told_s in said]


def silent(film: Film) -> list[Said]:
    """The control that never speaks: recall 0, no false alarm."""
    return []


def alarmed(film: Film) -> list[Said]:
    """The control that takes every half second with motion for a fall where the largest spot is."""
    said: list[Said] = []
    before: cv2.typing.MatLike | None = None
    track: list[tuple[float, float, float]] = []
    with open_video(film.path) as video:
        for picture in video:
            if before is not None:
                moved = (cv2.absdiff(picture.luma, before) > 20).astype(np.uint8)
                if moved.any():
                    rows, columns = np.nonzero(moved)
                    track.append((picture.t_s, float(np.median(columns)), float(np.median(rows))))
            before = picture.luma
            if len(track) >= 12:
                said.append(Said(tuple(track), picture.t_s))
                track = []
    return said


DETECTORS: Final[tuple[tuple[str, Detector], ...]] = (
    ("edgeguard", watched),
    ("edgeguard with floor lines", watched_with_floors),
    ("never", silent),
    ("all motion", alarmed),
)


def real_clips() -> Iterator[Film]:
    """Every clip of the folder, none of which shows a throw from a building; the one with drops indoors is left out."""
    nowhere = Camera(1, 1, 1.0, 1.0, 0.0, 0.0)
    for path in sorted((SHARED / "data" / "facade").glob("*.*")):
        if path.suffix in {".mp4", ".avi"} and path.stem != "parabolic_monitor":
            with open_video(path) as video:
                seconds = 0.0
                for picture in video:
                    seconds = picture.t_s
            kind = path.stem.rsplit("_", 1)[0] if path.stem[-1].isdigit() else path.stem
            yield Film(path, path.stem, "day", seconds, (kind,), (), nowhere)


def main() -> None:
    """Print the report."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--set", choices=SETS, default="report", dest="chosen")
    asked.add_argument("--films", type=int, default=60)
    asked.add_argument("--empty-seconds", type=float, default=20.0)
    asked.add_argument("--folder", type=Path, default=Path(".bench/falling"))
    asked.add_argument("--only", default="", help="only films whose name contains this")
    asked.add_argument("--render", action="store_true", help="make the films and stop")
    asked.add_argument("--no-real", action="store_true", help="leave out the real clips")
    asked.add_argument("--denoises", action="store_true", help="films of cameras that reduce noise, which leaves trails")
    asked.add_argument("--b-frames", type=int, default=0, help="films of recorders, with so many B-frames in a row")
    asked.add_argument("--late-ms", type=float, default=0.0, help="films of cameras whose stamps are so much early or late")
    asked.add_argument("--detector", default="", help="only those that begin so: edgeguard (two), never, all motion")
    told = asked.parse_args()
    cv2.setNumThreads(1)
    wanted = [*plans(told.chosen, told.films), *empty_plans(told.chosen, told.empty_seconds)]
    sent = {"denoises": told.denoises, "b_frames": told.b_frames, "late_ms": told.late_ms}
    name = "-".join(f"{key}-{value:g}" for key, value in sent.items() if value)
    folder = told.folder / name if name else told.folder
    films = [made(replace(plan, **sent), folder) for plan in wanted if told.only in plan.name]
    if told.render:
        return
    if not told.no_real:
        films += [film for film in real_clips() if told.only in film.plan_name]
    seen = [could_be_seen(film.path, film.truths) for film in films]
    for name, detector in DETECTORS:
        if not name.startswith(told.detector):
            continue
        tally, cpu_s = Tally(), time.process_time()
        for film, could in zip(films, seen, strict=True):
            score(tally, film, detector(film), could)
        cpu_s = time.process_time() - cpu_s
        print(report(tally, f"{name}, {told.chosen} set, {len(films)} films"))
        print(f"  {sum(tally.hours.values()) * 3600 / cpu_s:.1f} x real time of one core, decoding included")
        if name.startswith("edgeguard"):
            print("\n".join(f"  missed {line}" for line in tally.missed))
            print("\n".join(f"  MISTAKEN {line}" for line in tally.mistaken))


if __name__ == "__main__":
    main()
