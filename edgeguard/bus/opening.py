"""From a bus's specification to a bus: the one place that pairs wires with framings."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from edgeguard.bus.exchange import Bus, LineCost
from edgeguard.bus.tcp import TcpBus
from edgeguard.codec.framing import Framing
from edgeguard.codec.mbap import MbapFraming
from edgeguard.codec.rtu import RtuFraming
from edgeguard.core.site import BusSpec, Wire

_ADAPTER_LINE: Final = LineCost(byte_s=10 / 9600, turn_s=0.010)
"""A serial line behind a network adapter does not tell its speed: 9600 8N1 and a device that thinks 10 ms are assumed."""


@dataclass(frozen=True, slots=True)
class _WireKind:
    framing: Callable[[], Framing]
    cost: LineCost


_KINDS: Final[Mapping[Wire, _WireKind]] = MappingProxyType(
    {
        Wire.TCP: _WireKind(MbapFraming, LineCost()),
        Wire.RTU_OVER_TCP: _WireKind(RtuFraming, _ADAPTER_LINE),
    }
)


def open_bus(spec: BusSpec, entropy: random.Random) -> Bus:
    """The bus for `spec`; it connects when `run` is started. `entropy` jitters its reconnection."""
    kind = _KINDS[spec.wire]
    return TcpBus(spec, kind.framing(), kind.cost, entropy)
