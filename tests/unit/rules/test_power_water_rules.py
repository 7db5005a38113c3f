"""Supplies, leaks by night, and fire water: true, false, unknown."""

import math
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

import pytest
from domain_kit import BEGUN_MS, ZONE, Watcher

from edgeguard.core.domain import Family
from edgeguard.rules.power import unbalance_percent
from edgeguard.rules.truth import Inputs, Truth

NEVER: Mapping[float, float] = MappingProxyType({})
MAINS: Inputs = {
    "electric.voltage.l1": 230.0,
    "electric.voltage.l2": 231.0,
    "electric.voltage.l3": 229.0,
    "electric.power": 20.0,
    "electric.power-factor": 0.95,
}
L2 = "electric.voltage.l2"


@pytest.mark.parametrize(
    ("rule", "changes", "expected"),
    [
        ("over-voltage-l2", {L2: 235.5}, True),
        ("over-voltage-l2", {L2: 235.4}, False),
        ("over-voltage-l2", {L2: None}, None),
        ("under-voltage-l2", {L2: 204.5}, True),
        ("under-voltage-l2", {L2: 204.6}, False),
        ("under-voltage-l2", {L2: 0.0}, None),
        ("under-voltage-l1", {L2: 0.0}, False),
        ("phase-loss", {L2: 0.0}, True),
        ("phase-loss", {L2: 109.0, "electric.voltage.l1": None}, True),
        ("phase-loss", {L2: None}, None),
        ("phase-loss", {f"electric.voltage.l{k}": 0.0 for k in (1, 2, 3)}, False),
        ("phase-loss", {}, False),
        ("voltage-unbalance", {L2: 220.0}, True),
        ("voltage-unbalance", {L2: 0.0}, None),
        ("voltage-unbalance", {L2: None}, None),
        ("voltage-unbalance", {}, False),
        ("voltage-unbalance-high", {L2: 220.0}, False),
        ("voltage-unbalance-high", {L2: 212.0}, True),
        ("power-factor-low", {"electric.power-factor": 0.8}, True),
        ("power-factor-low", {"electric.power-factor": -0.8}, True),
        ("power-factor-low", {"electric.power-factor": 0.8, "electric.power": 3.0}, False),
        ("power-factor-low", {"electric.power-factor": None}, None),
        ("overload", {"electric.load": 101.0}, True),
        ("overload", {"electric.load": None}, None),
        ("terminal-hot", {"electric.temperature.l1": 91.0, "electric.temperature.l2": None}, True),
        ("terminal-hot", {"electric.temperature.l1": 60.0, "electric.temperature.l2": None}, None),
        ("over-voltage", {"electric.voltage": 236.0}, True),
        ("under-voltage", {"electric.voltage": 199.0}, False),
        ("under-voltage", {"electric.voltage": 197.0}, True),
    ],
)
def test_power(rule: str, changes: Inputs, expected: Truth) -> None:
    assert Watcher(Family.POWER).truth(rule, 0, {**MAINS, **changes}) is expected


def test_unbalance_by_line_voltages_is_that_of_the_symmetrical_components() -> None:
    a = complex(-0.5, math.sqrt(3) / 2)
    phases = (220.0 + 0j, 212.0 * a * a * complex(math.cos(0.02), math.sin(0.02)), 226.0 * a)
    positive = abs(phases[0] + a * phases[1] + a * a * phases[2])
    negative = abs(phases[0] + a * a * phases[1] + a * phases[2])
    lines = {f"electric.voltage.l{i + 1}-l{(i + 1) % 3 + 1}": abs(phases[i] - phases[(i + 1) % 3]) for i in range(3)}
    assert unbalance_percent(lines) == pytest.approx(100.0 * negative / positive, rel=1e-6)
    assert unbalance_percent(dict.fromkeys(lines, 400.0)) == pytest.approx(0.0, abs=1e-4)
    assert unbalance_percent(dict.fromkeys(lines, 0.0)) is None


@pytest.mark.parametrize(
    ("rule", "inputs", "expected"),
    [
        ("fire-pressure-low", {"fire.pressure": 0.69}, True),
        ("fire-pressure-low", {"fire.pressure": 0.7}, False),
        ("fire-pressure-low", {"fire.pressure": None}, None),
        ("fire-level-low", {"fire.level": 0.9}, True),
        ("fire-valve-closed", {"fire.valve-open": False}, True),
        ("fire-valve-closed", {"fire.valve-open": True}, False),
        ("fire-valve-closed", {"fire.valve-open": None}, None),
        ("fire-pump-running", {"fire.pump-running": True}, True),
    ],
)
def test_fire_water(rule: str, inputs: Inputs, expected: Truth) -> None:
    assert Watcher(Family.WATER).truth(rule, 0, inputs) is expected


def days(
    nights: list[float],
    role: str = "water.volume",
    restarts: bool = False,
    gap: bool = False,
    wrong: Mapping[float, float] = NEVER,
    zone: ZoneInfo = ZONE,
) -> list[Truth]:
    """Ten minutes a step: 3 m3/h by day, and `nights[k]` between 2 and 5 of day k; the verdict at the noon after each night.

    `wrong`: from which hour on the wall clock is so many seconds ahead.
    """
    begun = datetime.fromtimestamp(BEGUN_MS / 1000, zone)
    midnight_s = 86_400 - (begun.hour * 3600 + begun.minute * 60 + begun.second)
    watcher, volume, seen = Watcher(Family.WATER, zone), 100.0, []
    for day, night in enumerate([*nights, 3.0]):
        for step in range(24 * 6):
            second = midnight_s + day * 86_400 + step * 600
            watcher.wrong_s = wrong.get(day * 24 + step / 6, watcher.wrong_s)
            flow = night if 2 <= step / 6 < 5 else 3.0
            volume += flow / 6
            known = None if gap and 10 <= step / 6 < 14 else (volume if role == "water.volume" else flow)
            says = watcher.see(second, {role: known})
            if restarts and step % 50 == 0:
                watcher.restart()
        seen.append(says.found["night-flow"].truth)
    return seen[1:]


@pytest.mark.parametrize("jump_s", [1800.0, 1200.0, -600.0, -3600.0, 34.56e6])
def test_a_clock_that_jumps_in_a_night_invents_no_leak_and_hides_none(jump_s: float) -> None:
    jumps = {24 + 3 + 1 / 6: jump_s, 24 + 4.0: 0.0}
    assert days([0.3] * 3, wrong=jumps) == [False, False, False]
    assert days([1.3] * 3, wrong=jumps)[2], "a night that cannot be judged is none between two bad ones"


def test_two_bad_nights_are_a_leak() -> None:
    assert days([0.1, 2.0, 2.0, 0.1]) == [False, False, True, False]


@pytest.mark.parametrize("zone", ["America/New_York", "UTC", "Pacific/Auckland"])
def test_nights_are_those_of_the_site_wherever_the_machine_thinks_it_is(zone: str) -> None:
    assert days([0.1, 2.0, 2.0, 0.1], zone=ZoneInfo(zone)) == [False, False, True, False]


def test_a_flow_is_added_up_where_there_is_no_volume() -> None:
    assert days([2.0, 2.0], "water.flow") == [False, True]


def test_the_hours_survive_restarts() -> None:
    assert days([0.1, 2.0, 2.0, 0.1], restarts=True) == [False, False, True, False]


def test_a_day_with_holes_is_not_judged() -> None:
    assert days([2.0, 2.0], gap=True) == [None, None]
