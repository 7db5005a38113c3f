"""A small gateway in memory for the runtime's tests: a site by a few words, a store that only notes, buses without a wire."""

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any, cast

from edgeguard.bus import Bus
from edgeguard.control import Call, Peer
from edgeguard.control.message import Argument
from edgeguard.core.alarm import Alarm, AlarmRule, Condition, Severity
from edgeguard.core.clock import Clock
from edgeguard.core.health import HealthSink
from edgeguard.core.ids import (
    AlarmName,
    BusName,
    DeviceName,
    Epoch,
    GatewayId,
    PointName,
    ProfileName,
    SiteId,
    alarm_name,
)
from edgeguard.core.item import STREAMS, Backlog, Stream
from edgeguard.core.point import Kind, Labels, Point, WriteRule
from edgeguard.core.ports import Outbox
from edgeguard.core.profile import DeviceProfile, ModbusLimits
from edgeguard.core.register import RawType, RegisterField, Table
from edgeguard.core.site import BusSpec, ControlSpec, DeviceSpec, LogSpec, Site, StoreSpec, UplinkSpec, Wire
from edgeguard.runtime.field import Field
from edgeguard.runtime.gateway import Gateway
from edgeguard.runtime.handlers import Handlers
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.store import Batch, Store, StoreFigures
from edgeguard.testing.bus import FakeBus, FakeUnit
from edgeguard.testing.clock import FakeClock
from edgeguard.testing.messages import check_item
from edgeguard.uplink import Catalog, UplinkState
from edgeguard.uplink.uplink import CommandSink

PRESSURE, MODE, RUNNING = PointName("pressure"), PointName("mode"), PointName("running")
POINTS = (
    Point(PRESSURE, Kind.NUMBER, Labels("压力", "Pressure"), unit="bar", decimals=1, write=WriteRule(0.0, 10.0, harmless=True)),
    Point(
        MODE,
        Kind.TEXT,
        Labels("模式", "Mode"),
        choices={0: Labels("自动", "auto"), 1: Labels("手动", "manual")},
        write=WriteRule(harmless=True),
    ),
    Point(RUNNING, Kind.BOOLEAN, Labels("运行", "Running")),
)
FIELDS = (
    RegisterField(Table.HOLDING, 0, RawType.UINT16, scale=0.1),
    RegisterField(Table.HOLDING, 1, RawType.UINT16),
    RegisterField(Table.COIL, 0, RawType.BIT),
)
PROFILE = DeviceProfile(
    name=ProfileName("pump"),
    maker="m",
    model="m",
    kind="pump",
    labels=Labels("泵", "pump"),
    points=POINTS,
    fields=FIELDS,
    limits=ModbusLimits(timeout_ms=500),
    alarms=(),
    source="",
    trust="",
    sha256="",
)
HOUR_MS = 3_600_000
WRITE_FUNCTIONS = (5, 6, 15, 16, 22)


def low(device: str, limit: float = 2.0) -> AlarmRule:
    """Pressure too low, at once."""
    name = DeviceName(device)
    return AlarmRule(alarm_name(name, "low"), name, Condition.LOW, Severity.MAJOR, Labels("低", "low"), PRESSURE, limit)


def device(
    name: str, bus: str, address: int = 1, period_ms: int = HOUR_MS, alarms: tuple[AlarmRule, ...] | None = None
) -> DeviceSpec:
    """A pump that is asked so rarely that a test has the bus for itself after the first round."""
    watched = (low(name),) if alarms is None else alarms
    return DeviceSpec(DeviceName(name), BusName(bus), address, PROFILE, period_ms, Labels(name, name), watched, 3 * period_ms)


def bus(name: str) -> BusSpec:
    return BusSpec(BusName(name), Wire.TCP, "127.0.0.1", 502)


def uplink(host: str = "127.0.0.1", tls: bool = False) -> UplinkSpec:
    return UplinkSpec(host, 8883 if tls else 1883, tls)


def site(*devices: DeviceSpec, link: UplinkSpec | None = None, sha256: str = "a" * 64) -> Site:
    """These devices, on the buses that they name, in the order of naming."""
    names = dict.fromkeys(str(spec.bus) for spec in devices)
    return Site(
        site=SiteId("lakeside"),
        gateway=GatewayId("b07"),
        labels=Labels("七号楼", "building 7"),
        uplink=link,
        store=StoreSpec(PurePath("/var/lib/edgeguard"), 2**29, 10_000_000, None, 200, 100),
        control=ControlSpec(PurePath("/run/edgeguard/control.sock")),
        log=LogSpec(),
        buses=tuple(bus(name) for name in names),
        devices=devices,
        source=PurePath("/etc/edgeguard/site.toml"),
        sha256=sha256,
    )


class FakeStore:
    """Notes every batch. While `gate` is closed `put` waits as on a disk that takes nothing; `refusal` is raised instead.

    As with the real one a wait that is given up takes nothing back.
    """

    def __init__(self) -> None:
        self.submitted: list[Batch] = []
        self.durable: list[Batch] = []
        self.taken: list[Batch] = []
        """Both, in the order in which they came."""
        self.gate = asyncio.Event()
        self.gate.set()
        self.refusal: Exception | None = None
        self.trouble: str | None = None
        self.last_error = ""
        self.holds_s: float | None = None
        self.dropped: tuple[tuple[Stream, int], ...] = ()
        self.backlogs: tuple[Backlog, ...] = tuple(Backlog(stream, 0, 0, None, 0, None, 0) for stream in STREAMS)
        self.epoch = Epoch("0123456789abcdef")
        self.beat_s = 0.0
        self.wakes: list[Callable[[], None]] = []

    def submit(self, batch: Batch) -> None:
        check_items(batch)
        self.submitted.append(batch)
        self.taken.append(batch)

    async def put(self, batch: Batch) -> tuple[int, ...]:
        if self.refusal is not None:
            raise self.refusal
        check_items(batch)
        if not self.gate.is_set():
            return await asyncio.shield(asyncio.ensure_future(self._late(batch)))
        return self._commit(batch)

    async def _late(self, batch: Batch) -> tuple[int, ...]:
        await self.gate.wait()
        return self._commit(batch)

    def _commit(self, batch: Batch) -> tuple[int, ...]:
        self.durable.append(batch)
        self.taken.append(batch)
        return tuple(range(1, len(batch.items) + 1))

    async def load_states(self) -> dict[str, dict[str, bytes]]:
        kept: dict[str, dict[str, bytes]] = {}
        for batch in self.taken:
            for state in batch.states:
                kept.setdefault(state.owner, {})[state.name] = state.body
        return {owner: {name: body for name, body in states.items() if body} for owner, states in kept.items()}

    async def load_commands(self) -> dict[str, int]:
        return {name: until for batch in (*self.durable, *self.submitted) for name, until in batch.commands}

    def on_commit(self, wake: Callable[[], None]) -> None:
        self.wakes.append(wake)

    async def figures(self) -> StoreFigures:
        return StoreFigures(
            epoch=self.epoch,
            file_bytes=8192,
            used_bytes=4096,
            rows=0,
            max_bytes=2**29,
            max_rows=10_000_000,
            max_age_ms=None,
            free_disk_bytes=2**30,
            backlogs=self.backlogs,
            pending_items=0,
            rows_per_s=0.0,
            bytes_per_s=0.0,
            holds_s=self.holds_s,
            dropped=self.dropped,
            thinned=0,
            trouble=self.trouble,
            last_error=self.last_error,
        )

    def bodies(self, stream: Stream) -> list[dict[str, Any]]:
        """Bodies of what was submitted to this stream."""
        return bodies(self.submitted, stream)

    def commands(self) -> list[str]:
        """`result`s of the writes on record: what was made durable first, then what was handed over."""
        records = bodies(self.durable, Stream.EVENTS) + self.bodies(Stream.EVENTS)
        return [body["result"] for body in records if body["type"] == "command"]


def check_items(batch: Batch) -> None:
    """Whatever the runtime hands to a store is what the published schemas say."""
    for item in batch.items:
        check_item(item.stream, item.body)


def bodies(batches: Sequence[Batch], stream: Stream) -> list[dict[str, Any]]:
    return [json.loads(item.body) for batch in batches for item in batch.items if item.stream is stream]


class FakeUplink:
    """Stands where the uplink would: counts what it is told; `never_ends` makes a goodbye that does not come to an end."""

    made: list["FakeUplink"]

    def __init__(
        self,
        spec: UplinkSpec,
        site_id: SiteId,
        gateway: GatewayId,
        version: str,
        outbox: Outbox,
        clock: Clock,
        catalog: Callable[[], Catalog],
        health: HealthSink,
        entropy: random.Random,
        commands: CommandSink | None = None,
    ) -> None:
        self.spec = spec
        self.commands = commands
        self.catalog = catalog
        self.beat_s = 0.0
        self.told: Counter[str] = Counter()
        self.running = False
        self.never_ends = False
        self.failure: Exception | None = None
        type(self).made.append(self)

    @property
    def view(self) -> UplinkState:
        return UplinkState("", "online", "5", "2026-09-21T14:13:20.000Z", 17, 3, 1, "", "")

    def wake(self) -> None:
        self.told["wake"] += 1

    def catalog_changed(self) -> None:
        self.told["catalog"] += 1

    def set_history_rate(self, items_per_s: float) -> None:
        self.rate = items_per_s

    def look_at_credentials(self) -> None:
        self.told["credentials"] += 1

    async def run(self) -> None:
        self.running = True
        try:
            if self.failure is not None:
                raise self.failure
            await asyncio.Event().wait()
        finally:
            self.running = False

    async def close(self, _timeout_s: float) -> None:
        self.told["close"] += 1
        if self.never_ends:
            await asyncio.Event().wait()


class House:
    """A gateway with its store, its buses and its handlers. `bus(name)` is the newest bus of that name."""

    def __init__(self, clock: FakeClock, of: Site, reload: Callable[[], Any] | None = None) -> None:
        self.clock = clock
        self.store = FakeStore()
        self.pipeline = Pipeline(self.store, clock)
        self.buses: list[FakeBus] = []
        self._units: dict[BusName, dict[int, FakeUnit]] = {}
        entropy = random.Random(7)
        self.gateway = Gateway(of, cast(Store, self.store), self.pipeline, clock, entropy)
        self.gateway.field = Field(
            self.gateway.supervisor, clock, self.pipeline.take, entropy, self._make_bus, self.pipeline.health
        )
        self.handlers = Handlers(self.gateway, Path("/etc/edgeguard/site.toml"), reload or self._no_reload)

    def _make_bus(self, spec: BusSpec, _entropy: random.Random) -> Bus:
        made = FakeBus(spec.name)
        made.units = self._units.setdefault(spec.name, {})
        self.buses.append(made)
        return made

    @staticmethod
    async def _no_reload() -> str:
        return "b" * 64

    def bus(self, name: str) -> FakeBus:
        return next(made for made in reversed(self.buses) if made.name == name)

    def unit(self, bus_name: str, address: int = 1) -> FakeUnit:
        """A device that outlives a reload, as a real one does."""
        return self._units.setdefault(BusName(bus_name), {}).setdefault(address, FakeUnit())

    def writes(self, name: str) -> list[bytes]:
        """Write requests that went on this bus."""
        return [pdu for _, pdu in self.bus(name).sent if pdu[0] in WRITE_FUNCTIONS]

    def states(self) -> dict[str, str]:
        """Alarms by name."""
        return {
            str(rule.name): alarm.state.value
            for record in self.pipeline.records.values()
            for rule, alarm in zip(record.rules.alarms, record.state.alarms, strict=True)
        }


@asynccontextmanager
async def living(
    clock: FakeClock,
    of: Site,
    known: Mapping[AlarmName, Alarm] | None = None,
    pressures: Mapping[str, float] | None = None,
    reload: Callable[[], Any] | None = None,
) -> AsyncIterator[House]:
    """The house, polled once where a device is the first of its bus. Pressures by bus, 5 bar unless said otherwise."""
    house = House(clock, of, reload)
    for spec in of.devices:
        pressure = (pressures or {}).get(str(spec.bus), 5.0)
        house.unit(spec.bus, int(spec.address)).set(Table.HOLDING, 0, round(pressure * 10))
    house.gateway.start(known or {})
    await asyncio.sleep(0.1)
    try:
        yield house
    finally:
        await house.gateway.stop(0.1)


def call(method: str, by: str | None = None, **args: Argument) -> Call:
    """A request of this very process."""
    given = dict(args) if by is None else {**args, "by": by}
    return Call(method, given, Peer(os.getpid(), os.getuid(), os.getgid()), may_write=True)


def changed(spec: DeviceSpec, **changes: Any) -> DeviceSpec:
    return replace(spec, **changes)
