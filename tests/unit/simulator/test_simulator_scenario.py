"""Timelines: each happening once, in order, whatever the step; the demo's own leads to its alarms in time."""

from hypothesis import given
from hypothesis import strategies as st

from edgeguard.core.point import Labels
from edgeguard.simulator.pumps import PumpAlarm
from edgeguard.simulator.scenario import DEMO, Happening, Scenario
from edgeguard.simulator.simulated import SimulatedBuilding

NAMES = Labels(zh="某事", en="something")


@given(st.lists(st.floats(0.01, 40.0), min_size=1, max_size=60), st.sampled_from([None, 25.0, 100.0]))
def test_each_happening_comes_once_a_lap(parts: list[float], repeat_s: float | None) -> None:
    scenario = Scenario((Happening(0.0, NAMES), Happening(10.0, NAMES), Happening(24.5, NAMES)), repeat_s=repeat_s)
    now_s, seen = -1.0, []
    for part in parts:
        seen += [happening.at_s for happening in scenario.between(now_s, now_s + part)]
        now_s += part
    whole = [happening.at_s for happening in scenario.between(-1.0, now_s)]
    assert seen == whole
    if repeat_s is None:
        assert len(whole) <= 3


def alarms_at(house: SimulatedBuilding, until_s: float) -> tuple[PumpAlarm, int]:
    """What pumps and lift complain of at a moment of simulated time."""
    while house.elapsed_s < until_s:
        house.advance(0.1)
    return house.state.pumps.control.alarm, house.state.lift.fault


def test_the_demo_leads_to_its_alarms_within_15_s() -> None:
    house = SimulatedBuilding(1, scenario=DEMO)
    assert alarms_at(house, 15.0) == (PumpAlarm.DRY_RUN, 48)
    assert alarms_at(house, 99.0) == (PumpAlarm.NONE, 0)
    assert house.last_happening is not None


def test_the_demo_is_the_same_for_every_seed_where_it_matters() -> None:
    for seed in range(5):
        assert alarms_at(SimulatedBuilding(seed, scenario=DEMO), 15.0) == (PumpAlarm.DRY_RUN, 48)
