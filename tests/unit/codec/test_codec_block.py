"""A compiled block gives for every member what that member alone would give, whatever lies around it."""

import math

from hypothesis import given
from hypothesis import strategies as st

from edgeguard.codec.block import compile_block
from edgeguard.codec.plan import PlanRules, Span, plan_reads
from edgeguard.core.ids import PointName
from edgeguard.core.point import Kind, Labels, Outcome, Point
from edgeguard.core.quality import Fault
from edgeguard.core.register import RawType, RegisterField, Table, WordOrder

NUMBER = Point(PointName("n"), Kind.NUMBER, Labels("数", "number"))
FLAG = Point(PointName("f"), Kind.BOOLEAN, Labels("位", "flag"))
SIZE = 60


def outcomes_of(span: Span, points: list[Point], fields: list[RegisterField], image: bytes) -> dict[int, Outcome]:
    block = compile_block(span, points, fields)
    data = image[2 * span.first : 2 * (span.first + span.count)]
    outcomes = block.decode(bytes((3, len(data))) + data)
    assert not isinstance(outcomes, Fault)
    return dict(zip(block.members, outcomes, strict=True))


numeric = st.sampled_from([t for t in RawType if t not in (RawType.BIT, RawType.STRING)])


@st.composite
def fields(draw: st.DrawFn) -> RegisterField:
    type_ = draw(numeric)
    bits = None
    if type_ not in (RawType.FLOAT32, RawType.FLOAT64):
        bits = draw(st.none() | st.tuples(st.integers(0, 7), st.integers(8, 15)))
    return RegisterField(
        Table.HOLDING, draw(st.integers(0, SIZE - 4)), type_, type_.words, draw(st.sampled_from(list(WordOrder))), bits, scale=0.1
    )


@given(st.lists(fields(), min_size=1, max_size=12), st.binary(min_size=2 * SIZE, max_size=2 * SIZE))
def test_together_is_as_alone(chosen: list[RegisterField], image: bytes) -> None:
    points = [NUMBER] * len(chosen)
    (span,) = plan_reads(chosen, PlanRules(math.inf, 125, 2000)).spans
    together = outcomes_of(span, points, chosen, image)
    for i, where in enumerate(chosen):
        alone = outcomes_of(Span(where.table, where.address, where.words, (i,)), points, chosen, image)
        assert str(together[i]) == str(alone[i])


@given(st.lists(st.integers(0, 300), min_size=1, max_size=40, unique=True), st.binary(min_size=38, max_size=38))
def test_bits_come_from_their_place(addresses: list[int], image: bytes) -> None:
    where = [RegisterField(Table.COIL, address, RawType.BIT) for address in addresses]
    (span,) = plan_reads(where, PlanRules(math.inf, 125, 2000)).spans
    block = compile_block(span, [FLAG] * len(where), where)
    packed = (int.from_bytes(image, "little") >> span.first) & ((1 << span.count) - 1)
    data = packed.to_bytes((span.count + 7) // 8, "little")
    outcomes = block.decode(bytes((1, len(data))) + data)
    assert outcomes == [bool(image[addresses[i] // 8] >> addresses[i] % 8 & 1) for i in block.members]


def test_flags_of_one_register_share_its_bytes_with_the_whole() -> None:
    where = [RegisterField(Table.HOLDING, 9, RawType.UINT16, bits=(bit, bit)) for bit in range(16)]
    where.append(RegisterField(Table.HOLDING, 9, RawType.INT16))
    block = compile_block(Span(Table.HOLDING, 9, 1, tuple(range(17))), [*[FLAG] * 16, NUMBER], where)
    assert block.decode(b"\x03\x02\x80\x01") == [True, *[False] * 14, True, -32767]
    assert block.columns == slice(0, 17)
