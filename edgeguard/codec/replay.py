"""A recorded wire as a device: what it answered to a request, with the time it took then. Pure.

A request that was made several times is answered in the recorded order, and from the beginning again after the last one. A
request that nobody answered, or that was never made, is met with silence, as the wire did. What only numbers a request (the
transaction of Modbus TCP, SER of CJ/T 188) is no part of it: the answer bears the number of the request now.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from edgeguard.codec import cjt188_framing, dlt645_framing
from edgeguard.codec.dissect import Dissector
from edgeguard.codec.meter_frame import ERROR_BIT, START, WAKE_UP, MeterFrame
from edgeguard.codec.sighting import Sighting, Sort, Way
from edgeguard.codec.wire_recording import TimedFrame, WireRecording
from edgeguard.core.limits import DISSECT_BYTES

_SER: Final = 2
"""Where the number stands in the data of CJ/T 188, behind the identifier; in a refusal it stands first."""
_WAKE_UP: Final = bytes((WAKE_UP,))
_NUMBER_BYTES: Final = 2
"""Of a Modbus TCP frame: the transaction number, which is that of the request now."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of an answer: `begin_s` and `end_s` after the end of the request."""

    begin_s: float
    end_s: float
    data: bytes


class Replay:
    """The devices of a recording. `asked` and `unknown` count requests, and those that the recording does not have."""

    def __init__(self, recording: WireRecording) -> None:
        self.asked = self.unknown = 0
        self._network = recording.network
        self._answers: dict[bytes, deque[tuple[Piece, ...]]] = {}
        self._wire = Dissector(recording.network)
        request: TimedFrame | None = None
        pieces: list[Piece] = []
        for frame in (*recording.frames, None):
            if frame is not None and frame.way is not Way.OUT:
                if request is not None:
                    pieces.append(Piece(max(0.0, frame.t_s - request.end_s), max(0.0, frame.end_s - request.end_s), frame.data))
                continue
            if request is not None:
                self._answers.setdefault(self._key(request.data), deque()).append(tuple(pieces))
            request, pieces = frame, []

    @property
    def requests(self) -> int:
        """Different requests that the recording knows."""
        return len(self._answers)

    def hear(self, at_s: float, data: bytes) -> list[tuple[Piece, ...]]:
        """What these bytes of a master are answered with, for each request that they complete."""
        found: list[tuple[Piece, ...]] = []
        for start in range(0, len(data), DISSECT_BYTES):
            for seen in self._wire.feed(at_s, data[start : start + DISSECT_BYTES], Way.LINE):
                # Whatever comes from a master is a request; one that looks like an answer answers nothing here.
                if seen.sort is not Sort.JUNK:
                    found.append(self._answer(seen))
                    self._wire.forget()
        return found

    def _answer(self, seen: Sighting) -> tuple[Piece, ...]:
        self.asked += 1
        turns = self._answers.get(self._key(seen.data))
        if turns is None:
            self.unknown += 1
            return ()
        pieces = turns[0]
        turns.rotate(-1)
        if not self._network:
            asked = _water_frame(seen.data)
            if asked is None:
                return pieces
            return tuple(Piece(piece.begin_s, piece.end_s, _numbered(piece.data, asked.data[_SER])) for piece in pieces)
        number = seen.data[:_NUMBER_BYTES]
        return tuple(Piece(piece.begin_s, piece.end_s, number + piece.data[_NUMBER_BYTES:]) for piece in pieces)

    def _key(self, data: bytes) -> bytes:
        if self._network:
            return data[_NUMBER_BYTES:]
        return data.lstrip(_WAKE_UP) if _water_frame(data) is None else _numbered(data, 0).lstrip(_WAKE_UP)


def _water_frame(data: bytes) -> MeterFrame | None:
    """The whole CJ/T 188 frame that `data` is, wake-up bytes before it aside, if it bears a number."""
    start = len(data) - len(data.lstrip(_WAKE_UP))
    if start == len(data) or dlt645_framing.frame_at(data, start) is not None:
        return None
    frame = cjt188_framing.frame_at(data, start) if data[start] == START else None
    return frame if frame is not None and frame.end == len(data) and len(frame.data) > _SER else None


def _numbered(data: bytes, number: int) -> bytes:
    """A CJ/T 188 frame with another number and the checksum that goes with it; anything else as it is."""
    frame = _water_frame(data)
    if frame is None:
        return data
    at = 0 if frame.control & ERROR_BIT else _SER
    held = frame.data[:at] + bytes((number,)) + frame.data[at + 1 :]
    return data[: frame.start] + cjt188_framing.build_frame(frame.station, frame.control, held)
