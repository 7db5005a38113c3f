"""Read planning: never what is forbidden, always what is wanted, and at the least cost there is."""

import math
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.codec.plan import Learned, PlanRules, Span, break_even_words, halve, plan_reads
from edgeguard.core.profile import AddressRange, ModbusLimits
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.register import RawType, RegisterField, Table
from edgeguard.testing.examples import examples

REFUSED = Fault(Reason.REFUSED, "exception 2, illegal data address")


def registers(*places: tuple[int, int]) -> list[RegisterField]:
    return [RegisterField(Table.HOLDING, address, RawType.STRING, words) for address, words in places]


def ranges(spans: Sequence[Span]) -> list[tuple[int, int]]:
    return [(span.first, span.first + span.count - 1) for span in spans]


def partitions(items: list[int]) -> Iterator[list[list[int]]]:
    if not items:
        yield []
        return
    head, *rest = items
    for parts in partitions(rest):
        yield [[head], *parts]
        for i in range(len(parts)):
            yield [*parts[:i], [head, *parts[i]], *parts[i + 1 :]]


def allowed(part: list[int], fields: Sequence[RegisterField], rules: PlanRules, barred: set[int]) -> bool:
    covered = {a for i in part for a in range(fields[i].address, fields[i].last + 1)}
    first, last = min(covered), max(covered)
    if last - first + 1 > rules.max_registers:
        return False
    gap = 0
    for address in range(first, last + 1):
        gap = 0 if address in covered else gap + 1
        if gap and (address in barred or (rules.max_gap is not None and gap > rules.max_gap)):
            return False
    return True


def cost(parts: Sequence[Sequence[int]], fields: Sequence[RegisterField], overhead: float) -> float:
    return sum(overhead + max(fields[i].last for i in part) - min(fields[i].address for i in part) + 1 for part in parts)


places = st.tuples(st.integers(0, 30), st.integers(1, 4))


@settings(max_examples=examples(150))
@given(
    st.lists(places, min_size=1, max_size=6),
    st.integers(0, 12),
    st.integers(4, 30),
    st.none() | st.integers(0, 6),
    st.none() | st.integers(0, 34),
    st.sets(st.integers(0, 5), max_size=2),
)
def test_no_partition_whatever_is_cheaper(
    chosen: list[tuple[int, int]], overhead: int, limit: int, gap: int | None, bad: int | None, gone: set[int]
) -> None:
    fields = registers(*chosen)
    forbidden = () if bad is None else (AddressRange(Table.HOLDING, bad, bad + 1),)
    rules = PlanRules(overhead, limit, 2000, gap, forbidden)
    refused = {i: REFUSED for i in range(len(fields)) if any(chosen[i] == chosen[k] for k in gone if k < len(fields))}
    plan = plan_reads(fields, rules, Learned(refused))
    served = [i for i in range(len(fields)) if i not in plan.unread]
    barred = {a for area in forbidden for a in (area.first, area.last)}
    barred |= {a for i in refused for a in range(fields[i].address, fields[i].last + 1)}
    assert sorted(i for span in plan.spans for i in span.members) == served
    for span in plan.spans:
        assert allowed(list(span.members), fields, rules, barred)
        assert (span.first, span.first + span.count - 1) in ranges([span])
        assert not any(span.first <= a < span.first + span.count for area in forbidden for a in (area.first, area.last))
    best = min(
        (cost(parts, fields, overhead) for parts in partitions(served) if all(allowed(p, fields, rules, barred) for p in parts)),
        default=0.0,
    )
    assert cost([span.members for span in plan.spans], fields, overhead) == best


def test_filling_reads_from_the_left_would_cost_more() -> None:
    fields = registers((0, 1), (5, 1), (9, 1), (10, 1))
    assert ranges(plan_reads(fields, PlanRules(5, 10, 2000)).spans) == [(0, 0), (5, 10)]


def test_a_network_merges_up_to_the_limit() -> None:
    fields = registers(*((address, 1) for address in range(0, 500, 10)))
    spans = plan_reads(fields, PlanRules.of(ModbusLimits(), math.inf)).spans
    assert len(spans) == 4
    assert all(span.count <= 125 for span in spans)


def test_bits_cost_a_sixteenth_of_a_register() -> None:
    coils = [RegisterField(Table.COIL, address, RawType.BIT) for address in (0, 150, 400)]
    assert ranges(plan_reads(coils, PlanRules(10, 125, 2000)).spans) == [(0, 150), (400, 400)]
    assert len(plan_reads(coils, PlanRules(math.inf, 125, 300)).spans) == 2


def test_tables_are_never_mixed() -> None:
    fields = [RegisterField(table, 0, RawType.BIT if table.is_bits else RawType.UINT16) for table in Table]
    spans = plan_reads(fields, PlanRules(math.inf, 125, 2000)).spans
    assert [span.table for span in spans] == list(Table)


def test_forbidden_fields_are_named_and_gaps_keep_clear_of_them() -> None:
    fields = registers((0, 1), (3, 1), (6, 1))
    rules = PlanRules(math.inf, 125, 2000, forbidden=(AddressRange(Table.HOLDING, 3, 4), AddressRange(Table.INPUT, 0, 9)))
    plan = plan_reads(fields, rules)
    assert ranges(plan.spans) == [(0, 0), (6, 6)]
    assert plan.unread[1] == Fault(Reason.REFUSED, "the profile forbids to read holding 3 to 4")


def test_a_field_larger_than_a_request_is_named() -> None:
    plan = plan_reads(registers((0, 40)), PlanRules(0, 30, 2000))
    assert plan.spans == ()
    assert "needs 40 registers at once, the profile allows 30" in plan.unread[0].detail


def test_a_cut_holds() -> None:
    fields = registers((0, 1), (1, 1), (2, 1))
    learned = Learned({}, frozenset({(Table.HOLDING, 2)}))
    assert ranges(plan_reads(fields, PlanRules(math.inf, 125, 2000), learned).spans) == [(0, 1), (2, 2)]
    assert ranges(plan_reads(fields, PlanRules(math.inf, 125, 2000), learned, wanted=(1, 2)).spans) == [(1, 1), (2, 2)]


@given(st.lists(places, min_size=1, max_size=12))
def test_halving_ends_at_single_places_and_loses_nothing(chosen: list[tuple[int, int]]) -> None:
    fields = registers(*chosen)
    (span,) = plan_reads(fields, PlanRules(math.inf, 125, 2000)).spans
    todo, leaves = [span], []
    while todo:
        part = todo.pop()
        halves = halve(part, fields)
        if halves is None:
            leaves.append(part)
        else:
            assert all(half.count <= part.count and half.members for half in halves)
            todo.extend(halves)
    assert sorted(i for leaf in leaves for i in leaf.members) == list(range(len(fields)))
    assert len(leaves) == len(set(chosen))


@pytest.mark.parametrize(
    ("baud", "bits", "turn_ms", "registers_"),
    [(2400, 11, 3.7, 8), (9600, 10, 3.7, 10), (9600, 10, 30, 22), (19200, 10, 60, 65), (115200, 10, 10, 65)],
)
def test_break_even_on_a_serial_line(baud: int, bits: int, turn_ms: float, registers_: int) -> None:
    assert int(break_even_words(bits / baud, turn_ms / 1000.0)) == registers_


def test_break_even_on_a_network() -> None:
    assert break_even_words(0.0, 0.001) == math.inf
