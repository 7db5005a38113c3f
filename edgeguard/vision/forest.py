"""A forest of decision trees, grown elsewhere by gradient boosting (Friedman 2001): numbers in, a likelihood out.

Each tree asks of one number after the other whether it is at most a threshold; the values of the leaves that all trees come to are
added to a base, and the logistic function of the sum is the likelihood.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

MOST_TREES: Final = 2000
MOST_NODES: Final = 255
"""Of one tree."""
_MOST: Final = 1e300
_MOST_SUM: Final = 700.0
"""Beyond this an exponential is no number any more."""

Tree = tuple[tuple[int, float, int, int], ...]
"""Nodes, the first the root: number of the sign, threshold, node where it is at most that, node where it is more. A leaf has -1
for a sign and its value for a threshold."""


@dataclass(frozen=True, slots=True)
class Forest:
    """`signs` names the numbers that it is asked about, in this order."""

    signs: tuple[str, ...]
    base: float
    trees: tuple[Tree, ...]

    def score(self, values: Sequence[float]) -> float:
        """The likelihood, 0-1. `values`: one for each of `signs`."""
        total = self.base
        for tree in self.trees:
            sign, threshold, at_most, more = tree[0]
            while sign >= 0:
                sign, threshold, at_most, more = tree[at_most if values[sign] <= threshold else more]
            total += threshold
        return 1.0 / (1.0 + math.exp(min(_MOST_SUM, -total)))


def forest_of(raw: Any) -> Forest:
    """The forest of a JSON object `{"signs": [...], "base": b, "trees": [[[sign, threshold, at_most, more], ...], ...]}`.

    ValueError, with the place, where it is anything else: each node names later ones only, so that every question comes to an end.
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
    return tuple(_node(f"{place}[{n}]", node, n, len(raw), signs) for n, node in enumerate(raw))


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
