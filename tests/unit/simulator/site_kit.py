"""Simulated sites for tests: the shipped example, or devices of any profile; and what a gateway makes of their registers."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from edgeguard.codec.block import Block, compile_block
from edgeguard.codec.plan import Span
from edgeguard.config import ProfileLibrary, load_site, shipped_configs
from edgeguard.config.overrides import rule_of
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId, BusName, DeviceName
from edgeguard.core.point import Outcome
from edgeguard.core.profile import ModbusLimits
from edgeguard.core.quality import Fault
from edgeguard.core.site import BusSpec, DeviceSpec, Site, Wire
from edgeguard.core.snapshot import Snapshot
from edgeguard.rules.engine import DeviceRules, DeviceState, step
from edgeguard.simulator.appliance import ModbusAppliance
from edgeguard.simulator.registers import Image
from edgeguard.simulator.site import SimulatedSite
from edgeguard.testing.shipped import shipped_profiles

BUS = BusName("bus")


@cache
def example() -> Site:
    """The shipped example."""
    return load_site(shipped_configs() / "site.example.toml")


@cache
def library() -> ProfileLibrary:
    """The shipped profiles."""
    return shipped_profiles()


def site_of(profiles: Sequence[str], bus: BusSpec | None = None) -> Site:
    """A site with one device of each profile, named after it, at addresses 1, 2 ..."""
    wire = bus or BusSpec(BUS, Wire.TCP, "127.0.0.1", 0)
    devices = []
    for address, name in enumerate(profiles, 1):
        profile, device = library().get(name), DeviceName(f"{name}-{address}")
        alarms = tuple(rule_of(device, template) for template in profile.alarms)
        devices.append(DeviceSpec(device, wire.name, address, profile, 1000, profile.labels, alarms, 10_000))
    return replace(example(), buses=(wire,), devices=tuple(devices), uplink=None)


def modbus_profiles() -> list[str]:
    """All shipped profiles of Modbus devices."""
    return [name for name in library().names() if isinstance(library().get(name).limits, ModbusLimits)]


def at(second: int) -> Stamp:
    return Stamp(second * 1000, second * 1000, BootId("boot"), synced=True)


@dataclass(slots=True)
class Watched:
    """A Modbus device of a simulated site, watched by the codec and the rules that its profile and the site give it."""

    appliance: ModbusAppliance
    blocks: tuple[Block, ...]
    rules: DeviceRules
    state: DeviceState

    @classmethod
    def of(cls, house: SimulatedSite, name: str) -> "Watched":
        appliance = house.appliances[DeviceName(name)]
        assert isinstance(appliance, ModbusAppliance)
        spec = appliance.spec
        spans = (Span(field.table, field.address, field.words, (i,)) for i, field in enumerate(spec.profile.fields))
        rules = DeviceRules.of(spec.name, spec.profile.points, spec.alarms)
        blocks = tuple(compile_block(span, spec.profile.points, spec.profile.fields) for span in spans)
        return cls(appliance, blocks, rules, DeviceState.fresh(rules, {}, at(0)))

    def outcomes(self) -> tuple[Outcome, ...]:
        """All points now."""
        image = self.appliance.image()
        return tuple(self._outcome(i, image) for i in range(len(self.blocks)))

    def look(self, second: int) -> list[str]:
        """One round: what is bad, and which alarms change."""
        outcomes = self.outcomes()
        name = self.appliance.spec.name
        bad = [f"{name}.{self.rules.points[i].name}: {o}" for i, o in enumerate(outcomes) if isinstance(o, Fault)]
        snapshot = Snapshot(name, at(second), self.rules.points, outcomes, answered=True)
        self.state, outputs = step(self.rules, self.state, snapshot)
        return [*bad, *(f"{change.rule.name} {change.state}" for change in outputs.changes)]

    def _outcome(self, i: int, image: Image) -> Outcome:
        block, field = self.blocks[i], self.appliance.spec.profile.fields[i]
        words = image.read(field.table, field.address, field.words)
        data = bytes(words) if field.table.is_bits else struct.pack(f">{len(words)}H", *words)
        found = block.decode(block.head + data)
        return found if isinstance(found, Fault) else found[0]


def modbus_devices(house: SimulatedSite) -> list[str]:
    """Names of the site's Modbus devices."""
    return [name for name, one in house.appliances.items() if isinstance(one, ModbusAppliance)]
