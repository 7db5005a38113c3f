"""A film of cars at the gate camera, the real daemon, a relay on Modbus TCP: who is let in, once each, and what a kill leaves."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness import Running, consumer, daemon, free_port, mosquitto, site_text, subscribe, wait_for

from edgeguard.control import call, methods
from edgeguard.control.errors import DaemonSilent
from edgeguard.core.camera import PlateShape
from edgeguard.core.gate_list import Entry, ListKind
from edgeguard.core.plate_shape import shaped
from edgeguard.rules.gate_csv import write_csv
from edgeguard.testing.gate_box import RELAY, GateBox, gate_tables
from edgeguard.testing.lane_camera import LaneCamera, rendered_cars

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
PICTURES = Path(__file__).parents[1] / "pictures"
RESIDENTS, STRANGER = ("皖A61R58", "皖AD11212"), "苏E39078"


@contextmanager
def lane(folder: Path, plates: tuple[str, ...]) -> Iterator[LaneCamera]:
    cars = rendered_cars(PICTURES)
    camera = LaneCamera(folder, {plate: cars[plate] for plate in plates}, (800, 450), fps=12)
    try:
        yield camera
    finally:
        camera.close()


def socket_of(running: Running) -> Path:
    return running.folder / "control.sock"


def put_on_list(running: Running) -> None:
    entries = write_csv([Entry(plate, ListKind.RESIDENT) for plate in RESIDENTS])
    call(socket_of(running), methods.GATE_PUT, {"transfer": "t", "part": 1, "parts": 1, "entries": entries, "by": "test"})


def sees(running: Running) -> bool:
    try:
        return any(camera.pictures > 40 for camera in call(socket_of(running), methods.CAMERAS))
    except DaemonSilent:
        return False


def drive(camera: LaneCamera, plate: str, seen: Callable[[], bool]) -> None:
    """It comes; once more where a busy machine has let the camera's process look at nothing meanwhile."""
    for _ in range(8):
        before = len(camera.crossings)
        camera.drive(plate)
        wait_for(lambda before=before: len(camera.crossings) > before, f"{plate} at the line")  # type: ignore[misc]
        until_s = time.monotonic() + 15
        while time.monotonic() < until_s:
            if seen():
                return
            time.sleep(0.1)
    raise AssertionError(f"nobody has seen {plate}")


def told(folder: Path, kind: str, *keys: str) -> list[tuple[object, ...]]:
    """Events of a type, each by these of its fields."""
    return [tuple(item.get(key) for key in keys) for item in consumer(folder).stream("events") if item.get("type") == kind]


def test_every_resident_is_let_in_once_and_nobody_else(tmp_path: Path) -> None:
    broker, box = free_port(), GateBox(("127.0.0.1", "127.0.0.2"), drives=(0.5, 1.5))
    with lane(tmp_path, (*RESIDENTS, STRANGER)) as camera:
        key = tmp_path / "picture-key"
        key.write_text("0123456789abcdef" * 4, encoding="ascii")
        key.chmod(0o600)
        kept = f'pictures = "clear"\npicture_key_file = "{key}"'
        tables = gate_tables(tmp_path, box.port, camera.url, meters=3, camera=kept)
        text = site_text(tmp_path, broker, {}, tables).replace(f"{tmp_path}/profiles", str(tmp_path))
        with mosquitto(tmp_path, broker), subscribe(tmp_path, broker), daemon(tmp_path, text) as running:
            put_on_list(running)
            wait_for(lambda: sees(running), "pictures of the lane", 120)
            let_in = 0
            for plate in (RESIDENTS[0], STRANGER, RESIDENTS[1]):
                text = shaped(plate, PlateShape.MASKED, b"")
                drive(camera, plate, lambda text=text: (text,) in told(tmp_path, "plate", "text"))  # type: ignore[misc]
                let_in += plate in RESIDENTS
                wait_for(lambda let_in=let_in: len(told(tmp_path, "stay", "count")) == let_in, f"{plate} in the yard")  # type: ignore[misc]
                assert len(box.closed_s) == let_in
            verdicts = [told_of[1:] for told_of in told(tmp_path, "gate", "state", "verdict", "plate") if told_of[0] == "decided"]
            assert verdicts == [("open", "皖A****8"), ("refused", "苏E****8"), ("open", "皖A*****2")]
            assert [count for (count,) in told(tmp_path, "stay", "count")] == [1, 2]
            assert [crossed for (crossed,) in told(tmp_path, "plate", "crossed")] == [True] * 3
            pictures_are_kept_and_erased(tmp_path, running)
            assert running.stop(60) == 0
    box.close()


def pictures_are_kept_and_erased(folder: Path, running: Running) -> None:
    """Whoever passed has a picture and a plate, whose hashes the events and the audit log know; an erased plate has neither."""
    (kept,) = (folder / "state" / "evidence").glob("*/passes")
    evidence = [told_of for (told_of,) in told(folder, "plate", "evidence")]
    wait_for(lambda: len(list(kept.glob("*.json"))) == len(evidence) == 3, "three pictures")
    for one in evidence:
        assert isinstance(one, dict)
        for what, suffix in (("picture", ".jpg.sealed"), ("crop", ".crop.jpg.sealed")):
            assert hashlib.sha256((kept / f"{one['id']}{suffix}").read_bytes()).hexdigest() == one[f"{what}_sha256"]
    command = [sys.executable, "-m", "edgeguard", "evidence", "verify", "--config", str(folder / "site.toml"), "--json"]
    verified = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert [one["wrong"] for one in verified] == [[]] * 3
    erased = call(socket_of(running), methods.ERASE, {"text": RESIDENTS[0], "by": "test"})
    assert (erased.evidence, len(list(kept.glob("*.json"))), len(list(kept.glob("*.jpg.sealed")))) == (1, 2, 4)


def test_a_kill_with_a_vehicle_under_the_barrier(tmp_path: Path) -> None:
    broker, box = free_port(), GateBox()
    with lane(tmp_path, RESIDENTS[:2]) as camera:
        tables = gate_tables(tmp_path, box.port, camera.url).replace('pulse = "300ms"', 'pulse = "20s"')
        text = site_text(tmp_path, broker, {}, tables).replace(f"{tmp_path}/profiles", str(tmp_path))
        with mosquitto(tmp_path, broker), subscribe(tmp_path, broker):
            with daemon(tmp_path, text) as running:
                put_on_list(running)
                wait_for(lambda: sees(running), "pictures of the lane", 120)
                drive(camera, RESIDENTS[0], lambda: bool(box.closed_s))
                box.drive(True)
                wait_for(lambda: phase(running) == "under", "a vehicle under the barrier")
                os.kill(running.child.pid, signal.SIGKILL)
                running.child.wait(10)
            (tmp_path / "control.sock").unlink(missing_ok=True)
            with daemon(tmp_path, text) as running:
                wait_for(lambda: sees(running), "pictures after the kill", 120)
                drive(camera, RESIDENTS[0], lambda: len(told(tmp_path, "plate", "id")) > 1)  # it is read once more
                assert (len(box.closed_s), box.let_go_s, box.coils[RELAY]) == (1, [], True), "opened twice, or down on the vehicle"
                box.drive(False)
                wait_for(lambda: bool(box.let_go_s), "the relay let go behind it")
                wait_for(lambda: bool(told(tmp_path, "stay", "state")), "the vehicle in the yard")
                drive(camera, RESIDENTS[1], lambda: len(box.closed_s) == 2)
                assert running.stop(60) == 0
        passed_once(tmp_path)
    box.close()


def test_a_camera_whose_process_is_killed_with_a_vehicle_under_the_barrier(tmp_path: Path) -> None:
    broker, box = free_port(), GateBox()
    with lane(tmp_path, RESIDENTS[:2]) as camera:
        tables = gate_tables(tmp_path, box.port, camera.url).replace('pulse = "300ms"', 'pulse = "20s"')
        text = site_text(tmp_path, broker, {}, tables).replace(f"{tmp_path}/profiles", str(tmp_path))
        with mosquitto(tmp_path, broker), subscribe(tmp_path, broker), daemon(tmp_path, text) as running:
            put_on_list(running)
            wait_for(lambda: sees(running), "pictures of the lane", 120)
            drive(camera, RESIDENTS[0], lambda: bool(box.closed_s))
            box.drive(True)
            wait_for(lambda: phase(running) == "under", "a vehicle under the barrier")
            told_before = len(told(tmp_path, "plate", "id"))
            (one,) = call(socket_of(running), methods.CAMERAS)
            os.kill(one.pid, signal.SIGKILL)
            wait_for(lambda: anew(running, one.pid), "another process, and its pictures", 120)
            drive(camera, RESIDENTS[0], lambda: len(told(tmp_path, "plate", "id")) > told_before)  # it is read once more
            assert (len(box.closed_s), box.let_go_s, box.coils[RELAY]) == (1, [], True), "opened twice, or down on the vehicle"
            box.drive(False)
            wait_for(lambda: bool(told(tmp_path, "stay", "state")), "the vehicle in the yard")
            drive(camera, RESIDENTS[1], lambda: len(box.closed_s) == 2)
            assert running.stop(60) == 0
        passed_once(tmp_path)
        ids = told(tmp_path, "plate", "id")
        assert len(ids) == len(set(ids)), "a pass told twice"
    box.close()


def passed_once(tmp_path: Path) -> None:
    assert told(tmp_path, "stay", "state", "count") == [("entered", 1)]
    ends = [one for one in told(tmp_path, "gate", "state", "plate") if one[0] not in ("decided", "opened", "not-opened")]
    assert ends == [("passed", "皖A****8")]


def anew(running: Running, before: int) -> bool:
    (one,) = call(socket_of(running), methods.CAMERAS)
    return one.pid not in (0, before) and one.pictures > 40


def phase(running: Running) -> str:
    (gate,) = call(socket_of(running), methods.GATES, {}).gates
    return gate.phase
