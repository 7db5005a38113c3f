"""Several writes as few requests: neighbours together, nothing twice, nothing that was not asked for."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.codec.encode import Encoded
from edgeguard.codec.write_plan import WriteStep, plan_writes
from edgeguard.core.errors import WriteRefused
from edgeguard.core.register import RawType, RegisterField, Table
from edgeguard.testing.bus import FakeUnit
from edgeguard.testing.examples import examples


def register(address: int, *words: int) -> tuple[RegisterField, Encoded]:
    kind = {1: RawType.UINT16, 2: RawType.UINT32, 4: RawType.UINT64}[len(words)]
    return RegisterField(Table.HOLDING, address, kind, len(words)), Encoded(struct.pack(f">{len(words)}H", *words))


def bits(address: int, lowest: int, highest: int, value: int) -> tuple[RegisterField, Encoded]:
    mask = ((1 << (highest - lowest + 1)) - 1) << lowest
    field = RegisterField(Table.HOLDING, address, RawType.UINT16, bits=(lowest, highest))
    return field, Encoded(((value << lowest) & mask).to_bytes(2, "big"), address, mask)


def coil(address: int, on: bool) -> tuple[RegisterField, Encoded]:
    return RegisterField(Table.COIL, address, RawType.BIT), Encoded(bytes((on,)))


def plan(*writes: tuple[RegisterField, Encoded]) -> tuple[WriteStep, ...]:
    fields, encoded = zip(*writes, strict=True)
    return plan_writes(fields, encoded)


def test_neighbours_go_together_and_apart_if_need_be() -> None:
    (step,) = plan(register(11, 2), register(10, 1), register(12, 3, 4))
    assert (step.members, step.requests) == ((1, 0, 2), (bytes.fromhex("10 000a 0004 08 0001 0002 0003 0004"),))
    assert [single.requests[0].hex() for single in step.apart] == ["06000a0001", "06000b0002", "10000c00020400030004"]


def test_strangers_go_by_themselves_in_the_order_asked_for() -> None:
    steps = plan(register(50, 5), coil(7, True), register(10, 1), coil(9, False))
    assert [step.requests[0].hex() for step in steps] == ["0600320005", "050007ff00", "06000a0001", "0500090000"]
    assert [step.apart for step in steps] == [()] * 4


def test_coils_in_a_row_go_in_one_request() -> None:
    (step,) = plan(*(coil(3 + i, i % 2 == 0) for i in range(9)))
    assert step.requests == (bytes.fromhex("0f 0003 0009 02 5501"),)


def test_bits_of_one_register_go_in_one_mask_write() -> None:
    (step,) = plan(bits(40, 0, 0, 1), bits(40, 4, 7, 9))
    assert step.requests == (bytes.fromhex("16 0028 ff0e 0091"),)
    assert step.apart == ()


def test_a_request_holds_no_more_than_the_protocol_allows() -> None:
    steps = plan(*(register(i, i) for i in range(200)))
    assert [len(step.members) for step in steps] == [123, 77]


@pytest.mark.parametrize(
    "writes",
    [
        [register(1, 1), register(1, 2)],
        [register(0, 1, 2), register(1, 3)],
        [register(0, 1, 2, 3, 4), bits(2, 0, 0, 1)],
        [bits(3, 0, 4, 1), bits(3, 4, 4, 1)],
        [coil(1, True), coil(1, False)],
    ],
)
def test_two_writes_of_one_place_are_refused(writes: list[tuple[RegisterField, Encoded]]) -> None:
    with pytest.raises(WriteRefused, match="two of the writes concern"):
        plan(*writes)


WRITES = st.one_of(
    st.builds(register, st.integers(0, 30), st.integers(0, 0xFFFF)),
    st.builds(register, st.integers(0, 30), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF)),
    st.builds(coil, st.integers(0, 12), st.booleans()),
    st.builds(bits, st.integers(0, 30), st.integers(0, 7), st.integers(8, 15), st.integers(0, 0xFFFF)),
)


@settings(max_examples=examples(120))
@given(st.lists(WRITES, min_size=1, max_size=12), st.booleans())
def test_the_device_ends_up_as_if_each_had_been_written_by_itself(writes: list[tuple[RegisterField, Encoded]], old: bool) -> None:
    try:
        steps = plan(*writes)
    except WriteRefused:
        return
    assert sorted(i for step in steps for i in step.members) == list(range(len(writes)))
    planned, single = FakeUnit(), FakeUnit()
    if old:
        planned.unknown |= {15, 16}
        writes = [write for write in writes if len(write[1].data) <= 2]
        steps = plan(*writes) if writes else ()
    for unit in (planned, single):
        unit.set(Table.HOLDING, 0, *range(0x1111, 0x1111 + 40))
    for step in steps:
        carry_out(planned, step)
    for write in writes:
        (alone,) = plan(write)
        carry_out(single, alone)
    assert planned.words == single.words


def carry_out(unit: FakeUnit, step: WriteStep) -> None:
    for request in step.requests:
        answer = unit.answer(request)
        if answer is not None and answer[0] < 0x80:
            return
    assert step.apart
    for single in step.apart:
        carry_out(unit, single)
