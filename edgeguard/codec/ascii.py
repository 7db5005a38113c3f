"""Modbus ASCII: unit and PDU in hexadecimal digits between a colon and CR LF, an LRC at the end.

Source: MODBUS over Serial Line V1.02, 2.5.2 (frame, LRC). A colon begins a frame wherever it stands, so the stream is found
again after any noise; a frame of another unit, function or length is never taken for the answer.
"""

from collections.abc import Sequence
from typing import Final

from edgeguard.codec.framing import Answer
from edgeguard.codec.modbus import EXCEPTION_BIT, Function, answer_bytes, confirmation, unit_of
from edgeguard.codec.spoilt import is_spoilt_answer
from edgeguard.core.limits import ASCII_MAX_FRAME_BYTES, LINE_NOISE_BYTES, RTU_QUIET_S
from edgeguard.core.line import Station
from edgeguard.core.quality import Fault, Reason

_START: Final = b":"
_END: Final = b"\n"
_SHORTEST_BODY: Final = 3
_KEPT_BYTES: Final = 2 * ASCII_MAX_FRAME_BYTES
"""Room for an echo and an answer; older bytes are noise."""


def lrc(data: bytes | bytearray) -> int:
    """The check byte of ASCII frames: the two's complement of the sum."""
    return -sum(data) & 0xFF


class AsciiFraming:
    """Frames of one line that speaks Modbus ASCII; see codec.framing.Framing."""

    parallel = 1
    torn = False

    def __init__(self, quiet_s: float = RTU_QUIET_S) -> None:
        self.quiet_s = quiet_s
        self.junk_bytes = 0
        self.late_answers = 0
        self._transaction: int | None = None
        self._asked = b""
        self._sent = b""
        self._length: int | None = None
        self._buffer = bytearray()
        self._odd: Fault | None = None
        self._echoes: bool | None = None
        self._doubt: Fault | None = None
        self._others: Fault | None = None
        self._confirmed = b""
        self._echoed = False
        self._since = bytearray()

    def request(self, transaction: int, address: Station, pdu: bytes) -> bytes:
        """The frame of a request to unit `address`. ValueError if there is no such unit."""
        if self._transaction is not None:
            raise ValueError("a serial line bears one request at a time")
        self._asked = bytes((unit_of(address),)) + pdu
        self._sent = _START + (self._asked + bytes((lrc(self._asked),))).hex().upper().encode("ascii") + b"\r\n"
        self._length = answer_bytes(pdu)
        self._transaction = transaction
        self._confirmed = confirmation(pdu)
        self._odd = self._doubt = self._others = None
        self._echoed = False
        self._since.clear()
        self._drop(len(self._buffer))
        return self._sent

    def feed(self, data: bytes) -> list[Answer]:
        """The answer, if it is complete; without an outstanding request everything is junk."""
        buffer = self._buffer
        buffer += data
        self._since += data[: _KEPT_BYTES - len(self._since)]
        answers: list[Answer] = []
        first = b""
        while (end := buffer.find(_END)) >= 0:
            frame = bytes(buffer[: end + 1])
            del buffer[: end + 1]
            start = max(0, frame.rfind(_START))
            self.junk_bytes += start
            frame = frame[start:]
            if answers and self._is_twin(frame) and frame != first:
                unit = self._asked[0]
                self._doubt = Fault(Reason.WRONG_TRANSACTION, f"unit {unit} answered twice: which of them is meant cannot be told")
                self._transaction = answers.pop().transaction
            answers += self._judge(frame)
            first = first or (frame if answers else b"")
        self._drop(len(buffer) - _KEPT_BYTES)
        return answers

    def take_late(self) -> Sequence[Answer]:
        """None: a frame bears no number."""
        return ()

    def forget(self, transaction: int) -> Fault | None:
        """Give up; says what came instead of the answer."""
        if transaction != self._transaction:
            raise ValueError(f"transaction {transaction} is not outstanding")
        self._transaction = None
        rest = bytes(self._buffer)
        self._drop(len(rest))
        if self._doubt is None and self._odd is None and _START in rest:
            return Fault(Reason.SHORT_ANSWER, f"{len(rest) - rest.rfind(_START)} characters of a frame came, its end did not")
        if self._doubt is None and self._odd is None and rest:
            return Fault(Reason.GARBAGE, f"{len(rest)} bytes that are no answer: {rest[:16].hex(' ')}")
        return self._doubt or self._odd

    @property
    def damaged(self) -> bool:
        """See codec.framing.Framing; nothing but the line's echo and a little noise may stand before it."""
        if self._transaction is None or self._length is None or self._doubt:
            return False
        since = bytes(self._since).removeprefix(self._sent)
        size = 2 * self._length + 7
        noise_bytes, frame = len(since) - size, since[-size:]
        delimiters = (frame.startswith(_START), frame[-2:-1] == b"\r", frame.endswith(_END))
        if not 0 <= noise_bytes <= LINE_NOISE_BYTES or sum(delimiters) < 2:
            return False
        body = [_digits(frame[i : i + 2]) for i in range(1, size - 4, 2)]
        return is_spoilt_answer(self._asked, self._length - 2, body)

    def reset(self) -> None:
        """Forget the request and every byte."""
        self._transaction = None
        self._drop(len(self._buffer))

    def _judge(self, frame: bytes) -> list[Answer]:
        """A stretch up to the end of a line: the echo, the answer, or something else that is noted.

        Only a read tells an echo from its answer; until one has, a write is confirmed by a second copy alone.
        """
        if self._transaction is not None and frame == self._sent and not self._echoed and self._echoes is not False:
            self._echoed = True
            return []
        body = _body(frame)
        transaction = self._transaction
        if transaction is not None and self._is_foreign_request(body):
            self._doubt = Fault(Reason.WRONG_TRANSACTION, f"another master asks unit {body[0]} at the same time")
            if frame == self._sent and not self._echoes:
                self._echoes = None
        fault = self._doubt or (None if transaction is None else self._mismatch(body, frame))
        if fault is None and transaction is not None:
            if self._asked[1] <= Function.READ_INPUT_REGISTERS:
                self._echoes = self._echoed
            self._transaction = None
            return [Answer(transaction, body[1:-1])]
        self.junk_bytes += len(frame)
        if transaction is None:
            self.late_answers += self._is_of_asked(body)
        else:
            self._odd = fault
        return []

    def _is_foreign_request(self, body: bytes) -> bool:
        """Another master's read of the same unit, by its length; one with that of an answer tells itself by its byte count."""
        if self._asked[1] > Function.READ_INPUT_REGISTERS or body[:2] != self._asked[:2]:
            return False
        return len(body) == len(self._asked) + 1 and body[2] != len(body) - _SHORTEST_BODY - 1

    def _is_twin(self, frame: bytes) -> bool:
        """One more answer to a read, of the same unit, right behind the first."""
        return self._asked[1] <= Function.READ_INPUT_REGISTERS and self._is_of_asked(_body(frame))

    def _is_of_asked(self, body: bytes) -> bool:
        """From the unit that was asked last, with the function that was asked for."""
        return bool(body) and body[:1] == self._asked[:1] and body[1] & ~EXCEPTION_BIT == self._asked[1]

    def _mismatch(self, body: bytes, frame: bytes) -> Fault | None:
        """Why this is no answer to what was asked; None if it is."""
        if not body:
            wrong = frame.startswith(_START) and frame.endswith(b"\r\n")
            reason = Reason.CHECKSUM if wrong else Reason.GARBAGE
            return Fault(reason, f"{len(frame)} characters that are no frame: {frame[:24].decode('ascii', 'replace').strip()}")
        if body[0] != self._asked[0]:
            return Fault(Reason.WRONG_UNIT, f"asked unit {self._asked[0]}, unit {body[0]} answered")
        pdu = body[1:-1]
        if pdu[0] == self._asked[1] | EXCEPTION_BIT and len(pdu) == 2:
            return self._others
        if pdu[0] != self._asked[1]:
            return Fault(Reason.WRONG_FUNCTION, f"asked function {self._asked[1]}, answered function {pdu[0]}")
        if self._confirmed and pdu != self._confirmed:
            self._others = Fault(Reason.WRONG_TRANSACTION, f"another master asks unit {body[0]} at the same time")
            return Fault(Reason.GARBAGE, f"asked to write {self._confirmed.hex()}, confirmed {pdu.hex()}")
        if self._length is not None and len(pdu) != self._length:
            return Fault(Reason.SHORT_ANSWER, f"expected {self._length} bytes, got {len(pdu)}")
        return None

    def _drop(self, count: int) -> None:
        if count > 0:
            self.junk_bytes += count
            del self._buffer[:count]


def _body(frame: bytes) -> bytes:
    """Unit, PDU and LRC of a whole frame; empty if it is none."""
    if not frame.startswith(_START) or not frame.endswith(b"\r\n"):
        return b""
    digits = frame[1:-2]
    # bytes.fromhex would pass over blanks.
    if len(digits) % 2 or not digits.isalnum():
        return b""
    try:
        body = bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        return b""
    return body if len(body) >= _SHORTEST_BODY and not sum(body) & 0xFF else b""


def _digits(pair: bytes) -> int:
    """The byte that two digits stand for; -1 if they are none."""
    try:
        return int(pair, 16)
    except ValueError:
        return -1
