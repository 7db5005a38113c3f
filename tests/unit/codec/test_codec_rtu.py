"""RTU frames: the right answer is found behind noise and echo, and nothing else ever is."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest

from edgeguard.codec.framing import Answer
from edgeguard.codec.modbus import read_request, write_register_request
from edgeguard.codec.rtu import RtuFraming, crc16
from edgeguard.core.limits import RTU_MAX_ADU_BYTES
from edgeguard.core.quality import Reason
from edgeguard.core.register import Table

READ = read_request(Table.HOLDING, 0x0105, 2)
GOOD = b"\x03\x04\x00\x01\x00\x02"


def frame(unit: int, pdu: bytes) -> bytes:
    body = bytes((unit,)) + pdu
    return body + crc16(body).to_bytes(2, "little")


def asked(pdu: bytes = READ, unit: int = 7) -> RtuFraming:
    framing = RtuFraming()
    framing.request(1, unit, pdu)
    return framing


@given(st.binary(max_size=300))
def test_the_crc_is_that_of_pymodbus(data: bytes) -> None:
    assert crc16(data) == int.from_bytes(FramerRTU.compute_CRC(data).to_bytes(2, "little"), "big")
    assert crc16(data + crc16(data).to_bytes(2, "little")) == 0


def test_a_request_is_framed_as_pymodbus_does() -> None:
    oracle = ReadHoldingRegistersRequest(address=0x0105, count=2, dev_id=7)
    assert RtuFraming().request(1, 7, READ) == FramerRTU(DecodePDU(False)).buildFrame(oracle)


@given(st.binary(max_size=40), st.binary(max_size=8), st.lists(st.integers(1, 60)))
def test_noise_before_and_after_hides_no_answer(before: bytes, after: bytes, cuts: list[int]) -> None:
    framing = asked()
    stream = before + frame(7, GOOD) + after
    places = sorted({0, len(stream), *(c % len(stream) for c in cuts)})
    answers = [a for x, y in pairwise(places) for a in framing.feed(stream[x:y])]
    assert answers == [Answer(1, GOOD)]
    assert framing.junk_bytes == len(before) + len(after)


@pytest.mark.parametrize("noise", ["00", "ff", "00 00 00", "fe fe", "07", "07 03", "07 03 04", "07 83"])
def test_turn_on_noise_is_skipped(noise: str) -> None:
    assert asked().feed(bytes.fromhex(noise) + frame(7, GOOD)) == [Answer(1, GOOD)]


def test_the_lines_own_echo_is_skipped_and_learned() -> None:
    framing = RtuFraming()
    sent = framing.request(1, 7, READ)
    assert framing.feed(sent + frame(7, GOOD)) == [Answer(1, GOOD)]
    assert framing.junk_bytes == 0
    write = write_register_request(5, b"\x12\x34")
    echo = framing.request(2, 7, write)
    assert framing.feed(echo) == []
    assert framing.forget(2) is None
    echo = framing.request(3, 7, write)
    assert framing.feed(echo + echo) == [Answer(3, write)]


def test_an_exception_is_an_answer() -> None:
    assert asked().feed(b"\xff" + frame(7, b"\x83\x02")) == [Answer(1, b"\x83\x02")]


@pytest.mark.parametrize(
    ("received", "reason", "words"),
    [
        (frame(8, GOOD), Reason.WRONG_UNIT, "asked unit 7, unit 8"),
        (frame(7, b"\x04\x04\0\1\0\2"), Reason.WRONG_FUNCTION, "answered function 4"),
        (frame(7, b"\x03\x02\0\1"), Reason.SHORT_ANSWER, "expected a frame of 9 bytes, got one of 7"),
        (frame(7, b"\x03\x06" + bytes(6)), Reason.SHORT_ANSWER, "got one of 11"),
        (frame(7, GOOD)[:-1] + b"\0", Reason.CHECKSUM, "CRC"),
        (frame(7, GOOD)[:-3], Reason.SHORT_ANSWER, "6 bytes of 9"),
        (b"\x55\x55\x55", Reason.GARBAGE, "55 55 55"),
    ],
)
def test_what_came_instead_of_the_answer_is_named(received: bytes, reason: Reason, words: str) -> None:
    framing = asked()
    assert framing.feed(received) == []
    fault = framing.forget(1)
    assert fault is not None
    assert fault.reason is reason
    assert words in fault.detail


def test_silence_and_a_mere_echo_are_no_fault_of_the_bytes() -> None:
    assert asked().forget(1) is None
    framing = RtuFraming()
    framing.feed(framing.request(1, 7, READ))
    assert framing.forget(1) is None


def test_a_late_answer_of_another_shape_is_not_taken_for_the_next() -> None:
    framing = asked()
    framing.forget(1)
    framing.request(2, 7, read_request(Table.HOLDING, 0, 5))
    assert framing.feed(frame(7, GOOD)) == []
    ten = b"\x03\x0a" + bytes(10)
    assert framing.feed(frame(7, ten)) == [Answer(2, ten)]


def test_a_late_answer_while_nothing_is_asked_is_counted_and_dropped() -> None:
    framing = asked()
    framing.forget(1)
    assert framing.feed(frame(7, GOOD)) == []
    assert (framing.late_answers, framing.junk_bytes) == (1, len(frame(7, GOOD)))
    framing.request(2, 7, READ)
    assert framing.forget(2) is None


@given(st.lists(st.binary(min_size=1, max_size=400), max_size=20))
def test_a_flood_is_bounded(parts: list[bytes]) -> None:
    framing = asked()
    for part in parts:
        framing.feed(part)
        assert len(framing._buffer) <= 2 * RTU_MAX_ADU_BYTES + 400


def test_one_request_at_a_time() -> None:
    framing = asked()
    with pytest.raises(ValueError, match="one request"):
        framing.request(2, 7, READ)
    with pytest.raises(ValueError, match="not outstanding"):
        framing.forget(2)


def test_a_function_of_unknown_length_ends_where_its_checksum_fits() -> None:
    framing = asked(b"\x2b\x0e\x01\x00")
    whole = frame(7, b"\x2b\x0e\x01\x01\x00\x00\x01\x00\x02ab")
    assert framing.feed(whole[:6]) == []
    assert framing.feed(whole[6:]) == [Answer(1, whole[1:-2])]
