"""The building's mains: three phases that sag under load, the flats' use of them, and meters that integrate what flows.

Voltages follow from the loads by one step of fixed-point iteration a step; a lost phase is dead for everybody behind it.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

from edgeguard.simulator.chance import Chance, fork
from edgeguard.simulator.daytime import HOUR_S, Hourly, by_hour

Three = tuple[float, float, float]
"""One figure per phase: L1, L2, L3."""

FLATS_KW: Hourly = (14, 11, 10, 9, 9, 11, 16, 23, 22, 19, 18, 21, 23, 20, 18, 18, 20, 25, 30, 33, 32, 29, 25, 18)
PHASE_SHARE: Final[Three] = (0.36, 0.31, 0.33)
RIPPLE: Final = 0.12
RIPPLE_MEMORY_S: Final = 90.0
MAINS_MEMORY_S: Final = 600.0
WH_PER_KWH: Final = 1000.0


@dataclass(frozen=True, slots=True)
class Load:
    """Active and reactive power per phase, W and var."""

    active_w: Three = (0.0, 0.0, 0.0)
    reactive_var: Three = (0.0, 0.0, 0.0)

    def plus(self, other: "Load") -> "Load":
        """Both loads on one line."""
        return Load(_sum(self.active_w, other.active_w), _sum(self.reactive_var, other.reactive_var))

    def times(self, share: float) -> "Load":
        """A part of the load."""
        return Load(_times(self.active_w, share), _times(self.reactive_var, share))

    @property
    def total_w(self) -> float:
        """Active power of all phases."""
        return sum(self.active_w)


def balanced(power_w: float, power_factor: float) -> Load:
    """A three-phase motor or drive: the same on every phase, inductive."""
    var = power_w * math.tan(math.acos(power_factor))
    return Load((power_w / 3,) * 3, (var / 3,) * 3)


@dataclass(frozen=True, slots=True)
class Mains:
    """Voltages at the building's terminals; `drift_v` wanders with the town's network."""

    chance: Chance
    volts: Three = (231.0, 231.5, 230.6)
    hertz: float = 50.0
    drift_v: float = 0.0
    source_v: Three = (232.5, 232.9, 232.2)
    ohm: float = 0.06


@dataclass(frozen=True, slots=True)
class Flats:
    """What the flats draw; `ripple` is each phase's wandering share around the hour's figure."""

    chance: Chance
    ripple: Three = (0.0, 0.0, 0.0)
    load: Load = Load()


@dataclass(frozen=True, slots=True)
class Meter:
    """A three-phase meter: integrals since it was new, and the load and voltages of the moment."""

    energy_kwh: Three
    reactive_kvarh: Three = (0.0, 0.0, 0.0)
    load: Load = Load()
    volts: Three = (230.0, 230.0, 230.0)
    hertz: float = 50.0

    @property
    def total_kwh(self) -> float:
        """Energy of all phases."""
        return sum(self.energy_kwh)

    @property
    def amperes(self) -> Three:
        """Phase currents by apparent power and voltage; 0 on a dead phase."""
        a, b, c = (
            math.hypot(active, reactive) / volts if volts > 1.0 else 0.0
            for active, reactive, volts in zip(self.load.active_w, self.load.reactive_var, self.volts, strict=True)
        )
        return a, b, c


def mains(seed: int) -> Mains:
    """The mains at nominal voltage."""
    return Mains(fork(seed, 5))


def flats(seed: int) -> Flats:
    """Flats that draw nothing yet."""
    return Flats(fork(seed, 6))


def feed(state: Mains, load: Load, dt_s: float, phase_lost: bool) -> Mains:
    """Voltages under a load: source and drift, less the current times the line's resistance; L2 is the phase that gets lost."""
    noise, chance = state.chance.normal()
    wander, chance = chance.normal()
    drift_v = _remember(state.drift_v, 1.2, noise, dt_s, MAINS_MEMORY_S)
    first, second, third = (
        max(0.0, source + drift_v - state.ohm * math.hypot(active, reactive) / max(volts, 100.0))
        for source, active, reactive, volts in zip(state.source_v, load.active_w, load.reactive_var, state.volts, strict=True)
    )
    hertz = 50.0 + _remember(state.hertz - 50.0, 0.012, wander, dt_s, 60.0)
    return replace(state, chance=chance, volts=(first, 0.0 if phase_lost else second, third), hertz=hertz, drift_v=drift_v)


def live(state: Flats, time_s: float, dt_s: float, phase_lost: bool) -> Flats:
    """The flats' draw at a time of day."""
    chance, ripple = state.chance, []
    for old in state.ripple:
        noise, chance = chance.normal()
        ripple.append(_remember(old, RIPPLE, noise, dt_s, RIPPLE_MEMORY_S))
    watts = by_hour(FLATS_KW, time_s) * 1000.0
    first, second, third = (watts * share * min(max(1.0 + own, 0.3), 1.7) for share, own in zip(PHASE_SHARE, ripple, strict=True))
    active: Three = (first, 0.0 if phase_lost else second, third)
    load = Load(active, (0.25 * active[0], 0.25 * active[1], 0.25 * active[2]))
    return Flats(chance, (ripple[0], ripple[1], ripple[2]), load)


def integrate(meter: Meter, load: Load, source: Mains, dt_s: float) -> Meter:
    """The meter after `dt_s` of a load."""
    kwh = dt_s / HOUR_S / WH_PER_KWH
    return Meter(
        energy_kwh=_sum(meter.energy_kwh, _times(load.active_w, kwh)),
        reactive_kvarh=_sum(meter.reactive_kvarh, _times(load.reactive_var, kwh)),
        load=load,
        volts=source.volts,
        hertz=source.hertz,
    )


def part(meter: Meter, share: float) -> Meter:
    """A meter that has counted so much of what another one has."""
    return Meter(_times(meter.energy_kwh, share), _times(meter.reactive_kvarh, share))


def difference(whole: Three, part_of_it: Three) -> Three:
    """What is left of each phase."""
    return _sum(whole, _times(part_of_it, -1.0))


def _remember(old: float, spread: float, noise: float, dt_s: float, memory_s: float) -> float:
    """One step of a wandering figure of given spread and memory (Ornstein-Uhlenbeck, exact for any step)."""
    kept = math.exp(-dt_s / memory_s)
    return old * kept + spread * math.sqrt(1.0 - kept * kept) * noise


def _sum(one: Three, other: Three) -> Three:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def _times(one: Three, factor: float) -> Three:
    return one[0] * factor, one[1] * factor, one[2] * factor
