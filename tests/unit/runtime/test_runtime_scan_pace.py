"""The pace that a scan proposes is one that `check` admits, beside what is polled already."""

from dataclasses import replace
from pathlib import PurePath

import pytest

from edgeguard.config.admission import refusal
from edgeguard.core.identify import Score
from edgeguard.core.ids import BusName, DeviceName, ProfileName
from edgeguard.core.line import LineSettings, Parity, Protocol, Station
from edgeguard.core.point import Labels
from edgeguard.core.site import BusSpec, DeviceSpec, Wire
from edgeguard.discovery import Found
from edgeguard.runtime.scan_pace import paces_s
from edgeguard.testing.shipped import shipped_profiles

LIBRARY = shipped_profiles()
NAMES = ("eastron-sdm630", "grundfos-cim200", "generic-dlt645-2007-three")
PROFILES = {name: LIBRARY.get(name) for name in NAMES}
BUS = BusSpec(BusName("line-1"), Wire.SERIAL_RTU, device=PurePath("/dev/ttyUSB0"))
SLOW = LineSettings(2400, Parity.EVEN)


def found(name: str, station: Station, protocol: Protocol = Protocol.MODBUS, line: LineSettings = SLOW) -> Found:
    return Found(protocol, station, line, scores=(Score(ProfileName(name), 0.8, ()),))


def planned(one: Found, every_s: float) -> DeviceSpec:
    profile = PROFILES[str(one.profile)]
    name = DeviceName(f"d{one.station}")
    return DeviceSpec(name, BUS.name, one.station, profile, round(every_s * 1000), Labels("", ""), (), 0, one.line)


def test_a_few_devices_are_asked_as_often_as_they_deserve() -> None:
    few = [
        found("grundfos-cim200", 1, line=LineSettings(19200)),
        found("generic-dlt645-2007-three", "003411001043", Protocol.DLT645),
        replace(found("eastron-sdm630", 3), scores=()),
    ]
    assert paces_s(BUS, (), few, PROFILES) == (2.0, 60.0, 0.0)


@pytest.mark.parametrize("before", [0, 20])
def test_a_crowded_line_is_asked_as_rarely_as_check_admits(before: int) -> None:
    many = [found(NAMES[unit % 2], unit) for unit in range(1, 31)]
    polled = [planned(found("eastron-sdm630", 100 + unit), 60.0) for unit in range(before)]
    wishes = [planned(one, 2.0) for one in many]
    assert refusal(BUS, [*polled, *wishes]) is not None
    paces = paces_s(BUS, polled, many, PROFILES)
    assert refusal(BUS, [*polled, *(planned(one, pace) for one, pace in zip(many, paces, strict=True))]) is None


def test_a_full_line_gets_rows_all_the_same() -> None:
    full = [planned(found("eastron-sdm630", unit), 1.0) for unit in range(100, 120)]
    (pace,) = paces_s(BUS, full, [found("grundfos-cim200", 1)], PROFILES)
    assert 2.0 < pace <= 86_400
