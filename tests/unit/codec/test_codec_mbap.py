"""Modbus TCP frames: any cut of the stream gives the same answers, nothing foreign is taken for one."""

import contextlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest

from edgeguard.codec.framing import Answer, StreamBroken
from edgeguard.codec.mbap import MbapFraming
from edgeguard.core.quality import Reason

PDU = b"\x03\x00\x05\x00\x03"


def adu(transaction: int, unit: int, pdu: bytes) -> bytes:
    return transaction.to_bytes(2, "big") + b"\0\0" + (len(pdu) + 1).to_bytes(2, "big") + bytes((unit,)) + pdu


def cut(data: bytes, at: list[int]) -> list[bytes]:
    places = [0, *sorted(place % (len(data) + 1) for place in at), len(data)]
    return [data[a:b] for a, b in pairwise(places)]


@given(st.integers(0, 0xFFFF), st.integers(0, 255))
def test_a_request_is_framed_as_pymodbus_does(transaction: int, unit: int) -> None:
    oracle = ReadHoldingRegistersRequest(address=5, count=3, dev_id=unit, transaction_id=transaction)
    assert MbapFraming().request(transaction, unit, PDU) == FramerSocket(DecodePDU(False)).buildFrame(oracle)


@given(st.lists(st.binary(min_size=1, max_size=253), min_size=1, max_size=8), st.lists(st.integers(0, 3000)))
def test_any_cut_of_the_stream_gives_the_same_answers(pdus: list[bytes], cuts: list[int]) -> None:
    framing = MbapFraming()
    for number in range(len(pdus)):
        framing.request(number, 1, PDU)
    stream = b"".join(adu(number, 1, pdu) for number, pdu in enumerate(pdus))
    answers = [answer for part in cut(stream, cuts) for answer in framing.feed(part)]
    assert answers == [Answer(number, pdu) for number, pdu in enumerate(pdus)]
    assert framing.junk_bytes == 0
    assert not framing.torn


@given(st.binary(max_size=600), st.lists(st.integers(0, 600)))
def test_noise_is_never_an_answer_to_what_was_not_asked(noise: bytes, cuts: list[int]) -> None:
    framing = MbapFraming()
    with contextlib.suppress(StreamBroken):
        for part in cut(noise, cuts):
            assert framing.feed(part) == []


@pytest.mark.parametrize(
    "head", ["00 01 00 01 00 03 01 83", "00 01 00 00 00 01 01 83", "00 01 00 00 00 ff 01 83", "48 54 54 50 2f 31 2e 31"]
)
def test_a_header_that_cannot_be_breaks_the_stream(head: str) -> None:
    framing = MbapFraming()
    framing.request(1, 1, PDU)
    with pytest.raises(StreamBroken, match="no Modbus TCP header") as caught:
        framing.feed(bytes.fromhex(head))
    assert caught.value.fault.reason is Reason.GARBAGE


def test_an_answer_from_another_unit_is_named_when_the_wait_is_over() -> None:
    framing = MbapFraming()
    framing.request(1, 7, PDU)
    assert framing.feed(adu(1, 8, b"\x83\x02")) == []
    fault = framing.forget(1)
    assert fault is not None
    assert (fault.reason, fault.detail) == (Reason.WRONG_UNIT, "asked unit 7, unit 8 answered")


def test_a_wrong_transaction_is_named_only_if_the_right_one_did_not_come() -> None:
    framing = MbapFraming()
    framing.request(1, 7, PDU)
    framing.feed(adu(99, 7, b"\x83\x02"))
    assert framing.feed(adu(1, 7, b"\x83\x04")) == [Answer(1, b"\x83\x04")]
    framing.request(2, 7, PDU)
    assert framing.forget(2) is None
    framing.request(3, 7, PDU)
    framing.feed(adu(99, 7, b"\x83\x02"))
    fault = framing.forget(3)
    assert fault is not None
    assert fault.reason is Reason.WRONG_TRANSACTION


def test_a_late_answer_is_counted_and_blames_nobody() -> None:
    framing = MbapFraming()
    framing.request(1, 7, PDU)
    assert framing.forget(1) is None
    framing.request(2, 7, PDU)
    assert framing.feed(adu(1, 7, b"\x83\x02")) == []
    assert framing.late_answers == 1
    assert framing.forget(2) is None


def test_half_an_answer_leaves_the_stream_torn() -> None:
    framing = MbapFraming()
    framing.request(1, 7, PDU)
    framing.feed(adu(1, 7, bytes(9))[:-2])
    fault = framing.forget(1)
    assert fault is not None
    assert fault.reason is Reason.SHORT_ANSWER
    assert framing.torn
    framing.reset()
    assert not framing.torn
