"""The simulated building in time: steps the physics ten times a second and lets two Modbus endpoints show it.

The lift's controller has a port of its own; pumps and meters are units behind one gateway's port.
"""

import asyncio
import contextlib
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Self

import structlog

from edgeguard.core.limits import SIMULATOR_CATCH_UP_S, SIMULATOR_STEP_S
from edgeguard.simulator import building, lift
from edgeguard.simulator.ailment import Ailment
from edgeguard.simulator.building import BuildingSpec, BuildingState, Conditions
from edgeguard.simulator.endpoint import Endpoint
from edgeguard.simulator.map_lift import lift_image
from edgeguard.simulator.map_meters import dtsd1352_image, sdm630_image, water_image
from edgeguard.simulator.map_pump import pump_image, write_pump
from edgeguard.simulator.scenario import UNEVENTFUL, Happening, Scenario
from edgeguard.simulator.unit import Unit

_log = structlog.get_logger()

MORNING_S: Final = 7 * 3600.0 + 40 * 60.0

LIFT_BUS, PLANT_BUS = "lift", "plant"
DEVICES: Final = MappingProxyType(
    {
        "lift-1": (LIFT_BUS, 1),
        "pump-1": (PLANT_BUS, 1),
        "pump-2": (PLANT_BUS, 2),
        "main-meter": (PLANT_BUS, 10),
        "plant-meter": (PLANT_BUS, 11),
        "water-meter": (PLANT_BUS, 20),
    }
)
"""Bus and unit address of every device, as the shipped example configuration names them."""


@dataclass(frozen=True, slots=True)
class Ports:
    """TCP ports of both endpoints; 0 takes a free one."""

    lift: int = 15021
    plant: int = 15022


ANY_PORTS: Final = Ports(0, 0)


class SimulatedBuilding:
    """`async with SimulatedBuilding(seed) as house:` serves until the block ends.

    `pace` is simulated seconds per second; `start_s` the time of day at which it begins. `state` and `conditions` are the
    present ones; `conditions` may be replaced at any time, `afflict` makes a device ill.
    """

    def __init__(
        self,
        seed: int = 1,
        ports: Ports = ANY_PORTS,
        *,
        scenario: Scenario = UNEVENTFUL,
        start_s: float = MORNING_S,
        pace: float = 1.0,
        host: str = "127.0.0.1",
    ) -> None:
        self.spec = BuildingSpec()
        self.conditions = Conditions()
        self.pace = pace
        self.elapsed_s = 0.0
        self.last_happening: Happening | None = None
        self.state: BuildingState = building.settled(self.spec, seed, start_s, scenario.riding)
        self._scenario = scenario
        self._task: asyncio.Task[None] | None = None
        self.endpoints = MappingProxyType(
            {
                LIFT_BUS: Endpoint(
                    [Unit(1, lambda: lift_image(self.spec.lift, self.state.lift, self.state.drive))], host, ports.lift
                ),
                PLANT_BUS: Endpoint(self._plant_units(), host, ports.plant),
            }
        )

    @property
    def ports(self) -> Ports:
        """The ports really listened on."""
        return Ports(self.endpoints[LIFT_BUS].port, self.endpoints[PLANT_BUS].port)

    def afflict(self, device: str, ailment: Ailment | None) -> None:
        """Make a device ill, or well again with None; KeyError for a name that is not in DEVICES."""
        bus, unit = DEVICES[device]
        self.endpoints[bus].afflict(unit, ailment)

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as opened:
            for endpoint in self.endpoints.values():
                await endpoint.start()
                opened.push_async_callback(endpoint.close)
            opened.pop_all()
        self._task = asyncio.create_task(self._live(), name="simulated building")
        _log.info("building.opened", lift=self.ports.lift, plant=self.ports.plant)
        return self

    async def __aexit__(self, *_: object) -> None:
        for endpoint in self.endpoints.values():
            await endpoint.close()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def advance(self, dt_s: float) -> None:
        """Let `dt_s` of simulated time pass at once, with all that happens in it."""
        # the very beginning belongs to the first step
        after_s = self.elapsed_s if self.elapsed_s > 0.0 else -1.0
        for happening in self._scenario.between(after_s, self.elapsed_s + dt_s):
            self._happen(happening)
        self.state = building.step(self.spec, self.state, dt_s, self.conditions)
        self.elapsed_s += dt_s

    async def _live(self) -> None:
        loop = asyncio.get_running_loop()
        then_s = loop.time()
        while True:
            await asyncio.sleep(SIMULATOR_STEP_S)
            now_s = loop.time()
            self.advance(min(now_s - then_s, SIMULATOR_CATCH_UP_S) * self.pace)
            then_s = now_s

    def _happen(self, happening: Happening) -> None:
        self.last_happening = happening
        if happening.conditions is not None:
            self.conditions = happening.conditions
        for device, ailment in happening.ailments:
            self.afflict(device, ailment)
        car = self.state.lift
        for passenger in happening.calls:
            car = lift.call(self.spec.lift, car, passenger)
        pump_set = self.state.pumps
        if happening.tank_m is not None:
            pump_set = replace(pump_set, tank_m=happening.tank_m)
        self.state = replace(self.state, lift=car, pumps=pump_set)
        _log.info("building.happening", text=happening.text.en)

    def _plant_units(self) -> list[Unit]:
        return [
            Unit(1, lambda: pump_image(self.spec.pumps, self.state.pumps, 0), lambda at, words: self._write_pump(0, at, words)),
            Unit(2, lambda: pump_image(self.spec.pumps, self.state.pumps, 1), lambda at, words: self._write_pump(1, at, words)),
            Unit(10, lambda: sdm630_image(self.state.main_meter)),
            Unit(11, lambda: dtsd1352_image(self.state.plant_meter)),
            Unit(20, lambda: water_image(self.state.water)),
        ]

    def _write_pump(self, index: int, address: int, words: list[int]) -> None:
        self.state = replace(self.state, pumps=write_pump(self.spec.pumps, self.state.pumps, index, address, words))
