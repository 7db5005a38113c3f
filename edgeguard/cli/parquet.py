"""A table as a Parquet file, written a few ten thousand rows at a time: flat, every column optional, plain values, gzip.

What any reader of the format reads (Apache Parquet: one data page of version 1 in a column chunk, metadata in Thrift's compact
protocol). Nothing of it needs a library, which on a gateway would be twenty times the size of this program.
"""

import gzip
import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby, islice
from typing import BinaryIO, Final

ROWS_AT_ONCE: Final = 50_000
"""Rows of a row group: so many are in memory at a time."""
_MAGIC: Final = b"PAR1"
_MADE_BY: Final = "edgeguard"


class Form(Enum):
    """What a column holds: physical type, converted type, and the logical type as its union has it (parquet.thrift)."""

    TIME = (2, 9, "time")
    """Whole milliseconds since 1970, UTC."""
    COUNT = (2, None, "")
    NUMBER = (5, None, "")
    TEXT = (6, 0, "text")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name and what it holds; any cell may be None."""

    name: str
    form: Form


Cell = int | float | str | None


def write_parquet(file: BinaryIO, columns: Sequence[Column], rows: Iterator[Sequence[Cell]]) -> int:
    """The whole file; how many rows it has. A cell is of its column's form: int, float or str, or None."""
    at = file.write(_MAGIC)
    groups: list[bytes] = []
    total = 0
    while part := list(islice(rows, ROWS_AT_ONCE)):
        chunks, size = [], 0
        for place, column in enumerate(columns):
            page, plain = _page(column.form, [row[place] for row in part])
            chunks.append(_chunk(column, len(part), at, len(page), plain))
            at += file.write(page)
            size += plain
        groups.append(_struct((1, _LIST, _list(_STRUCT, chunks)), (2, _I64, _whole(size)), (3, _I64, _whole(len(part)))))
        total += len(part)
    footer = _struct(
        (1, _I32, _whole(1)),
        (2, _LIST, _list(_STRUCT, [_root(len(columns)), *(_element(column) for column in columns)])),
        (3, _I64, _whole(total)),
        (4, _LIST, _list(_STRUCT, groups)),
        (6, _BINARY, _text(_MADE_BY)),
    )
    file.write(footer + struct.pack("<I", len(footer)) + _MAGIC)
    return total


def _page(form: Form, cells: Sequence[Cell]) -> tuple[bytes, int]:
    """A data page with its header, and how long both would be without compression."""
    levels = _levels([cell is not None for cell in cells])
    plain = struct.pack("<I", len(levels)) + levels + _values(form, [cell for cell in cells if cell is not None])
    packed = gzip.compress(plain, compresslevel=6, mtime=0)
    inner = _struct((1, _I32, _whole(len(cells))), (2, _I32, _whole(_PLAIN)), (3, _I32, _whole(_RLE)), (4, _I32, _whole(_RLE)))
    header = _struct((1, _I32, _whole(0)), (2, _I32, _whole(len(plain))), (3, _I32, _whole(len(packed))), (5, _STRUCT, inner))
    return header + packed, len(header) + len(plain)


def _levels(there: Sequence[bool]) -> bytes:
    """Which cells have a value, as runs of equal ones (RLE of the hybrid encoding, one bit wide)."""
    return b"".join(_varint(sum(1 for _ in run) << 1) + bytes((is_there,)) for is_there, run in groupby(there))


def _values(form: Form, cells: Sequence[Cell]) -> bytes:
    if form is Form.TEXT:
        encoded = (str(cell).encode() for cell in cells)
        return b"".join(struct.pack("<I", len(one)) + one for one in encoded)
    known = [cell for cell in cells if isinstance(cell, int | float)]
    numbers = array("d", known) if form is Form.NUMBER else array("q", map(int, known))
    if struct.pack("=H", 1) != struct.pack("<H", 1):
        numbers.byteswap()
    return numbers.tobytes()


def _chunk(column: Column, count: int, at: int, size: int, plain: int) -> bytes:
    physical = column.form.value[0]
    meta = _struct(
        (1, _I32, _whole(physical)),
        (2, _LIST, _list(_I32, [_whole(_PLAIN), _whole(_RLE)])),
        (3, _LIST, _list(_BINARY, [_text(column.name)])),
        (4, _I32, _whole(_GZIP)),
        (5, _I64, _whole(count)),
        (6, _I64, _whole(plain)),
        (7, _I64, _whole(size)),
        (9, _I64, _whole(at)),
    )
    return _struct((2, _I64, _whole(at)), (3, _STRUCT, meta))


def _root(columns: int) -> bytes:
    return _struct((4, _BINARY, _text("schema")), (5, _I32, _whole(columns)))


def _element(column: Column) -> bytes:
    physical, converted, logical = column.form.value
    fields = [(1, _I32, _whole(physical)), (3, _I32, _whole(_OPTIONAL)), (4, _BINARY, _text(column.name))]
    if converted is not None:
        fields.append((6, _I32, _whole(converted)))
    if logical == "text":
        fields.append((10, _STRUCT, _struct((1, _STRUCT, _struct()))))
    elif logical == "time":
        in_ms = _struct((1, _STRUCT, _struct()))
        fields.append((10, _STRUCT, _struct((8, _STRUCT, _struct((1, _TRUE, b""), (2, _STRUCT, in_ms))))))
    return _struct(*fields)


# --- Thrift's compact protocol

_TRUE, _I32, _I64, _BINARY, _LIST, _STRUCT = 1, 5, 6, 8, 9, 12
_PLAIN, _RLE, _GZIP, _OPTIONAL = 0, 3, 2, 1


def _struct(*fields: tuple[int, int, bytes]) -> bytes:
    """Fields as (number, type, value), by ascending number; none further than 15 from the one before."""
    made, before = bytearray(), 0
    for number, kind, value in fields:
        made += bytes(((number - before) << 4 | kind,)) + value
        before = number
    return bytes(made) + b"\x00"


def _list(kind: int, values: Sequence[bytes]) -> bytes:
    count = len(values)
    head = bytes((count << 4 | kind,)) if count < 15 else bytes((0xF0 | kind,)) + _varint(count)
    return head + b"".join(values)


def _text(value: str) -> bytes:
    encoded = value.encode()
    return _varint(len(encoded)) + encoded


def _whole(value: int) -> bytes:
    """A signed number, zigzag."""
    return _varint(value << 1 if value >= 0 else (-value << 1) - 1)


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)
