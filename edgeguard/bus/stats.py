"""What a bus has seen, counted: the first place to look when a line is bad."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from edgeguard.bus.line_errors import LineErrors
from edgeguard.core.quality import Reason


class LinkState(StrEnum):
    """Where the connection stands. WAITING: for the next attempt after one that failed."""

    STOPPED = "stopped"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class BusStats:
    """Counts since the start. `faults`: failed requests by reason; `junk_bytes`: received, but part of no answer.

    `foreign_frames`: whole frames that came on a serial line while nothing was asked and that answer no request given up:
    somebody else is master there, too. `busy_s`: time with a request outstanding. `waiting`: requests in the queue now.
    `response_p95_s`: time that 95 % of the latest answers took at most, 0 before the first. `connected_s`: age of the
    connection, None if there is none. `error`: why there is no connection, or why the last one ended.
    `line_errors`: what the serial port's driver has counted, None where it counts nothing or the port is closed.
    """

    state: LinkState = LinkState.STOPPED
    requests: int = 0
    answers: int = 0
    faults: Mapping[Reason, int] = field(default_factory=dict)
    bytes_sent: int = 0
    bytes_received: int = 0
    junk_bytes: int = 0
    late_answers: int = 0
    foreign_frames: int = 0
    reconnects: int = 0
    busy_s: float = 0.0
    waiting: int = 0
    response_p95_s: float = 0.0
    connected_s: float | None = None
    error: str = ""
    line_errors: LineErrors | None = None
