"""The whole building as one value: people, water and electricity that add up. `step` is pure; nothing here knows of registers.

Everything that a site has meters for is part of one whole: the main electricity meter counts what flats and plant draw, feeder
meters share the flats between them, the main water meter counts what all booster sets deliver, and zone meters share that.
"""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from edgeguard.simulator import electricity, lift, pumps, water
from edgeguard.simulator.chance import fork
from edgeguard.simulator.lift import LiftSpec, LiftState, Passenger
from edgeguard.simulator.lift_drive import Drive, DriveSpec, drive
from edgeguard.simulator.pumps import SetSpec, SetState
from edgeguard.simulator.water import Demand, WaterMeter

SETTLE_S: Final = 300
SEED_STEP: Final = 7_919
"""Seeds of the second, third ... lift and booster set are so far apart."""


@dataclass(frozen=True, slots=True)
class BuildingSpec:
    """The building's installations: how many there are of each, and what each is like. There is at least one lift and one set."""

    lift: LiftSpec = field(default_factory=LiftSpec)
    drive: DriveSpec = field(default_factory=DriveSpec)
    pumps: SetSpec = field(default_factory=SetSpec)
    lifts: int = 1
    sets: int = 1
    feeders: int = 0
    feeder_parts: int = 0
    """The flats are divided into so many parts, of which the feeders are some; fewer than there are feeders: into those."""
    zones: int = 0


@dataclass(frozen=True, slots=True)
class Conditions:
    """What goes wrong in the building, until it is made good. Lifts and booster sets are named by their number, from 0."""

    doors_jammed: frozenset[int] = frozenset()
    supplies_shut: frozenset[int] = frozenset()
    drain_m3h: float = 0.0
    """Water that each suction tank loses elsewhere."""
    phase_lost: bool = False
    leak_m3h: float = 0.0
    """Water that runs away behind the water meter."""


@dataclass(frozen=True, slots=True)
class BuildingState:
    """Everything at one moment; `time_s` counts from midnight of the first day and does not wrap.

    `lifts`, `drives`, `sets`, `demands` go by number; `feeders` and `zones` are meters of parts of the whole.
    """

    time_s: float
    lifts: tuple[LiftState, ...]
    drives: tuple[Drive, ...]
    sets: tuple[SetState, ...]
    demands: tuple[Demand, ...]
    water: WaterMeter
    mains: electricity.Mains
    flats: electricity.Flats
    main_meter: electricity.Meter
    plant_meter: electricity.Meter
    feeders: tuple[electricity.Meter, ...] = ()
    feeder_shares: tuple[float, ...] = ()
    zones: tuple[WaterMeter, ...] = ()
    zone_shares: tuple[float, ...] = ()

    @property
    def lift(self) -> LiftState:
        """The first lift."""
        return self.lifts[0]

    @property
    def drive(self) -> Drive:
        """The first lift's drive."""
        return self.drives[0]

    @property
    def pumps(self) -> SetState:
        """The first booster set."""
        return self.sets[0]

    @property
    def demand(self) -> Demand:
        """The taps behind the first booster set."""
        return self.demands[0]

    @property
    def riser_bar(self) -> float:
        """Pressure at the water meter."""
        return self.water.pressure_bar

    def with_lift(self, number: int, car: LiftState) -> "BuildingState":
        """The same building with another state of one lift."""
        return replace(self, lifts=(*self.lifts[:number], car, *self.lifts[number + 1 :]))

    def with_set(self, number: int, pump_set: SetState) -> "BuildingState":
        """The same building with another state of one booster set."""
        return replace(self, sets=(*self.sets[:number], pump_set, *self.sets[number + 1 :]))


def moved_in(spec: BuildingSpec, seed: int, time_s: float) -> BuildingState:
    """A building in use for years, at a time of day; the same seed lives the same day."""
    cars = tuple(lift.at_rest(spec.lift, seed + SEED_STEP * number) for number in range(spec.lifts))
    supply = electricity.mains(seed)
    set_state = pumps.fresh(spec.pumps)
    zone_shares = _shares(seed, 7, spec.zones)
    feeder_shares = _shares(seed, 8, max(spec.feeders, spec.feeder_parts))[: spec.feeders]
    meter = WaterMeter(pressure_bar=set_state.control.setpoint_bar)
    main = electricity.Meter((71_020.0, 66_340.0, 68_110.0), (15_400.0, 14_900.0, 15_100.0))
    plant = electricity.Meter((7_410.0, 7_405.0, 7_408.0), (4_480.0, 4_470.0, 4_475.0))
    rest = electricity.Meter(
        electricity.difference(main.energy_kwh, plant.energy_kwh), electricity.difference(main.reactive_kvarh, plant.reactive_kvarh)
    )
    return BuildingState(
        time_s=time_s,
        lifts=cars,
        drives=tuple(drive(spec.drive, spec.lift, car, 400.0) for car in cars),
        sets=(set_state,) * spec.sets,
        demands=tuple(water.quiet(seed + SEED_STEP * number) for number in range(spec.sets)),
        water=meter,
        mains=supply,
        flats=electricity.flats(seed),
        main_meter=main,
        plant_meter=plant,
        feeders=tuple(electricity.part(rest, share) for share in feeder_shares),
        feeder_shares=feeder_shares,
        zones=tuple(replace(meter, volume_m3=meter.volume_m3 * share) for share in zone_shares),
        zone_shares=zone_shares,
    )


@lru_cache(maxsize=4)
def settled(spec: BuildingSpec, seed: int, time_s: float, riding: tuple[Passenger, ...] = ()) -> BuildingState:
    """A building in the middle of its life at `time_s`, its lifts on the ground floor, perhaps with `riding` in the first one."""
    state = moved_in(spec, seed, time_s - SETTLE_S)
    for _ in range(SETTLE_S):
        state = step(spec, state, 1.0, Conditions())
    cars = [lift.at_rest(spec.lift, seed + SEED_STEP * number) for number in range(spec.lifts)]
    return replace(state, time_s=time_s, lifts=(lift.boarded(cars[0], riding), *cars[1:]))


def step(spec: BuildingSpec, state: BuildingState, dt_s: float, now: Conditions) -> BuildingState:
    """The building `dt_s` later: first what people do, then what machines do, last what meters count."""
    lost = now.phase_lost
    cars = tuple(
        lift.step(spec.lift, car, state.time_s, dt_s, lift.LiftConditions(number in now.doors_jammed, lost))
        for number, car in enumerate(state.lifts)
    )
    demands = tuple(water.use(demand, state.time_s, dt_s) for demand in state.demands)
    sets = _pump(spec, state, demands, dt_s, now)
    line_v = 0.0 if lost else 3**0.5 * sum(state.mains.volts) / 3
    motors = tuple(drive(spec.drive, spec.lift, car, line_v) for car in cars)
    flats = electricity.live(state.flats, state.time_s, dt_s, lost)
    plant = _plant(spec, state.sets, sets, motors, dt_s)
    everything = flats.load.plus(plant)
    supply = electricity.feed(state.mains, everything, dt_s, lost)
    delivered_m3 = sum(new.delivered_m3 - old.delivered_m3 for old, new in zip(state.sets, sets, strict=True))
    riser_bar = pumps.pressure_bar(spec.pumps, sets[0].stored_m3)
    return replace(
        state,
        time_s=state.time_s + dt_s,
        lifts=cars,
        drives=motors,
        sets=sets,
        demands=demands,
        water=water.count(state.water, delivered_m3, riser_bar, dt_s),
        zones=tuple(
            water.count(meter, delivered_m3 * share, riser_bar, dt_s)
            for meter, share in zip(state.zones, state.zone_shares, strict=True)
        ),
        mains=supply,
        flats=flats,
        main_meter=electricity.integrate(state.main_meter, everything, supply, dt_s),
        plant_meter=electricity.integrate(state.plant_meter, plant, supply, dt_s),
        feeders=tuple(
            electricity.integrate(meter, flats.load.times(share), supply, dt_s)
            for meter, share in zip(state.feeders, state.feeder_shares, strict=True)
        ),
    )


def _pump(
    spec: BuildingSpec, state: BuildingState, demands: tuple[Demand, ...], dt_s: float, now: Conditions
) -> tuple[SetState, ...]:
    """The booster sets; a leak is shared by all of them."""
    leak_m3h = now.leak_m3h / spec.sets
    return tuple(
        pumps.step(
            spec.pumps,
            old,
            demand.flow_m3h + leak_m3h,
            dt_s,
            pumps.SetConditions(number not in now.supplies_shut, now.drain_m3h, now.phase_lost),
        )
        for number, (old, demand) in enumerate(zip(state.sets, demands, strict=True))
    )


def _plant(
    spec: BuildingSpec, before: tuple[SetState, ...], after: tuple[SetState, ...], motors: tuple[Drive, ...], dt_s: float
) -> electricity.Load:
    """Lifts and pumps as one load; the pumps' mean over the step is what their own counters say they drew."""
    drawn_kwh = sum(
        new.energy_kwh - old.energy_kwh
        for earlier, later in zip(before, after, strict=True)
        for old, new in zip(earlier.pumps, later.pumps, strict=True)
    )
    pumps_w = drawn_kwh * 1000.0 * 3600.0 / dt_s
    lifts_w = sum(motor.power_w for motor in motors)
    return electricity.balanced(pumps_w, spec.pumps.pump.power_factor).plus(electricity.balanced(lifts_w, 0.9))


def _shares(seed: int, branch: int, count: int) -> tuple[float, ...]:
    """Parts of a whole, of different size."""
    chance, weights = fork(seed, branch), []
    for _ in range(count):
        weight, chance = chance.uniform()
        weights.append(0.5 + weight)
    return tuple(weight / sum(weights) for weight in weights)
