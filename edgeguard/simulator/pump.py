"""One speed-controlled pump: its curve, its power, its counters.

Pump curve H(n, Q) = n^2 H0 - k Q^2 (affinity laws: flow goes with the speed, head with its square); efficiency is a parabola
of x = Q / (n Q_best). Shaft power rho g Q H / eta is written so that it stays finite at Q = 0. Knows nothing of its pipes.
"""

from dataclasses import dataclass, replace
from typing import Final

RHO_G: Final = 1000.0 * 9.81
S_PER_H: Final = 3600.0
W_PER_KW: Final = 1000.0


@dataclass(frozen=True, slots=True)
class PumpSpec:
    """One pump. `shutoff_m` is the head at no flow and full speed; `best_m3h` the flow of best efficiency at full speed."""

    shutoff_m: float = 72.0
    curve_m_per_m3h2: float = 0.47
    best_m3h: float = 6.0
    best_efficiency: float = 0.68
    drive_efficiency: float = 0.85
    standby_w: float = 12.0
    rated_rpm: float = 2900.0
    rated_hz: float = 50.0
    min_speed: float = 0.4
    slew_per_s: float = 0.3
    power_factor: float = 0.86
    dry_share: float = 0.22
    """Shaft power in air, as a share of that at no flow."""


@dataclass(frozen=True, slots=True)
class PumpState:
    """One pump. `speed` is relative to the rated one; energies and times count since it was new."""

    speed: float = 0.0
    flow_m3h: float = 0.0
    head_m: float = 0.0
    power_w: float = 12.0
    energy_kwh: float = 0.0
    run_s: float = 0.0
    powered_s: float = 0.0
    starts: int = 0
    commanded_on: bool = True
    """What the bus has told this pump; a pump that is off is left out of the set."""


def pump_head_m(spec: PumpSpec, speed: float, flow_m3h: float) -> float:
    """The pump's curve at a relative speed."""
    return speed * speed * spec.shutoff_m - spec.curve_m_per_m3h2 * flow_m3h * flow_m3h


def electric_w(spec: PumpSpec, speed: float, flow_m3h: float, head_m: float, dry: bool) -> float:
    """Power from the mains: rho g n Q_best H / (eta_best (2 - x)), which is rho g Q H / eta for eta = eta_best x (2 - x).

    Beyond its curve the flow turns the pump, and a drive gives nothing back to the mains."""
    if speed <= 0.0:
        return spec.standby_w
    if dry:
        still_w = RHO_G * speed**3 * spec.best_m3h / S_PER_H * spec.shutoff_m / (2.0 * spec.best_efficiency)
        return spec.standby_w + spec.dry_share * still_w / spec.drive_efficiency
    x = min(flow_m3h / (speed * spec.best_m3h), 1.8)
    shaft_w = RHO_G * speed * spec.best_m3h / S_PER_H * max(0.0, head_m) / (spec.best_efficiency * (2.0 - x))
    return spec.standby_w + shaft_w / spec.drive_efficiency


def turn(spec: PumpSpec, pump: PumpState, speed: float, flow_m3h: float, dt_s: float, dry: bool) -> PumpState:
    """The pump after `dt_s` at a speed and a flow: head and power of the moment, counters moved on."""
    head_m = 0.0 if dry else pump_head_m(spec, speed, flow_m3h)
    power_w = electric_w(spec, speed, flow_m3h, head_m, dry)
    turns = speed > 0.0
    return PumpState(
        speed=speed,
        flow_m3h=flow_m3h,
        head_m=head_m,
        power_w=power_w,
        energy_kwh=pump.energy_kwh + power_w * dt_s / S_PER_H / W_PER_KW,
        run_s=pump.run_s + dt_s * turns,
        powered_s=pump.powered_s + dt_s,
        starts=pump.starts + (turns and pump.speed <= 0.0),
        commanded_on=pump.commanded_on,
    )


def unpowered(pump: PumpState, before: PumpState) -> PumpState:
    """The same pump without mains: it may still run down, but draws and counts nothing."""
    return replace(pump, power_w=0.0, energy_kwh=before.energy_kwh, powered_s=before.powered_s)
