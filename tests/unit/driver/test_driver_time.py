"""The time for all meters of a line: that of the moment at which it goes out, and nobody is blamed for not answering it."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta

import pytest
from meter_site import METER, WATER, MeterSite, electric, virtual, water

from edgeguard.bus import ExchangeFailed, Passing, Request, WireEvent
from edgeguard.codec.cjt188 import clock_of, clock_request
from edgeguard.codec.cjt188_framing import Cjt188Framing
from edgeguard.codec.dlt645_framing import BROADCAST, frame_at
from edgeguard.core.clock import local_time
from edgeguard.core.line import LineSettings, Parity, Protocol
from edgeguard.core.meter import Edition
from edgeguard.core.profile import Cjt188Limits, Dlt645Limits
from edgeguard.core.quality import Fault, Reason
from edgeguard.driver import SetsClock, TellsTime, broadcast_time
from edgeguard.simulator.cjt188_station import Cjt188Station, Orders
from edgeguard.simulator.wire import Burst
from edgeguard.testing.meters import FakeElectricMeter, FakeWaterMeter

E1200 = LineSettings(1200, Parity.EVEN)


def test_the_time_is_that_of_the_moment_at_which_it_goes_out() -> None:
    site = MeterSite([electric("02800002")], FakeElectricMeter(METER, silent=True))
    heard: Counter[Passing] = Counter()

    def hear(event: WireEvent) -> None:
        heard[event.passing] += event.station == BROADCAST

    async def story() -> None:
        site.bus.listen(hear)
        dead = asyncio.create_task(site.bus.exchange(Request(METER, b"\x11\x00\x00\x80\x02", 7.0, protocol=Protocol.DLT645)))
        await asyncio.sleep(0)
        asked_s = site.clock.wall_ms / 1000
        assert await broadcast_time(site.bus, (None,), site.clock, E1200) == 1
        frame = frame_at(site.bus.sent[-1].lstrip(b"\xfe"), 0)
        assert frame is not None
        assert (frame.station, frame.control) == (BROADCAST, 0x08)
        told = datetime.strptime(frame.data[::-1].hex(), "%y%m%d%H%M%S")  # noqa: DTZ007  meters know no zones
        waited_s = (told - local_time(asked_s * 1000)).total_seconds()
        assert waited_s == pytest.approx(7.0 + 22 * E1200.character_s, abs=0.8)
        with pytest.raises(ExchangeFailed):
            await dead
        assert site.bus.stats.faults == {Reason.TIMEOUT: 1}  # the dead meter's
        assert (heard[Passing.SENT], heard[Passing.FAILED]) == (1, 0)

    virtual(site, story)


@pytest.mark.parametrize("edition", Edition)
def test_a_clock_is_compared_with_ours(edition: Edition) -> None:
    limits = Dlt645Limits(edition=edition)
    identifier = "02800002" if edition is Edition.Y2007 else "9010"
    meter = FakeElectricMeter(METER, edition=edition)
    site = MeterSite([electric(identifier, limits)], meter, limits=limits)
    meter.clock = lambda: local_time(site.clock.wall_ms)

    async def story() -> None:
        assert isinstance(site.device, TellsTime)
        for seconds in (0, -74, 400, -200_000):
            meter.clock_off = timedelta(seconds=seconds)
            assert await site.device.clock_off_s() == pytest.approx(seconds, abs=1.1)

    virtual(site, story)


def test_midnight_between_the_two_answers_is_not_a_day() -> None:
    meter = FakeElectricMeter(METER)
    site = MeterSite([electric("02800002")], meter)

    async def story() -> None:
        assert isinstance(site.device, TellsTime)
        ours = local_time(site.clock.wall_ms)
        midnight = ours.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        off = midnight - timedelta(milliseconds=30) - ours
        meter.clock, meter.clock_off = (lambda: local_time(site.clock.wall_ms)), off
        assert await site.device.clock_off_s() == pytest.approx(off.total_seconds(), abs=1.1)
        assert len(meter.asked) == 3

    virtual(site, story)


def test_a_clock_that_cannot_be_read_is_a_fault() -> None:
    meter = FakeElectricMeter(METER)
    site = MeterSite([electric("02800002")], meter)

    async def story() -> None:
        device = site.device
        assert isinstance(device, TellsTime)
        reasons = []
        for data in ({}, {"04000101": b"\xff" * 4, "04000102": b"\xff" * 3}, {"04000101": b"\x02\x31\x02\x26"}):
            meter.data = dict(data)
            reasons.append(await device.clock_off_s())
        meter.silent = True
        reasons.append(await device.clock_off_s())
        assert [seen.reason for seen in reasons if isinstance(seen, Fault)] == [
            Reason.REFUSED,
            Reason.UNDECODABLE,
            Reason.REFUSED,
            Reason.TIMEOUT,
        ]

    virtual(site, story)


@pytest.mark.parametrize(
    ("form", "size", "low_first"),
    [("water", 19, False), ("heat", 43, True), ("heat-unit-first", 43, False), ("gas", 19, True)],
)
def test_the_clock_of_a_water_or_heat_meter_is_read_and_set_alone(form: str, size: int, low_first: bool) -> None:
    meter = FakeWaterMeter(WATER, {"901F": bytes(size)}, low_first=low_first)
    site = MeterSite([water("status", form)], meter, limits=Cjt188Limits(form))

    async def story() -> None:
        device = site.device
        assert isinstance(device, SetsClock)
        unset = await device.clock_off_s()
        assert isinstance(unset, Fault)
        assert unset.reason is Reason.UNDECODABLE
        meter.clock = lambda: local_time(site.clock.wall_ms)
        for seconds in (0, -74, 4000, -200_000):
            meter.clock_off = timedelta(seconds=seconds)
            assert await device.clock_off_s() == pytest.approx(seconds, abs=1.1)
            assert await device.set_clock() is None
            assert await device.clock_off_s() == pytest.approx(0, abs=1.6)
        meter.refuses = True
        refused = await device.set_clock()
        assert isinstance(refused, Fault)
        assert refused.reason is Reason.REFUSED
        meter.silent = True
        lost = await device.set_clock()
        assert isinstance(lost, Fault)
        assert lost.reason is Reason.TIMEOUT

    virtual(site, story)


def test_the_clock_of_a_meter_that_has_not_been_read_is_set_in_the_order_that_it_answers() -> None:
    meter = FakeWaterMeter(WATER, {"901F": bytes(19)}, low_first=True)
    site = MeterSite([water("status")], meter)
    meter.clock, meter.clock_off = (lambda: local_time(site.clock.wall_ms)), timedelta(hours=5)

    async def story() -> None:
        assert isinstance(site.device, SetsClock)
        assert await site.device.set_clock() is None
        assert meter.asked[-1][:3] == b"\x04\x15\xa0"
        assert abs(meter.clock_off) < timedelta(seconds=2)

    virtual(site, story)


def test_a_simulated_water_meter_takes_the_clock_that_our_request_bears() -> None:
    """The simulator's station was written apart from the codec."""
    taken: list[bytes] = []

    def take(data: bytes) -> bool:
        taken.append(data)
        return True

    station = Cjt188Station(WATER, dict, lambda: b"\0\0", Orders(clock=take))
    at = datetime(2017, 1, 9, 17, 20, 6)  # noqa: DTZ001  meters know no zones
    frame = Cjt188Framing().request(1, WATER, clock_request(at, low_first=False, number=7))
    answers = station.hear(Burst(frame, True, 0.0, 0.1))
    assert taken == [bytes.fromhex("06 20 17 09 01 17 20")]
    assert clock_of(taken[0]) == at
    assert answers
