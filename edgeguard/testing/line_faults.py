"""A recorded device behind an RTU line that spoils its answers in one way, for the question whether a false value can come of it.

The answers are framed as on the wire, spoiled as bytes, and judged by the framing of the real bus; what the bus would report
as a fault is reported here, at once instead of after its time-out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from edgeguard.bus import ExchangeFailed, Request
from edgeguard.codec.rtu import RtuFraming, crc16
from edgeguard.core.quality import Fault, Reason
from edgeguard.testing.recording import ReplayBus


class LineFault(StrEnum):
    """What happens to an answer on its way."""

    DEAD = "dead"
    EXCEPTION = "exception"
    """The device answers with exception 4, device failure."""
    REFUSED = "refused"
    """The device answers with exception 2, illegal address."""
    TRUNCATED = "truncated"
    """The last three bytes are lost."""
    SHORT = "short"
    """A register less than was asked for, in a frame that is otherwise right."""
    WRONG_UNIT = "wrong-unit"
    WRONG_FUNCTION = "wrong-function"
    BAD_CRC = "bad-crc"
    FLIPPED_BIT = "flipped-bit"
    """A bit of the data is turned over, the checksum is that of the right data."""
    ECHO_ONLY = "echo-only"
    """Nothing but the request's own echo comes back."""
    NOISE = "noise"
    """Bytes that are no frame."""


@dataclass(slots=True)
class FaultyLine(ReplayBus):
    """ReplayBus with a fault in the answers to the requests that `hits` picks (by their number, from 0): all, unless given."""

    fault: LineFault = LineFault.DEAD
    hits: Callable[[int], bool] = lambda _: True

    async def exchange(self, request: Request) -> bytes:
        """The answer as the bus would give it out; ExchangeFailed where it would report a fault."""
        number = len(self.requests)
        answer = await ReplayBus.exchange(self, request)
        if not self.hits(number):
            return answer
        framing = RtuFraming()
        sent = framing.request(0, request.address, request.pdu)
        came = framing.feed(_spoil(self.fault, int(request.address), sent, answer))
        if came:
            return came[0].pdu
        fault = framing.forget(0) or Fault(Reason.TIMEOUT, "no answer")
        raise ExchangeFailed(self.name, request.address, fault, sent=True)


def _frame(unit: int, pdu: bytes) -> bytes:
    body = bytes((unit,)) + pdu
    return body + crc16(body).to_bytes(2, "little")


def _spoil(fault: LineFault, unit: int, sent: bytes, answer: bytes) -> bytes:
    whole = _frame(unit, answer)
    function = answer[0]
    match fault:
        case LineFault.DEAD:
            return b""
        case LineFault.EXCEPTION:
            return _frame(unit, bytes((function | 0x80, 4)))
        case LineFault.REFUSED:
            return _frame(unit, bytes((function | 0x80, 2)))
        case LineFault.TRUNCATED:
            return whole[:-3]
        case LineFault.SHORT:
            data = answer[2:-2] if len(answer) > 4 else b""
            return _frame(unit, bytes((function, len(data))) + data)
        case LineFault.WRONG_UNIT:
            return _frame(unit % 247 + 1, answer)
        case LineFault.WRONG_FUNCTION:
            return _frame(unit, bytes(((function - 1 ^ 1) + 1,)) + answer[1:])
        case LineFault.BAD_CRC:
            return whole[:-1] + bytes((whole[-1] ^ 0xFF,))
        case LineFault.FLIPPED_BIT:
            return whole[:3] + bytes((whole[3] ^ 0x10,)) + whole[4:]
        case LineFault.ECHO_ONLY:
            return sent
        case LineFault.NOISE:
            return bytes((i * 37 + 11) & 0xFF for i in range(len(whole)))
