"""One passenger lift: doors, trips, people. `step` is pure; the same state, time and seed give the same trip.

Motion keeps to the exact braking law of discrete time, so that the car neither overshoots nor breaks its limits.
Floors count from 0 here; the controller's registers count from 1. Knows no registers.
"""

import math
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

from edgeguard.simulator.chance import Arrivals, Chance, arrivals, fork
from edgeguard.simulator.daytime import HOUR_S, Hourly, by_hour

STEP_MAX_S: Final = 0.25
E12_PHASE_LOST: Final = 12
E48_DOOR_OPEN: Final = 48
DOOR_STUCK_AT: Final = 0.35
DOOR_PATIENCE_S: Final = 3.0
SETTLE_S: Final = 0.8

CALLS_PER_H: Hourly = (2, 1, 1, 1, 1, 4, 20, 75, 90, 45, 35, 40, 55, 45, 35, 35, 45, 75, 90, 75, 55, 40, 20, 6)  # fmt: skip
LEAVING_PERCENT: Hourly = (20, 30, 30, 40, 70, 90, 90, 90, 80, 60, 50, 40, 40, 50, 50, 40, 30, 20, 15, 20, 25, 20, 20, 20)
"""Percent of the calls that lead down to the ground floor; the others lead up from it."""


class Car(IntEnum):
    """What the car does, in the numbers of the controller's state word."""

    WAITING = 0
    OPENING = 1
    OPEN = 2
    CLOSING = 3
    CLOSED = 4
    RUNNING = 5
    STOPPING = 6


@dataclass(frozen=True, slots=True)
class LiftSpec:
    """The installation. `acceleration_mps2` also bounds braking; `emergency_mps2` is that of the brake alone."""

    floors: int = 18
    floor_height_m: float = 3.0
    rated_speed_mps: float = 1.75
    rescue_speed_mps: float = 0.3
    acceleration_mps2: float = 0.8
    emergency_mps2: float = 2.5
    levelling_m: float = 0.15
    door_open_s: float = 2.0
    door_close_s: float = 2.6
    dwell_s: float = 3.0
    transfer_s: float = 1.1
    rated_load_kg: float = 1000.0
    reopen_share: float = 0.03
    """Share of closings in which somebody breaks the light curtain."""
    waiting_max: int = 40

    @property
    def top_m(self) -> float:
        """Position of the highest floor; the lowest is 0."""
        return (self.floors - 1) * self.floor_height_m


@dataclass(frozen=True, slots=True)
class Passenger:
    """Somebody who wants from one floor to another one."""

    origin: int
    destination: int
    mass_kg: float = 75.0

    @property
    def heading(self) -> int:
        """+1 up, -1 down."""
        return 1 if self.destination > self.origin else -1


@dataclass(frozen=True, slots=True)
class LiftConditions:
    """What happens to the lift from outside: a door that cannot open, a missing phase."""

    door_jammed: bool = False
    phase_lost: bool = False


@dataclass(frozen=True, slots=True)
class LiftState:
    """The lift at one moment. Speeds and accelerations are signed, up is positive; `door` is 0 closed to 1 open.

    `heading` is the direction of service (+1, -1, 0 none); `target` the floor of the trip; `timer_s` what is left of a
    wait; `reopen_at` the door's place at which the curtain will be broken, or -1.
    """

    traffic: Arrivals
    chance: Chance
    car: Car = Car.WAITING
    position_m: float = 0.0
    speed_mps: float = 0.0
    acceleration_mps2: float = 0.0
    heading: int = 0
    target: int = 0
    door: float = 0.0
    timer_s: float = 0.0
    reopen_at: float = -1.0
    curtain: bool = False
    rescuing: bool = False
    fault: int = 0
    trips: int = 0
    reopens: int = 0
    riding: tuple[Passenger, ...] = ()
    waiting: tuple[Passenger, ...] = ()

    @property
    def load_kg(self) -> float:
        """Mass of the passengers in the car."""
        return sum(passenger.mass_kg for passenger in self.riding)


def at_rest(spec: LiftSpec, seed: int, floor: int = 0) -> LiftState:
    """A lift that waits at a floor with closed doors."""
    return LiftState(arrivals(fork(seed, 1)), fork(seed, 2), position_m=floor * spec.floor_height_m, target=floor)


def floor_of(spec: LiftSpec, state: LiftState) -> int:
    """The nearest floor."""
    return round(state.position_m / spec.floor_height_m)


def call(spec: LiftSpec, state: LiftState, passenger: Passenger) -> LiftState:
    """Somebody comes to a landing; who finds too long a queue takes the stairs."""
    fits = all(0 <= floor < spec.floors for floor in (passenger.origin, passenger.destination))
    if not fits or passenger.origin == passenger.destination or len(state.waiting) >= spec.waiting_max:
        return state
    return replace(state, waiting=(*state.waiting, passenger))


def boarded(state: LiftState, riders: tuple[Passenger, ...]) -> LiftState:
    """A waiting lift whose doors have just closed behind some passengers."""
    return replace(state, riding=(*state.riding, *riders), car=Car.CLOSED if riders else state.car)


def step(spec: LiftSpec, state: LiftState, time_s: float, dt_s: float, now: LiftConditions) -> LiftState:
    """The lift `dt_s` later; `time_s` is the time of day, which decides how many people come."""
    state = _people_come(spec, state, time_s, dt_s)
    left_s = dt_s
    while left_s > 1e-9:
        state = _faults(state, now)
        if state.car is Car.WAITING and not state.waiting and not state.rescuing:
            return state
        rests = state.car in (Car.WAITING, Car.OPEN, Car.CLOSED) and state.timer_s > STEP_MAX_S
        part_s = min(left_s, state.timer_s if rests else STEP_MAX_S)
        state = _advance(spec, state, part_s, now)
        left_s -= part_s
    return state


def _people_come(spec: LiftSpec, state: LiftState, time_s: float, dt_s: float) -> LiftState:
    came, traffic = state.traffic.wait(by_hour(CALLS_PER_H, time_s) * dt_s / HOUR_S)
    state = replace(state, traffic=traffic)
    for _ in range(came):
        leaving, chance = state.chance.uniform()
        home, chance = chance.among(spec.floors - 1)
        mass, chance = chance.uniform()
        down = 100.0 * leaving < by_hour(LEAVING_PERCENT, time_s)
        passenger = Passenger(home + 1 if down else 0, 0 if down else home + 1, 45.0 + 50.0 * mass)
        state = call(spec, replace(state, chance=chance), passenger)
    return state


def _faults(state: LiftState, now: LiftConditions) -> LiftState:
    """Raise what the controller notices by itself, clear what is over; a car between floors must be rescued first."""
    if now.phase_lost and state.fault != E12_PHASE_LOST:
        return replace(state, fault=E12_PHASE_LOST)
    over = (state.fault == E12_PHASE_LOST and not now.phase_lost) or (state.fault == E48_DOOR_OPEN and not now.door_jammed)
    if not over or state.speed_mps:
        return state
    stranded = state.car in (Car.RUNNING, Car.STOPPING)
    return replace(state, fault=0, rescuing=stranded, timer_s=SETTLE_S)


def _advance(spec: LiftSpec, state: LiftState, dt_s: float, now: LiftConditions) -> LiftState:
    if state.car in (Car.RUNNING, Car.STOPPING):
        return _brake(spec, state, dt_s) if state.fault else _travel(spec, state, dt_s)
    if state.fault:
        return state
    if state.car is Car.OPENING:
        return _open(spec, state, dt_s, now)
    if state.car is Car.CLOSING:
        return _close(spec, state, dt_s)
    state = replace(state, timer_s=max(0.0, state.timer_s - dt_s), acceleration_mps2=0.0)
    if state.timer_s > 0.0:
        return state
    return _exchange(spec, state) if state.car is Car.OPEN else _depart(spec, state)


def _travel(spec: LiftSpec, state: LiftState, dt_s: float) -> LiftState:
    """One step towards the target: the highest speed from which the car can still stop there."""
    state = _retarget(spec, state)
    goal_m = state.target * spec.floor_height_m
    way_m = goal_m - state.position_m
    side = 1.0 if way_m >= 0.0 else -1.0
    before, a = abs(state.speed_mps), spec.acceleration_mps2
    reach_m = abs(way_m) - before * dt_s / 2
    if reach_m <= 0.0:
        return replace(
            state, car=Car.OPENING, position_m=goal_m, speed_mps=0.0, acceleration_mps2=0.0, rescuing=False,
            trips=state.trips + 1, timer_s=DOOR_PATIENCE_S,
        )  # fmt: skip
    limit = spec.rescue_speed_mps if state.rescuing else spec.rated_speed_mps
    braking = a * (math.sqrt(dt_s * dt_s / 4 + 2 * reach_m / a) - dt_s / 2)
    after = min(before + a * dt_s, limit, braking)
    position_m = state.position_m + side * (before + after) / 2 * dt_s
    car = Car.STOPPING if abs(goal_m - position_m) <= spec.levelling_m and after < before else Car.RUNNING
    return replace(state, car=car, position_m=position_m, speed_mps=side * after, acceleration_mps2=side * (after - before) / dt_s)


def _brake(spec: LiftSpec, state: LiftState, dt_s: float) -> LiftState:
    """A fault on the way: the mechanical brake stops the car where it is."""
    before = abs(state.speed_mps)
    after = max(0.0, before - spec.emergency_mps2 * dt_s)
    side = math.copysign(1.0, state.speed_mps)
    position_m = min(max(state.position_m + side * (before + after) / 2 * dt_s, 0.0), spec.top_m)
    return replace(
        state, car=Car.STOPPING, position_m=position_m, speed_mps=side * after if after else 0.0,
        acceleration_mps2=side * (after - before) / dt_s, target=round(position_m / spec.floor_height_m),
    )  # fmt: skip


def _open(spec: LiftSpec, state: LiftState, dt_s: float, now: LiftConditions) -> LiftState:
    door = min(1.0, state.door + dt_s / spec.door_open_s)
    if now.door_jammed:
        timer_s = state.timer_s - dt_s
        jammed = replace(state, door=min(door, max(state.door, DOOR_STUCK_AT)), timer_s=timer_s)
        return jammed if timer_s > 0.0 else replace(jammed, fault=E48_DOOR_OPEN)
    if door < 1.0:
        return replace(state, door=door)
    return replace(state, car=Car.OPEN, door=1.0, timer_s=SETTLE_S, curtain=False)


def _close(spec: LiftSpec, state: LiftState, dt_s: float) -> LiftState:
    door = max(0.0, state.door - dt_s / spec.door_close_s)
    if door <= state.reopen_at:
        return replace(state, car=Car.OPENING, curtain=True, reopens=state.reopens + 1, timer_s=DOOR_PATIENCE_S)
    if door > 0.0:
        return replace(state, door=door)
    return replace(state, car=Car.CLOSED, door=0.0, curtain=False, timer_s=SETTLE_S)


def _exchange(spec: LiftSpec, state: LiftState) -> LiftState:
    """Open doors and nobody on the sill: the next one leaves, then the next one enters, then the doors wait and close."""
    floor = floor_of(spec, state)
    leaving = next((p for p in state.riding if p.destination == floor), None)
    if leaving is not None:
        return replace(state, riding=_without(state.riding, leaving), curtain=True, timer_s=spec.transfer_s)
    heading = _service(spec, state, floor)
    entering = _boarder(spec, state, floor, heading)
    if entering is not None:
        return replace(
            state, waiting=_without(state.waiting, entering), riding=(*state.riding, entering), curtain=True,
            heading=entering.heading, timer_s=spec.transfer_s,
        )  # fmt: skip
    if state.curtain:
        return replace(state, curtain=False, timer_s=spec.dwell_s)
    spoiler, chance = state.chance.uniform()
    return replace(state, car=Car.CLOSING, heading=heading, chance=chance, reopen_at=0.5 if spoiler < spec.reopen_share else -1.0)


def _depart(spec: LiftSpec, state: LiftState) -> LiftState:
    """Closed doors at a floor: open for somebody here, go where somebody wants to, or wait."""
    if state.rescuing:
        return replace(state, rescuing=False)
    floor = floor_of(spec, state)
    heading = _service(spec, state, floor)
    if _boarder(spec, state, floor, heading) is not None:
        return replace(state, car=Car.OPENING, heading=heading, timer_s=DOOR_PATIENCE_S)
    target = _next_stop(spec, state, floor, heading) if heading else None
    if target is None:
        return replace(state, car=Car.WAITING, heading=0)
    return replace(state, car=Car.RUNNING, heading=heading, target=target)


def _service(spec: LiftSpec, state: LiftState, floor: int) -> int:
    """The direction to serve from this floor: the old one while it has work, else the other, 0 when nobody needs the lift."""
    first = state.heading or (state.waiting[0].heading if state.waiting else 1)
    for heading in (first, -first):
        if _boarder(spec, state, floor, heading) is not None or _next_stop(spec, state, floor, heading) is not None:
            return heading
    return 0


def _boarder(spec: LiftSpec, state: LiftState, floor: int, heading: int) -> Passenger | None:
    room_kg = spec.rated_load_kg - state.load_kg
    return next((p for p in state.waiting if p.origin == floor and p.heading == heading and p.mass_kg <= room_kg), None)


def _next_stop(spec: LiftSpec, state: LiftState, floor: float, heading: int) -> int | None:
    """Collective control: the nearest stop ahead that serves this direction, else the furthest call of the other one."""
    stops = [p.destination for p in state.riding if (p.destination - floor) * heading > 0]
    if state.load_kg <= 0.8 * spec.rated_load_kg:
        stops += [p.origin for p in state.waiting if (p.origin - floor) * heading > 0 and p.heading == heading]
    if stops:
        return min(stops, key=lambda stop: abs(stop - floor))
    far = [p.origin for p in state.waiting if (p.origin - floor) * heading > 0]
    return max(far, key=lambda stop: abs(stop - floor)) if far else None


def _retarget(spec: LiftSpec, state: LiftState) -> LiftState:
    """A call on the way is served if the car can still brake for it."""
    if state.rescuing or not state.waiting:
        return state
    braking_m = state.speed_mps**2 / (2 * spec.acceleration_mps2) + 0.5
    ahead = (state.position_m + state.heading * braking_m) / spec.floor_height_m
    stop = _next_stop(spec, state, ahead, state.heading)
    if stop is None or (stop - state.target) * state.heading >= 0:
        return state
    return replace(state, target=stop)


def _without(people: tuple[Passenger, ...], gone: Passenger) -> tuple[Passenger, ...]:
    place = people.index(gone)
    return people[:place] + people[place + 1 :]
