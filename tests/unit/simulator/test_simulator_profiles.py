"""Any profile of the library can be simulated: an hour without a bad value and without an alarm, alive, and each its own."""

import math

import pytest
from site_kit import Watched, library, modbus_profiles, site_of

from edgeguard.core.ids import DeviceName
from edgeguard.core.point import Kind
from edgeguard.core.quality import Fault
from edgeguard.simulator.registers import Refused
from edgeguard.simulator.site import SimulatedSite


@pytest.fixture(scope="module")
def hour() -> tuple[SimulatedSite, dict[str, list[str]], dict[str, list[tuple[object, ...]]]]:
    """One building with a device of every profile, after an hour of life: what was wrong, and what was read."""
    house = SimulatedSite(site_of(modbus_profiles()), 3)
    devices = {name: Watched.of(house, name) for name in house.appliances}
    told: dict[str, list[str]] = {name: [] for name in devices}
    read: dict[str, list[tuple[object, ...]]] = {name: [] for name in devices}
    for minute in range(2, 61, 2):
        for _ in range(12):
            house.advance(10.0)
        for name, device in devices.items():
            told[name] += device.look(60 * minute)
            read[name].append(device.outcomes())
    return house, told, read


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, len(modbus_profiles()) + 1), ids=modbus_profiles())
def test_an_hour_of_any_profile_is_good_and_quiet(hour, number: int) -> None:  # type: ignore[no-untyped-def]
    house, told, _ = hour
    device = next(name for name, one in house.appliances.items() if one.spec.address == number)
    # one house for all these meters draws more than the small ones bear; a glance every two minutes sees doors that move twice
    expected = ("overload", "door-not")
    assert [line for line in told[device] if not line.split(".")[-1].startswith(expected)] == []


@pytest.mark.slow
def test_what_is_measured_moves_and_counters_never_fall(hour) -> None:  # type: ignore[no-untyped-def]
    house, _, read = hour
    for name, rounds in read.items():
        profile = house.appliances[name].spec.profile
        rule = {expected.point: expected for expected in profile.identify.expect}
        if any(point.kind is Kind.NUMBER and point.unit and point.decimals != 0 for point in profile.points):
            assert len(set(rounds)) > 1, f"{name} stands still"
        for i, point in enumerate(profile.points):
            expected = rule.get(point.name)
            if expected is not None and expected.never_falls:
                column = [float(str(values[i])) for values in rounds]
                assert column == sorted(column), f"{name}.{point.name} falls"


@pytest.mark.slow
def test_the_energy_of_the_parts_is_that_of_the_whole() -> None:
    names = ["eastron-sdm630", "acrel-dtsd1352", "chint-dtsu666", "abb-b23", "schneider-iem3155", "generic-water-meter-modbus"]
    house = SimulatedSite(site_of([*names, "generic-water-meter-modbus", "generic-water-meter-modbus"]), 5)

    def energies() -> list[float]:
        return [
            house.state.main_meter.total_kwh,
            house.state.plant_meter.total_kwh,
            *(one.total_kwh for one in house.state.feeders),
        ]

    for _ in range(2):
        main, *parts = energies()
        assert main == pytest.approx(sum(parts), rel=1e-9)
        assert house.state.water.volume_m3 == pytest.approx(sum(zone.volume_m3 for zone in house.state.zones), rel=1e-9)
        for _ in range(60):
            house.advance(10.0)
    # and so the registers say, within what their digits bear
    shown = {}
    for name in house.appliances:
        watched = Watched.of(house, name)
        values: dict[str, object] = dict(zip((str(point.name) for point in watched.rules.points), watched.outcomes(), strict=True))
        shown[name] = next((values[key] for key in ("energy_import", "energy_total", "energy") if key in values), None)
    main, *parts = [float(str(value)) for value in shown.values() if value is not None]
    assert len(parts) == 4
    assert main == pytest.approx(sum(parts), abs=3.0)


@pytest.mark.slow
def test_two_of_a_kind_live_their_own_lives_and_a_seed_lives_twice() -> None:
    def life(seed: int) -> list[tuple[object, ...]]:
        house = SimulatedSite(site_of(["inovance-nice3000plus", "inovance-nice3000plus", "apc-nmc2-ups", "apc-nmc2-ups"]), seed)
        for _ in range(20):
            house.advance(3.0)
        return [Watched.of(house, name).outcomes() for name in house.appliances]

    one, other = life(1), life(1)
    assert one == other
    assert one[0] != one[1]
    assert one[2] != one[3]
    assert life(2) != one


def test_writes_are_kept_where_the_profile_writes_and_refused_elsewhere() -> None:
    house = SimulatedSite(site_of(["waveshare-relay8", "eastron-sdm120"]), 1)
    relay, meter = (Watched.of(house, name) for name in house.appliances)
    before = relay.outcomes()
    relay.appliance.write_bits(1, [1])
    after = relay.outcomes()
    assert [i for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new] == [1]
    with pytest.raises(Refused):
        relay.appliance.write_bits(40, [1])
    with pytest.raises(Refused):
        meter.appliance.write(0, [1])


def test_a_model_says_and_holds_what_it_is_recognised_by() -> None:
    house = SimulatedSite(site_of(modbus_profiles()), 1)
    for name, appliance in zip(modbus_profiles(), house.appliances.values(), strict=True):
        rule = library().get(name).identify
        unit = appliance.unit
        assert unit is not None
        if rule.vendor or rule.product or rule.server_id:
            assert unit.identity is not None
        for check in rule.registers:
            words = unit.image().read(check.field.table, check.field.address, check.field.words)
            if check.equals and check.field.words == 1 and check.field.bits is None:
                assert words[0] in check.equals, f"{name}: {check.means}"


@pytest.mark.slow
def test_values_are_finite_and_fit_their_points() -> None:
    house = SimulatedSite(site_of(modbus_profiles()), 77)
    house.advance(1.0)
    for name in house.appliances:
        device = Watched.of(house, DeviceName(name))
        for point, outcome in zip(device.rules.points, device.outcomes(), strict=True):
            assert not isinstance(outcome, Fault), f"{name}.{point.name}: {outcome}"
            if point.kind is Kind.NUMBER:
                assert math.isfinite(float(outcome))
