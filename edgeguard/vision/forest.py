"""A forest of decision trees, grown elsewhere by gradient boosting (Friedman 2001): numbers in, a likelihood out.

Each tree asks of one number after the other whether it is at most a threshold; the values of the leaves that all trees come to are
added to a base, and the logistic function of the sum is the likelihood.

All questions of all trees are asked at once (Lucchese et al. 2015): a no takes away the leaves of a yes, and of those that are
left to a tree the first is the one that it comes to.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MOST_TREES: Final = 2000
MOST_NODES: Final = 127
"""Of one tree: a leaf is a bit of 64."""
_MOST: Final = 1e300
_MOST_SUM: Final = 700.0
"""Beyond this an exponential is no number any more."""

Tree = tuple[tuple[int, float, int, int], ...]
"""Nodes, the first the root: number of the sign, threshold, node where it is at most that, node where it is more. A leaf has -1
for a sign and its value for a threshold."""


_EVERY: Final = np.uint64((1 << 64) - 1)
_ONE: Final = np.uint64(1)


@dataclass(frozen=True, slots=True)
class _Questions:
    """Of all trees, one tree after the other."""

    signs: NDArray[np.intp]
    thresholds: NDArray[np.float64]
    rest: NDArray[np.uint64]
    """After a no to each: the leaves that its tree can still come to, the first the lowest bit."""
    leaves: NDArray[np.float64]
    first: NDArray[np.intp]
    """Of each tree, the number of its first question."""
    first_leaf: NDArray[np.intp]


def _questions(trees: tuple[Tree, ...]) -> _Questions:
    asked: list[tuple[int, float, int]] = []
    leaves: list[float] = []
    firsts: list[tuple[int, int]] = []
    for tree in trees:
        firsts.append((len(asked), len(leaves)))
        asked.append((0, math.inf, int(_EVERY)))  # so that a tree of one leaf has a question, too
        _ask(tree, 0, asked, leaves, len(leaves))
    signs, thresholds, rest = list(zip(*asked, strict=True)) or ((), (), ())
    first, first_leaf = np.array(firsts, np.intp).reshape(-1, 2).T
    return _Questions(
        np.array(signs, np.intp), np.array(thresholds, np.float64), np.array(rest, np.uint64), np.array(leaves), first, first_leaf
    )


def _ask(tree: Tree, number: int, asked: list[tuple[int, float, int]], leaves: list[float], first_leaf: int) -> None:
    """With the questions and the leaves of a node and all below it."""
    sign, threshold, at_most, more = tree[number]
    if sign < 0:
        leaves.append(threshold)
        return
    before = len(leaves) - first_leaf
    _ask(tree, at_most, asked, leaves, first_leaf)
    asked.append((sign, threshold, int(_EVERY) ^ ((1 << len(leaves) - first_leaf) - (1 << before))))
    _ask(tree, more, asked, leaves, first_leaf)


@dataclass(frozen=True, slots=True)
class Forest:
    """`signs` names the numbers that it is asked about, in this order."""

    signs: tuple[str, ...]
    base: float
    trees: tuple[Tree, ...]
    _questions: _Questions = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_questions", _questions(self.trees))

    def score(self, values: Sequence[float]) -> float:
        """The likelihood, 0-1. `values`: one for each of `signs`."""
        total = self.base
        if self.trees:
            asked = self._questions
            yes = np.array(values).take(asked.signs) <= asked.thresholds
            rest = np.bitwise_and.reduceat(np.where(yes, _EVERY, asked.rest), asked.first)
            leaf = np.frexp((rest & (~rest + _ONE)).astype(np.float64))[1] - 1
            total += float(asked.leaves[asked.first_leaf + leaf].sum())
        return 1.0 / (1.0 + math.exp(min(_MOST_SUM, -total)))


def forest_of(raw: Any) -> Forest:
    """The forest of a JSON object `{"signs": [...], "base": b, "trees": [[[sign, threshold, at_most, more], ...], ...]}`.

    ValueError, with the place, where it is anything else: each node names later ones only, and none is named twice, so that every
    question comes to an end.
    """
    if not isinstance(raw, dict) or not isinstance(raw.get("signs"), list) or not isinstance(raw.get("trees"), list):
        raise ValueError("no forest: an object with `signs`, `base` and `trees` is expected")  # noqa: TRY004  one error for all that is no forest
    signs = tuple(str(name) for name in raw["signs"])
    if not 0 < len(raw["trees"]) <= MOST_TREES:
        raise ValueError(f"trees: 1 to {MOST_TREES} are expected, not {len(raw['trees'])}")
    trees = tuple(_tree(f"trees[{n}]", tree, len(signs)) for n, tree in enumerate(raw["trees"]))
    return Forest(signs, _number("base", raw.get("base")), trees)


def _tree(place: str, raw: Any, signs: int) -> Tree:
    if not isinstance(raw, list) or not 0 < len(raw) <= MOST_NODES:
        raise ValueError(f"{place}: a list of 1 to {MOST_NODES} nodes is expected")
    tree = tuple(_node(f"{place}[{n}]", node, n, len(raw), signs) for n, node in enumerate(raw))
    named = [after for sign, _, *both in tree if sign >= 0 for after in both]
    if len(set(named)) < len(named):
        raise ValueError(f"{place}: a node is named twice")
    return tree


def _node(place: str, raw: Any, number: int, nodes: int, signs: int) -> tuple[int, float, int, int]:
    if not isinstance(raw, list) or len(raw) != 4:
        raise ValueError(f"{place}: four numbers are expected")
    sign, at_most, more = (_whole(place, raw[n]) for n in (0, 2, 3))
    if sign >= signs or (sign >= 0 and not (number < at_most < nodes and number < more < nodes)):
        raise ValueError(f"{place}: names a sign or a node that is not there")
    return max(sign, -1), _number(place, raw[1]), at_most, more


def _whole(place: str, raw: Any) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise ValueError(f"{place}: {raw!r} is no whole number")  # noqa: TRY004  as above
    return raw


def _number(place: str, raw: Any) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not -_MOST < raw < _MOST:
        raise ValueError(f"{place}: {raw!r} is no number")
    return float(raw)
