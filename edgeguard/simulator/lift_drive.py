"""What the lift's drive measures while it moves the car: force, current, frequency, DC bus, and the power it draws.

Gearless machine, 2:1 roping, counterweight, brake chopper (nothing is fed back into the mains). Pure figures of one moment.
"""

import math
from dataclasses import dataclass
from typing import Final

from edgeguard.simulator.lift import Car, LiftSpec, LiftState

GRAVITY_MPS2: Final = 9.81


@dataclass(frozen=True, slots=True)
class DriveSpec:
    """Masses in kg; `balance` is the share of the rated load that the counterweight carries."""

    car_kg: float = 1150.0
    balance: float = 0.48
    friction_n: float = 250.0
    sheave_m: float = 0.4
    roping: float = 2.0
    pole_pairs: int = 10
    efficiency: float = 0.82
    rated_current_a: float = 22.0
    idle_current_a: float = 1.2
    standby_w: float = 180.0
    """Controller and car light."""
    door_w: float = 220.0
    brake_w: float = 160.0
    chopper_v: float = 680.0


@dataclass(frozen=True, slots=True)
class Drive:
    """`current_a` and `frequency_hz` of the motor, `bus_v` of the intermediate circuit, `power_w` drawn from the mains."""

    force_n: float
    current_a: float
    frequency_hz: float
    bus_v: float
    power_w: float
    pretorque_percent: float


def drive(spec: DriveSpec, lift: LiftSpec, state: LiftState, line_v: float) -> Drive:
    """The drive of this moment at a line-to-line voltage. force = imbalance x g + masses x a + friction."""
    moving = state.car in (Car.RUNNING, Car.STOPPING) and not state.fault
    balance_kg = spec.balance * lift.rated_load_kg
    imbalance_n = (state.load_kg - balance_kg) * GRAVITY_MPS2
    rest_v = line_v * math.sqrt(2.0)
    pretorque = 100.0 * (state.load_kg - balance_kg) / lift.rated_load_kg
    if not moving or line_v <= 0.0:
        door_w = spec.door_w if state.car in (Car.OPENING, Car.CLOSING) and not state.fault else 0.0
        return Drive(0.0, 0.0, 0.0, rest_v, (spec.standby_w + door_w) if line_v > 0.0 else 0.0, pretorque)
    masses_kg = 2.0 * spec.car_kg + balance_kg + state.load_kg
    friction_n = math.copysign(spec.friction_n, state.speed_mps) if state.speed_mps else 0.0
    force_n = imbalance_n + masses_kg * state.acceleration_mps2 + friction_n
    mechanical_w = force_n * state.speed_mps
    rated_n = (1.0 - spec.balance) * lift.rated_load_kg * GRAVITY_MPS2 + masses_kg * lift.acceleration_mps2 + spec.friction_n
    rated_w = rated_n * lift.rated_speed_mps
    if mechanical_w >= 0.0:
        bus_v, motor_w = rest_v - 18.0 * mechanical_w / rated_w, mechanical_w / spec.efficiency
    else:
        bus_v, motor_w = min(spec.chopper_v, rest_v - 300.0 * mechanical_w / rated_w), 0.0
    return Drive(
        force_n=force_n,
        current_a=math.hypot(spec.idle_current_a, spec.rated_current_a * force_n / rated_n),
        frequency_hz=abs(state.speed_mps) * spec.roping / (math.pi * spec.sheave_m) * spec.pole_pairs,
        bus_v=bus_v,
        power_w=spec.standby_w + spec.brake_w + motor_w,
        pretorque_percent=pretorque,
    )
