"""Chance as a value: a seed and how much of it has been used, so that a simulated day can be lived twice.

SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014). Not for secrets.
"""

import math
from dataclasses import dataclass

_WORD = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Chance:
    """The `drawn`-th place in the sequence that belongs to `seed`; every draw returns the next place with it."""

    seed: int
    drawn: int = 0

    def uniform(self) -> "tuple[float, Chance]":
        """A number in [0, 1)."""
        z = (self.seed + (self.drawn + 1) * 0x9E3779B97F4A7C15) & _WORD
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _WORD
        return ((z ^ (z >> 31)) >> 11) / (1 << 53), Chance(self.seed, self.drawn + 1)

    def exponential(self) -> "tuple[float, Chance]":
        """A waiting time of mean 1."""
        u, rest = self.uniform()
        return -math.log1p(-u), rest

    def normal(self) -> "tuple[float, Chance]":
        """A deviation of mean 0 and variance 1 (Box and Muller, 1958; one of the pair)."""
        radius, rest = self.exponential()
        angle, rest = rest.uniform()
        return math.sqrt(2.0 * radius) * math.cos(2.0 * math.pi * angle), rest

    def among(self, count: int) -> "tuple[int, Chance]":
        """One of 0 .. count - 1."""
        u, rest = self.uniform()
        return int(u * count), rest


def fork(seed: int, branch: int) -> Chance:
    """An independent sequence for one part of the building."""
    u, _ = Chance(seed, branch * 1_000_003).uniform()
    return Chance(int(u * (1 << 53)) ^ (branch << 54))


@dataclass(frozen=True, slots=True)
class Arrivals:
    """A Poisson process with a rate that changes: `budget` is the integral of the rate still to pass before the next arrival.

    Exact for any step length, because arrivals of rate 1 on the integral of the rate are arrivals of that rate in time.
    """

    chance: Chance
    budget: float = 0.0

    def wait(self, expected: float) -> "tuple[int, Arrivals]":
        """Let `expected` arrivals' worth of time pass; how many came."""
        budget, chance, came = self.budget - expected, self.chance, 0
        while budget <= 0.0:
            pause, chance = chance.exponential()
            budget += pause
            came += 1
        return came, Arrivals(chance, budget)


def arrivals(chance: Chance) -> Arrivals:
    """A process at its beginning, its first arrival drawn."""
    pause, rest = chance.exponential()
    return Arrivals(rest, pause)
