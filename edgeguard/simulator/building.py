"""The whole building as one value: people, water and electricity that add up. `step` is pure; nothing here knows of registers."""

from dataclasses import dataclass, field, replace
from typing import Final

from edgeguard.simulator import electricity, lift, pumps, water
from edgeguard.simulator.lift import LiftSpec, LiftState, Passenger
from edgeguard.simulator.lift_drive import Drive, DriveSpec, drive
from edgeguard.simulator.pumps import SetSpec, SetState
from edgeguard.simulator.water import WaterMeter

SETTLE_S: Final = 300


@dataclass(frozen=True, slots=True)
class BuildingSpec:
    """The building's installations."""

    lift: LiftSpec = field(default_factory=LiftSpec)
    drive: DriveSpec = field(default_factory=DriveSpec)
    pumps: SetSpec = field(default_factory=SetSpec)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What goes wrong in the building, until it is made good."""

    door_jammed: bool = False
    supply_open: bool = True
    drain_m3h: float = 0.0
    """Water that the suction tank loses elsewhere."""
    phase_lost: bool = False
    leak_m3h: float = 0.0
    """Water that runs away behind the water meter."""


@dataclass(frozen=True, slots=True)
class BuildingState:
    """Everything at one moment; `time_s` counts from midnight of the first day and does not wrap."""

    time_s: float
    lift: LiftState
    drive: Drive
    pumps: SetState
    demand: water.Demand
    water: WaterMeter
    mains: electricity.Mains
    flats: electricity.Flats
    main_meter: electricity.Meter
    plant_meter: electricity.Meter

    @property
    def riser_bar(self) -> float:
        """Pressure at the water meter."""
        return self.water.pressure_bar


def moved_in(spec: BuildingSpec, seed: int, time_s: float) -> BuildingState:
    """A building in use for years, at a time of day; the same seed lives the same day."""
    car = lift.at_rest(spec.lift, seed)
    supply = electricity.mains(seed)
    set_state = pumps.fresh(spec.pumps)
    return BuildingState(
        time_s=time_s,
        lift=car,
        drive=drive(spec.drive, spec.lift, car, 400.0),
        pumps=set_state,
        demand=water.quiet(seed),
        water=WaterMeter(pressure_bar=set_state.control.setpoint_bar),
        mains=supply,
        flats=electricity.flats(seed),
        main_meter=electricity.Meter((71_020.0, 66_340.0, 68_110.0), (15_400.0, 14_900.0, 15_100.0)),
        plant_meter=electricity.Meter((7_410.0, 7_405.0, 7_408.0), (4_480.0, 4_470.0, 4_475.0)),
    )


def settled(spec: BuildingSpec, seed: int, time_s: float, riding: tuple[Passenger, ...] = ()) -> BuildingState:
    """A building in the middle of its life at `time_s`, its lift at rest on the ground floor, perhaps with `riding` in it."""
    state = moved_in(spec, seed, time_s - SETTLE_S)
    for _ in range(SETTLE_S):
        state = step(spec, state, 1.0, Conditions())
    return replace(state, time_s=time_s, lift=lift.boarded(lift.at_rest(spec.lift, seed), riding))


def step(spec: BuildingSpec, state: BuildingState, dt_s: float, now: Conditions) -> BuildingState:
    """The building `dt_s` later: first what people do, then what machines do, last what meters count."""
    car = lift.step(spec.lift, state.lift, state.time_s, dt_s, lift.LiftConditions(now.door_jammed, now.phase_lost))
    lost = now.phase_lost
    demand = water.use(state.demand, state.time_s, dt_s)
    pump_set = pumps.step(
        spec.pumps,
        state.pumps,
        demand.flow_m3h + now.leak_m3h,
        dt_s,
        pumps.SetConditions(now.supply_open, now.drain_m3h, lost),
    )
    riser_bar = pumps.pressure_bar(spec.pumps, pump_set.stored_m3)
    line_v = 0.0 if lost else 3**0.5 * sum(state.mains.volts) / 3
    motor = drive(spec.drive, spec.lift, car, line_v)
    flats = electricity.live(state.flats, state.time_s, dt_s, lost)
    plant = _plant(spec, state.pumps, pump_set, motor, dt_s)
    everything = flats.load.plus(plant)
    supply = electricity.feed(state.mains, everything, dt_s, lost)
    return replace(
        state,
        time_s=state.time_s + dt_s,
        lift=car,
        drive=motor,
        pumps=pump_set,
        demand=demand,
        water=water.count(state.water, pump_set.delivered_m3 - state.pumps.delivered_m3, riser_bar, dt_s),
        mains=supply,
        flats=flats,
        main_meter=electricity.integrate(state.main_meter, everything, supply, dt_s),
        plant_meter=electricity.integrate(state.plant_meter, plant, supply, dt_s),
    )


def _plant(spec: BuildingSpec, before: pumps.SetState, after: pumps.SetState, motor: Drive, dt_s: float) -> electricity.Load:
    """Lift and pumps as one load; the pumps' mean over the step is what their own counters say they drew."""
    drawn_kwh = sum(new.energy_kwh - old.energy_kwh for old, new in zip(before.pumps, after.pumps, strict=True))
    pumps_w = drawn_kwh * 1000.0 * 3600.0 / dt_s
    return electricity.balanced(pumps_w, spec.pumps.pump.power_factor).plus(electricity.balanced(motor.power_w, 0.9))
