"""A CJ/T 188 meter through its driver: either order of identifiers, units taken seriously, a valve that takes its time."""

import pytest
from meter_site import WATER, MeterSite, seen, valve, virtual, water

from edgeguard.codec.cjt188_framing import build_frame
from edgeguard.codec.meter_frame import MeterFrame
from edgeguard.core.errors import WriteRefused
from edgeguard.core.ids import PointName
from edgeguard.core.point import Value
from edgeguard.core.profile import Cjt188Limits
from edgeguard.core.quality import Reason
from edgeguard.driver import WriteResult
from edgeguard.driver.cjt188_device import Cjt188Device
from edgeguard.testing.meters import FakeWaterMeter

NOW = bytes.fromhex("00 77 66 55 2C 00 77 66 55 2C 31 01 22 11 05 15 20 20 84")
"""W2 with an open valve."""
PLACES = [water("volume"), water("settled_volume"), water("clock"), water("status")]
HEAT = "00 10 00 00 05 56 34 12 00 05 00 02 00 00 17 00 50 12 00 35 78 56 34 12 2c 50 65 00 25 40 00 56 34 00 {clock} 00 00"


def test_all_items_are_one_request() -> None:
    meter = FakeWaterMeter(WATER, {"901F": NOW})
    site = MeterSite(PLACES, meter)

    async def story() -> None:
        assert seen(await site.device.poll()) == [556677, 556677, "2015-05-11 22:01:31", 0x8420]
        assert len(meter.asked) == 1

    virtual(site, story)


def test_the_order_of_the_identifier_is_found_out_and_kept() -> None:
    meter = FakeWaterMeter(WATER, {"901F": NOW}, low_first=True)
    site = MeterSite(PLACES[:1], meter)
    device = site.device
    assert isinstance(device, Cjt188Device)

    async def story() -> None:
        assert seen(await device.poll()) == [Reason.TIMEOUT]
        assert device.low_first is None
        assert seen(await device.poll()) == [556677]
        assert device.low_first is True
        meter.silent = True
        assert seen(await device.poll()) == [Reason.TIMEOUT]
        meter.silent = False
        assert seen(await device.poll()) == [556677]

    virtual(site, story)


class MeterThatRefusesTheWrongOrder(FakeWaterMeter):
    """Read backwards, its identifiers are no identifiers: it says so, with an error answer."""

    def answer(self, frame: MeterFrame) -> bytes | None:
        told = super().answer(frame)
        refusal = build_frame(self.station, frame.control | 0xC0, bytes((frame.data[2], 0x01, 0x00)))
        return refusal if told is None and frame.is_answer is False else told


@pytest.mark.parametrize("ask", ["poll", "read"])
def test_a_refusal_does_not_settle_the_order_of_the_identifier(ask: str) -> None:
    site = MeterSite(PLACES[:1], MeterThatRefusesTheWrongOrder(WATER, {"901F": NOW}, low_first=True))

    async def story() -> None:
        snapshot = await (site.device.poll() if ask == "poll" else site.device.read([PointName("volume")]))
        assert seen(snapshot) == [556677]
        assert isinstance(site.device, Cjt188Device)
        assert site.device.low_first is True

    virtual(site, story)


def test_a_person_gets_both_orders_tried_at_once() -> None:
    site = MeterSite(PLACES[:1], FakeWaterMeter(WATER, {"901F": NOW}, low_first=True))

    async def story() -> None:
        assert seen(await site.device.read([PointName("volume")])) == [556677]

    virtual(site, story)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("00 77 66 55 7F" + " 00" * 14, Reason.UNDECODABLE),
        ("00 77 66 55 05" + " 00" * 14, Reason.UNDECODABLE),
        ("FF FF FF FF 2C" + " 00" * 14, Reason.NO_VALUE),
        ("0A 77 66 55 2C" + " 00" * 14, Reason.UNDECODABLE),
        ("00 77", Reason.NO_VALUE),
    ],
)
def test_what_is_no_volume_is_no_value(data: str, reason: Reason) -> None:
    site = MeterSite(PLACES[:1], FakeWaterMeter(WATER, {"901F": bytes.fromhex(data)}))

    async def story() -> None:
        assert seen(await site.device.poll()) == [reason]

    virtual(site, story)


def test_a_wrong_number_and_a_refusal_are_named() -> None:
    meter = FakeWaterMeter(WATER, {"901F": NOW}, wrong_number=True)
    site = MeterSite(PLACES[:1], meter, limits=Cjt188Limits(low_first=False))

    async def story() -> None:
        assert seen(await site.device.poll()) == [Reason.WRONG_TRANSACTION]
        meter.wrong_number, meter.refuses = False, True
        assert seen(await site.device.poll()) == [Reason.REFUSED]

    virtual(site, story)


def test_a_heat_meter_and_the_family_with_the_unit_first() -> None:
    clock = "31 01 22 11 05 15 20"
    names = [
        ("energy", "kWh"),
        ("power", "kW"),
        ("flow", "m3/h"),
        ("volume", "m3"),
        ("supply_temperature", ""),
        ("working_hours", ""),
    ]
    values = [1234.56, 2, 12.5, 123456.78, 65.5, 3456]
    plain = bytes.fromhex(HEAT.format(clock=clock))
    swapped = b"".join(plain[i + 4 : i + 5] + plain[i : i + 4] for i in range(0, 25, 5)) + plain[25:]
    for form, data in (("heat", plain), ("heat-unit-first", swapped)):
        meter = FakeWaterMeter("2078330011223344", {"901F": data})
        site = MeterSite([water(name, form, unit=unit) for name, unit in names], meter, limits=Cjt188Limits(form, False))

        async def story(site: MeterSite = site) -> None:
            assert seen(await site.device.poll()) == values

        virtual(site, story)


def test_the_wrong_family_gives_no_energy() -> None:
    plain = bytes.fromhex(HEAT.format(clock="31 01 22 11 05 15 20"))
    meter = FakeWaterMeter("2078330011223344", {"901F": plain})
    site = MeterSite([water("energy", "heat-unit-first", unit="kWh")], meter, limits=Cjt188Limits("heat-unit-first", False))

    async def story() -> None:
        assert seen(await site.device.poll()) == [Reason.UNDECODABLE]

    virtual(site, story)


def turn(site: MeterSite, value: Value) -> WriteResult:
    results: list[WriteResult] = []

    async def story() -> None:
        results.append(await site.device.write(PointName("valve"), value))

    virtual(site, story)
    return results[0]


def test_a_valve_is_closed_and_watched_until_it_is() -> None:
    meter = FakeWaterMeter(WATER, {"901F": NOW}, valve_reads=3)
    result = turn(MeterSite([valve()], meter), "closed")
    assert result == WriteResult("closed", "closed", verified=True)
    assert meter.asked[0][:1] + meter.asked[0][1:3] + meter.asked[0][4:] == bytes.fromhex("04 A0 17 99")
    assert [pdu[0] for pdu in meter.asked] == [4, 1, 1, 1, 1]


@pytest.mark.parametrize("address", ["10AAAAAAAAAAAAAA", "AA78330011223344", "1078330011AA3344"])
def test_a_valve_is_never_turned_by_a_wildcard(address: str) -> None:
    meter = FakeWaterMeter(WATER, {"901F": NOW})
    with pytest.raises(WriteRefused, match=f"address {address} may be heard by other meters"):
        turn(MeterSite([valve()], meter, address=address), "closed")
    assert meter.asked == []


@pytest.mark.parametrize("value", ["faulty", "故障", 3, 2, "shut", True])
def test_a_valve_takes_two_commands_and_a_state_that_it_only_tells_closes_nothing(value: Value) -> None:
    meter = FakeWaterMeter(WATER, {"901F": NOW}, valve_reads=3)
    with pytest.raises(WriteRefused, match=r"no command|is none of|not True"):
        turn(MeterSite([valve()], meter), value)
    assert meter.asked == []


def test_a_valve_that_does_not_move_is_reported_as_that() -> None:
    meter = FakeWaterMeter(WATER, {"901F": NOW}, valve_reads=1000)
    result = turn(MeterSite([valve()], meter), "关")
    assert (result.verified, result.read_back) == (False, "open")
    assert result.detail == "wrote closed, read back open; the meter confirmed the command, but its valve has not moved"


def test_a_valve_is_not_turned_unless_the_site_enables_it_or_if_the_meter_refuses() -> None:
    meter = FakeWaterMeter(WATER, {"901F": NOW})
    with pytest.raises(WriteRefused, match="is not enabled"):
        turn(MeterSite([valve()], meter, enabled=False), "closed")
    assert meter.asked == []
    meter.refuses = True
    with pytest.raises(WriteRefused, match="the meter refuses with control code C4, status 00 40"):
        turn(MeterSite([valve()], meter), "closed")
