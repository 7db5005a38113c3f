from hypothesis import given
from hypothesis import strategies as st

from edgeguard.core.intervals import Intervals

numbers = st.integers(1, 60)
ranges = st.lists(st.tuples(numbers, numbers), max_size=20)


def build(spans: list[tuple[int, int]]) -> tuple[Intervals, set[int]]:
    held = Intervals()
    model: set[int] = set()
    for first, last in spans:
        held = held.add(first, last)
        model |= set(range(first, last + 1))
    return held, model


def inside(held: Intervals) -> set[int]:
    return {number for first, last in held.spans for number in range(first, last + 1)}


@given(ranges)
def test_adding_is_a_set_union_and_stays_as_few_spans_as_can_be(spans: list[tuple[int, int]]) -> None:
    held, model = build(spans)
    assert inside(held) == model
    assert len(held) == len(model)
    for (_, last), (first, _) in zip(held.spans, held.spans[1:], strict=False):
        assert first > last + 1


@given(ranges, numbers, numbers)
def test_holes_are_what_is_not_inside(spans: list[tuple[int, int]], first: int, last: int) -> None:
    held, model = build(spans)
    holes = list(held.holes(first, last))
    assert [n for a, b in holes for n in range(a, b + 1)] == [n for n in range(first, last + 1) if n not in model]
    assert all(a <= b for a, b in holes)


@given(ranges, numbers)
def test_reach_and_above_split_at_the_floor(spans: list[tuple[int, int]], floor: int) -> None:
    held, model = build(spans)
    reach = floor
    while reach + 1 in model:
        reach += 1
    assert held.reach(floor) == reach
    assert inside(held.above(floor)) == {number for number in model if number > floor}


@given(ranges, st.integers(0, 5))
def test_longest_forgets_the_shortest_and_invents_nothing(spans: list[tuple[int, int]], count: int) -> None:
    held, model = build(spans)
    kept = held.longest(count)
    assert len(kept.spans) <= count or kept == held
    assert inside(kept) <= model
    lengths = sorted((b - a for a, b in held.spans), reverse=True)
    assert sorted((b - a for a, b in kept.spans), reverse=True) == lengths[:count]
    assert list(kept.spans) == sorted(kept.spans)
