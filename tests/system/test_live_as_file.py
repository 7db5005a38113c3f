"""A throw over RTSP, from a server that is not ours, is told with the same figures as the same packets read from a file."""

import random
from pathlib import Path
from typing import Any

import orjson
import pytest
from harness import process
from rtsp_rig import publish, rtsp_server

from edgeguard.camera import facade_scene
from edgeguard.camera.evidence import write_clip
from edgeguard.camera.live import LiveCamera, access_of
from edgeguard.camera.reports import Report
from edgeguard.camera.seek_falls import FallSeeker
from edgeguard.camera.shelf import Shelf
from edgeguard.camera.watch_file import watch_file
from edgeguard.core.camera import CameraSpec, Task
from edgeguard.core.camera_limits import EVIDENCE_MIN_BYTES
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId, CameraName
from edgeguard.core.point import Labels

pytestmark = pytest.mark.slow

BOOT = BootId("boot")
FACADE = facade_scene.facade_of_scene()


def seen_live(url: str, folder: Path) -> tuple[dict[str, Any], float]:
    """What a camera's process tells of the first throw of a stream, and the second of the stream at which it began. All packets
    that had come by then are in `folder`/came.mp4."""
    told: list[Report] = []
    shelf = Shelf(folder / "evidence", EVIDENCE_MIN_BYTES, 86_400_000)
    shelf.open()
    spec = CameraSpec(CameraName("facade"), url, Task.FALLING, Labels("立面", "facade"), facade=FACADE, transport="udp")
    seeker = FallSeeker(spec, shelf, told.append)
    happenings = LiveCamera(access_of(spec, None), random.Random(1)).happenings()
    for happening in happenings:
        if isinstance(happening, tuple):
            source, picture = happening
            at_ms = round(picture.t_s * 1000)
            seeker.see(source, picture, Stamp(at_ms, at_ms, BOOT, True))
            if told:
                write_clip(folder / "came.mp4", source.template, source.ring.cut(0.0, picture.t_s))
                break
            assert picture.t_s < 60, "no throw was told"
    happenings.close()
    (report,) = told
    facts: dict[str, Any] = orjson.loads(report.sighting.facts)
    return facts, report.sighting.wall_ms / 1000


def test_a_throw_is_told_with_the_same_figures_live_as_from_a_file(tmp_path: Path) -> None:
    scene = tmp_path / "scene.ts"
    facade_scene.write_scene(scene, seconds=9.0)
    with rtsp_server(tmp_path) as (viewers, sources), process(publish(sources, scene), tmp_path / "publish.log"):
        live, began_s = seen_live(viewers, tmp_path)
    assert (live["floor"], live["column"]) == (facade_scene.FROM_FLOOR, facade_scene.FROM_COLUMN)

    # The packets that came, read from a file: figure by figure the same.
    again = watch_file(tmp_path / "came.mp4", FACADE).found[0].facts()
    assert began_s == pytest.approx(again["t_start_s"], abs=0.002)
    assert live["duration_s"] == pytest.approx(again["t_end_s"] - again["t_start_s"], abs=0.002)
    for figure in ("class", "floor", "height_m", "column", "origin", "end", "size_px", "speed_px_s", "merged", "confidence"):
        assert live[figure] == again[figure], figure

    # The film itself, which began elsewhere than the stream: the same throw.
    (of_film,) = watch_file(scene, FACADE).found
    facts = of_film.facts()
    assert (facts["floor"], facts["column"], facts["class"]) == (live["floor"], live["column"], live["class"])
    for figure, allowed in (
        ("origin", 2.0),
        ("end", 2.0),
        ("size_px", 0.5),
        ("height_m", 0.3),
        ("speed_px_s", 12),
        ("confidence", 0.05),
    ):
        assert live[figure] == pytest.approx(facts[figure], abs=allowed), figure
