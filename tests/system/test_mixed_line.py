"""One RS-485 line with Modbus, DL/T 645 (both editions) and CJ/T 188 at four settings, through a real port and the real gateway."""

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from edgeguard.config import load_site
from edgeguard.control import Call, Peer
from edgeguard.control.message import Argument
from edgeguard.control.time_views import SetTimeView
from edgeguard.control.views import PointView, WriteView
from edgeguard.core.clock import Stamp, local_time
from edgeguard.core.errors import WriteRefused
from edgeguard.core.line import LineSettings, Parity
from edgeguard.core.point import Value
from edgeguard.core.register import Table
from edgeguard.runtime.clock import SystemClock
from edgeguard.runtime.gateway import Gateway
from edgeguard.runtime.handlers import Handlers
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.simulator import cjt188_station, dlt645_station
from edgeguard.simulator.bcd import bcd, digits_low_first
from edgeguard.simulator.cjt188_station import Cjt188Station
from edgeguard.simulator.dlt645_station import E1997, Dlt645Station
from edgeguard.simulator.map_cjt188 import WaterState, water_items
from edgeguard.simulator.map_dlt645 import moment
from edgeguard.simulator.modbus_station import RtuStation
from edgeguard.simulator.pty_line import PtyLine
from edgeguard.simulator.registers import Image, Span, Words
from edgeguard.simulator.unit import Unit
from edgeguard.store import Store

pytestmark = pytest.mark.slow
WITHIN_S = 60.0
N9600, E19200, E4800, E2400 = (
    LineSettings(),
    LineSettings(19200, Parity.EVEN),
    LineSettings(4800, Parity.EVEN),
    LineSettings(2400, Parity.EVEN),
)
SITE = """
[gateway]
site = "test"
id = "g1"
[store]
directory = "{folder}/state"
[control]
socket = "{folder}/control.sock"
[[bus]]
name = "riser"
port = "{folder}/port"
[[device]]
name = "io"
bus = "riser"
profile = "waveshare-relay8"
address = 1
every = "1s"
[[device]]
name = "flat-1"
bus = "riser"
profile = "generic-dlt645-2007-single"
address = "000000000101"
baudrate = 19200
parity = "E"
every = "2s"
password_file = "{folder}/password"
[device.interlock.relay]
requires = ["io.relay_2 == false"]
[[device]]
name = "flat-2"
bus = "riser"
profile = "generic-dlt645-1997"
address = "000000000102"
baudrate = 4800
parity = "E"
every = "2s"
[[device]]
name = "water"
bus = "riser"
profile = "generic-cjt188-valve-water"
address = "78330012345678"
baudrate = 2400
parity = "E"
every = "3s"
[device.interlock.valve]
requires = ["io.relay_1 == false"]
"""


class NoonClock(SystemClock):
    """Time that passes as it does, but began at noon, and is trusted whatever this machine's kernel says."""

    def __init__(self) -> None:
        super().__init__()
        now = super().now()
        noon = local_time(now.wall_ms).replace(hour=12, minute=0, second=0, microsecond=0)
        self._ahead_ms = round((noon - local_time(now.wall_ms)).total_seconds() * 1000)

    def now(self) -> Stamp:
        stamp = super().now()
        return replace(stamp, wall_ms=stamp.wall_ms + self._ahead_ms, synced=True)


@dataclass
class Riser:
    """What hangs on the line, and what it has been told."""

    clock: NoonClock
    coils: dict[int, int] = field(default_factory=lambda: {0: 1, 1: 0})
    orders: list[int] = field(default_factory=list)
    refuses: bool = False
    off: timedelta = timedelta(seconds=-90)
    water_off: timedelta = timedelta(days=-300)
    relay_open: bool = False
    valve_closed: bool = False

    def stations(self) -> list[RtuStation | Dlt645Station | Cjt188Station]:
        unit = Unit(1, lambda: Image((Span(Table.COIL, 0, 7),), coil=Words(dict(self.coils))))
        orders = dlt645_station.Orders(control=self._relay, clock=self._clock_set)
        return [
            RtuStation(unit, N9600),
            Dlt645Station("000000000101", self._electric, orders, E19200, part_bytes=12),
            Dlt645Station("000000000102", self._old, None, E4800, edition=E1997, refuses=lambda: self.refuses),
            Cjt188Station(
                "1078330012345678",
                lambda: water_items(self._water()),
                lambda: self._water().status,
                cjt188_station.Orders(valve=self._valve, clock=self._water_clock_set),
                E2400,
            ),
        ]

    def _electric(self) -> Mapping[int, bytes]:
        at = local_time(self.clock.now().wall_ms) + self.off
        energies = (123456.78, 10000.0, 23456.78, 40000.0, 50000.0)
        return {0x00010000 + (tariff << 8): bcd(kwh, 4, 2) for tariff, kwh in enumerate(energies)} | {
            0x02010100: bcd(231.4, 2, 1),
            0x02020100: bcd(-5.123, 3, 3, signed=True),
            0x02030000: bcd(-1.1854, 3, 4, signed=True),
            0x02060000: bcd(0.998, 2, 3, signed=True),
            0x02800002: bcd(50.02, 2, 2),
            0x04000101: moment(at, "YYMMDDWW"),
            0x04000102: moment(at, "hhmmss"),
            0x04000402: digits_low_first("000000000101"),
            0x04000501: b"\0\0",
            0x04000503: (0x50 if self.relay_open else 0).to_bytes(2, "little"),
        }

    def _old(self) -> Mapping[int, bytes]:
        return {0x9010: bcd(7654.32, 4, 2), 0xB611: bcd(229, 2), 0xB630: bcd(2.5, 3, 4)}

    def _water(self) -> WaterState:
        return WaterState(1234.56, local_time(self.clock.now().wall_ms) + self.water_off, self.valve_closed)

    def _relay(self, order: int) -> bool:
        self.orders.append(order)
        self.relay_open = order == 0x1A
        return True

    def _valve(self, order: int) -> bool:
        self.orders.append(order)
        self.valve_closed = order == 0x99
        return True

    def _clock_set(self, data: bytes) -> bool:
        self.orders.append(0x08)
        told = datetime.strptime(data[::-1].hex(), "%y%m%d%H%M%S")  # noqa: DTZ007  meters know no zones
        self.off = told - local_time(self.clock.now().wall_ms)
        return True

    def _water_clock_set(self, data: bytes) -> bool:
        self.orders.append(0x15)
        told = datetime.strptime(data[::-1].hex(), "%Y%m%d%H%M%S")  # noqa: DTZ007  meters know no zones
        self.water_off = told - local_time(self.clock.now().wall_ms)
        return True


class Desk:
    """Asks the gateway as the control socket does."""

    def __init__(self, handlers: Handlers) -> None:
        self._table = handlers.table()

    async def ask(self, method: str, **args: Argument) -> object:
        peer = Peer(os.getpid(), os.getuid(), os.getgid())
        return await self._table[method](Call(method, {**args, "by": "wang"}, peer, may_write=True))

    async def points(self, device: str) -> dict[str, PointView]:
        views = await self.ask("points", device=device)
        assert isinstance(views, tuple)
        return {view.point: view for view in views}

    async def write(self, device: str, point: str, value: Value) -> WriteView:
        view = await self.ask("write", device=device, point=point, value=value)
        assert isinstance(view, WriteView)
        return view

    async def have_written(self, device: str, point: str, value: Value) -> WriteView:
        """As a person would who is told that a condition could not be read just now: once more."""
        for _ in range(2):
            with contextlib.suppress(WriteRefused):
                return await self.write(device, point, value)
        return await self.write(device, point, value)

    async def until(self, device: str, holds: Callable[[dict[str, PointView]], bool]) -> dict[str, PointView]:
        """The device's points, once this holds of them."""
        async with asyncio.timeout(WITHIN_S):
            while not holds(points := await self.points(device)):
                await asyncio.sleep(0.05)
        return points


@contextlib.asynccontextmanager
async def gateway_on(folder: Path, riser: Riser) -> AsyncIterator[Desk]:
    (folder / "password").write_text("02 000000 00000000\n")
    (folder / "password").chmod(0o600)
    config = folder / "site.toml"
    config.write_text(SITE.format(folder=folder), encoding="utf-8")
    site = load_site(config)
    async with PtyLine(riser.stations(), N9600, link=folder / "port"):
        store = await Store.open(site.store, riser.clock, lambda _: None)
        writer = asyncio.create_task(store.run())
        gateway = Gateway(site, store, Pipeline(store, riser.clock), riser.clock, random.Random(1))

        async def no_reload() -> str:
            return ""

        gateway.start({})
        try:
            yield Desk(Handlers(gateway, config, no_reload))
        finally:
            await gateway.stop(1.0)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            await store.close()


def values(points: Mapping[str, PointView], *names: str) -> list[Value | None]:
    return [points[name].value for name in names]


def good(points: Mapping[str, PointView], *names: str) -> bool:
    return all(points[name].quality == "good" for name in names)


async def test_a_mixed_line_is_read_right_refused_right_and_controlled(tmp_path: Path) -> None:
    riser = Riser(NoonClock())
    async with gateway_on(tmp_path, riser) as desk:
        # four protocols and settings, a sign, blocks in follow-up frames
        energies = ("energy_import", *(f"energy_import_t{i}" for i in range(1, 5)))
        told_by_flat_1 = (*energies, "voltage", "current", "power", "frequency", "relay", "meter_number")
        one = await desk.until("flat-1", lambda points: good(points, *told_by_flat_1))
        assert values(one, *energies) == [
            123456.78,
            10000.0,
            23456.78,
            40000.0,
            50000.0,
        ]
        assert values(one, "voltage", "current", "power", "frequency") == [231.4, -5.123, -1.1854, 50.02]
        assert values(one, "relay", "meter_number") == ["closed", "000000000101"]
        two = await desk.until("flat-2", lambda points: points["energy_import"].quality == "good")
        assert values(two, "energy_import") == [7654.32]
        water = await desk.until("water", lambda points: good(points, "volume", "settled_volume", "valve", "battery_low"))
        assert values(water, "volume", "settled_volume", "valve", "battery_low") == [1234.56, 754.56, "open", False]
        io = await desk.until("io", lambda points: good(points, "relay_1", "relay_2"))
        assert values(io, "relay_1", "relay_2") == [True, False]

        # what the meter does not have is refused and no value, and the meter is not silent for that
        assert (one["energy_export"].quality, one["energy_export"].value) == ("bad", None)
        assert "no such data" in one["energy_export"].reason

        # an interlock that does not hold keeps the valve open; one that holds lets it close, and it is read back
        with pytest.raises(WriteRefused, match="relay_1"):
            await desk.write("water", "valve", "closed")
        assert riser.orders == []
        riser.coils[0] = 0
        await desk.until("io", lambda points: points["relay_1"].value is False)
        closed = await desk.have_written("water", "valve", "closed")
        assert (closed.verified, closed.read_back, closed.fate) == (True, "closed", "done")
        opened = await desk.have_written("flat-1", "relay", "open")
        assert (opened.verified, opened.read_back, opened.old) == (True, "open", "closed")
        assert riser.orders == [0x99, 0x1A]

        # a meter that answers with errors says so, and is right again when it does not
        riser.refuses = True
        await desk.until(
            "flat-2", lambda points: not good(points, "energy_import") and "other error" in points["energy_import"].reason
        )
        riser.refuses = False
        await desk.until("flat-2", lambda points: points["energy_import"].quality == "good")

        # the time goes out at both settings and to the water meter alone, and whose clock can be read is seen to have taken it
        told = await desk.ask("set-time", bus="riser")
        assert isinstance(told, SetTimeView)
        assert (told.frames, [meter.verdict for meter in told.meters]) == (3, ["set", "unknown", "set"]), told
        assert riser.orders == [0x99, 0x1A, 0x08, 0x15]

        # and while all that went on nothing false was ever taken for a value
        assert values(await desk.points("flat-1"), "energy_import", "voltage") == [123456.78, 231.4]
        assert values(await desk.points("water"), "volume", "valve") == [1234.56, "closed"]
