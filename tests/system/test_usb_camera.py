"""Cameras of this machine, played by a shim under the real FFmpeg: what they give, and in which words they do not."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness import daemon, site_text, wait_for
from test_camera import is_dead, view
from usb_camera import UsbCamera

from edgeguard.core.camera_limits import CAMERA_HUNG_S

pytestmark = pytest.mark.slow

LOOK = """
import itertools, sys
from edgeguard.camera.video import StreamAccess, VideoError, open_stream
try:
    with open_stream(StreamAccess(sys.argv[1], "gate", "v4l2", dict(one.split("=") for one in sys.argv[2:]))) as source:
        sizes = {picture.size for picture in itertools.islice(source, 10)}
        print(source.codec, *sizes, source.counts.ended)
except VideoError as error:
    print(error)
"""


def look(camera: UsbCamera, *options: str) -> str:
    """What the first pictures are, or why there are none."""
    command = [sys.executable, "-c", LOOK, camera.environment["V4L2_PATH"], *options]
    ran = subprocess.run(command, env={**os.environ, **camera.environment}, capture_output=True, text=True, timeout=60, check=True)
    return ran.stdout.strip()


@pytest.mark.parametrize("is_mjpeg", [False, True])
@pytest.mark.parametrize("asked", [(), ("video_size=640x480", "framerate=30")])
def test_pictures_as_they_are_or_compressed_in_the_size_that_the_camera_has(
    tmp_path: Path, is_mjpeg: bool, asked: tuple[str, ...]
) -> None:
    camera = UsbCamera(tmp_path, "/dev/video77", is_mjpeg=is_mjpeg)
    assert look(camera, *asked) == f"{'mjpeg' if is_mjpeg else 'rawvideo'} (320, 240)"


def test_what_is_wrong_with_a_device_is_told_in_words(tmp_path: Path) -> None:
    camera = UsbCamera(tmp_path, "/dev/video77")
    for opening, words in (
        (errno.ENOENT, "is not plugged in"),
        (errno.ENODEV, "is not plugged in any more"),
        (errno.EACCES, "may not be opened by this user; it needs the group video (systemd/drop-ins/cameras.conf)"),
        (errno.EPERM, "may not be opened by this service; it needs DeviceAllow (systemd/drop-ins/cameras.conf)"),
        (errno.EBUSY, "is used by another program"),
    ):
        camera.set(opening=opening)
        assert look(camera) == f"gate: /dev/video77 {words}"
    camera.set(taking=errno.ENODEV)
    assert look(camera) == "gate: /dev/video77 is not plugged in any more", "unplugged before its first picture"


def test_a_device_beside_the_camera_that_gives_no_pictures_is_not_called_unplugged(tmp_path: Path) -> None:
    """USB cameras have a second one, which tells of the pictures."""
    there = tmp_path / "video1"
    there.touch()
    camera = UsbCamera(tmp_path, str(there))
    camera.set(is_radio=True)
    assert look(camera) == f"gate: {there} gives no pictures; many cameras have several devices: take the first (…-video-index0)"


def test_a_camera_that_is_unplugged_is_told_and_comes_back_when_it_is_plugged_in(tmp_path: Path) -> None:
    camera = UsbCamera(tmp_path, "/dev/video77")
    rows = '[[camera]]\nname = "facade"\nurl = "/dev/video77"\ntask = "falling"\n'
    with daemon(tmp_path, site_text(tmp_path, None, {}, rows), camera.environment) as running:
        wait_for(lambda: view(running).state == "well" and view(running).pictures > 0, "pictures", 60)
        camera.set(opening=errno.ENOENT, taking=errno.ENODEV)
        wait_for(lambda: bool(view(running).troubles), "the loss", 60)
        (trouble,) = view(running).troubles
        assert (trouble.code, trouble.detail) == ("lost", "facade: /dev/video77 is not plugged in")
        pid, seen = view(running).pid, camera.given
        camera.set()
        wait_for(lambda: view(running).state == "well" and camera.given > seen, "the camera's return", 90)
        assert (view(running).pid, view(running).restarts) == (pid, 0), "in the same process"
        assert "facade: /dev/video77 is not plugged in any more" in running.log()


@pytest.mark.timeout(240)
def test_a_process_that_hangs_in_its_driver_ends_though_the_daemon_was_killed(tmp_path: Path) -> None:
    """No handler of a signal runs there, so that the word of the daemon's death is not heard."""
    camera = UsbCamera(tmp_path, "/dev/video77")
    rows = '[[camera]]\nname = "facade"\nurl = "/dev/video77"\ntask = "falling"\n'
    with daemon(tmp_path, site_text(tmp_path, None, {}, rows), camera.environment) as running:
        wait_for(lambda: view(running).pictures > 0, "pictures", 60)
        pid = view(running).pid
        camera.set(taking=-1)
        running.child.kill()
        running.child.wait(10)
        wait_for(lambda: is_dead(pid), "the end of an orphan", CAMERA_HUNG_S + 60)
