"""The flight recorder of one wire: its last minutes in memory, bounded in bytes and time, at the cost of a packed copy each.

Nothing is understood here: whoever looks at the records dissects them. A record, once it can be read, does not change any
more; pieces of one answer are one record. Records are numbered, so that a reader knows what it has missed.
"""

import struct
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from edgeguard.bus.tap import Passing, WireEvent
from edgeguard.core.limits import FLIGHT_BYTES, FLIGHT_MERGE_S, FLIGHT_RECORD_BYTES, FLIGHT_S

_HEAD: Final = struct.Struct("<dfB")
_BESIDE: Final = 48
"""What a record costs in memory beside its bytes and its head: the bytes object, its place in the deque."""


class Kind(IntEnum):
    """What a record is of."""

    SENT = 0
    RECEIVED = 1
    FAILED = 2
    """A request without a good answer; the text says whose and why."""
    OPENED = 3
    CLOSED = 4


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `at_s` is the loop's time at its first piece, `end_s` at its last; `text` is empty where bytes passed."""

    number: int
    at_s: float
    end_s: float
    kind: Kind
    data: bytes = b""
    text: str = ""


_KINDS: Final[Mapping[Passing, Kind]] = {
    Passing.SENT: Kind.SENT,
    Passing.RECEIVED: Kind.RECEIVED,
    Passing.FAILED: Kind.FAILED,
    Passing.OPENED: Kind.OPENED,
    Passing.CLOSED: Kind.CLOSED,
}

_SENT, _RECEIVED, _ANSWERED = Passing.SENT, Passing.RECEIVED, Passing.ANSWERED
_KIND_SENT, _KIND_RECEIVED = Kind.SENT, Kind.RECEIVED
"""Members taken out of their classes once; see bus.turns."""


class FlightRecorder:
    """Records of one wire. `note` is a `Listener`."""

    def __init__(self, max_bytes: int = FLIGHT_BYTES, max_s: float = FLIGHT_S) -> None:
        self._max_bytes = max_bytes
        self._max_s = max_s
        self._packed: deque[bytes] = deque()
        self._bytes = 0
        self._first = 0
        self._oldest_s = 0.0
        self._piece: bytes | None = None
        self._piece_s = self._piece_end_s = 0.0

    @property
    def next(self) -> int:
        """The number that the next record will have."""
        return self._first + len(self._packed)

    @property
    def first(self) -> int:
        """The number of the oldest record that is still there."""
        return self._first

    @property
    def held_bytes(self) -> int:
        """Memory that the records take, about."""
        return self._bytes

    def note(self, event: WireEvent) -> None:
        """One passing on the wire."""
        passing = event.passing
        if passing is _RECEIVED:
            self._received(event.at_s, event.data)
            return
        if self._piece is not None:
            self._close()
        if passing is _SENT:
            self._put(event.at_s, 0.0, _KIND_SENT, event.data)
        elif passing is not _ANSWERED:
            whose = "" if event.station is None else f"{event.station}\t"
            self._put(event.at_s, 0.0, _KINDS[passing], f"{whose}{event.fault or ''}".encode())

    def since(self, number: int, now_s: float) -> Iterator[Record]:
        """Records from this number on, oldest first, as far as they are whole."""
        if self._piece is not None and now_s - self._piece_end_s > FLIGHT_MERGE_S:
            self._close()
        skip = max(0, number - self._first)
        for index in range(skip, len(self._packed)):
            yield _record(self._first + index, self._packed[index])

    def last(self, seconds: float, now_s: float) -> list[Record]:
        """Records of the last `seconds`, oldest first."""
        if self._piece is not None:
            self._close()
        found = []
        for index in range(len(self._packed) - 1, -1, -1):
            if now_s - _HEAD.unpack_from(self._packed[index])[0] > seconds:
                break
            found.append(_record(self._first + index, self._packed[index]))
        return found[::-1]

    def _received(self, at_s: float, data: bytes) -> None:
        piece = self._piece
        if piece is None:
            self._piece, self._piece_s = data, at_s
        elif at_s - self._piece_end_s > FLIGHT_MERGE_S or len(piece) + len(data) > FLIGHT_RECORD_BYTES:
            self._close()
            self._piece, self._piece_s = data, at_s
        else:
            self._piece = piece + data
        self._piece_end_s = at_s

    def _close(self) -> None:
        piece, self._piece = self._piece, None
        if piece is not None:
            self._put(self._piece_s, self._piece_end_s - self._piece_s, _KIND_RECEIVED, piece)

    def _put(self, at_s: float, took_s: float, kind: Kind, data: bytes) -> None:
        records, head = self._packed, _HEAD
        if not records:
            self._oldest_s = at_s
        packed = head.pack(at_s, took_s, kind) + data
        records.append(packed)
        self._bytes += len(packed) + _BESIDE
        while self._bytes > self._max_bytes or at_s - self._oldest_s > self._max_s:
            self._bytes -= len(records.popleft()) + _BESIDE
            self._first += 1
            if not records:
                break
            self._oldest_s = head.unpack_from(records[0])[0]


def _record(number: int, packed: bytes) -> Record:
    at_s, took_s, kind = _HEAD.unpack_from(packed)
    rest = packed[_HEAD.size :]
    if kind in (Kind.SENT, Kind.RECEIVED):
        return Record(number, at_s, at_s + took_s, Kind(kind), rest)
    return Record(number, at_s, at_s, Kind(kind), b"", rest.decode("utf-8", "replace"))
