"""The field side at run time: buses with their devices and pollers, started, compared and stopped bus by bus.

A bus and its devices form a unit; a reload touches only units that differ from what runs.
"""

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from edgeguard.bus import Bus, open_bus
from edgeguard.core.clock import Clock
from edgeguard.core.health import HealthSink
from edgeguard.core.ids import BusName, DeviceName
from edgeguard.core.limits import BUS_PROBE_SHARE
from edgeguard.core.line_limits import FIRST_ROUNDS_S, PROBE_WINDOW_S
from edgeguard.core.site import BusSpec, DeviceSpec, Site
from edgeguard.core.snapshot import Snapshot
from edgeguard.driver import Device, Shelf, build_device
from edgeguard.runtime.flight_notes import Moment
from edgeguard.runtime.line_watch import LineWatch
from edgeguard.runtime.poller import Poller, start_offset_s
from edgeguard.runtime.supervisor import Supervisor

MakeBus = Callable[[BusSpec, random.Random], Bus]


@dataclass(frozen=True, slots=True)
class UnitSpec:
    """A bus and the devices on it; equal specs mean that nothing needs to change."""

    bus: BusSpec
    devices: tuple[DeviceSpec, ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """A running bus unit."""

    spec: UnitSpec
    bus: Bus
    pollers: tuple[Poller, ...]
    watch: LineWatch

    @property
    def children(self) -> tuple[str, ...]:
        """Names of the unit's supervised parts, pollers before their bus."""
        return (*(f"device.{poller.device.name}" for poller in self.pollers), f"bus.{self.spec.bus.name}")


def unit_specs(site: Site) -> dict[BusName, UnitSpec]:
    """The site bus by bus, in the order of the configuration."""
    return {bus.name: UnitSpec(bus, tuple(d for d in site.devices if d.bus == bus.name)) for bus in site.buses}


class Field:
    """All bus units of the gateway."""

    def __init__(
        self,
        supervisor: Supervisor,
        clock: Clock,
        sink: Callable[[Snapshot], None],
        entropy: random.Random,
        make_bus: MakeBus = open_bus,
        tell: HealthSink = lambda _: None,
        recall: Callable[[Device], bool] = lambda _: False,
    ) -> None:
        self._supervisor = supervisor
        self._clock = clock
        self._sink = sink
        self._entropy = entropy
        self._make_bus = make_bus
        self._tell = tell
        self._recall = recall
        self._shelf = Shelf()
        self._units: dict[BusName, Unit] = {}
        self._pollers: dict[DeviceName, Poller] = {}

    @property
    def units(self) -> tuple[Unit, ...]:
        """Running units."""
        return tuple(self._units.values())

    @property
    def pollers(self) -> dict[DeviceName, Poller]:
        """Running pollers by device."""
        return self._pollers

    def device(self, name: DeviceName) -> Device:
        """A running device; KeyError if there is none of that name."""
        return self._pollers[name].device

    def look(self) -> None:
        """Once a second: let every wire be looked at."""
        moment = self.moment()
        for unit in self._units.values():
            unit.watch.look(moment)

    def watch(self, name: BusName) -> LineWatch | None:
        """Who watches the wire of this bus; None if it does not run."""
        unit = self._units.get(name)
        return unit.watch if unit else None

    def moment(self) -> Moment:
        """Now."""
        return Moment(asyncio.get_running_loop().time(), self._clock.now())

    def differing(self, wanted: dict[BusName, UnitSpec]) -> tuple[tuple[BusName, ...], tuple[UnitSpec, ...]]:
        """Units to stop, and unit specs to start, so that what runs is what is wanted. A unit with a parked part starts anew."""
        parked = self._supervisor.parked
        stop = tuple(
            name for name, unit in self._units.items() if wanted.get(name) != unit.spec or not parked.isdisjoint(unit.children)
        )
        running = {name for name in self._units if name not in stop}
        return stop, tuple(spec for name, spec in wanted.items() if name not in running)

    def start(self, spec: UnitSpec) -> None:
        """Open the bus and begin polling its devices."""
        self.begin(self.build(spec))

    def build(self, spec: UnitSpec) -> Unit:
        """A unit that does nothing yet. What is wrong with one is wrong now, while all others still run."""
        bus = self._make_bus(spec.bus, self._entropy)
        pollers: list[Poller] = []

        def wake() -> None:
            for poller in pollers:
                poller.wake()

        pollers += self._pollers_of(spec, bus, wake)
        network = not spec.bus.wire.is_line
        unit = Unit(spec, bus, tuple(pollers), LineWatch(bus, pollers, network, 0.0 if network else _character_s(spec), self._tell))
        # In the worst case all others are dead: each is waited for twice, or their probes go first, in their small share of time.
        waits_s = [device.profile.limits.timeout_ms / 1000.0 for device in spec.devices]
        patience_s = sum(2 * wait_s + max(PROBE_WINDOW_S, wait_s / BUS_PROBE_SHARE) for wait_s in waits_s)
        for poller in pollers:
            poller.figures.patience_s = patience_s
        bus.on_connected(wake)
        return unit

    def begin(self, unit: Unit) -> None:
        """Open its bus and begin polling its devices."""
        self._units[unit.spec.bus.name] = unit
        self._supervisor.start(f"bus.{unit.spec.bus.name}", unit.bus.run)
        for poller in unit.pollers:
            poller.figures.beat_s = asyncio.get_running_loop().time()
            self._pollers[poller.device.name] = poller
            self._supervisor.start(f"device.{poller.device.name}", poller.run)

    async def stop(self, names: Iterable[BusName]) -> None:
        """Stop these units, pollers first, so that nobody asks a closed bus."""
        for name in tuple(names):
            unit = self._units.pop(name, None)
            if unit is None:
                continue
            for poller in unit.pollers:
                self._pollers.pop(poller.device.name, None)
            *pollers, bus = unit.children
            await asyncio.gather(*(self._supervisor.stop(child) for child in pollers))
            await self._supervisor.stop(bus)
            unit.watch.stop()

    async def stop_all(self) -> None:
        """Stop every unit."""
        await self.stop(tuple(self._units))

    def _pollers_of(self, spec: UnitSpec, bus: Bus, revived: Callable[[], None]) -> list[Poller]:
        """Those that answered in the last run come first: the others may be dead, and their first looks have a small share."""
        devices = [build_device(device, bus, self._clock, shelf=self._shelf) for device in spec.devices]
        known = {device.name: min(device.spec.period_ms / 1000.0, FIRST_ROUNDS_S) for device in devices if self._recall(device)}
        after_s = max(known.values(), default=0.0)
        made = []
        for index, device in enumerate(devices):
            period_s = device.spec.period_ms / 1000.0
            offset_s = start_offset_s(index, period_s)
            made.append(Poller(device, self._sink, period_s, offset_s, revived, 0.0 if device.name in known else after_s))
        return made


def _character_s(spec: UnitSpec) -> float:
    """Of the fastest of a bus's lines: counted back from its end, no answer then begins before it was asked for."""
    return min(line.character_s for line in (spec.bus.line, *(device.line or spec.bus.line for device in spec.devices)))
