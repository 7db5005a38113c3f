"""One read of many points, compiled: the request's bytes, one struct for the answer, one function per point.

Most meters speak big order without overlaps: there one struct unpacks the answer where it lies, gaps as pad bytes. Any other
order, and fields that share registers, cost one permutation of the answer's bytes, then the same single struct.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from edgeguard.codec.decode import Convert, converter
from edgeguard.codec.layout import byte_order, struct_code
from edgeguard.codec.modbus import answer_bytes, check_answer, read_request
from edgeguard.codec.plan import Span
from edgeguard.core.point import Outcome, Point
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.register import RegisterField, WordOrder

_HEAD = 2
"""Function and byte count stand before the data."""

Unpack = Callable[[bytes], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Block:
    """A compiled read. `members[i]` is the column of the i-th outcome that `decode` gives.

    `columns` are the members as a slice, if they are one. `as_they_are`: no member needs a converter.
    """

    span: Span
    request: bytes
    members: tuple[int, ...]
    columns: slice | None
    unpack: Unpack
    converters: tuple[Convert | None, ...]
    as_they_are: bool
    head: bytes
    answer_size: int

    def decode(self, answer: bytes) -> list[Outcome] | Fault:
        """Outcomes of the members from an answer PDU, or what is wrong with the answer as a whole."""
        if answer[:_HEAD] != self.head or len(answer) != self.answer_size:
            return check_answer(self.request, answer) or Fault(Reason.GARBAGE, "not the answer that was asked for")
        if self.as_they_are:
            return list(self.unpack(answer))
        return [raw if convert is None else convert(raw) for raw, convert in zip(self.unpack(answer), self.converters, strict=True)]


def compile_block(span: Span, points: Sequence[Point], fields: Sequence[RegisterField]) -> Block:
    """Compile the read of `span`, whose members index `points` and `fields`. ConfigError for a field that cannot be."""
    request = read_request(span.table, span.first, span.count)
    size = answer_bytes(request)
    assert size is not None  # noqa: S101  every read tells the length of its answer
    converters = tuple(converter(points[i], fields[i]) for i in span.members)
    members = [fields[i] for i in span.members]
    unpack = _bit_unpacker(span, members) if span.table.is_bits else _register_unpacker(span, members, size)
    first, count = span.members[0], len(span.members)
    columns = slice(first, first + count) if span.members == tuple(range(first, first + count)) else None
    as_they_are = not any(converters)
    head = bytes((request[0], size - _HEAD))
    return Block(span, request, span.members, columns, unpack, converters, as_they_are, head, size)


def _bit_unpacker(span: Span, fields: Sequence[RegisterField]) -> Unpack:
    """Bits are packed eight to a byte, the lowest address lowest."""
    places = tuple((_HEAD + (field.address - span.first >> 3), field.address - span.first & 7) for field in fields)
    return lambda answer: [answer[byte] >> bit & 1 for byte, bit in places]


@dataclass(frozen=True, slots=True)
class _Slot:
    """Bytes that one struct item unpacks; points that read the same bytes in the same way share it."""

    first: int
    words: int
    code: str
    order: WordOrder

    @property
    def end(self) -> int:
        return self.first + 2 * self.words

    def wire_bytes(self) -> tuple[int, ...]:
        return tuple(self.first + i for i in byte_order(self.words, self.order))


def _register_unpacker(span: Span, fields: Sequence[RegisterField], size: int) -> Unpack:
    wanted = [
        _Slot(_HEAD + 2 * (field.address - span.first), field.words, struct_code(field), field.word_order) for field in fields
    ]
    slots = sorted(set(wanted), key=lambda slot: (slot.first, slot.end, slot.code, slot.order))
    unpack = _in_place(slots, size) or _permuted(slots)
    places = tuple(slots.index(slot) for slot in wanted)
    if places == tuple(range(len(slots))):
        return unpack
    if len(places) == 1:
        return lambda answer: unpack(answer)[places[0] :]
    expand = itemgetter(*places)
    return lambda answer: expand(unpack(answer))


def _in_place(slots: Sequence[_Slot], size: int) -> Unpack | None:
    """One struct over the answer as it is; None if a slot overlaps another or is not in big order."""
    form, at = ">", 0
    for slot in slots:
        if slot.first < at or slot.wire_bytes() != tuple(range(slot.first, slot.end)):
            return None
        form += f"{slot.first - at}x{slot.code}"
        at = slot.end
    return struct.Struct(f"{form}{size - at}x").unpack


def _permuted(slots: Sequence[_Slot]) -> Unpack:
    """One struct over the answer's bytes, picked in the order of the values' significance."""
    pick = itemgetter(*(i for slot in slots for i in slot.wire_bytes()))
    unpack = struct.Struct(">" + "".join(slot.code for slot in slots)).unpack
    return lambda answer: unpack(bytes(pick(answer)))
