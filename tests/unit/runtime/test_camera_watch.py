"""A camera that does not see is an ordinary alarm: it comes, is acknowledged, shelved, explained by another, and goes."""

import orjson
import pytest

from edgeguard.config.camera_alarms import camera_alarms
from edgeguard.config.mistakes import Mistakes
from edgeguard.core.alarm import AlarmState, Hold, HoldKind
from edgeguard.core.blindness import Blindness
from edgeguard.core.camera import CameraSpec, Task
from edgeguard.core.ids import AlarmName, CameraName
from edgeguard.core.point import Labels
from edgeguard.runtime.camera_watch import CameraWatch, Sighted
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.store import Batch
from edgeguard.testing.clock import FakeClock
from edgeguard.testing.messages import check_item

NAME = CameraName("facade")
ALARMS = camera_alarms(NAME, {"task": "falling"}, ("camera", 0), Mistakes("site.toml"))
SPEC = CameraSpec(NAME, "rtsp://10.0.0.9/1", Task.FALLING, Labels("东立面", "east facade"), alarms=ALARMS)
LOST, MOVED, FAILED, BLACK = (AlarmName(f"facade.{trouble}") for trouble in ("lost", "moved", "failed", "black"))


class Rig:
    """A pipeline with one camera and no devices; `sighted` is how it sees now."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.batches: list[Batch] = []
        self.sighted = Sighted(heard=True)
        self.pipeline = Pipeline(self, self.clock)
        self.pipeline.oversee(ALARMS, {}, {})
        self.pipeline.watch((CameraWatch((SPEC,), lambda _: self.sighted),), {})

    def submit(self, batch: Batch) -> None:
        self.batches.append(batch)

    def pass_s(self, seconds: int, *troubles: Blindness, heard: bool = True, detail: str = "") -> None:
        self.sighted = Sighted(heard, dict.fromkeys(troubles, detail))
        for _ in range(seconds):
            self.pipeline.sweep()
            self.clock.advance(1.0)

    def state(self, name: AlarmName) -> AlarmState:
        return self.pipeline.desk.find(name)[1].state

    @property
    def told(self) -> list[tuple[str, str]]:
        items = [item for batch in self.batches for item in batch.items]
        bodies = [orjson.loads(item.body) for item in items]
        for item in items:
            check_item(item.stream, item.body)
        return [(body["alarm"], body["state"]) for body in bodies]


def test_what_falls_is_an_alarm_until_somebody_has_seen_it_whatever_the_camera_does_then() -> None:
    rig = Rig()
    fall = AlarmName("facade.fall")
    rig.pass_s(3)
    rig.sighted = Sighted(heard=False, fell="floor 12, column 3")
    rig.pipeline.sweep()
    assert rig.state(fall) is AlarmState.ACTIVE
    assert rig.pipeline.desk.find(fall)[1].value == "floor 12, column 3"
    rig.pass_s(3, heard=False)
    assert rig.state(fall) is not AlarmState.NORMAL
    assert ("facade.fall", "active") in rig.told
    assert not any(rule.name.endswith(".fall") for rule in camera_alarms(NAME, {"task": "plates"}, ("camera", 0), Mistakes("x")))


def test_a_lost_camera_is_an_alarm_until_it_is_back_and_somebody_has_seen_it() -> None:
    rig = Rig()
    rig.pass_s(15, Blindness.LOST)
    assert not rig.told, "it may only start anew"
    rig.pass_s(10, Blindness.LOST, detail="connection refused")
    assert rig.state(LOST) is AlarmState.ACTIVE
    assert rig.pipeline.acknowledge(LOST, "anna") is not None
    rig.pass_s(20)
    assert rig.state(LOST) is AlarmState.NORMAL
    assert rig.told == [("facade.lost", "active"), ("facade.lost", "normal")]


def test_what_cannot_be_known_stays_as_it_was() -> None:
    rig = Rig()
    rig.pass_s(3, Blindness.MOVED)
    assert rig.state(MOVED) is AlarmState.ACTIVE
    rig.pass_s(60, heard=False)
    rig.pass_s(60, Blindness.LOST)
    assert rig.pipeline.desk.find(MOVED)[1].standing, "neither a process that starts nor a lost stream shows where it looks"
    rig.pass_s(15)
    assert not rig.pipeline.desk.find(MOVED)[1].standing


def test_a_process_that_is_gone_explains_all_else() -> None:
    rig = Rig()
    rig.pass_s(3, Blindness.BLACK)
    rig.pass_s(40, Blindness.FAILED, heard=False)
    assert (rig.state(FAILED), rig.state(BLACK)) == (AlarmState.ACTIVE, AlarmState.SUPPRESSED)
    rig.pass_s(20, Blindness.BLACK)
    assert (rig.state(FAILED), rig.state(BLACK)) == (AlarmState.RETURNED, AlarmState.ACTIVE)


def test_it_can_be_shelved_as_any_other() -> None:
    rig = Rig()
    rig.pipeline.desk.hold(BLACK, Hold(HoldKind.SHELVED, rig.clock.now(), "anna", "no lamps here", 3_600_000))
    rig.pass_s(60, Blindness.BLACK)
    assert rig.state(BLACK) is AlarmState.SHELVED
    assert not [state for _, state in rig.told if state == "active"]


def test_rain_is_no_alarm() -> None:
    rig = Rig()
    rig.pass_s(120, Blindness.RESTLESS)
    assert not rig.told


def test_a_configuration_without_the_camera_closes_what_stood() -> None:
    rig = Rig()
    rig.pass_s(3, Blindness.COVERED)
    rig.pipeline.oversee(())
    rig.pipeline.watch((CameraWatch((), lambda _: rig.sighted),))
    rig.pass_s(3)
    assert rig.told[-1] == ("facade.covered", "normal")


@pytest.mark.parametrize(
    ("trouble", "sighted", "truth"),
    [
        (Blindness.FAILED, Sighted(True), False),
        (Blindness.FAILED, Sighted(False), None),
        (Blindness.FAILED, Sighted(False, {Blindness.FAILED: "x"}), True),
        (Blindness.BLACK, Sighted(True, {Blindness.LOST: "x"}), None),
        (Blindness.LOST, Sighted(True, {Blindness.LOST: "x"}), True),
    ],
)
def test_truths(trouble: Blindness, sighted: Sighted, truth: bool | None) -> None:
    assert sighted.truth(trouble) is truth
