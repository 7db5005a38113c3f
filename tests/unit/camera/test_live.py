"""A camera that is called again: pauses that grow, sources that are closed, passwords that stay where they belong."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgeguard.camera.live import LiveCamera, Lost, Waiting, access_of
from edgeguard.camera.video import StreamAccess, VideoError, VideoSource, open_stream, open_video
from edgeguard.core.camera import CameraSpec, Task
from edgeguard.core.ids import CameraName
from edgeguard.core.point import Labels
from edgeguard.testing import film


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, span_s: float) -> None:
        self.slept.append(span_s)
        self.now_s += span_s


def spec(url: str, username: str | None = None) -> CameraSpec:
    return CameraSpec(CameraName("gate"), url, Task.FALLING, Labels("", ""), username=username)


def live(access: StreamAccess, time: Time, sources: Iterator[VideoSource | str]) -> LiveCamera:
    def open_next(_: StreamAccess) -> VideoSource:
        source = next(sources)
        if isinstance(source, str):
            raise VideoError(source)
        return source

    return LiveCamera(access, random.Random(1), open_next, time, time.sleep)


def test_the_password_is_in_the_url_and_nowhere_else() -> None:
    access = access_of(spec("rtsp://10.0.0.9:554/ch1?x=1", "admin"), "p@ss/w:rd")
    user, _, rest = access.url.removeprefix("rtsp://").rpartition("@")
    assert (user, rest) == ("admin:p%40ss%2Fw%3Ard", "10.0.0.9:554/ch1?x=1")
    assert access.options["rtsp_transport"] == "tcp"
    assert "file" not in access.options["protocol_whitelist"].split(",")
    with pytest.raises(VideoError) as error:
        open_stream(access_of(spec("rtsp://127.0.0.1:1/ch1", "admin"), "p@ss/w:rd"))
    assert str(error.value) == "gate: Connection refused"


def test_a_usb_camera_is_opened_as_one() -> None:
    assert access_of(spec("/dev/video0"), None) == StreamAccess("/dev/video0", "gate", "v4l2")


def test_a_usb_camera_is_asked_for_what_the_site_says_and_told_in_words_when_it_does_not_open(tmp_path: Path) -> None:
    asked = replace(spec("/dev/video0"), video_size="1280x720", video_fps=25, video_format="mjpeg")
    assert access_of(asked, None).options == {"video_size": "1280x720", "framerate": "25", "input_format": "mjpeg"}
    plain = tmp_path / "video7"
    plain.write_bytes(b"no device")
    for device, words in ((tmp_path / "video9", "is not plugged in"), (plain, "is no camera"), (Path("/dev/null"), "is no camera")):
        with pytest.raises(VideoError) as error:
            open_stream(access_of(spec(str(device)), None))
        assert str(error.value) == f"gate: {device} {words}"


def test_pauses_grow_and_are_cut_into_slices_so_that_life_shows() -> None:
    time = Time()
    camera = live(StreamAccess("rtsp://x/", "gate"), time, iter(["no route"] * 7))
    seen = []
    for happening in camera.happenings():
        seen.append(happening)
        if sum(isinstance(one, Lost) for one in seen) == 7:
            break
    lost_at = [i for i, one in enumerate(seen) if isinstance(one, Lost)]
    waits = [b - a for a, b in itertools.pairwise(lost_at)]
    assert waits == sorted(waits)
    assert waits[0] >= 2
    assert waits[-1] >= 20
    assert all(isinstance(one, Lost | Waiting) for one in seen)
    assert max(time.slept) <= 0.5
    assert time.now_s < 1 + 2 + 4 + 8 + 16 + 30


def test_a_film_begins_anew_in_its_own_time(tmp_path: Path) -> None:
    path = film.write(tmp_path / "a.mp4", film.noise(25))
    time = Time()
    sources = [open_video(path), open_video(path)]
    camera = live(StreamAccess(f"file:{path}", "gate"), time, iter(sources))
    pictures = lost = 0
    for happening in camera.happenings():
        if isinstance(happening, tuple):
            pictures += 1
        lost += isinstance(happening, Lost)
        if pictures == 30:
            break
    assert (lost, camera.connections) == (1, 2)
    assert 0.9 < time.now_s < 1.5, "25 pictures a second, and no pause between"


def test_the_source_is_still_open_while_its_loss_is_looked_at(tmp_path: Path) -> None:
    time = Time()
    source = open_video(film.write(tmp_path / "a.ts", film.noise(25)))
    camera = live(StreamAccess("rtsp://x/", "gate"), time, iter([source, "away"]))
    for happening in camera.happenings():
        if isinstance(happening, Lost):
            assert source.template.codec_context.name == "h264"
            assert source.ring.cut(0.0, 10.0)
            break
