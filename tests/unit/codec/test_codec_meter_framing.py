"""Frames of DL/T 645 and CJ/T 188: every printed vector, and the right answer among noise, echoes and other meters."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from edgeguard.codec import cjt188_framing, dlt645_framing
from edgeguard.codec.cjt188_framing import Cjt188Framing
from edgeguard.codec.dlt645_framing import Dlt645Framing
from edgeguard.codec.framing import Answer, Framing
from edgeguard.codec.meter_frame import FrameAt, frames_in
from edgeguard.codec.meter_framing import MeterFraming
from edgeguard.core.limits import METER_KEPT_BYTES
from edgeguard.core.line import Station
from edgeguard.core.quality import Reason
from edgeguard.testing.examples import examples
from edgeguard.testing.vectors import Vector, load_vectors

VECTORS = Path(__file__).parents[2] / "vectors"
DLT645 = load_vectors(VECTORS / "dlt645.json")
CJT188 = load_vectors(VECTORS / "cjt188.json")
BY_NAME = {vector.name: vector for vector in (*DLT645, *CJT188)}

METER = "003411001043"
READ_UA = b"\x11" + bytes.fromhex("02010100")[::-1]
UA = BY_NAME["E2"].frame
WATER = "1092000010000192"
READ_WATER = bytes.fromhex("01 90 1F 01")


def asked(address: str = METER, pdu: bytes = READ_UA) -> Dlt645Framing:
    framing = Dlt645Framing()
    framing.request(1, address, pdu)
    return framing


def asked_water(address: str, pdu: bytes = READ_WATER) -> Cjt188Framing:
    framing = Cjt188Framing()
    framing.request(1, address, pdu)
    return framing


def answer_645(station: str, control: int, data: bytes) -> bytes:
    return dlt645_framing.build_frame(station, control, data)


@pytest.mark.parametrize(
    ("frame_at", "vector"),
    [
        *((dlt645_framing.frame_at, vector) for vector in DLT645),
        *((cjt188_framing.frame_at, vector) for vector in CJT188),
    ],
    ids=lambda value: value.name if isinstance(value, Vector) else "",
)
def test_every_vector_is_read_as_its_source_says(frame_at: FrameAt, vector: Vector) -> None:
    found = [(frame.station, frame.control, frame.data) for frame in frames_in(vector.frame, frame_at)]
    assert found == ([] if vector.station is None else [(vector.station, vector.control, vector.data)])


@pytest.mark.parametrize("vector", [v for v in DLT645 if v.station], ids=lambda v: v.name)
def test_every_vector_of_dlt645_is_built_again(vector: Vector) -> None:
    assert vector.station is not None
    assert vector.control is not None
    assert vector.data is not None
    assert vector.frame.endswith(dlt645_framing.build_frame(vector.station, vector.control, vector.data))


@pytest.mark.parametrize("vector", [v for v in CJT188 if v.station], ids=lambda v: v.name)
def test_every_vector_of_cjt188_is_built_again(vector: Vector) -> None:
    assert vector.station is not None
    assert vector.control is not None
    assert vector.data is not None
    assert vector.frame.endswith(cjt188_framing.build_frame(vector.station, vector.control, vector.data))


def test_thirteen_frames_in_one_buffer_are_thirteen() -> None:
    names = ("E21", "E22", "E23", "E24", "E25", "E26", "E21", "E22", "E23", "E24", "E25", "E26", "E21")
    stream = b"".join(BY_NAME[name].frame for name in names)
    assert [f.data for f in frames_in(stream, dlt645_framing.frame_at)] == [BY_NAME[name].data for name in names]


def test_a_request_is_woken_up_for_and_framed_as_printed() -> None:
    assert Dlt645Framing().request(1, METER, READ_UA) == BY_NAME["E1"].frame
    assert Dlt645Framing().request(1, "A" * 12, b"\x13") == BY_NAME["E8"].frame
    assert Dlt645Framing().request(1, "A" * 12, bytes.fromhex("01 10 90")) == BY_NAME["F1"].frame
    assert Cjt188Framing().request(1, "10" + "A" * 14, READ_WATER) == BY_NAME["W13"].frame
    assert Cjt188Framing().request(1, "1078330011223344", bytes.fromhex("01 1F 90 00")).endswith(BY_NAME["W1"].frame)


def test_an_answer_is_the_pdu_without_its_33() -> None:
    assert asked().feed(UA) == [Answer(1, bytes.fromhex("91 00 01 01 02 97 22"))]


def test_a_checksum_of_16_or_fe_is_no_delimiter() -> None:
    current = b"\x11" + bytes.fromhex("02020100")[::-1]
    assert asked("000000000161", current).feed(BY_NAME["E13"].frame)[0].pdu.endswith(bytes.fromhex("99 49 00"))
    vector = BY_NAME["W5"]
    assert vector.station is not None
    framing = asked_water(vector.station)
    assert framing.feed(vector.frame[:-2]) == []
    assert framing.feed(b"\xfe") == []
    assert len(framing.feed(b"\x16")) == 1
    assert framing.junk_bytes == 0


@pytest.mark.parametrize("wake_up", range(12))
def test_any_number_of_wake_up_bytes_is_part_of_the_frame(wake_up: int) -> None:
    framing = asked()
    assert len(framing.feed(b"\xfe" * wake_up + UA.lstrip(b"\xfe"))) == 1
    assert framing.junk_bytes == 0


def test_the_junk_of_the_field_before_an_answer_is_passed_over() -> None:
    junk = bytes.fromhex("56 7B 16")
    foreign = bytes.fromhex("68 20 11 06 02 41 56 68 81 06 43 C3 33 33 33 33 F9 16")
    framing = asked("000000060507", bytes.fromhex("01 10 90"))
    assert framing.feed(junk + foreign + BY_NAME["F4"].frame) == [Answer(1, bytes.fromhex("81 10 90 64 93 00 00"))]
    assert framing.junk_bytes == len(junk + foreign)


def test_the_lines_own_echo_is_neither_answer_nor_junk() -> None:
    framing = Dlt645Framing()
    sent = framing.request(1, METER, READ_UA)
    assert framing.feed(sent) == []
    assert framing.feed(UA) == [Answer(1, bytes.fromhex("91 00 01 01 02 97 22"))]
    assert framing.junk_bytes == 0
    framing.feed(framing.request(2, METER, READ_UA))
    assert framing.forget(2) is None


def test_an_error_answer_is_an_answer() -> None:
    assert asked("000006605518").feed(BY_NAME["E21"].frame) == [Answer(1, b"\xd1\x02")]
    assert asked("910004920760").feed(BY_NAME["E20"].frame) == [Answer(1, b"\xd1\x04")]
    refusal = cjt188_framing.build_frame(WATER, 0xC1, bytes.fromhex("01 00 40"))
    assert asked_water(WATER).feed(refusal) == [Answer(1, bytes.fromhex("C1 01 00 40"))]


def test_wildcards_are_answered_from_any_address_that_they_mean() -> None:
    address = asked("A" * 12, b"\x13")
    assert address.feed(BY_NAME["E9"].frame) == [Answer(1, bytes.fromhex("93 01 00 00 00 00 00"))]
    assert len(asked("AAAAAAAAAA01", b"\x13").feed(BY_NAME["E9"].frame)) == 1
    framing = asked("AAAAAAAAAA02", b"\x13")
    assert framing.feed(BY_NAME["E9"].frame) == []
    fault = framing.forget(1)
    assert fault is not None
    assert fault.reason is Reason.WRONG_UNIT
    water = BY_NAME["W14-answer"]
    request = bytes.fromhex("03 0A 81 A7")
    assert len(asked_water("A" * 16, request).feed(water.frame)) == 1
    assert len(asked_water("10" + "A" * 14, request).feed(water.frame)) == 1
    assert asked_water("20" + "A" * 14, request).feed(water.frame) == []


def test_a_meter_that_answers_with_the_wildcard_itself_is_heard_only_by_who_asked_so() -> None:
    request = bytes.fromhex("01 10 90")
    assert len(asked("A" * 12, request).feed(BY_NAME["F3"].frame)) == 1
    framing = asked("000014359743", request)
    assert framing.feed(BY_NAME["F3"].frame) == []
    assert str(framing.forget(1)).startswith("wrong-unit")


def test_either_order_of_an_identifier_answers_the_one_that_was_asked() -> None:
    vector = BY_NAME["W11"]
    assert vector.station is not None
    assert len(asked_water(vector.station, bytes.fromhex("01 90 1F 04")).feed(vector.frame)) == 1


@pytest.mark.parametrize(
    ("received", "reason", "words"),
    [
        (answer_645("003411001044", 0x91, bytes(6)), Reason.WRONG_UNIT, "asked meter 003411001043, meter 003411001044 answered"),
        (answer_645(METER, 0x93, bytes(6)), Reason.WRONG_FUNCTION, "control code 93"),
        (answer_645(METER, 0x91, bytes.fromhex("00 02 01 02 97 22")), Reason.WRONG_TRANSACTION, "about 02010200"),
        (answer_645(METER, 0x91, b""), Reason.WRONG_TRANSACTION, "about nothing"),
        (BY_NAME["E3"].frame, Reason.CHECKSUM, "18 bytes"),
        (UA[:-3], Reason.SHORT_ANSWER, "15 bytes of 18 came"),
        (b"\x55\x68\x55", Reason.GARBAGE, "55 68 55"),
        (answer_645("000000000007", 0x11, bytes(4)), Reason.GARBAGE, "another master asks meter 000000000007"),
    ],
)
def test_what_came_instead_of_the_answer_is_named(received: bytes, reason: Reason, words: str) -> None:
    framing = asked()
    assert framing.feed(received) == []
    fault = framing.forget(1)
    assert fault is not None
    assert fault.reason is reason
    assert words in fault.detail


@pytest.mark.parametrize(
    ("data", "reason", "words"),
    [
        ("90 1F 02" + " 00" * 19, Reason.WRONG_TRANSACTION, "number 02"),
        ("20 D1 01" + " 00" * 19, Reason.WRONG_TRANSACTION, "about 20 d1"),
        ("", Reason.WRONG_TRANSACTION, "number none"),
    ],
)
def test_another_number_or_identifier_is_no_answer_of_a_water_meter(data: str, reason: Reason, words: str) -> None:
    framing = asked_water(WATER)
    assert framing.feed(cjt188_framing.build_frame(WATER, 0x81, bytes.fromhex(data))) == []
    fault = framing.forget(1)
    assert fault is not None
    assert fault.reason is reason
    assert words in fault.detail


def test_following_data_must_bear_the_number_that_was_asked_for() -> None:
    request = b"\x12" + bytes.fromhex("00 01 01 02 01")
    framing = asked(METER, request)
    assert framing.feed(answer_645(METER, 0xB2, bytes.fromhex("00 01 01 02 55 55 02"))) == []
    assert len(framing.feed(answer_645(METER, 0xB2, bytes.fromhex("00 01 01 02 55 55 01")))) == 1


def test_a_late_answer_is_counted_also_in_pieces_and_never_given() -> None:
    framing = asked()
    assert framing.forget(1) is None
    assert framing.feed(UA[:9]) == []
    assert framing.feed(UA[9:]) == []
    assert (framing.late_answers, framing.junk_bytes) == (1, len(UA))
    framing.request(2, METER, READ_UA)
    assert framing.forget(2) is None


@pytest.mark.parametrize(
    ("make", "address", "pdu"),
    [
        (Dlt645Framing, "12345", b"\x13"),
        (Dlt645Framing, "12345678901B", b"\x13"),
        (Dlt645Framing, 7, b"\x13"),
        (Dlt645Framing, METER, bytes(202)),
        (Cjt188Framing, "12345678901234", READ_WATER),
        (Cjt188Framing, WATER, bytes(102)),
    ],
)
def test_what_cannot_be_framed_is_refused(make: Callable[[], MeterFraming], address: Station, pdu: bytes) -> None:
    with pytest.raises(ValueError, match=r"address|fit"):
        make().request(1, address, pdu)


def test_one_request_at_a_time() -> None:
    framing: Framing = asked()
    with pytest.raises(ValueError, match="one request"):
        framing.request(2, METER, READ_UA)
    with pytest.raises(ValueError, match="not outstanding"):
        framing.forget(2)
    framing.reset()
    framing.request(2, METER, READ_UA)


NOISE = st.binary(max_size=40) | st.lists(st.sampled_from([0x68, 0x16, 0xFE, 0x91, 0x06, 0x33]), max_size=40).map(bytes)


def is_frame(noise: bytes, answer: bytes, frame_at: FrameAt) -> bool:
    """Noise that makes a whole frame with what follows, end and checksum, is one: one 68H in 65,536 does."""
    return any(frame.start < len(noise) for frame in frames_in(noise + answer, frame_at))


@settings(max_examples=examples(60))
@given(NOISE, NOISE, st.lists(st.integers(1, 90), max_size=12))
def test_noise_before_and_after_hides_no_answer_however_it_is_cut(before: bytes, after: bytes, cuts: list[int]) -> None:
    assume(not is_frame(before, UA, dlt645_framing.frame_at))
    framing = asked()
    stream = before + UA + after
    places = sorted({0, len(stream), *(cut % len(stream) for cut in cuts)})
    answers = [a for x, y in pairwise(places) for a in framing.feed(stream[x:y])]
    assert answers == [Answer(1, bytes.fromhex("91 00 01 01 02 97 22"))]


@settings(max_examples=examples(60))
@given(NOISE, st.lists(st.integers(1, 90), max_size=12))
@example(bytes.fromhex("68 16 33 68 68 91 fe"), [])
def test_noise_hides_no_answer_of_a_water_meter_however_it_is_cut(before: bytes, cuts: list[int]) -> None:
    vector = BY_NAME["W10"]
    assert vector.station is not None
    assert vector.data is not None
    assume(not is_frame(before, vector.frame, cjt188_framing.frame_at))
    framing = asked_water(vector.station)
    stream = before + vector.frame
    places = sorted({0, len(stream), *(cut % len(stream) for cut in cuts)})
    assert [a for x, y in pairwise(places) for a in framing.feed(stream[x:y])] == [Answer(1, b"\x81" + vector.data)]


@settings(max_examples=examples(60))
@given(st.lists(NOISE, max_size=20))
def test_junk_gives_nothing_and_is_bounded(parts: list[bytes]) -> None:
    for framing in (asked(), asked_water(WATER)):
        for part in parts:
            assert framing.feed(part) == []
            assert len(framing._buffer) <= METER_KEPT_BYTES
        framing.forget(1)
        assert framing.junk_bytes == sum(map(len, parts))


@settings(max_examples=examples(60))
@given(st.integers(0, len(UA) - 1), st.integers(1, 255))
def test_a_frame_with_one_wrong_byte_is_never_an_answer(place: int, flip: int) -> None:
    framing = asked()
    damaged = bytearray(UA)
    damaged[place] ^= flip
    answers = framing.feed(bytes(damaged))
    assert answers == ([] if place >= 4 else [Answer(1, bytes.fromhex("91 00 01 01 02 97 22"))])


@settings(max_examples=examples(60))
@given(st.from_regex(r"[0-9A]{12}", fullmatch=True), st.integers(0, 255), st.binary(max_size=200))
def test_what_is_framed_is_found_again(station: str, control: int, data: bytes) -> None:
    (frame,) = frames_in(dlt645_framing.build_frame(station, control, data), dlt645_framing.frame_at)
    assert (frame.station, frame.control, frame.data) == (station, control, data)
    (water,) = frames_in(cjt188_framing.build_frame(station + "0A1F", control, data[:100]), cjt188_framing.frame_at)
    assert (water.station, water.control, water.data) == (station + "0A1F", control, data[:100])
