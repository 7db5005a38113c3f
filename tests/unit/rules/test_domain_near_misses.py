"""Every domain rule, just beyond its limit and just not: the whole list, so that none is without a true case and a near miss."""

from collections.abc import Mapping
from types import MappingProxyType

import pytest
from alarm_kit import step_alarm
from domain_kit import RULES, Watcher, at

from edgeguard.core.alarm import Alarm, AlarmRule, Condition
from edgeguard.core.domain import DomainRule, Family
from edgeguard.core.ids import AlarmName, DeviceName
from edgeguard.rules.truth import Inputs

CAR: Inputs = {
    "lift.occupied": True, "lift.moving": False, "lift.speed": 0.0, "lift.rated-speed": 1.0, "lift.door-open": False,
    "lift.door-closed": True, "lift.door-zone": True, "lift.inspection": False, "lift.door-opening": False,
    "lift.door-closing": False,
}  # fmt: skip
TURNS: Inputs = {
    "pump.speed": 2900.0, "pump.flow": 3.0, "pump.discharge-pressure": 4.0, "tank.level": 2.0, "pump.dry-run": False,
    "sump.level": 0.5, "sump.high": False,
}  # fmt: skip
MAINS: Inputs = {f"electric.voltage.l{k}": 220.0 for k in (1, 2, 3)}


def phase(number: int, volts: float) -> Inputs:
    """A supply with one phase at that voltage."""
    return {**MAINS, f"electric.voltage.l{number}": volts}


Case = tuple[Inputs, Inputs]
"""Just beyond, and just not."""
TABLE: Mapping[str, Case] = MappingProxyType(
    {
        "trapped": ({**CAR, "lift.door-zone": False}, {**CAR, "lift.door-zone": False, "lift.door-open": True}),
        "stopped-between-floors": ({**CAR, "lift.door-zone": False}, {**CAR, "lift.door-zone": False, "lift.speed": 0.03}),
        "overspeed": ({**CAR, "lift.speed": 1.151}, {**CAR, "lift.speed": 1.15}),
        "levelling-error": (
            {**CAR, "lift.door-closed": False, "lift.levelling-offset": -20.1},
            {**CAR, "lift.door-closed": False, "lift.levelling-offset": 20.0},
        ),
        "door-not-opening": ({**CAR, "lift.door-opening": True}, {**CAR, "lift.door-opening": True, "lift.inspection": True}),
        "door-not-closing": ({**CAR, "lift.door-closing": True}, {**CAR, "lift.door-opening": True}),
        "dry-run": ({**TURNS, "tank.level": 0.19}, {**TURNS, "tank.level": 0.2}),
        "no-flow": ({**TURNS, "pump.flow": 0.04}, {**TURNS, "pump.flow": 0.05}),
        "low-pressure": ({**TURNS, "pump.discharge-pressure": 1.49}, {**TURNS, "pump.discharge-pressure": 1.5}),
        "high-pressure": ({**TURNS, "pump.discharge-pressure": 10.01}, {**TURNS, "pump.discharge-pressure": 10.0}),
        "sump-high": ({**TURNS, "sump.level": 1.51}, {**TURNS, "sump.level": 1.5}),
        **{f"over-voltage-l{k}": (phase(k, 235.5), phase(k, 235.4)) for k in (1, 2, 3)},
        **{f"under-voltage-l{k}": (phase(k, 204.5), phase(k, 204.6)) for k in (1, 2, 3)},
        "over-voltage": ({"electric.voltage": 235.5}, {"electric.voltage": 235.4}),
        "under-voltage": ({"electric.voltage": 197.9}, {"electric.voltage": 198.0}),
        "phase-loss": ({**MAINS, "electric.voltage.l2": 109.9}, {**MAINS, "electric.voltage.l2": 110.0}),
        "voltage-unbalance": ({**MAINS, "electric.voltage.l1": 227.0}, {**MAINS, "electric.voltage.l1": 226.0}),
        "voltage-unbalance-high": ({**MAINS, "electric.voltage.l1": 234.0}, {**MAINS, "electric.voltage.l1": 233.0}),
        "overload": ({"electric.load": 100.1}, {"electric.load": 100.0}),
        "power-factor-low": (
            {"electric.power-factor": 0.84, "electric.power": 10.1}, {"electric.power-factor": 0.84, "electric.power": 10.0},
        ),
        "terminal-hot": ({"electric.temperature.n": 90.1}, {"electric.temperature.n": 90.0}),
        "fire-pressure-low": ({"fire.pressure": 0.69}, {"fire.pressure": 0.7}),
        "fire-level-low": ({"fire.level": 0.99}, {"fire.level": 1.0}),
        "fire-valve-closed": ({"fire.valve-open": False}, {"fire.valve-open": True}),
        "fire-pump-running": ({"fire.pump-running": True}, {"fire.pump-running": False}),
    }
)  # fmt: skip
OVER_TIME = frozenset({"short-cycling", "all-out", "alternation", "check-valve", "night-flow"})
"""What takes hours, days or several pumps to see: below, and in the tests of their families."""
EVERY = [(family, rule) for family, rules in RULES.items() for rule in rules]


AT_ONCE = [pytest.param(family, rule, id=rule.name) for family, rule in EVERY if rule.name not in OVER_TIME]


@pytest.mark.parametrize(("family", "rule"), AT_ONCE)
def test_a_rule_holds_just_beyond_its_limit_and_not_on_it(family: Family, rule: DomainRule) -> None:
    beyond, miss = TABLE[rule.name]

    assert Watcher(family).truth(rule.name, 0, beyond) is True
    assert Watcher(family).truth(rule.name, 0, miss) is False


def test_every_rule_speaks_both_languages_and_says_what_to_check() -> None:
    for _, rule in EVERY:
        assert all((rule.text.zh, rule.text.en, rule.advice.zh, rule.advice.en, rule.source)), rule.name
        assert rule.text.zh != rule.text.en
    assert {rule.name for _, rule in EVERY} == set(TABLE) | OVER_TIME


def test_twenty_starts_an_hour_are_none_too_many() -> None:
    watcher = Watcher(Family.PUMP)
    still: Inputs = {**TURNS, "pump.speed": 0.0}
    seen = []
    for start in range(21):
        watcher.see(start * 120, still)
        seen.append(watcher.truth("short-cycling", start * 120 + 60, TURNS))
    assert (seen[19], seen[20]) == (False, True)


def test_a_set_with_one_pump_left_is_no_outage() -> None:
    assert Watcher(Family.PUMPSET).truth("all-out", 0, {}, [{"pump.fault": True}, {"pump.fault": True}]) is True
    assert Watcher(Family.PUMPSET).truth("all-out", 0, {}, [{"pump.fault": True}, {"pump.fault": False}]) is False


@pytest.mark.parametrize(("name", "high_s"), [("dry-run", 4), ("sump-high", 12)])
def test_waves_at_a_limit_are_one_alarm(name: str, high_s: int) -> None:
    """One that chatters is shelved by the gateway: a critical one must not be, because of waves in a tank."""
    rule = next(rule for rule in RULES[Family.PUMP] if rule.name == name)
    watched = AlarmRule(
        AlarmName(f"pump.{name}"), DeviceName("pump"), Condition.WATCHED, rule.severity, rule.text,
        on_delay_ms=rule.on_delay_ms, off_delay_ms=rule.off_delay_ms,
    )  # fmt: skip
    alarm, told = Alarm(), []
    for second in range(120):
        alarm, change = step_alarm(watched, alarm, second % (high_s + 4) < high_s, None, at(second))
        told += [change.state.value] if change is not None else []
    assert told == ["active"]
