"""From a bus's specification to a bus: the one place that pairs wires with framings."""

import random
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from edgeguard.bus.exchange import Bus, LineCost
from edgeguard.bus.framings import Framings
from edgeguard.bus.hostname import Lookup, ask_resolver
from edgeguard.bus.reconnect import Reconnect
from edgeguard.bus.serial import SerialOpener
from edgeguard.bus.tcp import TcpOpener
from edgeguard.bus.tls import TlsOpener
from edgeguard.bus.turns import Turns
from edgeguard.bus.udp import DatagramFraming, UdpOpener
from edgeguard.bus.wire_bus import Opener, WireBus
from edgeguard.codec.ascii import AsciiFraming
from edgeguard.codec.cjt188_framing import Cjt188Framing
from edgeguard.codec.dlt645_framing import Dlt645Framing
from edgeguard.codec.framing import Framing
from edgeguard.codec.mbap import MbapFraming
from edgeguard.codec.rtu import RtuFraming
from edgeguard.core.limits import BUS_RECONNECT_MAX_S, BUS_SILENT_TIMEOUTS, SERIAL_RECONNECT_MAX_S, SERIAL_SILENT_TIMEOUTS
from edgeguard.core.line import Protocol
from edgeguard.core.site import BusSpec, TlsSpec, Wire

METER_FRAMINGS: Final[Mapping[Protocol, Callable[[], Framing]]] = MappingProxyType(
    {Protocol.DLT645: Dlt645Framing, Protocol.CJT188: Cjt188Framing}
)
"""Protocols that share a serial line with Modbus."""


def open_bus(spec: BusSpec, entropy: random.Random, lookup: Lookup = ask_resolver) -> Bus:
    """The bus for `spec`; it connects when `run` is started. `entropy` jitters its reconnection, `lookup` resolves names."""
    port, line = spec.wire.is_port, spec.line if spec.wire.is_line else None
    turns = Turns(
        spec.name,
        framings_of(spec),
        spec.parallel,
        spec.delay_ms / 1000.0,
        line,
        SERIAL_SILENT_TIMEOUTS if port else BUS_SILENT_TIMEOUTS,
    )
    cost = LineCost() if line is None else LineCost.on_line(line, spec.wire.is_ascii)
    reconnect = Reconnect(entropy, max_s=SERIAL_RECONNECT_MAX_S if port else BUS_RECONNECT_MAX_S)
    return WireBus(spec.name, _opener(spec, lookup), turns, cost, reconnect)


def framings_of(spec: BusSpec) -> Framings:
    """The framings of all that may be spoken on such a wire."""
    if not spec.wire.is_line:
        return Framings.only(DatagramFraming() if spec.wire is Wire.UDP else MbapFraming())
    modbus: Framing = AsciiFraming() if spec.wire.is_ascii else RtuFraming()
    return Framings({Protocol.MODBUS: modbus, **{protocol: make() for protocol, make in METER_FRAMINGS.items()}})


def _opener(spec: BusSpec, lookup: Lookup) -> Opener:
    if spec.wire.is_port:
        return SerialOpener(spec)
    if spec.wire is Wire.UDP:
        return UdpOpener(spec, lookup)
    if spec.wire is Wire.TLS:
        # Without any word on certificates, the system's authorities judge.
        return TlsOpener(spec, spec.tls or TlsSpec(), lookup)
    return TcpOpener(spec, lookup)
