"""One Modbus device on a bus in memory, for the tests of this room."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from edgeguard.bus import LineCost
from edgeguard.core.ids import BusName, DeviceName, PointName, ProfileName
from edgeguard.core.point import Kind, Labels, Outcome, Point
from edgeguard.core.profile import DeviceProfile, ModbusLimits
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.register import RawType, RegisterField, Table
from edgeguard.core.site import DeviceSpec
from edgeguard.core.snapshot import Snapshot
from edgeguard.driver import Device, build_device
from edgeguard.testing.bus import FakeBus, FakeUnit
from edgeguard.testing.clock import FakeClock, run_virtual

UNIT = 3
LABELS = Labels("量", "quantity")
SERIAL = LineCost(byte_s=10 / 9600, turn_s=0.01)
"""A wire on which a gap of more than 13 registers is dearer than another request."""


def number(
    name: str, address: int, type_: RawType = RawType.UINT16, table: Table = Table.HOLDING, **more: Any
) -> tuple[Point, RegisterField]:
    kind, write, choices = more.pop("kind", Kind.NUMBER), more.pop("write", None), more.pop("choices", {})
    point = Point(PointName(name), kind, LABELS, write=write, choices=choices)
    return point, RegisterField(table, address, type_, type_.words, **more)


def row(*addresses: int) -> list[tuple[Point, RegisterField]]:
    return [number(f"r{address}", address) for address in addresses]


class Site:
    """One device, its bus and its clock."""

    def __init__(self, places: list[tuple[Point, RegisterField]], cost: LineCost = SERIAL, **limits: Any) -> None:
        points, fields = zip(*places, strict=True)
        profile = DeviceProfile(
            ProfileName("test"), "maker", "model", "meter", LABELS, points, fields, ModbusLimits(**limits), (), "", "", ""
        )
        spec = DeviceSpec(DeviceName("meter-1"), BusName("fake"), UNIT, profile, 1000, LABELS, (), 5000)
        self.clock = FakeClock()
        self.bus = FakeBus(cost=cost)
        self.unit: FakeUnit = self.bus.unit(UNIT)
        self.device: Device = build_device(spec, self.bus, self.clock)

    def another(self, name: DeviceName, address: int) -> Device:
        """A device like it at another address of the same bus."""
        return build_device(replace(self.device.spec, name=name, address=address), self.bus, self.clock)

    @property
    def reads(self) -> list[tuple[int, int]]:
        """(address, count) of the reads so far."""
        return [(pdu[1] << 8 | pdu[2], pdu[3] << 8 | pdu[4]) for _, pdu in self.bus.sent if pdu[0] <= 4]

    @property
    def writes(self) -> list[bytes]:
        return [pdu for _, pdu in self.bus.sent if pdu[0] > 4]


Story = Callable[[], Coroutine[Any, Any, None]]


def virtual(site: Site, story: Story) -> None:
    run_virtual(story(), site.clock)


def reasons(snapshot: Snapshot) -> list[Reason | Outcome]:
    return [outcome.reason if isinstance(outcome, Fault) else outcome for outcome in snapshot.outcomes]
