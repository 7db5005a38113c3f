"""The time for all meters of a bus: refused when it could do harm, once a day, on record, and looked at before and after."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from runtime_kit import HOUR_MS, House, bodies, call, device, site

from edgeguard.bus import Bus, ExchangeFailed, Request
from edgeguard.codec import dlt645_framing
from edgeguard.codec.meter_frame import frames_in
from edgeguard.control import UnknownName
from edgeguard.control.time_views import SetTimeView
from edgeguard.core.clock import local_time
from edgeguard.core.errors import WriteRefused
from edgeguard.core.ids import BusName, DeviceName
from edgeguard.core.item import Stream
from edgeguard.core.line import LineSettings, Parity
from edgeguard.core.point import Labels
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.site import BusSpec, DeviceSpec, Site, Wire
from edgeguard.testing.clock import FakeClock, run_virtual
from edgeguard.testing.meters import FakeElectricMeter, FakeWaterMeter, MeterBus
from edgeguard.testing.shipped import shipped_profiles

NOON_MS = round(datetime(2026, 11, 24, 12, 0).astimezone().timestamp() * 1000)
E9600 = LineSettings(9600, Parity.EVEN)
ADDRESSES = ("000000000101", "000000000102", "000000000103", "000000000104")


class Riser(House):
    """A gateway with a line of electricity meters. `broadcasts` are the times that went out."""

    def __init__(self, clock: FakeClock, of: Site) -> None:
        self.meters = [FakeElectricMeter(a, edition=1997 if a == ADDRESSES[1] else 2007) for a in ADDRESSES]
        for meter in self.meters:
            meter.clock = lambda: local_time(clock.wall_ms)
        self.water = [FakeWaterMeter(f"10{number:014}", {"901F": bytes(19)}, low_first=number > 1) for number in (1, 2, 3)]
        for one in self.water:
            one.clock = lambda: local_time(clock.wall_ms)
        self.line = MeterBus(*self.meters, *self.water, name="riser")
        super().__init__(clock, of)

    def _make_bus(self, spec: BusSpec, _entropy: random.Random) -> Bus:
        return self.line

    @property
    def broadcasts(self) -> list[datetime]:
        found = [f for data in self.line.sent for f in frames_in(data, dlt645_framing.frame_at)]
        sent = [frame.data[::-1].hex() for frame in found if frame.control == 0x08]
        return [datetime.strptime(digits, "%y%m%d%H%M%S") for digits in sent]  # noqa: DTZ007  meters know no zones

    def off(self, index: int, seconds: float) -> None:
        self.meters[index].clock_off = timedelta(seconds=seconds)

    async def set_time(self, bus: str = "riser") -> SetTimeView:
        view = await self.handlers.table()["set-time"](call("set-time", by="wang", bus=bus))
        assert isinstance(view, SetTimeView)
        return view

    def record(self) -> list[str]:
        told = bodies(self.store.durable, Stream.EVENTS) + bodies(self.store.submitted, Stream.EVENTS)
        return [body["result"] for body in told if body.get("name") == "set-time"]


def meter(index: int) -> DeviceSpec:
    edition = 1997 if index == 1 else 2007
    name = "generic-dlt645-1997" if edition == 1997 else "generic-dlt645-2007-single"
    profile = shipped_profiles().get(name)
    line = E9600 if index == 3 else None
    text = Labels("表", "meter")
    spec = DeviceSpec(DeviceName(f"flat-{index}"), BusName("riser"), ADDRESSES[index], profile, HOUR_MS, text, (), 3 * HOUR_MS)
    return replace(spec, line=line)


def water_meter(number: int) -> DeviceSpec:
    profile = shipped_profiles().get("generic-cjt188-water")
    name, text = DeviceName(f"water-{number}"), Labels("水表", "water meter")
    return DeviceSpec(name, BusName("riser"), f"10{number:014}", profile, HOUR_MS, text, (), 3 * HOUR_MS)


@asynccontextmanager
async def riser(clock: FakeClock, count: int = 4, water: int = 0) -> AsyncIterator[Riser]:
    specs = [*(meter(i) for i in range(count)), *(water_meter(1 + i) for i in range(water))]
    of = replace(site(*specs), buses=(BusSpec(BusName("riser"), Wire.SERIAL_RTU),))
    house = Riser(clock, of)
    house.gateway.start({})
    await asyncio.sleep(120.0)
    try:
        yield house
    finally:
        await house.gateway.stop(0.1)


def test_clocks_are_set_and_each_meter_is_told_of() -> None:
    clock = FakeClock(wall_ms=NOON_MS)

    async def main() -> None:
        async with riser(clock) as house:
            house.off(0, -74)
            house.off(1, 130)
            house.off(2, 3600)
            house.meters[3].data.clear()
            house.meters[3].clock = None
            view = await house.set_time()
            assert [(m.device, m.verdict) for m in view.meters] == [
                ("flat-0", "set"),
                ("flat-1", "set"),
                ("flat-2", "too-far"),
                ("flat-3", "unknown"),
            ]
            assert (view.fate, view.frames) == ("unverified", 2)  # two settings of the line
            befores, afters = zip(*((m.before_s, m.after_s) for m in view.meters), strict=True)
            assert befores == pytest.approx([-74, 130, 3600, None], abs=1.1)
            assert afters == pytest.approx([0, 0, 3600, None], abs=1.1)
            assert "no such data" in view.meters[3].reason
            assert house.record() == ["accepted", "unverified"]
            # nothing was counted as a time-out, for nobody was to answer
            assert Reason.TIMEOUT not in house.line.stats.faults

    run_virtual(main(), clock)


def test_once_a_day_whoever_asks_and_whatever_was_restarted() -> None:
    clock = FakeClock(wall_ms=NOON_MS)

    async def main() -> None:
        async with riser(clock, 1) as house:
            assert (await house.set_time()).fate == "done"
            with pytest.raises(WriteRefused, match="once a day"):
                await house.set_time()
            kept = house.store
            async with riser(clock, 1) as next_house:
                next_house.store.submitted += kept.submitted  # what the disk kept over a restart
                with pytest.raises(WriteRefused, match="once a day"):
                    await next_house.set_time()
                assert next_house.broadcasts == []
            assert len(house.broadcasts) == 1
            assert house.record() == ["accepted", "accepted", "done", "refused"]
            clock.advance(86_400)
            assert (await house.set_time()).fate == "done"

    run_virtual(main(), clock)


@pytest.mark.parametrize(("hour", "minute", "synced", "words"), [(23, 57, True, "midnight"), (12, 0, False, "not synchronised")])
def test_not_when_it_could_do_harm(hour: int, minute: int, synced: bool, words: str) -> None:
    wall_ms = NOON_MS + ((hour - 12) * 60 + minute - 2) * 60_000
    clock = FakeClock(wall_ms=wall_ms, synced=synced)

    async def main() -> None:
        async with riser(clock, 1) as house:
            with pytest.raises(WriteRefused, match=words):
                await house.set_time()
            assert house.broadcasts == []
            assert house.record() == ["accepted", "refused"]

    run_virtual(main(), clock)


def test_a_bus_without_such_meters_and_one_that_is_not_there() -> None:
    clock = FakeClock(wall_ms=NOON_MS)

    async def main() -> None:
        house = House(clock, site(device("pump-1", "riser-a")))
        house.gateway.start({})
        with pytest.raises(WriteRefused, match="no meter of DL/T 645"):
            await house.handlers.table()["set-time"](call("set-time", by="wang", bus="riser-a"))
        with pytest.raises(UnknownName, match="there is no bus ghost"):
            await house.handlers.table()["set-time"](call("set-time", by="wang", bus="ghost"))
        await house.gateway.stop(0.1)

    run_virtual(main(), clock)


def test_what_did_not_go_out_may_be_tried_again() -> None:
    clock = FakeClock(wall_ms=NOON_MS)

    async def main() -> None:
        async with riser(clock, 1) as house:
            exchange = house.line.exchange

            async def down(request: Request) -> bytes:
                if not request.answered:
                    raise ExchangeFailed(house.line.name, request.address, Fault(Reason.NO_CONNECTION, "unplugged"), sent=False)
                return await exchange(request)

            house.line.exchange = down  # type: ignore[method-assign]
            with pytest.raises(ExchangeFailed, match="unplugged"):
                await house.set_time()
            house.line.exchange = exchange  # type: ignore[method-assign]
            assert (await house.set_time()).fate == "done"
            assert house.record() == ["accepted", "accepted", "not-sent", "done"]

    run_virtual(main(), clock)


def test_meters_that_are_silent_or_too_many_do_not_hold_the_broadcast_back() -> None:
    clock = FakeClock(wall_ms=NOON_MS)

    async def main() -> None:
        async with riser(clock, 3) as house:
            house.off(2, 30)
            house.meters[0].silent = True

            async def never(_priority: object = None) -> float:
                await asyncio.Event().wait()
                return 0.0

            slow = house.gateway.field.device(DeviceName("flat-1"))
            slow.clock_off_s = never  # type: ignore[attr-defined]
            view = await house.set_time()
            assert len(house.broadcasts) == 1
            assert [m.verdict for m in view.meters] == ["unknown", "unknown", "unknown"]
            assert "no time left" in view.meters[2].reason
            assert house.meters[2].clock_off.total_seconds() == pytest.approx(0, abs=1.1)

    run_virtual(main(), clock)


def test_water_meters_have_no_broadcast_and_are_set_one_by_one_where_they_are_off() -> None:
    clock = FakeClock(wall_ms=NOON_MS)

    async def main() -> None:
        async with riser(clock, 1, 3) as house:
            house.off(0, 40)
            house.water[0].clock_off = timedelta(days=300)  # no broadcast would correct that
            house.water[1].clock_off = timedelta(seconds=-600)
            house.water[1].clock, right = None, house.water[1].clock  # it is not set
            assert right is not None
            house.water[1].data["901F"] = bytes(10) + bytes.fromhex("06 20 17 09 01 17 20") + bytes(2)
            view = await house.set_time()
            assert [(m.device, m.verdict) for m in view.meters] == [
                ("flat-0", "set"),
                ("water-1", "set"),
                ("water-2", "ignored"),
                ("water-3", "right"),
            ]
            assert "timeout" in view.meters[2].reason
            assert (view.fate, view.frames, len(house.broadcasts)) == ("unverified", 3, 1)
            assert abs(house.water[0].clock_off) < timedelta(seconds=2)
            assert not [pdu for pdu in house.water[2].asked if pdu[0] == 0x04], "it was right"

    run_virtual(main(), clock)


def test_a_bus_of_water_meters_alone_hears_no_broadcast() -> None:
    clock = FakeClock(wall_ms=NOON_MS)

    async def main() -> None:
        async with riser(clock, 0, 2) as house:
            house.water[1].clock_off = timedelta(hours=-7)
            view = await house.set_time()
            assert (view.fate, view.frames, house.broadcasts) == ("done", 1, [])
            with pytest.raises(WriteRefused, match="once a day"):
                await house.set_time()

    run_virtual(main(), clock)


def test_a_clock_whose_answer_was_lost_once_is_asked_for_again() -> None:
    clock = FakeClock(wall_ms=NOON_MS)

    async def main() -> None:
        async with riser(clock, 3) as house:
            house.off(1, 40)
            tries: list[int] = []
            device = house.gateway.field.device(DeviceName("flat-1"))
            reads = device.clock_off_s  # type: ignore[attr-defined]

            async def disturbed(priority: object) -> float | Fault:
                tries.append(1)
                return Fault(Reason.CHECKSUM) if len(tries) % 2 else await reads(priority)

            refused: list[int] = []

            async def refuses(_priority: object) -> Fault:
                refused.append(1)
                return Fault(Reason.REFUSED, "no such data")

            device.clock_off_s = disturbed  # type: ignore[attr-defined]
            house.gateway.field.device(DeviceName("flat-2")).clock_off_s = refuses  # type: ignore[attr-defined]
            view = await house.set_time()
            assert [m.verdict for m in view.meters] == ["right", "set", "unknown"]
            assert (len(tries), len(refused)) == (4, 2), "before and after; who refuses is not asked twice"

    run_virtual(main(), clock)
