"""The ways in which a line spoils the answers of meters (DL/T 645, CJ/T 188): can a false value come of one?

What `line_faults` is for Modbus: a frame of an answer goes in, what is left of it on the wire comes out.
"""

from enum import StrEnum

from edgeguard.codec import cjt188_framing, dlt645_framing
from edgeguard.codec.meter_frame import MeterFrame, frames_in
from edgeguard.core.line import Protocol

_ERROR_BIT = 0x40
_OTHER_ERROR, _NO_SUCH_DATA = 0x01, 0x02


class MeterFault(StrEnum):
    """What happens to an answer on its way."""

    DEAD = "dead"
    ERROR = "error"
    """The meter answers with an error: other error."""
    REFUSED = "refused"
    """The meter answers with an error: no such data."""
    TRUNCATED = "truncated"
    """The last three bytes are lost."""
    SHORT = "short"
    """A byte of data less than there should be, in a frame that is otherwise right."""
    WRONG_STATION = "wrong-station"
    WRONG_CONTROL = "wrong-control"
    WRONG_IDENTIFIER = "wrong-identifier"
    """A whole answer to another question."""
    BAD_CHECKSUM = "bad-checksum"
    FLIPPED_BIT = "flipped-bit"
    """A bit of the data is turned over, the checksum is that of the right data."""
    ECHO_ONLY = "echo-only"
    """Nothing but the request's own echo comes back."""
    NOISE = "noise"
    """Bytes that are no frame."""


def spoil(fault: MeterFault, protocol: Protocol, sent: bytes, answer: bytes) -> bytes:
    """What comes of an answer to `sent`."""
    match fault:
        case MeterFault.DEAD:
            return b""
        case MeterFault.TRUNCATED:
            return answer[:-3]
        case MeterFault.BAD_CHECKSUM:
            return answer[:-2] + bytes((answer[-2] ^ 0xFF,)) + answer[-1:]
        case MeterFault.FLIPPED_BIT:
            return answer[:-3] + bytes((answer[-3] ^ 0x10,)) + answer[-2:]
        case MeterFault.ECHO_ONLY:
            return sent
        case MeterFault.NOISE:
            return bytes((i * 37 + 11) & 0xFF for i in range(len(answer)))
    return _reframed(fault, protocol, answer)


def _reframed(fault: MeterFault, protocol: Protocol, answer: bytes) -> bytes:
    """Another frame with a right checksum."""
    electric = protocol is Protocol.DLT645
    (frame,) = frames_in(answer, dlt645_framing.frame_at if electric else cjt188_framing.frame_at)
    station, control, data = _changed(fault, frame, electric)
    return dlt645_framing.build_frame(station, control, data) if electric else cjt188_framing.build_frame(station, control, data)


def _changed(fault: MeterFault, frame: MeterFrame, electric: bool) -> tuple[str, int, bytes]:
    station, control, data = frame.station, frame.control, frame.data
    match fault:
        case MeterFault.ERROR:
            return station, control | _ERROR_BIT, bytes((_OTHER_ERROR,)) if electric else data[2:3] + b"\x00\x40"
        case MeterFault.REFUSED:
            return station, control | _ERROR_BIT, bytes((_NO_SUCH_DATA,)) if electric else data[2:3] + b"\x00\x00"
        case MeterFault.SHORT:
            return station, control, data[:-1]
        case MeterFault.WRONG_STATION:
            return station[:-1] + str((int(station[-1]) + 1) % 10), control, data
        case MeterFault.WRONG_CONTROL:
            return station, control ^ 0x02, data
        case _:
            return station, control, bytes((data[0] ^ 0x01,)) + data[1:]
