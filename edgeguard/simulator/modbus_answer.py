"""A Modbus slave's answers, PDU for PDU (MODBUS Application Protocol V1.1b3, 6). Written apart from the gateway's codec.

Served: reads of the four tables, single and multiple writes, mask write, read-and-write, diagnostics' echo, server id, device
identification. Anything else is refused with exception 1.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from edgeguard.core.limits import MODBUS_MAX_PDU_BYTES, MODBUS_MAX_READ_BITS, MODBUS_MAX_WRITE_REGISTERS
from edgeguard.core.register import Table
from edgeguard.simulator.registers import Refusal, Refused
from edgeguard.simulator.unit import Unit

READS: Final[Mapping[int, Table]] = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT}
IDENTIFICATION: Final = 0x0E
MAX_WRITE_BITS: Final = 1968


def answer(unit: Unit, pdu: bytes) -> bytes:
    """The PDU that answers `pdu`: data, or an exception."""
    if not pdu:
        return b""
    try:
        return _ACTIONS.get(pdu[0], _refuse)(unit, pdu)
    except Refused as refused:
        return bytes((pdu[0] | 0x80, refused.code.value))
    except struct.error:
        # a length that the function does not have
        return bytes((pdu[0] | 0x80, Refusal.VALUE.value))


def _refuse(_: Unit, pdu: bytes) -> bytes:
    raise Refused(Refusal.FUNCTION)


def _read(unit: Unit, pdu: bytes) -> bytes:
    address, count = struct.unpack(">HH", pdu[1:])
    table = READS[pdu[0]]
    if not table.is_bits:
        words = unit.image().read(table, address, count)
        return struct.pack(f">BB{count}H", pdu[0], 2 * count, *words)
    if not 1 <= count <= MODBUS_MAX_READ_BITS:
        raise Refused(Refusal.VALUE)
    data = _packed(unit.image().read(table, address, count))
    return bytes((pdu[0], len(data))) + data


def _packed(bits: Sequence[int]) -> bytes:
    """Bits eight to a byte, the first one lowest."""
    packed = bytearray((len(bits) + 7) // 8)
    for place, bit in enumerate(bits):
        packed[place // 8] |= (bit & 1) << place % 8
    return bytes(packed)


def _put(unit: Unit, address: int, words: Sequence[int]) -> None:
    if unit.write is None:
        raise Refused(Refusal.ADDRESS)
    unit.write(address, list(words))


def _put_bits(unit: Unit, address: int, bits: Sequence[int]) -> None:
    if unit.write_bits is None:
        raise Refused(Refusal.FUNCTION)
    unit.write_bits(address, list(bits))


def _write_coil(unit: Unit, pdu: bytes) -> bytes:
    address, value = struct.unpack(">HH", pdu[1:])
    if value not in (0x0000, 0xFF00):
        raise Refused(Refusal.VALUE)
    _put_bits(unit, address, [int(value == 0xFF00)])
    return pdu


def _write_register(unit: Unit, pdu: bytes) -> bytes:
    address, value = struct.unpack(">HH", pdu[1:])
    _put(unit, address, [value])
    return pdu


def _write_coils(unit: Unit, pdu: bytes) -> bytes:
    address, count, size = struct.unpack(">HHB", pdu[1:6])
    if not 1 <= count <= MAX_WRITE_BITS or size != (count + 7) // 8 or len(pdu) != 6 + size:
        raise Refused(Refusal.VALUE)
    _put_bits(unit, address, [pdu[6 + place // 8] >> place % 8 & 1 for place in range(count)])
    return pdu[:5]


def _write_registers(unit: Unit, pdu: bytes) -> bytes:
    address, count, size = struct.unpack(">HHB", pdu[1:6])
    if not 1 <= count <= MODBUS_MAX_WRITE_REGISTERS or size != 2 * count or len(pdu) != 6 + size:
        raise Refused(Refusal.VALUE)
    _put(unit, address, struct.unpack(f">{count}H", pdu[6:]))
    return pdu[:5]


def _mask_write(unit: Unit, pdu: bytes) -> bytes:
    address, keep, set_to = struct.unpack(">HHH", pdu[1:])
    (word,) = unit.image().read(Table.HOLDING, address, 1)
    _put(unit, address, [word & keep | set_to & ~keep & 0xFFFF])
    return pdu


def _read_and_write(unit: Unit, pdu: bytes) -> bytes:
    address, count, into, written, size = struct.unpack(">HHHHB", pdu[1:10])
    if size != 2 * written or len(pdu) != 10 + size or not 1 <= written <= 121:
        raise Refused(Refusal.VALUE)
    _put(unit, into, struct.unpack(f">{written}H", pdu[10:]))
    words = unit.image().read(Table.HOLDING, address, count)
    return struct.pack(f">BB{count}H", pdu[0], 2 * count, *words)


def _diagnose(_: Unit, pdu: bytes) -> bytes:
    """Sub-function 0 gives back what it was given; no other one is known."""
    if len(pdu) < 5 or pdu[1:3] != b"\0\0":
        raise Refused(Refusal.FUNCTION)
    return pdu


def _server_id(unit: Unit, pdu: bytes) -> bytes:
    if unit.identity is None:
        raise Refused(Refusal.FUNCTION)
    text = f"{unit.identity.vendor} {unit.identity.product}".strip().encode("ascii", "replace")[:200]
    return bytes((pdu[0], len(text) + 2, unit.address)) + b"\xff" + text


def _identify(unit: Unit, pdu: bytes) -> bytes:
    """Device identification: basic objects as a stream (code 1) or one by one (code 4)."""
    if unit.identity is None or len(pdu) != 4 or pdu[1] != IDENTIFICATION:
        raise Refused(Refusal.FUNCTION)
    code, first = pdu[2], pdu[3]
    texts = (unit.identity.vendor, unit.identity.product, unit.identity.revision)
    objects = [(number, text.encode("ascii", "replace")[:60]) for number, text in enumerate(texts)]
    if code == 4:
        objects = [(number, text) for number, text in objects if number == first]
        if not objects:
            raise Refused(Refusal.ADDRESS)
    elif code in (1, 2, 3):
        objects = [(number, text) for number, text in objects if number >= (first if first < len(texts) else 0)]
    else:
        raise Refused(Refusal.VALUE)
    head = bytes((pdu[0], IDENTIFICATION, code, 0x81, 0, 0, len(objects)))
    said = head + b"".join(bytes((number, len(text))) + text for number, text in objects)
    return said[:MODBUS_MAX_PDU_BYTES]


_ACTIONS: Final[Mapping[int, Callable[[Unit, bytes], bytes]]] = {
    **dict.fromkeys(READS, _read),
    5: _write_coil,
    6: _write_register,
    8: _diagnose,
    15: _write_coils,
    16: _write_registers,
    17: _server_id,
    22: _mask_write,
    23: _read_and_write,
    43: _identify,
}
