"""Shipped profiles with their recordings, and devices built on both."""

from pathlib import Path

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId, BusName, DeviceName, PointName
from edgeguard.core.point import Outcome
from edgeguard.core.profile import ModbusLimits
from edgeguard.core.site import DeviceSpec
from edgeguard.core.snapshot import Snapshot
from edgeguard.driver import Device, Shelf, build_device
from edgeguard.testing.recording import Recording, ReplayBus, load_recording
from edgeguard.testing.shipped import shipped_profiles

RECORDINGS = Path(__file__).parents[2] / "recordings"
LIBRARY = shipped_profiles()
MODBUS = tuple(name for name in LIBRARY.names() if isinstance(LIBRARY.get(name).limits, ModbusLimits))


class StillClock:
    """Time stands still; nothing here depends on it."""

    def now(self) -> Stamp:
        return Stamp(wall_ms=1_795_000_000_000, boot_ms=0, boot=BootId("boot"), synced=True)


def recording(name: str) -> Recording:
    return load_recording(RECORDINGS / f"{name}.json")


def device_on(bus: ReplayBus, name: str, shelf: Shelf | None = None) -> Device:
    profile = LIBRARY.get(name)
    spec = DeviceSpec(
        name=DeviceName("device-1"),
        bus=BusName("replay"),
        address=bus.recording.unit,
        profile=profile,
        period_ms=1000,
        labels=profile.labels,
        alarms=(),
        stale_after_ms=10_000,
    )
    return build_device(spec, bus, StillClock(), shelf=shelf)


def readings(snapshot: Snapshot) -> dict[PointName, Outcome]:
    return {point.name: outcome for point, outcome in zip(snapshot.points, snapshot.outcomes, strict=True)}
