"""Modbus over UDP as a wire: each datagram holds whole frames, may be lost, doubled or overtaken by another.

Answers are told by their transaction number, as on TCP; what is lost is a time-out like any other.
"""

import asyncio
from typing import Any, cast

from edgeguard.bus.hostname import HostName, Lookup, ask_resolver
from edgeguard.bus.socket_end import SocketEnd
from edgeguard.bus.turns import Turns
from edgeguard.codec.framing import Answer, StreamBroken
from edgeguard.codec.mbap import MbapFraming
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.site import BusSpec


class DatagramFraming(MbapFraming):
    """Modbus TCP frames in datagrams: one that is broken costs only itself. To be fed one datagram at a time."""

    torn = False

    def feed(self, data: bytes) -> list[Answer]:
        """Answers in a datagram; never raises. One that comes a second time counts as late."""
        try:
            answers = super().feed(data)
        except StreamBroken as broken:
            answers = list(broken.answers)
        self.let_go()
        for answer in answers:
            self.remember(answer.transaction)
        return answers


class DatagramLink(SocketEnd, asyncio.DatagramProtocol):
    """A socket that hears one peer only; see bus.wire_bus.Link."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there."""
        # What the loop passes does not inherit from the class that it documents.
        made = cast(asyncio.DatagramTransport, transport)
        self._abort = made.abort
        self._turns.opened(made.sendto, self.drop)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """A datagram has come."""
        if self._why is None:
            self._turns.received(data)

    def error_received(self, exc: Exception) -> None:
        """The network says that nobody is there."""
        self.drop(Fault(Reason.NO_CONNECTION, str(exc)))


class UdpOpener:
    """Makes a socket for a host and port; see bus.wire_bus.Opener. `lookup` resolves names."""

    def __init__(self, spec: BusSpec, lookup: Lookup = ask_resolver) -> None:
        self.where = spec.where
        self.within_s = spec.connect_timeout_ms / 1000.0
        self._host = HostName(spec.host, lookup)
        self._port = spec.port

    async def open(self, turns: Turns) -> DatagramLink:
        """A socket to the first of the host's addresses that there is a way to."""
        loop = asyncio.get_running_loop()
        refusal = OSError("the name has no address")
        for address in await self._host.addresses():
            try:
                made = await loop.create_datagram_endpoint(lambda: DatagramLink(turns), remote_addr=(address, self._port))
            except OSError as error:
                refusal = error
            else:
                return made[1]
        raise refusal
