"""A serial line is admitted only with a plan that fits; what is proposed instead fits."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.config import load_site_with_notes
from edgeguard.config.admission import GOOD_SHARE, MOST_SHARE, nice_period_s, propose, refusal
from edgeguard.config.fit import load_of
from edgeguard.core.errors import ConfigError
from edgeguard.core.ids import BusName, DeviceName
from edgeguard.core.line import LineSettings, Parity
from edgeguard.core.site import BusSpec, DeviceSpec, Wire
from edgeguard.testing.shipped import shipped_profiles

LIBRARY = shipped_profiles()
METER = LIBRARY.get("eastron-sdm630")
SLOW = BusSpec(BusName("riser-a"), Wire.SERIAL_RTU, line=LineSettings(2400, Parity.EVEN))


def meters(count: int, period_ms: int = 2000) -> list[DeviceSpec]:
    return [
        DeviceSpec(DeviceName(f"meter-{n}"), BusName("riser-a"), n, METER, period_ms, METER.labels, (), 60_000)
        for n in range(1, count + 1)
    ]


def test_a_plan_that_fits_is_admitted() -> None:
    assert refusal(SLOW, meters(1, 60_000)) is None
    assert refusal(replace(SLOW, line=LineSettings(115_200)), meters(2, 5000)) is None


def test_a_plan_that_does_not_fit_is_refused_with_one_that_does() -> None:
    devices = meters(3)
    told = refusal(SLOW, devices)

    assert told is not None
    assert "does not fit on 2400 8E1" in told
    assert 'meter-1 "' in told
    found = propose(SLOW, devices)
    slower = [replace(device, period_ms=round(found.periods_s[device.name] * 1000)) for device in devices]
    assert load_of(SLOW, slower).share <= GOOD_SHARE
    assert found.baudrate is not None
    assert load_of(replace(SLOW, line=replace(SLOW.line, baudrate=found.baudrate)), devices).share <= GOOD_SHARE


def test_where_the_devices_think_for_too_long_no_baud_rate_is_proposed() -> None:
    told = refusal(replace(SLOW, line=LineSettings(9600)), meters(60, 1000))

    assert told is not None
    assert "no baud rate alone would do" in told
    assert "and 54 more" in told


def test_a_network_is_never_refused() -> None:
    for wire in (Wire.TCP, Wire.RTU_OVER_TCP):
        assert refusal(BusSpec(BusName("b"), wire, "h", 502), meters(100, 100)) is None


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 12), st.integers(100, 600_000), st.sampled_from([1200, 2400, 9600, 19_200]))
def test_whatever_is_refused_the_proposal_fits(count: int, period_ms: int, baudrate: int) -> None:
    bus, devices = replace(SLOW, line=LineSettings(baudrate)), meters(count, period_ms)
    found = propose(bus, devices)
    slower = [replace(d, period_ms=round(1000 * found.periods_s.get(d.name, d.period_ms / 1000))) for d in devices]

    assert load_of(bus, slower).share <= GOOD_SHARE + 1e-9
    assert (refusal(bus, devices) is not None) is (load_of(bus, devices).share > MOST_SHARE)


@given(st.floats(0.01, 200_000))
def test_periods_are_those_that_people_write(least_s: float) -> None:
    found_s = nice_period_s(least_s)

    assert found_s >= least_s - 1e-6
    assert found_s <= max(0.1, 2.1 * least_s) or found_s == 3600


SITE = """
[gateway]
site = "lakeside"
id = "b07"

[[bus]]
name = "riser-a"
port = "/dev/ttyUSB0"
baudrate = 2400
parity = "E"

[[device]]
name = "meter-1"
bus = "riser-a"
profile = "eastron-sdm630"
address = 1
every = "{every}"
"""


def test_a_site_with_such_a_line_is_refused_at_the_bus(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(SITE.format(every="500ms"), encoding="utf-8")

    with pytest.raises(ConfigError) as refused:
        load_site_with_notes(file)

    (mistake,) = refused.value.mistakes
    assert mistake.startswith(f"{file}:6: bus[0]")
    assert "does not fit on 2400 8E1" in mistake

    file.write_text(SITE.format(every="1m"), encoding="utf-8")
    assert load_site_with_notes(file).site.buses[0].name == "riser-a"
