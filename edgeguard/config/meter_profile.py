"""The parts of a profile file that only a meter has: its protocol's table and points that name a data identifier."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from edgeguard.config.meter_check import (
    MeterLimits,
    check_meter_point,
    cjt188_limits,
    dlt645_limits,
    meter_field_of,
    meter_point_of,
)
from edgeguard.config.meter_model import Cjt188Table, Dlt645Table, MeterPointTable
from edgeguard.config.mistakes import Mistakes
from edgeguard.config.positions import KeyPath
from edgeguard.config.rows import FirstUse, table_rows, text_of
from edgeguard.core.ids import PointName
from edgeguard.core.limits import MAX_POINTS_PER_DEVICE
from edgeguard.core.meter import MeterField
from edgeguard.core.point import Point

METER_SECTIONS: Final = ("dlt645", "cjt188")
"""Tables of the meter protocols, which are also the protocols' names."""


@dataclass(frozen=True, slots=True)
class MeterPart:
    """What a meter's profile has in place of registers. `fields[i]` says where the i-th of `points` sits."""

    limits: MeterLimits
    points: Mapping[PointName, Point]
    fields: tuple[MeterField, ...]


def meter_part(data: Mapping[str, Any], mistakes: Mistakes) -> MeterPart | None:
    """The part, after adding every mistake in it; None for a device that is no meter. Foreign tables are mistakes."""
    head = data.get("profile")
    protocol = head.get("protocol", "modbus") if isinstance(head, Mapping) else "modbus"
    for key in ("modbus", *METER_SECTIONS):
        if key in data and key != protocol and isinstance(protocol, str):
            mistakes.add((key,), f'makes no sense for protocol = "{protocol}"')
    if protocol not in METER_SECTIONS:
        return None
    if protocol == "dlt645":
        limits: MeterLimits = dlt645_limits(mistakes.examine(Dlt645Table, data.get("dlt645", {}), ("dlt645",)))
    else:
        limits = cjt188_limits(mistakes.examine(Cjt188Table, data.get("cjt188", {}), ("cjt188",)))
    points, fields = _points(data, limits, mistakes)
    return MeterPart(limits, points, fields)


def _points(
    data: Mapping[str, Any], limits: MeterLimits, mistakes: Mistakes
) -> tuple[dict[PointName, Point], tuple[MeterField, ...]]:
    points: dict[PointName, Point] = {}
    fields: list[MeterField] = []
    names, places = FirstUse(mistakes, "point"), FirstUse(mistakes, "data")
    if not data.get("point", []):
        mistakes.add(("point",), "is missing: a profile needs at least one [[point]]")
    for i, row in table_rows(data, "point", mistakes, MAX_POINTS_PER_DEVICE):
        path: KeyPath = ("point", i)
        fresh = names.claim((*path, "name"), text_of(row, "name"))
        raw = mistakes.examine(MeterPointTable, row, path)
        if raw is None:
            continue
        findings = list(check_meter_point(raw, limits))
        for key, sentence in findings:
            mistakes.add((*path, *key.split(".", 1)), sentence)
        if findings:
            continue
        field = meter_field_of(raw, limits)
        places.claim((*path, "data"), (field.identifier, field.item, field.bits), f"{raw.data} item {field.item}")
        if fresh:
            points[PointName(raw.name)] = meter_point_of(raw, limits)
            fields.append(field)
    return points, tuple(fields)
