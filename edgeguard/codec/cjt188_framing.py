"""Frames of CJ/T 188-2004 and -2018: water, heat and gas meters.

Source: CJ/T 188 as public implementations agree on it: FE... 68 T A0..A6 C L DI0 DI1 SER DATA CS 16, the address lowest byte
first, no 33H on the data. There is one 68H only, so length, checksum and 16H must all agree before bytes count as a frame.
Meters differ in the order of the two identifier bytes; both orders of the identifier that was asked for are its answer.
"""

import re
from typing import Final

from edgeguard.codec.meter_frame import ANSWER_BIT, END, ERROR_BIT, START, MeterFrame, checksum
from edgeguard.codec.meter_framing import MeterFraming
from edgeguard.core.limits import CJT188_MAX_DATA_BYTES
from edgeguard.core.quality import Fault, Reason

STATION: Final = re.compile(r"[0-9A-F]{16}\Z")
"""The meter type, then fourteen digits of which the first four are the maker's; AA for any byte."""
ANY_BYTE: Final = "AA"

_HEAD: Final = 11
_ENVELOPE: Final = 13
_DI_AND_SER: Final = 3


def frame_at(buffer: bytes | bytearray, place: int) -> MeterFrame | None:
    """The whole frame whose 68H stands at `place`; see codec.meter_frame.FrameAt."""
    if buffer[place] != START or len(buffer) < place + _ENVELOPE:
        return None
    end = place + _ENVELOPE + buffer[place + 10]
    if len(buffer) < end or buffer[end - 1] != END or buffer[end - 2] != checksum(buffer[place : end - 2]):
        return None
    return MeterFrame(_station_at(buffer, place), buffer[place + 9], bytes(buffer[place + _HEAD : end - 2]), place, end)


def build_frame(station: str, control: int, data: bytes) -> bytes:
    """A frame without wake-up bytes. ValueError if there is no such station, or the data is too long."""
    if not STATION.match(station):
        raise ValueError(f'"{station}" is no address of a CJ/T 188 meter: its type and 14 digits, AA for any byte')
    if len(data) > CJT188_MAX_DATA_BYTES:
        raise ValueError(f"{len(data)} bytes of data do not fit a frame, at most {CJT188_MAX_DATA_BYTES} do")
    octets = bytes.fromhex(station)
    body = bytes((START, octets[0], *octets[:0:-1], control, len(data))) + data
    return body + bytes((checksum(body), END))


def stands_for(pattern: str, station: str) -> bool:
    """Whether an address with AA for any byte means this station."""
    pairs = ((pattern[i : i + 2], station[i : i + 2]) for i in range(0, len(pattern), 2))
    return len(pattern) == len(station) and all(p in (ANY_BYTE, s) for p, s in pairs)


def _station_at(buffer: bytes | bytearray, place: int) -> str:
    octets = bytes(buffer[place + 1 : place + 9])
    return (octets[:1] + octets[:0:-1]).hex().upper()


def mismatch(frame: MeterFrame, station: str, pdu: bytes) -> Fault | None:
    """Why this is not the answer to a request, None if it is: address, function, sequence number and identifier, in this order."""
    if not stands_for(station, frame.station):
        return Fault(Reason.WRONG_UNIT, f"asked meter {station}, meter {frame.station} answered")
    if frame.control & ~ERROR_BIT != pdu[0] | ANSWER_BIT:
        return Fault(Reason.WRONG_FUNCTION, f"asked control code {pdu[0]:02X}, answered {frame.control:02X}")
    data, asked, ser = frame.data, pdu[1:3], pdu[3:4]
    if frame.control & ERROR_BIT and (data[:1] == ser or len(data) < _DI_AND_SER):
        return None  # a refusal bears its number and the status, without an identifier
    if data[2:3] != ser:
        return Fault(Reason.WRONG_TRANSACTION, f"asked with number {ser.hex()}, answered number {data[2:3].hex() or 'none'}")
    if data[:2] not in (asked, asked[::-1]):
        return Fault(Reason.WRONG_TRANSACTION, f"asked for {asked.hex(' ')}, the answer is about {data[:2].hex(' ')}")
    return None


class Cjt188Framing(MeterFraming):
    """CJ/T 188 frames of one line; see codec.framing.Framing. An answer to wildcards may come from any address they mean."""

    wake_up_bytes = 3

    def wrap(self, station: str, pdu: bytes) -> bytes:
        """A frame without wake-up bytes."""
        return build_frame(station, pdu[0], pdu[1:])

    def frame_at(self, buffer: bytes | bytearray, place: int) -> MeterFrame | None:
        """The whole frame that begins at `place`."""
        return frame_at(buffer, place)

    def tells(self, frame: MeterFrame) -> bool:
        """All good answers repeat identifier and number."""
        return not frame.control & ERROR_BIT

    def means(self, station: str, other: str) -> bool:
        """Whether an address with A for any byte means this other one."""
        return stands_for(station, other)

    def length_at(self, buffer: bytes | bytearray, place: int) -> tuple[str, int] | None:
        """Station and length by the head at `place`."""
        if len(buffer) < place + _HEAD:
            return None
        return _station_at(buffer, place), _ENVELOPE + buffer[place + 10]

    def mismatch(self, frame: MeterFrame, station: str, pdu: bytes) -> Fault | None:
        """Why a meter's frame is not the answer to this request; None if it is."""
        return mismatch(frame, station, pdu)
