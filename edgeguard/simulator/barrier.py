"""A barrier at a box of inputs and outputs: its arm goes up when the relay closes, a car drives over the loop, the arm comes down.

What happens is a matter of the time since the relay was closed; whoever waits before the arm goes through.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edgeguard.core.gate import GateSpec
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.interlock import PointRef
from edgeguard.core.point import Value
from edgeguard.core.register import Table
from edgeguard.core.site import DeviceSpec, Site

_UP_S: Final = 0.6
_OVER_LOOP_S: Final = (2.0, 4.5)
_DOWN_S: Final = 5.5


@dataclass(slots=True)
class Barrier:
    """One barrier: the points of its box, and when its relay was closed last."""

    relay: int
    """Address of the coil."""
    feedback: PointName | None
    loop: PointName | None
    closed_s: float = -1e9

    def written(self, address: int, bits: Sequence[int], now_s: float) -> None:
        """Coils are written."""
        if address <= self.relay < address + len(bits) and bits[self.relay - address]:
            self.closed_s = now_s

    def shown(self, now_s: float) -> Mapping[PointName, bool]:
        """What its inputs show."""
        since_s = now_s - self.closed_s
        shown = {self.feedback: _UP_S <= since_s < _DOWN_S, self.loop: _OVER_LOOP_S[0] <= since_s < _OVER_LOOP_S[1]}
        return {name: value for name, value in shown.items() if name is not None}


def barrier_of(site: Site, device: DeviceSpec) -> Barrier | None:
    """The barrier that hangs on a device, by the site's gates; None if there is none whose relay is a coil."""
    for gate in site.gates:
        if gate.open.device == device.name:
            return _barrier(gate, device)
    return None


def with_barrier(device: DeviceSpec, values: list[Value], barrier: Barrier, now_s: float) -> list[Value]:
    """The values of a device's points, with what its barrier shows; every other input is at rest."""
    shown = barrier.shown(now_s)
    made: list[Value] = []
    for point, value in zip(device.profile.points, values, strict=True):
        made.append(shown.get(point.name, False) if isinstance(value, bool) else value)
    return made


def _barrier(gate: GateSpec, device: DeviceSpec) -> Barrier | None:
    for point, field in zip(device.profile.points, device.profile.fields, strict=True):
        if point.name == gate.open.point and field.table is Table.COIL:
            loop = None if gate.plates is None or gate.plates.loop is None else _own(gate.plates.loop, device.name)
            return Barrier(field.address, None if gate.feedback is None else _own(gate.feedback, device.name), loop)
    return None


def _own(ref: PointRef, device: DeviceName) -> PointName | None:
    return ref.point if ref.device == device else None
