"""How old the values of a round are: on a slow line the first ones are much older than the last."""

import asyncio

import pytest
from driver_site import Site, row
from driver_site import virtual as virtual_modbus
from meter_site import MeterSite, electric, virtual

from edgeguard.core.ids import PointName
from edgeguard.testing.meters import FakeElectricMeter, MeterBus

ENERGY = "93 30 02 00 00 00 00 00 51 20 01 00 25 01 01 00 17 09 00 00"


def test_every_block_of_a_round_has_the_time_at_which_it_was_asked_for() -> None:
    site = Site(row(0, 1, 100, 200))

    async def story() -> None:
        await site.device.poll()
        site.unit.response_s = 0.9
        before = site.clock.now().boot_ms
        snapshot = await site.device.poll()
        assert snapshot.at.boot_ms - before == 2700
        assert [snapshot.read_at(i).boot_ms - before for i in range(4)] == pytest.approx([0, 0, 900, 1800], abs=1)
        before = site.clock.now().boot_ms
        read = await site.device.read([PointName("r200"), PointName("r1")])
        assert [read.read_at(i).boot_ms - before for i in range(2)] == pytest.approx([900, 0], abs=1)
        site.unit.silent = True
        failed = await site.device.poll()
        assert failed.asked_at == (None,) * 4

    virtual_modbus(site, story)


def test_waiting_for_a_turn_on_the_bus_makes_no_value_older() -> None:
    site = Site(row(0, 1))

    async def story() -> None:
        site.unit.response_s = 0.9
        other = asyncio.create_task(site.device.read([PointName("r0")]))
        await asyncio.sleep(0)
        before = site.clock.now().boot_ms
        snapshot = await site.device.read([PointName("r1")])
        assert snapshot.read_at(0).boot_ms - before == pytest.approx(900, abs=1)
        await other

    virtual_modbus(site, story)


def test_what_comes_in_several_frames_is_as_old_as_the_first() -> None:
    meter = FakeElectricMeter("003411001043", {"0001FF00": bytes.fromhex(ENERGY), "02010100": b"\x97\x22"}, chunk=7)
    site = MeterSite([electric("00010000"), electric("00010400"), electric("02010100")], meter, bus=MeterBus(meter, response_s=0.3))

    async def story() -> None:
        before = site.clock.now().boot_ms
        snapshot = await site.device.poll()
        times_ms = [snapshot.read_at(i).boot_ms - before for i in range(3)]
        assert times_ms == pytest.approx([0, 0, 300 * (len(meter.asked) - 1)], abs=2)
        assert len(meter.asked) == 4

    virtual(site, story)
