"""A gateway whose models are not what the manifest names: nothing is read or judged with them, everything else goes on."""

import shutil
from pathlib import Path

import pytest
from harness import daemon, site_text, wait_for
from poll_lateness import devices, slave, write_profile

import edgeguard
from edgeguard.camera.shipped import shipped_models
from edgeguard.control import call, methods
from edgeguard.control.camera_views import CameraView
from edgeguard.testing import film

pytestmark = pytest.mark.slow


@pytest.mark.timeout(240)
def test_a_model_that_is_not_ours_parks_its_camera_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the program with one byte of one model turned, as by a bad card; then the model is gone, cut short, whole."""
    program = tmp_path / "program"
    shutil.copytree(Path(edgeguard.__file__).parent, program / "edgeguard")
    shutil.copytree(Path(edgeguard.__file__).parents[1] / "configs", program / "configs")
    (program / "models").mkdir()
    for name in ("manifest.json", "fall_judge.json", "plate_detector.onnx", "plate_reader.onnx"):
        shutil.copy(shipped_models() / name, program / "models" / name)
    reader = program / "models" / "plate_reader.onnx"
    whole = reader.read_bytes()
    reader.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    judge = program / "models" / "fall_judge.json"
    judged = judge.read_bytes()
    judge.write_bytes(judged.replace(b"0", b"1", 1))
    monkeypatch.chdir(program)
    wall = film.write(tmp_path / "wall.mp4", film.drawn(12, falls=False, seconds=2.0), fps=12)
    write_profile(tmp_path / "profiles")
    cameras = "".join(
        f'[[camera]]\nname = "{name}"\nurl = "file:{source}"\ntask = "{task}"\n[camera.alarms.failed]\non_delay = "0s"\n'
        for name, task, source in (("gate", "plates", shutil.copy(wall, tmp_path / "other.mp4")), ("wall", "falling", wall))
    )
    with slave(1) as wire:
        site = site_text(tmp_path, None, wire.buses, f"{devices(wire)}\n{cameras}")
        with daemon(tmp_path, site, {"PYTHONPATH": str(program)}) as running:

            def views() -> dict[str, CameraView]:
                return {one.name: one for one in call(running.folder / "control.sock", methods.CAMERAS)}

            def polled_on() -> bool:
                before = sum(map(len, wire.arrivals))
                wait_for(lambda: sum(map(len, wire.arrivals)) > before + 10, "polls")
                (device,) = call(running.folder / "control.sock", methods.DEVICES)
                return device.state == "online" and device.failures <= device.polls // 20

            wait_for(lambda: views()["gate"].state == "failed", "the refusal", 90)
            assert "plate_reader.onnx: is not the model that the manifest names (SHA-256 differs)" in views()["gate"].error
            wait_for(lambda: views()["wall"].state == "failed", "the other refusal", 90)
            assert "fall_judge.json: is not the model that the manifest names (SHA-256 differs)" in views()["wall"].error
            judge.write_bytes(judged)
            call(running.folder / "control.sock", methods.RELOAD)
            wait_for(lambda: views()["wall"].state == "well", "the other camera", 90)
            socket = running.folder / "control.sock"
            wait_for(lambda: "gate.failed" in {one.alarm for one in call(socket, methods.ALARMS)}, "the alarm")
            assert polled_on()
            assert views()["gate"].restarts == 0, "trying again would not help"

            reader.unlink()
            call(socket, methods.RELOAD)
            wait_for(lambda: "plate_reader.onnx: the model cannot be read" in views()["gate"].error, "a missing one", 90)
            assert polled_on(), "a model that is missing is the camera's trouble alone"
            reader.write_bytes(whole[:-100])
            call(socket, methods.RELOAD)
            wait_for(lambda: "SHA-256 differs" in views()["gate"].error, "a truncated one", 90)
            reader.write_bytes(whole)
            call(socket, methods.RELOAD)
            wait_for(lambda: views()["gate"].state == "well", "the whole one", 90)
            assert polled_on()
