"""The estimate of a bus's load: what it counts, checked by hand."""

from dataclasses import replace

import pytest

from edgeguard.config.fit import Taught, block_sizes, load_of
from edgeguard.core.ids import BusName, DeviceName
from edgeguard.core.line import LineSettings, Parity
from edgeguard.core.profile import ModbusLimits
from edgeguard.core.register import Table
from edgeguard.core.site import BusSpec, DeviceSpec, Wire
from edgeguard.testing.shipped import shipped_profiles

LIBRARY = shipped_profiles()


def spec(profile_name: str, period_ms: int) -> DeviceSpec:
    profile = LIBRARY.get(profile_name)
    return DeviceSpec(DeviceName("d"), BusName("b"), 1, profile, period_ms, profile.labels, (), 10_000)


def line(settings: LineSettings, wire: Wire = Wire.SERIAL_RTU) -> BusSpec:
    return BusSpec(BusName("b"), wire, line=settings)


def bus(wire: Wire, parallel: int = 1, delay_ms: int = 0) -> BusSpec:
    return BusSpec(BusName("b"), wire, "h", 502, parallel, 3000, delay_ms)


def test_blocks_follow_gaps_and_limits() -> None:
    lift = LIBRARY.get("inovance-nice3000plus")
    assert block_sizes(lift) == [5, 6, 1, 1]
    assert block_sizes(replace(lift, limits=ModbusLimits(max_gap=3))) == [14, 1, 1]
    assert block_sizes(replace(lift, limits=ModbusLimits(max_gap=3, max_registers=8))) == [5, 6, 1, 1]
    assert block_sizes(LIBRARY.get("waveshare-relay8")) == [1]


def test_time_on_a_serial_line_and_on_tcp() -> None:
    water = spec("generic-water-meter-modbus", 1000)
    serial = load_of(bus(Wire.RTU_OVER_TCP), [water])
    assert serial.requests_per_s == 1
    assert serial.share == pytest.approx((10 / 9.6 * (8 + 5 + 10 + 3.5) + 10.0) / 1000)
    assert load_of(bus(Wire.TCP, delay_ms=48), [water]).share == pytest.approx(0.05)
    assert load_of(bus(Wire.TCP, parallel=4, delay_ms=48), [water, water]).share == pytest.approx(0.025)
    assert load_of(bus(Wire.TCP), []).share == 0


def test_time_by_the_true_settings_of_the_line() -> None:
    water = spec("generic-water-meter-modbus", 1000)
    slow, fast = LineSettings(2400, Parity.EVEN), LineSettings(115_200)
    assert load_of(line(slow), [water]).share == pytest.approx((11 / 2.4 * (8 + 5 + 10 + 3.5) + 10.0) / 1000)
    assert load_of(line(fast), [water]).share == pytest.approx((10 / 115.2 * (8 + 5 + 10) + 1.75 + 10.0) / 1000)
    assert load_of(line(fast), [replace(water, line=slow)]) == load_of(line(slow), [water])
    assert load_of(line(slow, Wire.SERIAL_ASCII), [water]).share == pytest.approx((11 / 2.4 * (17 + 11 + 20 + 3.5) + 10.0) / 1000)


def test_a_meter_costs_its_frames_and_its_own_delay() -> None:
    names = [name for name in LIBRARY.names() if not isinstance(LIBRARY.get(name).limits, ModbusLimits)]
    for name in names:
        meter = replace(spec(name, 10_000), line=LineSettings(2400, Parity.EVEN))
        character_ms, pause_ms = 11 / 2.4, meter.profile.limits.delay_ms
        expected_ms = sum(
            (36 + 2 * size) * character_ms + 20 + max(3.5 * character_ms, pause_ms) for size in block_sizes(meter.profile)
        )
        assert load_of(line(LineSettings(9600)), [meter]).share == pytest.approx(expected_ms / 10_000)


def test_what_a_device_has_taught_takes_the_place_of_what_is_assumed() -> None:
    water, on = spec("generic-water-meter-modbus", 1000), line(LineSettings(9600))
    frames_ms = 10 / 9.6 * (8 + 5 + 10)
    silence_ms = 10 / 9.6 * 3.5

    def share(taught: Taught) -> float:
        return load_of(on, [water], {water.name: taught}).share

    assert share(Taught()) == load_of(on, [water]).share
    assert share(Taught(turnaround_ms=140)) == pytest.approx((frames_ms + silence_ms + 140) / 1000)
    assert share(Taught(turnaround_ms=3, gap_ms=20)) == pytest.approx((frames_ms + 20 + 3) / 1000)
    assert load_of(bus(Wire.TCP), [water], {water.name: Taught(turnaround_ms=90)}).share == pytest.approx(0.09)
    assert load_of(on, [water], {DeviceName("another"): Taught(turnaround_ms=900)}) == load_of(on, [water])


def test_blocks_follow_what_was_refused() -> None:
    lift = LIBRARY.get("inovance-nice3000plus")
    whole = replace(lift, limits=ModbusLimits(max_gap=3))
    (first, *_) = whole.points
    assert block_sizes(whole, Taught(largest=8)) == [5, 6, 1, 1]
    assert block_sizes(whole, Taught(cuts=frozenset({(Table.HOLDING, whole.fields[-1].address)}))) == [14, 1, 1]
    assert sum(block_sizes(whole, Taught(refused=frozenset({first.name})))) < sum(block_sizes(whole))
    assert block_sizes(whole, Taught(refused=frozenset(point.name for point in whole.points))) == [1]


def test_a_slow_meter_counts_as_slow() -> None:
    name = next(name for name in LIBRARY.names() if not isinstance(LIBRARY.get(name).limits, ModbusLimits))
    meter, on = spec(name, 10_000), line(LineSettings(2400, Parity.EVEN))
    requests = len(block_sizes(meter.profile))

    slow = load_of(on, [meter], {meter.name: Taught(turnaround_ms=320)})

    assert slow.share - load_of(on, [meter]).share == pytest.approx(requests * 0.300 / 10)
    assert block_sizes(meter.profile, Taught(refused=frozenset(point.name for point in meter.profile.points))) == [1]
