"""What a bus offers: a request goes out when its turn comes, its answer or a named fault comes back."""

import math
import typing
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from edgeguard.bus.stats import BusStats
from edgeguard.bus.tap import Listener
from edgeguard.core.errors import Retryable
from edgeguard.core.ids import BusName
from edgeguard.core.limits import TURNAROUND_S
from edgeguard.core.line import SILENCE_CHARACTERS, LineSettings, Protocol, Station
from edgeguard.core.quality import Fault


class Priority(IntEnum):
    """Whose request goes first; equal ones go in the order of asking."""

    PERSON = 0
    """Somebody waits for it: a read or write from the command line or the platform."""
    ALARM = 1
    ROUTINE = 2
    PROBE = 3
    """A knock at the door of a device that has not answered for a while."""
    SEARCH = 4
    """A scan asks for devices that nobody has named yet: it has what time the others leave, all of it."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `timeout_s` runs from the moment its last byte has left on a serial line, from sending elsewhere; while
    there is no connection it bounds the wait for one as well.

    `delay_s` of silence is kept towards this address before the request. `on_sent` is called when it goes on the wire.
    `pdu` is in the words of `protocol`, without address, length and checksum: Modbus function and data; for DL/T 645 the
    control code and the data before 33H is added; for CJ/T 188 the control code, DI0, DI1, SER and data. `line` is what a
    serial port must be set to for this device, None for the bus's own settings.

    `look_s`: how long it is waited for while too much of the wire's time is lost to silence (bus.lost_time), and for no more
    than `timeout_s`; the failure says `looked`.

    `stranger`: nobody has heard this station yet, so that it may be dead (bus.probe_share).

    `answered` False: nobody answers, as to a broadcast. The line is kept quiet for `timeout_s`, and the answer is empty.
    `pdu_now` makes the PDU at the moment at which it goes out, for one that tells the time; it takes the place of `pdu`. A
    ValueError out of it, and the request is not sent.
    """

    address: Station
    pdu: bytes
    timeout_s: float
    priority: Priority = Priority.ROUTINE
    delay_s: float = 0.0
    on_sent: Callable[[], None] | None = None
    protocol: Protocol = Protocol.MODBUS
    line: LineSettings | None = None
    answered: bool = True
    pdu_now: Callable[[], bytes] | None = None
    look_s: float = math.inf
    stranger: bool = False


class ExchangeFailed(Retryable):
    """No answer: `fault` says why; `sent` whether the request went on the wire, so that a device may have acted on it.

    `looked`: it was waited for `look_s` only, not for its time-out.
    """

    def __init__(self, bus: BusName, address: Station, fault: Fault, sent: bool, looked: bool = False) -> None:
        super().__init__(f"bus {bus}, address {address}: {fault}")
        self.fault = fault
        self.sent = sent
        self.looked = looked


@dataclass(frozen=True, slots=True)
class LineCost:
    """What the wire itself takes: seconds per byte (0 on a network), and seconds per request beyond its bytes.

    `ascii_frames`: Modbus is written in digits there.
    """

    byte_s: float = 0.0
    turn_s: float = 0.0
    ascii_frames: bool = False

    @classmethod
    def on_line(cls, line: LineSettings, ascii_frames: bool = False) -> "LineCost":
        """On a serial line of these settings, with a device that thinks for a usual while.

        A reader's plan counts 13 bytes of frame and a silence of 3.5 for each request (codec.plan). Above 19200 baud the
        silence is longer than that; a frame in ASCII has two characters for each byte, 28 in all, and no silence.
        """
        character_s = line.character_s
        if ascii_frames:
            return cls(2 * character_s, TURNAROUND_S - 5 * character_s, ascii_frames)
        return cls(character_s, TURNAROUND_S + line.silence_s - SILENCE_CHARACTERS * character_s)

    def switched_to(self, line: LineSettings | None) -> "LineCost":
        """The same wire for a device with line settings of its own."""
        return self if line is None else LineCost.on_line(line, self.ascii_frames)


class Bus(typing.Protocol):
    """One wire. Any number of tasks may ask at once; each waits for its own turn."""

    @property
    def name(self) -> BusName:
        """The bus's name in the site."""
        ...

    @property
    def cost(self) -> LineCost:
        """What a request costs, for planning reads."""
        ...

    @property
    def stats(self) -> BusStats:
        """Counters so far."""
        ...

    async def exchange(self, request: Request) -> bytes:
        """The answer's PDU, from the address that was asked. ExchangeFailed if none came.

        Cancelling is safe at any time: a request not yet sent is withdrawn, the answer to one already sent is thrown away.
        """
        ...

    def on_connected(self, wake: Callable[[], None]) -> None:
        """Call `wake` on the loop's thread after each successful opening, for the life of the bus; it must not block."""
        ...

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` everything that passes on the wire from now on, until the function returned here is called."""
        ...

    async def run(self) -> None:
        """Own the connection until cancelled: open it, reopen it, close it at the end."""
        ...
