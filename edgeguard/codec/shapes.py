"""Frame shapes without knowing what was asked: how long a frame that begins here must be, and whether its checksum is right.

Sources: MODBUS Application Protocol V1.1b3, 6 (lengths of requests and answers); MODBUS over Serial Line V1.02, 2.5.1 (RTU) and
2.5.2 (ASCII); MODBUS Messaging on TCP/IP V1.0b, 3.1.3; DL/T 645-2007, 5 and CJ/T 188-2004, 5 (frame, control code, sum).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from edgeguard.codec.ascii import lrc
from edgeguard.codec.meter_frame import ANSWER_BIT, END, ERROR_BIT, START, checksum
from edgeguard.codec.modbus import EXCEPTION_BIT
from edgeguard.codec.rtu import crc16
from edgeguard.codec.sighting import Form, Sort
from edgeguard.core.limits import MODBUS_MAX_PDU_BYTES, RTU_MAX_ADU_BYTES
from edgeguard.core.line import Station

METER_OFFSET: Final = 0x33
_DLT645_REST: Final = 12
_CJT188_REST: Final = 13
_ASCII_LONGEST: Final = 2 * RTU_MAX_ADU_BYTES + 1
_HEX: Final = frozenset(b"0123456789ABCDEFabcdef")
_MBAP: Final = 7
_IDENTIFICATION: Final = 43
_MEI_DEVICE: Final = 14

Sizes = Callable[[bytes], int | None]
"""Size of the whole PDU that begins with these bytes; None while they are too few to tell, 0 if it cannot be one."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A frame that may begin here: `size` bytes of the wire; `verdict` None while they have not all come.

    `verdict` True: the checksum is right; `right` is what it should be. `sorts`: what it may be by its shape alone.
    """

    form: Form
    size: int
    sorts: tuple[Sort, ...]
    station: Station | None = None
    pdu: bytes = b""
    verdict: bool | None = None
    right: bytes = b""
    transaction: int | None = None


def _fixed(size: int) -> Sizes:
    return lambda pdu: size


def _counted(at: int, more: int = 1) -> Sizes:
    """A byte at `at` counts those behind it, `more` of which are not counted before it ends."""
    return lambda pdu: at + more + pdu[at] if len(pdu) > at else None


def _identification(pdu: bytes) -> int | None:
    """Read device identification, answer: seven bytes, then objects of id, length, value."""
    if len(pdu) < 7:
        return None if len(pdu) < 2 or pdu[1] == _MEI_DEVICE else 0
    if pdu[1] != _MEI_DEVICE:
        return 0
    end = 7
    for _ in range(pdu[6]):
        if len(pdu) < end + 2:
            return None
        end += 2 + pdu[end + 1]
    return end


REQUEST_SIZES: Final[Mapping[int, Sizes]] = MappingProxyType(
    {
        **dict.fromkeys((1, 2, 3, 4, 5, 6, 8), _fixed(5)),
        **dict.fromkeys((7, 11, 12, 17), _fixed(1)),
        **dict.fromkeys((15, 16), _counted(5)),
        **dict.fromkeys((20, 21), _counted(1)),
        22: _fixed(7),
        23: _counted(9),
        24: _fixed(3),
        _IDENTIFICATION: _fixed(4),
    }
)
"""Sizes of request PDUs by function."""
ANSWER_SIZES: Final[Mapping[int, Sizes]] = MappingProxyType(
    {
        **dict.fromkeys((1, 2, 3, 4, 12, 17, 20, 21, 23), _counted(1)),
        **dict.fromkeys((5, 6, 8, 11, 15, 16), _fixed(5)),
        7: _fixed(2),
        22: _fixed(7),
        24: lambda pdu: 3 + int.from_bytes(pdu[1:3], "big") if len(pdu) > 2 else None,
        _IDENTIFICATION: _identification,
    }
)
"""Sizes of answer PDUs by function; an exception always has two bytes."""


def pdu_shapes(pdu: bytes) -> list[tuple[int | None, Sort]]:
    """Every size (None: not to tell yet) that the PDU at the start of these bytes may have, with what it then is."""
    if not pdu:
        return [(None, Sort.REQUEST)]
    function = pdu[0]
    if function & EXCEPTION_BIT:
        known = function & ~EXCEPTION_BIT in ANSWER_SIZES and (len(pdu) < 2 or 1 <= pdu[1] <= 11)
        return [(2, Sort.EXCEPTION)] if known else []
    shapes: list[tuple[int | None, Sort]] = []
    for sort, sizes in ((Sort.REQUEST, REQUEST_SIZES), (Sort.ANSWER, ANSWER_SIZES)):
        size = sizes[function](pdu) if function in sizes else 0
        if size is None or 0 < size <= MODBUS_MAX_PDU_BYTES:
            shapes.append((size, sort))
    return shapes


def rtu_shapes(data: bytes) -> list[Shape]:
    """RTU frames that may begin here. One that is whole and right comes alone, with every sort that its size allows."""
    if len(data) < 2:
        return [Shape(Form.RTU, 4, (Sort.REQUEST,))]
    right: dict[int, list[Sort]] = {}
    others: list[Shape] = []
    for size, sort in pdu_shapes(data[1 : 1 + MODBUS_MAX_PDU_BYTES]):
        if size is None:
            others.append(Shape(Form.RTU, len(data) + 1, (sort,), data[0]))
        elif len(data) < size + 3:
            others.append(Shape(Form.RTU, size + 3, (sort,), data[0]))
        elif not crc16(data[: size + 3]):
            right.setdefault(size, []).append(sort)
        else:
            good = crc16(data[: size + 1]).to_bytes(2, "little")
            others.append(Shape(Form.RTU, size + 3, (sort,), data[0], data[1 : size + 1], False, good))
    if right:
        size, sorts = max(right.items())
        end = size + 3
        return [Shape(Form.RTU, end, tuple(sorts), data[0], data[1 : size + 1], True, data[end - 2 : end])]
    return others


def ascii_shape(data: bytes) -> Shape | None:
    """The ASCII frame that begins here: a colon, pairs of digits, CR LF."""
    if not data.startswith(b":"):
        return None
    end = data.find(b"\r\n", 0, _ASCII_LONGEST + 2)
    digits = data[1 : end if end >= 0 else None].rstrip(b"\r")
    if not _HEX.issuperset(digits) or len(digits) > _ASCII_LONGEST:
        return None
    if end < 0:
        return Shape(Form.ASCII, len(data) + 1, (Sort.REQUEST, Sort.ANSWER))
    if len(digits) < 6 or len(digits) % 2:
        return None
    body = bytes.fromhex(digits.decode("ascii"))
    sorts = tuple(sort for size, sort in pdu_shapes(body[1:-1]) if size == len(body) - 2)
    good = lrc(body[:-1])
    return Shape(Form.ASCII, end + 2, sorts, body[0], body[1:-1], good == body[-1], b"%02X" % good)


def dlt645_shape(data: bytes) -> Shape | None:
    """The DL/T 645 frame that begins here, at its first 68."""
    if data[0] != START or (len(data) > 7 and data[7] != START):
        return None
    if len(data) < 10:
        return Shape(Form.DLT645, _DLT645_REST, (Sort.ANSWER,))
    size = _DLT645_REST + data[9]
    control = data[8]
    station = data[6:0:-1].hex().upper()
    pdu = bytes((control, *((byte - METER_OFFSET) & 0xFF for byte in data[10 : size - 2])))
    return _meter_shape(Form.DLT645, data, size, control, station, pdu)


def cjt188_shape(data: bytes) -> Shape | None:
    """The CJ/T 188 frame that begins here, at its 68."""
    if data[0] != START:
        return None
    if len(data) < 11:
        return Shape(Form.CJT188, _CJT188_REST, (Sort.ANSWER,))
    size = _CJT188_REST + data[10]
    control = data[9]
    station = (data[1:2] + data[8:1:-1]).hex().upper()
    return _meter_shape(Form.CJT188, data, size, control, station, data[9:10] + data[11 : size - 2])


def _meter_shape(form: Form, data: bytes, size: int, control: int, station: str, pdu: bytes) -> Shape | None:
    sort = Sort.REQUEST
    if control & ANSWER_BIT:
        sort = Sort.EXCEPTION if control & ERROR_BIT else Sort.ANSWER
    if len(data) < size:
        return Shape(form, size, (sort,), station)
    if data[size - 1] != END:
        return None
    good = checksum(data[: size - 2])
    return Shape(form, size, (sort,), station, pdu, data[size - 2] == good, bytes((good,)))


def tcp_shape(data: bytes) -> Shape | None:
    """The Modbus TCP frame that begins here; there is no checksum, so a header that can be one is all there is to judge."""
    if any(data[2:4]):
        return None
    if len(data) < _MBAP:
        return Shape(Form.TCP, _MBAP + 1, (Sort.REQUEST, Sort.ANSWER))
    length = int.from_bytes(data[4:6], "big")
    if not 2 <= length <= MODBUS_MAX_PDU_BYTES + 1:
        return None
    size = 6 + length
    transaction = int.from_bytes(data[:2], "big")
    if len(data) < size:
        return Shape(Form.TCP, size, (Sort.REQUEST, Sort.ANSWER), data[6], transaction=transaction)
    pdu = data[_MBAP:size]
    sorts = tuple(sort for counted, sort in pdu_shapes(pdu) if counted == len(pdu)) or (Sort.REQUEST, Sort.ANSWER)
    return Shape(Form.TCP, size, sorts, data[6], pdu, True, transaction=transaction)
