"""Numbers made of several registers: counters split by weight, decimals beside the number."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.codec.encode import encode
from edgeguard.codec.layout import check_field
from edgeguard.codec.single import outcome_of
from edgeguard.core.errors import ConfigError, WriteRefused
from edgeguard.core.ids import PointName
from edgeguard.core.point import Kind, Labels, Outcome, Point
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.register import Pointed, RawType, RegisterField, Table, Weighted, WordOrder

HOURS = RegisterField(Table.INPUT, 839, RawType.UINT16, 2, form=Weighted((24, 1)))
LEVEL = RegisterField(Table.HOLDING, 3, RawType.INT16, 2, form=Pointed(number=1, decimals=0), no_value=(0x7FFF,))


def point(least: float | None = None, most: float | None = None) -> Point:
    return Point(PointName("p"), Kind.NUMBER, Labels("点", "p"), minimum=least, maximum=most)


def read(field: RegisterField, *registers: int, most: float | None = None) -> Outcome | None:
    return outcome_of(point(most=most), field, {(field.table, field.address + i): r for i, r in enumerate(registers)})


def reason(outcome: Outcome | None) -> Reason:
    assert isinstance(outcome, Fault)
    return outcome.reason


def test_days_and_hours() -> None:
    assert read(HOURS, 3, 5) == 77
    assert reason(read(HOURS, 65535, 23, most=1_000_000)) is Reason.OUT_OF_RANGE
    assert read(HOURS, 3) is None


def test_a_register_in_between_does_not_count() -> None:
    field = RegisterField(Table.INPUT, 0, RawType.UINT16, 3, form=Weighted((1000, 0, 1)), no_value=(0xFFFF,), scale=0.001)
    assert read(field, 7, 0xFFFF, 5) == 7.005
    assert reason(read(field, 7, 0, 0xFFFF)) is Reason.NO_VALUE


@pytest.mark.parametrize(("decimals", "raw", "value"), [(0, 1234, 1234), (3, 1234, 1.234), (2, 0xFFF6, -0.1)])
def test_the_number_has_the_decimals_that_the_device_says(decimals: int, raw: int, value: float) -> None:
    assert read(LEVEL, decimals, raw) == value


def test_absurd_decimals_and_sentinels_give_no_value() -> None:
    assert reason(read(LEVEL, 9600, 5)) is Reason.UNDECODABLE
    assert reason(read(LEVEL, 2, 0x7FFF)) is Reason.NO_VALUE


@pytest.mark.parametrize(
    "field",
    [
        RegisterField(Table.INPUT, 0, RawType.UINT32, 2, form=Weighted((1, 1))),
        RegisterField(Table.INPUT, 0, RawType.UINT16, 3, form=Weighted((1, 1))),
        RegisterField(Table.INPUT, 0, RawType.UINT16, 2, bits=(0, 3), form=Weighted((1, 1))),
        RegisterField(Table.INPUT, 0, RawType.FLOAT32, 3, form=Pointed(0, 2)),
        RegisterField(Table.INPUT, 0, RawType.UINT32, 2, form=Pointed(0, 1)),
        RegisterField(Table.INPUT, 0, RawType.UINT32, 3, WordOrder.LITTLE, form=Pointed(0, 2)),
    ],
)
def test_forms_that_cannot_be_are_refused(field: RegisterField) -> None:
    with pytest.raises(ConfigError):
        check_field(field)


def test_they_cannot_be_written() -> None:
    with pytest.raises(WriteRefused, match="several registers"):
        encode(point(), HOURS, 5)


@settings(max_examples=25)
@given(st.lists(st.integers(0, 65535), min_size=2, max_size=6), st.data())
def test_a_split_counter_is_the_weighted_sum(registers: list[int], data: st.DataObject) -> None:
    weights = tuple(data.draw(st.lists(st.integers(1, 10_000), min_size=len(registers), max_size=len(registers))))
    field = RegisterField(Table.INPUT, 100, RawType.UINT16, len(registers), form=Weighted(weights))
    assert read(field, *registers) == sum(r * w for r, w in zip(registers, weights, strict=True))
