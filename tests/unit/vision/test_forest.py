"""A forest asked by hand: what its trees say of some numbers, and what is no forest."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeguard.vision.forest import MOST_NODES, MOST_TREES, Forest, forest_of

TREES = [
    [[0, 2.0, 1, 2], [-1, -1.5, 0, 0], [1, -3.0, 3, 4], [-1, 0.25, 0, 0], [-1, 2.0, 0, 0]],
    [[-1, 0.5, 0, 0]],
]
Node = tuple[int, float, int, int]
_LEAF = st.floats(-2.0, 2.0).map(lambda value: round(value, 3))
RAW = {"signs": ["marks", "gain"], "base": -1.0, "trees": TREES}


@pytest.mark.parametrize(
    ("values", "leaves"),
    [((2.0, 7.0), -1.5), ((2.0000001, -3.0), 0.25), ((9.0, -2.9), 2.0), ((-1e6, math.inf), -1.5)],
    ids=["at the threshold", "just above it", "the far leaf", "far out"],
)
def test_its_trees_are_added_up(values: tuple[float, float], leaves: float) -> None:
    assert forest_of(RAW).score(values) == pytest.approx(1 / (1 + math.exp(1.0 - 0.5 - leaves)))


@given(st.data())
def test_of_every_tree_the_leaf_is_found_that_its_questions_lead_to(data: st.DataObject) -> None:
    """One question after the other, as a person would ask them; trees of as many leaves as there may be, too."""
    trees = data.draw(st.lists(st.integers(0, MOST_NODES // 2).flatmap(_trees), min_size=1, max_size=5))
    values = data.draw(st.tuples(*[st.sampled_from((-1.0, 0.0, 0.5, 1.0, math.inf))] * 3))
    total = 0.0
    for tree in trees:
        sign, threshold, at_most, more = tree[0]
        while sign >= 0:
            sign, threshold, at_most, more = tree[at_most if values[sign] <= threshold else more]
        total += threshold
    forest = forest_of({"signs": ["a", "b", "c"], "base": 0.0, "trees": [[list(node) for node in tree] for tree in trees]})
    assert forest.score(values) == pytest.approx(1 / (1 + math.exp(-total)))


@st.composite
def _trees(draw: st.DrawFn, questions: int) -> list[Node]:
    """Grown leaf by leaf: any of them becomes a question with two new ones."""
    tree: list[Node] = [(-1, draw(_LEAF), 0, 0)]
    for _ in range(questions):
        node = draw(st.sampled_from([n for n, one in enumerate(tree) if one[0] < 0]))
        tree[node] = (draw(st.integers(0, 2)), draw(st.sampled_from((0.0, 0.25, 0.5))), len(tree), len(tree) + 1)
        tree += [(-1, draw(_LEAF), 0, 0), (-1, draw(_LEAF), 0, 0)]
    return tree


def test_no_sum_is_too_large_for_it() -> None:
    assert Forest((), -1e9, ()).score(()) == pytest.approx(0.0)
    assert Forest((), 1e9, ()).score(()) == 1.0


def _with(tree: Any) -> Any:
    return RAW | {"trees": [TREES[1], tree]}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (None, "no forest"),
        ([], "no forest"),
        (RAW | {"signs": "marks"}, "no forest"),
        (RAW | {"trees": {}}, "no forest"),
        (RAW | {"trees": []}, f"trees: 1 to {MOST_TREES}"),
        (RAW | {"trees": [TREES[1]] * (MOST_TREES + 1)}, f"trees: 1 to {MOST_TREES}"),
        (RAW | {"base": "-1"}, "base: '-1' is no number"),
        (RAW | {"base": True}, "base: True is no number"),
        (RAW | {"base": math.nan}, "base: nan is no number"),
        (_with(3), r"trees\[1\]: a list"),
        (_with([]), r"trees\[1\]: a list"),
        (_with([[-1, 0.0, 0, 0]] * (MOST_NODES + 1)), r"trees\[1\]: a list"),
        (_with([[0, 1.0, 1]]), r"trees\[1\]\[0\]: four numbers"),
        (_with([[0.5, 1.0, 1, 1], [-1, 0, 0, 0]]), r"trees\[1\]\[0\]: 0.5 is no whole number"),
        (_with([[False, 1.0, 1, 1], [-1, 0, 0, 0]]), r"trees\[1\]\[0\]: False is no whole number"),
        (_with([[2, 1.0, 1, 1], [-1, 0, 0, 0]]), r"trees\[1\]\[0\]: names a sign or a node that is not there"),
        (_with([[0, 1.0, 1, 2], [-1, 0, 0, 0]]), r"trees\[1\]\[0\]: names"),
        (_with([[0, 1.0, 0, 1], [-1, 0, 0, 0]]), r"trees\[1\]\[0\]: names"),
        (_with([[0, 1.0, 1, 1], [-1, math.inf, 0, 0]]), r"trees\[1\]\[1\]: inf is no number"),
        (_with([[0, 1.0, 1, 1], [-1, 0.5, 0, 0]]), r"trees\[1\]: a node is named twice"),
    ],
)
def test_what_is_no_forest_is_told_by_its_place(raw: Any, words: str) -> None:
    """A node that named an earlier one would be asked for ever."""
    with pytest.raises(ValueError, match=words):
        forest_of(raw)
