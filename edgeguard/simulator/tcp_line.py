"""A simulated line behind a serial server in transparent mode: every client's bytes go out on the pair, all hear."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Self

from edgeguard.core.errors import Retryable
from edgeguard.core.limits import PTY_READ_BYTES, TCP_LINE_CLIENTS
from edgeguard.core.line import LineSettings
from edgeguard.simulator.wire import Noise, Station, Wire


class TcpLine:
    """`async with TcpLine(stations) as line:` listens on `line.port` until the block ends."""

    def __init__(
        self,
        stations: Sequence[Station] = (),
        settings: LineSettings | None = None,
        seed: int = 1,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        echo: bool = False,
        noise: Noise | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self._first = (tuple(stations), settings, seed, echo, noise)
        self._wire: Wire | None = None
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()

    @property
    def wire(self) -> Wire:
        """The line behind the server; its stations, noise and counters."""
        assert self._wire is not None, "the line is not open"  # noqa: S101
        return self._wire

    @property
    def plugged(self) -> bool:
        """Whether the serial server listens."""
        return self._server is not None

    async def __aenter__(self) -> Self:
        stations, settings, seed, echo, noise = self._first
        self._wire = Wire(stations, settings, seed=seed, echo=echo, noise=noise)
        self._wire.on_heard = self._give
        await self.plug()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.unplug()
        self.wire.close()

    async def plug(self) -> None:
        """Listen; Retryable if the port is taken."""
        if self.plugged:
            return
        try:
            self._server = await asyncio.start_server(self._serve, self.host, self.port)
        except OSError as error:
            words = f"cannot listen on {self.host}:{self.port}; is another program using the port?"
            raise Retryable(words) from error
        self.port = self._server.sockets[0].getsockname()[1]

    def unplug(self) -> None:
        """Stop listening and drop every client."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for client in tuple(self._clients):
            client.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= TCP_LINE_CLIENTS:
            writer.transport.abort()
            return
        self._clients.add(writer)
        try:
            with contextlib.suppress(ConnectionError):
                while data := await reader.read(PTY_READ_BYTES):
                    self.wire.send(data)
        finally:
            self._clients.discard(writer)
            writer.close()

    def _give(self, data: bytes) -> None:
        for client in self._clients:
            if client.transport.get_write_buffer_size() < PTY_READ_BYTES:
                client.write(data)
            else:
                self.wire.counters.dropped += len(data)
