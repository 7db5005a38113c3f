"""Devices that are out of order show anything a float can hold: no rule falls over it, and no meter counts it."""

import random
from collections.abc import Iterator

import pytest
from domain_house import example

from edgeguard.core.point import Kind, Outcome, Point
from edgeguard.core.quality import Fault, Reason
from edgeguard.runtime.recordings import Heard
from edgeguard.runtime.rule_replay import replay

LARGEST, LARGEST_32, SMALLEST = 1.7976931348623157e308, 3.4028234663852886e38, 5e-324
NUMBERS = (0.0, -0.0, 1.0, 3.0, LARGEST, -LARGEST, LARGEST_32, -LARGEST_32, SMALLEST, 1e-38, 10**17, 2**63)


def shown(point: Point, rng: random.Random) -> Outcome:
    if rng.random() < 0.1:
        return Fault(Reason.TIMEOUT)
    if point.kind is Kind.NUMBER:
        return rng.choice((*NUMBERS, rng.uniform(0, 500)))
    if point.kind is Kind.BOOLEAN:
        return rng.random() < 0.5
    return rng.choice([labels.en for labels in point.choices.values()] or ["x"])


def wild(seed: int, rounds: int) -> Iterator[Heard]:
    rng, wall_ms = random.Random(seed), 1_790_000_000_000
    for _ in range(rounds):
        wall_ms += rng.choice((0, 1000, 5000, 20_000, 90_000))
        for spec in example().devices:
            points = spec.profile.points
            names = tuple(point.name for point in points)
            yield Heard(spec.name, wall_ms, names, tuple(shown(point, rng) for point in points), True)


@pytest.mark.slow
def test_no_rule_falls_over_what_a_float_can_hold() -> None:
    made = replay(example(), wild(1, 50))
    assert made.rounds == 50 * len(example().devices)
    told = [one for one in made.told if isinstance(one, dict) and one.get("type") == "energy" and "value" in one]
    assert all(abs(float(str(one["value"]))) < 1e9 for one in told), "what no meter can show is not counted"
