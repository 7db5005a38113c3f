"""Maintenance in the words of the field: what wears, what a hint may be about, and what a site says of its own devices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.interlock import PointRef
from edgeguard.core.point import Labels


class Usage(StrEnum):
    """What wears a device by being used."""

    RUN_HOURS = "run-hours"
    STARTS = "starts"
    TRIPS = "trips"
    DOOR_CYCLES = "door-cycles"


class HintKind(StrEnum):
    """What a hint is about; the value is the second part of its id."""

    DOOR_CLOSE_TIME = "door-close-time"
    DOOR_OPEN_TIME = "door-open-time"
    DOOR_CYCLE_TIME = "door-cycle-time"
    LEVELLING = "levelling"
    START_CURRENT = "start-current"
    PUMP_HEAD = "pump-head"
    PUMP_POWER = "pump-power"
    TEMPERATURE = "temperature"
    QUANTITY = "quantity"
    """A point that the site has named."""
    WEAR = "wear"


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One point of a commissioned pump curve, in the units of the device's own points; None where it was not measured."""

    flow: float
    head: float | None = None
    power: float | None = None


@dataclass(frozen=True, slots=True)
class PumpCurve:
    """A commissioned curve: points by ascending flow, and the speed that they were taken at, in the unit of the speed point;
    None for a pump of one speed."""

    points: tuple[CurvePoint, ...]
    speed: float | None = None


@dataclass(frozen=True, slots=True)
class WatchedQuantity:
    """A point that the site wants watched on its way to `limit`. `running`: only while the device runs (True) or stands (False).

    `season_swing`: what a year does to it without any wear, from the lowest to the highest; half of it within a quarter.
    """

    point: PointName
    limit: float
    running: bool | None = None
    season_swing: float = 0.0
    check: Labels | None = None


@dataclass(frozen=True, slots=True)
class DeviceMaintenance:
    """What the site says of one device. `limits`: how far a quantity may go, by kind, as a share of its reference (0.15 is
    15 %) or, for levelling, in its unit. `off`: kinds of hints that are not wanted. `serviced_day`: day of the last service."""

    intervals: Mapping[Usage, float] = field(default_factory=dict)
    serviced_day: int | None = None
    limits: Mapping[HintKind, float] = field(default_factory=dict)
    curve: PumpCurve | None = None
    off: frozenset[HintKind] = frozenset()
    watch: tuple[WatchedQuantity, ...] = ()


@dataclass(frozen=True, slots=True)
class MaintenanceSpec:
    """Maintenance of a site. `outside`: the point that tells how warm it is around the devices; None where there is none.

    `hottest`: the warmest that it gets there; the rise of a device above its surroundings is judged by what it would be then.
    """

    enabled: bool = True
    outside: PointRef | None = None
    hottest: float = 35.0
    devices: Mapping[DeviceName, DeviceMaintenance] = field(default_factory=dict)
