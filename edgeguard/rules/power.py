"""One supply's rules: voltages, lost phases, unbalance, overload, power factor, hot terminals. Pure, and without memory.

The limits and what they rest on: core.power_rules.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from edgeguard.core.power_rules import NOMINAL_V, PHASES
from edgeguard.rules.still import Turns
from edgeguard.rules.truth import Found, Inputs, Says, Truth, above, below, every, number, some

STANDING_V = 0.8 * NOMINAL_V
LOADED_KW = 10.0
"""Below this a power factor says nothing of the supply."""


_VOLTS: Final = tuple(f"electric.voltage.{phase}" for phase in PHASES)
_LINES: Final = tuple(f"electric.voltage.{pair}" for pair in ("l1-l2", "l2-l3", "l3-l1"))
_HOT: Final = tuple(f"electric.temperature.{place}" for place in (*PHASES, "n"))
_OVER: Final = tuple(f"over-voltage-{phase}" for phase in PHASES)
_UNDER: Final = tuple(f"under-voltage-{phase}" for phase in PHASES)


def step_power(inputs: Inputs, limits: Mapping[str, float]) -> Says:
    """One round of one supply: the rules that `limits` names. What follows from a lost phase is not told beside it."""
    found: dict[str, Found] = {}
    lost: Truth = False
    if "phase-loss" in limits:
        volts = [number(inputs, role) for role in _VOLTS]
        lost = _lost(volts, limits["phase-loss"])
        found["phase-loss"] = Found(lost, _least(volts))
    for over, under, role in zip(_OVER, _UNDER, _VOLTS, strict=True):
        if over in limits or under in limits:
            _voltage(found, number(inputs, role), (over, under), limits, lost)
    if "over-voltage" in limits or "under-voltage" in limits:
        _voltage(found, number(inputs, "electric.voltage"), ("over-voltage", "under-voltage"), limits, lost)
    if "voltage-unbalance" in limits or "voltage-unbalance-high" in limits:
        percent = None if lost else unbalance_percent(inputs)
        for name in ("voltage-unbalance", "voltage-unbalance-high"):
            found[name] = Found(above(percent, limits.get(name, math.inf)), _shown(percent))
    if "overload" in limits:
        load = number(inputs, "electric.load")
        found["overload"] = Found(above(load, limits["overload"]), load)
    if "power-factor-low" in limits:
        found["power-factor-low"] = _factor(inputs, limits["power-factor-low"])
    if "terminal-hot" in limits:
        found["terminal-hot"] = _hot(inputs, limits["terminal-hot"])
    return Says(found)


def power_edges(inputs: Inputs, limits: Mapping[str, float]) -> Mapping[str, Turns]:
    """Of each number that is a measurement: where a finding may turn."""
    levels = tuple(limits[name] for name in ("phase-loss", "over-voltage", "under-voltage") if name in limits)
    edges: dict[str, Turns] = {"electric.voltage": levels}
    for role, over, under in zip(_VOLTS, _OVER, _UNDER, strict=True):
        own = tuple(limits[name] for name in (over, under) if name in limits)
        edges[role] = (*own, *levels, STANDING_V, *_alike(inputs, _VOLTS, limits))
    for role in _LINES:
        edges[role] = (STANDING_V, *_alike(inputs, _LINES, limits))
    factor, hot = limits.get("power-factor-low", 0.0), limits.get("terminal-hot", 0.0)
    edges |= {"electric.load": (limits.get("overload", 0.0),), "electric.power": (LOADED_KW,)}
    edges |= {"electric.power-factor": (-factor, factor), **dict.fromkeys(_HOT, (hot,))}
    return edges


def _alike(inputs: Inputs, roles: Sequence[str], limits: Mapping[str, float]) -> Turns:
    """Two voltages between which three may do what they like without becoming unbalanced.

    By either formula three values between a and b are unbalanced by no more than _SPREAD (b - a) / a. If they lie too far apart for
    that they are each other's edge: whatever moves is looked at.
    """
    known = [value for role in roles if (value := number(inputs, role)) is not None]
    percent = min((limits[name] for name in _UNBALANCE if name in limits), default=None)
    if percent is None or not known:
        return ()
    middle, share = (min(known) + max(known)) / 2, min(percent, _SMALL_PERCENT) / 100.0
    half = share * middle / (2 * _SPREAD + share)
    return (middle - half, middle + half) if max(known) - middle < half else known


_UNBALANCE: Final = ("voltage-unbalance", "voltage-unbalance-high")
_SPREAD: Final = 0.7
"""2/3 by the largest deviation from the mean; by symmetrical components (a + b) / (3 a) while b is within a tenth of a."""
_SMALL_PERCENT: Final = 5.0


def _voltage(
    found: dict[str, Found], volts: float | None, names: tuple[str, str], limits: Mapping[str, float], lost: Truth
) -> None:
    over, under = names
    low = below(volts, limits.get(under, 0.0))
    found[over] = Found(above(volts, limits.get(over, math.inf)), _shown(volts))
    found[under] = Found(None if lost and low else low, _shown(volts))


def _lost(volts: Sequence[float | None], dead_v: float) -> Truth:
    """One phase is dead and another stands; three dead ones are a supply that is off."""
    dead = some(*(below(value, dead_v) for value in volts))
    return every(dead, some(*(above(value, STANDING_V) for value in volts)))


def _least(volts: Sequence[float | None]) -> float | None:
    known = [value for value in volts if value is not None]
    return _shown(min(known)) if known else None


def _shown(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def unbalance_percent(inputs: Inputs) -> float | None:
    """Voltage unbalance in per cent; None if a voltage is unknown or there is no supply.

    From the three line voltages exactly: negative over positive sequence, sqrt((1 - r) / (1 + r)) with r = sqrt(3 - 6 b) and
    b = sum(U^4) / sum(U^2)^2 (GB/T 15543, annex A; IEC 61000-4-30). Else the largest deviation of a phase voltage from the mean.
    """
    known = [value for role in _LINES if (value := number(inputs, role)) is not None]
    if len(known) == 3 and min(known) > STANDING_V:
        b = sum(value**4 for value in known) / sum(value**2 for value in known) ** 2
        r = math.sqrt(max(0.0, 3.0 - 6.0 * b))
        return 100.0 * math.sqrt(max(0.0, (1.0 - r) / (1.0 + r)))
    phases = [value for role in _VOLTS if (value := number(inputs, role)) is not None]
    if len(phases) < 3 or max(phases) < STANDING_V:
        return None
    mean = sum(phases) / 3
    return 100.0 * max(abs(value - mean) for value in phases) / mean


def _factor(inputs: Inputs, least: float) -> Found:
    """The sign of a power factor says who feeds whom; here its size counts."""
    factor, power = number(inputs, "electric.power-factor"), number(inputs, "electric.power")
    size = None if factor is None else abs(factor)
    return Found(every(above(power, LOADED_KW), below(size, least)), factor)


def _hot(inputs: Inputs, limit: float) -> Found:
    places = [number(inputs, role) for role in _HOT if role in inputs]
    known = [value for value in places if value is not None]
    return Found(some(*(above(value, limit) for value in places)), max(known) if known else None)
