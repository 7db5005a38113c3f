"""What parts of the building measure, by the names that points of all profiles share, each in one fixed unit.

A figure that is not here is made up by `plausible`. Knows no registers.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from edgeguard.simulator.electricity import Meter, Three
from edgeguard.simulator.lift import Car, LiftSpec, LiftState, floor_of
from edgeguard.simulator.pump import S_PER_H
from edgeguard.simulator.pumps import SetSpec, SetState, pressure_bar
from edgeguard.simulator.water import WaterMeter

Figures = Mapping[str, float | bool | str]
"""A figure by the name of its point: V, A, Hz, kW, kvar, kVA, kWh, kvarh, m3, m3/h, bar, m, rpm, h; words for enumerations."""

_SIZES: Final[Mapping[str, tuple[str, float]]] = MappingProxyType(
    {
        "W": ("kW", 1e3),
        "MW": ("kW", 1e-3),
        "Wh": ("kWh", 1e3),
        "MWh": ("kWh", 1e-3),
        "var": ("kvar", 1e3),
        "VA": ("kVA", 1e3),
        "varh": ("kvarh", 1e3),
        "L": ("m3", 1e3),
        "m³": ("m3", 1.0),
        "L/h": ("m3/h", 1e3),
        "L/s": ("m3/h", 1 / 3.6),
        "m³/h": ("m3/h", 1.0),
        "mA": ("A", 1e3),
        "kPa": ("bar", 100.0),
        "MPa": ("bar", 0.1),
        "min": ("h", 60.0),
        "s": ("h", 3600.0),
        "d": ("h", 1 / 24.0),
    }
)
"""Other units: of what, and how many of them make one of it."""


def in_unit(figure: float, unit: str) -> float:
    """A figure, which is in the unit that this module gives it, in a point's unit of the same kind."""
    _, size = _SIZES.get(unit, (unit, 1.0))
    return figure * size


def electric(meter: Meter, single_phase: bool = False) -> Figures:
    """What an electricity meter shows. On a single-phase meter the whole load is on L1."""
    active, reactive = meter.load.active_w, meter.load.reactive_var
    apparent: Three = tuple(math.hypot(w, var) for w, var in zip(active, reactive, strict=True))  # type: ignore[assignment]
    total_w, total_var = sum(active), sum(reactive)
    total_va = math.hypot(total_w, total_var)
    volts, amperes = meter.volts, meter.amperes
    current = total_va / volts[0] if single_phase and volts[0] > 1.0 else sum(amperes) / 3
    figures: dict[str, float | bool | str] = {
        "voltage": volts[0] if single_phase else sum(volts) / 3,
        "current": current,
        "frequency": meter.hertz,
        "power": total_w / 1000.0,
        "reactive_power": total_var / 1000.0,
        "apparent_power": total_va / 1000.0,
        "power_factor": total_w / total_va if total_va else 1.0,
        "reactive_energy_export": 0.0,
        "energy_export": 0.0,
    }
    for name in ("energy", "energy_import", "energy_total"):
        figures[name] = meter.total_kwh
    for name in ("reactive_energy", "reactive_energy_import", "reactive_energy_total"):
        figures[name] = sum(meter.reactive_kvarh)
    for i, phase in enumerate(("l1", "l2", "l3")):
        after = volts[(i + 1) % 3]
        figures |= {
            f"voltage_{phase}": volts[i],
            f"voltage_{phase}_l{(i + 1) % 3 + 1}": math.sqrt(volts[i] ** 2 + after**2 + volts[i] * after),
            f"current_{phase}": amperes[i],
            f"power_{phase}": active[i] / 1000.0,
            f"reactive_power_{phase}": reactive[i] / 1000.0,
            f"apparent_power_{phase}": apparent[i] / 1000.0,
            f"power_factor_{phase}": active[i] / apparent[i] if apparent[i] else 1.0,
            f"energy_import_{phase}": meter.energy_kwh[i],
            f"energy_export_{phase}": 0.0,
            f"voltage_thd_{phase}": 2.1 + 0.1 * i,
        }
    return figures


def pump(spec: SetSpec, state: SetState, index: int) -> Figures:
    """One pump of a booster set, and its frequency converter."""
    one, running = state.pumps[index], state.pumps[index].speed > 0.0
    hertz, volts = one.speed * spec.pump.rated_hz, 380.0 * one.speed
    amperes = one.power_w / (3**0.5 * 400.0 * spec.pump.power_factor) if running else 0.0
    figures: dict[str, float | bool | str] = {
        "running": running,
        "head": one.head_m,
        "flow": one.flow_m3h,
        "speed": one.speed * spec.pump.rated_rpm,
        "motor_speed": one.speed * spec.pump.rated_rpm,
        "frequency": hertz,
        "output_frequency": hertz,
        "power": one.power_w / 1000.0,
        "output_power": one.power_w / 1000.0,
        "energy": one.energy_kwh,
        "dc_link_voltage": 540.0,
        "outlet_pressure": pressure_bar(spec, state.stored_m3),
        "starts": float(one.starts),
        "fault": bool(state.control.alarm),
    }
    figures |= dict.fromkeys(("current", "motor_current", "output_current"), amperes)
    figures |= dict.fromkeys(("output_voltage", "motor_voltage"), volts)
    figures |= dict.fromkeys(("operating_time", "running_time", "run_hours"), one.run_s / S_PER_H)
    figures |= dict.fromkeys(("powered_time", "power_on_hours", "power_on_time"), one.powered_s / S_PER_H)
    return figures


def water(meter: WaterMeter) -> Figures:
    """A water meter."""
    return {
        "volume": meter.volume_m3,
        "flow": meter.flow_m3h,
        "pressure": meter.pressure_bar,
        "reverse_flow": meter.reverse,
        "leak": meter.leak,
        "battery_low": meter.battery_low,
    }


def lift(spec: LiftSpec, state: LiftState) -> Figures:
    """A lift as a terminal of GB/T 24476 tells of it."""
    floor = floor_of(spec, state)
    moving = abs(state.speed_mps) > 0.0
    way = "up" if state.speed_mps > 0.0 else "down"
    return {
        "floor": float(floor + 1),
        "position": state.position_m,
        "speed": abs(state.speed_mps),
        "trips": float(state.trips),
        "running": moving,
        "car_status": "running" if moving else "stopped",
        "direction": way if moving else "none",
        "door_zone": abs(state.position_m - floor * spec.floor_height_m) < spec.levelling_m,
        "door_closed": state.door <= 0.0,
        "passenger": state.load_kg > 0.0,
        "service_mode": "normal",
        "message": "door open fault" if state.fault and state.car is Car.OPENING else "none",
        "fault": bool(state.fault),
    }


def tank(spec: SetSpec, state: SetState) -> Figures:
    """Transmitters at a booster set: the suction tank's level and the riser's pressure."""
    return {"level": state.tank_m, "pressure": pressure_bar(spec, state.stored_m3)}
