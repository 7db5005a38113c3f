"""What a lift shows, and what its rules make of it: true, false, unknown."""

import pytest
from domain_kit import Watcher

from edgeguard.core.domain import Family
from edgeguard.rules.truth import Inputs, Truth

# a terminal of GB/T 24476, and a controller that shows more
TERMINAL: Inputs = {
    "lift.occupied": False,
    "lift.moving": False,
    "lift.door-closed": True,
    "lift.door-zone": True,
    "lift.door-fault": False,
    "lift.inspection": False,
    "lift.fault": False,
}
CONTROLLER: Inputs = {
    "lift.load": 0.0,
    "lift.speed": 0.0,
    "lift.rated-speed": 1.75,
    "lift.door-open": False,
    "lift.door-closed": True,
    "lift.travelling": False,
    "lift.inspection": False,
    "lift.fault": False,
    "lift.door-opening": False,
    "lift.door-closing": False,
}


@pytest.mark.parametrize(
    ("base", "changes", "expected"),
    [
        (TERMINAL, {"lift.occupied": True, "lift.fault": True}, True),
        (TERMINAL, {"lift.occupied": True, "lift.door-zone": False}, True),
        (TERMINAL, {"lift.occupied": True, "lift.door-closed": False, "lift.door-fault": True}, True),
        (TERMINAL, {"lift.occupied": True, "lift.door-closed": False}, False),
        (TERMINAL, {"lift.occupied": True, "lift.fault": True, "lift.moving": True}, False),
        (TERMINAL, {"lift.occupied": True, "lift.fault": True, "lift.inspection": True}, False),
        (TERMINAL, {"lift.fault": True}, False),
        (TERMINAL, {"lift.occupied": True}, False),
        (TERMINAL, {"lift.occupied": None, "lift.fault": True}, None),
        (TERMINAL, {"lift.occupied": None, "lift.fault": True, "lift.moving": True}, False),
        (TERMINAL, {"lift.occupied": True, "lift.fault": True, "lift.door-closed": None}, None),
        (CONTROLLER, {"lift.load": 16.0, "lift.fault": True}, True),
        (CONTROLLER, {"lift.load": 16.0, "lift.fault": True, "lift.door-closed": False}, True),
        (CONTROLLER, {"lift.load": 16.0, "lift.fault": True, "lift.door-open": True, "lift.door-closed": False}, False),
        (CONTROLLER, {"lift.load": 2.0, "lift.fault": True}, False),
        (CONTROLLER, {"lift.load": 16.0, "lift.fault": True, "lift.speed": 1.7}, False),
        (CONTROLLER, {"lift.load": 16.0, "lift.speed": None, "lift.fault": True}, None),
        (CONTROLLER, {"lift.load": None, "lift.fault": True}, None),
    ],
)
def test_trapped(base: Inputs, changes: Inputs, expected: Truth) -> None:
    assert Watcher(Family.LIFT).truth("trapped", 0, {**base, **changes}) is expected


def test_somebody_behind_closed_doors_without_a_fault_counts_after_a_while() -> None:
    watcher, held = Watcher(Family.LIFT), {**TERMINAL, "lift.occupied": True}
    seen = [watcher.truth("trapped", second, held) for second in (0, 60, 89, 90, 120)]
    assert seen == [False, False, False, True, True]
    assert watcher.truth("trapped", 121, {**held, "lift.door-closed": False}) is False
    assert watcher.truth("trapped", 122, held) is False, "the time begins anew"
    watcher.restart()
    assert watcher.truth("trapped", 300, held) is False, "and after a restart"


def test_a_load_cell_alone_has_nobody_trapped_in_a_parked_car() -> None:
    watcher = Watcher(Family.LIFT)
    assert not any(watcher.truth("trapped", second, {**CONTROLLER, "lift.load": 6.0}) for second in range(0, 7200, 60))


@pytest.mark.parametrize(
    ("rule", "base", "changes", "expected"),
    [
        ("stopped-between-floors", TERMINAL, {"lift.door-zone": False}, True),
        ("stopped-between-floors", TERMINAL, {"lift.door-zone": False, "lift.moving": True}, False),
        ("stopped-between-floors", TERMINAL, {"lift.door-zone": False, "lift.inspection": True}, False),
        ("stopped-between-floors", TERMINAL, {"lift.door-zone": None}, None),
        ("stopped-between-floors", TERMINAL, {"lift.stop-outside-zone": True}, True),
        ("stopped-between-floors", CONTROLLER, {"lift.travelling": True}, True),
        ("stopped-between-floors", CONTROLLER, {"lift.travelling": True, "lift.speed": 0.3}, False),
        ("stopped-between-floors", CONTROLLER, {"lift.travelling": True, "lift.speed": None}, None),
        ("overspeed", CONTROLLER, {"lift.speed": 2.02}, True),
        ("overspeed", CONTROLLER, {"lift.speed": -2.02}, True),
        ("overspeed", CONTROLLER, {"lift.speed": 2.01}, False),
        ("overspeed", CONTROLLER, {"lift.speed": None}, None),
        ("overspeed", CONTROLLER, {"lift.rated-speed": None, "lift.speed": 9.0}, None),
        ("overspeed", CONTROLLER, {"lift.rated-speed": 0.0, "lift.speed": 9.0}, None),
        ("levelling-error", TERMINAL, {"lift.door-closed": False, "lift.door-zone": False}, True),
        ("levelling-error", TERMINAL, {"lift.door-closed": False}, False),
        ("levelling-error", TERMINAL, {"lift.door-zone": False}, False),
        ("levelling-error", TERMINAL, {"lift.door-closed": None, "lift.door-zone": False}, None),
        ("levelling-error", TERMINAL, {"lift.levelling-offset": -24.0, "lift.door-closed": False}, True),
        ("levelling-error", TERMINAL, {"lift.levelling-offset": 12.0, "lift.door-closed": False}, False),
        ("levelling-error", TERMINAL, {"lift.levelling-offset": None, "lift.door-closed": False}, None),
        ("levelling-error", {"lift.levelling-offset": 25.0, "lift.speed": 0.0}, {}, True),
        ("door-not-opening", CONTROLLER, {"lift.door-opening": True}, True),
        ("door-not-opening", CONTROLLER, {"lift.door-opening": None}, None),
        ("door-not-closing", CONTROLLER, {"lift.door-closing": True}, True),
        ("door-not-closing", CONTROLLER, {"lift.door-closing": True, "lift.inspection": True}, False),
        ("door-not-closing", CONTROLLER, {"lift.door-closing": True, "lift.inspection": None}, None),
    ],
)
def test_other_rules(rule: str, base: Inputs, changes: Inputs, expected: Truth) -> None:
    assert Watcher(Family.LIFT).truth(rule, 0, {**base, **changes}) is expected


def test_counters_grow_only_by_what_was_seen() -> None:
    watcher, runs = Watcher(Family.LIFT), {**TERMINAL, "lift.moving": True}
    opened = {**TERMINAL, "lift.door-closed": False}
    for second, inputs in enumerate([TERMINAL, runs, runs, TERMINAL, opened, TERMINAL, runs]):
        figures = watcher.see(second * 60, inputs).figures
    assert figures == {"trips_counted": 2.0, "door_cycles_counted": 1.0, "run_hours_counted": 0.01}
    watcher.see(420, runs)
    watcher.see(480, {**runs, "lift.moving": None})
    watcher.see(540, runs)
    figures = watcher.see(5000, runs).figures
    assert figures["trips_counted"] == 2.0, "unknown is no end"
    assert figures["run_hours_counted"] == 0.03, "nothing is counted over what is unknown, and over a gap"


def test_counters_survive_a_restart_in_the_middle_of_a_trip() -> None:
    watcher, runs = Watcher(Family.LIFT), {**TERMINAL, "lift.moving": True}
    watcher.see(0, TERMINAL)
    for second in range(10, 80, 10):
        before = watcher.see(second, runs).figures
    watcher.restart("another", up_since_s=85)
    after = watcher.see(90, runs).figures
    assert after == before, "the trip goes on, it is no second one, and the pause is not counted"
    watcher.see(100, TERMINAL)
    assert watcher.see(110, runs).figures["trips_counted"] == 2.0
