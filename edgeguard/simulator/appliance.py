"""A device of a site, whatever wire it hangs on: what it holds now, what writes do to it, and what ails it.

Its seed makes it different from the next one of the same model. Which registers or meter data stand for what it measures is
the affair of the maps; how its answers travel is that of the wire.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from edgeguard.core.line import LineSettings
from edgeguard.core.profile import DeviceProfile
from edgeguard.core.site import DeviceSpec
from edgeguard.simulator import modbus_answer
from edgeguard.simulator.ailment import Ailment, Drifting, Refusing, Silent, Stuck
from edgeguard.simulator.barrier import Barrier, with_barrier
from edgeguard.simulator.building import BuildingSpec, BuildingState
from edgeguard.simulator.cast import Part, Role
from edgeguard.simulator.map_pump import write_pump
from edgeguard.simulator.plausible import courses
from edgeguard.simulator.profile_image import ProfileImage
from edgeguard.simulator.registers import Image
from edgeguard.simulator.shown import MAPS, drifted, figures_of, values_of
from edgeguard.simulator.unit import Identity, Unit
from edgeguard.simulator.wire import Station

DRIFT_MOST = 5.0
"""A drifting instrument stops at so many times the true figure."""


class House(Protocol):
    """The building behind the devices."""

    spec: BuildingSpec
    state: BuildingState
    elapsed_s: float

    def clock(self) -> datetime:
        """What a right clock in the building shows."""
        ...


@dataclass(slots=True)
class Health:
    """What ails a device, and since when."""

    ailment: Ailment | None = None
    since_s: float = 0.0

    def factor(self, now_s: float) -> float:
        """By how much a drifting device reads too high."""
        if not isinstance(self.ailment, Drifting):
            return 1.0
        return min(1.0 + self.ailment.per_min * (now_s - self.since_s) / 60.0, DRIFT_MOST)


class Appliance(Protocol):
    """A device of the site. `unit` is its face as a Modbus device, None if it speaks something else: then it is a `station`."""

    spec: DeviceSpec
    role: Role
    health: Health
    unit: Unit | None

    def afflict(self, ailment: Ailment | None) -> None:
        """Make it ill, or well again."""
        ...

    def answer(self, unit: Unit, pdu: bytes) -> bytes:
        """What a Modbus device says to a request on a line."""
        ...

    def station(self, settings: LineSettings) -> Station:
        """A meter on a line."""
        ...


class ModbusAppliance:
    """A Modbus device of a profile. `unit` is its face towards a wire."""

    def __init__(self, spec: DeviceSpec, role: Role, house: House, seed: int) -> None:
        self.spec = spec
        self.role = role
        self.health = Health()
        self._house = house
        self._courses = courses(spec.profile, seed)
        self._registers = ProfileImage(spec.profile, self._values)
        self._map = MAPS.get(spec.profile.name)
        self.barrier: Barrier | None = None
        """What hangs on its outputs, if it is the box of a gate."""
        self._held: Image | None = None
        self._made: tuple[float, Image] | None = None
        self.unit: Unit | None = _unit(spec, self)

    def afflict(self, ailment: Ailment | None) -> None:
        """Make it ill, or well again."""
        self.health = Health(ailment, self._house.elapsed_s)
        self._made = None
        self._held = self._image() if isinstance(ailment, Stuck) else None

    def image(self) -> Image:
        """The registers now; made once for each step of the building."""
        if self._held is not None:
            return self._held
        now_s = self._house.elapsed_s
        if self._made is None or self._made[0] != now_s:
            self._made = now_s, self._image()
        return self._made[1]

    def answer(self, unit: Unit, pdu: bytes) -> bytes:
        """What it says to a request on a line; nothing if it is dead."""
        match self.health.ailment:
            case Silent():
                return b""
            case Refusing(code):
                return bytes((pdu[0] | 0x80, code.value))
            case _:
                return modbus_answer.answer(unit, pdu)

    def station(self, settings: LineSettings) -> Station:
        """It is a unit."""
        raise AssertionError(f"{self.spec.name} is a Modbus unit at {settings}")

    def write(self, address: int, words: list[int]) -> None:
        """Holding registers are written."""
        house, number = self._house, self.role.number
        self._made = None
        if self._map is not None and self.role.part is Part.PUMP:
            pump_set = write_pump(house.spec.pumps, house.state.sets[number // 2], number % 2, address, words)
            house.state = house.state.with_set(number // 2, pump_set)
        else:
            self._registers.write(address, words)

    def write_bits(self, address: int, bits: list[int]) -> None:
        """Coils are written."""
        self._made = None
        self._registers.write_bits(address, bits)
        if self.barrier is not None:
            self.barrier.written(address, bits, self._house.elapsed_s)

    def _image(self) -> Image:
        if self._map is None:
            return self._registers.image()
        return self._map(self._house.spec, self._seen(), self.role)

    def _seen(self) -> BuildingState:
        factor = self.health.factor(self._house.elapsed_s)
        return self._house.state if factor == 1.0 else drifted(self._house.state, factor)

    def _values(self) -> list[float | int | bool | str]:
        profile, house = self.spec.profile, self._house
        figures = figures_of(house.spec, self._seen(), self.role, profile.points)
        values = values_of(profile, figures, self._courses, house.elapsed_s)
        if self.barrier is not None:
            values = with_barrier(self.spec, values, self.barrier, house.elapsed_s)
        factor = self.health.factor(house.elapsed_s)
        return values if factor == 1.0 else [drift(profile, i, value, figures, factor) for i, value in enumerate(values)]


def drift(
    profile: DeviceProfile, index: int, value: float | int | bool | str, figures: object, factor: float
) -> float | int | bool | str:
    """A made-up figure that drifts; measured ones do so where they are measured, and counters and states do not."""
    point = profile.points[index]
    known = isinstance(figures, dict) and point.name in figures
    if known or isinstance(value, bool | str) or point.choices or point.decimals == 0:
        return value
    return value * factor


def identity_of(profile: DeviceProfile) -> Identity:
    """What the model says of itself, so that the profile's own rule finds it."""
    rule = profile.identify
    return Identity(
        vendor=rule.vendor[0] if rule.vendor else profile.maker,
        product=(rule.product or rule.server_id or (profile.model,))[0],
        revision="1.0",
    )


def _unit(spec: DeviceSpec, appliance: ModbusAppliance) -> Unit:
    rule = spec.profile.identify
    told = bool(rule.vendor or rule.product or rule.server_id)
    identity = identity_of(spec.profile) if told else None
    assert isinstance(spec.address, int)  # noqa: S101  Modbus devices have unit numbers
    return Unit(spec.address, appliance.image, appliance.write, appliance.write_bits, identity)
