"""Every shipped profile of a meter against its recording: what the identifiers hold is what the points read."""

import json

import pytest
from profile_kit import LIBRARY, MODBUS, RECORDINGS, StillClock, readings

from edgeguard.core.ids import BusName, DeviceName, PointName
from edgeguard.core.ledger import Claim
from edgeguard.core.line import Protocol
from edgeguard.core.point import Outcome
from edgeguard.core.profile import Cjt188Limits, Dlt645Limits
from edgeguard.core.quality import Fault
from edgeguard.core.site import DeviceSpec
from edgeguard.driver import Device, build_device
from edgeguard.testing.clock import run_virtual
from edgeguard.testing.meter_faults import MeterFault, spoil
from edgeguard.testing.meters import FakeElectricMeter, FakeWaterMeter, MeterBus

METERS = tuple(
    name for name in LIBRARY.names() if name not in MODBUS and isinstance(LIBRARY.get(name).limits, Dlt645Limits | Cjt188Limits)
)


def protocol_of(name: str) -> Protocol:
    return Protocol.DLT645 if isinstance(LIBRARY.get(name).limits, Dlt645Limits) else Protocol.CJT188


def metered(name: str) -> tuple[MeterBus, Device, dict[PointName, Outcome]]:
    """A line with the recorded meter on it, its device, and what its points must read."""
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
    bus = MeterBus(meter)
    return bus, build_device(spec, bus, StillClock()), recorded["expected"]


@pytest.mark.parametrize("name", METERS)
def test_the_points_read_what_the_identifiers_hold(name: str) -> None:
    _, device, expected = metered(name)

    async def story() -> None:
        assert readings(await device.poll()) == expected
        assert not device.refused

    run_virtual(story())


def test_every_profile_of_a_meter_claims_the_line_faults_that_are_tried_here() -> None:
    assert [name for name in METERS if not LIBRARY.get(name).ledger.entry(Claim.LINE_FAULTS)] == []


@pytest.mark.parametrize("fault", MeterFault)
@pytest.mark.parametrize("name", METERS)
def test_no_fault_of_the_line_leaves_a_value_standing(name: str, fault: MeterFault) -> None:
    """Of an answer that is too short only what stands whole before its end may be taken, and is right."""
    bus, device, expected = metered(name)
    protocol = protocol_of(name)
    bus.damage = lambda answer: spoil(fault, protocol, bus.sent[-1], answer)

    async def story() -> None:
        for _ in range(2):
            standing = {point: value for point, value in readings(await device.poll()).items() if not isinstance(value, Fault)}
            assert standing.items() <= (expected.items() if fault is MeterFault.SHORT else set())

    run_virtual(story())


@pytest.mark.parametrize("fault", [MeterFault.BAD_CHECKSUM, MeterFault.SHORT, MeterFault.WRONG_IDENTIFIER, MeterFault.ERROR])
@pytest.mark.parametrize("name", METERS)
def test_one_spoiled_answer_takes_only_its_own_points(name: str, fault: MeterFault) -> None:
    """The others are what they are without it; all are back within three rounds, as another order of bytes may be tried first."""
    bus, device, expected = metered(name)
    protocol = protocol_of(name)

    def once(answer: bytes) -> bytes:
        return spoil(fault, protocol, bus.sent[-1], answer) if len(bus.sent) == 1 else answer

    bus.damage = once

    async def story() -> None:
        rounds = [readings(await device.poll()) for _ in range(4)]
        spoiled = {point for point, outcome in rounds[0].items() if isinstance(outcome, Fault)}
        assert spoiled or fault is MeterFault.SHORT
        for told in rounds:
            assert {point: value for point, value in told.items() if not isinstance(value, Fault)}.items() <= expected.items()
        assert {point for point in spoiled if not any(told[point] == expected[point] for told in rounds)} == set()

    run_virtual(story())


def test_all_kinds_of_meters_are_there() -> None:
    assert len(METERS) == 7
