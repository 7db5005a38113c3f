"""A simulated site: the building in time, and every device of a site file on a wire of its own kind.

Steps the physics ten times a second and lets buses show it. Buses on TCP listen where the file says, or anywhere; serial
ports become pseudo-terminals. Faults come from outside (`faults`); nothing here reads a file.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

import structlog

from edgeguard.core.ids import BusName, DeviceName
from edgeguard.core.limits import SIMULATOR_CATCH_UP_S, SIMULATOR_STEP_S
from edgeguard.core.profile import ModbusLimits
from edgeguard.core.site import BusSpec, DeviceSpec, Site, Wire
from edgeguard.simulator import building
from edgeguard.simulator.ailment import Ailment
from edgeguard.simulator.appliance import Appliance, ModbusAppliance
from edgeguard.simulator.barrier import barrier_of
from edgeguard.simulator.building import BuildingState, Conditions
from edgeguard.simulator.cast import cast
from edgeguard.simulator.lift import Passenger
from edgeguard.simulator.meter_appliance import MeterAppliance
from edgeguard.simulator.papers import Papers
from edgeguard.simulator.served import Manner, ServedBus, serve

_log = structlog.get_logger()

MORNING_S: Final = 7 * 3600.0 + 40 * 60.0
SEED_STEP: Final = 104_729


@dataclass(frozen=True, slots=True)
class Serving:
    """Where and how buses are served. `any_port`: TCP buses take free ports; `ports`: those of some buses, before both.

    `pty_dir`: where links to pseudo-terminals are made, one for each bus; `echo`: adapters hear what they send. `papers`: the
    certificates of tls:// buses, which demand a client's where the site gives the gateway one.
    """

    host: str = "127.0.0.1"
    any_port: bool = False
    ports: Mapping[BusName, int] = field(default_factory=dict)
    pty_dir: Path | None = None
    echo: bool = False
    papers: Papers | None = None


class SimulatedSite:
    """`async with SimulatedSite(site, seed) as house:` serves until the block ends.

    `pace` is simulated seconds per second. `state` and `conditions` are the building's present ones; `conditions` may be
    replaced at any time. `begun` is what clocks of devices show at the beginning, by default the present. Without `async with`
    it serves nobody and may be moved by `advance` alone.
    """

    def __init__(
        self,
        site: Site,
        seed: int = 1,
        serving: Serving | None = None,
        *,
        start_s: float = MORNING_S,
        pace: float = 1.0,
        riding: tuple[Passenger, ...] = (),
        begun: datetime | None = None,
    ) -> None:
        self.site = site
        self.seed = seed
        self.roles, self.spec = cast(site.devices)
        self.conditions = Conditions()
        self.pace = pace
        self.elapsed_s = 0.0
        self._begun = begun or datetime.now(UTC).astimezone()
        self.state: BuildingState = building.settled(self.spec, seed, start_s, riding)
        self.before_step: list[Callable[[], None]] = []
        self.appliances: Mapping[DeviceName, Appliance] = MappingProxyType(
            {device.name: self._appliance(device, seed + SEED_STEP * number) for number, device in enumerate(site.devices)}
        )
        self._serving = serving or Serving()
        self.buses: Mapping[BusName, ServedBus] = MappingProxyType({})
        self._task: asyncio.Task[None] | None = None

    def clock(self) -> datetime:
        """What a right clock in the building shows."""
        return self._begun + timedelta(seconds=self.elapsed_s)

    def devices_on(self, bus: BusName) -> Sequence[DeviceSpec]:
        """The bus's devices, in the order of the file."""
        return [device for device in self.site.devices if device.bus == bus]

    def afflict(self, device: str, ailment: Ailment | None) -> None:
        """Make a device ill, or well again with None; KeyError for a name that the site does not have."""
        appliance = self.appliances[DeviceName(device)]
        appliance.afflict(ailment)
        bus = self.buses.get(appliance.spec.bus)
        if bus is not None:
            bus.afflict(DeviceName(device), ailment)

    def advance(self, dt_s: float) -> None:
        """Let `dt_s` of simulated time pass at once, with all that happens in it."""
        for happen in self.before_step:
            happen()
        self.state = building.step(self.spec, self.state, dt_s, self.conditions)
        self.elapsed_s += dt_s

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as opened:
            buses: dict[BusName, ServedBus] = {}
            for number, spec in enumerate(self.site.buses):
                appliances = [self.appliances[one.name] for one in self.devices_on(spec.name)]
                bus = serve(spec, appliances, self._manner(spec, number))
                await bus.open()
                opened.push_async_callback(bus.close)
                buses[spec.name] = bus
            opened.pop_all()
        self.buses = MappingProxyType(buses)
        self._task = asyncio.create_task(self._live(), name="simulated building")
        _log.info("building.opened", buses={name: bus.where for name, bus in buses.items()})
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        for bus in self.buses.values():
            await bus.close()

    async def _live(self) -> None:
        loop = asyncio.get_running_loop()
        then_s = loop.time()
        while True:
            await asyncio.sleep(SIMULATOR_STEP_S)
            now_s = loop.time()
            self.advance(min(now_s - then_s, SIMULATOR_CATCH_UP_S) * self.pace)
            then_s = now_s

    def _appliance(self, device: DeviceSpec, seed: int) -> Appliance:
        if not isinstance(device.profile.limits, ModbusLimits):
            return MeterAppliance(device, self.roles[device.name], self, seed)
        made = ModbusAppliance(device, self.roles[device.name], self, seed)
        made.barrier = barrier_of(self.site, device)
        return made

    def _manner(self, spec: BusSpec, number: int) -> Manner:
        serving = self._serving
        port = serving.ports.get(spec.name, 0 if serving.any_port else spec.port)
        link = None if serving.pty_dir is None else serving.pty_dir / spec.name
        tls = None
        if spec.wire is Wire.TLS and serving.papers is not None:
            tls = serving.papers.context(demand=spec.tls is not None and spec.tls.certificate is not None)
        return Manner(self.seed + SEED_STEP * number, serving.host, port, link, serving.echo, tls)
