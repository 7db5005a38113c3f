"""Drivers of other packages: found by entry point, loaded when the first device of their protocol starts, and not before.

The contract, version 1 (docs/drivers.md tells it to their authors): an entry point of group `edgeguard.drivers`, named after
the protocol, leads to an object with `edgeguard_driver = 1` and `make_device(spec, bus, clock) -> Device`. Whatever is wrong
with it stops that device alone, with a sentence that names the distribution.
"""

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Final, Protocol, cast

from edgeguard.bus import Bus, Priority
from edgeguard.core.clock import Clock
from edgeguard.core.errors import ConfigError
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.point import Point, Value
from edgeguard.core.profile import ForeignLimits
from edgeguard.core.quality import Fault
from edgeguard.core.site import DeviceSpec
from edgeguard.core.snapshot import Snapshot
from edgeguard.driver.device import Device, DeviceStats, WriteResult
from edgeguard.driver.shelf import Shelf

GROUP: Final = "edgeguard.drivers"
CONTRACT: Final = 1
_BREAKAGE: Final = (
    *(ImportError, SyntaxError, NameError, AttributeError, TypeError, ValueError),
    *(LookupError, OSError, RuntimeError, ArithmeticError, AssertionError),
)
"""What a package can die of while it is imported or builds a device."""


class ForeignDriver(Protocol):
    """What the entry point leads to."""

    edgeguard_driver: int
    """The version of the contract that it keeps."""

    def make_device(self, spec: DeviceSpec, bus: Bus, clock: Clock) -> Device:
        """The device for `spec`. ConfigError, with sentences, for a profile or an address that it cannot serve."""
        ...


def load_driver(protocol: str) -> tuple[ForeignDriver, str]:
    """The driver and the name of its distribution. ConfigError if there is none, there are two, or it is broken."""
    found = tuple(entry_points(group=GROUP, name=protocol))
    if not found:
        known = ", ".join(sorted(entry_points(group=GROUP).names)) or "none"
        raise ConfigError((f'no installed package speaks "{protocol}" (entry points of {GROUP}: {known})',))
    names = sorted({_distribution(point) for point in found})
    if len(names) > 1:
        raise ConfigError((f'more than one package speaks "{protocol}": {", ".join(names)}; remove all but one',))
    try:
        driver = found[0].load()
    except _BREAKAGE as error:
        raise ConfigError((f"{names[0]}: its driver {found[0].value} cannot be loaded: {_shown(error)}",)) from error
    version = getattr(driver, "edgeguard_driver", None)
    if version != CONTRACT:
        raise ConfigError((f"{names[0]}: its driver keeps contract {version!r}, this version of edgeguard needs {CONTRACT}",))
    if not callable(getattr(driver, "make_device", None)):
        raise ConfigError((f"{names[0]}: its driver {found[0].value} has no make_device",))
    return cast(ForeignDriver, driver), names[0]


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.value


def _shown(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


class ForeignDevice:
    """A device of another package's driver; see driver.device.Device. The driver is loaded at the first request."""

    def __init__(self, spec: DeviceSpec, bus: Bus, clock: Clock, _: Shelf) -> None:
        self._spec = spec
        self._bus = bus
        self._clock = clock
        self._made: Device | None = None

    @property
    def name(self) -> DeviceName:
        """Its name in the site."""
        return self._spec.name

    @property
    def spec(self) -> DeviceSpec:
        """What the site says of it."""
        return self._spec

    @property
    def points(self) -> tuple[Point, ...]:
        """Those of its profile."""
        return self._spec.profile.points

    @property
    def refused(self) -> Mapping[PointName, Fault]:
        """What the driver says; nothing while it is not loaded."""
        return self._made.refused if self._made is not None else MappingProxyType({})

    @property
    def requests_per_round(self) -> int:
        """What the driver says; one while it is not loaded."""
        return self._made.requests_per_round if self._made is not None else 1

    @property
    def stats(self) -> DeviceStats:
        """What the driver says; nothing while it is not loaded."""
        return self._made.stats if self._made is not None else DeviceStats()

    async def poll(self, priority: Priority = Priority.ROUTINE) -> Snapshot:
        """One round, its columns checked: a driver may not give others than the profile has."""
        return self._checked(await self._device().poll(priority))

    async def probe(self) -> Snapshot:
        """One short request."""
        return self._checked(await self._device().probe())

    async def read(self, names: Iterable[PointName], priority: Priority = Priority.PERSON) -> Snapshot:
        """These points now."""
        return await self._device().read(names, priority)

    async def write(self, name: PointName, value: Value, priority: Priority = Priority.PERSON) -> WriteResult:
        """Write and read back, as the driver does it."""
        return await self._device().write(name, value, priority)

    def _device(self) -> Device:
        """The driver's device, made now if need be."""
        if self._made is None:
            limits = self._spec.profile.limits
            assert isinstance(limits, ForeignLimits)  # noqa: S101  the registry picks by this type
            driver, distribution = load_driver(limits.protocol)
            try:
                self._made = driver.make_device(self._spec, self._bus, self._clock)
            except ConfigError as error:
                raise ConfigError(tuple(f"{distribution}: {line}" for line in error.mistakes)) from error
            except _BREAKAGE as error:
                raise ConfigError((f"{distribution}: cannot make device {self.name}: {_shown(error)}",)) from error
        return self._made

    def _checked(self, snapshot: Snapshot) -> Snapshot:
        if snapshot.points != self.points or len(snapshot.outcomes) != len(self.points):
            raise ConfigError((f"device {self.name}: its driver gives other columns than the profile has",))
        return snapshot
