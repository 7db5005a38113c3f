"""Pumps and sets: true, false, unknown; counters; what a set shows over days."""

import math

import pytest
from domain_kit import Watcher

from edgeguard.core.clock import Stamp
from edgeguard.core.domain import Family
from edgeguard.core.ids import BootId
from edgeguard.rules.pump import PumpMemory
from edgeguard.rules.pumpset import REST_MS, SetMemory
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
    watcher.restart("another", up_since_s=2460)
    after = watcher.see(2500, PUMP)
    assert after.found["short-cycling"].truth is True
    assert after.figures["starts_counted"] == 25.0
    assert watcher.see(2450 + 3600, PUMP).found["short-cycling"].truth is False
    assert watcher.see(9000, {**PUMP, "pump.speed": None, "pump.running": None}).found["short-cycling"].truth is None


CLOCKS = {
    "set for the first time": (-1.79e9, False, 0.0, True),
    "an hour back": (0.0, True, -3600.0, True),
    "400 days": (0.0, True, 34.56e6, True),
}


@pytest.mark.parametrize(("before_s", "before_set", "after_s", "after_set"), CLOCKS.values(), ids=CLOCKS)
def test_a_clock_that_jumps_neither_forgets_starts_nor_keeps_them(
    before_s: float, before_set: bool, after_s: float, after_set: bool
) -> None:
    watcher = Watcher(Family.PUMP)
    watcher.wrong_s = before_s
    for start in range(12):
        watcher.see(start * 100, STILL, synced=before_set)
        watcher.see(start * 100 + 50, PUMP, synced=before_set)
    watcher.wrong_s = after_s
    for start in range(12, 24):
        watcher.see(start * 100, STILL, synced=after_set)
        says = watcher.see(start * 100 + 50, PUMP, synced=after_set)
    assert (says.figures["starts_last_hour"], says.found["short-cycling"].truth) == (24.0, True)
    quiet = watcher.see(1150 + 3600, PUMP, synced=after_set)
    assert quiet.figures["starts_last_hour"] == 12.0, "each goes an hour after it, by no clock that can be set"


def test_starts_before_a_restart_of_the_machine_are_as_old_as_can_be_proved() -> None:
    def after(before_set: bool, wrong_s: float, up_since_s: float) -> float:
        watcher = Watcher(Family.PUMP)
        watcher.wrong_s = wrong_s
        for start in range(5):
            watcher.see(start * 100, STILL, synced=before_set)
            watcher.see(start * 100 + 50, PUMP, synced=before_set)
        watcher.restart("another", up_since_s)
        watcher.wrong_s = 0.0
        return watcher.see(5000, PUMP).figures["starts_last_hour"]

    assert after(before_set=True, wrong_s=0.0, up_since_s=4900) == 0.0, "by the wall clock the newest was 4,550 s ago"
    assert after(before_set=False, wrong_s=-1.79e9, up_since_s=4900) == 5.0, "nobody knows; the machine has been up for 100 s"
    assert after(before_set=False, wrong_s=-1.79e9, up_since_s=1300) == 0.0, "it has been up for longer than an hour"


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


def test_run_time_of_two_days_is_never_counted_to_one() -> None:
    """A set is looked at when a day of its counting ends, whatever its pumps do, and when a rest has lasted long enough."""
    midnight = Stamp(20_719 * 86_400_000, 5_000_000, BootId("b"), synced=True)
    assert SetMemory().due_ms(midnight.before(10.0)) == midnight.boot_ms
    assert SetMemory(rest_bar=4.0, rest_ms=4_995_000 - REST_MS).due_ms(midnight.before(10.0)) == 4_995_000
    assert SetMemory().due_ms(midnight) == midnight.boot_ms + 86_400_000


def test_a_start_that_is_an_hour_old_is_looked_at_to_the_millisecond() -> None:
    now = Stamp(20_719 * 86_400_000, 5_000_000, BootId("b"), synced=True)
    assert PumpMemory().started(now).started(now.before(-60.0)).due_ms(now) == now.boot_ms + 3_600_000
    assert PumpMemory().due_ms(now) == math.inf
