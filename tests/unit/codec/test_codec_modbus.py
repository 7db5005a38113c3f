"""Modbus PDUs, held against pymodbus's own, and answers checked against what was asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu import bit_message as bit_pdus
from pymodbus.pdu import register_message as register_pdus

from edgeguard.codec.modbus import (
    answer_bytes,
    check_answer,
    exception_code,
    mask_write_request,
    read_request,
    write_coil_request,
    write_coils_request,
    write_register_request,
    write_registers_request,
)
from edgeguard.core.quality import Reason
from edgeguard.core.register import Table

READ_REGISTERS = read_request(Table.HOLDING, 5, 3)
READ_BITS = read_request(Table.COIL, 0, 11)


def theirs(pdu: ModbusPDU) -> bytes:
    return bytes((pdu.function_code,)) + pdu.encode()


@pytest.mark.parametrize(
    ("ours", "oracle"),
    [
        (read_request(Table.COIL, 7, 2000), bit_pdus.ReadCoilsRequest(address=7, count=2000)),
        (read_request(Table.DISCRETE, 7, 9), bit_pdus.ReadDiscreteInputsRequest(address=7, count=9)),
        (read_request(Table.HOLDING, 0xFFFE, 2), register_pdus.ReadHoldingRegistersRequest(address=0xFFFE, count=2)),
        (read_request(Table.INPUT, 0, 125), register_pdus.ReadInputRegistersRequest(address=0, count=125)),
        (write_coil_request(3, True), bit_pdus.WriteSingleCoilRequest(address=3, bits=[True])),
        (write_coil_request(3, False), bit_pdus.WriteSingleCoilRequest(address=3, bits=[False])),
        (
            write_coils_request(3, [True, False, True] * 4),
            bit_pdus.WriteMultipleCoilsRequest(address=3, bits=[True, False, True] * 4),
        ),
        (write_register_request(9, b"\x12\x34"), register_pdus.WriteSingleRegisterRequest(address=9, registers=[0x1234])),
        (
            write_registers_request(9, b"\x12\x34\x56\x78"),
            register_pdus.WriteMultipleRegistersRequest(address=9, registers=[0x1234, 0x5678]),
        ),
        (mask_write_request(4, 0xF2, 0x25), register_pdus.MaskWriteRegisterRequest(address=4, and_mask=0xF2, or_mask=0x25)),
    ],
)
def test_requests_are_those_of_pymodbus(ours: bytes, oracle: ModbusPDU) -> None:
    assert ours == theirs(oracle)


@given(st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=125))
def test_an_answer_that_pymodbus_encodes_is_accepted(registers: list[int]) -> None:
    request = read_request(Table.HOLDING, 0, len(registers))
    answer = theirs(register_pdus.ReadHoldingRegistersResponse(registers=registers))
    assert check_answer(request, answer) is None
    assert len(answer) == answer_bytes(request)


@given(st.lists(st.booleans(), min_size=1, max_size=2000))
def test_bits_that_pymodbus_encodes_are_accepted(bits: list[bool]) -> None:
    request = read_request(Table.COIL, 0, len(bits))
    answer = theirs(bit_pdus.ReadCoilsResponse(bits=bits))
    assert check_answer(request, answer) is None
    assert len(answer) == answer_bytes(request)


@pytest.mark.parametrize(
    ("request_", "answer", "reason", "words"),
    [
        (READ_REGISTERS, b"", Reason.SHORT_ANSWER, "without content"),
        (READ_REGISTERS, b"\x03", Reason.SHORT_ANSWER, "asked 6 data bytes, got 0"),
        (READ_REGISTERS, b"\x03\x04\0\0\0\0", Reason.SHORT_ANSWER, "asked 6 data bytes, got 4"),
        (READ_REGISTERS, b"\x03\x08" + bytes(8), Reason.GARBAGE, "asked 6 data bytes, got 8"),
        (READ_REGISTERS, b"\x03\x06\0\0", Reason.SHORT_ANSWER, "2 data bytes that calls itself 6"),
        (READ_REGISTERS, b"\x03\x06" + bytes(7), Reason.GARBAGE, "7 data bytes that calls itself 6"),
        (READ_REGISTERS, b"\x04\x06" + bytes(6), Reason.WRONG_FUNCTION, "asked function 3, answered function 4"),
        (READ_REGISTERS, b"\x84\x02", Reason.WRONG_FUNCTION, "answered function 132"),
        (READ_REGISTERS, b"\x83\x02", Reason.REFUSED, "exception 2, illegal data address"),
        (READ_REGISTERS, b"\x83\x03", Reason.REFUSED, "exception 3, illegal data value"),
        (READ_REGISTERS, b"\x83\x04", Reason.EXCEPTION, "exception 4, slave device failure"),
        (READ_REGISTERS, b"\x83\x0b", Reason.EXCEPTION, "exception 11, gateway target device failed to respond"),
        (READ_REGISTERS, b"\x83\x63", Reason.EXCEPTION, "exception 99, unknown to the standard"),
        (READ_REGISTERS, b"\x83\x02\x00", Reason.GARBAGE, "an exception of 3 bytes"),
        (READ_BITS, b"\x01\x01\0", Reason.SHORT_ANSWER, "asked 2 data bytes, got 1"),
        (write_coil_request(3, True), b"\x05\x00\x03\x00\x00", Reason.GARBAGE, "confirmed 0500030000"),
        (write_register_request(3, b"\0\1"), b"\x06\x00\x03\x00", Reason.SHORT_ANSWER, "4 bytes instead of 5"),
        (write_registers_request(3, b"\0\1"), b"\x10\x00\x03\x00\x02", Reason.GARBAGE, "asked to write"),
        (mask_write_request(3, 1, 2), b"\x16\x00\x03\x00\x01\x00\x03", Reason.GARBAGE, "asked to write"),
    ],
)
def test_a_wrong_answer_is_named(request_: bytes, answer: bytes, reason: Reason, words: str) -> None:
    fault = check_answer(request_, answer)
    assert fault is not None
    assert fault.reason is reason
    assert words in fault.detail


@pytest.mark.parametrize(
    ("request_", "length"),
    [
        (write_coil_request(3, True), 5),
        (write_register_request(3, b"\0\1"), 5),
        (write_registers_request(3, b"\0\1\0\2"), 5),
        (write_coils_request(3, [True] * 9), 5),
        (mask_write_request(3, 1, 2), 7),
    ],
)
def test_a_write_is_confirmed_by_its_own_beginning(request_: bytes, length: int) -> None:
    assert answer_bytes(request_) == length
    assert check_answer(request_, request_[:length]) is None


@given(st.binary(max_size=260))
def test_no_answer_whatever_breaks_the_check(answer: bytes) -> None:
    fault = check_answer(READ_REGISTERS, answer)
    assert (fault is None) == (len(answer) == 8 and answer[:2] == b"\x03\x06")
    assert (exception_code(answer) is None) == (len(answer) != 2 or answer[0] < 0x80)


@pytest.mark.parametrize(
    ("table", "address", "count"), [(Table.INPUT, 0, 126), (Table.COIL, 0, 2001), (Table.INPUT, 0, 0), (Table.INPUT, 65535, 2)]
)
def test_reads_beyond_the_protocol_are_a_mistake_of_the_caller(table: Table, address: int, count: int) -> None:
    with pytest.raises(ValueError, match=r"at once|outside"):
        read_request(table, address, count)


def test_writes_beyond_the_protocol_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="123"):
        write_registers_request(0, bytes(2 * 124))
    with pytest.raises(ValueError, match="even"):
        write_registers_request(0, bytes(3))
    with pytest.raises(ValueError, match="2 bytes"):
        write_register_request(0, bytes(3))


def test_a_request_of_a_function_not_ours_tells_no_length() -> None:
    assert answer_bytes(b"\x2b\x0e\x01\x00") is None
    assert check_answer(b"\x2b\x0e\x01\x00", b"\x2b\x0e\x01\x01") is None
