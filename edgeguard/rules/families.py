"""The families of domain rules behind one face: memory, what a device and its neighbours show, moment -> what they say."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from edgeguard.core.clock import Stamp
from edgeguard.core.domain import Family
from edgeguard.core.json_value import JsonValue
from edgeguard.rules.lift import LiftMemory, lift_edges, step_lift
from edgeguard.rules.power import power_edges, step_power
from edgeguard.rules.pump import PumpMemory, pump_edges, step_pump
from edgeguard.rules.pumpset import SetMemory, set_edges, step_set
from edgeguard.rules.still import Turns
from edgeguard.rules.truth import Found, Inputs, Says
from edgeguard.rules.water import WaterMemory, step_water, water_edges


@dataclass(frozen=True, slots=True)
class NoMemory:
    """Of a family that needs none."""

    @property
    def urgent(self) -> tuple[object, ...]:
        """Nothing."""
        return ()

    def due_ms(self, now: Stamp) -> float:
        """Time alone changes nothing."""
        del now
        return math.inf

    def body(self) -> dict[str, JsonValue]:
        """Nothing."""
        return {}


Memory = LiftMemory | PumpMemory | SetMemory | WaterMemory | NoMemory


def recall(family: Family, body: Mapping[str, JsonValue]) -> Memory:
    """The memory as kept; an empty one for an empty body or one that is none."""
    match family:
        case Family.LIFT:
            return LiftMemory.of(body)
        case Family.PUMP:
            return PumpMemory.of(body)
        case Family.PUMPSET:
            return SetMemory.of(body)
        case Family.WATER:
            return WaterMemory.of(body)
        case Family.POWER:
            return NoMemory()


def step_family(
    memory: Memory, inputs: Inputs, members: Sequence[Inputs], limits: Mapping[str, float], now: Stamp, zone: tzinfo
) -> tuple[Memory, Says]:
    """One round. `members`: the pumps of a set, whose shared sensors are `inputs`; `zone`: where it is night."""
    match memory:
        case LiftMemory():
            return step_lift(memory, inputs, limits, now)
        case PumpMemory():
            return step_pump(memory, inputs, limits, now)
        case SetMemory():
            return step_set(memory, members, inputs, limits, now)
        case WaterMemory():
            return step_water(memory, inputs, limits, now, zone)
        case NoMemory():
            return memory, step_power(inputs, limits)


def lasted(
    memory: Memory, inputs: Inputs, members: Sequence[Inputs], limits: Mapping[str, float], now: Stamp, zone: tzinfo
) -> Memory:
    """The memory at a moment at which these were the inputs; since the last step nothing but their like was shown."""
    match memory:
        case LiftMemory() | PumpMemory():
            return memory.lasted(now)
        case NoMemory():
            return memory
    return step_family(memory, inputs, members, limits, now, zone)[0]


def edges_of(memory: Memory, inputs: Inputs, found: Iterable[Found], limits: Mapping[str, float]) -> Mapping[str, Turns]:
    """Roles whose number may move between two edges without changing what is said; any other change is looked at.

    While something is found to be true, what is shown of it moves with the measurements: then none may.
    """
    if any(one.truth and one.value is not None for one in found):
        return {}
    match memory:
        case LiftMemory():
            return lift_edges(inputs, limits)
        case PumpMemory():
            return pump_edges(limits)
        case SetMemory():
            return set_edges(memory, limits)
        case WaterMemory():
            return water_edges(inputs, limits)
        case NoMemory():
            return power_edges(inputs, limits)
