"""The building adds up: meters are the integrals of what flows, a seed lives the same day twice, a day stays sane."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.simulator.building import BuildingSpec, Conditions, moved_in, settled, step
from edgeguard.simulator.daytime import DAY_S, HOUR_S
from edgeguard.simulator.electricity import Load, balanced, feed, mains
from edgeguard.simulator.pumps import pressure_bar
from edgeguard.testing.examples import examples

SPEC = BuildingSpec()
FINE = Conditions()
MORNING_S = 7.5 * HOUR_S


@settings(max_examples=examples(8), deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.1, 0.5, 2.0]), st.booleans(), st.floats(0.0, 3.0))
def test_meters_integrate_what_flows(seed: int, dt_s: float, lost: bool, leak_m3h: float) -> None:
    state = start = moved_in(SPEC, seed, MORNING_S)
    main_ws = plant_ws = delivered_m3 = drives_ws = 0.0
    now = Conditions(phase_lost=lost, leak_m3h=leak_m3h)
    for _ in range(150):
        before = state
        state = step(SPEC, state, dt_s, now)
        main_ws += state.main_meter.load.total_w * dt_s
        plant_ws += state.plant_meter.load.total_w * dt_s
        drives_ws += state.drive.power_w * dt_s
        delivered_m3 += state.water.flow_m3h * dt_s / 3600.0
        assert state.water.volume_m3 >= before.water.volume_m3
    pumps_kwh = sum(new.energy_kwh - old.energy_kwh for old, new in zip(start.pumps.pumps, state.pumps.pumps, strict=True))
    plant_kwh = state.plant_meter.total_kwh - start.plant_meter.total_kwh
    assert state.main_meter.total_kwh - start.main_meter.total_kwh == pytest.approx(main_ws / 3.6e6, abs=1e-7)
    assert plant_kwh == pytest.approx(plant_ws / 3.6e6, abs=1e-7)
    assert plant_kwh == pytest.approx(pumps_kwh + drives_ws / 3.6e6, abs=1e-7)
    assert state.main_meter.total_kwh - start.main_meter.total_kwh >= plant_kwh - 1e-9
    assert state.water.volume_m3 - start.water.volume_m3 == pytest.approx(delivered_m3, abs=1e-7)
    assert state.water.volume_m3 - start.water.volume_m3 == pytest.approx(state.pumps.delivered_m3, abs=1e-7)


@given(st.integers(0, 2**32))
@settings(max_examples=examples(5), deadline=None)
def test_a_seed_lives_the_same_morning_twice(seed: int) -> None:
    one, other = moved_in(SPEC, seed, MORNING_S), moved_in(SPEC, seed, MORNING_S)
    for _ in range(100):
        one, other = step(SPEC, one, 0.5, FINE), step(SPEC, other, 0.5, FINE)
    assert one == other
    assert one != moved_in(SPEC, seed + 1, MORNING_S)


@pytest.mark.slow
def test_a_whole_day_stays_sane() -> None:
    """24 hours of trips, starts and stops; pressure, voltage and tank keep within what a healthy building shows."""
    state = start = moved_in(SPEC, 11, 0.0)
    dt_s = 5.0
    for _ in range(int(DAY_S / dt_s)):
        state = step(SPEC, state, dt_s, FINE)
        assert 3.8 < state.water.pressure_bar < 5.4
        assert all(215.0 < volts < 242.0 for volts in state.mains.volts)
        assert 49.9 < state.mains.hertz < 50.1
        assert 1.5 < state.pumps.tank_m <= 2.0
        assert state.lift.fault == 0
        assert len(state.lift.waiting) < SPEC.lift.waiting_max
    assert state.time_s == pytest.approx(DAY_S)
    assert 800 < state.lift.trips < 2200
    assert 25.0 < state.pumps.consumed_m3 < 70.0
    assert 400.0 < state.main_meter.total_kwh - start.main_meter.total_kwh < 800.0
    starts = [new.starts - old.starts for old, new in zip(start.pumps.pumps, state.pumps.pumps, strict=True)]
    assert abs(starts[0] - starts[1]) <= 0.3 * sum(starts)
    assert not state.water.leak


def test_a_leak_that_never_pauses_is_seen_by_the_meter_after_a_day() -> None:
    state = settled(SPEC, 2, 0.0)
    state = replace(state, water=replace(state.water, flowing_s=23.99 * HOUR_S))
    leaking = Conditions(leak_m3h=1.5)
    for _ in range(120):
        state = step(SPEC, state, 1.0, leaking)
    assert state.water.leak
    assert state.water.flow_m3h == pytest.approx(state.pumps.flow_m3h)


def test_the_settled_building_is_alive() -> None:
    state = settled(SPEC, 1, MORNING_S)
    assert state.time_s == MORNING_S
    assert state.demand.flow_m3h > 0.0
    assert state.main_meter.load.total_w > 5000.0
    assert state.water.pressure_bar == pressure_bar(SPEC.pumps, state.pumps.stored_m3)


def test_voltage_sags_under_load_and_a_lost_phase_is_dead() -> None:
    idle = loaded = mains(4)
    for _ in range(5):
        idle, loaded = feed(idle, Load(), 1.0, phase_lost=False), feed(loaded, balanced(45_000.0, 0.95), 1.0, phase_lost=False)
    drops = [free - used for free, used in zip(idle.volts, loaded.volts, strict=True)]
    assert all(3.0 < drop < 6.0 for drop in drops)
    assert feed(idle, Load(), 1.0, phase_lost=True).volts[1] == 0.0
