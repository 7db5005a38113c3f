"""Pumps and sets: true, false, unknown; counters; what a set shows over days."""

import pytest
from domain_kit import Watcher

from edgeguard.core.domain import Family
from edgeguard.rules.truth import Inputs, Truth

PUMP: Inputs = {
    "pump.running": True,
    "pump.speed": 2400.0,
    "pump.flow": 3.0,
    "pump.dry-run": False,
    "pump.discharge-pressure": 4.5,
    "tank.level": 1.8,
}
STILL: Inputs = {**PUMP, "pump.speed": 0.0, "pump.flow": 0.0}


@pytest.mark.parametrize(
    ("rule", "changes", "expected"),
    [
        ("dry-run", {"pump.dry-run": True}, True),
        ("dry-run", {"tank.level": 0.1}, True),
        ("dry-run", {"tank.level": 0.1, "pump.speed": 0.0}, False),
        ("dry-run", {"tank.level": 0.1, "pump.speed": None}, True),
        ("dry-run", {"tank.level": 0.1, "pump.speed": None, "pump.running": None}, None),
        ("dry-run", {"tank.level": None}, None),
        ("dry-run", {"tank.level": None, "pump.dry-run": True}, True),
        ("dry-run", {"pump.dry-run": None}, None),
        ("dry-run", {}, False),
        ("no-flow", {"pump.flow": 0.0}, True),
        ("no-flow", {"pump.flow": 0.0, "pump.speed": 0.0}, False),
        ("no-flow", {"pump.flow": 0.0, "pump.dry-run": True}, None),
        ("no-flow", {"pump.flow": None}, None),
        ("no-flow", {"pump.flow": 0.2}, False),
        ("low-pressure", {"pump.discharge-pressure": 1.4}, True),
        ("low-pressure", {"pump.discharge-pressure": 1.4, "pump.dry-run": True}, None),
        ("low-pressure", {"pump.discharge-pressure": None}, None),
        ("low-pressure", {}, False),
        ("high-pressure", {"pump.discharge-pressure": 10.2}, True),
        ("high-pressure", {}, False),
        ("sump-high", {"sump.high": True}, True),
        ("sump-high", {"sump.high": False, "sump.level": 1.6}, True),
        ("sump-high", {"sump.high": None, "sump.level": 1.0}, None),
        ("sump-high", {"sump.high": False, "sump.level": 1.0}, False),
    ],
)
def test_pump(rule: str, changes: Inputs, expected: Truth) -> None:
    assert Watcher(Family.PUMP).truth(rule, 0, {**PUMP, **changes}) is expected


def test_starts_are_counted_and_too_many_in_an_hour_are_short_cycling() -> None:
    watcher = Watcher(Family.PUMP)
    seen = []
    for start in range(25):
        watcher.see(start * 100, STILL)
        seen.append(watcher.see(start * 100 + 50, PUMP))
    assert [one.found["short-cycling"].truth for one in seen] == [False] * 20 + [True] * 5
    assert seen[-1].figures == {"starts_counted": 25.0, "starts_last_hour": 25.0, "run_hours_counted": 0.0}
    watcher.restart()
    after = watcher.see(2500, PUMP, boot="another")
    assert after.found["short-cycling"].truth is True
    assert after.figures["starts_counted"] == 25.0
    assert watcher.see(2450 + 3600, PUMP, boot="another").found["short-cycling"].truth is False
    assert watcher.see(9000, {**PUMP, "pump.speed": None, "pump.running": None}).found["short-cycling"].truth is None


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"pump.fault": True}, {"pump.fault": True}, True),
        ({"pump.fault": True}, {"pump.fault": False}, False),
        ({"pump.fault": True}, {"pump.fault": None}, None),
        ({"pump.fault": False}, {"pump.fault": None}, False),
        ({"pump.fault": False, "pump.unavailable": True}, {"pump.fault": True}, True),
        ({"pump.fault": True, "pump.dry-run": True}, {"pump.fault": True, "pump.dry-run": True}, None),
        ({"pump.fault": True, "pump.dry-run": True}, {"pump.fault": True, "pump.dry-run": False}, True),
    ],
)
def test_no_pump_left(first: Inputs, second: Inputs, expected: Truth) -> None:
    assert Watcher(Family.PUMPSET).truth("all-out", 0, {}, [first, second]) is expected


def test_pumps_that_do_not_take_turns_are_told_after_days() -> None:
    def week(by_day: list[int]) -> list[Truth]:
        """`by_day[k]`: which pump runs on day k, or both (2)."""
        watcher, seen = Watcher(Family.PUMPSET), []
        for day, runs in enumerate(by_day):
            for minute in range(0, 24 * 60, 2):
                turns = [{"pump.running": runs in (which, 2)} for which in (0, 1)]
                says = watcher.see(day * 86_400 + minute * 60, {}, turns)
            seen.append(says.found["alternation"].truth)
            watcher.restart()
        return seen

    assert week([0, 0, 0]) == [None, None, True]
    assert week([0, 1, 1])[-1] is False


def test_pressure_that_falls_at_rest_without_use_is_a_leak() -> None:
    rest: list[Inputs] = [{"pump.running": False}] * 2
    watcher = Watcher(Family.PUMPSET)

    def see(second: int, bar: float, flow: float = 0.0, pumps: list[Inputs] = rest) -> Truth:
        return watcher.truth("check-valve", second, {"pump.discharge-pressure": bar, "supply.flow": flow}, pumps)

    assert [see(0, 4.5), see(60, 4.4), see(120, 4.1)] == [False, False, True]
    watcher.restart()
    assert see(180, 4.1) is True
    assert see(200, 3.0, pumps=[{"pump.running": True}, {"pump.running": False}]) is True, "what was found stands"
    assert [see(300, 4.5), see(600, 4.45), see(901, 4.4)] == [True, True, False]
    assert [see(1000, 4.5, 1.0), see(1060, 3.0, 1.0)] == [False, False], "somebody draws"
