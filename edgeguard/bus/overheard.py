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
    """A frame. By its shape alone it may be a request as well as an answer (a write and its confirmation are the same bytes)."""

    station: Station
    protocol: Protocol
    pdu: bytes
    may_ask: bool
    may_answer: bool


class Overheard:
    """Bytes that came between two requests, or beside an answer. `frames` counts what others have said."""

    def __init__(self) -> None:
        self.frames = 0
        self._buffer = bytearray()

    def keep(self, data: bytes) -> None:
        """Bytes that are looked at later, if they turn out to be more than an answer."""
        self._buffer += data
        del self._buffer[: max(0, len(self._buffer) - LINE_FRAME_CHARACTERS)]

    def feed(self, data: bytes = b"") -> list[Heard]:
        """What each frame is that these bytes complete, together with those kept before."""
        self.keep(data)
        buffer = self._buffer
        found: list[Heard] = []
        place = 0
        while len(buffer) - place >= _SHORTEST:
            # Most bytes begin no frame, and a look at two of them is cheap.
            may_begin = buffer[place] in _STARTS or buffer[place + 1] & ~EXCEPTION_BIT in ANSWER_SIZES
            shape = _frame_at(bytes(buffer[place:])) if may_begin else None
            if shape is None or shape.station is None:
                place += 1
                continue
            asks = Sort.REQUEST in shape.sorts
            answers = not shape.sorts or Sort.ANSWER in shape.sorts or Sort.EXCEPTION in shape.sorts
            found.append(Heard(shape.station, shape.form.protocol, shape.pdu, asks, answers))
            place += shape.size
            del buffer[:place]
            place = 0
        return found

    def forget(self) -> None:
        """What has come so far is no part of what comes next."""
        self._buffer.clear()


def _frame_at(data: bytes) -> Shape | None:
    """The whole frame that begins here, its checksum right."""
    shapes = [*rtu_shapes(data), ascii_shape(data), dlt645_shape(data), cjt188_shape(data)]
    return next((shape for shape in shapes if shape is not None and shape.verdict), None)
