"""What the framings of the two meter protocols have in common: one request at a time, its answer found among anything.

A frame is an answer only if a meter sent it, from an address that the request meant, with the request's function and about
the request's data. Everything else is passed over: noise, the line's own echo, other masters' requests, other meters'
answers. What of it came last is told if the answer never comes. A second echo is none: another master asks the same.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Final

from edgeguard.codec.framing import Answer
from edgeguard.codec.meter_frame import END, START, WAKE_UP, MeterFrame, digits_of, frames_in, overlap, without_wake_up
from edgeguard.core.limits import METER_KEPT_BYTES, METER_QUIET_S
from edgeguard.core.line import Station
from edgeguard.core.quality import Fault, Reason

_SHOWN: Final = 16


class MeterFraming(ABC):
    """Frames of one meter protocol on one line; see codec.framing.Framing."""

    parallel = 1
    torn = False
    damaged = False  # an answer tells what it is about: a damaged one makes no other doubtful
    wake_up_bytes: ClassVar[int]
    """FE bytes sent before a request."""

    def __init__(self, quiet_s: float = METER_QUIET_S) -> None:
        self.quiet_s = quiet_s
        self.junk_bytes = 0
        self.late_answers = 0
        self._transaction: int | None = None
        self._station = ""
        self._pdu = b""
        self._sent = b""
        self._buffer = bytearray()
        self._odd: Fault | None = None
        self._others: Fault | None = None
        self._echoed = False

    @abstractmethod
    def wrap(self, station: str, pdu: bytes) -> bytes:
        """A frame without wake-up bytes. ValueError if there is no such station, or the data is too long."""

    @abstractmethod
    def frame_at(self, buffer: bytes | bytearray, place: int) -> MeterFrame | None:
        """See codec.meter_frame.FrameAt."""

    @abstractmethod
    def mismatch(self, frame: MeterFrame, station: str, pdu: bytes) -> Fault | None:
        """Why a meter's frame is not the answer to this request; None if it is."""

    @abstractmethod
    def tells(self, frame: MeterFrame) -> bool:
        """Whether a meter's frame says what it is about; a refusal does not."""

    @abstractmethod
    def means(self, station: str, other: str) -> bool:
        """Whether an address, perhaps with wildcards, means this other one."""

    @abstractmethod
    def length_at(self, buffer: bytes | bytearray, place: int) -> tuple[str, int] | None:
        """Station and whole length of what may be a frame from `place` on; None if it cannot be, or its head is not whole."""

    def request(self, transaction: int, address: Station, pdu: bytes) -> bytes:
        """The frame of a request, woken up for; `address` and `pdu` as core.line.Station and bus.exchange.Request say."""
        if self._transaction is not None:
            raise ValueError("a line of meters bears one request at a time")
        self._station = digits_of(address)
        self._pdu = bytes(pdu)
        self._sent = self.wrap(self._station, self._pdu)
        self._drop(len(self._buffer))
        self._odd = self._others = None
        self._echoed = False
        self._transaction = transaction
        return bytes((WAKE_UP,)) * self.wake_up_bytes + self._sent

    def feed(self, data: bytes) -> list[Answer]:
        """The answer, if it is complete; without an outstanding request everything is junk."""
        buffer = self._buffer
        buffer += data
        passed = 0
        answer: list[Answer] = []
        for frame in frames_in(buffer, self.frame_at):
            before = without_wake_up(buffer, frame.start)
            self.junk_bytes += max(0, before - passed)
            passed = frame.end
            if self._transaction is None:
                self.late_answers += frame.is_answer
                self.junk_bytes += frame.end - before
            elif self._is_answer(frame, frame.end - before):
                answer = [Answer(self._transaction, frame.pdu)]
                self._transaction = None
        del buffer[:passed]
        if answer or len(buffer) > METER_KEPT_BYTES:
            self._drop(len(buffer) if answer else len(buffer) - METER_KEPT_BYTES)
        return answer

    def take_late(self) -> Sequence[Answer]:
        """None: a frame bears no number."""
        return ()

    def forget(self, transaction: int) -> Fault | None:
        """Give up; says what came instead of the answer."""
        if transaction != self._transaction:
            raise ValueError(f"transaction {transaction} is not outstanding")
        self._transaction = None
        fault = self._diagnose()
        self._drop(len(self._buffer))
        return fault

    def reset(self) -> None:
        """Forget the request and every byte."""
        self._transaction = None
        self._drop(len(self._buffer))

    def _is_answer(self, frame: MeterFrame, size: int) -> bool:
        if not frame.is_answer:
            is_ours = bytes(self._buffer[frame.start : frame.end]) == self._sent
            if is_ours and not self._echoed:
                self._echoed = True
            else:
                self.junk_bytes += size
                self._odd = self._odd or Fault(Reason.GARBAGE, f"another master asks meter {frame.station}")
                if overlap(frame.station, self._station):
                    self._others = Fault(Reason.WRONG_TRANSACTION, f"another master asks meter {frame.station} at the same time")
            return False
        fault = self.mismatch(frame, self._station, self._pdu) or (None if self.tells(frame) else self._others)
        if fault is None:
            return True
        self.junk_bytes += size
        self._odd = fault
        return False

    def _drop(self, count: int) -> None:
        if count > 0:
            self.junk_bytes += count
            del self._buffer[:count]

    def _diagnose(self) -> Fault | None:
        """What the bytes that came look like: another meter's frame, a damaged or broken-off one, or nothing at all."""
        if self._odd is not None:
            return self._odd
        buffer = self._buffer
        if not buffer:
            return None
        place = buffer.find(START)
        while place >= 0:
            head = self.length_at(buffer, place)
            if head is not None and self.means(self._station, head[0]):
                came, length = len(buffer) - place, head[1]
                if came < length:
                    return Fault(Reason.SHORT_ANSWER, f"{came} bytes of {length} came")
                if buffer[place + length - 1] == END:
                    return Fault(Reason.CHECKSUM, f"the checksum of a frame of {length} bytes is wrong")
            place = buffer.find(START, place + 1)
        return Fault(Reason.GARBAGE, f"{len(buffer)} bytes that are no answer: {bytes(buffer[:_SHOWN]).hex(' ')}")
