"""Cameras as the daemon sees them: who may speak for one, what becomes an item, how troubles are told."""

import asyncio
import io
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import orjson
import pytest
from camera_rig import NOW, SPEC, Rig, Shelf, beat, sighting

from edgeguard.config.camera_alarms import camera_alarms
from edgeguard.config.handover import taken
from edgeguard.config.mistakes import Mistakes
from edgeguard.control import BadArguments, Call, UnknownName
from edgeguard.control.camera_views import SightingView, TroubleView
from edgeguard.control.errors import NotAllowed
from edgeguard.control.peer import Peer
from edgeguard.core.blindness import Blindness
from edgeguard.core.clock import Stamp, iso_utc
from edgeguard.core.errors import Permanent, Retryable, StoreError
from edgeguard.core.ids import BootId, CameraName
from edgeguard.core.site import LogSpec, Site
from edgeguard.runtime.camera_link import CameraLink
from edgeguard.runtime.camera_watch import CameraWatch
from edgeguard.store import Batch
from edgeguard.testing.clock import FakeClock, run_virtual


class Stuck(Shelf):
    """A store whose disk takes nothing until it is freed."""

    def __init__(self) -> None:
        super().__init__()
        self.freed = asyncio.Event()

    async def put(self, batch: Batch) -> tuple[int, ...]:
        self.batches.append(batch)
        await self.freed.wait()
        return (1,)


def test_a_fall_is_an_event_with_a_row_in_the_audit_log_and_its_true_time() -> None:
    async def story() -> None:
        rig = Rig()
        await rig.call("camera-saw", sighting())
        (batch,) = rig.store.batches
        (item,) = batch.items
        assert orjson.loads(item.body)["type"] == "fall"
        assert (item.at.boot_ms, item.at.wall_ms) == (490_000, NOW.wall_ms - 10_000), "ten seconds ago by the clock as it is now"
        (row,) = (orjson.loads(body) for body in batch.audit)
        assert (row["command"], row["target"], row["evidence"]["clip_sha256"]) == ("evidence", "facade.x", "00")

    run_virtual(story())


def test_pictures_of_a_pass_are_on_record_under_the_name_that_they_have_on_the_disk() -> None:
    async def story() -> None:
        rig = Rig()
        facts = {"camera": "facade", "text": None, "evidence": {"id": "20261124T215501123Z-7", "picture_sha256": "00"}}
        await rig.call("camera-saw", sighting(type="plate", id="boot-1-7", facts=orjson.dumps(facts).decode()))
        (row,) = (orjson.loads(body) for body in rig.store.batches[0].audit)
        assert (row["target"], row["evidence"]["picture_sha256"]) == ("facade.20261124T215501123Z-7", "00")

    run_virtual(story())


def test_pictures_that_could_not_be_written_are_told_as_such() -> None:
    async def story() -> None:
        rig = Rig()
        for reason in ("unwritten", "disk"):
            facts = orjson.dumps({"reason": reason, "ids": ["a", "b"]}).decode()
            await rig.call("camera-saw", sighting(type="evidence-removed", facts=facts))
        told = [(item["code"], item["ok"], item["detail"]) for item in rig.items if item["type"] == "health"]
        assert told == [("pictures-unwritten", False, "unwritten: a, b"), ("evidence-removed", True, "disk: a, b")]

    run_virtual(story())


def test_what_an_earlier_boot_saw_keeps_the_time_it_was_written_down_with() -> None:
    async def story() -> None:
        rig = Rig()
        await rig.call("camera-saw", sighting(boot="boot before", wall_ms=1_794_000_000_000, synced=False))
        at = rig.store.batches[0].items[0].at
        assert at == Stamp(1_794_000_000_000, 490_000, BootId("boot before"), False)

    run_virtual(story())


def test_only_the_cameras_own_process_may_speak_for_it() -> None:
    async def story() -> None:
        rig = Rig()
        for method, what in (("camera-saw", sighting()), ("camera-beat", beat())):
            with pytest.raises(NotAllowed):
                await rig.call(method, what, pid=78)
            with pytest.raises(UnknownName):
                await rig.call(method, what, camera="gate")
        assert not rig.store.batches

    run_virtual(story())


@pytest.mark.parametrize(
    "what",
    [
        {},
        [],
        sighting(type="barrier"),
        sighting(facts="[]"),
        sighting(facts='{"a": NaN}'),
        sighting(facts='{"a": 1, "a": 2}'),
        sighting(facts="{" + '"a":{' * 50 + "}" * 51),
        sighting(facts=orjson.dumps({"a": "x" * 70_000}).decode()),
    ],
    ids=range(8),
)
def test_junk_becomes_no_item(what: object) -> None:
    async def story() -> None:
        rig = Rig()
        with pytest.raises(BadArguments):
            await rig.call("camera-saw", what)
        assert not rig.store.batches

    run_virtual(story())


def test_a_trouble_is_told_once_when_it_comes_and_once_when_it_goes() -> None:
    async def story() -> None:
        rig = Rig()
        for _ in range(5):
            await rig.call("camera-beat", beat(TroubleView("black", 470_000)))
            rig.cameras.look()
        await rig.call("camera-beat", beat())
        rig.cameras.look()
        told = [(one["code"], one["ok"], one["detail"]) for one in rig.items]
        assert told == [("black", False, "since 2026-11-18T11:06:10.000Z"), ("black", True, "after 30 s")]

    run_virtual(story())


def test_another_size_of_its_pictures_is_told_once() -> None:
    async def story() -> None:
        rig = Rig()
        for resized in (0, 1, 1, 2):
            await rig.call("camera-beat", replace(beat(), resized=resized, width=640, height=360))
            rig.cameras.look()
        assert [(item["code"], item["detail"]) for item in rig.items] == [("resized", "now 640x360")] * 2

    run_virtual(story())


def test_the_view_of_a_camera_says_what_is_wrong_in_two_languages() -> None:
    async def story() -> None:
        rig = Rig()
        await rig.call("camera-beat", beat(TroubleView("moved", 470_000, "")))
        rig.cameras.look()
        (view,) = await rig.cameras.cameras(Call("cameras", {}, Peer(1, 0, 0), False))
        assert (view.state, view.pid, view.rate) == ("blind", 77, 25.0)
        (trouble,) = view.troubles
        assert (trouble.code, trouble.text.zh) == ("moved", "镜头已移位,需要重新标定")
        await asyncio.sleep(0)

    run_virtual(story())


def test_a_camera_that_runs_on_over_a_reload_gets_what_is_new_when_it_starts_anew() -> None:
    async def story() -> None:
        rig = Rig()
        for level in ("info", "debug"):
            control, store = SimpleNamespace(socket="/run/control.sock"), SimpleNamespace(directory="/state")
            site = SimpleNamespace(cameras=(SPEC,), log=LogSpec(level=level), control=control, store=store)
            await rig.cameras.become(cast(Site, site))
            papers = taken(io.BytesIO(rig.link.papers))
            assert (papers.camera, papers.log.level, papers.state) == (SPEC, level, "/state")
        assert rig.link.pid == 77, "the process that runs goes on"

    run_virtual(story())


@pytest.mark.parametrize("code", ["unsealed", "unlisted"])
def test_a_camera_whose_evidence_is_in_trouble_sees_all_the_same(code: str) -> None:
    async def story() -> None:
        rig = Rig()
        await rig.call("camera-beat", beat(TroubleView(code, 470_000, "the key is too short")))
        rig.cameras.look()
        (view,) = await rig.cameras.cameras(Call("cameras", {}, Peer(1, 0, 0), False))
        assert (view.state, [one.code for one in view.troubles]) == ("well", [code])
        (told,) = rig.items
        assert (told["code"], told["ok"]) == (code, False)
        assert str(told["detail"]).endswith("the key is too short")

    run_virtual(story())


def fall(camera: str, boot_ms: int) -> SightingView:
    facts = {"camera": camera, "confidence": 0.9, "duration_s": 1.2, "calibrated": True, "floor": 9, "column": 2}
    facts |= {"origin": [1, 2], "end": [3, 4], "evidence": None}
    return sighting(id=f"{camera}-1", boot_ms=boot_ms, facts=orjson.dumps(facts).decode())


def test_a_throw_that_two_cameras_of_one_wall_see_is_one_event_over_a_restart() -> None:
    async def story() -> None:
        specs = tuple(replace(SPEC, name=CameraName(name), side="east") for name in ("low", "high"))
        rig = Rig()
        rig.cameras.throws.look_with(specs)
        rig.pipeline.watch((rig.cameras.throws,), {})
        for number, spec in enumerate(specs):
            link = CameraLink(spec, ("true",))
            link.pid = 80 + number
            rig.cameras.watch(link)
        await rig.call("camera-saw", fall("low", 490_000), 80, "low")
        await rig.call("camera-saw", fall("low", 490_000), 80, "low")
        rig.pipeline.sweep()
        assert not rig.items, "it waits for the other"
        kept = {state.name: state.body for batch in rig.store.batches for state in batch.states}
        again = Rig()
        again.cameras.throws.look_with(specs)
        again.pipeline.watch((again.cameras.throws,), {"throws": kept})
        again.cameras.watch(link)
        await again.call("camera-saw", fall("high", 490_300), 81, "high")
        again.pipeline.sweep()
        (event,) = again.items
        assert (event["id"], event["camera"], len(cast(list[object], event["also"]))) == ("low-1", "low", 1)
        await again.call("camera-saw", fall("high", 490_300), 81, "high")
        again.pipeline.sweep()
        assert len(again.items) == 1, "told again is not told twice"

    run_virtual(story())


def test_a_throw_that_two_cameras_see_is_the_alarm_of_one_of_them() -> None:
    """Over a restart too, and whoever of them tells of it late."""

    async def story() -> None:
        specs = tuple(replace(SPEC, name=CameraName(name), side="east") for name in ("low", "high"))
        rig, kept = Rig(), dict[str, bytes]()
        for again in (False, True):
            rig = Rig()
            rig.cameras.throws.look_with(specs)
            rig.pipeline.watch((rig.cameras.throws,), {"throws": kept} if kept else {})
            for number, spec in enumerate(specs):
                link = CameraLink(spec, ("true",))
                link.pid = 80 + number
                rig.cameras.watch(link)
            if not again:
                await rig.call("camera-saw", fall("low", 490_000), 80, "low")
                assert [rig.cameras.sighted(spec.name).fell for spec in specs] == [None, None], "not before the event"
                await rig.call("camera-saw", fall("high", 490_300), 81, "high")
                rig.pipeline.sweep()
            assert [rig.cameras.sighted(spec.name).fell for spec in specs] == ["floor 9, column 2", None]
            kept = {state.name: state.body for batch in rig.store.batches for state in batch.states}

    run_virtual(story())


def test_a_sighting_told_again_because_the_disk_was_slow_is_one_item() -> None:
    async def story() -> None:
        store = Stuck()
        rig = Rig(store)
        for _ in range(2):
            with pytest.raises(StoreError):
                await rig.call("camera-saw", sighting())
        with pytest.raises(StoreError):
            await rig.call("camera-saw", sighting(id="y"))
        store.freed.set()
        answers = [await rig.call("camera-saw", sighting(id=name)) for name in ("x", "y", "z", "x")]
        assert [answer.count for answer in answers] == [1, 2, 3, 3]  # type: ignore[attr-defined]
        bodies = [orjson.loads(item.body)["id"] for batch in store.batches for item in batch.items]
        assert bodies == ["x", "y", "z"]

    run_virtual(story())


def test_a_sighting_that_the_store_had_to_drop_may_be_told_anew() -> None:
    class Full(Shelf):
        async def put(self, batch: Batch) -> tuple[int, ...]:
            if not self.batches:
                self.batches.append(batch)
                raise StoreError("dropped")
            return await super().put(batch)

    async def story() -> None:
        rig = Rig(Full())
        with pytest.raises(StoreError):
            await rig.call("camera-saw", sighting())
        await rig.call("camera-saw", sighting())
        assert len(rig.store.batches) == 2

    run_virtual(story())


def test_a_process_that_refuses_its_configuration_is_an_alarm_of_its_camera() -> None:
    async def story() -> None:
        rig = Rig()
        spec = replace(SPEC, alarms=camera_alarms(SPEC.name, {"alarms": {"failed": {"on_delay": "0s"}}}, (), Mistakes("x")))
        rig.cameras.watch(CameraLink(spec, ("true",)))

        async def refuse() -> None:
            raise Permanent("plate_reader.onnx: is not the model that the manifest names")

        rig.boss.start("camera.facade", refuse)
        rig.pipeline.oversee(spec.alarms, {}, {})
        rig.pipeline.watch((CameraWatch((spec,), rig.cameras.sighted),), {})
        await asyncio.sleep(1)
        rig.pipeline.sweep()
        (event,) = (one for one in rig.items if one.get("alarm") == "facade.failed")
        assert (event["state"], "not the model" in str(event["value"])) == ("active", True)
        await rig.boss.stop_all()

    run_virtual(story())


def test_a_process_that_dies_soon_after_each_start_is_one_trouble_and_one_alarm_until_it_lives() -> None:
    """It speaks, sees that the lens is covered, and is killed 20 s after each start: no news comes of that again and again."""

    clock = FakeClock()

    async def story() -> None:
        rig = Rig(clock=clock)
        spec = replace(SPEC, alarms=camera_alarms(SPEC.name, {}, (), Mistakes("x")))
        link = CameraLink(spec, ("true",))
        rig.cameras.watch(link)
        lives, life_s = 0, 20.0

        async def live() -> None:
            nonlocal lives
            lives, link.pid = lives + 1, 77
            await rig.call("camera-beat", beat(TroubleView("covered", clock.now().boot_ms)))
            await asyncio.sleep(life_s)
            link.pid, link.beat = 0, None
            raise Retryable("its process was ended by SIGKILL")

        began = iso_utc(clock.now().wall_ms + 20_000)
        rig.boss.start("camera.facade", live)
        rig.pipeline.oversee(spec.alarms, {}, {})
        rig.pipeline.watch((CameraWatch((spec,), rig.cameras.sighted),), {})

        async def pass_s(seconds: int) -> None:
            for _ in range(seconds):
                await asyncio.sleep(1)
                rig.cameras.look()
                rig.pipeline.sweep()
                assert link.beat is None or Blindness.FAILED not in rig.cameras.sighted(SPEC.name).troubles

        def told(key: str, what: str) -> list[object]:
            return [one.get("state", one.get("ok")) for one in rig.items if one.get(key) == what]

        await pass_s(3600)
        assert 30 < lives < 80
        assert [one.code for one in rig.news] == ["restarting"]
        assert (told("code", "covered"), told("alarm", "facade.failed")) == ([False], ["active"])
        while link.beat is not None:
            await pass_s(1)
        await pass_s(1)
        (view,) = await rig.cameras.cameras(Call("cameras", {}, Peer(0, 0, 0), True))
        assert {trouble.code: trouble.since[:18] for trouble in view.troubles}["failed"] == began[:18]
        life_s = 1e6
        await pass_s(180)
        assert [one.code for one in rig.news] == ["restarting", "recovered"]
        assert told("alarm", "facade.failed") == ["active", "returned"]
        await rig.boss.stop_all()

    run_virtual(story(), clock)
