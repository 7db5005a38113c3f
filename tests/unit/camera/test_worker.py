"""The main loop of a camera's process: what is looked at, what is left out, what is told of it."""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from edgeguard.camera.live import Happening, LiveCamera, Lost, Waiting
from edgeguard.camera.pictures import Bgr
from edgeguard.camera.sight import Sight
from edgeguard.camera.video import Picture, VideoSource, open_video
from edgeguard.camera.worker import Lag, Worker
from edgeguard.core.blindness import Blindness
from edgeguard.core.camera_limits import CAMERA_CAUGHT_UP_S
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId
from edgeguard.testing import film


class Time:
    """One clock for everybody."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def now(self) -> Stamp:
        return Stamp(round(self.now_s * 1000) + 10**12, round(self.now_s * 1000), BootId("boot"), True)


class Looks:
    """A seeker that remembers what it was shown."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.lost_at: list[int] = []
        self.restless = 0

    def see(self, source: VideoSource, picture: Picture, now: Stamp) -> None:
        del source, now
        self.seen.append(picture.index)

    def lost(self, now: Stamp) -> None:
        self.lost_at.append(now.boot_ms)

    def remember(self) -> None:
        """Nothing."""

    def hide(self, shown: Bgr) -> None:
        """Nothing."""


class Script:
    """Stands in for a LiveCamera: happenings at given seconds."""

    connections = 1
    broken = 0

    def __init__(self, time: Time, steps: Sequence[tuple[float, Happening]]) -> None:
        self.time, self.steps = time, steps

    def happenings(self) -> Generator[Happening, None, None]:
        for at_s, happening in self.steps:
            self.time.now_s = 100.0 + at_s
            yield happening


def run(time: Time, looks: Looks, steps: Sequence[tuple[float, Happening]]) -> Worker:
    worker = Worker(cast(LiveCamera, Script(time, steps)), looks, Sight(None, ""), time, lambda _: None, time)
    worker.run(lambda: False)
    return worker


def pictures(tmp_path: Path, count: int) -> tuple[VideoSource, list[Picture]]:
    source = open_video(film.write(tmp_path / "a.mp4", film.noise(count)))
    return source, list(source)


def test_every_picture_is_looked_at_while_the_process_keeps_up(tmp_path: Path) -> None:
    source, shown = pictures(tmp_path, 50)
    time, looks = Time(), Looks()
    worker = run(time, looks, [(one.t_s + 0.02 * (one.index % 3), (source, one)) for one in shown])
    assert looks.seen == list(range(50))
    beat = worker.beat()
    assert (beat.pictures, beat.skipped, beat.width, beat.height, beat.codec) == (50, 0, 64, 48, "h264")
    assert beat.troubles == ()
    assert beat.rss_bytes > 2**20


def test_what_comes_late_is_left_out_until_the_process_has_caught_up(tmp_path: Path) -> None:
    source, shown = pictures(tmp_path, 100)
    late_s = [0.0 if i < 30 else 1.5 if i < 60 else 0.5 if i < 70 else 0.1 for i in range(100)]
    time, looks = Time(), Looks()
    worker = run(time, looks, [(one.t_s + late_s[one.index], (source, one)) for one in shown])
    assert looks.seen == [*range(30), *range(70, 100)]
    assert worker.beat().skipped == 40
    assert [trouble.code for trouble in worker.beat().troubles] == ["overload"]


def test_a_lag_does_not_come_from_clocks_that_drift() -> None:
    lag = Lag()
    assert not any(lag.see(5.0 + i * 8e-6, i / 25) for i in range(25 * 3600 * 2))


def test_a_camera_whose_own_time_stood_still_is_looked_at_again(tmp_path: Path) -> None:
    """It counts its pictures, and made none for two seconds: all that follow are two seconds older, and none waits."""
    source, shown = pictures(tmp_path, 250)
    time, looks = Time(), Looks()
    worker = run(time, looks, [(one.t_s + (0.0 if one.index < 50 else 2.0), (source, one)) for one in shown])
    assert looks.seen == [*range(50), *range(125, 250)]
    assert worker.beat().skipped == 75


def test_who_catches_up_slowly_looks_at_nothing_until_it_has() -> None:
    lag = Lag()
    ages_s = [0.0, 2.0, *(2.0 - i * 0.08 / 25 for i in range(700))]
    left_out = [age_s for i, age_s in enumerate(ages_s) if lag.see(age_s, i / 25)]
    assert left_out == [age_s for age_s in ages_s if age_s >= left_out[-1]]
    assert left_out[-1] == pytest.approx(CAMERA_CAUGHT_UP_S, abs=0.02)


def test_a_camera_that_gives_nothing_is_lost_since_its_last_picture(tmp_path: Path) -> None:
    source, shown = pictures(tmp_path, 25)
    time, looks = Time(), Looks()
    steps: list[tuple[float, Happening]] = [(one.t_s, (source, one)) for one in shown]
    steps += [(1.2, Lost("gate: Connection refused")), *((2.0 + i, Waiting()) for i in range(15))]
    worker = run(time, looks, steps)
    (trouble,) = worker.beat().troubles
    assert (trouble.code, trouble.since_boot_ms, trouble.detail) == ("lost", 100_960, "gate: Connection refused")
    assert looks.lost_at[0] == 101_200
    time.now_s += 30
    (later,) = worker.beat().troubles
    assert later.since_boot_ms == trouble.since_boot_ms, "since when does not move"
    assert worker.beat().pulse_s == 30.0


def test_a_changed_size_is_counted(tmp_path: Path) -> None:
    source, shown = pictures(tmp_path, 10)
    other = open_video(film.write(tmp_path / "b.mp4", film.noise(10, width=128, height=96)))
    steps: list[tuple[float, Happening]] = [(one.t_s, (source, one)) for one in shown]
    steps += [(1 + one.t_s, (source, one)) for one in other]
    worker = run(Time(), Looks(), steps)
    assert (worker.beat().resized, worker.beat().width) == (1, 128)


@pytest.mark.slow
def test_the_view_is_kept_over_a_restart_and_only_for_its_setup(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    scene = np.full((360, 640), 90, np.uint8)
    for top, left in zip(rng.integers(0, 320, 60), rng.integers(0, 600, 60), strict=True):
        scene[top : top + rng.integers(8, 40), left : left + rng.integers(8, 40)] = rng.integers(40, 200)
    grain = [rng.normal(0, 3, scene.shape) for _ in range(7)]
    file = tmp_path / "cameras" / "gate.view.npz"
    sight = Sight(file, "setup 1")
    for second in range(70):
        sight.see(float(second), np.clip(scene + grain[second % 7], 0, 255).astype(np.uint8))
    assert file.exists()
    again = Sight(file, "setup 1")
    moved = np.roll(scene, (25, 40), (0, 1))
    for second in range(100):
        again.see(float(second), np.clip(moved + grain[second % 7], 0, 255).astype(np.uint8))
    assert [trouble.value for trouble in again.troubles] == ["moved"]
    assert not again.knows_place
    third = Sight(file, "setup 1")
    assert not third.knows_place, "before its first look"
    third.see(0.0, moved)
    assert list(third.troubles) == [Blindness.MOVED]
    for second in range(1, 10):
        third.see(float(second), np.clip(scene + grain[second % 7], 0, 255).astype(np.uint8))
    assert third.knows_place
    assert Sight(file, "setup 1").knows_place
    assert Sight(file, "setup 2").eyes.references == (None, None, None)
    file.write_bytes(file.read_bytes()[:200])
    assert Sight(file, "setup 1").eyes.references == (None, None, None)
