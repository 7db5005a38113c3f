"""Cameras with the real daemon: a stream from a server that is not ours, falls with evidence, and processes that die and hang."""

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import av
import pytest
from harness import Running, consumer, daemon, free_port, mosquitto, process, site_text, subscribe, wait_for
from rtsp_rig import publish, rtsp_server
from test_config_put import Platform

from edgeguard.camera.pictures import decode_picture, load_picture
from edgeguard.camera.sealing import Seal
from edgeguard.control import call, methods
from edgeguard.control.camera_views import CameraView
from edgeguard.core.camera import CUSTODY
from edgeguard.testing import film

pytestmark = pytest.mark.slow


def camera_text(url: str, more: str = "") -> str:
    """A camera whose loss is told at once; `more` are further keys of it."""
    head = f'[[camera]]\nname = "facade"\nurl = "{url}"\ntask = "falling"\ntransport = "udp"\n{more}'
    return head + '[camera.alarms.lost]\non_delay = "0s"\n'


def view(running: Running) -> CameraView:
    """The one camera, by the control socket."""
    (camera,) = call(running.folder / "control.sock", methods.CAMERAS)
    return camera


def events(folder: Path, kind: str) -> list[dict[str, object]]:
    return [item for item in consumer(folder).stream("events") if item.get("type") == kind]


def states(folder: Path, alarm: str) -> list[object]:
    return [item["state"] for item in consumer(folder).stream("alarms") if item["alarm"] == alarm]


def test_a_throw_over_rtsp_becomes_an_event_with_evidence_that_is_the_cameras_own(tmp_path: Path) -> None:
    throw = film.write(tmp_path / "throw.ts", film.drawn(25, seconds=10.0))
    broker = free_port()
    with (
        mosquitto(tmp_path, broker),
        subscribe(tmp_path, broker),
        rtsp_server(tmp_path) as (viewers, sources),
        daemon(tmp_path, site_text(tmp_path, broker, {}, camera_text(viewers))) as running,
    ):
        wait_for(lambda: any(one.code == "lost" for one in view(running).troubles), "a camera that is away", 60)
        with process(publish(sources, throw), tmp_path / "publish.log"):
            wait_for(lambda: view(running).state == "well", "the camera's pictures", 60)
            wait_for(lambda: bool(events(tmp_path, "fall")), "a fall", 60)
            # While the pictures come: an alarm's end waits a while, lest a camera that comes and goes makes many.
            wait_for(lambda: states(tmp_path, "facade.lost")[:2] == ["active", "returned"], "the alarm's end", 60)
        fall = events(tmp_path, "fall")[0]
        assert (fall["camera"], fall["calibrated"]) == ("facade", False)
        evidence = fall["evidence"]
        assert isinstance(evidence, dict)
        folder = tmp_path / "state" / "evidence" / "facade"
        for what in ("clip", "picture"):
            content = (folder / evidence[what]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == evidence[f"{what}_sha256"]
        with av.open(str(folder / evidence["clip"])) as clip:
            assert sum(1 for _ in clip.decode(video=0)) > 50
        troubles = [(one["code"], one["ok"]) for one in events(tmp_path, "health") if one["source"] == "camera.facade"]
        assert troubles[:2] == [("lost", False), ("lost", True)]
        row = next(one for one in _audit(tmp_path) if one.get("command") == "evidence")
        assert row["evidence"] == evidence


def _audit(folder: Path) -> list[dict[str, object]]:
    command = [sys.executable, "-m", "edgeguard", "audit", "show", "--directory", str(folder / "state"), "--json"]
    shown = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert isinstance(shown, list)
    return shown


def test_a_killed_process_comes_back_and_goes_with_the_daemon(tmp_path: Path) -> None:
    wall = film.write(tmp_path / "wall.mp4", film.drawn(12, falls=False, seconds=3.0), fps=12)
    with daemon(tmp_path, site_text(tmp_path, None, {}, camera_text(f"file:{wall}"))) as running:
        wait_for(lambda: view(running).state == "well", "pictures", 60)
        first = view(running).pid
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: view(running).pid not in (0, first) and view(running).state == "well", "another process", 60)
        assert view(running).restarts == 1
        last = view(running).pid
        running.child.kill()
        running.child.wait(10)
        wait_for(lambda: is_dead(last), "the end of an orphan")


def is_dead(pid: int) -> bool:
    """Gone, or waiting for somebody to ask how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_the_platform_gets_a_picture_of_a_film_with_its_masks_burnt_in(tmp_path: Path) -> None:
    wall = film.write(tmp_path / "wall.mp4", film.drawn(12, falls=False, seconds=3.0), fps=12)
    (tmp_path / "facade.toml").write_text("[facade]\nsize = [320, 240]\nmasks = [[[0, 0], [160, 0], [160, 240], [0, 240]]]\n")
    rows = '[commands]\nallow = ["snapshot"]\n' + camera_text(f"file:{wall}", 'facade = "facade.toml"\nsnapshot = "sent"\n')
    broker = free_port()
    with (
        mosquitto(tmp_path, broker),
        subscribe(tmp_path, broker),
        daemon(tmp_path, site_text(tmp_path, broker, {}, rows), synced=True) as running,
    ):
        platform = Platform(tmp_path, broker)
        wait_for(lambda: running.ask("status")["uplink"]["state"] == "online", "the session")  # type: ignore[index]
        absent = platform.ask("snapshot", camera="gate")
        assert (absent["state"], absent["error"]["code"]) == ("refused", "no-camera")
        wait_for(lambda: view(running).state == "well" and view(running).pictures > 0, "the camera's pictures", 60)
        answer = platform.ask("snapshot", camera="facade")
        assert (answer["ok"], answer["state"]) == (True, "done")
        result = answer["result"]
        jpeg = base64.b64decode(result["inline"]["jpeg"])
        kept = tmp_path / "state" / "evidence" / "facade" / "snapshots" / f"{result['id']}.jpg"
        assert hashlib.sha256(jpeg).hexdigest() == result["inline"]["sha256"]
        assert hashlib.sha256(kept.read_bytes()).hexdigest() == result["sha256"]
        for picture in (decode_picture(jpeg, "inline"), load_picture(kept)):
            assert picture.shape == (240, 320, 3)
            assert float(picture[:, :152].mean()) < 4, "the mask"
            assert float(picture[:, 168:].mean()) > 60, "the wall"
        verified = subprocess.run(
            [sys.executable, "-m", "edgeguard", "evidence", "verify", "--config", str(tmp_path / "site.toml"), "--json"],
            capture_output=True,
            check=True,
        )
        assert json.loads(verified.stdout) == [{"camera": "facade", "id": result["id"], "wrong": []}]
        (told,) = [item for item in events(tmp_path, "command") if item["name"] == "snapshot"]
        assert (told["target"], told["value"], told["result"]) == ("facade", result["id"], "done")
        states = [(row.get("command"), row.get("state")) for row in _audit(tmp_path) if "snapshot" in str(row.get("command"))]
        assert ("snapshot", "accepted") in states
        commands = [row.get("command") for row in _audit(tmp_path)]
        assert commands.index("snapshot") < commands.index("evidence") < commands.index("evidence.send")


def test_with_a_key_falls_and_pictures_lie_sealed_and_are_checked_and_copied_through_it(tmp_path: Path) -> None:
    throw = film.write(tmp_path / "throw.mp4", film.drawn(12, seconds=4.0), fps=12)
    key = b"a key of the site, long enough"
    (tmp_path / "key").write_bytes(key + b"\n")
    (tmp_path / "key").chmod(0o600)
    rows = '[commands]\nallow = ["snapshot"]\n'
    rows += camera_text(f"file:{throw}", 'picture_key_file = "key"\nsnapshot = "sent"\n')
    broker = free_port()
    with (
        mosquitto(tmp_path, broker),
        subscribe(tmp_path, broker),
        daemon(tmp_path, site_text(tmp_path, broker, {}, rows), synced=True) as running,
    ):
        platform = Platform(tmp_path, broker)
        wait_for(lambda: view(running).state == "well" and view(running).pictures > 0, "the camera's pictures", 60)
        result = platform.ask("snapshot", camera="facade")["result"]
        jpeg = base64.b64decode(result["inline"]["jpeg"])
        assert hashlib.sha256(jpeg).hexdigest() == result["inline"]["sha256"]
        wait_for(lambda: bool(events(tmp_path, "fall")), "a fall", 60)
        evidence = events(tmp_path, "fall")[0]["evidence"]
        assert isinstance(evidence, dict)
        folder = tmp_path / "state" / "evidence" / "facade"
        files = [file for file in folder.rglob("*") if file.is_file() and CUSTODY not in file.name]
        kept = [file for file in files if file.suffix not in (".json", ".unsent")]
        assert {file.suffix for file in kept} == {".sealed"}
        clip = Seal(key).opened(evidence["clip"], (folder / evidence["clip"]).read_bytes())
        assert hashlib.sha256(clip).hexdigest() == evidence["clip_sha256"]
        out = ("--config", str(tmp_path / "site.toml"), "--socket", str(tmp_path / "control.sock"))
        command = [sys.executable, "-m", "edgeguard", "evidence"]
        subprocess.run([*command, "verify", *out[:2]], capture_output=True, check=True)
        subprocess.run([*command, "export", evidence["id"], "--to", str(tmp_path / "out"), *out], capture_output=True, check=True)
        copy = tmp_path / "out" / f"{evidence['id']}.mp4"
        assert copy.read_bytes() == clip
        with av.open(str(copy)) as video:
            assert sum(1 for _ in video.decode(video=0)) > 20
        (tmp_path / "key").write_bytes(b"emptied\n")
        (tmp_path / "site.toml").write_text("[[camera\n# somebody is just editing it\n")
        os.kill(view(running).pid, signal.SIGTERM)
        wait_for(lambda: [one.code for one in view(running).troubles] == ["unsealed"], "evidence that lies open is told", 60)
        assert view(running).state == "well", "it sees all the same"
        wait_for(lambda: any(one["code"] == "unsealed" and not one["ok"] for one in events(tmp_path, "health")), "the event", 60)
