"""A video file from beginning to end: its falls, what is kept of them, and how fast it went. What `edgeguard falling` runs."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import cv2

from edgeguard.camera.evidence import Kept, keep
from edgeguard.camera.fall_judge import fall_judge
from edgeguard.camera.falling import FallWatch
from edgeguard.camera.video import VideoError, VideoSource, open_video
from edgeguard.core.camera_limits import EVIDENCE_AFTER_S, EVIDENCE_BEFORE_S, EVIDENCE_MAX_PENDING
from edgeguard.core.facade import FacadeSpec
from edgeguard.core.printable import spelled_name
from edgeguard.vision.facade import Plane, release
from edgeguard.vision.falls import Fall

_STEM_CHARS: Final = 40
_ALIKE_MOST: Final = 100
_UNPLACED: Final = 0.9
"""Without floors gravity is judged by proportions alone, so that the same path is less sure."""


@dataclass(frozen=True, slots=True)
class Found:
    """One fall of a file, with where it came from on the facade and what was kept of it."""

    fall: Fall
    plane: Plane | None
    column: int | None = None
    kept: Kept | None = None

    def facts(self) -> dict[str, Any]:
        """As the JSON line of `edgeguard falling` says it; seconds from the first picture, px of the picture."""
        path = self.fall.path
        x, y = release(path)
        end = path.marks[-1]
        facts: dict[str, Any] = {
            "t_start_s": round(path.start_s, 3),
            "t_end_s": round(path.end_s, 3),
            "origin": [round(x, 1), round(y, 1)],
            "end": [round(end.x, 1), round(end.y, 1)],
            "class": "slow" if self.fall.slow else "free",
            "confidence": self.fall.confidence if self.plane is not None else round(_UNPLACED * self.fall.confidence, 3),
            "size_px": round(path.thickness, 1),
            "speed_px_s": round(path.velocity(path.end_s)[1]),
            "merged": self.fall.merged,
            "track": [[round(mark.t_s, 3), round(mark.x, 1), round(mark.y, 1)] for mark in path.marks],
        }
        if self.plane is not None:
            place = self.plane.place(x, y)
            facts |= {"floor": place.floor, "height_m": round(place.height_m, 1), "column": self.column}
        elif self.column is not None:
            facts["column"] = self.column
        if self.kept is not None:
            facts["evidence"] = {
                "clip": str(self.kept.clip),
                "clip_sha256": self.kept.clip_sha256,
                "plays_in_browsers": self.kept.plays_in_browsers,
                "picture": str(self.kept.picture),
                "picture_sha256": self.kept.picture_sha256,
            }
        return facts


@dataclass(slots=True)
class Report:
    """What a whole file gave."""

    file: Path
    frames: int = 0
    seconds: float = 0.0
    took_s: float = 0.0
    broken: int = 0
    found: list[Found] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    """Evidence that could not be kept, and why."""

    def facts(self) -> dict[str, Any]:
        """The JSON line."""
        factor = round(self.seconds / self.took_s, 2) if self.took_s > 0 else 0.0
        line: dict[str, Any] = {"file": str(self.file), "falls": [found.facts() for found in self.found]}
        line |= {"frames": self.frames, "seconds": round(self.seconds, 3), "realtime_factor": factor}
        if self.broken:
            line["broken"] = self.broken
        if self.troubles:
            line["troubles"] = self.troubles
        return line


def watch_file(
    path: Path,
    spec: FacadeSpec,
    evidence: Path | None = None,
    clock: Callable[[], float] = time.perf_counter,
    fps: float | None = None,
) -> Report:
    """All falls of the video at `path`. VideoError when it cannot be decoded at all, ModelError when the judge is not whole."""
    cv2.setNumThreads(1)
    began_s = clock()
    report = Report(path)
    watch = FallWatch(fall_judge(), spec)
    with open_video(path, fps=fps or spec.fps) as video:
        waiting: list[Found] = []
        for picture in video:
            waiting += [Found(fall, watch.plane, watch.column(fall)) for fall in watch.see(picture)]
            report.frames, report.seconds = picture.index + 1, picture.t_s + video.timeline.period_s
            if evidence is None:
                report.found, waiting = report.found + waiting, []
                continue
            due = [f for f in waiting if picture.t_s >= f.fall.path.end_s + EVIDENCE_AFTER_S]
            due = due or waiting[: max(0, len(waiting) - EVIDENCE_MAX_PENDING)]
            for found in due:
                waiting.remove(found)
                report.found.append(_kept(report, video, evidence, found))
        for found in (*waiting, *(Found(fall, watch.plane, watch.column(fall)) for fall in watch.end())):
            report.found.append(found if evidence is None else _kept(report, video, evidence, found))
        report.broken = video.counts.broken
    report.took_s = clock() - began_s
    return report


def _kept(report: Report, video: VideoSource, folder: Path, found: Found) -> Found:
    path = found.fall.path
    name = spelled_name(str(report.file))
    stem = _stem(folder, report.file, path.start_s, name)
    packets = video.ring.cut(path.start_s - EVIDENCE_BEFORE_S, path.end_s + EVIDENCE_AFTER_S)
    try:
        kept = keep(folder, stem, video.template, packets, found.fall, {"video": name, **found.facts()})
    except VideoError as error:
        report.troubles.append(str(error))
        return found
    return replace(found, kept=kept)


def _stem(folder: Path, file: Path, start_s: float, name: str) -> str:
    """What evidence is called: after its video, in whatever alphabet, and never as that of another video of the same name."""
    plain = re.sub(r"[^\w-]+", "-", spelled_name(file.stem)).strip("-")[:_STEM_CHARS] or "video"
    stems = [f"{plain}-{start_s:09.3f}{'' if nth == 1 else f'-{nth}'}" for nth in range(1, _ALIKE_MOST + 1)]
    return next((stem for stem in stems if _told_of(folder / f"{stem}.json") in (None, name)), stems[-1])


def _told_of(record: Path) -> str | None:
    """The video that a record tells of; None where there is no record, "" where it tells of none."""
    try:
        told = json.loads(record.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return ""
    return str(told.get("video", "")) if isinstance(told, dict) else ""
