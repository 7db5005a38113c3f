"""Values to registers: what is written reads back as itself, and what could not is refused before it is sent."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeguard.codec.block import compile_block
from edgeguard.codec.encode import encode
from edgeguard.codec.plan import Span
from edgeguard.core.errors import WriteRefused
from edgeguard.core.ids import PointName
from edgeguard.core.point import Kind, Labels, Outcome, Point, Value, WriteRule
from edgeguard.core.quality import Fault
from edgeguard.core.register import RawType, RegisterField, Table, WordOrder

LABELS = Labels("点", "point")
ORDERS = st.sampled_from(list(WordOrder))
RANGES = {
    RawType.UINT16: (0, 2**16 - 1),
    RawType.INT16: (-(2**15), 2**15 - 1),
    RawType.UINT32: (0, 2**32 - 1),
    RawType.INT32: (-(2**31), 2**31 - 1),
    RawType.UINT64: (0, 2**53),
    RawType.INT64: (-(2**53), 2**53),
    RawType.BCD16: (0, 9999),
    RawType.BCD32: (0, 10**8 - 1),
    RawType.BCD64: (0, 10**15),
}


def point(kind: Kind = Kind.NUMBER, **more: Any) -> Point:
    return Point(PointName("setpoint"), kind, LABELS, write=more.pop("write", WriteRule()), **more)


def field(type_: RawType, words: int | None = None, **more: Any) -> RegisterField:
    return RegisterField(Table.HOLDING, 100, type_, type_.words if words is None else words, **more)


def read_back(what: Point, where: RegisterField, value: Value) -> Outcome:
    data = encode(what, where, value).data
    block = compile_block(Span(where.table, where.address, where.words, (0,)), (what,), (where,))
    outcomes = block.decode(bytes((3, len(data))) + data)
    assert not isinstance(outcomes, Fault)
    return outcomes[0]


@given(st.sampled_from(list(RANGES)), ORDERS, st.integers(0, 4), st.integers(-100, 100), st.data())
def test_integers_come_back_as_written(type_: RawType, order: WordOrder, digits: int, offset: int, data: st.DataObject) -> None:
    where = field(type_, word_order=order, scale=float(f"1e-{digits}"), offset=float(offset))
    raw = data.draw(st.integers(*RANGES[type_]))
    value = (raw + offset * 10**digits) / 10**digits if digits else raw + offset
    assert read_back(point(), where, value) == value


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), ORDERS)
def test_float32_comes_back(number: float, order: WordOrder) -> None:
    assert read_back(point(), field(RawType.FLOAT32, word_order=order), number) == pytest.approx(number, rel=1e-6)


@given(st.floats(allow_nan=False, allow_infinity=False), ORDERS)
def test_float64_comes_back_exactly(number: float, order: WordOrder) -> None:
    assert read_back(point(), field(RawType.FLOAT64, word_order=order), number) == number


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=8), ORDERS)
def test_text_comes_back(text: str, order: WordOrder) -> None:
    assert read_back(point(Kind.TEXT), field(RawType.STRING, 4, word_order=order), text) == text


@pytest.mark.parametrize(
    ("where", "value", "words"),
    [
        (field(RawType.UINT16), 65536, "outside of 0 to 65535"),
        (field(RawType.UINT16), -1, "outside of 0 to 65535"),
        (field(RawType.INT16), 32768, "outside of -32768 to 32767"),
        (field(RawType.UINT16, scale=0.1), 21.57, "cannot hold 21.57, the nearest is 21.6"),
        (field(RawType.BCD16), 10000, "does not fit into 4 decimal digits"),
        (field(RawType.BCD16), -1, "does not fit"),
        (field(RawType.UINT16), True, "takes a number"),
        (field(RawType.UINT16), "12", "takes a number"),
        (field(RawType.FLOAT32), float("nan"), "takes a number"),
        (field(RawType.FLOAT64), float("inf"), "takes a number"),
        (field(RawType.FLOAT32), 1e39, "too large for float32"),
        (field(RawType.STRING, 2), "水水", "6 bytes of text do not fit into 4"),
        (field(RawType.STRING, 2), "a\x1b", "printable"),
        (field(RawType.STRING, 2), 5, "printable"),
        (field(RawType.UINT32, bits=(12, 19)), 1, "more than one register"),
        (field(RawType.UINT16, bits=(4, 7)), 16, "outside of 0 to 15"),
        (RegisterField(Table.COIL, 1, RawType.BIT), 2, "a single bit"),
    ],
)
def test_what_the_register_cannot_hold_is_refused(where: RegisterField, value: Value, words: str) -> None:
    with pytest.raises(WriteRefused, match=r"^setpoint: ") as caught:
        encode(point(), where, value)
    assert words in str(caught.value)


def test_limits_of_the_rule_and_of_the_point() -> None:
    where = field(RawType.UINT16)
    narrow = point(write=WriteRule(minimum=10, maximum=20), maximum=15, unit="Hz")
    assert encode(narrow, where, 15).data == b"\x00\x0f"
    with pytest.raises(WriteRefused, match="9 is below 10 Hz"):
        encode(narrow, where, 9)
    with pytest.raises(WriteRefused, match="16 is above 15 Hz"):
        encode(narrow, where, 16)


def test_a_tolerance_lets_the_nearest_value_pass() -> None:
    where = field(RawType.UINT16, scale=0.5)
    assert encode(point(write=WriteRule(tolerance=0.25)), where, 20.3).data == b"\x00\x29"


def test_truth_and_choices() -> None:
    coil = RegisterField(Table.COIL, 1, RawType.BIT)
    assert encode(point(Kind.BOOLEAN), coil, True).data == b"\1"
    assert encode(point(Kind.BOOLEAN), coil, 0).data == b"\0"
    for wrong in ("on", 2, 0.5):
        with pytest.raises(WriteRefused, match="true or false"):
            encode(point(Kind.BOOLEAN), coil, wrong)
    mode = point(Kind.TEXT, choices={1: Labels("自动", "auto"), 3: Labels("手动", "manual")})
    for value in ("manual", "手动", 3):
        assert encode(mode, field(RawType.UINT16), value).data == b"\x00\x03"
    for wrong in ("off", 2, True):
        with pytest.raises(WriteRefused, match="none of auto, manual"):
            encode(mode, field(RawType.UINT16), wrong)


def test_digits_as_text() -> None:
    assert encode(point(Kind.TEXT), field(RawType.UINT16), "42").data == b"\x00\x2a"
    with pytest.raises(WriteRefused, match="takes digits"):
        encode(point(Kind.TEXT), field(RawType.UINT16), "4x")


@given(st.sampled_from([(RawType.UINT16, 1), (RawType.UINT32, 2)]), ORDERS, st.integers(0, 7), st.integers(0, 0xFFFFFFFF))
def test_a_bit_range_touches_its_bits_and_no_others(kind: tuple[RawType, int], order: WordOrder, lowest: int, before: int) -> None:
    type_, words = kind
    where = RegisterField(Table.HOLDING, 100, type_, words, order, bits=(lowest, lowest + 3))
    encoded = encode(point(), where, 9)
    assert encoded.register is not None
    image = bytearray((before % (1 << 16 * words)).to_bytes(2 * words, "big"))
    whole = RegisterField(Table.HOLDING, 100, type_, words, order)
    old = read_image(bytes(image), whole)
    at = 2 * (encoded.register - 100)
    now = int.from_bytes(image[at : at + 2], "big")
    new = (now & ~encoded.mask) | (int.from_bytes(encoded.data, "big") & encoded.mask)
    image[at : at + 2] = new.to_bytes(2, "big")
    assert read_image(bytes(image), whole) == (old & ~(0xF << lowest)) | 9 << lowest


def read_image(image: bytes, where: RegisterField) -> int:
    block = compile_block(Span(where.table, where.address, where.words, (0,)), (point(),), (where,))
    outcomes = block.decode(bytes((3, len(image))) + image)
    assert isinstance(outcomes, list)
    assert isinstance(outcomes[0], int)
    return outcomes[0]
