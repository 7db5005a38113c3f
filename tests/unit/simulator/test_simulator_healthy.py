"""A gateway that cries wolf is switched off: a building in which nothing happens raises no alarm and gives no bad value."""

import pytest
from site_kit import Watched, example, modbus_devices

from edgeguard.simulator.faults import DEMO, DEMO_REPEAT_S, Fault, Faults
from edgeguard.simulator.site import SimulatedSite

pytestmark = pytest.mark.slow

HOUR_S = 3600.0


def life(seed: int, start_s: float, seconds: int, faults: tuple[Fault, ...] = ()) -> list[str]:
    """Everything bad and every change of an alarm in so long a time."""
    house = SimulatedSite(example(), seed, start_s=start_s)
    Faults(house, faults, DEMO_REPEAT_S)
    devices = [Watched.of(house, name) for name in modbus_devices(house)]
    told: list[str] = []
    for second in range(1, seconds + 1):
        house.advance(0.5)
        house.advance(0.5)
        for device in devices:
            if second % (device.appliance.spec.period_ms // 1000) == 0:
                told += [f"{second} s: {line}" for line in device.look(second)]
    return told


def test_a_healthy_morning_is_quiet() -> None:
    assert life(1, 7.5 * HOUR_S, 120) == []


@pytest.mark.slow
@pytest.mark.parametrize("start_s", [3 * HOUR_S, 7.5 * HOUR_S, 19 * HOUR_S], ids=["night", "morning", "evening"])
@pytest.mark.parametrize("seed", [1, 8])
def test_a_healthy_building_is_quiet(seed: int, start_s: float) -> None:
    assert life(seed, start_s, 600) == []


def test_a_bad_morning_is_not() -> None:
    told = life(1, 7.6 * HOUR_S, 60, DEMO)
    assert any(line.endswith("pump-1.pump-alarm active") for line in told)
