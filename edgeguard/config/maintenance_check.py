"""Maintenance of a site: `[maintenance]` and `[device.maintenance]`, checked against the points that they speak of."""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from edgeguard.config.maintenance_model import CurveTable, DeviceMaintenanceTable, MaintenanceTable, WatchTable
from edgeguard.config.mistakes import Mistakes, did_you_mean, kind_of
from edgeguard.config.positions import KeyPath
from edgeguard.config.rows import table_rows, text_of
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.interlock import PointRef
from edgeguard.core.limits import HINT_GAUGES_PER_DEVICE, MAX_DEVICES
from edgeguard.core.maintenance import (
    CurvePoint,
    DeviceMaintenance,
    HintKind,
    MaintenanceSpec,
    PumpCurve,
    Usage,
    WatchedQuantity,
)
from edgeguard.core.point import Kind, Point
from edgeguard.core.site import DeviceSpec

_EPOCH: Final = datetime.date(1970, 1, 1)
_SHARES: Final = (
    HintKind.DOOR_CLOSE_TIME,
    HintKind.DOOR_OPEN_TIME,
    HintKind.DOOR_CYCLE_TIME,
    HintKind.START_CURRENT,
    HintKind.PUMP_HEAD,
    HintKind.PUMP_POWER,
)
"""Quantities whose limit is a share of their reference."""


def build_maintenance(data: Mapping[str, Any], devices: Sequence[DeviceSpec], mistakes: Mistakes) -> MaintenanceSpec:
    """What the site says of maintenance; every mistake in it is added."""
    raw = mistakes.examine(MaintenanceTable, data.get("maintenance", {}), ("maintenance",)) or MaintenanceTable()
    specs = {device.name: device for device in devices}
    outside = None if raw.outside is None else _outside(raw.outside, specs, mistakes)
    own: dict[DeviceName, DeviceMaintenance] = {}
    for i, row in table_rows(data, "device", Mistakes(mistakes.file), MAX_DEVICES):
        spec = specs.get(DeviceName(text_of(row, "name") or ""))
        if "maintenance" not in row or spec is None:
            continue
        path: KeyPath = ("device", i, "maintenance")
        table = mistakes.examine(DeviceMaintenanceTable, row["maintenance"], path)
        if table is not None:
            own[spec.name] = _device(table, spec, path, mistakes)
    return MaintenanceSpec(raw.enabled, outside, raw.hottest, own)


def _outside(text: str, specs: Mapping[DeviceName, DeviceSpec], mistakes: Mistakes) -> PointRef | None:
    path: KeyPath = ("maintenance", "outside")
    device, _, name = text.partition(".")
    spec = specs.get(DeviceName(device))
    if spec is None:
        mistakes.add(path, f'there is no device "{device}"{did_you_mean(device, specs)}: write DEVICE.POINT')
        return None
    point = _number(spec, name, path, mistakes)
    if point is not None and point.unit != "°C":
        mistakes.add(path, f'{text} is in "{point.unit}", and not in °C')
    return PointRef(spec.name, PointName(name))


def _number(spec: DeviceSpec, name: str, path: KeyPath, mistakes: Mistakes) -> Point | None:
    """The numeric point of that name; a mistake if there is none."""
    points = {str(point.name): point for point in spec.profile.points}
    point = points.get(name)
    if point is None:
        mistakes.add(path, f'device {spec.name} has no polled point "{name}"{did_you_mean(name, points)}')
    elif point.kind is not Kind.NUMBER:
        mistakes.add(path, f"point {name} is no number")
        return None
    return point


def _device(raw: DeviceMaintenanceTable, spec: DeviceSpec, path: KeyPath, mistakes: Mistakes) -> DeviceMaintenance:
    lengths = (
        (Usage.RUN_HOURS, raw.run_hours),
        (Usage.STARTS, raw.starts),
        (Usage.TRIPS, raw.trips),
        (Usage.DOOR_CYCLES, raw.door_cycles),
    )
    return DeviceMaintenance(
        intervals={usage: length for usage, length in lengths if length is not None},
        serviced_day=None if raw.serviced is None else (raw.serviced - _EPOCH).days,
        limits=dict(_limits(raw.limits, (*path, "limits"), mistakes)),
        curve=_curve(raw, path, mistakes),
        off=frozenset(raw.off),
        watch=tuple(_watched(raw.watch, spec, path, mistakes)),
    )


def _limits(written: Mapping[str, float], path: KeyPath, mistakes: Mistakes) -> Iterator[tuple[HintKind, float]]:
    known = [*map(str, _SHARES), str(HintKind.LEVELLING)]
    for name, value in written.items():
        if name not in known:
            mistakes.add((*path, name), f'there is no limit for "{name}"{did_you_mean(name, known)}')
        elif name != HintKind.LEVELLING and not 0.01 <= value <= 2.0:
            mistakes.add((*path, name), 'is out of range: a share of the reference from "1%" to "200%"')
        elif name == HintKind.LEVELLING and not 1.0 <= value <= 100.0:
            mistakes.add((*path, name), "is out of range: 1 to 100 mm")
        else:
            yield HintKind(name), value


def _curve(raw: DeviceMaintenanceTable, path: KeyPath, mistakes: Mistakes) -> PumpCurve | None:
    if not raw.curve:
        if raw.curve_speed is not None:
            mistakes.add((*path, "curve_speed"), "says at which speed a curve was taken, but there is no curve")
        return None
    flows = [point.flow for point in raw.curve]
    if len(flows) < 2 or any(b <= a for a, b in pairwise(flows)):
        mistakes.add((*path, "curve"), "must have two points at least, by ascending flow")
    for name in ("head", "power"):
        given = [getattr(point, name) is not None for point in raw.curve]
        if any(given) and not all(given):
            mistakes.add((*path, "curve"), f"gives {name} for some of its points only: give it for all of them, or for none")
    if all(_is_bare(point) for point in raw.curve):
        mistakes.add((*path, "curve"), "gives neither head nor power")
    points = tuple(CurvePoint(point.flow, point.head, point.power) for point in raw.curve)
    return PumpCurve(points, raw.curve_speed)


def _is_bare(point: CurveTable) -> bool:
    return point.head is None and point.power is None


def _watched(written: object, spec: DeviceSpec, path: KeyPath, mistakes: Mistakes) -> Iterator[WatchedQuantity]:
    if written is None:
        return
    if not isinstance(written, list):
        mistakes.add((*path, "watch"), f"must be written as [[device.maintenance.watch]] tables, not as {kind_of(written)}")
        return
    seen: set[str] = set()
    for i, row in table_rows({"watch": written}, "watch", mistakes, HINT_GAUGES_PER_DEVICE, path):
        at: KeyPath = (*path, "watch", i)
        table = mistakes.examine(WatchTable, row, at)
        if table is None or _number(spec, table.point, (*at, "point"), mistakes) is None:
            continue
        if table.point in seen:
            mistakes.add((*at, "point"), f"{table.point} is watched already")
        seen.add(table.point)
        check = None if table.check is None else table.check.value()
        yield WatchedQuantity(PointName(table.point), table.limit, table.while_running, table.season, check)
