"""A recorded wire as a device: what it answered to a request, with the time it took then. Pure.

A request that was made several times is answered in the recorded order, and from the beginning again after the last one. A read
of Modbus registers that was never made is answered out of a recorded one that covers it, so that another plan, or another master,
finds what is there. Any other request that was never made, or that nobody answered, is met with silence, as the wire did. What only
numbers a request (the transaction of Modbus TCP, SER of CJ/T 188) is no part of it: the answer bears the number of the request now.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from edgeguard.codec import cjt188_framing, dlt645_framing
from edgeguard.codec.dissect import Dissector
from edgeguard.codec.meter_frame import ERROR_BIT, START, WAKE_UP, MeterFrame
from edgeguard.codec.modbus import Function
from edgeguard.codec.rtu import crc16
from edgeguard.codec.sighting import Sighting, Sort, Way
from edgeguard.codec.wire_recording import TimedFrame, WireRecording
from edgeguard.core.limits import DISSECT_BYTES

_SER: Final = 2
"""Where the number stands in the data of CJ/T 188, behind the identifier; in a refusal it stands first."""
_WAKE_UP: Final = bytes((WAKE_UP,))
_NUMBER_BYTES: Final = 2
"""Of a Modbus TCP frame: the transaction number, which is that of the request now."""
_HEADER_BYTES: Final = 6
"""Of a Modbus TCP frame, in front of its unit."""
_CRC_BYTES: Final = 2
_READ_BYTES: Final = 6
"""Unit, function, address and count."""
_REGISTER_READS: Final = frozenset({Function.READ_HOLDING_REGISTERS, Function.READ_INPUT_REGISTERS})


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
        self._reads: dict[bytes, list[tuple[int, int, bytes]]] = {}
        """Reads of registers, by unit and function: first address, the one behind the last, and the request's key."""
        self._wire = Dissector(recording.network)
        request: TimedFrame | None = None
        pieces: list[Piece] = []
        for frame in (*recording.frames, None):
            if frame is not None and frame.way is not Way.OUT:
                if request is not None:
                    pieces.append(Piece(max(0.0, frame.t_s - request.end_s), max(0.0, frame.end_s - request.end_s), frame.data))
                continue
            if request is not None:
                self._note(self._key(request.data), tuple(pieces))
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
            part = self._part(seen)
            self.unknown += not part
            return part
        pieces = turns[0]
        turns.rotate(-1)
        if not self._network:
            asked = _water_frame(seen.data)
            if asked is None:
                return pieces
            return tuple(Piece(piece.begin_s, piece.end_s, _numbered(piece.data, asked.data[_SER])) for piece in pieces)
        number = seen.data[:_NUMBER_BYTES]
        return tuple(Piece(piece.begin_s, piece.end_s, number + piece.data[_NUMBER_BYTES:]) for piece in pieces)

    def _note(self, key: bytes, pieces: tuple[Piece, ...]) -> None:
        turns = self._answers.setdefault(key, deque())
        turns.append(pieces)
        body = self._body(key) if len(turns) == 1 else b""
        if len(body) == _READ_BYTES and body[1] in _REGISTER_READS:
            first, count = int.from_bytes(body[2:4], "big"), int.from_bytes(body[4:6], "big")
            self._reads.setdefault(body[:2], []).append((first, first + count, key))

    def _body(self, key: bytes) -> bytes:
        """Unit and PDU of a Modbus frame of this wire without what numbers it; nothing if it is none."""
        if self._network:
            return key[_HEADER_BYTES - _NUMBER_BYTES :]
        return key[:-2] if len(key) > _CRC_BYTES and crc16(key[:-2]) == int.from_bytes(key[-2:], "little") else b""

    def _part(self, seen: Sighting) -> tuple[Piece, ...]:
        """The answer to a read of registers that lie within a recorded one; nothing if there is none."""
        body = self._body(self._key(seen.data))
        if len(body) != _READ_BYTES:
            return ()
        first, count = int.from_bytes(body[2:4], "big"), int.from_bytes(body[4:6], "big")
        for begin, end, key in self._reads.get(body[:2], ()):
            pieces = self._answers[key][0]
            answer = self._body(self._key(b"".join(piece.data for piece in pieces)))
            if begin <= first < first + count <= end and answer[:3] == body[:2] + bytes((2 * (end - begin),)):
                at = 3 + 2 * (first - begin)
                told = answer[:2] + bytes((2 * count,)) + answer[at : at + 2 * count]
                self._answers[key].rotate(-1)
                return (Piece(pieces[0].begin_s, pieces[-1].end_s, self._framed(seen.data, told)),)
        return ()

    def _framed(self, request: bytes, body: bytes) -> bytes:
        if self._network:
            return request[:4] + len(body).to_bytes(2, "big") + body
        return body + crc16(body).to_bytes(2, "little")

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
