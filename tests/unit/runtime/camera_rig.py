"""One camera as the daemon sees it, with a store that remembers, for tests."""

import random
from collections.abc import Mapping
from typing import cast

import orjson

from edgeguard.control import Call
from edgeguard.control.camera_views import BeatView, SightingView, TroubleView
from edgeguard.control.peer import Peer
from edgeguard.core.camera import CameraSpec, Task
from edgeguard.core.clock import Clock, Stamp
from edgeguard.core.health import Health
from edgeguard.core.ids import BootId, CameraName
from edgeguard.core.point import Labels
from edgeguard.runtime.camera_link import CameraLink
from edgeguard.runtime.cameras import Cameras
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.runtime.supervisor import Supervisor
from edgeguard.store import Batch, Store

SPEC = CameraSpec(CameraName("facade"), "rtsp://10.0.0.9/1", Task.FALLING, Labels("东立面", "east facade"))
NOW = Stamp(1_795_000_000_000, 500_000, BootId("this-boot"), True)


class Standing:
    """A clock that stands still."""

    def now(self) -> Stamp:
        return NOW


class Shelf:
    """A store that remembers what it was given."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def submit(self, batch: Batch) -> None:
        self.batches.append(batch)

    async def put(self, batch: Batch) -> tuple[int, ...]:
        self.batches.append(batch)
        return (1,)


def beat(*troubles: TroubleView) -> BeatView:
    return BeatView(0.1, 100, 0, 0, 1, 0, 25.0, 1920, 1080, "h264", 10**8, 1.0, troubles)


def sighting(**changes: object) -> SightingView:
    facts = {"camera": "facade", "confidence": 0.9, "evidence": {"id": "x", "clip_sha256": "00"}}
    told = {"id": "x", "type": "fall", "wall_ms": 5, "boot_ms": 490_000, "boot": "this-boot", "synced": True}
    return SightingView(**{**told, "facts": orjson.dumps(facts).decode(), **changes})  # type: ignore[arg-type]


class Rig:
    """Cameras with one camera whose process is said to be number 77."""

    def __init__(self, store: Shelf | None = None, clock: Clock | None = None) -> None:
        self.store, clock = store or Shelf(), clock or Standing()
        self.news: list[Health] = []
        self.pipeline = Pipeline(self.store, clock)
        self.boss = boss = Supervisor(self.news.append, random.Random(1))
        self.cameras = Cameras(boss, self.pipeline, cast(Store, self.store), clock)
        self.link = CameraLink(SPEC, ("true",))
        self.link.pid = 77
        self.cameras.watch(self.link)

    async def call(self, method: str, what: object, pid: int = 77, camera: str = "facade") -> object:
        args: Mapping[str, str] = {"camera": camera, "what": orjson.dumps(what).decode()}
        return await self.cameras.table()[method](Call(method, args, Peer(pid, 0, 0), True))

    @property
    def items(self) -> list[dict[str, object]]:
        return [orjson.loads(item.body) for batch in self.store.batches for item in batch.items]
