"""What the inputs of a barrier show, as far as the last round of their device knows: its loop, and whatever else it has."""

from edgeguard.core.gate import GateSpec
from edgeguard.core.gate_limits import GATE_INPUT_OLD_MS
from edgeguard.core.interlock import PointRef
from edgeguard.core.quality import Fault
from edgeguard.runtime.gateway import Gateway


def loop_shown(gateway: Gateway, gate: GateSpec) -> bool | None:
    """True while a vehicle stands under it; None if nobody knows, or the gate has no loop."""
    return point_shown(gateway, None if gate.plates is None else gate.plates.loop)


def point_shown(gateway: Gateway, ref: PointRef | None) -> bool | None:
    """What an input shows; None if nobody knows, or there is none."""
    record = None if ref is None else gateway.pipeline.records.get(ref.device)
    if ref is None or record is None or record.at is None or record.stale:
        return None
    if gateway.clock.now().boot_ms - record.at.boot_ms > GATE_INPUT_OLD_MS:
        return None  # the bus is held up: a vehicle may have come since
    for point, outcome in zip(record.rules.points, record.outcomes, strict=True):
        if point.name == ref.point and not isinstance(outcome, Fault):
            return bool(outcome)
    return None


def has_loop(gate: GateSpec) -> bool:
    """Whether one was configured."""
    return gate.plates is not None and gate.plates.loop is not None
