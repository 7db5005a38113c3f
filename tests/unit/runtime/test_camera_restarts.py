"""What is wrong with a camera over the deaths of its process: no news, and no beginning is lost."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

from camera_rig import SPEC, Rig, beat, sighting

from edgeguard.control import Call
from edgeguard.control.camera_views import TroubleView
from edgeguard.control.peer import Peer
from edgeguard.core.blindness import Blindness
from edgeguard.core.camera import CameraSpec, Task
from edgeguard.core.camera_limits import CAMERA_BEAT_S, CAMERA_TOLD_AGAIN_S
from edgeguard.core.clock import iso_utc
from edgeguard.core.site import LogSpec, Site
from edgeguard.runtime.camera_link import CameraLink
from edgeguard.testing.clock import FakeClock


class Reborn(Rig):
    """A camera whose process dies and is started again."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        super().__init__(clock=self.clock)

    async def dies(self, for_s: float = 6.0) -> None:
        """And the next one loads what it needs before it speaks."""
        self.link.pid, self.link.beat = 0, None
        await self.looked_at(for_s / 2)
        self.link.pid = 77
        await self.looked_at(for_s / 2)

    async def says(self, for_s: float, *codes: str, pictures: int = 100) -> None:
        """These troubles, which it says began with its saying so."""
        began_ms = self.clock.now().boot_ms
        for _ in range(round(for_s / CAMERA_BEAT_S)):
            troubles = (TroubleView(code, began_ms) for code in codes)
            await self.call("camera-beat", replace(beat(*troubles), pictures=pictures))
            await self.looked_at(CAMERA_BEAT_S)

    async def looked_at(self, for_s: float) -> None:
        for _ in range(round(for_s)):
            self.cameras.look()
            self.clock.advance(1.0)

    @property
    def told(self) -> list[tuple[str, object, object]]:
        return [(str(one["code"]), one["ok"], one["detail"]) for one in self.items if "code" in one]

    async def since(self) -> dict[str, str]:
        (view,) = await self.cameras.cameras(Call("cameras", {}, Peer(1, 0, 0), False))
        return {trouble.code: trouble.since for trouble in view.troubles}

    @property
    def alarmed(self) -> set[Blindness]:
        """What is known to be true of the camera by its alarms, or not known to be over."""
        sighted = self.cameras.sighted(SPEC.name)
        return {trouble for trouble in Blindness if sighted.truth(trouble) is not False}


def test_a_trouble_that_a_new_process_sees_late_is_no_news_and_keeps_its_beginning() -> None:
    async def story() -> None:
        rig = Reborn()
        began = iso_utc(rig.clock.now().wall_ms)
        await rig.says(60, "frozen", "restless")
        told = rig.told
        assert len(told) == 2
        await rig.dies()
        await rig.says(30)
        assert (rig.alarmed, rig.told) == ({Blindness.FROZEN, Blindness.RESTLESS}, told)
        await rig.says(40, "frozen", "restless")
        assert (await rig.since(), rig.told) == ({"frozen": began, "restless": began}, told)
        await rig.says(2, "restless")
        assert rig.told[2:] == [("frozen", True, "after 136 s")], "from then on its word counts"
        assert rig.alarmed == {Blindness.RESTLESS}

    asyncio.run(story())


def test_what_a_new_process_does_not_see_is_over_once_it_has_looked_for_long_enough() -> None:
    async def story() -> None:
        rig = Reborn()
        await rig.says(10, "frozen")
        await rig.dies()
        await rig.says(CAMERA_TOLD_AGAIN_S)
        assert (rig.alarmed, len(rig.told)) == ({Blindness.FROZEN}, 1)
        await rig.says(100)
        assert (rig.alarmed, rig.told[1:]) == (set(), [("frozen", True, f"after {16 + CAMERA_TOLD_AGAIN_S:.0f} s")])

    asyncio.run(story())


def test_a_lost_camera_is_back_with_the_first_picture_that_a_new_process_gets() -> None:
    async def story() -> None:
        rig = Reborn()
        await rig.says(10, "lost", pictures=0)
        await rig.dies()
        await rig.says(8, pictures=0)
        assert (Blindness.LOST in rig.alarmed, len(rig.told)) == (True, 1)
        await rig.says(2, pictures=1)
        assert (rig.alarmed, rig.told[1:]) == (set(), [("lost", True, "after 24 s")])

    asyncio.run(story())


def test_a_process_that_dies_before_it_has_looked_for_long_loses_no_beginning() -> None:
    async def story() -> None:
        rig = Reborn()
        began = iso_utc(rig.clock.now().wall_ms)
        await rig.says(40, "blurred", "lost")
        for number in range(20):
            await rig.dies()
            await rig.says(CAMERA_TOLD_AGAIN_S / 2, pictures=0)
            if number % 2:
                await rig.says(4, "blurred", "lost", pictures=0)
        assert ({code for code, _, _ in rig.told}, len(rig.told)) == ({"blurred", "lost"}, 2)
        assert await rig.since() == {"blurred": began, "lost": began}
        await rig.says(CAMERA_TOLD_AGAIN_S + 2)
        assert sorted(code for code, ok, _ in rig.told if ok) == ["blurred", "lost"]

    asyncio.run(story())


def test_whoever_accepts_a_view_has_the_new_process_told_of_nothing() -> None:
    class Held(CameraLink):
        async def run(self) -> None:
            self.pid = 77
            try:
                await asyncio.Event().wait()
            finally:
                self.pid, self.beat = 0, None

    async def story() -> None:
        rig = Rig()
        rig.cameras.watch(link := Held(SPEC, ("true",)))
        rig.boss.start("camera.facade", link.run)
        await asyncio.sleep(0)
        await rig.call("camera-beat", beat(TroubleView("moved", 470_000), TroubleView("black", 470_000)))
        rig.cameras.look()
        await rig.cameras.accept_view(Call("accept-view", {"camera": "facade"}, Peer(1, 0, 0), True))
        await asyncio.sleep(0)
        await rig.call("camera-beat", beat())
        rig.cameras.look()
        assert sorted(str(one["code"]) for one in rig.items if one["ok"]) == ["black", "moved"]
        assert not rig.cameras.sighted(SPEC.name).troubles
        await rig.boss.stop_all()

    asyncio.run(story())


def _site(*cameras: CameraSpec) -> Site:
    control, store = SimpleNamespace(socket="/run/control.sock"), SimpleNamespace(directory="/state")
    return cast(Site, SimpleNamespace(cameras=cameras, log=LogSpec(), control=control, store=store))


def test_what_was_told_of_a_camera_holds_when_a_reload_changes_its_settings() -> None:
    async def story() -> None:
        rig = Reborn()
        began = iso_utc(rig.clock.now().wall_ms)
        await rig.says(20, "frozen")
        fell = sighting(boot_ms=rig.clock.now().boot_ms, boot=rig.clock.now().boot)
        await rig.call("camera-saw", fell)
        assert Blindness.FROZEN in rig.alarmed
        place = rig.cameras.sighted(SPEC.name).fell
        assert place is not None
        told = rig.told
        await rig.cameras.become(_site(replace(SPEC, url="rtsp://10.0.0.9/2")))
        await rig.boss.stop_all()
        rig.link = CameraLink(replace(SPEC, url="rtsp://10.0.0.9/2"), ("true",))
        rig.cameras._watched[SPEC.name].link = rig.link
        await rig.dies()
        assert (rig.told, rig.cameras.sighted(SPEC.name).fell) == (told, place)
        await rig.says(20)
        assert (await rig.since(), rig.told) == ({"frozen": began}, told)
        (view,) = await rig.cameras.cameras(Call("cameras", {}, Peer(1, 0, 0), False))
        assert view.sightings == 1
        await rig.says(CAMERA_TOLD_AGAIN_S)
        assert [(code, ok) for code, ok, _ in rig.told[len(told) :]] == [("frozen", True)]

    asyncio.run(story())


def test_a_camera_that_reads_plates_now_alarms_of_no_fall() -> None:
    async def story() -> None:
        rig = Reborn()
        await rig.says(4)
        await rig.call("camera-saw", sighting(boot_ms=rig.clock.now().boot_ms, boot=rig.clock.now().boot))
        for task, alarmed in ((Task.FALLING, True), (Task.PLATES, False)):
            await rig.cameras.become(_site(replace(SPEC, url=f"rtsp://10.0.0.9/{task.value}", task=task)))
            await rig.boss.stop_all()
            assert (rig.cameras.sighted(SPEC.name).fell is not None) == alarmed

    asyncio.run(story())


def test_nothing_stays_open_of_a_camera_that_a_reload_takes_away() -> None:
    async def story() -> None:
        rig = Reborn()
        await rig.says(20, "frozen", "restless")
        await rig.cameras.become(_site())
        assert sorted(rig.told[2:]) == [("frozen", True, "after 20 s"), ("restless", True, "after 20 s")]
        await rig.looked_at(5)
        assert len(rig.told) == 4

    asyncio.run(story())
