"""Our end of a connection over a socket, of whatever kind: how it ends, and that what comes after is not looked at."""

import asyncio
from collections.abc import Callable

from edgeguard.bus.turns import Turns
from edgeguard.core.quality import Fault, Reason


class SocketEnd:
    """What links over sockets have in common; see bus.wire_bus.Link. `lost` is done when it has ended, with the reason."""

    line_errors = None

    def __init__(self, turns: Turns) -> None:
        self.lost: asyncio.Future[Fault] = asyncio.get_running_loop().create_future()
        self._turns = turns
        self._abort: Callable[[], None] = lambda: None
        self._why: Fault | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket has ended."""
        fault = self._why or Fault(Reason.NO_CONNECTION, str(exc) if exc else "the other side closed the connection")
        self._turns.closed(fault)
        if not self.lost.done():
            self.lost.set_result(fault)

    def drop(self, fault: Fault) -> None:
        """End the connection at once; what still comes is not looked at."""
        if self._why is None:
            self._why = fault
            self._abort()
