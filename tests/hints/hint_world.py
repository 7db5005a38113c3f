"""A year around the simulated devices: weather, how a building is used by hour, weekday and season, holidays, and what is benign.

Every number comes from a seed; two worlds of the same seed are the same.
"""

import math
import random
from dataclasses import dataclass, field

FIRST_DAY = 20_454
"""2026-01-01: years of the simulation begin on any day from here."""
HOURS = (2, 1, 1, 1, 1, 3, 9, 16, 13, 8, 7, 8, 11, 9, 7, 7, 9, 13, 17, 15, 12, 10, 7, 4)
"""How much a residential building is used by hour of the day, local time, in parts."""


@dataclass(frozen=True, slots=True)
class Benign:
    """What happens to a healthy device and is no wear. Days count from the beginning; None: it does not happen."""

    setpoint_day: int | None = None
    tenant_day: int | None = None
    recalibrated_day: int | None = None
    replaced_day: int | None = None
    """The meter or counter is replaced by a new one, or reset."""
    off_days: tuple[int, int] = (0, 0)
    """The device stands still from the first day to the one before the second."""


@dataclass(frozen=True, slots=True)
class World:
    """`first_day` is the day's number on which the run begins."""

    seed: int
    days: int
    first_day: int
    benign: Benign
    mean_c: float
    swing_c: float
    holidays: frozenset[int]
    gap_share: float
    """Share of the hours that are missing, in runs of some hours."""
    weather: tuple[float, ...] = field(repr=False)
    """The day's deviation from the season's mean, in K: it remembers the day before."""
    gaps: frozenset[int] = field(repr=False)
    """Hours (from the beginning) in which nothing was read."""

    @classmethod
    def of(cls, seed: int, days: int, benign: Benign) -> "World":
        """A world of that seed."""
        rng = random.Random(seed * 7919 + 13)
        first_day = FIRST_DAY + rng.randrange(365)
        weather: list[float] = []
        before = 0.0
        for _ in range(days):
            before = 0.75 * before + rng.gauss(0, 2.0)
            weather.append(before)
        start = rng.randrange(30, max(31, days - 20))
        holidays = {start + i for i in range(rng.choice((7, 8, 14)))} | {rng.randrange(days) for _ in range(6)}
        gaps: set[int] = set()
        gap_share = rng.choice((0.0, 0.01, 0.03, 0.08))
        while len(gaps) < gap_share * days * 24:
            at = rng.randrange(days * 24)
            gaps |= set(range(at, at + rng.choice((1, 2, 5, 12, 40))))
        return cls(
            seed, days, first_day, benign, rng.uniform(12, 18), rng.uniform(10, 15), frozenset(holidays), gap_share,
            tuple(weather), frozenset(gaps),
        )  # fmt: skip

    def outside_c(self, day: int, hour: float) -> float:
        """Temperature outdoors; coldest in the middle of January."""
        year = math.cos(2 * math.pi * (self.first_day + day - FIRST_DAY - 15) / 365.25)
        return self.mean_c - self.swing_c * year + 4 * math.sin((hour - 9) * math.pi / 12) + self.weather[day]

    def room_c(self, day: int, hour: float) -> float:
        """Temperature of a plant room: less than outdoors, and never freezing."""
        return max(6.0, 21.0 + 0.55 * (self.outside_c(day, hour) - 15.0))

    def use(self, day: int, hour: int) -> float:
        """How much the building is used in an hour, 1 on average: by hour, weekday, season, holiday, and a new tenant."""
        weekday = (self.first_day + day) % 7
        share = HOURS[hour] * 24 / sum(HOURS) * (0.85 if weekday in (2, 3) else 1.06)
        share *= 1 + 0.08 * math.cos(2 * math.pi * (self.first_day + day) / 365.25 + 1.0)
        if day in self.holidays:
            share *= 0.45
        tenant = self.benign.tenant_day
        return share * (1.3 if tenant is not None and day >= tenant else 1.0)

    def stands(self, day: int) -> bool:
        """Whether the device is switched off on that day."""
        begin, end = self.benign.off_days
        return begin <= day < end


def benign_of(seed: int, days: int) -> Benign:
    """What a healthy year brings: most devices see one or two of these."""
    rng = random.Random(seed * 104_729 + 7)

    def some_day(chance: float) -> int | None:
        return rng.randrange(40, max(41, days - 30)) if rng.random() < chance else None

    off = rng.randrange(60, max(61, days - 40)) if rng.random() < 0.25 else 0
    return Benign(
        some_day(0.4), some_day(0.4), some_day(0.3), some_day(0.3), (off, off + rng.choice((10, 25, 45))) if off else (0, 0)
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decay:
    """A degradation: nothing before `onset`, the limit on day `limit` (both from the beginning). `shape`: linear, accelerating
    or step (half of the way at once, the rest slowly). `repaired`: the day from which all is well again, and nobody says so."""

    onset: int
    limit: int
    shape: str = "linear"
    repaired: int | None = None

    def progress(self, day: float) -> float:
        """0 before the onset, 1 at the limit, and on from there."""
        if day <= self.onset or (self.repaired is not None and day >= self.repaired):
            return 0.0
        gone = (day - self.onset) / (self.limit - self.onset)
        if self.shape == "accelerating":
            return float(gone**1.8)
        return 0.5 + 0.5 * gone if self.shape == "step" else gone


def quantised(value: float, step: float) -> float:
    """As a device of that resolution tells it."""
    return round(value / step) * step
