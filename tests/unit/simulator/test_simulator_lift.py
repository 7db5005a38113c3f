"""The lift's laws: no motion with open doors, no jump, no speed or acceleration beyond the limits, everybody arrives."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.simulator.daytime import HOUR_S
from edgeguard.simulator.lift import (
    E12_PHASE_LOST,
    E48_DOOR_OPEN,
    Car,
    LiftConditions,
    LiftSpec,
    LiftState,
    Passenger,
    at_rest,
    boarded,
    call,
    floor_of,
    step,
)
from edgeguard.simulator.lift_drive import DriveSpec, drive
from edgeguard.testing.examples import examples

SPEC = LiftSpec()
FINE = LiftConditions()
NIGHT_S = 3 * HOUR_S
SEEDS = st.integers(0, 2**40)


def run(state: LiftState, seconds: float, now: LiftConditions = FINE, time_s: float = NIGHT_S, dt_s: float = 0.1) -> LiftState:
    for _ in range(round(seconds / dt_s)):
        state = step(SPEC, state, time_s, dt_s, now)
    return state


def obeys(before: LiftState, after: LiftState, dt_s: float, brake_mps2: float) -> None:
    assert 0.0 <= after.position_m <= SPEC.top_m
    assert abs(after.speed_mps) <= SPEC.rated_speed_mps + 1e-9
    assert abs(after.position_m - before.position_m) <= SPEC.rated_speed_mps * dt_s + 1e-9
    assert abs(after.speed_mps - before.speed_mps) <= brake_mps2 * dt_s + 1e-9
    if after.speed_mps or after.position_m != before.position_m:
        assert before.door == 0.0
    if after.door > 0.0:
        assert after.speed_mps == 0.0
        assert abs(after.position_m - floor_of(SPEC, after) * SPEC.floor_height_m) < 1e-9


@settings(max_examples=examples(20), deadline=None)
@given(SEEDS, st.sampled_from([0.05, 0.1, 0.13, 0.25]), st.integers(0, 23))
def test_motion_keeps_to_its_limits(seed: int, dt_s: float, hour: int) -> None:
    state = at_rest(SPEC, seed)
    state = call(SPEC, state, Passenger(seed % 17, 17))
    for _ in range(600):
        after = step(SPEC, state, hour * HOUR_S, dt_s, FINE)
        obeys(state, after, dt_s, SPEC.acceleration_mps2)
        assert after.load_kg <= SPEC.rated_load_kg
        state = after


@settings(max_examples=examples(20), deadline=None)
@given(SEEDS, st.lists(st.tuples(st.integers(1, 60), st.booleans(), st.booleans()), min_size=1, max_size=6))
def test_faults_never_break_the_laws(seed: int, spells: list[tuple[int, bool, bool]]) -> None:
    state = boarded(at_rest(SPEC, seed, seed % 18), (Passenger(0, (seed + 7) % 18),))
    for steps, jammed, lost in spells:
        for _ in range(steps):
            after = step(SPEC, state, 8 * HOUR_S, 0.25, LiftConditions(jammed, lost))
            obeys(state, after, 0.25, SPEC.emergency_mps2)
            state = after


@given(st.lists(st.tuples(st.integers(0, 17), st.integers(0, 17)), max_size=12))
@settings(max_examples=examples(8), deadline=None)
def test_everybody_arrives(trips: list[tuple[int, int]]) -> None:
    state = at_rest(SPEC, 3)
    for origin, destination in trips:
        state = call(SPEC, state, Passenger(origin, destination))
    quiet = replace(state, traffic=replace(state.traffic, budget=1e9))
    state = run(quiet, 1200.0, dt_s=0.25)
    assert (state.riding, state.waiting, state.car, state.fault) == ((), (), Car.WAITING, 0)


def test_nobody_is_taken_to_a_floor_that_is_not_there() -> None:
    state = at_rest(SPEC, 1)
    for origin, destination in ((0, 18), (-1, 3), (4, 4)):
        assert call(SPEC, state, Passenger(origin, destination)) is state


def test_an_express_trip_takes_the_time_that_physics_gives_it() -> None:
    """17 floors of 3 m: 51 m at 1.75 m/s with 0.8 m/s2 take 51/1.75 + 1.75/0.8 = 31.3 s."""
    state = replace(boarded(at_rest(SPEC, 1), (Passenger(0, 17),)), timer_s=0.0)
    state, seconds = step(SPEC, state, NIGHT_S, 0.1, FINE), 0.0
    while state.car in (Car.RUNNING, Car.STOPPING):
        state, seconds = step(SPEC, state, NIGHT_S, 0.1, FINE), seconds + 0.1
    assert floor_of(SPEC, state) == 17
    assert abs(seconds - (51 / 1.75 + 1.75 / 0.8)) < 0.5


def test_a_jammed_door_is_fault_48_and_ends_with_the_jam() -> None:
    state = call(SPEC, at_rest(SPEC, 1), Passenger(0, 4))
    state = run(state, 6.0, LiftConditions(door_jammed=True))
    assert (state.fault, state.car, state.riding) == (E48_DOOR_OPEN, Car.OPENING, ())
    assert 0.0 < state.door < 1.0
    state = run(state, 60.0)
    assert (state.fault, state.waiting, floor_of(SPEC, state)) == (0, (), 4)


def test_a_lost_phase_stops_the_car_between_floors_and_it_is_rescued_slowly() -> None:
    state = run(boarded(at_rest(SPEC, 1), (Passenger(0, 10),)), 6.3)
    assert state.speed_mps > 0.0
    state = run(state, 5.0, LiftConditions(phase_lost=True))
    assert (state.fault, state.speed_mps, state.door) == (E12_PHASE_LOST, 0.0, 0.0)
    state = run(state, 1.0)
    assert state.rescuing
    assert 0.0 < abs(state.speed_mps) <= SPEC.rescue_speed_mps
    state = run(state, 120.0)
    assert (state.riding, floor_of(SPEC, state)) == ((), 10)


def test_a_car_stops_on_its_way_for_a_call_of_its_direction() -> None:
    state = run(boarded(at_rest(SPEC, 1), (Passenger(0, 12),)), 4.0)
    state = call(SPEC, state, Passenger(6, 9))
    while state.car in (Car.RUNNING, Car.STOPPING):
        state = step(SPEC, state, NIGHT_S, 0.1, FINE)
    assert floor_of(SPEC, state) == 6


@settings(max_examples=examples(20), deadline=None)
@given(SEEDS)
def test_the_drive_fits_the_motion(seed: int) -> None:
    motor = DriveSpec()
    state = call(SPEC, at_rest(SPEC, seed), Passenger(seed % 17, 17))
    for _ in range(400):
        state = step(SPEC, state, 8 * HOUR_S, 0.25, FINE)
        now = drive(motor, SPEC, state, 400.0)
        assert now.power_w >= motor.standby_w
        assert 500.0 < now.bus_v <= motor.chopper_v
        assert now.current_a < 1.5 * motor.rated_current_a
        assert (now.frequency_hz > 0.0) == (state.speed_mps != 0.0)
        if state.car not in (Car.RUNNING, Car.STOPPING):
            assert now.current_a == 0.0


def test_the_drive_draws_for_a_full_car_upwards_and_brakes_it_downwards() -> None:
    full = (Passenger(0, 17, 900.0),)
    up = replace(at_rest(SPEC, 1, 8), car=Car.RUNNING, speed_mps=1.75, riding=full)
    down = replace(up, speed_mps=-1.75)
    rising, sinking = (drive(DriveSpec(), SPEC, state, 400.0) for state in (up, down))
    assert rising.power_w > 8000.0
    assert sinking.power_w < 500.0
    assert rising.bus_v < 400.0 * 2**0.5 < sinking.bus_v
