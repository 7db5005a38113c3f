"""Bytes that pass on a wire, cut into frames: whatever protocols share it, whoever is the master, whatever noise lies between.

Incremental and bounded. The earliest whole frame with a right checksum wins, wherever noise has pushed it; what lies before it
is junk, or a frame that broke. Bytes that no later byte can complete are let go after a silence of `gap_s`, or when the
master speaks again. Never raises on any bytes.
"""

from collections import deque
from collections.abc import Iterator
from typing import Final

from edgeguard.codec.meter_frame import START, WAKE_UP
from edgeguard.codec.modbus import EXCEPTION_BIT
from edgeguard.codec.rtu import crc16
from edgeguard.codec.shapes import Shape, ascii_shape, cjt188_shape, dlt645_shape, rtu_shapes, tcp_shape
from edgeguard.codec.sighting import Form, Sighting, Sort, Way
from edgeguard.core.limits import DISSECT_BYTES, DISSECT_GAP_S

_METERS: Final = (Form.DLT645, Form.CJT188)
_SHORTEST_RTU: Final = 4
_FEW: Final = 2
"""So many bytes of a meter's or ASCII frame show nothing yet."""
_ANSWERS: Final = (Sort.ANSWER, Sort.EXCEPTION)


class Dissector:
    """One wire. `network`: Modbus TCP, otherwise all that a serial line may carry; `character_s` is 0 where it is unknown."""

    def __init__(self, network: bool = False, character_s: float = 0.0, gap_s: float = DISSECT_GAP_S) -> None:
        self._network = network
        self._character_s = character_s
        self._gap_s = gap_s
        self._buffer = bytearray()
        self._base = 0
        self._seen = 0
        self._marks: deque[tuple[int, float]] = deque()
        self._open: dict[int, int] = {}
        self._way = Way.IN
        self._asked: Sighting | None = None
        self._sent = b""
        self._unheard = False
        self._echoes = False

    def feed(self, at_s: float, data: bytes, way: Way) -> list[Sighting]:
        """What these bytes, which passed at `at_s`, complete; bytes that go out are always a whole request."""
        if not data:
            return []
        found = self.finish() if self._is_over(at_s, data, way) else []
        if way is Way.OUT:
            found.append(self._outgoing(at_s, data))
            return found
        self._way = way
        for start in range(0, len(data), DISSECT_BYTES):
            self._append(at_s, data[start : start + DISSECT_BYTES])
            found += self._frames()
            found += self._overflow()
        return found

    def quiet(self, at_s: float) -> list[Sighting]:
        """It is `at_s` now; after a long enough silence what has been waiting for its end is what it is."""
        return self.finish() if self._buffer and at_s - self._marks[-1][1] > self._gap_s else []

    def finish(self) -> list[Sighting]:
        """Nothing more will come: whatever is left."""
        return list(self._leave(len(self._buffer)))

    def forget(self) -> None:
        """Nothing is expected to be answered any more: what comes next is a request, if it can be one."""
        self._asked, self._sent = None, b""

    def _is_over(self, at_s: float, data: bytes, way: Way) -> bool:
        """Whether what is left can no longer be completed by these bytes."""
        if not self._buffer or way is not self._way:
            return True
        return at_s - len(data) * self._character_s - self._marks[-1][1] > self._gap_s

    def _append(self, at_s: float, data: bytes) -> None:
        self._buffer += data
        self._marks.append((self._base + len(self._buffer), at_s))

    def _outgoing(self, at_s: float, data: bytes) -> Sighting:
        end_s = at_s + len(data) * self._character_s
        body = data.lstrip(bytes((WAKE_UP,))) if not self._network else data
        shape = next((s for s in self._shapes(body) if s.verdict and s.size == len(body)), None) if body else None
        if shape is None and not self._network and len(data) >= _SHORTEST_RTU and not crc16(data):
            shape = Shape(Form.RTU, len(data), (Sort.REQUEST,), data[0], data[1:-2], True)
        if shape is None:
            return Sighting(at_s, end_s, Way.OUT, Sort.JUNK, data, detail="sent, but no frame")
        made = Sighting(
            at_s,
            end_s,
            Way.OUT,
            Sort.REQUEST,
            data,
            shape.form,
            shape.station,
            shape.pdu,
            shape.transaction,
        )
        self._asked, self._sent, self._unheard = made, data, True
        return made

    def _shapes(self, data: bytes) -> list[Shape]:
        """Every frame that may begin with these bytes."""
        if self._network:
            shape = tcp_shape(data)
            return [] if shape is None else [shape]
        if data[0] == START:
            meters = [shape for shape in (dlt645_shape(data), cjt188_shape(data)) if shape is not None]
            return [*meters, *rtu_shapes(data)]
        colon = ascii_shape(data)
        return rtu_shapes(data) if colon is None else [colon, *rtu_shapes(data)]

    def _frames(self) -> list[Sighting]:
        found: list[Sighting] = []
        while (hit := self._first_frame()) is not None:
            at, shape = hit
            wake = self._wake(at, shape)
            found += self._leave(wake)
            found.append(self._whole(shape, shape.size + at - wake))
        return found

    def _wake(self, at: int, shape: Shape | None) -> int:
        """Where the frame at this place of the buffer begins together with the bytes that wake a meter."""
        while at and shape is not None and shape.form in _METERS and self._buffer[at - 1] == WAKE_UP:
            at -= 1
        return at

    def _first_frame(self) -> tuple[int, Shape] | None:
        """The earliest whole frame. Looks only at places where the bytes that came since the last look can matter."""
        size = len(self._buffer)
        places = [place for place, needs in self._open.items() if needs <= self._base + size]
        places += range(max(self._seen, self._base), self._base + size)
        self._seen = self._base + size
        for index, place in enumerate(places):
            at = place - self._base
            shapes = self._shapes(bytes(self._buffer[at : at + DISSECT_BYTES]))
            right = next((shape for shape in shapes if shape.verdict), None)
            if right is not None:
                # Those not looked at yet lie behind; they are looked at anew.
                self._open.update(dict.fromkeys(places[index + 1 :], 0))
                self._open = dict(sorted(self._open.items()))
                return at, right
            needs = min((place + shape.size for shape in shapes if shape.verdict is None), default=0)
            if needs:
                self._open[place] = needs
            else:
                self._open.pop(place, None)
        return None

    def _whole(self, shape: Shape, size: int) -> Sighting:
        start_s, end_s, data = self._take(size)
        sort = self._sort(shape, data)
        made = Sighting(start_s, end_s, self._way, sort, data, shape.form, shape.station, shape.pdu, shape.transaction)
        if sort is Sort.REQUEST:
            self._asked = made if self._way is Way.LINE else self._asked
        elif sort in _ANSWERS and self._answers(shape):
            self._asked = None
        return made

    def _sort(self, shape: Shape, data: bytes) -> Sort:
        """What a whole frame is: by its shape where that tells, else by whether it answers what was asked."""
        answer = next((sort for sort in shape.sorts if sort in _ANSWERS), None)
        if self._network:
            return Sort.EXCEPTION if shape.pdu[0] & EXCEPTION_BIT else Sort.ANSWER
        if self._unheard and self._way is Way.IN and data == self._sent:
            self._unheard = False
            if answer is None:
                self._echoes = True
                return Sort.ECHO
            return Sort.ECHO if self._echoes else answer
        if answer is not None and (Sort.REQUEST not in shape.sorts or self._answers(shape) or data == self._sent):
            if self._unheard and self._answers(shape) and shape.pdu[:1] <= b"\x04":
                self._echoes = False
            return answer
        return Sort.REQUEST

    def _answers(self, shape: Shape) -> bool:
        asked = self._asked
        if asked is None or asked.form is not shape.form:
            return False
        if shape.form in _METERS:
            return (asked.pdu[0] ^ shape.pdu[0]) & 0x1F == 0
        return asked.station == shape.station and asked.pdu[0] == shape.pdu[0] & ~EXCEPTION_BIT

    def _overflow(self) -> Iterator[Sighting]:
        return self._leave(max(0, len(self._buffer) - DISSECT_BYTES))

    def _leave(self, size: int) -> Iterator[Sighting]:
        """The first `size` bytes, which are part of no right frame: what of them has the shape of one, and junk between."""
        left = size
        if left and (odd := self._odd_answer(left)) is not None:
            yield odd
            return
        while left:
            at, shape = self._broken(bytes(self._buffer[:left]))
            wake = self._wake(at, shape)
            if wake:
                start_s, end_s, data = self._take(wake)
                yield Sighting(start_s, end_s, self._way, Sort.JUNK, data)
                left -= wake
            if shape is None:
                continue
            whole = min(left, shape.size + at - wake)
            start_s, end_s, data = self._take(whole)
            left -= whole
            yield self._fragment(start_s, end_s, data, shape, at - wake)

    def _odd_answer(self, size: int) -> Sighting | None:
        """An answer to a function whose shape nobody knows: only the silence around it shows where it ends."""
        piece, asked = bytes(self._buffer[:size]), self._asked
        if self._network or asked is None or asked.form is not Form.RTU or len(piece) < _SHORTEST_RTU or crc16(piece):
            return None
        start_s, end_s, data = self._take(size)
        return Sighting(start_s, end_s, self._way, Sort.ANSWER, data, Form.RTU, data[0], data[1:-2])

    def _fragment(self, start_s: float, end_s: float, data: bytes, shape: Shape, woken: int) -> Sighting:
        """`woken`: bytes of the data that only wake the station."""
        if shape.verdict is None:
            detail = f"{len(data) - woken} bytes of {shape.size} came"
        else:
            detail = (
                f"the checksum is wrong; {shape.right.hex(' ') if shape.form is not Form.ASCII else shape.right.decode()} is right"
            )
        return Sighting(start_s, end_s, self._way, Sort.BROKEN, data, shape.form, shape.station, shape.pdu, detail=detail)

    def _broken(self, piece: bytes) -> tuple[int, Shape | None]:
        """Where the first frame begins that did not arrive whole, and which; the piece's length and None if there is none."""
        for at in range(len(piece)):
            rest = piece[at:]
            for shape in self._shapes(rest):
                if not shape.verdict and self._is_credible(shape, rest, at):
                    return at, shape
        return len(piece), None

    def _is_credible(self, shape: Shape, rest: bytes, at: int) -> bool:
        """Whether bytes with the shape of a frame, but not its checksum, are likely to have been one."""
        if shape.form is not Form.RTU:
            return len(rest) > _FEW
        asked = self._asked
        if asked is None or asked.form is not Form.RTU:
            return at == 0 and shape.verdict is False and shape.size == len(rest)
        is_mine = len(rest) > 1 and rest[0] == asked.station and rest[1] & ~EXCEPTION_BIT == asked.pdu[0]
        return is_mine and Sort.REQUEST not in shape.sorts

    def _take(self, size: int) -> tuple[float, float, bytes]:
        """Remove bytes from the front: when the first began and the last ended, and what they are."""
        data = bytes(self._buffer[:size])
        start_s, end_s = self._time(self._base, begin=True), self._time(self._base + size - 1, begin=False)
        del self._buffer[:size]
        self._base += size
        while self._marks and self._marks[0][0] <= self._base:
            self._marks.popleft()
        self._open = {place: needs for place, needs in self._open.items() if place >= self._base}
        return start_s, end_s, data

    def _time(self, place: int, begin: bool) -> float:
        """When the byte at this place of the stream began, or ended: counted back from the end of the piece it came in."""
        end, at_s = next(mark for mark in self._marks if mark[0] > place)
        return at_s - (end - place - (0 if begin else 1)) * self._character_s
