"""What the daemon answers: reads, writes and their record, acknowledgements, names that do not exist."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path, PurePath

import pytest

from edgeguard.bus import Bus
from edgeguard.control import Call, Peer, UnknownName
from edgeguard.core.errors import StoreError, WriteRefused
from edgeguard.core.ids import BusName, DeviceName, GatewayId, SiteId
from edgeguard.core.point import Labels
from edgeguard.core.site import BusSpec, ControlSpec, DeviceSpec, LogSpec, Site, StoreSpec, Wire
from edgeguard.driver.device import WritesWhile
from edgeguard.runtime.gateway import Gateway
from edgeguard.runtime.handlers import Handlers
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.store import Batch, Store
from edgeguard.testing.clock import FakeClock
from edgeguard.testing.recording import ReplayBus, load_recording
from edgeguard.testing.shipped import shipped_profiles

RECORDINGS = Path(__file__).resolve().parents[2] / "recordings"
PROFILE = "grundfos-cim200"


def site(folder: Path) -> Site:
    profile = shipped_profiles().get(PROFILE)
    labels = Labels("泵", "pump")
    device = DeviceSpec(DeviceName("pump-1"), BusName("plant"), 1, profile, 60_000, labels, (), 600_000)
    return Site(
        site=SiteId("test"),
        gateway=GatewayId("g1"),
        labels=labels,
        uplink=None,
        store=StoreSpec(PurePath(folder), 1 << 26, 1 << 20, None, 20, 10),
        control=ControlSpec(PurePath(folder / "s")),
        log=LogSpec(),
        buses=(BusSpec(BusName("plant"), Wire.TCP, "127.0.0.1", 1),),
        devices=(device,),
        source=PurePath(folder / "site.toml"),
        sha256="0" * 64,
    )


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[Handlers, Gateway]]:
    """A gateway on a recording instead of a wire, with a real outbox."""
    clock = FakeClock()
    recording = load_recording(RECORDINGS / f"{PROFILE}.json")
    wanted = site(folder)
    wanted = replace(wanted, devices=tuple(replace(d, address=recording.unit) for d in wanted.devices))
    store = await Store.open(wanted.store, clock, lambda _: None)
    writer = asyncio.create_task(store.run())
    gateway = Gateway(wanted, store, Pipeline(store, clock), clock, random.Random(1))

    def replayed(_spec: BusSpec, _entropy: random.Random) -> Bus:
        return ReplayBus(recording)

    gateway.field._make_bus = replayed
    gateway.start({})

    async def reload() -> str:
        return "f" * 64

    try:
        yield Handlers(gateway, folder / "site.toml", reload), gateway
    finally:
        await gateway.stop(0.1)
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
        await store.close()


def call(method: str, **args: str | float | bool | tuple[str, ...]) -> Call:
    return Call(method, args, Peer(1, 0, 0), may_write=True)


async def records(gateway: Gateway) -> list[dict[str, object]]:
    from edgeguard.core.item import Stream

    await gateway.store.flush()
    rows = await gateway.store.read(Stream.EVENTS, 0, 100, 1 << 20)
    return [body for body in (json.loads(row.body) for row in rows) if body["type"] == "command"]


def writable(gateway: Gateway) -> str:
    return next(p.name for p in gateway.site.devices[0].profile.points if p.write is not None)


async def test_a_write_is_on_record_before_the_device_is_touched_and_after(tmp_path: Path) -> None:
    async with serving(tmp_path) as (handlers, gateway):
        point = writable(gateway)
        seen: list[list[object]] = []
        device = gateway.field.device(DeviceName("pump-1"))
        assert isinstance(device, WritesWhile)
        real = device.write_while

        async def watched(*asked: object) -> object:
            seen.append([body["result"] for body in await records(gateway)])
            return await real(*asked)  # type: ignore[arg-type]

        device.write_while = watched  # type: ignore[method-assign,assignment]
        result = await handlers.write(call("write", device="pump-1", point=point, value=50.0, by="wang"))
        assert seen == [["accepted"]]
        assert result.verified
        after = await records(gateway)
        assert [body["result"] for body in after] == ["accepted", "done"]
        assert "wang" in str(after[0]["by"])


async def test_a_refused_write_is_on_record_as_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as (handlers, gateway):
        with pytest.raises(WriteRefused):
            await handlers.write(call("write", device="pump-1", point=writable(gateway), value=1e9, by="wang"))
        assert [body["result"] for body in await records(gateway)] == ["accepted", "refused"]


async def test_a_write_that_is_broken_off_has_an_end_on_record(tmp_path: Path) -> None:
    async with serving(tmp_path) as (handlers, gateway):
        device = gateway.field.device(DeviceName("pump-1"))
        assert isinstance(device, WritesWhile)
        touched = asyncio.Event()

        async def endless(*_: object) -> object:
            touched.set()
            return await asyncio.Event().wait()

        device.write_while = endless  # type: ignore[method-assign,assignment]
        task = asyncio.create_task(handlers.write(call("write", device="pump-1", point=writable(gateway), value=50.0, by="w")))
        await touched.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert [body["result"] for body in await records(gateway)] == ["accepted", "lost"]


async def test_nothing_is_written_while_it_cannot_be_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(tmp_path) as (handlers, gateway):
        touched: list[object] = []
        device = gateway.field.device(DeviceName("pump-1"))

        assert isinstance(device, WritesWhile)

        async def note(*arguments: object) -> object:
            touched.append(arguments)
            raise AssertionError

        async def never(_batch: Batch) -> tuple[int, ...]:
            await asyncio.Event().wait()
            return ()

        device.write_while = note  # type: ignore[method-assign,assignment]
        with monkeypatch.context() as patch:
            patch.setattr("edgeguard.runtime.handlers.AUDIT_WITHIN_S", 0.01)
            patch.setattr(gateway.store, "put", never)
            with pytest.raises(StoreError, match="not written"):
                await handlers.write(call("write", device="pump-1", point=writable(gateway), value=50.0, by="w"))
        assert touched == []
        assert [body["result"] for body in await records(gateway)] == ["failed"]


async def test_reading_gives_what_the_device_says_now(tmp_path: Path) -> None:
    async with serving(tmp_path) as (handlers, gateway):
        views = await handlers.read(call("read", targets=("pump-1",)))
        assert len(views) == len(gateway.site.devices[0].profile.points)
        assert any(view.quality == "good" for view in views)
        (one,) = await handlers.read(call("read", targets=(f"pump-1.{views[0].point}",)))
        assert one.point == views[0].point


@pytest.mark.parametrize(
    ("method", "args"),
    [
        ("points", {"device": "nobody"}),
        ("read", {"targets": ("nobody",)}),
        ("read", {"targets": ("pump-1.nothing",)}),
        ("ack", {"alarm": "nobody.nothing", "by": "w"}),
        ("write", {"device": "nobody", "point": "p", "value": 1, "by": "w"}),
        ("write", {"device": "pump-1", "point": "nothing", "value": 1, "by": "w"}),
    ],
)
async def test_names_that_do_not_exist_are_named(tmp_path: Path, method: str, args: dict[str, object]) -> None:
    async with serving(tmp_path) as (handlers, gateway):
        with pytest.raises(UnknownName, match=r"nobody|nothing"):
            await handlers.table()[method](Call(method, args, Peer(1, 0, 0), may_write=True))  # type: ignore[arg-type]
        assert await records(gateway) == []


async def test_every_view_can_be_made(tmp_path: Path) -> None:
    async with serving(tmp_path) as (handlers, gateway):
        await handlers.read(call("read", targets=("pump-1",)))
        for _ in range(100):
            if gateway.pipeline.records[DeviceName("pump-1")].at is not None:
                break
            await asyncio.sleep(0.01)
        top = await handlers.top(call("top"))
        assert top.status.devices == 1
        assert top.devices[0].state in ("online", "degraded")
        assert len(top.points) == len(gateway.site.devices[0].profile.points)
        assert [s.stream for s in top.outbox.streams] == ["alarms", "events", "telemetry"]
        assert (await handlers.top(call("top", devices=("nobody",)))).points == ()
        assert (await handlers.reload(call("reload"))).config_sha256 == "f" * 64


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    import logging

    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()
