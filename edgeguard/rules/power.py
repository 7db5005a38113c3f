"""One supply's rules: voltages, lost phases, unbalance, overload, power factor, hot terminals. Pure, and without memory.

The limits and what they rest on: core.power_rules.
"""

import math
from collections.abc import Mapping

from edgeguard.core.power_rules import NOMINAL_V, PHASES
from edgeguard.rules.truth import Found, Inputs, Says, Truth, above, below, every, number, some

STANDING_V = 0.8 * NOMINAL_V
LOADED_KW = 10.0
"""Below this a power factor says nothing of the supply."""


def step_power(inputs: Inputs, limits: Mapping[str, float]) -> Says:
    """One round of one supply. What follows from a lost phase is not told beside it."""
    volts = {phase: number(inputs, f"electric.voltage.{phase}") for phase in PHASES}
    lost = _lost(tuple(volts.values()), limits) if all(f"electric.voltage.{phase}" in inputs for phase in PHASES) else False
    found: dict[str, Found] = {"phase-loss": Found(lost, _least(tuple(volts.values())))}
    for phase, value in volts.items():
        found[f"over-voltage-{phase}"] = Found(above(value, limits.get(f"over-voltage-{phase}", math.inf)), _shown(value))
        low = below(value, limits.get(f"under-voltage-{phase}", 0.0))
        found[f"under-voltage-{phase}"] = Found(None if lost and low else low, _shown(value))
    single = number(inputs, "electric.voltage")
    found["over-voltage"] = Found(above(single, limits.get("over-voltage", math.inf)), _shown(single))
    found["under-voltage"] = Found(below(single, limits.get("under-voltage", 0.0)), _shown(single))
    percent = None if lost else unbalance_percent(inputs)
    for name in ("voltage-unbalance", "voltage-unbalance-high"):
        found[name] = Found(above(percent, limits.get(name, math.inf)), _shown(percent))
    load = number(inputs, "electric.load")
    found["overload"] = Found(above(load, limits.get("overload", math.inf)), load)
    found["power-factor-low"] = _factor(inputs, limits)
    found["terminal-hot"] = _hot(inputs, limits)
    return Says(found)


def _lost(volts: tuple[float | None, ...], limits: Mapping[str, float]) -> Truth:
    """One phase is dead and another stands; three dead ones are a supply that is off."""
    dead = some(*(below(value, limits.get("phase-loss", 0.5 * NOMINAL_V)) for value in volts))
    return every(dead, some(*(above(value, STANDING_V) for value in volts)))


def _least(volts: tuple[float | None, ...]) -> float | None:
    known = [value for value in volts if value is not None]
    return _shown(min(known)) if known else None


def _shown(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def unbalance_percent(inputs: Inputs) -> float | None:
    """Voltage unbalance in per cent; None if a voltage is unknown or there is no supply.

    From the three line voltages exactly: negative over positive sequence, sqrt((1 - r) / (1 + r)) with r = sqrt(3 - 6 b) and
    b = sum(U^4) / sum(U^2)^2 (GB/T 15543, annex A; IEC 61000-4-30). Else the largest deviation of a phase voltage from the mean.
    """
    lines = [number(inputs, f"electric.voltage.{pair}") for pair in ("l1-l2", "l2-l3", "l3-l1")]
    known = [value for value in lines if value is not None]
    if len(known) == 3 and min(known) > STANDING_V:
        b = sum(value**4 for value in known) / sum(value**2 for value in known) ** 2
        r = math.sqrt(max(0.0, 3.0 - 6.0 * b))
        return 100.0 * math.sqrt(max(0.0, (1.0 - r) / (1.0 + r)))
    phases = [value for phase in PHASES if (value := number(inputs, f"electric.voltage.{phase}")) is not None]
    if len(phases) < 3 or max(phases) < STANDING_V:
        return None
    mean = sum(phases) / 3
    return 100.0 * max(abs(value - mean) for value in phases) / mean


def _factor(inputs: Inputs, limits: Mapping[str, float]) -> Found:
    """The sign of a power factor says who feeds whom; here its size counts."""
    factor, power = number(inputs, "electric.power-factor"), number(inputs, "electric.power")
    size = None if factor is None else abs(factor)
    return Found(every(above(power, LOADED_KW), below(size, limits.get("power-factor-low", 0.0))), factor)


def _hot(inputs: Inputs, limits: Mapping[str, float]) -> Found:
    places = [
        number(inputs, f"electric.temperature.{place}") for place in (*PHASES, "n") if f"electric.temperature.{place}" in inputs
    ]
    known = [value for value in places if value is not None]
    hot = some(*(above(value, limits.get("terminal-hot", math.inf)) for value in places))
    return Found(hot, max(known) if known else None)
