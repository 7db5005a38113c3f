"""Twelve meters on one line, called by wildcards: their answers fall over each other as garbage, and each is found all the same."""

import random
from collections.abc import Sequence

import pytest

from edgeguard.core.line import Protocol
from edgeguard.discovery.asker import Asker
from edgeguard.discovery.meter_search import MeterSearch
from edgeguard.discovery.walk import Question
from edgeguard.testing.clock import FakeClock, run_virtual
from edgeguard.testing.meters import FakeElectricMeter, FakeWaterMeter, MeterBus

BATCH = [f"0034110010{number:02d}" for number in range(38, 50)]
"""As delivered: numbers in a row."""
APART = [f"{random.Random(number).randrange(10**12):012d}" for number in range(12)]
READINGS = {"9010": b"\x78\x56\x34\x12"}


def search(bus: MeterBus, protocol: Protocol, variant: str) -> tuple[list[str], MeterSearch]:
    everybody = "A" * (12 if protocol is Protocol.DLT645 else 16)
    made: list[MeterSearch] = []
    found: list[str] = []

    async def main() -> None:
        made.append(MeterSearch(Asker(bus), Question(protocol, None, everybody, variant)))
        found.extend(await made[0].stations())

    run_virtual(main(), FakeClock())
    return sorted(found), made[0]


def only_asked(meters: Sequence[FakeElectricMeter | FakeWaterMeter], controls: set[int]) -> bool:
    """Whether nothing but these questions came to any meter."""
    return {pdu[0] for meter in meters for pdu in meter.asked} <= controls


@pytest.mark.parametrize("addresses", [BATCH, APART], ids=["in a row", "apart"])
@pytest.mark.parametrize("edition", [2007, 1997])
def test_electricity_meters(addresses: list[str], edition: int) -> None:
    meters = [FakeElectricMeter(address, dict(READINGS), edition=edition) for address in addresses]
    found, seeker = search(MeterBus(*meters), Protocol.DLT645, str(edition))
    assert found == sorted(addresses)
    assert seeker.unresolved == []
    assert only_asked(meters, {0x13, 0x01})


def test_water_meters() -> None:
    stations = [f"10783300112233{number:02d}" for number in range(38, 50)]
    meters = [FakeWaterMeter(station) for station in stations]
    found, seeker = search(MeterBus(*meters), Protocol.CJT188, "901F")
    assert found == stations
    assert seeker.unresolved == []
    assert only_asked(meters, {0x03})


def test_two_with_one_address_are_said_and_the_other_ten_are_found() -> None:
    addresses = [*BATCH[:10], BATCH[11], BATCH[11]]
    meters = [FakeElectricMeter(address) for address in addresses]
    bus = MeterBus(*meters)
    found, seeker = search(bus, Protocol.DLT645, "2007")
    assert found == BATCH[:10]
    assert seeker.unresolved == [BATCH[11]]


def test_two_that_differ_in_the_first_digit_alone() -> None:
    """Narrowed down to whole addresses, the question is no wildcard any more, and its answer counts all the same."""
    meters = [FakeElectricMeter(address) for address in ("034110010438", "134110010438")]
    found, seeker = search(MeterBus(*meters), Protocol.DLT645, "2007")
    assert found == ["034110010438", "134110010438"]
    assert seeker.unresolved == []


def test_meters_that_know_only_the_whole_wildcard_leave_the_search_at_an_end() -> None:
    """Standards differ: such a line gives nobody's address, and that within the bound of questions."""
    meters = [FakeElectricMeter(address, partial_wildcards=False) for address in BATCH]
    bus = MeterBus(*meters)
    found, _ = search(bus, Protocol.DLT645, "2007")
    assert found == []
    assert len(bus.sent) == 11


@pytest.mark.slow
def test_a_line_of_many_sevens_is_not_asked_for_ever() -> None:
    """Whatever collides, questions are bounded."""
    bus = MeterBus(*(FakeElectricMeter(f"{n:06d}777777") for n in range(200)))
    _, seeker = search(bus, Protocol.DLT645, "2007")
    assert len(bus.sent) == 400
    assert not seeker.nameless
