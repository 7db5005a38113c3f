"""Every shipped profile of a meter against its recording: what the identifiers hold is what the points read."""

import json

import pytest
from profile_kit import LIBRARY, MODBUS, RECORDINGS, StillClock, readings

from edgeguard.core.ids import BusName, DeviceName
from edgeguard.core.profile import Cjt188Limits, Dlt645Limits
from edgeguard.core.site import DeviceSpec
from edgeguard.driver import build_device
from edgeguard.testing.clock import run_virtual
from edgeguard.testing.meters import FakeElectricMeter, FakeWaterMeter, MeterBus

METERS = tuple(
    name for name in LIBRARY.names() if name not in MODBUS and isinstance(LIBRARY.get(name).limits, Dlt645Limits | Cjt188Limits)
)


@pytest.mark.parametrize("name", METERS)
def test_the_points_read_what_the_identifiers_hold(name: str) -> None:
    profile = LIBRARY.get(name)
    recorded = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    data = {identifier: bytes.fromhex(held) for identifier, held in recorded["data"].items()}
    limits = profile.limits
    meter: FakeElectricMeter | FakeWaterMeter
    if isinstance(limits, Dlt645Limits):
        meter, station = FakeElectricMeter("000006605518", data, edition=limits.edition.value), "000006605518"
    else:
        meter, station = FakeWaterMeter("1078330011223344", data), "1078330011223344"
    spec = DeviceSpec(DeviceName("meter-1"), BusName("meters"), station, profile, 60_000, profile.labels, (), 180_000)
    device = build_device(spec, MeterBus(meter), StillClock())

    async def story() -> None:
        assert readings(await device.poll()) == recorded["expected"]
        assert not device.refused

    run_virtual(story())


def test_all_kinds_of_meters_are_there() -> None:
    assert len(METERS) == 7
