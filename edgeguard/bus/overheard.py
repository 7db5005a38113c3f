"""Whole frames on a line while nobody was asked: another master is at work, or a device speaks unbidden.

Judged by shape and checksum alone, whatever the protocol (codec.shapes). Bounded: what is no frame is forgotten.
"""

from typing import Final

from edgeguard.codec.shapes import Shape, ascii_shape, cjt188_shape, dlt645_shape, rtu_shapes
from edgeguard.codec.sighting import Sort
from edgeguard.core.limits import LINE_FRAME_CHARACTERS

_SHORTEST: Final = 4


class Overheard:
    """Bytes that came between two requests. `frames` counts the whole ones among them."""

    def __init__(self) -> None:
        self.frames = 0
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Sort]:
        """What each frame is that these bytes complete: a request is still to be answered."""
        buffer = self._buffer
        buffer += data
        del buffer[: max(0, len(buffer) - LINE_FRAME_CHARACTERS)]
        found: list[Sort] = []
        place = 0
        while len(buffer) - place >= _SHORTEST:
            shape = _frame_at(bytes(buffer[place:]))
            if shape is None:
                place += 1
                continue
            found.append(shape.sorts[0] if shape.sorts else Sort.ANSWER)
            place += shape.size
            del buffer[:place]
            place = 0
        self.frames += len(found)
        return found

    def forget(self) -> None:
        """Something else begins: what has come so far is no part of it."""
        self._buffer.clear()


def _frame_at(data: bytes) -> Shape | None:
    """The whole frame that begins here, its checksum right."""
    shapes = [*rtu_shapes(data), ascii_shape(data), dlt645_shape(data), cjt188_shape(data)]
    return next((shape for shape in shapes if shape is not None and shape.verdict), None)
