"""ASCII frames: found again after any noise, the echo passed over, and nothing else ever taken for the answer."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerAscii
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest

from edgeguard.codec.ascii import AsciiFraming, lrc
from edgeguard.codec.framing import Answer
from edgeguard.codec.modbus import read_request, write_register_request
from edgeguard.core.limits import ASCII_MAX_FRAME_BYTES
from edgeguard.core.quality import Reason
from edgeguard.core.register import Table

READ = read_request(Table.HOLDING, 0x0105, 2)
WRITE = write_register_request(4, b"\x00\x09")
GOOD = b"\x03\x04\x00\x01\x00\x02"


def frame(unit: int, pdu: bytes) -> bytes:
    body = bytes((unit,)) + pdu
    return b":" + (body + bytes((lrc(body),))).hex().upper().encode() + b"\r\n"


def asked(pdu: bytes = READ, unit: int = 7) -> AsciiFraming:
    framing = AsciiFraming()
    framing.request(1, unit, pdu)
    return framing


def test_the_frame_of_the_specification() -> None:
    """MODBUS over Serial Line V1.02, appendix B: unit 02, function 07 has the LRC F7."""
    assert AsciiFraming().request(1, 2, b"\x07") == b":0207F7\r\n"


def test_a_request_is_framed_as_pymodbus_does() -> None:
    oracle = ReadHoldingRegistersRequest(address=0x0105, count=2, dev_id=7)
    assert AsciiFraming().request(1, 7, READ) == FramerAscii(DecodePDU(False)).buildFrame(oracle)


@given(st.binary(max_size=40), st.binary(max_size=8), st.lists(st.integers(1, 60)))
def test_noise_before_and_after_hides_no_answer(before: bytes, after: bytes, cuts: list[int]) -> None:
    framing = asked()
    stream = before + frame(7, GOOD) + after
    places = sorted({0, len(stream), *(c % len(stream) for c in cuts)})
    answers = [a for x, y in pairwise(places) for a in framing.feed(stream[x:y])]
    assert answers == [Answer(1, GOOD)]
    framing.reset()
    assert framing.junk_bytes == len(before) + len(after)


@given(st.binary(max_size=200))
def test_junk_is_no_answer_and_is_counted(junk: bytes) -> None:
    framing = asked()
    assert framing.feed(junk) == []
    fault = framing.forget(1)
    assert (fault is None) == (not junk)
    assert framing.junk_bytes == len(junk)


def test_small_digits_are_read_too() -> None:
    assert asked().feed(frame(7, GOOD).lower()) == [Answer(1, GOOD)]


@pytest.mark.parametrize(
    ("came", "reason"),
    [
        (frame(8, GOOD), Reason.WRONG_UNIT),
        (frame(7, b"\x04\x04\0\1\0\2"), Reason.WRONG_FUNCTION),
        (frame(7, b"\x03\x02\0\1"), Reason.SHORT_ANSWER),
        (frame(7, GOOD).replace(b"02", b"03", 1), Reason.CHECKSUM),
        (frame(7, GOOD)[:9], Reason.SHORT_ANSWER),
        (frame(7, GOOD).replace(b":", b" "), Reason.GARBAGE),
        (b"\0\xff", Reason.GARBAGE),
        (b":" + b"4" * (2 * ASCII_MAX_FRAME_BYTES), Reason.GARBAGE),
    ],
)
def test_what_came_instead_is_named_and_the_answer_still_found(came: bytes, reason: Reason) -> None:
    framing = asked()
    assert framing.feed(came) == []
    assert framing.feed(frame(7, GOOD)) == [Answer(1, GOOD)]
    framing.request(2, 7, READ)
    framing.feed(came)
    fault = framing.forget(2)
    assert fault is not None
    assert fault.reason is reason


def test_an_exception_is_an_answer() -> None:
    assert asked().feed(frame(7, b"\x83\x02")) == [Answer(1, b"\x83\x02")]


def test_a_write_whose_answer_is_its_echo() -> None:
    quiet = asked()
    assert quiet.feed(frame(7, GOOD)) == [Answer(1, GOOD)]
    quiet.request(2, 7, WRITE)
    assert quiet.feed(frame(7, WRITE)) == [Answer(2, WRITE)]
    untaught = asked(WRITE)
    assert untaught.feed(frame(7, WRITE)) == []
    assert untaught.feed(frame(7, WRITE)) == [Answer(1, WRITE)]
    echoing = asked()
    assert echoing.feed(frame(7, READ) + frame(7, GOOD)) == [Answer(1, GOOD)]
    assert echoing.junk_bytes == 0
    echoing.request(2, 7, WRITE)
    assert echoing.feed(frame(7, WRITE)) == []
    assert echoing.feed(frame(7, WRITE)) == [Answer(2, WRITE)]


def test_a_late_answer_is_counted_and_not_taken_for_the_next() -> None:
    framing = asked()
    assert framing.forget(1) is None
    assert framing.feed(frame(7, GOOD)) == []
    assert (framing.late_answers, framing.junk_bytes) == (1, len(frame(7, GOOD)))
    framing.request(2, 7, READ)
    assert framing.feed(frame(7, GOOD)) == [Answer(2, GOOD)]
