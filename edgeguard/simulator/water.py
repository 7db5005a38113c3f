"""Water used by the flats, tap by tap, and the meter that counts what the pumps deliver.

Each use is an arrival of a Poisson process with its own flow and duration, so that the total has the noise of a real building.
"""

from dataclasses import dataclass, replace
from typing import Final

from edgeguard.simulator.chance import Arrivals, Chance, arrivals, fork
from edgeguard.simulator.daytime import HOUR_S, Hourly, by_hour

USES_PER_H: Hourly = (
    50,
    30,
    20,
    20,
    20,
    60,
    220,
    420,
    380,
    260,
    200,
    210,
    260,
    220,
    170,
    170,
    200,
    300,
    400,
    400,
    340,
    300,
    90,
    60,
)
TAP_MAX: Final = 400


@dataclass(frozen=True, slots=True)
class Tap:
    """One open tap: flow in m3/h at the setpoint's pressure, and for how long still."""

    flow_m3h: float
    left_s: float


@dataclass(frozen=True, slots=True)
class Demand:
    """All open taps; `flow_m3h` is their sum."""

    uses: Arrivals
    chance: Chance
    taps: tuple[Tap, ...] = ()
    flow_m3h: float = 0.0


def quiet(seed: int) -> Demand:
    """No tap open yet."""
    return Demand(arrivals(fork(seed, 3)), fork(seed, 4))


def use(demand: Demand, time_s: float, dt_s: float) -> Demand:
    """The taps `dt_s` later. A tap gives 2-16 l/min for 5 s to some minutes."""
    came, uses = demand.uses.wait(by_hour(USES_PER_H, time_s) * dt_s / HOUR_S)
    chance = demand.chance
    taps = [Tap(tap.flow_m3h, tap.left_s - dt_s) for tap in demand.taps if tap.left_s > dt_s]
    for _ in range(min(came, TAP_MAX - len(taps))):
        share, chance = chance.uniform()
        length, chance = chance.exponential()
        taps.append(Tap(0.12 + 0.84 * share * share, 5.0 + 70.0 * length))
    return Demand(uses, chance, tuple(taps), sum(tap.flow_m3h for tap in taps))


@dataclass(frozen=True, slots=True)
class WaterMeter:
    """The meter behind the pumps. `volume_m3` never runs back; `flowing_s` counts since flow last began."""

    volume_m3: float = 18_342.0
    flow_m3h: float = 0.0
    pressure_bar: float = 0.0
    flowing_s: float = 0.0
    leak: bool = False
    reverse: bool = False
    battery_low: bool = False


LEAK_AFTER_S: Final = 24 * HOUR_S
"""A building that has used water without a pause for a day has a leak; the meter says so by itself."""


def count(meter: WaterMeter, delivered_m3: float, pressure_bar: float, dt_s: float) -> WaterMeter:
    """The meter after `delivered_m3` have passed in `dt_s`."""
    flowing_s = meter.flowing_s + dt_s if delivered_m3 > 0.0 else 0.0
    return replace(
        meter,
        volume_m3=meter.volume_m3 + delivered_m3,
        flow_m3h=delivered_m3 / dt_s * HOUR_S,
        pressure_bar=pressure_bar,
        flowing_s=flowing_s,
        leak=flowing_s >= LEAK_AFTER_S,
    )
