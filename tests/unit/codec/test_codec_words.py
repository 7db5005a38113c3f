"""Frames in words and field by field; registers in every type and order with what speaks for each."""

import struct

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgeguard.codec.dissect import Dissector
from edgeguard.codec.plausible import readings
from edgeguard.codec.rtu import crc16
from edgeguard.codec.sighting import Sighting, Sort, Way
from edgeguard.codec.words import describe, fields, is_write
from edgeguard.core.register import RawType, WordOrder


def rtu(body: str) -> bytes:
    data = bytes.fromhex(body)
    return data + crc16(data).to_bytes(2, "little")


def line(*frames: bytes) -> list[Sighting]:
    wire = Dissector()
    return [*(seen for frame in frames for seen in wire.feed(1.0, frame, Way.LINE)), *wire.finish()]


SENTENCES = [
    (rtu("03 03 0010 0002"), "read holding 16..17", False),
    (rtu("03 01 0000 0008"), "read coils 0..7", False),
    (rtu("03 83 02"), "read holding: exception 2, illegal data address", False),
    (rtu("03 06 0001 0005"), "write register 1 = 5", True),
    (rtu("03 05 0001 FF00"), "write coil 1 = on", True),
    (rtu("03 10 0001 0002 04 0005 0006"), "write registers 1..2 = 5 6", True),
    (rtu("03 16 0004 00F2 0025"), "mask write register 4 and 00f2 or 0025", True),
    (rtu("03 2B 0E 01 00"), "read device identification 0E 01 00", False),
    (rtu("03 2B 0E 01 01 00 00 01 00 04 41434D45"), "read device identification ACME", False),
    (
        bytes.fromhex("68 01 00 44 23 52 00 68 91 06 33 36 34 35 95 55 DD 16"),
        "read data 02010300 Voltage, phase C = 226.2 V",
        False,
    ),
    (bytes.fromhex("68 AA AA AA AA AA AA 68 11 04 33 33 34 33 AE 16"), "read data 00010000 Forward active energy", False),
    (bytes.fromhex("68 60 07 92 04 00 91 68 D1 01 37 67 16"), "read data: refused, password wrong or not authorised", False),
    (
        bytes.fromhex("68 01 00 14 03 18 00 68 14 10 34 34 33 37 35 43 43 43 44 44 44 44 37 43 38 4B 01 16"),
        "write data 04000101 (12 B)",
        True,
    ),
    (
        bytes.fromhex("68 43 97 35 14 00 00 68 81 06 43 C3 7B 96 57 33 1B 16"),
        "read data (1997) 9010 Forward active energy = 2463.48 kWh",
        False,
    ),
    (bytes.fromhex("68 10 44 33 22 11 00 33 78 01 03 1F 90 00 80 16"), "read data DI 1F90", False),
    (bytes.fromhex("68 20 AA AA AA AA AA AA AA 03 03 81 0A 01 C0 16"), "read address DI 810A", False),
    (b"\x00\xff", "2 bytes of 00 and FF (drivers switching)", False),
    (b"\x12\x34\x56", "3 bytes that are no frame", False),
]


@pytest.mark.parametrize(("data", "words", "writes"), SENTENCES, ids=[row[1] for row in SENTENCES])
def test_what_a_frame_says(data: bytes, words: str, writes: bool) -> None:
    (seen,) = line(data)

    assert describe(seen).en == words
    assert describe(seen).zh
    assert is_write(seen) is writes


def test_an_answer_is_told_with_the_addresses_that_were_asked_for() -> None:
    asked, answer = line(rtu("03 03 0010 0002"), rtu("03 03 04 0001 00FF"))

    assert describe(answer, asked).en == "read holding 16..17 = 1 255"
    assert describe(answer).en == "read holding = 1 255"


def test_a_password_is_never_written_out() -> None:
    (seen,) = line(SENTENCES[12][0])

    told = describe(seen).en + describe(seen).zh + "".join(field.value for field in fields(seen))
    assert "101010" not in told.replace(" ", "")
    assert "11111111" not in told.replace(" ", "")


@pytest.mark.parametrize("data", [row[0] for row in SENTENCES[:-2]], ids=[row[1] for row in SENTENCES[:-2]])
def test_the_fields_of_a_frame_are_all_its_bytes_in_order(data: bytes) -> None:
    (seen,) = line(data)

    assert b"".join(field.data for field in fields(seen)) == data


def test_a_wrong_checksum_is_said_in_its_field() -> None:
    (seen,) = line(bytes.fromhex("68 43 10 00 11 34 00 68 D1 06 33 34 34 35 CA 55 EE 16"))

    assert seen.sort is Sort.BROKEN
    assert next(field for field in fields(seen) if field.name.en == "checksum").value == "the checksum is wrong; 2e is right"


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=1, max_size=40), st.booleans())
@example(b"\0", True)
@example(b"\x03", False)
def test_words_are_found_for_any_frame(body: bytes, network: bool) -> None:
    frame = b"\0\1\0\0" + (len(body) + 1).to_bytes(2, "big") + b"\3" + body if network else body + crc16(body).to_bytes(2, "little")
    wire = Dissector(network)
    for seen in [*wire.feed(1.0, frame, Way.OUT), *wire.feed(1.1, frame, Way.IN), *wire.finish()]:
        describe(seen)
        fields(seen)
        is_write(seen)


@pytest.mark.parametrize(
    ("order", "shuffled"),
    [(WordOrder.BIG, "ABCD"), (WordOrder.LITTLE, "CDAB"), (WordOrder.BIG_SWAPPED, "BADC"), (WordOrder.LITTLE_SWAPPED, "DCBA")],
)
def test_the_right_order_of_a_voltage_stands_out(order: WordOrder, shuffled: str) -> None:
    value = struct.pack(">f", 231.4)
    data = bytes(value["ABCD".index(letter)] for letter in shuffled)

    best = max(readings(data), key=lambda reading: reading.weight)

    assert (best.type, best.order, best.value) == (RawType.FLOAT32, order, "231.4")
    assert best.marks[0].en == "near 230 V"


@pytest.mark.parametrize(
    ("data", "type_", "value", "mark"),
    [
        (struct.pack(">H", 2304), RawType.UINT16, "2304", "near 230 V ×0.1"),
        (struct.pack(">H", 5001), RawType.UINT16, "5001", "near 50 Hz ×0.01"),
        (bytes.fromhex("20261124"), RawType.BCD32, "20261124", "date"),
        (b"PUMP-12", RawType.STRING, "PUMP-1", "text"),
        (struct.pack(">I", 1_234_567), RawType.UINT32, "1234567", "believable counter"),
    ],
)
def test_what_speaks_for_a_reading(data: bytes, type_: RawType, value: str, mark: str) -> None:
    found = [r for r in readings(data) if r.type is type_ and r.value == value and r.order is WordOrder.BIG]

    assert [label.en for label in found[0].marks] == [mark]


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=12))
def test_every_register_is_read_in_every_type_that_fits(data: bytes) -> None:
    found = readings(data)

    for type_ in (RawType.UINT16, RawType.INT32, RawType.FLOAT64):
        expected = max(0, len(data) // 2 - type_.words + 1) * (2 if type_.words == 1 else 4)
        assert sum(1 for r in found if r.type is type_) == expected
