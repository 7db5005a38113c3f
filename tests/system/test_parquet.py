"""A Parquet file of ours, read by a reader that we did not write: hyparquet, in JavaScript."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from edgeguard.cli import parquet
from edgeguard.cli.parquet import Cell, Column, Form, write_parquet

pytestmark = pytest.mark.slow
COLUMNS = (Column("time", Form.TIME), Column("place", Form.TEXT), Column("value", Form.NUMBER), Column("count", Form.COUNT))


def read_by_others(node: Path, file: Path) -> Any:
    done = subprocess.run(["node", "read_parquet.mjs", str(file)], cwd=node, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def test_a_foreign_reader_sees_every_row_and_what_its_columns_are(
    node: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[tuple[Cell, ...]] = [(1_790_000_000_000, "泵-1", 1.5, -3), (None, None, None, None), (0, "", -2.25, 2**62)]
    rows += [(1_790_000_000_000 + 60_000 * i, f"meter-{i % 7}", i / 8, i) for i in range(5_000)]
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", 999)
    with (tmp_path / "x.parquet").open("wb") as file:
        assert write_parquet(file, COLUMNS, iter(rows)) == len(rows)
    told = read_by_others(node, tmp_path / "x.parquet")
    assert told["columns"] == [
        ["time", "TIMESTAMP", "MILLIS"],
        ["place", "STRING", None],
        ["value", None, None],
        ["count", None, None],
    ]
    assert told["rows"][:3] == [
        {"time": "2026-09-21T14:13:20.000Z", "place": "泵-1", "value": 1.5, "count": "-3"},
        {"time": None, "place": None, "value": None, "count": None},
        {"time": "1970-01-01T00:00:00.000Z", "place": "", "value": -2.25, "count": str(2**62)},
    ]
    assert [(row["place"], row["value"], row["count"]) for row in told["rows"][3:]] == [
        (f"meter-{i % 7}", i / 8, str(i)) for i in range(5_000)
    ]
