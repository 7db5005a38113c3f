"""One poll round of one device: a column of outcomes beside the column of its points.

Columns, not one object per reading: at 20,000 points a second an object each would cost more than the poll.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import DeviceName
from edgeguard.core.point import Outcome, Point
from edgeguard.core.quality import Fault, Quality


@dataclass(frozen=True, slots=True)
class Reading:
    """One point of a snapshot, for those who want one: `at` is the time of the bus answer, always."""

    point: Point
    outcome: Outcome
    at: Stamp

    @property
    def quality(self) -> Quality:
        """GOOD or BAD; staleness is a matter of `now` and is judged where `now` is known."""
        return Quality.BAD if isinstance(self.outcome, Fault) else Quality.GOOD


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`outcomes[i]` belongs to `points[i]`; both have the same length. `answered` is true if the device gave any valid frame.

    `at`: when the last answer came. A round on a slow line takes its time, so `asked_at[i]` says when point i was asked for: its
    value is no older than that. None where nobody knows (all of it at `at`).
    """

    device: DeviceName
    at: Stamp
    points: tuple[Point, ...]
    outcomes: tuple[Outcome, ...]
    answered: bool
    asked_at: tuple[Stamp | None, ...] | None = None

    def read_at(self, index: int) -> Stamp:
        """No value of this point is older."""
        return self.at if self.asked_at is None else self.asked_at[index] or self.at

    def readings(self) -> Iterator[Reading]:
        """The snapshot point by point."""
        for point, outcome in zip(self.points, self.outcomes, strict=True):
            yield Reading(point, outcome, self.at)
