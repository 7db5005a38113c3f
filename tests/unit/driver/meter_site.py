"""Meters on a line in memory, for the tests of this room."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from edgeguard.core.cjt188_table import items_of
from edgeguard.core.dlt645_table import datum
from edgeguard.core.ids import BusName, DeviceName, PointName, ProfileName
from edgeguard.core.interlock import Interlock
from edgeguard.core.meter import Control, MeterField, PartKind
from edgeguard.core.point import Kind, Labels, Outcome, Point, WriteRule
from edgeguard.core.profile import Cjt188Limits, DeviceProfile, Dlt645Limits
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.site import DeviceSpec
from edgeguard.core.snapshot import Snapshot
from edgeguard.driver import Device, build_device
from edgeguard.testing.clock import FakeClock, run_virtual
from edgeguard.testing.meters import FakeElectricMeter, FakeWaterMeter, MeterBus

LABELS = Labels("量", "quantity")
METER = "000006605518"
WATER = "1078330011223344"
SWITCH = {0: Labels("合", "closed"), 1: Labels("断", "open")}
Places = list[tuple[Point, MeterField]]


def electric(identifier: str, limits: Dlt645Limits = Dlt645Limits(), item: int = 0, every_ms: int = 0) -> tuple[Point, MeterField]:  # noqa: B008
    known = datum(limits.edition, identifier)
    assert known is not None
    field = MeterField(identifier, known.layout, item, every_ms=every_ms)
    kind = Kind.NUMBER if field.part.kind in (PartKind.NUMBER, PartKind.BITS) else Kind.TEXT
    return Point(PointName(f"d{identifier.lower()}_{item}"), kind, LABELS, known.unit), field


def relay() -> tuple[Point, MeterField]:
    known = datum(Dlt645Limits().edition, "04000503")
    assert known is not None
    point = Point(PointName("relay"), Kind.TEXT, LABELS, choices=SWITCH, write=WriteRule())
    return point, MeterField("04000503", known.layout, bits=(4, 4), control=Control.RELAY)


def water(name: str, form: str = "water", identifier: str = "901F", unit: str = "m3") -> tuple[Point, MeterField]:
    items = items_of(identifier, form)
    at = [item.name for item in items].index(name)
    item = items[at]
    field = MeterField(identifier, tuple(x.part for x in items), at, dimension=item.dimension, unit=unit if item.dimension else "")
    kind = Kind.NUMBER if item.part.kind in (PartKind.NUMBER, PartKind.BITS) else Kind.TEXT
    return Point(PointName(name), kind, LABELS), field


def valve() -> tuple[Point, MeterField]:
    _, field = water("status")
    choices = {0: Labels("开", "open"), 1: Labels("关", "closed"), 3: Labels("故障", "faulty")}
    return Point(PointName("valve"), Kind.TEXT, LABELS, choices=choices, write=WriteRule()), replace(
        field, bits=(0, 1), control=Control.VALVE
    )


class MeterSite:
    """One meter's device, the line with the meters on it, and a clock."""

    def __init__(
        self,
        places: Places,
        *meters: FakeElectricMeter | FakeWaterMeter,
        limits: Dlt645Limits | Cjt188Limits | None = None,
        address: str | None = None,
        enabled: bool = True,
        password_file: PurePath | None = None,
        bus: MeterBus | None = None,
    ) -> None:
        first = meters[0]
        is_electric = isinstance(first, FakeElectricMeter)
        if limits is None:
            limits = Dlt645Limits() if is_electric else Cjt188Limits()
        points, fields = zip(*places, strict=True)
        profile = DeviceProfile(
            ProfileName("test"), "maker", "model", "meter", LABELS, points, (), limits, (), "", "", "", data=fields
        )
        station = address or (first.address if isinstance(first, FakeElectricMeter) else first.station)
        interlocks = {point.name: Interlock() for point in points if point.write is not None} if enabled else {}
        spec = DeviceSpec(DeviceName("meter-1"), BusName("meters"), station, profile, 1000, LABELS, (), 5000)
        spec = replace(spec, interlocks=interlocks, password_file=password_file)
        self.clock = FakeClock()
        self.bus = bus or MeterBus(*meters)
        self.device: Device = build_device(spec, self.bus, self.clock)


Story = Callable[[], Coroutine[Any, Any, None]]


def virtual(site: MeterSite, story: Story) -> None:
    run_virtual(story(), site.clock)


def seen(snapshot: Snapshot) -> list[Reason | Outcome]:
    return [outcome.reason if isinstance(outcome, Fault) else outcome for outcome in snapshot.outcomes]
