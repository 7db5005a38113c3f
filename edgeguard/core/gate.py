"""A barrier or door that a relay opens for a moment, and the input that shows whether it did."""

from dataclasses import dataclass

from edgeguard.core.ids import GateName
from edgeguard.core.interlock import PointRef
from edgeguard.core.point import Labels


@dataclass(frozen=True, slots=True)
class GateSpec:
    """`open` is true for `pulse_ms` and then false again; None: the device itself lets go.

    `feedback` must become true within `within_ms` of opening; without one nobody knows whether anything moved.
    """

    name: GateName
    labels: Labels
    open: PointRef
    pulse_ms: int | None
    min_interval_ms: int
    feedback: PointRef | None
    within_ms: int
