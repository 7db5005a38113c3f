"""A booster set: two speed-controlled pumps lift water from a suction tank into a riser with an air vessel.

The operating point is where a pump's curve meets the system's: static head of the riser plus the friction of its pipe.
Pressure is held by PI control of the speed; the second pump helps when the first is at its end, and both take turns.
Units: bar (gauge), m, m3/h, relative speed 0-1.
"""

import math
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final

from edgeguard.simulator.pump import RHO_G, S_PER_H, PumpSpec, PumpState, pump_head_m, turn, unpowered

STEP_MAX_S: Final = 1.0
M_PER_BAR: Final = 1e5 / RHO_G
ATMOSPHERE_BAR: Final = 1.013


class PumpAlarm(IntEnum):
    """Alarm codes of the pumps' controller."""

    NONE = 0
    PHASE_LOST = 2
    DRY_RUN = 57


@dataclass(frozen=True, slots=True)
class SetSpec:
    """The set around the pumps: pipe, vessel, tank and the figures of the controller."""

    pump: PumpSpec = field(default_factory=PumpSpec)
    friction_m_per_m3h2: float = 0.05
    sensor_bar: float = 10.0
    setpoint_percent: float = 48.0
    gain_per_bar: float = 0.6
    integral_per_bar_s: float = 0.04
    vessel_m3: float = 0.5
    precharge_bar: float = 2.5
    riser_m3: float = 0.08
    """Water that the riser and a nearly empty vessel still give below the precharge."""
    start_speed: float = 0.8
    quiet_bar: float = 0.15
    """Control errors below this count as none."""
    low_flow_m3h: float = 0.5
    low_flow_after_s: float = 8.0
    restart_bar: float = 0.5
    lag_from_speed: float = 0.97
    lag_after_s: float = 15.0
    lag_until_speed: float = 0.82
    lag_off_after_s: float = 20.0
    alternate_after_s: float = 8 * S_PER_H
    tank_m2: float = 6.0
    tank_full_m: float = 2.0
    tank_band_m: float = 0.25
    supply_m3h: float = 14.0
    dry_below_m: float = 0.2
    dry_after_s: float = 3.0
    dry_until_m: float = 0.5


@dataclass(frozen=True, slots=True)
class Control:
    """The set's controller. `lead` is the index of the leading pump; `duty` how many pumps shall run (0, 1, 2).

    `reference` is the relative speed that the pressure loop asks for; the times count how long a condition has held.
    """

    setpoint_bar: float
    reference: float = 0.8
    error_bar: float = 0.0
    lead: int = 0
    duty: int = 1
    lead_s: float = 0.0
    low_flow_s: float = 0.0
    lag_s: float = 0.0
    low_tank_s: float = 0.0
    alarm: PumpAlarm = PumpAlarm.NONE


@dataclass(frozen=True, slots=True)
class SetState:
    """The set at one moment. `stored_m3` is the water in riser and vessel; the last three count since the beginning."""

    pumps: tuple[PumpState, PumpState]
    control: Control
    stored_m3: float
    tank_m: float
    supplied_m3: float = 0.0
    delivered_m3: float = 0.0
    consumed_m3: float = 0.0

    @property
    def flow_m3h(self) -> float:
        """What both pumps deliver together."""
        return self.pumps[0].flow_m3h + self.pumps[1].flow_m3h


@dataclass(frozen=True, slots=True)
class SetConditions:
    """What happens to the set from outside: supply shut, tank losing water, a missing phase."""

    supply_open: bool = True
    drain_m3h: float = 0.0
    phase_lost: bool = False


def fresh(spec: SetSpec) -> SetState:
    """A set at its setpoint, tank full, with some history on its counters."""
    setpoint_bar = spec.sensor_bar * spec.setpoint_percent / 100.0
    old = PumpState(energy_kwh=8120.0, run_s=9_400 * S_PER_H, powered_s=17_500 * S_PER_H, starts=61_200)
    other = PumpState(energy_kwh=8046.0, run_s=9_310 * S_PER_H, powered_s=17_500 * S_PER_H, starts=60_900)
    return SetState((old, other), Control(setpoint_bar), stored_at(spec, setpoint_bar), spec.tank_full_m - spec.tank_band_m / 2)


def pressure_bar(spec: SetSpec, stored_m3: float) -> float:
    """Riser pressure by the water stored: a standpipe up to the precharge, above it the vessel's gas at constant temperature."""
    if stored_m3 <= spec.riser_m3:
        return spec.precharge_bar * max(0.0, stored_m3) / spec.riser_m3
    gas_m3 = max(spec.vessel_m3 - (stored_m3 - spec.riser_m3), 0.02 * spec.vessel_m3)
    return (spec.precharge_bar + ATMOSPHERE_BAR) * spec.vessel_m3 / gas_m3 - ATMOSPHERE_BAR


def stored_at(spec: SetSpec, bar: float) -> float:
    """The water stored at a pressure; the inverse of `pressure_bar`."""
    if bar <= spec.precharge_bar:
        return spec.riser_m3 * bar / spec.precharge_bar
    ratio = (spec.precharge_bar + ATMOSPHERE_BAR) / (bar + ATMOSPHERE_BAR)
    return spec.riser_m3 + spec.vessel_m3 * (1.0 - ratio)


def system_head_m(spec: SetSpec, bar: float, tank_m: float, flow_m3h: float) -> float:
    """What the riser asks of a pump that delivers `flow_m3h`: static head and the friction of its pipe."""
    return bar * M_PER_BAR - tank_m + spec.friction_m_per_m3h2 * flow_m3h * flow_m3h


def operating_flow_m3h(spec: SetSpec, speed: float, bar: float, tank_m: float) -> float:
    """Where both curves meet; 0 when the check valve stays shut."""
    surplus_m = pump_head_m(spec.pump, speed, 0.0) - system_head_m(spec, bar, tank_m, 0.0)
    return math.sqrt(max(0.0, surplus_m) / (spec.pump.curve_m_per_m3h2 + spec.friction_m_per_m3h2))


def step(spec: SetSpec, state: SetState, demand_m3h: float, dt_s: float, now: SetConditions) -> SetState:
    """The set `dt_s` later; `demand_m3h` is what the taps would take at the setpoint's pressure."""
    parts = max(1, math.ceil(dt_s / STEP_MAX_S - 1e-9))
    part_s = dt_s / parts
    for _ in range(parts):
        bar = pressure_bar(spec, state.stored_m3)
        control = _control(spec, state, bar, part_s, now)
        state = _flow(spec, state, control, bar, demand_m3h, part_s, now)
    return state


def _control(spec: SetSpec, state: SetState, bar: float, dt_s: float, now: SetConditions) -> Control:
    """Protection first, then the pressure loop (PI on the speed, in increments), then how many pumps and which."""
    old = state.control
    low_tank_s = old.low_tank_s + dt_s if state.tank_m < spec.dry_below_m else 0.0
    alarm = old.alarm
    if now.phase_lost:
        alarm = PumpAlarm.PHASE_LOST
    elif low_tank_s >= spec.dry_after_s:
        alarm = PumpAlarm.DRY_RUN
    elif alarm is PumpAlarm.PHASE_LOST or state.tank_m >= spec.dry_until_m:
        alarm = PumpAlarm.NONE
    error_bar = old.setpoint_bar - bar
    wish = old.reference + spec.gain_per_bar * (error_bar - old.error_bar) + spec.integral_per_bar_s * error_bar * dt_s
    turn_by = spec.pump.slew_per_s * dt_s
    reference = min(max(wish, old.reference - turn_by, spec.pump.min_speed), old.reference + turn_by, 1.0)
    if old.duty == 0 or alarm:
        reference = spec.start_speed
    control = replace(old, low_tank_s=low_tank_s, alarm=alarm, error_bar=error_bar, reference=reference)
    return control if alarm else _stage(spec, control, state.flow_m3h, dt_s)


def _stage(spec: SetSpec, old: Control, flow_m3h: float, dt_s: float) -> Control:
    """Start, stop, add and drop pumps; who stops gives the lead to the other one."""
    if old.duty == 0:
        if old.error_bar < spec.restart_bar:
            return old
        return replace(old, duty=1, low_flow_s=0.0, lag_s=0.0, lead_s=0.0)
    low_flow_s = old.low_flow_s + dt_s if flow_m3h < spec.low_flow_m3h and old.error_bar < spec.quiet_bar else 0.0
    if low_flow_s >= spec.low_flow_after_s:
        return replace(old, duty=0, lead=1 - old.lead)
    if old.duty == 1:
        short = old.reference > spec.lag_from_speed and old.error_bar > spec.quiet_bar
        lag_s = old.lag_s + dt_s if short else 0.0
        if lag_s >= spec.lag_after_s:
            return replace(old, duty=2, lag_s=0.0, low_flow_s=low_flow_s)
        if old.lead_s >= spec.alternate_after_s:
            return replace(old, lead=1 - old.lead, lead_s=0.0)
        return replace(old, low_flow_s=low_flow_s, lag_s=lag_s, lead_s=old.lead_s + dt_s)
    enough = old.reference < spec.lag_until_speed and flow_m3h < spec.pump.best_m3h
    lag_s = old.lag_s + dt_s if enough else 0.0
    if lag_s >= spec.lag_off_after_s:
        return replace(old, duty=1, lead=1 - old.lead, lag_s=0.0, lead_s=0.0, low_flow_s=low_flow_s)
    return replace(old, lag_s=lag_s, low_flow_s=low_flow_s)


def _running(state: SetState, control: Control) -> tuple[bool, bool]:
    """Which pumps run: the lead, and the other one if two are needed or the lead is switched off."""
    if control.alarm or control.duty == 0:
        return False, False
    able = [index for index in (control.lead, 1 - control.lead) if state.pumps[index].commanded_on]
    chosen = able[: control.duty]
    return 0 in chosen, 1 in chosen


def _flow(
    spec: SetSpec, state: SetState, control: Control, bar: float, demand_m3h: float, dt_s: float, now: SetConditions
) -> SetState:
    """Move water and count: tank and vessel change by exactly what flows in and out."""
    dry = state.tank_m < spec.dry_below_m
    ramp = spec.pump.slew_per_s * dt_s
    turned = []
    for pump, runs in zip(state.pumps, _running(state, control), strict=True):
        speed = min(max(control.reference if runs else 0.0, pump.speed - 2.0 * ramp), pump.speed + ramp)
        flow_m3h = 0.0 if dry or speed <= 0.0 else operating_flow_m3h(spec, speed, bar, state.tank_m)
        moved = turn(spec.pump, pump, speed, flow_m3h, dt_s, dry)
        turned.append(unpowered(moved, pump) if now.phase_lost else moved)
    delivered_m3 = (turned[0].flow_m3h + turned[1].flow_m3h) * dt_s / S_PER_H
    taken_m3 = demand_m3h * math.sqrt(max(0.0, bar) / control.setpoint_bar) * dt_s / S_PER_H
    consumed_m3 = min(taken_m3, state.stored_m3 + delivered_m3)
    want = min(1.0, max(0.0, (spec.tank_full_m - state.tank_m) / spec.tank_band_m))
    supplied_m3 = want * spec.supply_m3h * dt_s / S_PER_H if now.supply_open else 0.0
    lost_m3 = now.drain_m3h * dt_s / S_PER_H
    return SetState(
        pumps=(turned[0], turned[1]),
        control=control,
        stored_m3=state.stored_m3 + delivered_m3 - consumed_m3,
        tank_m=max(0.0, state.tank_m + (supplied_m3 - delivered_m3 - lost_m3) / spec.tank_m2),
        supplied_m3=state.supplied_m3 + supplied_m3,
        delivered_m3=state.delivered_m3 + delivered_m3,
        consumed_m3=state.consumed_m3 + consumed_m3,
    )
