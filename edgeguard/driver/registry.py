"""Which driver serves which profile. A new protocol is a new type of limits in the profile and one more entry here."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from edgeguard.bus import Bus
from edgeguard.core.clock import Clock
from edgeguard.core.errors import ConfigError
from edgeguard.core.profile import Cjt188Limits, Dlt645Limits, ForeignLimits, ModbusLimits
from edgeguard.core.site import DeviceSpec
from edgeguard.driver.cjt188_device import Cjt188Device
from edgeguard.driver.device import Device
from edgeguard.driver.dlt645_device import Dlt645Device
from edgeguard.driver.foreign import ForeignDevice
from edgeguard.driver.modbus_device import ModbusDevice
from edgeguard.driver.shelf import Shelf

DriverFactory = Callable[[DeviceSpec, Bus, Clock, Shelf], Device]

DRIVERS: Final[Mapping[type, DriverFactory]] = MappingProxyType(
    {ModbusLimits: ModbusDevice, Dlt645Limits: Dlt645Device, Cjt188Limits: Cjt188Device, ForeignLimits: ForeignDevice}
)
"""By the type of a profile's limits, which says its protocol."""


def build_device(
    spec: DeviceSpec,
    bus: Bus,
    clock: Clock,
    drivers: Mapping[type, DriverFactory] = DRIVERS,
    shelf: Shelf | None = None,
) -> Device:
    """The device for `spec` on `bus`; devices built with one `shelf` share what is the same for their model.

    ConfigError if no driver serves its profile, or the profile cannot be served.
    """
    factory = drivers.get(type(spec.profile.limits))
    if factory is None:
        raise ConfigError((f"device {spec.name}: no driver serves profile {spec.profile.name}",))
    return factory(spec, bus, clock, shelf or Shelf())
