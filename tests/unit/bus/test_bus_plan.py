"""The read plan against the cheapest of all plans, found by trying every one, at the true cost of the line."""

from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgeguard.bus import LineCost
from edgeguard.codec.plan import PlanRules, break_even_words, plan_reads
from edgeguard.core.limits import TURNAROUND_S
from edgeguard.core.line import LineSettings, Parity
from edgeguard.core.profile import ModbusLimits
from edgeguard.core.register import RawType, RegisterField, Table

WITHIN = 1.02
LINES = [
    (LineSettings(2400, Parity.EVEN), False),
    (LineSettings(9600), False),
    (LineSettings(19_200, Parity.EVEN), False),
    (LineSettings(115_200), False),
    (LineSettings(9600, Parity.EVEN, 7), True),
]


def partitions(places: list[int]) -> Iterator[list[list[int]]]:
    """Every way to put the places into groups, neighbours or not."""
    if not places:
        yield []
        return
    first, rest = places[0], places[1:]
    for groups in partitions(rest):
        yield [[first], *groups]
        for i, group in enumerate(groups):
            yield [*groups[:i], [first, *group], *groups[i + 1 :]]


def request_s(line: LineSettings, ascii_frames: bool, data_bytes: int) -> float:
    """From the first character of a request to the first of the next: the field's formula."""
    if ascii_frames:
        return (17 + 11 + 2 * data_bytes) * line.character_s + TURNAROUND_S
    return (8 + 5 + data_bytes) * line.character_s + TURNAROUND_S + line.silence_s


def bytes_of(table: Table, count: int) -> int:
    return (count + 7) // 8 if table.is_bits else 2 * count


@pytest.mark.parametrize(("line", "ascii_frames"), LINES)
@settings(max_examples=25, deadline=None)
@given(
    places=st.lists(st.tuples(st.integers(0, 140), st.sampled_from([1, 2, 4])), min_size=1, max_size=6, unique_by=lambda p: p[0]),
    table=st.sampled_from([Table.HOLDING, Table.COIL]),
    most=st.sampled_from([12, 40, 125]),
)
@example(places=[(0, 1), (19, 1)], table=Table.COIL, most=12)
def test_a_plan_is_within_two_per_cent_of_the_best(
    line: LineSettings, ascii_frames: bool, places: list[tuple[int, int]], table: Table, most: int
) -> None:
    spans = [(8 * address if table.is_bits else address, 1 if table.is_bits else words) for address, words in places]
    fields = [field_at(table, address, words) for address, words in spans]
    limits = ModbusLimits(max_registers=most, max_bits=16 * most)
    cost = LineCost.on_line(line, ascii_frames)
    plan = plan_reads(fields, PlanRules.of(limits, break_even_words(cost.byte_s, cost.turn_s)))
    planned_s = sum(request_s(line, ascii_frames, bytes_of(table, span.count)) for span in plan.spans)
    assert sorted(i for span in plan.spans for i in span.members) == list(range(len(fields)))
    best_s = min(
        sum(request_s(line, ascii_frames, bytes_of(table, count)) for count in counts)
        for groups in partitions(list(range(len(fields))))
        if max(counts := [extent(fields, group) for group in groups]) <= (limits.max_bits if table.is_bits else most)
    )
    assert planned_s <= WITHIN * best_s


def extent(fields: list[RegisterField], group: list[int]) -> int:
    return max(fields[i].last for i in group) - min(fields[i].address for i in group) + 1


def field_at(table: Table, address: int, words: int) -> RegisterField:
    return RegisterField(table, address, RawType.BIT if table.is_bits else RawType.STRING, words)
