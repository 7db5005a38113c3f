"""Modbus PDUs: requests as bytes, answers checked strictly against the request they claim to answer.

Source: MODBUS Application Protocol V1.1b3, 6.1-6.6, 6.11, 6.12, 6.16 (layouts) and 7 (exceptions). Knows no frames,
no unit ids and no points.
"""

import struct
from collections.abc import Sequence
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from edgeguard.core.limits import MODBUS_MAX_READ_BITS, MODBUS_MAX_READ_REGISTERS, MODBUS_MAX_WRITE_REGISTERS
from edgeguard.core.line import Station
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.register import Table


class Function(IntEnum):
    """Function codes that this client uses."""

    READ_COILS = 1
    READ_DISCRETE_INPUTS = 2
    READ_HOLDING_REGISTERS = 3
    READ_INPUT_REGISTERS = 4
    WRITE_COIL = 5
    WRITE_REGISTER = 6
    WRITE_COILS = 15
    WRITE_REGISTERS = 16
    MASK_WRITE_REGISTER = 22


EXCEPTION_BIT: Final = 0x80
EXCEPTION_NAMES: Final = MappingProxyType(
    {
        1: "illegal function",
        2: "illegal data address",
        3: "illegal data value",
        4: "slave device failure",
        5: "acknowledge",
        6: "slave device busy",
        7: "negative acknowledge",
        8: "memory parity error",
        10: "gateway path unavailable",
        11: "gateway target device failed to respond",
    }
)
ILLEGAL_FUNCTION: Final = 1
ACKNOWLEDGE: Final = 5
BUSY: Final = 6
REFUSALS: Final = frozenset({2, 3})
"""Exceptions by which a device says that it will never serve this address or this many of them."""
NEGATIVE_ACKNOWLEDGE: Final = 7
UNTOUCHED: Final = frozenset({ILLEGAL_FUNCTION, *REFUSALS, NEGATIVE_ACKNOWLEDGE})
"""Exceptions to a write that say that nothing was done. 4 does not (MODBUS Application Protocol V1.1b3, section 7): the device has
failed at the attempt, and its output may have switched all the same."""
SILENT_DEVICE: Final = 11
"""A gateway has asked the device and heard nothing."""
GATEWAY_EXCEPTIONS: Final = frozenset({10, SILENT_DEVICE})
"""A gateway speaks in place of the device, which has not answered."""

_READ_FUNCTION: Final = MappingProxyType(
    {
        Table.COIL: Function.READ_COILS,
        Table.DISCRETE: Function.READ_DISCRETE_INPUTS,
        Table.HOLDING: Function.READ_HOLDING_REGISTERS,
        Table.INPUT: Function.READ_INPUT_REGISTERS,
    }
)
_ECHOED_BYTES: Final = MappingProxyType(
    {
        Function.WRITE_COIL: 5,
        Function.WRITE_REGISTER: 5,
        Function.WRITE_COILS: 5,
        Function.WRITE_REGISTERS: 5,
        Function.MASK_WRITE_REGISTER: 7,
    }
)
"""A write is confirmed by the first bytes of its request."""


def unit_of(station: Station) -> int:
    """The byte that a unit is addressed by. ValueError if there is no such unit."""
    if not isinstance(station, int) or not 0 <= station <= 255:
        raise ValueError(f'"{station}" is no Modbus unit: a whole number from 0 to 255')
    return station


def read_request(table: Table, address: int, count: int) -> bytes:
    """Read `count` bits or registers from `address`. ValueError outside of the protocol's limits."""
    limit = MODBUS_MAX_READ_BITS if table.is_bits else MODBUS_MAX_READ_REGISTERS
    _check_range(address, count, limit)
    return struct.pack(">BHH", _READ_FUNCTION[table], address, count)


def write_coil_request(address: int, on: bool) -> bytes:
    """Set one coil."""
    return struct.pack(">BHH", Function.WRITE_COIL, address, 0xFF00 if on else 0)


def write_coils_request(address: int, states: Sequence[bool]) -> bytes:
    """Set coils from `address` on. ValueError outside of the protocol's limits."""
    _check_range(address, len(states), 0x7B0)
    packed = sum(1 << i for i, on in enumerate(states) if on).to_bytes((len(states) + 7) // 8, "little")
    return struct.pack(">BHHB", Function.WRITE_COILS, address, len(states), len(packed)) + packed


def write_register_request(address: int, data: bytes) -> bytes:
    """Set one register to two bytes in wire order. ValueError if there are not two."""
    if len(data) != 2:
        raise ValueError(f"a register takes 2 bytes, not {len(data)}")
    return struct.pack(">BH", Function.WRITE_REGISTER, address) + data


def write_registers_request(address: int, data: bytes) -> bytes:
    """Set registers from `address` on to `data`, two bytes each in wire order. ValueError outside of the protocol's limits."""
    if len(data) % 2:
        raise ValueError(f"registers take an even number of bytes, not {len(data)}")
    _check_range(address, len(data) // 2, MODBUS_MAX_WRITE_REGISTERS)
    return struct.pack(">BHHB", Function.WRITE_REGISTERS, address, len(data) // 2, len(data)) + data


def mask_write_request(address: int, and_mask: int, or_mask: int) -> bytes:
    """Set a register to `(now & and_mask) | (or_mask & ~and_mask)`, in one step inside the device."""
    return struct.pack(">BHHH", Function.MASK_WRITE_REGISTER, address, and_mask, or_mask)


def answer_bytes(request: bytes) -> int | None:
    """Length in bytes of the normal answer PDU to this request, None if the request does not tell."""
    function = request[0]
    if Function.READ_COILS <= function <= Function.READ_INPUT_REGISTERS and len(request) == 5:
        return 2 + _data_bytes(request)
    return _ECHOED_BYTES.get(Function(function)) if function in _ECHOED_BYTES else None


def confirmation(request: bytes) -> bytes:
    """The answer that confirms a write; empty if this is none."""
    return request[: _ECHOED_BYTES.get(Function(request[0]), 0)] if request[0] in _ECHOED_BYTES else b""


def exception_code(answer: bytes) -> int | None:
    """The exception that an answer PDU bears, None if it is a normal answer."""
    return answer[1] if len(answer) == 2 and answer[0] & EXCEPTION_BIT else None


def exception_fault(code: int) -> Fault:
    """An exception in words; REFUSED where the device will not serve the address, EXCEPTION otherwise."""
    reason = Reason.REFUSED if code in REFUSALS else Reason.EXCEPTION
    return Fault(reason, f"exception {code}, {EXCEPTION_NAMES.get(code, 'unknown to the standard')}")


def check_answer(request: bytes, answer: bytes) -> Fault | None:
    """What is wrong with `answer` as an answer to `request`, an exception included; None if it is whole and fits."""
    if not answer:
        return Fault(Reason.SHORT_ANSWER, "an answer without content")
    function, got = request[0], answer[0]
    if got == function | EXCEPTION_BIT:
        if len(answer) != 2:
            return Fault(Reason.GARBAGE, f"an exception of {len(answer)} bytes instead of 2")
        return exception_fault(answer[1])
    if got != function:
        return Fault(Reason.WRONG_FUNCTION, f"asked function {function}, answered function {got}")
    if function in _ECHOED_BYTES:
        return _check_echo(request, answer, _ECHOED_BYTES[Function(function)])
    if function <= Function.READ_INPUT_REGISTERS:
        return _check_data(_data_bytes(request), answer)
    return None


def _check_data(asked: int, answer: bytes) -> Fault | None:
    told, came = (answer[1] if len(answer) > 1 else 0), max(len(answer) - 2, 0)
    if told == came == asked:
        return None
    if told != came:
        reason = Reason.SHORT_ANSWER if came < told or len(answer) < 2 else Reason.GARBAGE
        return Fault(reason, f"an answer of {came} data bytes that calls itself {told}")
    reason = Reason.SHORT_ANSWER if came < asked else Reason.GARBAGE
    return Fault(reason, f"asked {asked} data bytes, got {came}")


def _check_echo(request: bytes, answer: bytes, length: int) -> Fault | None:
    if len(answer) < length:
        return Fault(Reason.SHORT_ANSWER, f"a write confirmed by {len(answer)} bytes instead of {length}")
    if answer != request[:length]:
        return Fault(Reason.GARBAGE, f"asked to write {request[:length].hex()}, confirmed {answer.hex()}")
    return None


def _data_bytes(request: bytes) -> int:
    count = request[3] << 8 | request[4]
    return (count + 7) // 8 if request[0] <= Function.READ_DISCRETE_INPUTS else 2 * count


def _check_range(address: int, count: int, limit: int) -> None:
    if not 1 <= count <= limit:
        raise ValueError(f"{count} at once; 1 to {limit} are possible")
    if not 0 <= address <= address + count - 1 <= 0xFFFF:
        raise ValueError(f"addresses {address} to {address + count - 1} are outside of 0 to 65535")
