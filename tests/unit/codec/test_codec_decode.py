"""Raw values to outcomes: every raw type in every word order, and every way of having no value."""

import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeguard.codec.block import compile_block
from edgeguard.codec.decode import converter
from edgeguard.codec.modbus import check_answer
from edgeguard.codec.plan import Span
from edgeguard.core.errors import ConfigError
from edgeguard.core.ids import PointName
from edgeguard.core.point import Kind, Labels, Outcome, Point
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.register import RawType, RegisterField, Table, WordOrder

LABELS = Labels("点", "point")


def point(kind: Kind = Kind.NUMBER, **more: Any) -> Point:
    return Point(PointName("p"), kind, LABELS, **more)


def field(type_: RawType, words: int | None = None, **more: Any) -> RegisterField:
    return RegisterField(Table.HOLDING, 100, type_, type_.words if words is None else words, **more)


def read(data: bytes, where: RegisterField, what: Point | None = None) -> Outcome:
    block = compile_block(Span(where.table, where.address, where.words, (0,)), (what or point(),), (where,))
    outcomes = block.decode(bytes((3, len(data))) + data)
    assert not isinstance(outcomes, Fault)
    return outcomes[0]


def reason(outcome: Outcome) -> Reason | None:
    return outcome.reason if isinstance(outcome, Fault) else None


ABCD = bytes.fromhex("12345678")
A_TO_H = bytes.fromhex("0123456789abcdef")


@pytest.mark.parametrize(
    ("order", "wire32", "wire64"),
    [
        (WordOrder.BIG, "12345678", "0123456789abcdef"),
        (WordOrder.LITTLE, "56781234", "cdef89ab45670123"),
        (WordOrder.BIG_SWAPPED, "34127856", "23016745ab89efcd"),
        (WordOrder.LITTLE_SWAPPED, "78563412", "efcdab8967452301"),
    ],
)
def test_word_orders(order: WordOrder, wire32: str, wire64: str) -> None:
    assert read(bytes.fromhex(wire32), field(RawType.UINT32, word_order=order)) == 0x12345678
    assert read(bytes.fromhex(wire64), field(RawType.UINT64, word_order=order)) == 0x0123456789ABCDEF
    assert read(bytes.fromhex(wire64), field(RawType.FLOAT64, word_order=order)) == struct.unpack(">d", A_TO_H)[0]
    assert read(bytes.fromhex(wire32), field(RawType.BCD32, word_order=order)) == 12345678


@pytest.mark.parametrize(
    ("order", "wire"),
    [
        (WordOrder.BIG, b"PUMP-1\0\0"),
        (WordOrder.LITTLE, b"\0\0-1MPPU"),
        (WordOrder.BIG_SWAPPED, b"UPPM1-\0\0"),
        (WordOrder.LITTLE_SWAPPED, b"\0\x001-PMUP"),
    ],
)
def test_strings_in_every_word_order(order: WordOrder, wire: bytes) -> None:
    assert read(wire, field(RawType.STRING, 4, word_order=order), point(Kind.TEXT)) == "PUMP-1"


@pytest.mark.parametrize(
    ("type_", "data", "value"),
    [
        (RawType.UINT16, "ffff", 65535),
        (RawType.INT16, "ffff", -1),
        (RawType.INT16, "8000", -32768),
        (RawType.INT32, "fffffffe", -2),
        (RawType.UINT32, "ffffffff", 4294967295),
        (RawType.INT64, "ffffffffffffffff", -1),
        (RawType.UINT64, "ffffffffffffffff", 18446744073709551615),
        (RawType.FLOAT32, "4366199a", 230.1),
        (RawType.FLOAT32, "4b800001", 16777218.0),
        (RawType.BCD16, "0042", 42),
        (RawType.BCD64, "0000000098765432", 98765432),
    ],
)
def test_raw_types(type_: RawType, data: str, value: float) -> None:
    assert read(bytes.fromhex(data), field(type_)) == value


@pytest.mark.parametrize(
    ("type_", "raw", "scale", "offset", "decimals", "value"),
    [
        (RawType.UINT16, 2301, 0.1, 0.0, None, 230.1),
        (RawType.UINT16, 3, 0.001, 0.0, None, 0.003),
        (RawType.UINT16, 2301, 0.1, -40.0, None, 190.1),
        (RawType.UINT16, 1234, 0.25, 0.0, None, 308.5),
        (RawType.UINT16, 7, 10.0, 0.0, None, 70),
        (RawType.UINT16, 1235, 0.001, 0.0, 2, 1.24),
        (RawType.UINT16, 1235, 0.001, 0.0, 0, 1),
        (RawType.UINT16, 1235, 0.001, 0.0, 3, 1.235),
        (RawType.INT16, -5, 0.1, 0.0, None, -0.5),
    ],
)
def test_scaling_is_that_of_decimals(
    type_: RawType, raw: int, scale: float, offset: float, decimals: int | None, value: float
) -> None:
    outcome = read(raw.to_bytes(2, "big", signed=raw < 0), field(type_, scale=scale, offset=offset), point(decimals=decimals))
    assert outcome == value
    assert str(outcome) == str(value)


@given(st.integers(0, 2**64 - 1), st.integers(0, 6), st.integers(-(10**6), 10**6))
def test_scaling_by_powers_of_ten_is_the_nearest_double(raw: int, digits: int, offset: int) -> None:
    where = field(RawType.UINT64, scale=float(f"1e-{digits}"), offset=float(offset))
    outcome = read(raw.to_bytes(8, "big"), where)
    assert outcome == ((raw + offset * 10**digits) / 10**digits if digits else raw + offset)


def test_a_counter_without_scale_stays_exact() -> None:
    outcome = read((2**63 + 1).to_bytes(8, "big"), field(RawType.UINT64))
    assert isinstance(outcome, int)
    assert outcome == 2**63 + 1


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_float32_keeps_seven_digits_and_no_more(number: float) -> None:
    outcome = read(struct.pack(">f", number), field(RawType.FLOAT32))
    assert isinstance(outcome, float)
    assert outcome == pytest.approx(number, rel=6e-7)
    if not number.is_integer():
        assert len(f"{outcome!r}".lower().split("e")[0].replace("-", "").replace(".", "").strip("0")) <= 7


def test_float_scaling() -> None:
    single = field(RawType.FLOAT32, scale=0.001)
    assert read(struct.pack(">f", 230.1), single) == 0.2301
    assert read(struct.pack(">f", 230.126), field(RawType.FLOAT32), point(decimals=1)) == 230.1
    assert read(struct.pack(">d", 0.1), field(RawType.FLOAT64, scale=3.0)) == 0.3
    assert read(struct.pack(">d", 21.456), field(RawType.FLOAT64, scale=10.0), point(decimals=0)) == 215


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_no_number_is_no_value(number: float) -> None:
    assert reason(read(struct.pack(">f", number), field(RawType.FLOAT32))) is Reason.NO_VALUE
    assert reason(read(struct.pack(">d", number), field(RawType.FLOAT64), point(minimum=0, maximum=9))) is Reason.NO_VALUE


@pytest.mark.parametrize(
    ("type_", "sentinel", "data"),
    [
        (RawType.UINT16, 0xFFFF, "ffff"),
        (RawType.INT16, 0xFFFF, "ffff"),
        (RawType.INT16, -1, "ffff"),
        (RawType.INT16, 0x8000, "8000"),
        (RawType.INT32, 0x7FFFFFFF, "7fffffff"),
        (RawType.BCD16, 0xFFFF, "ffff"),
        (RawType.FLOAT32, -1, "bf800000"),
        (RawType.FLOAT32, 0x7F7FFFFF, "7f7fffff"),
    ],
)
def test_sentinels_are_no_value(type_: RawType, sentinel: int, data: str) -> None:
    outcome = read(bytes.fromhex(data), field(type_, no_value=(sentinel,)), point(minimum=0.0, maximum=100.0))
    assert outcome == Fault(Reason.NO_VALUE, f"raw {sentinel}")
    assert read(bytes(len(data) // 2), field(type_, no_value=(sentinel,))) == 0


def test_a_sentinel_is_looked_for_before_bits_are_taken_out() -> None:
    where = field(RawType.UINT16, bits=(0, 3), no_value=(0xFFFF,))
    assert reason(read(b"\xff\xff", where)) is Reason.NO_VALUE
    assert read(b"\x00\x0f", where) == 15


def test_out_of_range_is_named_with_the_value() -> None:
    where = field(RawType.UINT16, scale=0.1)
    limits = point(minimum=0.0, maximum=300.0, unit="V")
    assert read(b"\x14\xc0", where, limits) == Fault(Reason.OUT_OF_RANGE, "531.2 V is above 300 V")
    assert read(b"\x0b\xb8", where, limits) == 300.0
    low = read(b"\xff\xff", field(RawType.INT16), point(minimum=0.0))
    assert low == Fault(Reason.OUT_OF_RANGE, "-1 is below 0")
    assert reason(read(b"\x00\x09", field(RawType.UINT16), point(maximum=8.0))) is Reason.OUT_OF_RANGE
    assert reason(read(struct.pack(">f", 9.5), field(RawType.FLOAT32), point(maximum=8.0))) is Reason.OUT_OF_RANGE


@pytest.mark.parametrize("data", ["00a0", "f000", "123b"])
def test_a_digit_above_nine_is_undecodable(data: str) -> None:
    outcome = read(bytes.fromhex(data), field(RawType.BCD16, scale=0.1), point(minimum=0, maximum=1e9))
    assert reason(outcome) is Reason.UNDECODABLE


def test_bits_and_bit_ranges() -> None:
    word = 0b1010_0110_0101_0011
    data = word.to_bytes(2, "big")
    for bit in range(16):
        flag = read(data, field(RawType.UINT16, bits=(bit, bit)), point(Kind.BOOLEAN))
        assert flag is bool(word >> bit & 1)
    assert read(data, field(RawType.UINT16, bits=(4, 7))) == 0b0101
    assert read(data, field(RawType.INT16, bits=(8, 15))) == 0xA6 - 256
    assert read(b"\x23\x59", field(RawType.BCD16, bits=(8, 15))) == 23
    wide = (0xABCD << 32 | 5).to_bytes(8, "big")
    assert read(wide, field(RawType.UINT64, bits=(32, 47), scale=0.1)) == 4398.1


def test_truth_of_a_register() -> None:
    assert read(b"\x00\x00", field(RawType.UINT16), point(Kind.BOOLEAN)) is False
    assert read(b"\xff\x00", field(RawType.UINT16), point(Kind.BOOLEAN)) is True


def test_choices_give_the_english_text_and_never_an_invented_one() -> None:
    mode = point(Kind.TEXT, choices={1: Labels("运行", "running"), 2: Labels("停止", "stopped")})
    assert read(b"\x00\x02", field(RawType.UINT16), mode) == "stopped"
    assert read(b"\x00\x09", field(RawType.UINT16), mode) == Fault(Reason.UNDECODABLE, "9 is none of the choices")
    assert read(b"\x00\x10", field(RawType.UINT16, bits=(4, 7)), mode) == "running"


def test_a_number_without_choices_as_text() -> None:
    assert read(b"\x00\x2a", field(RawType.UINT16), point(Kind.TEXT)) == "42"
    assert reason(read(b"\x00\xaa", field(RawType.BCD16), point(Kind.TEXT))) is Reason.UNDECODABLE


@pytest.mark.parametrize(("data", "text"), [(b"AB\0\xff", "AB"), (b"    ", ""), (b"\xe6\xb0\xb4\0", "水"), (b"\0\0\0\0", "")])
def test_text(data: bytes, text: str) -> None:
    assert read(data, field(RawType.STRING, 2), point(Kind.TEXT)) == text


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", b"A\x1b[2", b"a\nb\0", "\u202eab"[:1].encode() + b"x"])
def test_text_that_would_fool_a_terminal_is_undecodable(data: bytes) -> None:
    assert reason(read(data, field(RawType.STRING, 2), point(Kind.TEXT))) is Reason.UNDECODABLE


@pytest.mark.parametrize(
    "wrong",
    [
        field(RawType.UINT32, 1),
        field(RawType.STRING, 0),
        field(RawType.FLOAT32, bits=(0, 1)),
        field(RawType.UINT16, bits=(8, 16)),
        field(RawType.UINT16, bits=(3, 2)),
        RegisterField(Table.COIL, 1, RawType.UINT16),
        RegisterField(Table.COIL, 1, RawType.BIT, 2),
    ],
)
def test_a_field_that_cannot_be_is_refused_with_its_place(wrong: RegisterField) -> None:
    with pytest.raises(ConfigError, match=f"{wrong.table.value} {wrong.address}"):
        converter(point(), wrong)


@given(st.sampled_from([t for t in RawType if t not in (RawType.BIT, RawType.STRING)]), st.sampled_from(list(WordOrder)), st.data())
def test_whatever_the_bytes_an_outcome_comes(type_: RawType, order: WordOrder, data: st.DataObject) -> None:
    where = field(type_, word_order=order, scale=0.01, offset=3.0, no_value=(0xFFFF,))
    raw = data.draw(st.binary(min_size=2 * where.words, max_size=2 * where.words))
    outcome = read(raw, where, point(minimum=-1e6, maximum=1e6))
    if not isinstance(outcome, Fault):
        assert isinstance(outcome, int | float)
        assert -1e6 <= outcome <= 1e6


def test_an_answer_of_another_shape_is_a_fault_of_the_whole_block() -> None:
    where = field(RawType.UINT16)
    block = compile_block(Span(Table.HOLDING, 100, 1, (0,)), (point(),), (where,))
    for answer in (b"", b"\x83\x02", b"\x03\x04\0\0\0\0", b"\x04\x02\0\0", b"\x03\x02\0"):
        assert block.decode(answer) == check_answer(block.request, answer)
