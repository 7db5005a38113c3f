"""Faults on demand: how they are written, whom they befall, when they come and go; and each shows as exactly what it is."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from site_kit import Watched, example

from edgeguard.core.errors import Permanent
from edgeguard.core.ids import PointName
from edgeguard.simulator.ailment import Refusing, Silent
from edgeguard.simulator.faults import BUILDING, DEMO, DEMO_REPEAT_S, Fault, Faults, Kind, parse_fault
from edgeguard.simulator.pumps import PumpAlarm
from edgeguard.simulator.site import SimulatedSite
from edgeguard.testing.examples import examples


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("pump-1=dead", Fault("pump-1", Kind.DEAD)),
        ("pump-1=dead@30", Fault("pump-1", Kind.DEAD, 30.0)),
        ("lift-1=trapped@1.5+20", Fault("lift-1", Kind.TRAPPED, 1.5, 20.0)),
        ("plant=unplugged+3", Fault("plant", Kind.UNPLUGGED, 0.0, 3.0)),
    ],
)
def test_a_fault_is_written_in_one_word(written: str, fault: Fault) -> None:
    assert parse_fault(written) == fault


@pytest.mark.parametrize("written", ["", "pump-1", "pump-1=ill", "pump-1=dead@", "pump-1=dead@1.2.3", "pump-1 = dead", "=dead"])
def test_what_is_no_fault_is_refused_in_words(written: str) -> None:
    with pytest.raises(Permanent, match=r"is no (fault|kind|number)"):
        parse_fault(written)


def test_whom_a_fault_can_befall_is_told() -> None:
    faults = Faults(SimulatedSite(example()))
    for target, kind, words in (
        ("pump-1", Kind.TRAPPED, "dry-run"),
        ("plant", Kind.DEAD, "unplugged"),
        (BUILDING, Kind.DEAD, "phase-lost"),
        ("nobody", Kind.DEAD, "targets are lift-1"),
    ):
        with pytest.raises(Permanent, match=words):
            faults.begin(Fault(target, kind))
    with pytest.raises(Permanent, match="is not served"):
        faults.begin(Fault("plant", Kind.UNPLUGGED))
    assert faults.bad == {}


@settings(max_examples=examples(15), deadline=None)
@given(parts=st.lists(st.floats(0.5, 60.0), min_size=1, max_size=12), repeat_s=st.sampled_from([None, 40.0]))
def test_each_fault_comes_and_goes_once_a_lap(house: SimulatedSite, parts: list[float], repeat_s: float | None) -> None:
    coming = (Fault("pump-1", Kind.DEAD, 0.0, 5.0), Fault("lift-1", Kind.STUCK, 30.0, 25.0))
    faults = Faults(house, coming, repeat_s)
    now_s, seen = -1.0, []
    for part in parts:
        seen += list(faults._due(now_s, now_s + part))
        now_s += part
    assert seen == list(faults._due(-1.0, now_s))
    if repeat_s is None:
        assert len(seen) <= 4


@pytest.fixture(scope="module")
def house() -> SimulatedSite:
    return SimulatedSite(example())


def until(house: SimulatedSite, until_s: float) -> tuple[PumpAlarm, int]:
    """What pumps and lift complain of at a moment of simulated time."""
    while house.elapsed_s < until_s:
        house.advance(0.25)
    return house.state.pumps.control.alarm, house.state.lift.fault


@pytest.mark.parametrize("seed", range(3))
def test_the_demo_leads_to_its_alarms_within_15_s_and_is_over_in_the_end(seed: int) -> None:
    house = SimulatedSite(example(), seed)
    faults = Faults(house, DEMO, DEMO_REPEAT_S)
    alarm, _ = until(house, 15.0)
    assert alarm is PumpAlarm.DRY_RUN
    assert until(house, 30.0) == (PumpAlarm.DRY_RUN, 48)
    assert until(house, 99.0) == (PumpAlarm.NONE, 0)
    assert faults.last is not None
    assert faults.bad == {}


def test_stuck_stays_drifting_runs_away_and_well_is_well() -> None:
    house = SimulatedSite(example(), 2)
    faults = Faults(house)
    meter, plant = Watched.of(house, "main-meter"), Watched.of(house, "plant-meter")

    def volts(device: Watched) -> float:
        names = [point.name for point in device.rules.points]
        value = device.outcomes()[names.index(PointName("voltage_l1"))]
        assert isinstance(value, float)
        return value

    faults.begin(Fault("main-meter", Kind.STUCK))
    faults.begin(Fault("plant-meter", Kind.DRIFTING))
    stuck, true_volts = meter.outcomes(), volts(plant)
    for _ in range(30):
        house.advance(2.0)
    assert meter.outcomes() == stuck
    assert volts(plant) == pytest.approx(true_volts * 1.05, rel=0.02)
    faults.begin(Fault("main-meter", Kind.WELL))
    faults.begin(Fault("plant-meter", Kind.WELL))
    assert meter.outcomes() != stuck
    assert volts(plant) == pytest.approx(volts(meter), rel=0.001)
    assert faults.bad == {}


def test_a_dead_device_says_nothing_and_a_refusing_one_no() -> None:
    house = SimulatedSite(example())
    pump = house.appliances[next(name for name in house.appliances if name == "pump-1")]
    assert pump.unit is not None
    ask = bytes.fromhex("0401530001")
    assert pump.answer(pump.unit, ask)[0] == 4
    house.afflict("pump-1", Silent())
    assert pump.answer(pump.unit, ask) == b""
    house.afflict("pump-1", Refusing())
    assert pump.answer(pump.unit, ask) == bytes.fromhex("8404")
    house.afflict("pump-1", None)
    assert pump.answer(pump.unit, ask)[0] == 4


def test_a_trapped_passenger_is_in_the_car_and_the_door_does_not_open() -> None:
    house = SimulatedSite(example(), 4)
    faults = Faults(house, [Fault("lift-1", Kind.TRAPPED, 5.0)])
    until(house, 40.0)
    assert house.state.lift.riding
    assert house.state.lift.fault == 48
    assert house.state.lift.door < 0.5
    faults.begin(Fault("lift-1", Kind.WELL))
    until(house, 120.0)
    assert house.state.lift.fault == 0
