"""A bus over whatever can be opened: a socket, a serial port. Opened, watched and reopened here; turns are taken in `turns`.

What differs from wire to wire is how a link is made, and that is all that an `Opener` knows.
"""

import asyncio
import typing
from collections.abc import Callable

import structlog

from edgeguard.bus.exchange import LineCost, Request
from edgeguard.bus.line_errors import LineErrors
from edgeguard.bus.reconnect import Reconnect
from edgeguard.bus.stats import BusStats, LinkState
from edgeguard.bus.tap import Listener
from edgeguard.bus.turns import Turns
from edgeguard.core.ids import BusName
from edgeguard.core.quality import Fault, Reason

_log = structlog.get_logger()


class Link(typing.Protocol):
    """An open connection: it hands bytes to the turns, and tells them when it has ended."""

    @property
    def lost(self) -> asyncio.Future[Fault]:
        """Done when the connection has ended, with the reason."""
        ...

    @property
    def line_errors(self) -> LineErrors | None:
        """What the driver of a serial port has counted; None elsewhere."""
        ...

    def drop(self, fault: Fault) -> None:
        """End the connection at once; bytes that still come are not looked at."""
        ...


class Opener(typing.Protocol):
    """How a wire is opened."""

    @property
    def where(self) -> str:
        """The endpoint, in the words of the configuration."""
        ...

    @property
    def within_s(self) -> float:
        """How long an attempt may take."""
        ...

    async def open(self, turns: Turns) -> Link:
        """A link that has called `turns.opened`. OSError or ValueError, with words for people, if there is none."""
        ...


class WireBus:
    """One wire and its turns; see bus.exchange.Bus. `reconnect` is the state of its connection."""

    def __init__(self, name: BusName, opener: Opener, turns: Turns, cost: LineCost, reconnect: Reconnect) -> None:
        self._name = name
        self._opener = opener
        self._turns = turns
        self._cost = cost
        self._reconnect = reconnect
        self._error = ""
        self._link: Link | None = None
        self._connected_at_s = 0.0
        self._wakes: list[Callable[[], None]] = []

    @property
    def name(self) -> BusName:
        """The bus's name in the site."""
        return self._name

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
        errors = None if self._link is None else self._link.line_errors
        return self._turns.stats(state, max(0, self._reconnect.openings - 1), connected_s, self._error, errors)

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
        where = self._opener.where
        try:
            while True:
                self._reconnect.attempt()
                self._turns.waiting(Fault(Reason.NO_CONNECTION, f"connecting to {where}"), loop.time())
                fault = await self._connect_and_keep()
                pause_s = self._reconnect.ended(self._turns.proved)
                detail = f"{where}: {fault.detail or fault.reason}; next attempt in {pause_s:.1f} s"
                self._turns.waiting(Fault(Reason.NO_CONNECTION, detail), loop.time() + pause_s)
                await asyncio.sleep(pause_s)
        finally:
            self._reconnect.stopped()
            self._turns.waiting(Fault(Reason.NO_CONNECTION, f"the bus to {where} is stopped"), float("inf"))

    async def _connect_and_keep(self) -> Fault:
        """One connection from its opening to its end; why it ended, or why there was none."""
        where, within_s = self._opener.where, self._opener.within_s
        self._turns.proved = False
        try:
            async with asyncio.timeout(within_s):
                link = await self._opener.open(self._turns)
        except TimeoutError:
            return self._unreachable(f"no connection within {within_s * 1000:.0f} ms")
        except (OSError, ValueError) as error:
            return self._unreachable(str(error))
        self._reconnect.opened()
        self._connected_at_s = asyncio.get_running_loop().time()
        _log.info("bus.connected", bus=self.name, where=where, connection=self._reconnect.openings)
        for wake in self._wakes:
            wake()
        self._link = link
        try:
            fault = await asyncio.shield(link.lost)
        except asyncio.CancelledError:
            link.drop(Fault(Reason.NO_CONNECTION, "the bus is stopped"))
            await link.lost
            raise
        finally:
            self._link = None
        self._error = str(fault)
        _log.warning("bus.lost", bus=self.name, where=where, fault=str(fault))
        return fault

    def _unreachable(self, detail: str) -> Fault:
        fault = Fault(Reason.NO_CONNECTION, detail)
        if self._error != str(fault):
            self._error = str(fault)
            _log.warning("bus.unreachable", bus=self.name, where=self._opener.where, fault=str(fault))
        return fault
