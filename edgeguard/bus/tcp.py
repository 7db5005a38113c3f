"""A TCP socket as a wire: Modbus TCP, and serial lines behind a transparent network adapter; the framing knows which."""

import asyncio
from collections.abc import Sequence
from ssl import SSLContext

from edgeguard.bus.hostname import HostName, Lookup, ask_resolver
from edgeguard.bus.turns import Turns
from edgeguard.core.limits import BUS_RECEIVE_BYTES
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.site import BusSpec


class StreamLink(asyncio.BufferedProtocol):
    """One connection: hands bytes to the turns. `lost` is done when the connection has ended, with the reason."""

    line_errors = None

    def __init__(self, turns: Turns) -> None:
        self.lost: asyncio.Future[Fault] = asyncio.get_running_loop().create_future()
        self._turns = turns
        self._buffer = bytearray(BUS_RECEIVE_BYTES)
        self._transport: asyncio.Transport | None = None
        self._why: Fault | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  narrows what create_connection always passes
        self._transport = transport
        self._turns.opened(transport.write, self.drop)

    def get_buffer(self, sizehint: int) -> bytearray:
        """Where the next bytes go."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have come."""
        if self._why is None:
            self._turns.received(bytes(memoryview(self._buffer)[:nbytes]))

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        fault = self._why or Fault(Reason.NO_CONNECTION, str(exc) if exc else "the other side closed the connection")
        self._turns.closed(fault)
        if not self.lost.done():
            self.lost.set_result(fault)

    def drop(self, fault: Fault) -> None:
        """End the connection at once; bytes that still come are not looked at."""
        if self._why is None and self._transport is not None:
            self._why = fault
            self._transport.abort()


class TcpOpener:
    """Connects to a host and port; see bus.wire_bus.Opener. `lookup` resolves names."""

    def __init__(self, spec: BusSpec, lookup: Lookup = ask_resolver) -> None:
        self.where = spec.where
        self.within_s = spec.connect_timeout_ms / 1000.0
        self._host = HostName(spec.host, lookup)
        self._port = spec.port

    async def open(self, turns: Turns) -> StreamLink:
        """The first of the host's addresses that takes a connection; the last one's error if none does."""
        return await self._first(await self._host.addresses(), turns)

    async def _first(
        self, addresses: Sequence[str], turns: Turns, context: SSLContext | None = None, name: str | None = None
    ) -> StreamLink:
        loop = asyncio.get_running_loop()
        refusal = OSError("the name has no address")
        for address in addresses:
            try:
                return (
                    await loop.create_connection(lambda: StreamLink(turns), address, self._port, ssl=context, server_hostname=name)
                )[1]
            except OSError as error:
                refusal = error
        raise refusal
