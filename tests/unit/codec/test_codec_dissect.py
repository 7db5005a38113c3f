"""The dissector: vectors of every protocol, pieces, noise, echoes, broken frames, foreign masters, and any junk at all."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.codec.ascii import lrc
from edgeguard.codec.dissect import Dissector
from edgeguard.codec.rtu import crc16
from edgeguard.codec.sighting import Form, Sighting, Sort, Way
from edgeguard.core.limits import DISSECT_BYTES


def rtu(body: str) -> bytes:
    data = bytes.fromhex(body)
    return data + crc16(data).to_bytes(2, "little")


def ascii_frame(body: str) -> bytes:
    data = bytes.fromhex(body)
    return b":" + (data + bytes((lrc(data),))).hex().upper().encode() + b"\r\n"


def all_of(wire: Dissector, data: bytes, way: Way = Way.LINE, at_s: float = 1.0) -> list[Sighting]:
    return [*wire.feed(at_s, data, way), *wire.finish()]


READ = rtu("03 03 0010 0002")
VALUES = rtu("03 03 04 43670000")
REFUSAL = rtu("03 83 02")
WRITE = rtu("03 06 0001 0005")

METERS = [
    ("FE FE FE FE 68 43 10 00 11 34 00 68 11 04 33 34 34 35 4D 16", Form.DLT645, Sort.REQUEST, "003411001043", "11 00 01 01 02"),
    (
        "FE FE FE FE 68 43 10 00 11 34 00 68 91 06 33 34 34 35 CA 55 EE 16",
        Form.DLT645,
        Sort.ANSWER,
        "003411001043",
        "91 00 01 01 02 97 22",
    ),
    (
        "68 61 01 00 00 00 00 68 91 07 33 34 35 35 CC 7C 33 16 16",
        Form.DLT645,
        Sort.ANSWER,
        "000000000161",
        "91 00 01 02 02 99 49 00",
    ),
    ("FE FE FE FE 68 60 07 92 04 00 91 68 D1 01 37 67 16", Form.DLT645, Sort.EXCEPTION, "910004920760", "D1 04"),
    ("FE FE FE FE 68 AA AA AA AA AA AA 68 13 00 DF 16", Form.DLT645, Sort.REQUEST, "AAAAAAAAAAAA", "13"),
    (
        "68 01 00 14 03 18 00 68 14 10 34 34 33 37 35 43 43 43 44 44 44 44 37 43 38 4B 01 16",
        Form.DLT645,
        Sort.REQUEST,
        "001803140001",
        "14 01 01 00 04 02 10 10 10 11 11 11 11 04 10 05 18",
    ),
    ("68 10 44 33 22 11 00 33 78 01 03 1F 90 00 80 16", Form.CJT188, Sort.REQUEST, "1078330011223344", "01 1F 90 00"),
    (
        "68 10 92 01 00 10 00 00 00 81 16 90 1F 01 00 22 22 00 2C 00 00 00 00 2C 00 00 00 00 00 00 00 00 00 FE 16",
        Form.CJT188,
        Sort.ANSWER,
        "1000000010000192",
        "81 90 1F 01 00 22 22 00 2C 00 00 00 00 2C 00 00 00 00 00 00 00 00 00",
    ),
]


@pytest.mark.parametrize(("hex_", "form", "sort", "station", "pdu"), METERS, ids=[row[0][:40] for row in METERS])
def test_frames_of_meters_are_known_with_their_preamble(hex_: str, form: Form, sort: Sort, station: str, pdu: str) -> None:
    data = bytes.fromhex(hex_)

    (seen,) = all_of(Dissector(), data)

    assert (seen.form, seen.sort, seen.station, seen.pdu) == (form, sort, station, bytes.fromhex(pdu))
    assert seen.data == data


def test_a_frame_with_a_wrong_checksum_is_broken_and_says_what_is_right() -> None:
    (seen,) = all_of(Dissector(), bytes.fromhex("FE FE 68 43 10 00 11 34 00 68 D1 06 33 34 34 35 CA 55 EE 16"))

    assert (seen.sort, seen.form, seen.station) == (Sort.BROKEN, Form.DLT645, "003411001043")
    assert "2e is right" in seen.detail


def test_requests_and_answers_of_another_master_are_told_apart_by_their_shapes() -> None:
    wire = Dissector()
    seen = [s for data in (READ, VALUES, READ, REFUSAL, WRITE, WRITE, READ) for s in wire.feed(1.0, data, Way.LINE)]

    assert [s.sort for s in seen] == [
        Sort.REQUEST,
        Sort.ANSWER,
        Sort.REQUEST,
        Sort.EXCEPTION,
        Sort.REQUEST,
        Sort.ANSWER,
        Sort.REQUEST,
    ]
    assert {s.station for s in seen} == {3}


def test_three_protocols_share_a_wire() -> None:
    meter, water = (bytes.fromhex(METERS[i][0]) for i in (1, 6))

    seen = all_of(Dissector(), READ + VALUES + meter + water + ascii_frame("03 03 0010 0002") + READ)

    assert [s.form for s in seen] == [Form.RTU, Form.RTU, Form.DLT645, Form.CJT188, Form.ASCII, Form.RTU]
    assert all(s.sort.is_frame for s in seen)


def test_noise_before_and_between_frames_is_junk_and_costs_no_frame() -> None:
    seen = all_of(Dissector(), b"\x00\xff" + READ + b"\x00" + VALUES + b"\xff")

    assert [(s.sort, len(s.data)) for s in seen] == [
        (Sort.JUNK, 2),
        (Sort.REQUEST, len(READ)),
        (Sort.JUNK, 1),
        (Sort.ANSWER, len(VALUES)),
        (Sort.JUNK, 1),
    ]


def test_an_echo_is_told_from_the_answer_behind_it() -> None:
    wire = Dissector()
    wire.feed(1.0, READ, Way.OUT)

    seen = wire.feed(1.1, READ + VALUES, Way.IN)
    wire.feed(2.0, WRITE, Way.OUT)
    seen += wire.feed(2.1, WRITE + WRITE, Way.IN)

    assert [s.sort for s in seen] == [Sort.ECHO, Sort.ANSWER, Sort.ECHO, Sort.ANSWER]


def test_a_write_confirmed_by_the_same_bytes_is_no_echo() -> None:
    wire = Dissector()
    wire.feed(1.0, READ, Way.OUT)
    wire.feed(1.1, VALUES, Way.IN)
    wire.feed(2.0, WRITE, Way.OUT)

    assert [s.sort for s in wire.feed(2.1, WRITE, Way.IN)] == [Sort.ANSWER]


def test_a_request_that_comes_in_is_another_masters() -> None:
    wire = Dissector()
    wire.feed(1.0, READ, Way.OUT)

    seen = wire.feed(1.1, rtu("07 04 0000 0002") + VALUES, Way.IN)

    assert [(s.sort, s.station) for s in seen] == [(Sort.REQUEST, 7), (Sort.ANSWER, 3)]


def test_a_broken_answer_is_named_when_the_line_falls_silent() -> None:
    wire = Dissector()
    wire.feed(1.0, READ, Way.OUT)
    spoilt = VALUES[:4] + b"\x00" + VALUES[5:]
    assert wire.feed(1.1, spoilt, Way.IN) == []
    assert wire.quiet(1.11) == []

    (seen,) = wire.quiet(2.0)

    assert (seen.sort, seen.station, seen.data) == (Sort.BROKEN, 3, spoilt)
    assert VALUES[-2:].hex(" ") not in seen.detail


def test_half_an_answer_says_how_much_came() -> None:
    wire = Dissector()
    wire.feed(1.0, READ, Way.OUT)
    wire.feed(1.1, VALUES[:6], Way.IN)

    seen = wire.feed(3.0, READ, Way.OUT)

    assert [s.sort for s in seen] == [Sort.BROKEN, Sort.REQUEST]
    assert seen[0].detail == "6 bytes of 9 came"


def test_frames_on_a_network_are_cut_by_their_length() -> None:
    wire = Dissector(network=True)
    ask, answer = bytes.fromhex("0007 0000 0006 03 03 0010 0001"), bytes.fromhex("0007 0000 0005 03 03 02 1234")

    seen = [*wire.feed(1.0, ask, Way.OUT), *wire.feed(1.1, answer[:5], Way.IN), *wire.feed(1.2, answer[5:] + answer, Way.IN)]

    assert [(s.sort, s.transaction, s.pdu.hex()) for s in seen] == [
        (Sort.REQUEST, 7, "0303001000 01".replace(" ", "")[2:]),
        (Sort.ANSWER, 7, "03021234"),
        (Sort.ANSWER, 7, "03021234"),
    ]


def test_times_are_those_of_the_first_and_the_last_byte() -> None:
    wire = Dissector(character_s=0.001)
    wire.feed(1.000, READ[:3], Way.LINE)

    (seen,) = wire.feed(1.010, READ[3:], Way.LINE)

    assert seen.start_s == pytest.approx(0.997)
    assert seen.end_s == pytest.approx(1.010)


def test_an_unknown_function_is_cut_by_the_silence_around_it() -> None:
    wire = Dissector()
    (asked,) = wire.feed(1.0, rtu("05 41 01"), Way.OUT)
    wire.feed(1.1, rtu("05 41 AA BB CC"), Way.IN)

    (seen,) = wire.quiet(3.0)

    assert (asked.sort, seen.sort, seen.pdu) == (Sort.REQUEST, Sort.ANSWER, bytes.fromhex("41AABBCC"))


PIECES = st.lists(
    st.one_of(
        st.binary(max_size=80),
        st.sampled_from(
            [READ, VALUES, REFUSAL, WRITE, *(bytes.fromhex(row[0]) for row in METERS), ascii_frame("030300100002"), b":", b"h"]
        ),
    ),
    max_size=12,
)


ANY_STREAM = given(PIECES, st.sampled_from([Way.IN, Way.LINE]), st.booleans(), st.integers(1, 40))


@settings(max_examples=25, deadline=None)
@ANY_STREAM
def test_nothing_is_lost_and_nothing_crashes(pieces: list[bytes], way: Way, network: bool, step: int) -> None:
    see_all_of(pieces, way, network, step)


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@ANY_STREAM
def test_of_many_streams_nothing_is_lost_either(pieces: list[bytes], way: Way, network: bool, step: int) -> None:
    see_all_of(pieces, way, network, step)


def see_all_of(pieces: list[bytes], way: Way, network: bool, step: int) -> None:
    wire = Dissector(network=network)
    stream = b"".join(pieces)
    wire.feed(0.0, READ, Way.OUT)
    seen = [s for i in range(0, len(stream), step) for s in wire.feed(1.0, stream[i : i + step], way)]
    seen += wire.finish()

    assert b"".join(s.data for s in seen) == stream
    assert len(wire._buffer) <= DISSECT_BYTES
    assert all(s.start_s <= s.end_s for s in seen)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.sampled_from([READ, VALUES, *(bytes.fromhex(row[0]) for row in METERS)]), min_size=1, max_size=8),
    st.integers(1, 30),
)
def test_frames_are_found_in_whatever_pieces_they_come(frames: list[bytes], step: int) -> None:
    stream = b"".join(frames)
    wire = Dissector()
    seen = [s for i in range(0, len(stream), step) for s in wire.feed(1.0, stream[i : i + step], Way.LINE)]

    assert [s.data for s in seen] == frames
