"""Rounds and aggregates as compact bytes: columns in JSON, deflated. A column that never changes costs its value once.

JSON keeps 1, 1.0, true and "1" apart and a decimal as it was written; what polls have in common deflates to a byte or two a
reading. Deflate's checksum tells a damaged block from a sound one. Knows no file.
"""

import zlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import orjson

from edgeguard.core.history_limits import TREND_BLOCK_BYTES, TREND_BLOCK_ROUNDS
from edgeguard.core.point import Outcome, Value
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.trend import Aggregate

Row = tuple[Outcome, ...]
_LEVEL: Final = 6
_DAMAGE: Final = (zlib.error, orjson.JSONDecodeError, KeyError, TypeError, IndexError, ValueError, AttributeError)

# A cell: a value; null for what was not asked for; ["reason"] for a fault. A column: a list of cells, or {"v": cell} for all.


def encode_rounds(times_ms: Sequence[int], rows: Sequence[Row]) -> bytes:
    """Rounds of one device; `times_ms` are any rising clock's. All rows are equally long."""
    deltas = [times_ms[0], *(later - earlier for earlier, later in pairwise(times_ms))]
    return _packed([deltas, [_column(cells) for cells in zip(*rows, strict=True)]])


def decode_rounds(body: bytes) -> tuple[list[int], list[tuple[Outcome, ...]]]:
    """Times, and one tuple of outcomes per point, as long as the times. ValueError for a damaged block."""
    try:
        deltas, columns = orjson.loads(_unpacked(body))
        if not 0 < len(deltas) <= TREND_BLOCK_ROUNDS:
            raise ValueError(f"{len(deltas)} rounds")
        times: list[int] = []
        now_ms = 0
        for delta in deltas:
            now_ms += delta
            times.append(now_ms)
        decoded = [_cells(column, len(times)) for column in columns]
    except _DAMAGE as error:
        raise ValueError(f"a damaged block of history: {error!r}") from error
    return times, decoded


def encode_aggregates(columns: Sequence[Sequence[Aggregate | None]]) -> bytes:
    """One sequence per point, one place per minute (or hour); None where there was nothing at all."""
    return _packed([[None if one is None else _figures(one) for one in column] for column in columns])


def decode_aggregates(body: bytes) -> list[list[Aggregate | None]]:
    """As `encode_aggregates` took them. ValueError for a damaged block."""
    try:
        return [[None if one is None else _aggregate(one) for one in column] for column in orjson.loads(_unpacked(body))]
    except _DAMAGE as error:
        raise ValueError(f"a damaged block of history: {error!r}") from error


def _column(cells: tuple[Outcome, ...]) -> object:
    first = cells[0]
    types = set(map(type, cells))
    # 1, 1.0 and true are equal, and not the same
    if len(types) == 1 and cells.count(first) == len(cells):
        return {"v": _cell(first)}
    if Fault in types:
        return [_cell(cell) for cell in cells]
    return cells


def _cell(outcome: Outcome) -> object:
    if not isinstance(outcome, Fault):
        return outcome
    return None if outcome.reason is Reason.NOT_DUE else [outcome.reason.value]


def _cells(column: object, count: int) -> tuple[Outcome, ...]:
    if isinstance(column, dict):
        return (_outcome(column["v"]),) * count
    if not isinstance(column, list) or len(column) != count:
        raise ValueError("a column of another length")
    if {list, type(None)} & set(map(type, column)):
        return tuple(_outcome(cell) for cell in column)
    return tuple(column)


_NOT_DUE: Final = Fault(Reason.NOT_DUE)


def _outcome(cell: object) -> Outcome:
    if cell is None:
        return _NOT_DUE
    if isinstance(cell, list):
        return Fault(Reason(cell[0]))
    if not isinstance(cell, bool | int | float | str):
        raise TypeError("a cell that is no value")
    return cell


def _figures(one: Aggregate) -> list[Value | None]:
    """[count, bad, last, minimum, maximum, mean], without an end that says nothing new: a value that stood still is told once."""
    figures = [one.count, one.bad, one.last, one.minimum, one.maximum, one.mean]
    if one.minimum == one.maximum == one.mean == one.last and not isinstance(one.last, str):
        figures = figures[:3]
    while figures[-1] is None:
        figures.pop()
    return figures


def _aggregate(figures: list[Value | None]) -> Aggregate:
    count, bad = figures[0], figures[1]
    if not isinstance(count, int) or not isinstance(bad, int):
        raise TypeError("figures without a count")
    last = figures[2] if len(figures) > 2 else None
    if len(figures) == 6:
        least, most, mean = figures[3:]
    else:
        least = most = mean = None if isinstance(last, str) or last is None else float(last)
    if isinstance(least, str) or isinstance(most, str) or isinstance(mean, str):
        raise TypeError("figures that are no numbers")
    return Aggregate(count, bad, least, most, mean, last)


def _packed(value: object) -> bytes:
    return zlib.compress(orjson.dumps(value), _LEVEL)


def _unpacked(body: bytes) -> bytes:
    """Never more than a block may hold: a damaged or hostile one must not fill the memory."""
    plain = zlib.decompressobj()
    text = plain.decompress(body, TREND_BLOCK_BYTES)
    if not plain.eof:
        raise ValueError("a block without an end, or too long")
    return text
