"""Parquet without a library, read back by a reader that knows nothing of the writer; a foreign one reads it in tests/system."""

import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parquet_reader import Compact, read

from edgeguard.cli import parquet
from edgeguard.cli.parquet import Cell, Column, Form, write_parquet

COLUMNS = (Column("time", Form.TIME), Column("place", Form.TEXT), Column("value", Form.NUMBER), Column("count", Form.COUNT))
CELLS = st.tuples(
    st.none() | st.integers(0, 2**45),
    st.none() | st.text(max_size=8),
    st.none() | st.floats(allow_nan=False),
    st.none() | st.integers(-(2**63), 2**63 - 1),
)


def written(rows: list[tuple[Cell, ...]]) -> bytes:
    file = io.BytesIO()
    assert write_parquet(file, COLUMNS, iter(rows)) == len(rows)
    return file.getvalue()


@pytest.mark.slow
@given(st.lists(CELLS, max_size=30), st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_what_is_written_is_read_back(rows: list[tuple[Cell, ...]], at_once: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "ROWS_AT_ONCE", at_once)
        names, columns = read(written(rows))
    assert names == [("time", 2), ("place", 6), ("value", 5), ("count", 2)]
    assert [tuple(row) for row in zip(*columns, strict=True)] == rows


def test_times_and_texts_say_what_they_are() -> None:
    data = written([(1, "a", 1.0, 1)])
    (length,) = struct.unpack("<I", data[-8:-4])
    _, time, place, value, _ = Compact(data, len(data) - 8 - length).struct()[2]
    assert (time[6], time[10]) == (9, {8: {1: True, 2: {1: {}}}}), "milliseconds of UTC"
    assert (place[6], place[10]) == (0, {1: {}})
    assert 6 not in value
