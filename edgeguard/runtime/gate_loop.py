"""What the loop under a barrier shows: whether a vehicle stands there, as far as the last round of its device knows."""

from edgeguard.core.gate import GateSpec
from edgeguard.core.quality import Fault
from edgeguard.runtime.gateway import Gateway


def loop_shown(gateway: Gateway, gate: GateSpec) -> bool | None:
    """True while a vehicle stands under it; None if nobody knows, or the gate has no loop."""
    ref = None if gate.plates is None else gate.plates.loop
    record = None if ref is None else gateway.pipeline.records.get(ref.device)
    if ref is None or record is None or record.at is None or record.stale:
        return None
    for point, outcome in zip(record.rules.points, record.outcomes, strict=True):
        if point.name == ref.point and not isinstance(outcome, Fault):
            return bool(outcome)
    return None


def has_loop(gate: GateSpec) -> bool:
    """Whether one was configured."""
    return gate.plates is not None and gate.plates.loop is not None
