"""Compiled reads by profile, so that two hundred meters of one model are planned once and share one plan in memory."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgeguard.codec.block import Block
from edgeguard.codec.plan import PlanRules
from edgeguard.core.limits import ROUTINE_SHELF
from edgeguard.core.point import Outcome, Point


@dataclass(frozen=True, slots=True)
class Routine:
    """A compiled plan: its reads, the column to begin a round with, and the shortest read as a sign of life."""

    blocks: tuple[Block, ...]
    column: tuple[Outcome, ...]
    knock: Block


class Shelf:
    """Routines of devices that have refused nothing. Bounded; the one unused for longest goes first."""

    def __init__(self) -> None:
        self._routines: OrderedDict[tuple[int, PlanRules], tuple[Sequence[Point], Routine]] = OrderedDict()

    def routine(self, points: Sequence[Point], rules: PlanRules, make: Callable[[], Routine]) -> Routine:
        """What `make` made for these very points (the same object) and rules, made now if need be."""
        key = (id(points), rules)
        kept = self._routines.get(key)
        if kept is None:
            # The points are kept too: their identity may not pass to others while it is a key.
            kept = self._routines[key] = (points, make())
            if len(self._routines) > ROUTINE_SHELF:
                self._routines.popitem(last=False)
        else:
            self._routines.move_to_end(key)
        return kept[1]
