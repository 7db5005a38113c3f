"""A house with one barrier that opens by plates: its relay, its arm, its loop, and a camera's words."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

from runtime_kit import PROFILE, House, device, site

from edgeguard.config.condition import parse_condition
from edgeguard.control.camera_views import ReadView
from edgeguard.core.camera import CameraSpec, PlateShape, Task
from edgeguard.core.gate import Eye, GateSpec, ParkingSpec, PlateRule, Way, ZoneSpec
from edgeguard.core.gate_list import Entry, ListKind
from edgeguard.core.ids import BootId, CameraName, DeviceName, GateName, PointName, ZoneName
from edgeguard.core.interlock import Interlock, PointRef, Requirement
from edgeguard.core.item import Stream
from edgeguard.core.point import Kind, Labels, Point, WriteRule
from edgeguard.core.register import RawType, RegisterField, Table
from edgeguard.core.site import Site
from edgeguard.rules.gate_change import Change
from edgeguard.runtime.gate_book import GateBook
from edgeguard.runtime.gate_handlers import GateHandlers
from edgeguard.runtime.gate_stays import GateStays
from edgeguard.runtime.gatekeeper import Gatekeeper
from edgeguard.runtime.gates import Gates
from edgeguard.testing.bus import FakeUnit
from edgeguard.testing.clock import FakeClock, run_virtual

RELAY, SAFE, ARM, LOOP = (PointName(name) for name in ("relay", "safe", "arm_up", "loop"))
IO = DeviceName("gate-io")
BOX = replace(
    PROFILE,
    points=(
        Point(RELAY, Kind.BOOLEAN, Labels("继电器", "Relay"), write=WriteRule()),
        Point(SAFE, Kind.BOOLEAN, Labels("安全", "Safe")),
        Point(ARM, Kind.BOOLEAN, Labels("抬杆到位", "Arm up")),
        Point(LOOP, Kind.BOOLEAN, Labels("地感", "Loop")),
    ),
    fields=tuple(RegisterField(Table.COIL, i, RawType.BIT) for i in range(4)),
)
CAMERA = CameraSpec(CameraName("gate-in"), "rtsp://10.0.0.9/", Task.PLATES, Labels("入口", "Entry"))
OUT = replace(CAMERA, name=CameraName("gate-out"), url="rtsp://10.0.0.8/")
RULE = PlateRule(
    eyes=(Eye(CAMERA.name, Way.IN), Eye(OUT.name, Way.OUT)), zone=ZoneName("yard"), loop=PointRef(IO, LOOP), clear_within_ms=6_000
)


def site_of(rule: PlateRule | None = RULE, shape: PlateShape = PlateShape.MASKED, key: PurePath | None = None) -> Site:
    lock = Interlock((Requirement("safe", parse_condition("safe", IO)),), max_age_ms=2000)
    box = replace(device("gate-io", "riser-a", period_ms=500, alarms=()), profile=BOX, interlocks={RELAY: lock})
    gate = GateSpec(GateName("north"), Labels("北门", "North"), PointRef(IO, RELAY), 500, 1000, PointRef(IO, ARM), 2000, rule)
    yard = ZoneSpec(ZoneName("yard"), Labels("院", "Yard"), capacity=50)
    cameras = (replace(CAMERA, plate_shape=shape, plate_key_file=key), OUT)
    return replace(site(box), gates=(gate,), cameras=cameras, parking=ParkingSpec(zones=(yard,)))


class Barrier(FakeUnit):
    """The arm goes up when the relay closes, and is down again when the loop clears. `moves` False: it is stuck."""

    def __init__(self) -> None:
        super().__init__()
        self.openings = 0
        self.moves = True
        self.deaf = False
        """Writes are not heard."""
        self.set(Table.COIL, 0, 0, 1, 0, 0)

    def answer(self, pdu: bytes) -> bytes | None:
        if pdu[0] in (5, 15) and self.deaf:
            return None
        said = super().answer(pdu)
        if pdu[0] in (5, 15) and self.get(Table.COIL, 0)[0]:
            self.openings += 1
            self.set(Table.COIL, 2, int(self.moves))
        return said

    def loop(self, busy: bool) -> None:
        self.set(Table.COIL, 3, int(busy))
        if not busy:
            self.set(Table.COIL, 2, 0)


@dataclass
class Gateway:
    """What a story plays with."""

    house: House
    barrier: Barrier
    keeper: Gatekeeper = field(init=False)
    handlers: GateHandlers = field(init=False)
    number: int = 0
    work: list["asyncio.Task[None]"] = field(default_factory=list)
    gates: Gates = field(init=False)

    async def start(self, states: Mapping[str, Mapping[str, bytes]]) -> None:
        """A daemon that begins with what an earlier one has left."""
        gateway = self.house.gateway
        self.gates = Gates(gateway, self.house.handlers.writing)
        book = GateBook(gateway.store, self.house.clock)
        self.keeper = Gatekeeper(gateway, self.gates, book, GateStays(gateway.store))
        self.handlers = GateHandlers(gateway, self.gates, self.keeper, self.house.handlers.put)
        self.gates.recall(states.get("gates", {}))
        self.keeper.recall(states)
        self.work = [asyncio.create_task(self.keeper.run()), asyncio.create_task(self.gates.run())]

    async def end(self) -> None:
        """The daemon ends in order."""
        for task in self.work:
            task.cancel()
        await asyncio.gather(*self.work, return_exceptions=True)

    async def kill(self, boot: str = "") -> None:
        """kill -9, and a start a few seconds later, with `boot` after a power cut. What the dying one would still do is undone."""
        states, store, registers = await self.house.store.load_states(), self.house.store, self.barrier.get(Table.COIL, 0, 4)
        taken = len(store.taken)
        self.barrier.deaf = True
        await self.end()
        del store.taken[taken:]
        self.barrier.deaf = False
        self.barrier.set(Table.COIL, 0, *registers)
        for record in self.house.gateway.pipeline.records.values():
            record.at = None  # nothing is known of the box yet
        self.house.clock.advance(5)
        if boot:
            self.house.clock.boot = BootId(boot)
        await self.start(states)

    def read(self, text: str | None, camera: CameraSpec = CAMERA, confidence: float = 0.97, **more: Any) -> str:
        """A camera tells a reading; its id."""
        self.number += 1
        now = self.house.clock.now()
        stage = "end" if text is None else "sure"
        view = ReadView(f"v{self.number}", stage, "", text, confidence, "ordinary", "towards", now.boot_ms, now.boot)
        view = replace(view, **more)
        self.keeper.see(camera, view)
        return view.id

    async def drive_through(self) -> None:
        """It goes over the loop, unhurried."""
        await asyncio.sleep(1.5)
        self.barrier.loop(True)
        await asyncio.sleep(2)
        self.barrier.loop(False)
        await asyncio.sleep(1)

    def told(self, kind: str, *keys: str) -> list[tuple[Any, ...]]:
        """Events of a type, each by these of its fields."""
        bodies = [json.loads(item.body) for batch in self.house.store.taken for item in batch.items if item.stream is Stream.EVENTS]
        return [tuple(body.get(key) for key in keys) for body in bodies if body["type"] == kind]


def entries(*plates: str) -> Change:
    """Residents."""
    return Change(put=tuple(Entry(plate, ListKind.RESIDENT) for plate in plates))


def told(story: Callable[[Gateway], Coroutine[Any, Any, None]], of: Site | None = None, clock: FakeClock | None = None) -> None:
    """Let a story happen in virtual time. No camera's process is started: the story speaks for it."""
    moment, whole = clock or FakeClock(), of or site_of()

    async def main() -> None:
        house = House(moment, replace(whole, cameras=()))
        barrier = Barrier()
        house._units[whole.buses[0].name] = {1: barrier}
        house.gateway.start({})
        house.gateway.site = whole
        at = Gateway(house, barrier)
        await at.start({})
        await at.keeper.book.change(entries("浙A12345", "浙AD88888", "苏E99999"), "test")
        await asyncio.sleep(1)
        try:
            await story(at)
        finally:
            await at.end()
            await house.gateway.stop(0.1)

    run_virtual(main(), moment)
