"""A reader of flat Parquet files for tests: by the format's specification, with nothing of the writer in it."""

import gzip
import struct
from typing import Any


class Compact:
    """Thrift's compact protocol as its specification has it: structs as {field: value}."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def struct(self) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        number = 0
        while head := self.byte():
            number = number + (head >> 4) if head >> 4 else self.number()
            fields[number] = self.value(head & 0x0F)
        return fields

    def number(self) -> int:
        raw = self.varint()
        return (raw >> 1) ^ -(raw & 1)

    def value(self, kind: int) -> Any:
        if kind in (1, 2):
            return kind == 1
        if kind in (4, 5, 6):
            return self.number()
        if kind == 8:
            length = self.varint()
            self.at += length
            return self.data[self.at - length : self.at]
        if kind == 9:
            head = self.byte()
            count = head >> 4 if head >> 4 < 15 else self.varint()
            return [self.value(head & 0x0F) for _ in range(count)]
        assert kind == 12
        return self.struct()


def read(data: bytes) -> tuple[list[tuple[str, int]], list[list[Any]]]:
    """Names with physical types, and the columns."""
    assert data[:4] == data[-4:] == b"PAR1"
    (length,) = struct.unpack("<I", data[-8:-4])
    meta = Compact(data, len(data) - 8 - length).struct()
    root, *elements = meta[2]
    assert root[5] == len(elements)
    columns: list[list[Any]] = [[] for _ in elements]
    for group in meta[4]:
        for place, chunk in enumerate(group[1]):
            columns[place] += _chunk(data, chunk[3], group[3])
    assert all(len(column) == meta[3] for column in columns)
    return [(element[4].decode(), element[1]) for element in elements], columns


def _chunk(data: bytes, meta: dict[int, Any], rows: int) -> list[Any]:
    page = Compact(data, meta[9])
    header = page.struct()
    body = gzip.decompress(data[page.at : page.at + header[3]])
    assert page.at + header[3] - meta[9] == meta[7]
    assert len(body) == header[2]
    assert header[5][1] == meta[5] == rows
    (size,) = struct.unpack("<I", body[:4])
    levels, at = Compact(body, 4), 4 + size
    there: list[bool] = []
    while levels.at < at:
        run = levels.varint()
        assert not run & 1
        there += [bool(levels.byte())] * (run >> 1)
    cells: list[Any] = []
    for is_there in there:
        if not is_there:
            cells.append(None)
        elif meta[1] == 6:
            (length,) = struct.unpack_from("<I", body, at)
            cells.append(body[at + 4 : at + 4 + length].decode())
            at += 4 + length
        else:
            cells.append(struct.unpack_from("<d" if meta[1] == 5 else "<q", body, at)[0])
            at += 8
    assert at == len(body)
    return cells
