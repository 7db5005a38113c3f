"""Which part of the building each device of a site shows: the first electricity meter counts everything, the second the plant ...

Pumps and frequency converters come in pairs, in the order of the file, each pair a booster set; every lift is a lift of its own;
further electricity meters are feeders of the flats. The first water meter that shows a flow is the main one, others are zones.
Single-phase meters always belong to a flat.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from edgeguard.core.ids import DeviceName
from edgeguard.core.point import Point
from edgeguard.core.site import DeviceSpec
from edgeguard.simulator.building import BuildingSpec

FLATS: Final = 24
"""Flats of a building in which single flats have meters."""


class Part(StrEnum):
    """A part of the building."""

    LIFT = "lift"
    PUMP = "pump"
    MAIN_METER = "main-meter"
    PLANT_METER = "plant-meter"
    FEEDER = "feeder"
    WATER = "water"
    ZONE = "zone"
    TANK = "tank"
    NOTHING = "nothing"
    """No physics stands behind the device."""


@dataclass(frozen=True, slots=True)
class Role:
    """A part of the building and its number, from 0."""

    part: Part
    number: int = 0


_PARTS: Final[Mapping[str, Part]] = {
    "lift": Part.LIFT,
    "pump": Part.PUMP,
    "vfd": Part.PUMP,
    "transmitter": Part.TANK,
}


def cast(devices: Sequence[DeviceSpec]) -> tuple[Mapping[DeviceName, Role], BuildingSpec]:
    """A role for every device, and the building that has all these parts."""
    used: Counter[Part] = Counter()
    roles: dict[DeviceName, Role] = {}
    single = False
    main_water = _main_water(devices)
    for device in devices:
        part = _PARTS.get(device.profile.kind, Part.NOTHING)
        if device.profile.kind == "electricity-meter":
            flat = is_single_phase(device.profile.points)
            single = single or flat
            part = Part.FEEDER if flat or used[Part.PLANT_METER] else Part.PLANT_METER if used[Part.MAIN_METER] else Part.MAIN_METER
        elif device.profile.kind == "water-meter":
            part = Part.WATER if device.name == main_water else Part.ZONE
        roles[device.name] = Role(part, used[part])
        used[part] += 1
    sets = max(1, (used[Part.PUMP] + 1) // 2)
    spec = BuildingSpec(
        lifts=max(1, used[Part.LIFT]),
        sets=sets,
        feeders=used[Part.FEEDER],
        feeder_parts=FLATS if single else 0,
        zones=used[Part.ZONE],
    )
    return roles, spec


def _main_water(devices: Sequence[DeviceSpec]) -> DeviceName | None:
    """The first water meter that shows a flow, as bulk meters do, or else the first one."""
    meters = [device for device in devices if device.profile.kind == "water-meter"]
    bulk = [device for device in meters if any(point.name == "flow" for point in device.profile.points)]
    return (bulk or meters)[0].name if meters else None


def is_single_phase(points: Sequence[Point]) -> bool:
    """Whether a meter with these points measures one phase: it knows a voltage or a current, and none of a second phase."""
    names = {point.name for point in points}
    first = any(name.startswith(("voltage", "current")) for name in names)
    return first and not any(name.endswith(("_l2", "_b")) for name in names)
