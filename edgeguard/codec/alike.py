"""Whether an answer could be that to another request: frames on a serial line bear no number, so their content has to tell.

A Modbus answer tells its unit, its function and its length, a write's answer its address and value too; a meter's answer tells
what it is about. A refusal tells next to nothing and fits every request of its kind.
"""

from typing import Final

from edgeguard.codec import cjt188, cjt188_framing, dlt645_framing
from edgeguard.codec.meter_frame import ANSWER_BIT, ERROR_BIT, MeterFrame, digits_of
from edgeguard.codec.modbus import EXCEPTION_BIT, Function, answer_bytes, check_answer, exception_code
from edgeguard.codec.spoilt import is_spoilt_answer
from edgeguard.core.line import Protocol, Station

_DLT645_READS: Final = frozenset({0x01, 0x02, 0x11, 0x12, 0x13})
_CJT188_READS: Final = frozenset({cjt188.READ, cjt188.READ_ADDRESS})


def function_of(protocol: Protocol, pdu: bytes) -> int:
    """What a request or an answer does, alike in both; 0 without content."""
    if not pdu:
        return 0
    if protocol is Protocol.MODBUS:
        return pdu[0] & ~EXCEPTION_BIT
    return pdu[0] & (dlt645_framing.FUNCTION_BITS if protocol is Protocol.DLT645 else ~(ANSWER_BIT | ERROR_BIT))


def is_read(protocol: Protocol, pdu: bytes) -> bool:
    """Nothing happens if it is sent once more."""
    if protocol is Protocol.MODBUS:
        return Function.READ_COILS <= function_of(protocol, pdu) <= Function.READ_INPUT_REGISTERS
    return function_of(protocol, pdu) in (_DLT645_READS if protocol is Protocol.DLT645 else _CJT188_READS)


def alike(protocol: Protocol, request: bytes, other: bytes) -> bool:
    """The answers to these two requests of one kind tell nothing by which to know one from the other."""
    return protocol is Protocol.MODBUS and is_read(protocol, request) and answer_bytes(request) == answer_bytes(other)


def names_its_question(protocol: Protocol, answer: bytes) -> bool:
    """An answer that can be to no other question than one for the same: a read of Modbus says nothing of what was read."""
    if protocol is Protocol.MODBUS:
        return exception_code(answer) is None and not is_read(protocol, answer)
    return not answer[0] & ERROR_BIT


def spoils_answer(protocol: Protocol, station: Station, request: bytes, data: bytes) -> bool:
    """`data` is the answer to this read by Modbus RTU, with a byte in it that is wrong; see codec.spoilt."""
    if protocol is not Protocol.MODBUS or not isinstance(station, int) or not is_read(protocol, request):
        return False
    size = answer_bytes(request)
    return size is not None and is_spoilt_answer(bytes((station, request[0])), size - 2, data[:-2])


def fits(protocol: Protocol, station: Station, request: bytes, answer: bytes) -> bool:
    """Whether `answer`, of a station that `station` means, might be the answer to `request`."""
    if not request or function_of(protocol, request) != function_of(protocol, answer):
        return False
    if protocol is Protocol.MODBUS:
        return exception_code(answer) is not None or check_answer(request, answer) is None
    if answer[0] & ERROR_BIT:
        return True
    frame = MeterFrame(digits_of(station), answer[0], answer[1:])
    framing = dlt645_framing if protocol is Protocol.DLT645 else cjt188_framing
    return framing.mismatch(frame, frame.station, request) is None
