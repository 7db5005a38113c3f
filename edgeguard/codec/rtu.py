"""Modbus RTU: unit, PDU, CRC-16; an answer is found by its expected shape, wherever noise has pushed it.

Source: MODBUS over Serial Line V1.02, 2.5.1 (frame, CRC). RTU frames bear no length and no number, and behind a network
or a USB adapter the silences between them are gone, so the request says how long its answer must be. Bytes before it
(drivers switching on, the line's own echo) are skipped; a frame of another shape is never taken for the answer.
"""

from array import array
from collections.abc import Sequence
from struct import unpack_from
from typing import Final

from edgeguard.codec.framing import Answer
from edgeguard.codec.modbus import EXCEPTION_BIT, Function, answer_bytes, confirmation, unit_of
from edgeguard.codec.spoilt import is_spoilt_answer
from edgeguard.core.limits import LINE_NOISE_BYTES, RTU_MAX_ADU_BYTES, RTU_QUIET_S
from edgeguard.core.line import Station
from edgeguard.core.quality import Fault, Reason

_POLYNOMIAL: Final = 0xA001
_EXCEPTION_FRAME: Final = 5
_ECHO_FRAME: Final = 8
_MASK_FRAME: Final = 10
"""A mask write, and its confirmation."""
_REQUEST_FRAME: Final = 8
"""A read's request."""
_KEPT_BYTES: Final = 2 * RTU_MAX_ADU_BYTES
"""Room for an echo and an answer; older bytes are noise."""


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


def _crc_words(table: tuple[int, ...]) -> "array[int]":
    """Two bytes at once: the register is just as wide, and half as many steps are needed."""
    low = [table[crc & 0xFF] ^ crc >> 8 for crc in table]
    return array("H", [first ^ second for first in table for second in low])


_TABLE: Final = _crc_table()
_WORDS: Final = _crc_words(_TABLE)


def crc16(data: bytes | bytearray) -> int:
    """CRC-16/MODBUS of `data`; sent low byte first. Over a frame with its CRC it is 0."""
    crc = 0xFFFF
    table = _WORDS
    for word in unpack_from(f"<{len(data) >> 1}H", data):
        crc = table[crc ^ word]
    return crc >> 8 ^ _TABLE[(crc ^ data[-1]) & 0xFF] if len(data) & 1 else crc


class RtuFraming:
    """Frames of one RTU line, real or behind a network; see codec.framing.Framing."""

    parallel = 1
    torn = False

    def __init__(self, quiet_s: float = RTU_QUIET_S) -> None:
        self.quiet_s = quiet_s
        self.junk_bytes = 0
        self.late_answers = 0
        self._transaction: int | None = None
        self._sent = b""
        self._length: int | None = None
        self._confirmed = b""
        self._buffer = bytearray()
        self._echoes: bool | None = None
        self._doubt: Fault | None = None
        self._odd: Fault | None = None

    def request(self, transaction: int, address: Station, pdu: bytes) -> bytes:
        """The frame of a request to unit `address`. ValueError if there is no such unit."""
        if self._transaction is not None:
            raise ValueError("an RTU line bears one request at a time")
        body = bytes((unit_of(address),)) + pdu
        length = answer_bytes(pdu)
        self._transaction = transaction
        self._length = None if length is None else length + 3
        self._confirmed = confirmation(pdu)
        self._sent = body + crc16(body).to_bytes(2, "little")
        self._doubt = self._odd = None
        self._drop(len(self._buffer))
        return self._sent

    def feed(self, data: bytes) -> list[Answer]:
        """The answer, if it is complete; without an outstanding request everything is junk."""
        buffer = self._buffer
        buffer += data
        if self._transaction is None:
            if self._whole_frame(buffer) and self._sent[:1] == buffer[:1] and buffer[1] & ~EXCEPTION_BIT == self._sent[1]:
                self.late_answers += 1
            self._drop(len(buffer))
            return []
        if self._doubt is not None:
            self._drop(len(buffer))
            return []
        self._drop(len(buffer) - _KEPT_BYTES)
        start = self._echo_end()
        for offset in range(start, len(buffer) - _EXCEPTION_FRAME + 1):
            size = self._size_at(offset)
            if size is not None and offset + size <= len(buffer) and not crc16(buffer[offset : offset + size]):
                if self._confirmed and size == _EXCEPTION_FRAME and self._refuses_another(bytes(buffer[:offset])):
                    continue
                return self._found(offset, size)
        return []

    def take_late(self) -> Sequence[Answer]:
        """None: a frame bears no number."""
        return ()

    def forget(self, transaction: int) -> Fault | None:
        """Give up; says what the bytes that came look like."""
        if transaction != self._transaction:
            raise ValueError(f"transaction {transaction} is not outstanding")
        fault = self._doubt or self._odd or self._diagnose()
        self._transaction = None
        return fault

    @property
    def damaged(self) -> bool:
        """See codec.framing.Framing; nothing but the line's echo and a little noise may stand before it."""
        size, buffer = self._length, self._buffer
        if self._transaction is None or size is None or self._doubt or self._odd:
            return False
        start = len(self._sent) if buffer.startswith(self._sent) else 0
        place = len(buffer) - size
        return start <= place <= start + LINE_NOISE_BYTES and is_spoilt_answer(self._sent, size - 5, buffer[place:-2])

    def reset(self) -> None:
        """Forget the request and every byte."""
        self._transaction = None
        self._drop(len(self._buffer))

    def _echo_end(self) -> int:
        """Where the line's echo of the request ends, and an answer may begin.

        Until a read has told whether the line echoes, a write is confirmed by a second copy alone.
        """
        if self._echoes or (self._echoes is None and self._confirmed):
            place = self._buffer.find(self._sent)
            return place + len(self._sent) if place >= 0 else 0
        return 0

    def _size_at(self, offset: int) -> int | None:
        """Size of the expected answer if it may begin here: right unit and function, for reads the right byte count."""
        buffer, sent = self._buffer, self._sent
        if buffer[offset] != sent[0]:
            return None
        function = buffer[offset + 1]
        if function == sent[1] | EXCEPTION_BIT:
            return _EXCEPTION_FRAME
        if function != sent[1]:
            return None
        if self._length is None:
            return len(buffer) - offset
        if self._confirmed and not self._confirmed.startswith(buffer[offset + 1 : offset + 1 + len(self._confirmed)]):
            return None
        if function <= Function.READ_INPUT_REGISTERS and buffer[offset + 2] != self._length - 5:
            return None
        return self._length

    def _found(self, offset: int, size: int) -> list[Answer]:
        transaction = self._transaction
        assert transaction is not None  # noqa: S101  feed searches only while a request is outstanding
        before = bytes(self._buffer[:offset])
        echoed = before.endswith(self._sent) or bool(self._echoes and self._sent in before)
        if self._sent[1] <= Function.READ_INPUT_REGISTERS:
            # Only a read tells an echo from its answer; a write's answer may be the same bytes.
            self._doubt = self._ambiguity(offset, size)
            if self._doubt is None:
                self._echoes = echoed
            elif echoed and not self._echoes:
                self._echoes = None
        if self._doubt is not None:
            self._drop(len(self._buffer))
            return []
        pdu = bytes(self._buffer[offset + 1 : offset + size - 2])
        self.junk_bytes += len(self._buffer) - size - (len(self._sent) if echoed else 0)
        self._buffer.clear()
        self._transaction = None
        return [Answer(transaction, pdu)]

    def _ambiguity(self, offset: int, size: int) -> Fault | None:
        """Why the answer to a read, found here, may be the answer to another read; None if it is ours."""
        unit, function = self._sent[:2]
        frame, after = self._buffer[offset : offset + size], self._buffer[offset + size :]
        if len(after) > 1 and after[0] == unit and after[1] & ~EXCEPTION_BIT == function and not after.startswith(frame):
            return Fault(Reason.WRONG_TRANSACTION, f"unit {unit} answered twice: which of them is meant cannot be told")
        before = bytes(self._buffer[:offset])
        if self._echoes is not False:
            before = before.replace(self._sent, b"", 1)
        for place in range(len(before) - _REQUEST_FRAME + 1):
            request = before[place : place + _REQUEST_FRAME]
            if request[0] == unit and request[1] == function and not crc16(request):
                return Fault(Reason.WRONG_TRANSACTION, f"another master asks unit {unit} at the same time")
        return None

    def _refuses_another(self, before: bytes) -> bool:
        """Whether a refusal may be that of another master's write to the same unit, which was heard before it."""
        head = self._sent[:2]
        place = before.find(head)
        while place >= 0:
            sizes = (_ECHO_FRAME, _MASK_FRAME, before[place + 6] + 9 if len(before) > place + 6 else 0)
            frames = (before[place : place + size] for size in sizes if 0 < size <= len(before) - place)
            if any(frame != self._sent and not crc16(frame) for frame in frames):
                self._odd = Fault(Reason.WRONG_TRANSACTION, f"another master asks unit {head[0]} at the same time")
                return True
            place = before.find(head, place + 1)
        return False

    def _drop(self, count: int) -> None:
        if count > 0:
            self.junk_bytes += count
            del self._buffer[:count]

    def _diagnose(self) -> Fault | None:
        buffer, sent = self._buffer, self._sent
        buffer = buffer.removeprefix(sent)
        if not buffer:
            return None
        for offset in range(len(buffer) - _EXCEPTION_FRAME + 1):
            frame = self._any_frame(buffer, offset)
            if frame is None:
                continue
            if frame[0] != sent[0]:
                return Fault(Reason.WRONG_UNIT, f"asked unit {sent[0]}, unit {frame[0]} answered")
            if frame[1] & ~EXCEPTION_BIT != sent[1]:
                return Fault(Reason.WRONG_FUNCTION, f"asked function {sent[1]}, answered function {frame[1]}")
            if frame[1] <= Function.READ_INPUT_REGISTERS and len(frame) == _REQUEST_FRAME and frame[2] != len(frame) - 5:
                return Fault(Reason.WRONG_TRANSACTION, f"another master asks unit {sent[0]} at the same time")
            if len(frame) == self._length and self._confirmed:
                return Fault(Reason.GARBAGE, f"asked to write {self._confirmed.hex()}, confirmed {frame[1:-2].hex()}")
            return Fault(Reason.SHORT_ANSWER, f"expected a frame of {self._length} bytes, got one of {len(frame)}")
        at = buffer.find(sent[:2])
        if at >= 0 and self._length is not None:
            came = len(buffer) - at
            if came >= self._length:
                return Fault(Reason.CHECKSUM, f"the CRC of {came} bytes is wrong")
            return Fault(Reason.SHORT_ANSWER, f"{came} bytes of {self._length} came")
        return Fault(Reason.GARBAGE, f"{len(buffer)} bytes that are no answer: {bytes(buffer[:16]).hex(' ')}")

    @staticmethod
    def _any_frame(buffer: bytearray, offset: int) -> bytes | None:
        """A frame of any unit and a common shape that begins here, its CRC right."""
        for size in (_EXCEPTION_FRAME, _ECHO_FRAME, _MASK_FRAME, 5 + buffer[offset + 2]):
            frame = bytes(buffer[offset : offset + size])
            if len(frame) == size and not crc16(frame):
                return frame
        return None

    @staticmethod
    def _whole_frame(buffer: bytearray) -> bool:
        return _EXCEPTION_FRAME <= len(buffer) <= RTU_MAX_ADU_BYTES and not crc16(buffer)
