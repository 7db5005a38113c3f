"""A profile's registers, filled with the values of its points: the way back of what the gateway decodes, written apart from it.

Where fields lie on top of each other, single bits win over the words that they are part of, and what identifies the model over
all. Writes are kept bit by bit where the profile has something to write, and refused anywhere else.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from edgeguard.core.point import Kind, Point, Value
from edgeguard.core.profile import DeviceProfile, ModbusLimits
from edgeguard.core.register import Pointed, RawType, RegisterField, Table, Weighted, WordOrder
from edgeguard.simulator.registers import Image, Refusal, Refused, Span

GAP: Final = 16
"""Addresses between two fields of a profile that exist too, where it does not say how many holes it bears."""
POINTED_DECIMALS: Final = 2
SIGNED: Final = frozenset({RawType.INT16, RawType.INT32, RawType.INT64})
BCD: Final = frozenset({RawType.BCD16, RawType.BCD32, RawType.BCD64})
FLOATS: Final[Mapping[RawType, str]] = MappingProxyType({RawType.FLOAT32: ">f", RawType.FLOAT64: ">d"})

Cells = dict[tuple[Table, int], int]


@dataclass(frozen=True, slots=True)
class Kept:
    """What has been written to a register: these bits of it."""

    mask: int
    word: int


class ProfileImage:
    """One device of a profile. `values(t)` gives its points' values in their order; enumerations as numbers."""

    def __init__(self, profile: DeviceProfile, values: Callable[[], Sequence[Value]]) -> None:
        assert isinstance(profile.limits, ModbusLimits)  # noqa: S101  other protocols have no registers
        self._points = profile.points
        self._fields = profile.fields
        self._limits = profile.limits
        self._values = values
        self._spans = spans_of((*profile.fields, *(check.field for check in profile.identify.registers)), profile.limits)
        self._order = _encoding_order(profile.fields)
        self._marks = _marks(profile)
        self._writable = _writable_bits(profile.points, profile.fields)
        self._kept: dict[tuple[Table, int], Kept] = {}

    def image(self) -> Image:
        """The registers now."""
        cells: Cells = {}
        values = self._values()
        for index in self._order:
            put(cells, self._points[index], self._fields[index], values[index])
        cells.update(self._marks)
        for place, kept in self._kept.items():
            cells[place] = cells.get(place, 0) & ~kept.mask | kept.word & kept.mask
        image = Image(self._spans)
        for (table, address), word in cells.items():
            image.words(table).cells[address] = word
        return image

    def write(self, address: int, words: list[int]) -> None:
        """Holding registers are written; Refused if there is nothing to write among them."""
        self._keep(Table.HOLDING, address, words)

    def write_bits(self, address: int, bits: list[int]) -> None:
        """Coils are written."""
        self._keep(Table.COIL, address, bits)

    def _keep(self, table: Table, address: int, words: list[int]) -> None:
        places = [(table, address + i) for i in range(len(words))]
        if any(place not in self._writable for place in places):
            raise Refused(Refusal.ADDRESS)
        for place, word in zip(places, words, strict=True):
            mask, old = self._writable[place], self._kept.get(place, Kept(0, 0))
            self._kept[place] = Kept(mask | old.mask, word & mask | old.word & ~mask)


def spans_of(fields: Sequence[RegisterField], limits: ModbusLimits) -> tuple[Span, ...]:
    """The addresses that exist: those of the fields, and small holes between them that nobody forbids."""
    gap = GAP if limits.max_gap is None else limits.max_gap
    spans: list[Span] = []
    for field in sorted(fields, key=lambda one: (one.table.value, one.address)):
        last = spans[-1] if spans else None
        if last is not None and last.table is field.table and field.address <= last.last + 1 + gap:
            holes = range(last.last + 1, field.address)
            barred = any(
                area.table is field.table and area.first <= hole <= area.last for area in limits.forbidden for hole in holes
            )
            if not barred:
                spans[-1] = Span(field.table, last.first, max(last.last, field.last))
                continue
        spans.append(Span(field.table, field.address, field.last))
    return tuple(spans)


def put(cells: Cells, point: Point, field: RegisterField, value: Value) -> None:
    """Write one point's value into its registers."""
    if field.table.is_bits:
        cells[field.table, field.address] = int(bool(value))
    elif field.type is RawType.STRING:
        text = str(value).encode()[: 2 * field.words]
        _store(cells, field, int.from_bytes(text.ljust(2 * field.words, b"\0"), "big"))
    elif isinstance(field.form, Weighted):
        _store_weighted(cells, field, field.form, _raw(point, field, value))
    elif isinstance(field.form, Pointed):
        _store_pointed(cells, field, field.form, value)
    elif field.type in FLOATS:
        number = (float(value) - field.offset) / field.scale
        _store(cells, field, int.from_bytes(struct.pack(FLOATS[field.type], number), "big"))
    else:
        _store(cells, field, _raw(point, field, value))


def _raw(point: Point, field: RegisterField, value: Value) -> int:
    """The nearest raw number that the field can hold and that does not mean that there is no value."""
    if point.kind is Kind.BOOLEAN or (point.kind is Kind.TEXT and point.choices):
        return int(value)
    low, high = capacity(field)
    raw = min(max(round((float(value) - field.offset) / field.scale), low), high)
    missing = {number & (1 << _width(field)) - 1 for number in field.no_value}
    while raw & (1 << _width(field)) - 1 in missing:
        raw += -1 if raw > low else 1
    return raw


def capacity(field: RegisterField) -> tuple[int, int]:
    """The least and the greatest raw number."""
    width = _width(field)
    if field.type in BCD:
        return 0, 10 ** (width // 4) - 1
    if field.type in SIGNED:
        return -(1 << width - 1), (1 << width - 1) - 1
    return 0, (1 << width) - 1


def _width(field: RegisterField) -> int:
    if field.bits is not None:
        return field.bits[1] - field.bits[0] + 1
    # parts of a weighted counter are single registers, their sum is not
    return 64 if isinstance(field.form, Weighted) else 16 * field.words


def _places(field: RegisterField) -> list[tuple[Table, int]]:
    """The field's registers, the most significant one first."""
    places = [(field.table, field.address + i) for i in range(field.words)]
    return places if field.word_order in (WordOrder.BIG, WordOrder.BIG_SWAPPED) else places[::-1]


def _store(cells: Cells, field: RegisterField, raw: int) -> None:
    """A raw number, or the bits of one, into the field's registers."""
    swapped = field.word_order in (WordOrder.BIG_SWAPPED, WordOrder.LITTLE_SWAPPED)
    places = _places(field)
    pattern = 0
    for place in places:
        pattern = pattern << 16 | _swap(cells.get(place, 0), swapped)
    lowest, highest = field.bits or (0, 16 * field.words - 1)
    mask = (1 << highest - lowest + 1) - 1
    if field.type in BCD:
        raw = int(str(raw), 16)
    pattern = pattern & ~(mask << lowest) | (raw & mask) << lowest
    for place in reversed(places):
        cells[place] = _swap(pattern & 0xFFFF, swapped)
        pattern >>= 16


def _swap(word: int, swapped: bool) -> int:
    return (word & 0xFF) << 8 | word >> 8 if swapped else word


def _store_weighted(cells: Cells, field: RegisterField, form: Weighted, raw: int) -> None:
    """The heaviest register takes as much as it can, the next ones what is left."""
    for i in sorted(range(len(form.weights)), key=lambda i: -form.weights[i]):
        if form.weights[i]:
            part = min(raw // form.weights[i], 0x7FFF)
            cells[field.table, field.address + i] = part
            raw -= part * form.weights[i]


def _store_pointed(cells: Cells, field: RegisterField, form: Pointed, value: Value) -> None:
    decimals = cells.setdefault((field.table, field.address + form.decimals), POINTED_DECIMALS)
    words = field.type.words
    top = (1 << 16 * words - 1) - 1
    number = min(max(round((float(value) - field.offset) / field.scale * 10**decimals), -top), top - 1)
    for i in range(words):
        cells[field.table, field.address + form.number + i] = number >> 16 * (words - 1 - i) & 0xFFFF


def _encoding_order(fields: Sequence[RegisterField]) -> tuple[int, ...]:
    """Whole registers first, then bits in them, then numbers that need to know their decimals."""
    return tuple(sorted(range(len(fields)), key=lambda i: (isinstance(fields[i].form, Pointed), fields[i].bits is not None)))


def _marks(profile: DeviceProfile) -> Cells:
    """Registers by which the model is recognised."""
    cells: Cells = {}
    for check in profile.identify.registers:
        if check.equals:
            _store(cells, check.field, check.equals[0])
        elif check.contains:
            text = check.contains[0].encode()[: 2 * check.field.words].ljust(2 * check.field.words, b"\0")
            _store(cells, check.field, int.from_bytes(text, "big"))
    return cells


def _writable_bits(points: Sequence[Point], fields: Sequence[RegisterField]) -> Mapping[tuple[Table, int], int]:
    """By register: the bits that may be written."""
    found: dict[tuple[Table, int], int] = {}
    for point, field in zip(points, fields, strict=True):
        if point.write is None:
            continue
        cells: Cells = {}
        if field.table.is_bits:
            cells[field.table, field.address] = 1
        elif field.bits is None:
            cells.update({(field.table, field.address + i): 0xFFFF for i in range(field.words)})
        else:
            _store(cells, field, -1)
        for place, mask in cells.items():
            found[place] = found.get(place, 0) | mask
    return found
