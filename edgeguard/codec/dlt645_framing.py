"""Frames of DL/T 645-2007 and -1997: the same skeleton, control codes and identifiers of other sizes.

Source: DL/T 645-2007, 5.2 (frame), as public implementations agree on it: FE... 68 A0..A5 68 C L DATA CS 16, the address
lowest byte first, 33H added to every byte of data. The function is D4-D0 of the control code; D5 says that more frames follow.
"""

import re
from collections.abc import Mapping
from typing import Final

from edgeguard.codec.meter_frame import END, ERROR_BIT, START, MeterFrame, checksum
from edgeguard.codec.meter_framing import MeterFraming
from edgeguard.core.limits import DLT645_MAX_DATA_BYTES
from edgeguard.core.quality import Fault, Reason

STATION: Final = re.compile(r"[0-9A]{12}\Z")
"""Twelve digits, or A for any digit."""
BROADCAST: Final = "9" * 12
"""Meters obey it and do not answer."""
MORE_BIT: Final = 0x20
"""D5 of a control code: more frames follow."""
FUNCTION_BITS: Final = 0x1F

_OFFSET: Final = bytes((i + 0x33) & 0xFF for i in range(256))
_OFFSET_BACK: Final = bytes((i - 0x33) & 0xFF for i in range(256))
_HEAD: Final = 10
_ENVELOPE: Final = 12
_NAMED: Final[Mapping[int, int]] = {0x11: 4, 0x12: 4, 0x01: 2, 0x02: 2}
"""Bytes of the data identifier that an answer repeats, by function; others repeat none."""
_NUMBERED: Final = 0x12
"""Read following data, 2007: the sequence number is the last byte of request and answer."""


def frame_at(buffer: bytes | bytearray, place: int) -> MeterFrame | None:
    """The whole frame whose first 68H stands at `place`; see codec.meter_frame.FrameAt."""
    if buffer[place] != START or len(buffer) < place + _ENVELOPE or buffer[place + 7] != START:
        return None
    end = place + _ENVELOPE + buffer[place + 9]
    if len(buffer) < end or buffer[end - 1] != END or buffer[end - 2] != checksum(buffer[place : end - 2]):
        return None
    data = bytes(buffer[place + _HEAD : end - 2]).translate(_OFFSET_BACK)
    return MeterFrame(_station_at(buffer, place), buffer[place + 8], data, place, end)


def build_frame(station: str, control: int, data: bytes) -> bytes:
    """A frame without wake-up bytes. ValueError if there is no such station, or the data is too long."""
    if not STATION.match(station):
        raise ValueError(f'"{station}" is no address of a DL/T 645 meter: 12 digits, A for any digit')
    if len(data) > DLT645_MAX_DATA_BYTES:
        raise ValueError(f"{len(data)} bytes of data do not fit a frame, at most {DLT645_MAX_DATA_BYTES} do")
    head = bytes((START, *bytes.fromhex(station)[::-1], START, control, len(data)))
    body = head + data.translate(_OFFSET)
    return body + bytes((checksum(body), END))


def stands_for(pattern: str, station: str) -> bool:
    """Whether an address with A for any digit means this station."""
    return len(pattern) == len(station) and all(p in ("A", s) for p, s in zip(pattern, station, strict=True))


def _station_at(buffer: bytes | bytearray, place: int) -> str:
    return bytes(buffer[place + 1 : place + 7])[::-1].hex().upper()


def mismatch(frame: MeterFrame, station: str, pdu: bytes) -> Fault | None:
    """Why this is not the answer to a request, None if it is: address, function, identifier and sequence number, in this order."""
    if not stands_for(station, frame.station):
        return Fault(Reason.WRONG_UNIT, f"asked meter {station}, meter {frame.station} answered")
    function = pdu[0] & FUNCTION_BITS
    if frame.control & FUNCTION_BITS != function:
        return Fault(Reason.WRONG_FUNCTION, f"asked function {function:02X}, answered control code {frame.control:02X}")
    if frame.control & ERROR_BIT:
        return None
    size = _NAMED.get(function, 0)
    asked, named = pdu[1 : 1 + size], frame.data[:size]
    if asked != named:
        detail = f"asked for {asked[::-1].hex().upper()}, the answer is about {named[::-1].hex().upper() or 'nothing'}"
        return Fault(Reason.WRONG_TRANSACTION, detail)
    if function == _NUMBERED and frame.data[-1:] != pdu[-1:]:
        return Fault(Reason.WRONG_TRANSACTION, f"asked for following frame {pdu[-1]}, got number {frame.data[-1]}")
    return None


class Dlt645Framing(MeterFraming):
    """DL/T 645 frames of one line; see codec.framing.Framing. An answer to wildcards may come from any address they mean."""

    wake_up_bytes = 4

    def wrap(self, station: str, pdu: bytes) -> bytes:
        """A frame without wake-up bytes."""
        return build_frame(station, pdu[0], pdu[1:])

    def frame_at(self, buffer: bytes | bytearray, place: int) -> MeterFrame | None:
        """The whole frame that begins at `place`."""
        return frame_at(buffer, place)

    def tells(self, frame: MeterFrame) -> bool:
        """Good answers to reads repeat the identifier."""
        return not frame.control & ERROR_BIT and frame.control & FUNCTION_BITS in _NAMED

    def means(self, station: str, other: str) -> bool:
        """Whether an address with A for any digit means this other one."""
        return stands_for(station, other)

    def length_at(self, buffer: bytes | bytearray, place: int) -> tuple[str, int] | None:
        """Station and length by the head at `place`."""
        if len(buffer) < place + _HEAD or buffer[place + 7] != START:
            return None
        return _station_at(buffer, place), _ENVELOPE + buffer[place + 9]

    def mismatch(self, frame: MeterFrame, station: str, pdu: bytes) -> Fault | None:
        """Why a meter's frame is not the answer to this request; None if it is."""
        return mismatch(frame, station, pdu)
