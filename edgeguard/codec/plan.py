"""Which reads serve a set of fields at the least cost on their wire. Pure: fields and rules in, spans out.

A read costs its registers plus a fixed overhead, expressed in registers; unwanted registers between two fields are read
along while that is cheaper than another request. The split into reads is optimal, not greedy: the cheapest partition of
the fields in address order, found from the end backwards. (Reads whose fields interleave are never cheaper: a field that
lies between two others of one read rides along for nothing.)
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from edgeguard.core.profile import AddressRange, ModbusLimits
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.register import RegisterField, Table

_BITS_PER_WORD: Final = 16
_BITS_PER_BYTE: Final = 8
_OVERHEAD_BYTES: Final = 13
"""Request and answer of a read without its data, RTU: 8 + 5 bytes."""
_SILENCE_BYTES: Final = 3.5
_MANY_WORDS: Final = 1e6
"""Stands for an overhead that no gap can outweigh, and still lets spans be compared."""


@dataclass(frozen=True, slots=True)
class Span:
    """One read: `count` bits or registers of `table` from `first`. `members` index the fields it serves, by address."""

    table: Table
    first: int
    count: int
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PlanRules:
    """What a request costs (in registers) and what the device bears. `max_gap` None: whatever pays."""

    overhead_words: float
    max_registers: int
    max_bits: int
    max_gap: int | None = None
    forbidden: tuple[AddressRange, ...] = ()

    @classmethod
    def of(cls, limits: ModbusLimits, overhead_words: float) -> "PlanRules":
        """A profile's limits on a wire where one more request costs `overhead_words`."""
        return cls(overhead_words, limits.max_registers, limits.max_bits, limits.max_gap, limits.forbidden)


@dataclass(frozen=True, slots=True)
class Learned:
    """What a device has refused. `refused`: fields, with the answer; `cuts`: addresses that must begin a read of their own."""

    refused: Mapping[int, Fault]
    cuts: frozenset[tuple[Table, int]] = frozenset()


NOTHING_LEARNED: Final = Learned({})


@dataclass(frozen=True, slots=True)
class Plan:
    """`spans` serve every wanted field except those of `unread`, which says why."""

    spans: tuple[Span, ...]
    unread: Mapping[int, Fault]


def break_even_words(byte_s: float, turn_s: float) -> float:
    """Cost of one more request in registers: bytes of `byte_s` seconds each, `turn_s` of other time per request.

    Infinite where bytes cost nothing (a network). Source of the count: request and answer of an RTU read without data, and
    the silence of 3.5 characters after it, against two bytes for each register.
    """
    if byte_s <= 0.0:
        return math.inf
    return ((_OVERHEAD_BYTES + _SILENCE_BYTES) * byte_s + turn_s) / (2 * byte_s)


def plan_reads(
    fields: Sequence[RegisterField],
    rules: PlanRules,
    learned: Learned = NOTHING_LEARNED,
    wanted: Iterable[int] | None = None,
) -> Plan:
    """The cheapest reads for the `wanted` fields (all by default). Never touches a forbidden or a refused address."""
    unread: dict[int, Fault] = {}
    cells: list[_Cell] = []
    indices = sorted(range(len(fields)) if wanted is None else set(wanted), key=lambda i: _place(fields[i]))
    for (table, first, words), members in groupby(indices, key=lambda i: _place(fields[i])):
        cell = _Cell(table, first, first + words - 1, tuple(members))
        fault = _unreadable(cell, rules) or learned.refused.get(cell.members[0])
        if fault is None:
            cells.append(cell)
        else:
            unread.update(dict.fromkeys(cell.members, fault))
    spans = [
        span
        for table in Table
        for span in _cheapest(
            [cell for cell in cells if cell.table is table],
            _Bounds.of(table, fields, rules, learned),
        )
    ]
    return Plan(tuple(spans), unread)


def halve(span: Span, fields: Sequence[RegisterField]) -> tuple[Span, Span] | None:
    """The span's fields in two spans, each reading no more than it needs; None if they all share one place."""
    places = sorted({_place(fields[i]) for i in span.members})
    if len(places) < 2:
        return None
    second = set(places[len(places) // 2 :])
    parts = (
        tuple(i for i in span.members if _place(fields[i]) not in second),
        tuple(i for i in span.members if _place(fields[i]) in second),
    )
    return _span_of(span.table, parts[0], fields), _span_of(span.table, parts[1], fields)


def bridge(before: Span, after: Span, fields: Sequence[RegisterField]) -> Span:
    """The least read that runs from the one span into the other."""
    return _span_of(before.table, (before.members[-1], after.members[0]), fields)


def _span_of(table: Table, members: tuple[int, ...], fields: Sequence[RegisterField]) -> Span:
    first = min(fields[i].address for i in members)
    return Span(table, first, max(fields[i].last for i in members) - first + 1, members)


@dataclass(frozen=True, slots=True)
class _Cell:
    """Addresses that are read together or not at all, and the fields in exactly this place."""

    table: Table
    first: int
    last: int
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What one table allows, in its own units (registers or bits), `step` of which travel together at the least."""

    overhead: float
    max_count: int
    max_gap: float
    barriers: tuple[tuple[int, int], ...]
    cuts: frozenset[int]
    step: int = 1

    @classmethod
    def of(cls, table: Table, fields: Sequence[RegisterField], rules: PlanRules, learned: Learned) -> "_Bounds":
        barriers = [(area.first, area.last) for area in rules.forbidden if area.table is table]
        barriers += [(fields[i].address, fields[i].last) for i in learned.refused if fields[i].table is table]
        overhead = min(rules.overhead_words, _MANY_WORDS) * (_BITS_PER_WORD if table.is_bits else 1)
        max_gap = math.inf if rules.max_gap is None else rules.max_gap
        cuts = frozenset(address for cut_table, address in learned.cuts if cut_table is table)
        most, step = (rules.max_bits, _BITS_PER_BYTE) if table.is_bits else (rules.max_registers, 1)
        return cls(overhead, most, max_gap, tuple(barriers), cuts, step)

    def cost(self, count: int) -> float:
        """What a read of so many costs."""
        return self.overhead + -(-count // self.step) * self.step

    def bridges(self, first: int, last: int) -> bool:
        """Whether a read may run through the unwanted addresses `first` to `last`."""
        if last - first + 1 > self.max_gap:
            return False
        return not any(low <= last and first <= high for low, high in self.barriers)


def _cheapest(cells: Sequence[_Cell], bounds: _Bounds) -> list[Span]:
    """The cheapest partition of cells (by address) into reads: cost[i] is that of serving cells i and later."""
    n = len(cells)
    cost = [0.0] * (n + 1)
    ends = [0] * n
    for i in range(n - 1, -1, -1):
        cost[i], first, last = math.inf, cells[i].first, cells[i].last
        for j in range(i, n):
            cell = cells[j]
            if j > i:
                if cell.first in bounds.cuts:
                    break
                if cell.first > last + 1 and not bounds.bridges(last + 1, cell.first - 1):
                    break
            last = max(last, cell.last)
            if last - first + 1 > bounds.max_count:
                break
            total = bounds.cost(last - first + 1) + cost[j + 1]
            if total < cost[i]:
                cost[i], ends[i] = total, j + 1
    spans, i = [], 0
    while i < n:
        part = cells[i : ends[i]]
        first, last = part[0].first, max(cell.last for cell in part)
        spans.append(Span(part[0].table, first, last - first + 1, tuple(k for cell in part for k in cell.members)))
        i = ends[i]
    return spans


def _place(field: RegisterField) -> tuple[Table, int, int]:
    return field.table, field.address, field.words


def _unreadable(cell: _Cell, rules: PlanRules) -> Fault | None:
    """Why the rules let nobody read this cell, None if they do."""
    for area in rules.forbidden:
        if area.table is cell.table and area.first <= cell.last and cell.first <= area.last:
            return Fault(Reason.REFUSED, f"the profile forbids to read {area.table.value} {area.first} to {area.last}")
    limit = rules.max_bits if cell.table.is_bits else rules.max_registers
    if cell.last - cell.first + 1 > limit:
        return Fault(Reason.REFUSED, f"needs {cell.last - cell.first + 1} registers at once, the profile allows {limit}")
    return None
