"""The command `snapshot` on the daemon's side: ordered with a sign of life, on record before it is handed on, refused in words."""

import asyncio
import base64
import hashlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import orjson
import pytest
from camera_rig import NOW, SPEC, Rig, Shelf, Standing, beat, sighting
from runtime_kit import check_items

from edgeguard.camera.sealing import Seal
from edgeguard.control.camera_views import BeatAnswerView, TroubleView
from edgeguard.control.command_views import InlineView, SnapshotView
from edgeguard.core.camera import CameraSpec, SnapshotUse
from edgeguard.core.camera_limits import SNAPSHOT_WITHIN_S
from edgeguard.core.errors import CommandRefused
from edgeguard.core.health import Health
from edgeguard.core.site import Site
from edgeguard.runtime.camera_link import CameraLink
from edgeguard.runtime.cameras import Cameras
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.runtime.supervisor import Supervisor
from edgeguard.store import Batch, Store
from edgeguard.testing.clock import run_virtual
from edgeguard.testing.messages import check_reply

KEPT = {"file": "x.jpg", "sha256": "00" * 32, "bytes": 300_000, "width": 1920, "height": 1080}
JPEG = b"\xff\xd8\xff a picture"
SENT = {"file": "x.small.jpg", "sha256": hashlib.sha256(JPEG).hexdigest(), "bytes": len(JPEG), "width": 640, "height": 360}


class Yard(Rig):
    """The camera of a site whose state lies in `folder`; its process answers an order as `process` says."""

    def __init__(self, folder: Path, use: SnapshotUse = SnapshotUse.SENT) -> None:
        super().__init__()
        self.spec: CameraSpec = replace(SPEC, snapshot=use, evidence_age_ms=86_400_000)
        self.cameras.start(cast(Site, _Site(folder)))
        self.link = CameraLink(self.spec, ("true",))
        self.link.pid = 77
        self.cameras.watch(self.link)
        self.shelf = folder / "evidence" / "facade" / "snapshots"
        self.shelf.mkdir(parents=True)
        (self.shelf / "x.small.jpg").write_bytes(JPEG)

    async def process(self, **changes: object) -> None:
        """One look at whether a picture is wanted, and the picture."""
        answer = await self.call("camera-beat", beat())
        assert isinstance(answer, BeatAnswerView)
        facts = {"camera": "facade", "order": answer.snapshot, "picture": KEPT, "sent": SENT, **changes}
        await self.call("camera-saw", sighting(type="snapshot", facts=orjson.dumps(facts).decode()))

    async def snapshot(self, process: Callable[[], Awaitable[None]]) -> SnapshotView:
        await self.call("camera-beat", beat())
        asked = asyncio.create_task(self.cameras.snapshot("facade"))
        await asyncio.sleep(0)
        await process()
        return await asked

    @property
    def audit(self) -> list[dict[str, object]]:
        return [orjson.loads(body) for batch in self.store.batches for body in batch.audit]


class _Store:
    def __init__(self, directory: Path) -> None:
        self.directory = directory


class _Site:
    cameras = ()

    def __init__(self, folder: Path) -> None:
        self.store = _Store(folder)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(function: Callable[..., object], *args: object) -> object:
        return function(*args)

    monkeypatch.setattr(asyncio, "to_thread", work)


pytestmark = pytest.mark.usefixtures("at_once")


def test_a_picture_goes_out_only_when_it_is_on_record_that_it_does(tmp_path: Path) -> None:
    async def story() -> None:
        yard = Yard(tmp_path)
        view = await yard.snapshot(yard.process)
        inline = InlineView(base64.b64encode(JPEG).decode(), str(SENT["sha256"]), len(JPEG), 640, 360)
        at, until = "2026-11-18T11:06:30.000Z", "2026-11-19T11:06:30.000Z"
        assert view == SnapshotView("facade", "x", at, "00" * 32, 300_000, 1920, 1080, until, inline, "")
        kept, sent = yard.audit
        assert (kept["command"], kept["target"], kept["evidence"]) == (
            "evidence",
            "facade.x",
            {"id": "x", "picture": "x.jpg", "picture_sha256": "00" * 32},
        )
        assert (sent["command"], sent["target"], sent["by"]) == ("evidence.send", "facade.x", "platform")
        (batch,) = yard.store.batches
        check_items(batch)
        (item,) = yard.items
        assert (item["type"], item["name"], item["target"], item["value"], item["result"]) == (
            "command",
            "snapshot",
            "facade",
            "x",
            "done",
        )
        check_reply(orjson.dumps({"id": "c", "ok": True, "state": "done", "result": view}), "snapshot")

    run_virtual(story())


def test_a_picture_that_lies_sealed_goes_out_of_its_seal_or_not_at_all(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"a key of the site, long enough\n")

    async def story() -> None:
        yard = Yard(tmp_path)
        yard.link.spec = replace(yard.spec, picture_key_file=key)
        name = f"{SENT['file']}.sealed"
        (yard.shelf / name).write_bytes(Seal(b"a key of the site, long enough").closed(name, JPEG))
        view = await yard.snapshot(lambda: yard.process(sent=SENT | {"file": name}))
        assert view.inline is not None
        assert base64.b64decode(view.inline.jpeg) == JPEG
        key.write_bytes(b"the key of next year\n")
        with pytest.raises(CommandRefused, match="sealed with another key"):
            await yard.snapshot(lambda: yard.process(sent=SENT | {"file": name}))
        key.unlink()
        with pytest.raises(CommandRefused, match="cannot be read any more"):
            await yard.snapshot(lambda: yard.process(sent=SENT | {"file": name}))

    run_virtual(story())


def test_where_pictures_stay_on_the_gateway_none_is_sent(tmp_path: Path) -> None:
    async def story() -> None:
        yard = Yard(tmp_path, SnapshotUse.KEPT)
        view = await yard.snapshot(yard.process)
        assert (view.inline, "stays on the gateway" in view.note) == (None, True)
        assert [row["command"] for row in yard.audit] == ["evidence"]

    run_virtual(story())


def test_a_picture_that_does_not_fit_is_kept_and_that_is_said(tmp_path: Path) -> None:
    async def story() -> None:
        yard = Yard(tmp_path)
        view = await yard.snapshot(lambda: yard.process(sent=None))
        assert (view.inline, view.note) == (None, "even its smallest form has more than 45056 bytes")
        assert [row["command"] for row in yard.audit] == ["evidence"]

    run_virtual(story())


@pytest.mark.parametrize("trouble", ["lost", "frozen", "black", "covered", "blurred", "moved"])
def test_a_blind_camera_is_refused_in_words(tmp_path: Path, trouble: str) -> None:
    async def story() -> None:
        yard = Yard(tmp_path)
        await yard.call("camera-beat", beat(TroubleView(trouble, 470_000, "as seen")))
        with pytest.raises(CommandRefused, match=r"^facade .+ \(as seen\): no picture was taken$") as refused:
            await yard.cameras.snapshot("facade")
        assert refused.value.code == "camera-blind"
        assert not yard.store.batches

    run_virtual(story())


def test_what_is_refused_besides(tmp_path: Path) -> None:
    async def story() -> None:
        yard = Yard(tmp_path)
        said: list[tuple[str, str]] = []

        async def refused(name: str = "facade") -> None:
            with pytest.raises(CommandRefused) as why:
                await yard.cameras.snapshot(name)
            said.append((why.value.code, str(why.value)))

        await refused("gate")
        await refused()
        await yard.call("camera-beat", beat())
        first = asyncio.create_task(refused())
        await asyncio.sleep(0)
        await refused()
        await first
        await yard.call("camera-beat", beat(TroubleView("restless", 470_000)))
        yard.link.spec = replace(yard.spec, snapshot=SnapshotUse.NONE)
        await refused()
        assert said == [
            ("no-camera", "there is no camera 'gate' (there are: facade)"),
            ("camera-blind", "facade has given no picture yet: its process has only just started"),
            ("busy", "a picture of facade is being taken already"),
            ("no-picture", f"facade has given no whole picture within {SNAPSHOT_WITHIN_S:g} s"),
            ("not-allowed", 'no picture of facade may be taken: [[camera]] snapshot = "none"'),
        ]

    run_virtual(story())


def test_a_picture_that_came_to_nothing_or_was_changed_on_the_disk(tmp_path: Path) -> None:
    async def story() -> None:
        yard = Yard(tmp_path)
        with pytest.raises(CommandRefused, match="could not be kept: the disk is full"):
            await yard.snapshot(lambda: yard.process(why="the disk is full"))
        assert not yard.store.batches
        (yard.shelf / "x.small.jpg").write_bytes(JPEG + b"!")
        with pytest.raises(CommandRefused, match="not as the camera's process has kept it"):
            await yard.snapshot(yard.process)

    run_virtual(story())


def test_a_picture_that_nobody_waits_for_any_more_is_on_record_as_kept_and_not_as_sent(tmp_path: Path) -> None:
    async def story() -> None:
        yard = Yard(tmp_path)
        await yard.process(order="of the process before")
        assert [row["command"] for row in yard.audit] == ["evidence"]

    run_virtual(story())


def test_sightings_that_were_lost_are_an_event_with_their_number(tmp_path: Path) -> None:
    async def story() -> None:
        yard = Yard(tmp_path)
        await yard.call("camera-lost", {"count": 3, "first_wall_ms": NOW.wall_ms - 60_000, "last_wall_ms": NOW.wall_ms})
        (item,) = yard.items
        assert (item["source"], item["code"], item["ok"], item["detail"]) == (
            "camera.facade",
            "sightings-lost",
            False,
            "3 lost, seen between 2026-11-18T11:05:40.000Z and 2026-11-18T11:06:40.000Z",
        )

    run_virtual(story())


def test_the_disk_must_take_it_first(tmp_path: Path) -> None:
    class Full(Shelf):
        async def put(self, batch: Batch) -> tuple[int, ...]:
            await asyncio.sleep(3600)
            return await super().put(batch)

    async def story() -> None:
        yard = Yard(tmp_path)
        store, news = Full(), list[Health]()
        yard.cameras = Cameras(
            Supervisor(news.append, random.Random(1)),
            Pipeline(store, Standing()),
            cast(Store, store),
            Standing(),
        )
        yard.cameras.start(cast(Site, _Site(tmp_path)))
        yard.cameras.watch(yard.link)
        asked = asyncio.create_task(yard.snapshot(yard.process))
        await asyncio.wait([asked])
        assert "the disk does not take it" in str(asked.exception())
        assert not store.batches

    run_virtual(story())
