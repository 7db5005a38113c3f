"""Values of meters: every printed vector reads as its source says, junk reads as a fault, and nothing is invented."""

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.codec import cjt188, dlt645
from edgeguard.codec.dlt645 import Assembly, Credentials, RelayAction
from edgeguard.codec.meter_value import item_bytes, moment_bytes, outcome_of
from edgeguard.core.cjt188_table import items_of
from edgeguard.core.dlt645_table import datum, status_bits
from edgeguard.core.errors import WriteRefused
from edgeguard.core.ids import PointName
from edgeguard.core.meter import Edition, MeterField, PartKind, layout_of
from edgeguard.core.meter_plan import width_of
from edgeguard.core.point import Kind, Labels, Outcome, Point, WriteRule
from edgeguard.core.quality import Fault, Reason
from edgeguard.testing.examples import examples
from edgeguard.testing.vectors import Vector, load_vectors

VECTORS = Path(__file__).parents[2] / "vectors"
VALUED = [v for v in (*load_vectors(VECTORS / "dlt645.json"), *load_vectors(VECTORS / "cjt188.json")) if v.values]


def point(kind: Kind = Kind.NUMBER, **more: object) -> Point:
    return Point(PointName("x"), kind, Labels("量", "x"), **more)  # type: ignore[arg-type]


def read(layout: str, data: str, kind: Kind = Kind.NUMBER, **more: object) -> Outcome:
    places = {key: more.pop(key) for key in ("bits", "scale", "dimension", "item") if key in more}
    field = MeterField("00000000", layout_of(layout), unit=str(more.get("unit", "")), **places)  # type: ignore[arg-type]
    return outcome_of(point(kind, **more), field, bytes.fromhex(data))


def values_in(vector: Vector) -> dict[str, Outcome]:
    """What the tables make of a vector's data."""
    assert vector.identifier is not None
    assert vector.data is not None
    out: dict[str, Outcome] = {}
    if vector.name.startswith("W"):
        at = 3
        for i, item in enumerate(items := items_of(vector.identifier, "water")):
            field = MeterField(vector.identifier, tuple(x.part for x in items), i, dimension=item.dimension, unit="m3")
            kind = Kind.NUMBER if item.part.kind in (PartKind.NUMBER, PartKind.BITS) else Kind.TEXT
            out[item.name] = outcome_of(point(kind), field, vector.data[at : at + item.part.width])
            at += item.part.width
        return out
    edition = Edition.Y2007 if len(vector.identifier) == 8 else Edition.Y1997
    known = datum(edition, vector.identifier)
    assert known is not None
    size = len(vector.identifier) // 2
    assert vector.data[:size][::-1].hex().upper() == vector.identifier
    field = MeterField(vector.identifier, known.layout)
    return {"": outcome_of(point(Kind.NUMBER), field, vector.data[size:])}


@pytest.mark.parametrize("vector", VALUED, ids=lambda v: v.name)
def test_every_vector_has_the_value_that_its_source_gives(vector: Vector) -> None:
    found = values_in(vector)
    for name, expected in vector.values.items():
        if expected is None:
            assert isinstance(found[name], Fault)
        else:
            assert found[name] == expected


def test_the_status_of_a_water_meter_is_read() -> None:
    status = {v.name: values_in(v)["status"] for v in VALUED if v.name in ("W2", "W4")}
    assert status == {"W2": 0x8421, "W4": 0xFF00}


@pytest.mark.parametrize(
    ("layout", "data", "expected"),
    [
        ("±XX.XXXX", "12 25 80", -0.2512),
        ("±XX.XXXX", "12 25 00", 0.2512),
        ("XX.XXXX", "12 25 80", 80.2512),
        ("XXXX", "20 02", 220),
        ("±XXXXXX.XX", "81 21 00 80", -21.81),
        ("XXX.X", "ff ff", Reason.NO_VALUE),
        ("XXX.X", "fa 22", Reason.UNDECODABLE),
        ("±XXX.X", "fa a2", Reason.UNDECODABLE),
        ("XXX.X", "22", Reason.NO_VALUE),
        ("N12", "18 55 60 06 00 00", "000006605518"),
        ("N12", "1a 55 60 06 00 00", Reason.UNDECODABLE),
        ("A6", "56 30 2e 30 32 32", "220.0V"),
        ("A6", "00 00 00 00 00 00", Reason.NO_VALUE),
        ("A6", "07 30 2e 30 32 32", Reason.UNDECODABLE),
        ("hhmmss", "00 00 00", "00:00:00"),
        ("hhmmss", "00 60 00", Reason.UNDECODABLE),
        ("YYMMDDWW", "02 24 11 26", "2026-11-24"),
        ("YYMMDDhhmm", "59 23 29 02 24", "2024-02-29 23:59"),
        ("YYMMDDhhmm", "59 23 29 02 23", Reason.UNDECODABLE),
        ("YYMMDDhhmm", "00 00 00 00 00", Reason.NO_VALUE),
        ("MMDDhhmm", "15 08 31 12", "12-31 08:15"),
        ("YYYYMMDDhhmmss", "06 20 17 09 01 17 20", "2017-01-09 17:20:06"),
        ("YYYYMMDDhhmmss", "06 20 17 09 01 17 19", Reason.UNDECODABLE),
        ("YYYYMMDDhhmmss", "60 20 20 00 00 00 00", Reason.NO_VALUE),
    ],
)
def test_an_item_is_read_or_named_a_fault(layout: str, data: str, expected: object) -> None:
    outcome = read(layout, data)
    assert (outcome.reason if isinstance(outcome, Fault) else outcome) == expected


def test_bits_are_truths_choices_or_numbers() -> None:
    texts = {0: Labels("开", "open"), 1: Labels("关", "closed"), 3: Labels("坏", "faulty")}
    assert read("B16", "04 00", Kind.BOOLEAN, bits=(2, 2)) is True
    assert read("B16", "01 00", Kind.TEXT, bits=(0, 1), choices=texts) == "closed"
    assert str(read("B16", "02 00", Kind.TEXT, bits=(0, 1), choices=texts)).startswith("undecodable")
    assert read("B16", "21 84") == 0x8421
    assert str(read("B16", "ff ff")).startswith("no-value")


@pytest.mark.parametrize(
    ("layout", "data", "unit", "expected"),
    [
        ("XXXXXX.XX+U", "00 77 66 55 2c", "m3", 556677.0),
        ("XXXXXX.XX+U", "00 77 66 55 29", "m3", 556.677),
        ("XXXXXX.XX+U", "00 10 00 00 2e", "m3", 1000),
        ("XXXXXX.XX+U", "50 12 00 00 2c", "L", 12500),
        ("U+XXXXXX.XX", "05 50 12 00 00", "kWh", 12.5),
        ("XXXXXX.XX+U", "50 12 00 00 08", "kWh", 12500),
        ("XXXXXX.XX+U", "00 36 00 00 11", "kWh", 10000),
        ("XXXXXX.XX+U", "50 12 00 00 14", "kW", 0.0125),
        ("XXXX.XXXX+U", "00 50 12 00 35", "m3/h", 12.5),
        ("XXXXXX.XX+U", "50 12 00 00 05", "m3", Reason.UNDECODABLE),
        ("XXXXXX.XX+U", "50 12 00 00 7f", "m3", Reason.UNDECODABLE),
        ("XXXXXX.XX+U", "ff ff ff ff 2c", "m3", Reason.NO_VALUE),
        ("XXXXXX.XX+U", "ff ff ff ff ff", "m3", Reason.NO_VALUE),
    ],
)
def test_a_unit_byte_is_converted_or_named_never_assumed(layout: str, data: str, unit: str, expected: object) -> None:
    outcome = read(layout, data, unit=unit)
    assert (outcome.reason if isinstance(outcome, Fault) else outcome) == expected


def test_range_and_scale_hold_for_meters_too() -> None:
    assert read("XXX.XXX", "99 49 00", scale=60.0) == 299.94
    assert str(read("XXX.X", "00 90", maximum=500.0, unit="V")) == "out-of-range: 900 V is above 500 V"


@settings(max_examples=examples(60))
@given(
    st.sampled_from(["±XXXXXX.XX", "XXX.X", "YYMMDDhhmm", "hhmmss", "YYYYMMDDhhmmss", "N12", "A6", "B16", "XXXXXX.XX+U"]),
    st.binary(max_size=10),
)
def test_junk_is_a_fault_or_a_plausible_value(layout: str, data: bytes) -> None:
    (part,) = layout_of(layout)
    outcome = read(layout, data.hex(), unit="m3")
    if len(data) != part.width:
        assert isinstance(outcome, Fault)
    if isinstance(outcome, float | int) and part.kind is PartKind.NUMBER:
        assert all((byte & 0x7F) % 16 < 10 for byte in data[: part.size])


@settings(max_examples=examples(60))
@given(st.integers(-7_999_999, 7_999_999))
def test_what_is_written_reads_back(number: int) -> None:
    value = number / 100
    rule = WriteRule(-80_000.0, 80_000.0)
    field = MeterField("00000000", layout_of("±XXXXXX.XX"))
    data = item_bytes("d.x", point(write=rule, decimals=2), field, value)
    assert outcome_of(point(decimals=2), field, data) == value


@pytest.mark.parametrize("value", [1.234, 1e9, "1", True, -1.0])
def test_what_cannot_be_written_is_refused(value: float | str | bool) -> None:
    with pytest.raises(WriteRefused):
        item_bytes("d.x", point(write=WriteRule(-5, 5_000_000_000.0)), MeterField("0", layout_of("XXXX.XX")), value)


@pytest.mark.parametrize("value", ["12345", "1234567", "12345x", "１２３４５６", "١٢٣٤٥٦", 123456, True])
def test_digits_that_are_none_to_a_meter_are_refused(value: float | str | bool) -> None:
    with pytest.raises(WriteRefused, match="is not 6 digits"):
        item_bytes("d.x", point(Kind.TEXT, write=WriteRule()), MeterField("0", layout_of("N6")), value)


def test_a_moment_is_sent_lowest_first() -> None:
    when = datetime(2026, 11, 22, 18, 53, 32)  # noqa: DTZ001  a Sunday, in the meter's own time
    assert moment_bytes("YYMMDDWW", when).hex(" ") == "00 22 11 26"
    assert moment_bytes("hhmmss", when).hex(" ") == "32 53 18"
    assert dlt645.broadcast_time_request(when).hex(" ") == "08 32 53 18 22 11 26"


def test_a_write_is_framed_as_printed() -> None:
    """E29: date 2018-05-10, password 02/101010, operator 11111111."""
    printed = next(v for v in load_vectors(VECTORS / "dlt645.json") if v.name == "E29")
    assert printed.data is not None
    request = dlt645.write_request(Edition.Y2007, "04000101", bytes.fromhex("04 10 05 18"), Credentials.parse("02 101010 11111111"))
    assert request == b"\x14" + printed.data


def test_credentials_are_never_shown() -> None:
    secret = Credentials.parse("02 123456 87654321\n")
    assert "123456" not in repr(secret)
    assert secret.password_bytes.hex() == "02563412"
    with pytest.raises(ValueError, match="three numbers") as caught:
        Credentials.parse("02 12345x 87654321")
    assert "12345x" not in str(caught.value)


def test_a_relay_command_names_action_and_end() -> None:
    until = datetime(2026, 11, 22, 18, 53, 32)  # noqa: DTZ001
    request = dlt645.relay_request(RelayAction.TRIP, until, Credentials.parse("02 000000 00000001"))
    assert request.hex(" ") == "1c 02 00 00 00 01 00 00 00 1a 00 32 53 18 22 11 26"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("d1 02", "refused: error 02, no such data"),
        ("d1 04", "refused: error 04, wrong password or not authorised"),
        ("d1 41", "exception: error 41, other error, too many tariffs"),
        ("d1", "exception: error 00, no reason given"),
    ],
)
def test_an_error_is_said_in_words(answer: str, text: str) -> None:
    assert str(dlt645.error_of(bytes.fromhex(answer))) == text


def test_following_frames_are_put_together() -> None:
    assembly = Assembly(Edition.Y2007, "0001FF00")
    assert assembly.first.hex() == "1100ff0100"
    assert assembly.take(bytes.fromhex("b1 00ff0100 01020304")) == bytes.fromhex("12 00ff0100 01")
    assert assembly.take(bytes.fromhex("b2 00ff0100 05060708 01")) == bytes.fromhex("12 00ff0100 02")
    assert assembly.take(bytes.fromhex("92 00ff0100 09 02")) is None
    assert assembly.data.hex() == "010203040506070809"
    old = Assembly(Edition.Y1997, "901F")
    assert old.take(bytes.fromhex("a1 1f90 01020304")) == bytes.fromhex("02 1f90")
    assert old.take(bytes.fromhex("82 1f90 05")) is None
    assert old.data.hex() == "0102030405"


def test_frames_without_end_are_cut_off() -> None:
    assembly = Assembly(Edition.Y2007, "0001FF00")
    turns = 0
    step: bytes | Fault | None = assembly.first
    while isinstance(step, bytes):
        turns += 1
        step = assembly.take(b"\xb1\x00\xff\x01\x00" + bytes(100))
    assert isinstance(step, Fault)
    assert turns < 60


def test_water_requests_have_either_order() -> None:
    assert cjt188.read_request("901F", low_first=False, number=1).hex(" ") == "01 90 1f 01"
    assert cjt188.read_request("901F", low_first=True, number=0).hex(" ") == "01 1f 90 00"
    assert cjt188.valve_request(close=True, low_first=False, number=2).hex(" ") == "04 a0 17 02 99"
    assert str(cjt188.error_of(bytes.fromhex("c1 01 00 40"))) == "refused: control code C1, status 00 40"


def test_the_tables_are_whole() -> None:
    assert len(status_bits()) == 52
    for identifier in ("00010000", "00010400", "0000000C", "01010000", "02060300", "02800002", "04000507", "05060101"):
        assert datum(Edition.Y2007, identifier) is not None
    for identifier in ("9010", "9024", "B613", "B633", "C032"):
        assert datum(Edition.Y1997, identifier) is not None
    for identifier in ("00014000", "02010400", "0001FF00", "04000508", "zz", "GG010000", "05040301", "05060B01", "0506013F"):
        assert datum(Edition.Y2007, identifier) is None
    assert width_of(tuple(item.part for item in items_of("901F", "water"))) == 0x16 - 3
    assert width_of(tuple(item.part for item in items_of("901F", "heat"))) == 0x2E - 3
    assert width_of(tuple(item.part for item in items_of("901F", "heat-unit-first"))) == 0x2E - 3


@pytest.mark.parametrize(
    ("identifiers", "size", "unit"),
    [
        (("00010000", "00010400", "00020000", "0001000C", "00150000", "00290000", "003D0000"), 4, "kWh"),
        (("00030000", "00050000", "00080000", "00170000"), 4, "kvarh"),
        (("02010100", "02010300"), 2, "V"),
        (("02020100", "02800001"), 3, "A"),
        (("02030000", "02030300", "02800004"), 3, "kW"),
        (("01010000", "0101040C", "01020000"), 8, "kW"),
        (("01030000", "01050000", "01080400"), 8, "kvar"),
        (("05000101", "05010201", "05060101", "0506023E"), 20, "kWh"),
        (("05000301", "05060801"), 20, "kvarh"),
        (("05000901", "05060A01"), 40, "kW"),
        (("05000001", "05010001", "050400FE", "05060001"), 5, ""),
        (("05040101", "050402FE"), 4, "kWh"),
        (("04000101",), 4, ""),
        (("04000102",), 3, ""),
        (("04000501", "04000507"), 2, ""),
        (("00900100", "00900101"), 4, "kWh"),
        (("00900200", "00900201"), 4, "CNY"),
    ],
    ids=lambda part: part[0] if isinstance(part, tuple) else "",
)
def test_what_a_building_asks_of_an_electricity_meter_has_the_width_that_meters_send(
    identifiers: tuple[str, ...], size: int, unit: str
) -> None:
    """The widths are those of a meter's firmware that is public: 20 bytes of frozen energy, 40 of demand, 4 each hour."""
    for identifier in identifiers:
        known = datum(Edition.Y2007, identifier)
        assert known is not None, identifier
        assert (width_of(known.layout), known.unit) == (size, unit), identifier


@pytest.mark.parametrize(
    ("form", "names"),
    [
        ("water", {"volume", "settled_volume", "clock", "status"}),
        ("gas", {"volume", "settled_volume", "clock", "status"}),
        ("heat", {"energy", "settled_energy", "power", "flow", "volume", "supply_temperature", "return_temperature", "status"}),
    ],
)
def test_what_a_building_asks_of_a_water_gas_or_heat_meter_is_there(form: str, names: set[str]) -> None:
    """A flow is part of a heat meter's data only: CJ/T 188 has none for water and gas, whose status tells of the valve."""
    assert {item.name for item in items_of("901F", form)} >= names
