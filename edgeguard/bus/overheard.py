"""Whole frames on a line that were not meant for us: another master is at work, an answer is late, a device speaks unbidden.

Judged by shape and checksum alone, whatever the protocol (codec.shapes). Bounded: what is no frame is forgotten.
"""

from typing import Final, NamedTuple

from edgeguard.codec.modbus import EXCEPTION_BIT
from edgeguard.codec.shapes import ANSWER_SIZES, Shape, ascii_shape, cjt188_shape, dlt645_shape, rtu_shapes
from edgeguard.codec.sighting import Sort
from edgeguard.core.limits import LINE_FRAME_CHARACTERS
from edgeguard.core.line import Protocol, Station

_SHORTEST: Final = 4
_STARTS: Final = b":\x68"


class Heard(NamedTuple):
    """A frame. By its shape alone it may be a request as well as an answer (a write and its confirmation are the same bytes).

    `gap`: bytes before it, since the frame before, that were none, and came since the last `part`.
    """

    station: Station
    protocol: Protocol
    pdu: bytes
    may_ask: bool
    may_answer: bool
    size: int
    gap: int = 0


class Overheard:
    """Bytes that came between two requests, or beside an answer. No place is looked at again before a frame there can be whole."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._parted = 0
        """Bytes of it that came before the last `part`."""
        self._looked = 0
        """Places before this one have been looked at."""
        self._waiting: list[tuple[int, int]] = []
        """Those of them where a frame may have begun, in order, and how long the buffer has to be before that can be told."""

    @property
    def rest(self) -> bytes:
        """What has come since the last frame."""
        return bytes(self._buffer)

    def keep(self, data: bytes) -> None:
        """Bytes that are looked at later, if they turn out to be more than an answer."""
        self._buffer += data
        self._leave_out(len(self._buffer) - LINE_FRAME_CHARACTERS)

    def feed(self, data: bytes = b"") -> list[Heard]:
        """What each frame is that these bytes complete, together with those kept before."""
        self.keep(data)
        found: list[Heard] = []
        while (frame := self._next()) is not None:
            place, shape, station = frame
            asks = Sort.REQUEST in shape.sorts
            answers = not shape.sorts or Sort.ANSWER in shape.sorts or Sort.EXCEPTION in shape.sorts
            gap = max(0, place - self._parted)
            found.append(Heard(station, shape.form.protocol, shape.pdu, asks, answers, shape.size, gap))
            self._leave_out(place + shape.size)
        return found

    def part(self) -> None:
        """What has come so far is accounted for; a frame may have begun in it all the same."""
        self._parted = len(self._buffer)

    def forget(self) -> None:
        """What has come so far is no part of what comes next."""
        self._leave_out(len(self._buffer))

    def _next(self) -> tuple[int, Shape, Station] | None:
        """The first whole frame, and where it begins."""
        buffer = self._buffer
        waiting, self._waiting = self._waiting, []
        for nth, (place, due) in enumerate(waiting):
            if due > len(buffer):
                self._waiting.append((place, due))
                continue
            frame = self._look(place)
            if frame is not None:
                self._waiting += waiting[nth + 1 :]
                return frame
        while len(buffer) - self._looked >= _SHORTEST:
            place = self._looked
            self._looked += 1
            # Most bytes begin no frame, and a look at two of them is cheap.
            if buffer[place] in _STARTS or buffer[place + 1] & ~EXCEPTION_BIT in ANSWER_SIZES:
                frame = self._look(place)
                if frame is not None:
                    return frame
        return None

    def _look(self, place: int) -> tuple[int, Shape, Station] | None:
        """The whole frame that begins here, its checksum right; if it is not all there yet, this place waits for the rest."""
        data = bytes(self._buffer[place:])
        shapes = [*rtu_shapes(data), ascii_shape(data), dlt645_shape(data), cjt188_shape(data)]
        for shape in shapes:
            if shape is not None and shape.verdict:
                return None if shape.station is None else (place, shape, shape.station)
        sizes = [shape.size for shape in shapes if shape is not None and shape.verdict is None]
        if sizes:
            self._waiting.append((place, place + min(sizes)))
        return None

    def _leave_out(self, count: int) -> None:
        """The first bytes are done with."""
        if count > 0:
            del self._buffer[:count]
            self._looked = max(0, self._looked - count)
            self._parted = max(0, self._parted - count)
            self._waiting = [(place - count, due - count) for place, due in self._waiting if place >= count]
