"""Streams as they are in basements: packets lost, connections cut, late key frames, another size on the way, damaged pictures."""

import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness import process, wait_for
from rtsp_rig import LossyRelay, publish, rtsp_server

from edgeguard.camera.live import LiveCamera, Lost, access_of
from edgeguard.core.camera import CameraSpec, Task
from edgeguard.core.ids import CameraName
from edgeguard.core.point import Labels
from edgeguard.testing import film

pytestmark = pytest.mark.slow


class Viewer:
    """Looks at a stream on a thread, as a camera's process does."""

    def __init__(self, url: str) -> None:
        spec = CameraSpec(CameraName("eye"), url, Task.FALLING, Labels("", ""), transport="udp")
        self.camera = LiveCamera(access_of(spec, None), random.Random(1))
        self.pictures = self.damaged = 0
        self.sizes: list[tuple[int, int]] = []
        self.losses: list[str] = []
        self.fell_back = 0
        self._last_s = -1.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        happenings = self.camera.happenings()
        for happening in happenings:
            if self._stop.is_set():
                break
            if isinstance(happening, Lost):
                self.losses.append(happening.why)
                self._last_s = -1.0
            elif isinstance(happening, tuple):
                picture = happening[1]
                self.pictures += 1
                self.damaged += picture.damaged
                self.fell_back += picture.t_s <= self._last_s
                self._last_s = picture.t_s
                if picture.size not in self.sizes:
                    self.sizes.append(picture.size)
        happenings.close()

    def more(self, pictures: int, what: str, seconds: float = 60.0) -> None:
        """Wait until so many more have come."""
        wanted = self.pictures + pictures
        wait_for(lambda: self.pictures >= wanted, f"{what} ({self.pictures} pictures, lost: {self.losses})", seconds)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(15)


@contextmanager
def viewer(url: str) -> Iterator[Viewer]:
    made = Viewer(url)
    try:
        yield made
    finally:
        made.stop()


@pytest.mark.timeout(240)
def test_a_stream_lives_through_loss_cuts_late_key_frames_other_sizes_and_damage(tmp_path: Path) -> None:
    long_group = film.write(tmp_path / "long.ts", film.drawn(20, seconds=4.0), fps=20, gop=60)
    other = film.write(tmp_path / "other.ts", film.noise(40, 208, 160), fps=20, gop=20)
    with rtsp_server(tmp_path) as (viewers, sources):
        relay = LossyRelay(viewers)
        try:
            with process(publish(sources, long_group), tmp_path / "first.log"), viewer(relay.url) as seen:
                seen.more(10, "pictures, though the viewer came between key frames")
                relay.loss, calls = 0.05, len(seen.losses)
                seen.more(40, "pictures while packets are lost")
                assert relay.lost > 0
                assert len(seen.losses) == calls, "loss is no reason to call again"
                relay.loss, before = 0.0, seen.camera.connections
                relay.cut()
                wait_for(lambda: seen.camera.connections > before, "another connection", 60)
                seen.more(10, "pictures after the cut")
                assert seen.fell_back == 0, "seconds only grow within a connection"
            spoilt = publish(f"{sources}-2", other, long_group, spoil=0.3)
            with process(spoilt, tmp_path / "second.log"), viewer(f"{relay.url}-2") as seen:
                wait_for(lambda: {(320, 240), (208, 160)} <= set(seen.sizes), "both sizes in one stream", 60)
                seen.more(40, "pictures of a damaged stream")
                assert seen.fell_back == 0
        finally:
            relay.close()


class Hurry:
    """A clock that only pauses move, so that nobody waits for them."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, span_s: float) -> None:
        self.now_s += span_s


def held() -> tuple[int, int]:
    """Descriptors and threads of this process, the least of half a second: the relay has four of each for a connection, and they
    go in their own time."""
    looks = []
    for _ in range(10):
        looks.append([len(list(Path("/proc/self", of).iterdir())) for of in ("fd", "task")])
        threading.Event().wait(0.05)
    descriptors, threads = map(min, zip(*looks, strict=True))
    return descriptors, threads


@pytest.mark.timeout(600)
def test_a_hundred_connections_leave_nothing_behind(tmp_path: Path) -> None:
    wanted = 100 if os.environ.get("EDGEGUARD_SOAK") == "long" else 6
    wall = film.write(tmp_path / "wall.ts", film.drawn(20, seconds=2.0), fps=20, gop=2)
    with rtsp_server(tmp_path) as (viewers, sources), process(publish(sources, wall), tmp_path / "publish.log"):
        relay, time = LossyRelay(viewers), Hurry()
        spec = CameraSpec(CameraName("eye"), relay.url, Task.FALLING, Labels("", ""), transport="udp")
        camera = LiveCamera(access_of(spec, None), random.Random(1), clock=time, sleep=time.sleep)
        happenings = camera.happenings()
        holds: list[tuple[int, int]] = []
        try:
            for happening in happenings:
                if isinstance(happening, tuple):
                    relay.cut()
                elif isinstance(happening, Lost) and camera.connections > len(holds):
                    holds.append(held())
                    if len(holds) == wanted:
                        break
        finally:
            happenings.close()
            relay.close()
    descriptors, threads = zip(*holds, strict=True)
    # What is leaked at each connection is three more of it from the first three looks to the last.
    assert min(descriptors[-3:]) < min(descriptors[:3]) + 3, holds
    assert min(threads[-3:]) < min(threads[:3]) + 3, holds
