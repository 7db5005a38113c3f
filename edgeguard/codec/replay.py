"""A recorded wire as a device: what it answered to a request, with the time it took then. Pure.

A request that was made several times is answered in the recorded order, and from the beginning again after the last one. A
request that nobody answered, or that was never made, is met with silence, as the wire did.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from edgeguard.codec.dissect import Dissector
from edgeguard.codec.sighting import Sighting, Sort, Way
from edgeguard.codec.wire_recording import TimedFrame, WireRecording
from edgeguard.core.limits import DISSECT_BYTES

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
            return pieces
        number = seen.data[:_NUMBER_BYTES]
        return tuple(Piece(piece.begin_s, piece.end_s, number + piece.data[_NUMBER_BYTES:]) for piece in pieces)

    def _key(self, data: bytes) -> bytes:
        return data[_NUMBER_BYTES:] if self._network else data.lstrip(b"\xfe")
