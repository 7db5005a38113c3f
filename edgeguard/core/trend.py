"""What the local history is made of: rounds as they were read, and aggregates of minutes and hours. Knows no file."""

from dataclasses import dataclass
from enum import StrEnum

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.point import Kind, Outcome, Value


class Grain(StrEnum):
    """How fine a piece of history is."""

    RAW = "raw"
    MINUTE = "minute"
    HOUR = "hour"

    @property
    def width_ms(self) -> int:
        """Time that one value stands for; 0 for a value as it was read."""
        return {Grain.RAW: 0, Grain.MINUTE: 60_000, Grain.HOUR: 3_600_000}[self]


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """A point as history knows it, also when its device is gone from the configuration."""

    name: PointName
    kind: Kind
    unit: str = ""


@dataclass(frozen=True, slots=True)
class TrendBlock:
    """Rounds of one device that were kept together: `columns[i]` belongs to `points[i]`, each as long as `walls_ms`, which rise."""

    device: DeviceName
    points: tuple[TrendPoint, ...]
    walls_ms: tuple[int, ...]
    columns: tuple[tuple[Outcome, ...], ...]


@dataclass(frozen=True, slots=True)
class TrendRound:
    """One poll round of one device; `outcomes[i]` belongs to `points[i]`. A fault has lost its detail.

    `at.wall_ms` is true also for a round that was read before the clock was set, if `at.synced`; else it is as that clock had it.
    """

    device: DeviceName
    points: tuple[TrendPoint, ...]
    at: Stamp
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Good readings of one stretch of time: how many, and what they were. `bad` counts those that failed.

    Mean, minimum and maximum are None for texts and where `count` is 0; a truth value counts as 0 or 1, so that its mean is the
    share of time in which it was true.
    """

    count: int
    bad: int = 0
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    last: Value | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One point of a curve: what is known of a point from `at_ms` (UTC) for `width_ms`. Nothing good in it: a gap."""

    at_ms: int
    width_ms: int
    of: Aggregate
