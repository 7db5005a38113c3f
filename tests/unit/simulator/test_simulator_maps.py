"""The devices as a gateway sees them: shipped profiles read the physics back, and refusals come where a device refuses.

The maps are written from the makers' lists, the profiles by other hands: where both agree, the point sits where we say.
"""

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeguard.codec.block import compile_block
from edgeguard.codec.plan import Span as ReadSpan
from edgeguard.config import ProfileLibrary, load_site, shipped_configs
from edgeguard.core.ids import PointName
from edgeguard.core.point import Outcome
from edgeguard.core.quality import Fault
from edgeguard.core.register import Table
from edgeguard.simulator.building import BuildingSpec, BuildingState, Conditions, settled, step
from edgeguard.simulator.cast import Part, cast
from edgeguard.simulator.lift import Car, Passenger
from edgeguard.simulator.map_lift import lift_image
from edgeguard.simulator.map_meters import dtsd1352_image, sdm630_image, water_image
from edgeguard.simulator.map_pump import pump_image, write_pump
from edgeguard.simulator.pumps import SetState, fresh
from edgeguard.simulator.registers import Image, Refusal, Refused, Words
from edgeguard.testing.shipped import shipped_profiles

SPEC = BuildingSpec()


@pytest.fixture(scope="module")
def library() -> ProfileLibrary:
    return shipped_profiles()


@pytest.fixture(scope="module")
def morning() -> BuildingState:
    state = settled(SPEC, 4, 8 * 3600.0, (Passenger(0, 9, 80.0),))
    for _ in range(60):
        state = step(SPEC, state, 0.1, Conditions())
    return state


def read_all(library: ProfileLibrary, profile_name: str, image: Image) -> dict[str, Outcome]:
    """Every point of a profile, each read by itself from a device's registers."""
    profile = library.get(profile_name)
    values: dict[str, Outcome] = {}
    for i, (point, field) in enumerate(zip(profile.points, profile.fields, strict=True)):
        span = ReadSpan(field.table, field.address, field.words, (i,))
        block = compile_block(span, profile.points, profile.fields)
        words = image.read(field.table, field.address, field.words)
        outcomes = block.decode(block.head + struct.pack(f">{len(words)}H", *words))
        values[point.name] = outcomes if isinstance(outcomes, Fault) else outcomes[0]
    return values


def assert_all_good(values: dict[str, Outcome]) -> None:
    assert {name: value for name, value in values.items() if isinstance(value, Fault)} == {}


def test_lift(library: ProfileLibrary, morning: BuildingState) -> None:
    values = read_all(library, "inovance-nice3000plus", lift_image(SPEC.lift, morning.lift, morning.drive))
    assert_all_good(values)
    assert morning.lift.car is Car.RUNNING
    assert values[PointName("speed")] == pytest.approx(abs(morning.lift.speed_mps), abs=0.001)
    assert values[PointName("position")] == pytest.approx(morning.lift.position_m, abs=0.06)
    assert values[PointName("car_load")] == pytest.approx(8.0, abs=0.1)
    assert (values[PointName("car_state")], values[PointName("mode")]) == ("running", "automatic")
    assert values[PointName("fault")] == "none"


@pytest.mark.parametrize("index", [0, 1])
def test_pumps(library: ProfileLibrary, morning: BuildingState, index: int) -> None:
    values = read_all(library, "grundfos-cim200", pump_image(SPEC.pumps, morning.pumps, index))
    assert_all_good(values)
    pump = morning.pumps.pumps[index]
    assert values[PointName("flow")] == pytest.approx(pump.flow_m3h, abs=0.06)
    assert values[PointName("head")] == pytest.approx(pump.head_m, abs=0.01)
    assert values[PointName("power")] == pytest.approx(pump.power_w / 1000.0, abs=0.001)
    assert values[PointName("outlet_pressure")] == pytest.approx(morning.water.pressure_bar, abs=0.002)
    assert values[PointName("setpoint")] == pytest.approx(48.0)
    assert values[PointName("alarm_code")] == 0
    assert values[PointName("running")] == (pump.speed > 0.0) == (values[PointName("speed")] != 0)


def test_main_meter(library: ProfileLibrary, morning: BuildingState) -> None:
    values = read_all(library, "eastron-sdm630", sdm630_image(morning.main_meter))
    assert_all_good(values)
    good = {name: value for name, value in values.items() if isinstance(value, float)}
    assert good["power"] == pytest.approx(morning.main_meter.load.total_w / 1000.0, abs=0.001)
    assert good["power"] == pytest.approx(sum(good[f"power_l{n}"] for n in (1, 2, 3)), abs=0.003)
    volt_amperes = good["voltage_l1"] * good["current_l1"]
    assert 1000.0 * good["power_l1"] == pytest.approx(volt_amperes * good["power_factor_l1"], rel=0.002)
    assert good["apparent_power"] ** 2 == pytest.approx(good["power"] ** 2 + good["reactive_power"] ** 2, rel=0.001)


def test_plant_meter(library: ProfileLibrary, morning: BuildingState) -> None:
    values = read_all(library, "acrel-dtsd1352", dtsd1352_image(morning.plant_meter))
    assert_all_good(values)
    assert values[PointName("power")] == pytest.approx(morning.plant_meter.load.total_w / 1000.0, abs=0.002)
    assert values[PointName("energy_import")] == pytest.approx(morning.plant_meter.total_kwh, abs=0.01)
    assert values[PointName("voltage_l1_l2")] == pytest.approx(400.0, abs=10.0)


def test_water_meter(library: ProfileLibrary, morning: BuildingState) -> None:
    values = read_all(library, "generic-water-meter-modbus", water_image(morning.water))
    assert_all_good(values)
    assert values[PointName("volume")] == pytest.approx(morning.water.volume_m3, abs=0.001)
    assert values[PointName("flow")] == pytest.approx(morning.water.flow_m3h, abs=0.006)
    assert values[PointName("pressure")] == pytest.approx(morning.water.pressure_bar / 10.0, abs=0.001)


def test_faults_show_in_the_registers(library: ProfileLibrary, morning: BuildingState) -> None:
    state = morning.with_set(0, replace(morning.pumps, tank_m=0.05))
    for _ in range(400):
        state = step(SPEC, state, 0.1, Conditions(doors_jammed=frozenset({0}), supplies_shut=frozenset({0})))
    lift = read_all(library, "inovance-nice3000plus", lift_image(SPEC.lift, state.lift, state.drive))
    assert lift[PointName("mode")] == "fault"
    assert str(lift[PointName("fault")]).startswith("E48")
    pump = read_all(library, "grundfos-cim200", pump_image(SPEC.pumps, state.pumps, 0))
    assert (pump[PointName("alarm_code")], pump[PointName("alarm")], pump[PointName("running")]) == (57, True, False)


@pytest.mark.parametrize(
    ("table", "address", "count", "code"),
    [
        (Table.HOLDING, 0x1000, 1, Refusal.ADDRESS),
        (Table.HOLDING, 0x1023, 2, Refusal.ADDRESS),
        (Table.HOLDING, 0x6000, 1, Refusal.ADDRESS),
        (Table.HOLDING, 0x1010, 126, Refusal.VALUE),
        (Table.INPUT, 0x1010, 1, Refusal.FUNCTION),
        (Table.COIL, 0, 1, Refusal.FUNCTION),
    ],
)
def test_what_a_device_does_not_have_it_refuses(
    morning: BuildingState, table: Table, address: int, count: int, code: Refusal
) -> None:
    image = lift_image(SPEC.lift, morning.lift, morning.drive)
    with pytest.raises(Refused) as refused:
        image.read(table, address, count)
    assert refused.value.code is code


def test_holes_of_the_pump_module_read_as_absent(morning: BuildingState) -> None:
    assert pump_image(SPEC.pumps, morning.pumps, 0).read(Table.INPUT, 206, 2) == [0xFFFF, 0xFFFF]


def test_car_and_landing_calls() -> None:
    state = settled(SPEC, 1, 0.0)
    waiting = (Passenger(0, 3), Passenger(5, 2), Passenger(17, 0))
    lift = replace(state.lift, riding=(Passenger(0, 9), Passenger(0, 17)), waiting=waiting)
    image = lift_image(SPEC.lift, lift, state.drive)
    assert image.read(Table.HOLDING, 0x2000, 3) == [0, 0b10, 0b10]
    assert image.read(Table.HOLDING, 0x2010, 5) == [0b1, 0b1000, 0, 0, 0b1000]


def test_pump_writes() -> None:
    state: SetState = fresh(SPEC.pumps)
    assert write_pump(SPEC.pumps, state, 0, 103, [5000]).control.setpoint_bar == pytest.approx(5.0)
    off = write_pump(SPEC.pumps, state, 1, 100, [0b01])
    assert [pump.commanded_on for pump in off.pumps] == [True, False]
    assert write_pump(SPEC.pumps, off, 1, 100, [0b11]).pumps[1].commanded_on
    for address, words, code in ((103, [10_001], Refusal.VALUE), (101, [7], Refusal.VALUE), (200, [1], Refusal.ADDRESS)):
        with pytest.raises(Refused) as refused:
            write_pump(SPEC.pumps, state, 0, address, words)
        assert refused.value.code is code


def test_every_device_of_the_shipped_example_has_its_part_in_the_building() -> None:
    roles, spec = cast(load_site(shipped_configs() / "site.example.toml").devices)
    parts = {str(name): (role.part, role.number) for name, role in roles.items()}
    assert parts["lift-1"] == (Part.LIFT, 0)
    assert (parts["pump-1"], parts["pump-2"]) == ((Part.PUMP, 0), (Part.PUMP, 1))
    assert (parts["main-meter"], parts["plant-meter"]) == ((Part.MAIN_METER, 0), (Part.PLANT_METER, 0))
    assert parts["water-meter"] == (Part.WATER, 0)
    assert (spec.lifts, spec.sets) == (1, 1)


@given(st.integers(-(2**31), 2**31 - 1), st.floats(width=32, allow_nan=False), st.integers(-(2**15), 2**15 - 1))
def test_words_hold_what_was_put_in(whole: int, real: float, small: int) -> None:
    words = Words()
    words.int32(0, whole)
    words.float32(2, real)
    words.int16(4, small)
    words.uint16(5, -3.0)
    words.uint16(6, 99_999.0)
    data = struct.pack(">7H", *(words.cells[i] for i in range(7)))
    assert struct.unpack(">ifhHH", data) == (whole, real, small, 0, 0xFFFF)
