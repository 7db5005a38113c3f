"""Modbus on TCP: seven bytes of header before each PDU, answers matched by transaction and unit.

Source: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, 3.1.3. A header that cannot be one leaves no foothold in
the stream: the guide's only way back is a new connection.
"""

import struct
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from edgeguard.codec.framing import Answer, StreamBroken
from edgeguard.codec.modbus import unit_of
from edgeguard.core.limits import BUS_MAX_OUTSTANDING, MODBUS_MAX_PDU_BYTES
from edgeguard.core.line import Station
from edgeguard.core.quality import Fault, Reason

_HEADER: Final = struct.Struct(">HHHB")
_SHORTEST_ADU: Final = _HEADER.size + 1
_MAX_LENGTH: Final = MODBUS_MAX_PDU_BYTES + 1
"""The length field counts the unit and the PDU."""
_REMEMBERED: Final = 4 * BUS_MAX_OUTSTANDING
"""Transactions given up whose late answers are still known as such."""


class MbapFraming:
    """Frames of one Modbus TCP connection; see codec.framing.Framing."""

    parallel = BUS_MAX_OUTSTANDING
    quiet_s = 0.0
    damaged = False

    def __init__(self) -> None:
        self.junk_bytes = 0
        self.late_answers = 0
        self._units: dict[int, int] = {}
        self._given_up: OrderedDict[int, None] = OrderedDict()
        self._odd: dict[int, Fault] = {}
        self._late: list[Answer] = []
        self._rest = b""

    @property
    def torn(self) -> bool:
        """The beginning of an ADU stands in the buffer that nobody outstanding waits for."""
        if len(self._rest) < 2:
            return bool(self._rest) and not self._units
        return int.from_bytes(self._rest[:2], "big") not in self._units

    def request(self, transaction: int, address: Station, pdu: bytes) -> bytes:
        """The ADU of a request to unit `address`. ValueError if there is no such unit."""
        unit = self._units[transaction] = unit_of(address)
        return _HEADER.pack(transaction, 0, len(pdu) + 1, unit) + pdu

    def feed(self, data: bytes) -> list[Answer]:
        """Answers completed by `data`. StreamBroken on a protocol id that is not 0 or a length that cannot be."""
        if self._rest:
            data = self._rest + data
        answers: list[Answer] = []
        start, size = 0, len(data)
        while size - start >= _SHORTEST_ADU:
            transaction, protocol, length, unit = _HEADER.unpack_from(data, start)
            if protocol or not 2 <= length <= _MAX_LENGTH:
                self.junk_bytes += size - start
                self._rest = b""
                head = data[start : start + _HEADER.size].hex(" ")
                raise StreamBroken(Fault(Reason.GARBAGE, f"{head} is no Modbus TCP header"), answers)
            end = start + 6 + length
            if end > size:
                break
            if self._units.get(transaction) == unit:
                del self._units[transaction]
                self._odd.pop(transaction, None)
                answers.append(Answer(transaction, data[start + 7 : end]))
            else:
                self._note_odd(transaction, unit, data[start:end])
            start = end
        self._rest = data[start:]
        return answers

    def take_late(self) -> Sequence[Answer]:
        """Answers that have come under a number given up, once."""
        late, self._late = self._late, []
        return late

    def forget(self, transaction: int) -> Fault | None:
        """Give up; WRONG_UNIT, WRONG_TRANSACTION or SHORT_ANSWER if that is what came instead of the answer."""
        # Not there if its answer stood before the bytes that broke the stream.
        self._units.pop(transaction, None)
        self.remember(transaction)
        odd = self._odd.pop(transaction, None)
        if odd is None and self._rest and self._rest[:2] == transaction.to_bytes(2, "big")[: len(self._rest)]:
            return Fault(Reason.SHORT_ANSWER, f"{len(self._rest)} bytes of an answer came, its end did not")
        return odd

    def remember(self, transaction: int) -> None:
        """An answer to this one that comes from now on is late, not foreign."""
        self._given_up[transaction] = None
        if len(self._given_up) > _REMEMBERED:
            self._given_up.popitem(last=False)

    def let_go(self) -> None:
        """Bytes that are no whole frame are none of the next."""
        self.junk_bytes += len(self._rest)
        self._rest = b""

    def reset(self) -> None:
        """Forget every request and every byte."""
        self.let_go()
        self._units.clear()
        self._odd.clear()
        self._given_up.clear()
        self._late.clear()

    def _note_odd(self, transaction: int, unit: int, frame: bytes) -> None:
        """Count a frame that answers nothing outstanding, and let those who wait know what came."""
        self.junk_bytes += len(frame)
        asked = self._units.get(transaction)
        if asked is not None:
            self._odd[transaction] = Fault(Reason.WRONG_UNIT, f"asked unit {asked}, unit {unit} answered")
        elif transaction in self._given_up:
            del self._given_up[transaction]
            self.late_answers += 1
            self._late.append(Answer(transaction, frame[_HEADER.size :]))
        else:
            fault = Fault(Reason.WRONG_TRANSACTION, f"an answer to transaction {transaction}, which was not asked")
            for waiting in self._units:
                self._odd.setdefault(waiting, fault)
