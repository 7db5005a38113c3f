"""When a step may be left out: the rounds that would change nothing of what it says, found once per step instead of per round.

A step of rules that follows a round is asked what would wake it: a point that must stay what it is, a number that must stay
between two others, a moment. Until one of these happens the rounds are only compared, which costs next to nothing.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from edgeguard.core.clock import Stamp
from edgeguard.core.point import Outcome
from edgeguard.core.quality import Fault
from edgeguard.core.rule_limits import STILL_LEAP_MS

Turns = Sequence[float]
"""Numbers at which a judgement may turn. A number that lies on one wakes always."""


@dataclass(frozen=True, slots=True)
class Still:
    """`same`: column and what it must show. `bands`: column, and the numbers that it must lie between."""

    same: tuple[tuple[int, Outcome], ...]
    bands: tuple[tuple[int, float, float], ...]

    def holds(self, outcomes: Sequence[Outcome]) -> bool:
        """Whether these outcomes wake nobody."""
        for column, value in self.same:
            outcome = outcomes[column]
            if outcome is not value and (outcome != value or outcome.__class__ is not value.__class__):
                return False
        for column, low, high in self.bands:
            outcome = outcomes[column]
            if outcome.__class__ is Fault or not low < outcome < high:  # type: ignore[operator]
                return False
        return True


def goes_on(since: Stamp, now: Stamp) -> bool:
    """Both clocks have gone on together: nobody has set the wall clock, or begun to trust it or ceased to."""
    leap_ms = now.wall_ms - now.boot_ms - since.wall_ms + since.boot_ms
    return -STILL_LEAP_MS < leap_ms < STILL_LEAP_MS and now.synced is since.synced and now.boot == since.boot


NOTHING_STILL: Final = Still((), ())
"""Asks for nothing: whoever holds it goes by time alone."""


def still(outcomes: Sequence[Outcome], columns: Iterable[tuple[int, Turns | None]]) -> Still:
    """What may pass: columns without edges stay as they are, numbers between their edges.

    A number without a single edge may do what it likes; a column of which one says "as it is" is, whatever others say.
    """
    same: dict[int, Outcome] = {}
    bands: dict[int, tuple[float, float]] = {}
    for column, edges in columns:
        value = outcomes[column]
        if edges is None or isinstance(value, Fault | str | bool):
            same[column] = value
            continue
        low, high = bands.get(column, (-math.inf, math.inf))
        for edge in edges:
            low = edge if low < edge <= value else low
            high = edge if value <= edge < high else high
        bands[column] = (low, high)
    kept = tuple((column, *band) for column, band in bands.items() if column not in same)
    return Still(tuple(same.items()), kept)
