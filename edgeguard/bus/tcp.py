"""A bus behind a TCP socket: one connection per host and port, opened, watched and reopened here.

Serves Modbus TCP and serial lines behind a transparent network adapter alike; which of them, the framing alone knows.
"""

import asyncio
import random
from collections.abc import Callable, Sequence

import structlog

from edgeguard.bus.exchange import LineCost, Request
from edgeguard.bus.hostname import HostName, Lookup, ask_resolver
from edgeguard.bus.reconnect import Reconnect
from edgeguard.bus.stats import BusStats, LinkState
from edgeguard.bus.tap import Listener
from edgeguard.bus.turns import Turns
from edgeguard.codec.framing import Framing
from edgeguard.core.ids import BusName
from edgeguard.core.limits import BUS_RECEIVE_BYTES
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.site import BusSpec

_log = structlog.get_logger()


class _Link(asyncio.BufferedProtocol):
    """One connection: hands bytes to the turns. `lost` is done when the connection has ended, with the reason."""

    def __init__(self, turns: Turns) -> None:
        self.lost: asyncio.Future[Fault] = asyncio.get_running_loop().create_future()
        self._turns = turns
        self._buffer = bytearray(BUS_RECEIVE_BYTES)
        self._transport: asyncio.Transport | None = None
        self._why: Fault | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  narrows what create_connection always passes
        self._transport = transport
        self._turns.opened(transport.write, self.drop)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._why is None:
            self._turns.received(bytes(memoryview(self._buffer)[:nbytes]))

    def connection_lost(self, exc: Exception | None) -> None:
        fault = self._why or Fault(Reason.NO_CONNECTION, str(exc) if exc else "the other side closed the connection")
        self._turns.closed(fault)
        if not self.lost.done():
            self.lost.set_result(fault)

    def drop(self, fault: Fault) -> None:
        """End the connection at once; bytes that still come are not looked at."""
        if self._why is None and self._transport is not None:
            self._why = fault
            self._transport.abort()


class TcpBus:
    """One socket and its turns; see bus.exchange.Bus. `entropy` jitters the pauses between attempts, `lookup` resolves names."""

    def __init__(
        self, spec: BusSpec, framing: Framing, cost: LineCost, entropy: random.Random, lookup: Lookup = ask_resolver
    ) -> None:
        self._spec = spec
        self._host = HostName(spec.host, lookup)
        self._cost = cost
        self._turns = Turns(spec.name, framing, spec.parallel, spec.delay_ms / 1000.0)
        self._reconnect = Reconnect(entropy)
        self._error = ""
        self._connected_at_s = 0.0
        self._wakes: list[Callable[[], None]] = []

    @property
    def name(self) -> BusName:
        """The bus's name in the site."""
        return self._spec.name

    @property
    def cost(self) -> LineCost:
        """What a request costs on this wire."""
        return self._cost

    @property
    def stats(self) -> BusStats:
        """Counters so far; to be called on the loop."""
        state = self._reconnect.state
        connected = state is LinkState.CONNECTED
        connected_s = asyncio.get_running_loop().time() - self._connected_at_s if connected else None
        return self._turns.stats(state, max(0, self._reconnect.openings - 1), connected_s, self._error)

    async def exchange(self, request: Request) -> bytes:
        """The answer's PDU; ExchangeFailed if none came."""
        return await self._turns.ask(request)

    def on_connected(self, wake: Callable[[], None]) -> None:
        """Call `wake` after each successful opening."""
        self._wakes.append(wake)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` what passes until the function returned here is called."""
        return self._turns.listen(listener)

    async def run(self) -> None:
        """Keep the connection until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._reconnect.attempt()
                self._turns.waiting(Fault(Reason.NO_CONNECTION, f"connecting to {self._where}"), loop.time())
                fault = await self._connect_and_keep()
                pause_s = self._reconnect.ended(self._turns.proved)
                detail = f"{self._where}: {fault.detail or fault.reason}; next attempt in {pause_s:.1f} s"
                self._turns.waiting(Fault(Reason.NO_CONNECTION, detail), loop.time() + pause_s)
                await asyncio.sleep(pause_s)
        finally:
            self._reconnect.stopped()
            self._turns.waiting(Fault(Reason.NO_CONNECTION, f"the bus to {self._where} is stopped"), float("inf"))

    @property
    def _where(self) -> str:
        return f"{self._spec.host}:{self._spec.port}"

    async def _connect_and_keep(self) -> Fault:
        """One connection from its opening to its end; why it ended, or why there was none."""
        loop = asyncio.get_running_loop()
        self._turns.proved = False
        try:
            async with asyncio.timeout(self._spec.connect_timeout_ms / 1000.0):
                link = await self._open(await self._host.addresses())
        except TimeoutError:
            return self._unreachable(f"no connection within {self._spec.connect_timeout_ms} ms")
        except (OSError, UnicodeError) as error:
            return self._unreachable(str(error))
        self._reconnect.opened()
        self._connected_at_s = loop.time()
        _log.info("bus.connected", bus=self.name, where=self._where, connection=self._reconnect.openings)
        for wake in self._wakes:
            wake()
        try:
            fault = await asyncio.shield(link.lost)
        except asyncio.CancelledError:
            link.drop(Fault(Reason.NO_CONNECTION, "the bus is stopped"))
            await link.lost
            raise
        self._error = str(fault)
        _log.warning("bus.lost", bus=self.name, where=self._where, fault=str(fault))
        return fault

    async def _open(self, addresses: Sequence[str]) -> _Link:
        """The first of the addresses that takes a connection; the last one's error if none does."""
        loop = asyncio.get_running_loop()
        refusal = OSError("the name has no address")
        for address in addresses:
            try:
                return (await loop.create_connection(lambda: _Link(self._turns), address, self._spec.port))[1]
            except OSError as error:
                refusal = error
        raise refusal

    def _unreachable(self, detail: str) -> Fault:
        fault = Fault(Reason.NO_CONNECTION, detail)
        if self._error != str(fault):
            self._error = str(fault)
            _log.warning("bus.unreachable", bus=self.name, where=self._where, fault=str(fault))
        return fault
