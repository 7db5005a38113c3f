"""What passes on a wire, told to whoever listens: bytes as they go and come, and how requests end.

For the bus monitor, recordings and the flight recorder. A listener is called on the loop's thread while a transaction is
under way, so it must be quick and must not raise; with nobody listening nothing is made.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from edgeguard.core.line import LineSettings, Protocol, Station
from edgeguard.core.quality import Fault


class Passing(StrEnum):
    """What happened on the wire."""

    OPENED = "opened"
    CLOSED = "closed"
    SENT = "sent"
    """A whole request went out."""
    RECEIVED = "received"
    """Bytes came in, in whatever pieces the system delivers them."""
    ANSWERED = "answered"
    """The bytes received so far completed the answer to the request."""
    FAILED = "failed"
    """A request that had been sent got no good answer; `fault` says why."""


class WireEvent(NamedTuple):
    """One passing; a tuple, since three of them are made for each transaction.

    `at_s` is the loop's time (monotonic seconds). `data` is empty unless bytes went or came.

    `station` and `protocol` name the request that was sent, answered or failed; None for what belongs to no request.
    `line` is what the serial port was set to, None where there is none.
    """

    at_s: float
    passing: Passing
    data: bytes = b""
    station: Station | None = None
    protocol: Protocol | None = None
    line: LineSettings | None = None
    fault: Fault | None = None


Listener = Callable[[WireEvent], None]


class Tap:
    """Who listens on one wire; false while nobody does."""

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()

    def __bool__(self) -> bool:
        return bool(self._listeners)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` what passes until the function returned here is called."""
        self._listeners = (*self._listeners, listener)

        def leave() -> None:
            self._listeners = tuple(kept for kept in self._listeners if kept is not listener)

        return leave

    def tell(self, event: WireEvent) -> None:
        """This has passed."""
        for listener in self._listeners:
            listener(event)
