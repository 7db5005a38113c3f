"""Meters of DL/T 645 and CJ/T 188 in a site: what they hold is the building's, to the last digit; orders reach them."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from site_kit import example

from edgeguard.core.ids import BusName, DeviceName, PointName, ProfileName
from edgeguard.core.line import LineSettings
from edgeguard.core.meter import Edition, MeterField, layout_of
from edgeguard.core.point import Kind, Labels, Point
from edgeguard.core.profile import Cjt188Limits, DeviceProfile, Dlt645Limits, Limits
from edgeguard.core.site import BusSpec, DeviceSpec, Wire
from edgeguard.simulator import cjt188_station as cjt
from edgeguard.simulator import dlt645_station as dlt
from edgeguard.simulator.ailment import Drifting, Refusing, Stuck
from edgeguard.simulator.map_dlt645 import MeterState, items_2007, moment, tariffs_kwh
from edgeguard.simulator.meter_appliance import MeterAppliance, own_address
from edgeguard.simulator.site import SimulatedSite
from edgeguard.simulator.wire import Burst

LABELS = Labels("表", "meter")
BEGUN = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)


def device(name: str, kind: str, address: str, limits: Limits, *asked: tuple[str, str, str]) -> DeviceSpec:
    points = tuple(Point(PointName(point), Kind.NUMBER, LABELS, minimum=0.0, maximum=900.0) for point, _, _ in asked)
    data = tuple(MeterField(identifier, layout_of(layout)) for _, identifier, layout in asked)
    profile = DeviceProfile(
        ProfileName(name), "maker", "model", kind, LABELS, points, (), limits, (), "", "", "", data=data
    )  # fmt: skip
    return DeviceSpec(DeviceName(name), BusName("riser"), address, profile, 1000, LABELS, (), 10_000)


def house(*devices: DeviceSpec) -> SimulatedSite:
    bus = BusSpec(BusName("riser"), Wire.SERIAL_RTU)
    return SimulatedSite(replace(example(), buses=(bus,), devices=devices), 6, begun=BEGUN)


def number(data: bytes, decimals: int) -> float:
    return float(data[::-1].hex()) / 10.0**decimals


def appliance(site: SimulatedSite, name: str) -> MeterAppliance:
    found = site.appliances[DeviceName(name)]
    assert isinstance(found, MeterAppliance)
    return found


def test_an_electricity_meter_holds_what_the_building_draws() -> None:
    site = house(
        device("main", "electricity-meter", "003411001043", Dlt645Limits(), ("odd", "0000ABCD", "XXX.X")),
        device("old", "electricity-meter", "000014359743", Dlt645Limits(edition=Edition.Y1997)),
    )
    for _ in range(3):
        site.advance(60.0)
        items, meter = appliance(site, "main").items(), site.state.main_meter
        assert number(items[0x00010000], 2) == pytest.approx(meter.total_kwh, abs=0.01)
        total, *tariffs = (round(100 * number(items[0x00010000 | tariff << 8], 2)) for tariff in range(5))
        assert total == sum(tariffs)
        assert number(items[0x02010100], 1) == pytest.approx(meter.volts[0], abs=0.051)
        assert number(items[0x02030000], 4) == pytest.approx(meter.load.total_w / 1000.0, abs=0.0001)
        old = appliance(site, "old").items()
        assert number(old[0x9010], 2) == pytest.approx(site.state.plant_meter.total_kwh, abs=0.01)
        assert number(old[0xB611], 0) == round(site.state.mains.volts[0])
    # what no map knows is made up by the profile's layout, within the point's range
    assert 0.0 < number(items[0x0000ABCD], 1) < 900.0
    assert items[0x04000102] == bytes.fromhex("153312")
    assert items[0x04000101] == moment(BEGUN, "YYMMDDWW") == bytes.fromhex("00010326")


def test_tariffs_are_the_total_to_the_last_digit() -> None:
    for cents in range(0, 100_000, 977):
        total, *tariffs = tariffs_kwh(cents / 100.0)
        assert round(100 * total) == sum(round(100 * kwh) for kwh in tariffs)


def ask(station: object, frame: bytes) -> bytes:
    assert isinstance(station, dlt.Dlt645Station | cjt.Cjt188Station)
    return b"".join(speech.data for speech in station.hear(Burst(frame, True, 0.0, 0.1)))


def test_orders_reach_the_meter_and_ailments_its_answers() -> None:
    site = house(device("main", "electricity-meter", "003411001043", Dlt645Limits()))
    main = appliance(site, "main")
    station = main.station(LineSettings())
    address = bytes.fromhex("431000113400")
    ask(station, dlt.SHAPE.frame(dlt.BROADCAST, 0x08, bytes.fromhex("005911311226")))
    assert main.items()[0x04000102] == bytes.fromhex("005911")
    ask(station, dlt.SHAPE.frame(dlt.BROADCAST, 0x08, bytes.fromhex("996111311226")))
    assert main.items()[0x04000102] == bytes.fromhex("005911")
    trip = bytes.fromhex("02000000 11111111 1A00 595923010130")
    assert dlt.SHAPE.frames(ask(station, dlt.SHAPE.frame(address, 0x1C, trip)))[0][0][1] == 0x9C
    assert main.items()[0x04000503] == bytes.fromhex("5000")
    main.afflict(Refusing())
    read = dlt.SHAPE.frame(address, 0x11, bytes.fromhex("00000100"))
    assert dlt.SHAPE.frames(ask(station, read))[0][0][1:] == (0xD1, b"\x01")
    main.afflict(Stuck())
    before = ask(station, read)
    site.advance(600.0)
    assert ask(station, read) == before
    main.afflict(Drifting(per_min=0.1))
    site.advance(60.0)
    volts = number(main.items()[0x02010100], 1)
    assert volts == pytest.approx(1.1 * site.state.mains.volts[0], rel=0.01)
    main.afflict(None)
    assert number(main.items()[0x02010100], 1) == pytest.approx(site.state.mains.volts[0], abs=0.06)


def test_water_and_heat_meters() -> None:
    site = house(
        device("water", "water-meter", "1078330011223344", Cjt188Limits(low_first=True)),
        device("heat", "heat-meter", "20AAAAAAAAAAAAAA", Cjt188Limits(form="heat-unit-first")),
    )
    water = appliance(site, "water")
    station = water.station(LineSettings())
    told = cjt.SHAPE.frames(ask(station, bytes.fromhex("68 10 44 33 22 11 00 33 78 01 03 1F 90 00 80 16")))[0][0]
    assert told[1] == 0x81
    assert number(told[2][3:7], 2) == pytest.approx(site.state.water.volume_m3, abs=0.006)
    assert told[2][7] == 0x2C
    assert told[2][13:20] == moment(BEGUN, "YYYYMMDDhhmmss")
    address = told[0]
    assert ask(station, cjt.SHAPE.frame(address, 4, bytes.fromhex("17A0 05 99")))[-4:-2] == bytes.fromhex("0100")
    assert water.cut_off
    heat = appliance(site, "heat").items()[0x901F]
    assert len(heat) == 0x2E - 3
    assert heat[0] == heat[5] == 0x05
    assert number(heat[25:28], 2) == pytest.approx(62.0)
    own = own_address(site.devices_on(BusName("riser"))[1], 123_456_789)
    assert (own[:2], len(own)) == ("20", 16)
    assert own.isdecimal()


def test_a_meter_of_one_phase_has_the_whole_load_on_it_and_knows_no_other() -> None:
    meter = SimulatedSite(example(), 1).state.main_meter
    three, one = (items_2007(MeterState(meter, "000000000001", BEGUN, phases=phases)) for phases in (3, 1))

    assert {0x02010200, 0x02020300, 0x02030100, 0x00290000} <= three.keys()
    assert not {0x02010200, 0x02020300, 0x02030200, 0x00290000} & one.keys()
    assert one[0x02030000] == one[0x02030100] == three[0x02030000]
    assert one[0x00010000] == three[0x00010000]
    volts, amperes, kva = (int(one[key][::-1].hex()) for key in (0x02010100, 0x02020100, 0x02050000))
    assert volts / 10 * amperes / 1000 == pytest.approx(kva / 10, rel=0.01)
