"""The families of domain rules behind one face: memory, what a device and its neighbours show, moment -> what they say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgeguard.core.clock import Stamp
from edgeguard.core.domain import Family
from edgeguard.core.json_value import JsonValue
from edgeguard.rules.lift import LiftMemory, step_lift
from edgeguard.rules.power import step_power
from edgeguard.rules.pump import PumpMemory, step_pump
from edgeguard.rules.pumpset import SetMemory, step_set
from edgeguard.rules.truth import Inputs, Says
from edgeguard.rules.water import WaterMemory, step_water


@dataclass(frozen=True, slots=True)
class NoMemory:
    """Of a family that needs none."""

    @property
    def urgent(self) -> tuple[object, ...]:
        """Nothing."""
        return ()

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
    memory: Memory, inputs: Inputs, members: Sequence[Inputs], limits: Mapping[str, float], now: Stamp
) -> tuple[Memory, Says]:
    """One round. `members`: the pumps of a set, whose shared sensors are `inputs`."""
    match memory:
        case LiftMemory():
            return step_lift(memory, inputs, limits, now)
        case PumpMemory():
            return step_pump(memory, inputs, limits, now)
        case SetMemory():
            return step_set(memory, members, inputs, limits, now)
        case WaterMemory():
            return step_water(memory, inputs, limits, now)
        case NoMemory():
            return memory, step_power(inputs, limits)
