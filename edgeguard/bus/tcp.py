"""A TCP socket as a wire: Modbus TCP, and serial lines behind a transparent network adapter; the framing knows which."""

import asyncio
from collections.abc import Sequence
from ssl import SSLContext

from edgeguard.bus.hostname import HostName, Lookup, ask_resolver
from edgeguard.bus.socket_end import SocketEnd
from edgeguard.bus.turns import Turns
from edgeguard.core.limits import BUS_RECEIVE_BYTES
from edgeguard.core.site import BusSpec


class StreamLink(SocketEnd, asyncio.BufferedProtocol):
    """One connection: hands bytes to the turns."""

    def __init__(self, turns: Turns) -> None:
        super().__init__(turns)
        self._buffer = bytearray(BUS_RECEIVE_BYTES)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  narrows what create_connection always passes
        self._abort = transport.abort
        self._turns.opened(transport.write, self.drop)

    def get_buffer(self, sizehint: int) -> bytearray:
        """Where the next bytes go."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have come."""
        if self._why is None:
            self._turns.received(bytes(memoryview(self._buffer)[:nbytes]))


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
