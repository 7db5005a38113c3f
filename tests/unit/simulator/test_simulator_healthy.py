"""A gateway that cries wolf is switched off: a building in which nothing happens raises no alarm and gives no bad value."""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from edgeguard.codec.block import Block, compile_block
from edgeguard.codec.plan import Span
from edgeguard.config import load_site, shipped_configs
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId
from edgeguard.core.point import Outcome
from edgeguard.core.quality import Fault
from edgeguard.core.site import DeviceSpec
from edgeguard.core.snapshot import Snapshot
from edgeguard.rules.engine import DeviceRules, DeviceState, step
from edgeguard.simulator.map_lift import lift_image
from edgeguard.simulator.map_meters import dtsd1352_image, sdm630_image, water_image
from edgeguard.simulator.map_pump import pump_image
from edgeguard.simulator.registers import Image
from edgeguard.simulator.scenario import DEMO, Scenario
from edgeguard.simulator.simulated import SimulatedBuilding

HOUR_S = 3600.0


def at(second: int) -> Stamp:
    return Stamp(second * 1000, second * 1000, BootId("boot"), synced=True)


@dataclass(slots=True)
class Watched:
    """A device of the shipped example, watched by the rules that its profile and the example give it."""

    spec: DeviceSpec
    image: Callable[[], Image]
    blocks: tuple[Block, ...]
    rules: DeviceRules
    state: DeviceState

    @classmethod
    def of(cls, spec: DeviceSpec, image: Callable[[], Image]) -> "Watched":
        profile = spec.profile
        spans = (Span(field.table, field.address, field.words, (i,)) for i, field in enumerate(profile.fields))
        rules = DeviceRules.of(spec.name, profile.points, spec.alarms)
        blocks = tuple(compile_block(span, profile.points, profile.fields) for span in spans)
        return cls(spec, image, blocks, rules, DeviceState.fresh(rules, {}, at(0)))

    def look(self, second: int) -> list[str]:
        """One round: what is bad, and which alarms change."""
        image = self.image()
        outcomes = tuple(self._outcome(i, image) for i in range(len(self.blocks)))
        bad = [f"{self.spec.name}.{self.rules.points[i].name}: {o}" for i, o in enumerate(outcomes) if isinstance(o, Fault)]
        snapshot = Snapshot(self.spec.name, at(second), self.rules.points, outcomes, answered=True)
        self.state, outputs = step(self.rules, self.state, snapshot)
        return [*bad, *(f"{change.rule.name} {change.state}" for change in outputs.changes)]

    def _outcome(self, i: int, image: Image) -> Outcome:
        block, field = self.blocks[i], self.spec.profile.fields[i]
        words = image.read(field.table, field.address, field.words)
        found = block.decode(block.head + struct.pack(f">{len(words)}H", *words))
        return found if isinstance(found, Fault) else found[0]


def images(house: SimulatedBuilding) -> Mapping[str, Callable[[], Image]]:
    return {
        "lift-1": lambda: lift_image(house.spec.lift, house.state.lift, house.state.drive),
        "pump-1": lambda: pump_image(house.spec.pumps, house.state.pumps, 0),
        "pump-2": lambda: pump_image(house.spec.pumps, house.state.pumps, 1),
        "main-meter": lambda: sdm630_image(house.state.main_meter),
        "plant-meter": lambda: dtsd1352_image(house.state.plant_meter),
        "water-meter": lambda: water_image(house.state.water),
    }


def life(seed: int, start_s: float, seconds: int, scenario: Scenario | None = None) -> list[str]:
    """Everything bad and every change of an alarm in so long a time."""
    house = SimulatedBuilding(seed, start_s=start_s) if scenario is None else SimulatedBuilding(seed, scenario=scenario)
    maps = images(house)
    devices = [Watched.of(spec, maps[spec.name]) for spec in load_site(shipped_configs() / "site.example.toml").devices]
    told: list[str] = []
    for second in range(1, seconds + 1):
        house.advance(0.5)
        house.advance(0.5)
        for device in devices:
            if second % (device.spec.period_ms // 1000) == 0:
                told += [f"{second} s: {line}" for line in device.look(second)]
    return told


def test_a_healthy_morning_is_quiet() -> None:
    assert life(1, 7.5 * HOUR_S, 300) == []


@pytest.mark.slow
@pytest.mark.parametrize("start_s", [3 * HOUR_S, 7.5 * HOUR_S, 19 * HOUR_S], ids=["night", "morning", "evening"])
@pytest.mark.parametrize("seed", [1, 8])
def test_a_healthy_building_is_quiet(seed: int, start_s: float) -> None:
    assert life(seed, start_s, 600) == []


def test_a_bad_morning_is_not() -> None:
    told = life(1, 0.0, 60, DEMO)
    assert any(line.endswith("pump-1.dry-run active") for line in told)
