"""The booster set's laws: operating points on both curves, no water made or lost, pressure held, protection that protects."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.simulator.pump import RHO_G, PumpSpec, electric_w, pump_head_m
from edgeguard.simulator.pumps import (
    PumpAlarm,
    SetConditions,
    SetSpec,
    SetState,
    fresh,
    operating_flow_m3h,
    pressure_bar,
    step,
    stored_at,
    system_head_m,
)
from edgeguard.testing.examples import examples

SPEC = SetSpec()
PUMP = PumpSpec()
FINE = SetConditions()


def run(state: SetState, seconds: float, demand_m3h: float, now: SetConditions = FINE, dt_s: float = 0.5) -> SetState:
    for _ in range(round(seconds / dt_s)):
        state = step(SPEC, state, demand_m3h, dt_s, now)
    return state


@given(st.floats(0.0, 1.0), st.floats(0.0, 6.0), st.floats(0.0, 2.0))
def test_the_operating_point_lies_on_both_curves(speed: float, bar: float, tank_m: float) -> None:
    flow = operating_flow_m3h(SPEC, speed, bar, tank_m)
    if flow > 0.0:
        assert pump_head_m(PUMP, speed, flow) == pytest.approx(system_head_m(SPEC, bar, tank_m, flow), abs=1e-6)
    else:
        assert pump_head_m(PUMP, speed, 0.0) <= system_head_m(SPEC, bar, tank_m, 0.0) + 1e-9


@given(st.floats(0.3, 1.0), st.floats(0.1, 9.0))
def test_affinity_laws(speed: float, flow: float) -> None:
    """Half the speed: half the flow, a quarter of the head, an eighth of the shaft power."""
    head = pump_head_m(PUMP, 1.0, flow)
    assert pump_head_m(PUMP, speed, speed * flow) == pytest.approx(speed**2 * head)
    full, less = (electric_w(PUMP, n, n * flow, n * n * head, dry=False) - PUMP.standby_w for n in (1.0, speed))
    assert less == pytest.approx(speed**3 * full)


@given(st.floats(0.4, 1.0), st.floats(0.2, 1.7))
def test_power_is_hydraulic_power_by_efficiency(speed: float, x: float) -> None:
    flow = x * speed * PUMP.best_m3h
    head = pump_head_m(PUMP, speed, flow)
    efficiency = PUMP.best_efficiency * x * (2.0 - x)
    expected = RHO_G * flow / 3600.0 * head / efficiency / PUMP.drive_efficiency
    assert electric_w(PUMP, speed, flow, head, dry=False) == pytest.approx(PUMP.standby_w + expected)


@given(st.floats(0.0, 8.0))
def test_the_vessel_gives_back_what_it_takes(bar: float) -> None:
    assert pressure_bar(SPEC, stored_at(SPEC, bar)) == pytest.approx(bar, abs=1e-9)


@settings(max_examples=examples(30), deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0.0, 14.0), st.integers(1, 60), st.booleans(), st.sampled_from([0.0, 300.0]), st.booleans()),
        min_size=1,
        max_size=6,
    )
)
def test_no_water_is_made_or_lost(spells: list[tuple[float, int, bool, float, bool]]) -> None:
    start = state = fresh(SPEC)
    drained_m3 = 0.0
    for demand, steps, supply, drain, lost in spells:
        for _ in range(steps):
            before, now = state, SetConditions(supply, drain, lost)
            state = step(SPEC, state, demand, 1.0, now)
            drained_m3 += drain / 3600.0
            assert state.tank_m >= 0.0
            assert state.stored_m3 >= 0.0
            assert all(pump.flow_m3h >= 0.0 and 0.0 <= pump.speed <= 1.0 for pump in state.pumps)
            assert all(new.energy_kwh >= old.energy_kwh for old, new in zip(before.pumps, state.pumps, strict=True))
    assert state.stored_m3 - start.stored_m3 == pytest.approx(state.delivered_m3 - state.consumed_m3, abs=1e-9)
    if state.tank_m > 0.0 and drained_m3 == 0.0:
        assert SPEC.tank_m2 * (state.tank_m - start.tank_m) == pytest.approx(state.supplied_m3 - state.delivered_m3, abs=1e-9)


def test_a_pump_that_the_flow_turns_gives_nothing_back_to_the_mains() -> None:
    assert electric_w(PumpSpec(), 0.3, 3.8, -0.3, dry=False) == PumpSpec().standby_w


def test_energy_is_the_integral_of_power() -> None:
    state = start = run(fresh(SPEC), 60.0, 4.0)
    drawn_ws = 0.0
    for _ in range(600):
        state = step(SPEC, state, 4.0, 0.5, FINE)
        drawn_ws += sum(pump.power_w for pump in state.pumps) * 0.5
    counted = sum(new.energy_kwh - old.energy_kwh for old, new in zip(start.pumps, state.pumps, strict=True))
    assert counted == pytest.approx(drawn_ws / 3.6e6)


@pytest.mark.parametrize("demand_m3h", [1.5, 3.0, 6.0, 9.0, 12.0])
def test_pressure_is_held_with_as_many_pumps_as_it_takes(demand_m3h: float) -> None:
    state = run(fresh(SPEC), 400.0, demand_m3h)
    for _ in range(120):
        state = step(SPEC, state, demand_m3h, 1.0, FINE)
        assert pressure_bar(SPEC, state.stored_m3) == pytest.approx(state.control.setpoint_bar, abs=0.35)
    assert sum(pump.speed > 0.0 for pump in state.pumps) == (1 if demand_m3h < 7.0 else 2)


def test_without_demand_the_set_stops_and_the_other_pump_starts_next() -> None:
    state = run(fresh(SPEC), 60.0, 3.0)
    led = state.control.lead
    state = run(state, 120.0, 0.0)
    assert [pump.speed for pump in state.pumps] == [0.0, 0.0]
    state = run(state, 120.0, 3.0)
    assert state.control.lead == 1 - led
    assert state.pumps[1 - led].speed > 0.0


def test_an_empty_tank_runs_the_pumps_dry_until_the_protection_trips_and_water_resets_it() -> None:
    state = replace(run(fresh(SPEC), 60.0, 4.0), tank_m=0.1)
    shut = SetConditions(supply_open=False)
    dry = run(state, 2.0, 4.0, shut)
    running = [pump for pump in dry.pumps if pump.speed > 0.0]
    assert running
    assert all(pump.flow_m3h == 0.0 and pump.power_w < 0.4 * state.pumps[0].power_w for pump in running)
    tripped = run(dry, 10.0, 4.0, shut)
    assert tripped.control.alarm is PumpAlarm.DRY_RUN
    assert all(pump.speed == 0.0 for pump in tripped.pumps)
    refilled = run(replace(tripped, tank_m=1.0), 120.0, 4.0)
    assert refilled.control.alarm is PumpAlarm.NONE
    assert refilled.flow_m3h > 0.0


def test_a_pump_switched_off_by_the_bus_leaves_the_work_to_the_other() -> None:
    state = run(fresh(SPEC), 60.0, 3.0)
    pumps = (replace(state.pumps[0], commanded_on=False), state.pumps[1])
    state = run(replace(state, pumps=pumps), 120.0, 3.0)
    assert state.pumps[0].speed == 0.0
    assert state.pumps[1].flow_m3h == pytest.approx(3.0, abs=0.3)


def test_a_lost_phase_stops_both_and_counts_no_energy() -> None:
    state = run(fresh(SPEC), 60.0, 4.0)
    lost = run(state, 10.0, 4.0, SetConditions(phase_lost=True))
    assert lost.control.alarm is PumpAlarm.PHASE_LOST
    assert [pump.energy_kwh for pump in lost.pumps] == [pump.energy_kwh for pump in state.pumps]
    assert run(lost, 60.0, 4.0).control.alarm is PumpAlarm.NONE


@pytest.mark.slow
def test_steps_of_any_length_agree() -> None:
    short, long = run(fresh(SPEC), 600.0, 3.0, dt_s=0.1), run(fresh(SPEC), 600.0, 3.0, dt_s=5.0)
    assert long.delivered_m3 == pytest.approx(short.delivered_m3, rel=0.02)
    assert math.isclose(pressure_bar(SPEC, long.stored_m3), pressure_bar(SPEC, short.stored_m3), abs_tol=0.1)
