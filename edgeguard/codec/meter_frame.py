"""Frames of the Chinese meter protocols among other bytes: what a whole one is, and how to walk from one to the next.

DL/T 645 and CJ/T 188 share the skeleton: FE bytes to wake the receiver, 68H, an address, a control code, a length, data, the
sum of all bytes from the first 68H on modulo 256, 16H. Neither 68H nor 16H nor FEH is barred from the data or the checksum,
so a frame is what stands at its length, not what stands between delimiters.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from edgeguard.core.line import Station

START: Final = 0x68
END: Final = 0x16
WAKE_UP: Final = 0xFE
ANSWER_BIT: Final = 0x80
"""D7 of a control code: a meter speaks, not a master."""
ERROR_BIT: Final = 0x40
"""D6 of a control code: the meter refuses."""
WILD: Final = "A"
"""Any digit, in an address that is asked."""


@dataclass(frozen=True, slots=True)
class MeterFrame:
    """A frame whose delimiters, length and checksum are right. `data` is as the protocol's document prints it (no 33H on it).

    `start` is the place of its first 68H in the buffer it was found in, `end` the place behind its 16H.
    """

    station: str
    control: int
    data: bytes
    start: int = 0
    end: int = 0

    @property
    def pdu(self) -> bytes:
        """Control code and data: the form in which requests and answers pass a bus."""
        return bytes((self.control,)) + self.data

    @property
    def is_answer(self) -> bool:
        """A meter sent it."""
        return bool(self.control & ANSWER_BIT)


FrameAt = Callable[[bytes | bytearray, int], MeterFrame | None]
"""The whole frame whose first 68H stands at this place of a buffer; None if there is none, or not yet."""


def checksum(data: bytes | bytearray) -> int:
    """The sum of the bytes modulo 256."""
    return sum(data) & 0xFF


def frames_in(buffer: bytes | bytearray, frame_at: FrameAt) -> Iterator[MeterFrame]:
    """Every whole frame, in order; noise between them is passed over, and nothing inside a frame is taken for another."""
    place = buffer.find(START)
    while place >= 0:
        frame = frame_at(buffer, place)
        if frame is not None:
            yield frame
        place = buffer.find(START, place + 1 if frame is None else frame.end)


def without_wake_up(buffer: bytes | bytearray, end: int) -> int:
    """Where the run of wake-up bytes before `end` begins."""
    while end and buffer[end - 1] == WAKE_UP:
        end -= 1
    return end


def digits_of(station: Station) -> str:
    """A station as text; a protocol judges it further."""
    return station if isinstance(station, str) else str(station)


def overlap(one: Station, other: Station) -> bool:
    """Whether a device may hear both addresses, of which a meter's may hold wildcards."""
    if isinstance(one, int) or isinstance(other, int):
        return one == other
    return len(one) == len(other) and all(a == b or WILD in (a, b) for a, b in zip(one, other, strict=True))
