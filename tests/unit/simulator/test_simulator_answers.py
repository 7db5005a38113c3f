"""A simulated slave's PDUs, function by function, against the examples of the standard and its refusals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from line_kit import unit

from edgeguard.simulator.modbus_answer import answer


def said(pdu: str, address: int = 1) -> str:
    return answer(unit(address, {0: 0x55}, {1: 1, 9: 1}), bytes.fromhex(pdu)).hex()


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("0300010002", "030403e903ea"),
        ("010000000a", "01020202"),
        ("050001ff00", "050001ff00"),
        ("0500010001", "8503"),
        ("0600020007", "0600020007"),
        ("0f0000000a02ff03", "0f0000000a"),
        ("0f0000000a01ff", "8f03"),
        ("1000010002040001ffff", "1000010002"),
        ("100001000203000100", "9003"),
        ("16000100f20025", "16000100f20025"),
        ("170000000200050001020009", "1704005503e9"),
        ("0800001234", "0800001234"),
        ("08000a0000", "8801"),
        ("0300630002", "8302"),
        ("0300000000", "8303"),
        ("030000007e", "8303"),
        ("0400000001", "8401"),
        ("03000000", "8303"),
        ("0700", "8701"),
        ("2b0e0100", "2b0e0181000003" + "00054d616b6572" + "01074d6f64656c2031" + "0203312e32"),
        ("2b0e0401", "2b0e0481000001" + "01074d6f64656c2031"),
        ("2b0e0409", "ab02"),
        ("2b0e0900", "ab03"),
    ],
)
def test_answers(asked: str, answered: str) -> None:
    assert said(asked) == answered


def test_writes_are_read_back() -> None:
    device = unit(3, coils={})
    answer(device, bytes.fromhex("1000010002040102aabb"))
    assert answer(device, bytes.fromhex("0300010002")).hex() == "03040102aabb"
    # the standard's example of a mask write: 12H and F2H or 25H gives 17H
    answer(device, bytes.fromhex("0600040012"))
    answer(device, bytes.fromhex("16000400f20025"))
    assert answer(device, bytes.fromhex("0300040001")).hex() == "03020017"
    answer(device, bytes.fromhex("050003ff00"))
    assert answer(device, bytes.fromhex("0100000008")).hex() == "010108"


def test_a_server_id_names_the_device() -> None:
    told = answer(unit(9), b"\x11")
    assert told[:4] == bytes((0x11, len(told) - 2, 9, 0xFF))
    assert told[4:] == b"Maker Model 1"


@given(st.binary(max_size=260))
def test_no_request_ends_a_device(pdu: bytes) -> None:
    told = answer(unit(1), pdu)
    assert len(told) <= 253
    assert not pdu or told[0] & 0x7F == pdu[0] & 0x7F or pdu[0] & 0x80
