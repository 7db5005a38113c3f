"""The words of metering: what is metered, by which counter, under which tariff. Amounts are whole millionths of a unit.

Integers, because what comes out of a counter must add up: the intervals of a day, of its months, and the counter's own difference.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NewType

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import AlarmName, DeviceName, PointName
from edgeguard.core.point import Labels

MeterName = NewType("MeterName", str)
MICRO: Final = 1_000_000
"""Amounts are counted in millionths of their unit."""
QUARTER_MS: Final = 900_000
"""Intervals are quarters of an hour of UTC: the clocks of all time zones in use differ from it by whole quarters."""


class Medium(StrEnum):
    """What flows through a meter."""

    ELECTRICITY = "electricity"
    WATER = "water"
    HEAT = "heat"
    GAS = "gas"
    COUNT = "count"
    """No medium: trips, door cycles, starts. Something to relate a consumption to."""


@dataclass(frozen=True, slots=True)
class UnitOf:
    """How a point's unit is counted: in which unit, and how many millionths of that one make up one of the point's."""

    unit: str
    micro: int


UNITS: Final[Mapping[str, UnitOf]] = MappingProxyType(
    {
        "Wh": UnitOf("kWh", 1_000),
        "kWh": UnitOf("kWh", MICRO),
        "MWh": UnitOf("kWh", 1_000 * MICRO),
        "MJ": UnitOf("GJ", 1_000),
        "GJ": UnitOf("GJ", MICRO),
        "L": UnitOf("m3", 1_000),
        "m3": UnitOf("m3", MICRO),
        "m³": UnitOf("m3", MICRO),
        "": UnitOf("", MICRO),
    }
)
"""Units of counters. Heat stays in what its meter counts: a GJ is no whole number of kWh."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A meter was exchanged at a moment: what the old one showed last, what the new one showed first (in micro)."""

    at_ms: int
    old_last: int
    new_first: int


@dataclass(frozen=True, slots=True)
class MeterSpec:
    """One counter as a meter. `unit` is that of amounts; `micro` turns a reading into one; figures below are in micro.

    `resolution`: the smallest step that the counter can show. `modulus`: where it begins anew at 0; None where nobody has said
    so and the type of its register does not tell. `max_rate`: the most that can flow in an hour. `excess`: the alarm on
    consumption that the habits of this meter do not explain.
    """

    name: MeterName
    device: DeviceName
    point: PointName
    medium: Medium
    unit: str
    micro: int
    max_rate: int
    labels: Labels
    resolution: int = 1
    modulus: int | None = None
    parent: MeterName | None = None
    replacements: tuple[Replacement, ...] = ()
    excess: AlarmName | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """From a minute of the local day to another (not included), a period's name holds."""

    first_min: int
    until_min: int
    period: str


class DayKind(StrEnum):
    """What a tariff's rule is for."""

    ALL = "all"
    WORKDAY = "workday"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"


@dataclass(frozen=True, slots=True)
class Season:
    """Windows for some months and some kinds of days; the first that fits counts. They cover the day without overlap."""

    months: frozenset[int]
    days: frozenset[DayKind]
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class Tariff:
    """Prices and periods of a medium from a day on, until another one (not included). `prices`: per unit, by period."""

    medium: Medium
    first: date
    until: date | None
    seasons: tuple[Season, ...]
    prices: Mapping[str, float] = field(default_factory=dict)
    currency: str = "CNY"


@dataclass(frozen=True, slots=True)
class SpecificSpec:
    """How much of one meter goes with one unit of another: kWh per m3, kWh per trip."""

    name: str
    of: MeterName
    per: MeterName
    labels: Labels


@dataclass(frozen=True, slots=True)
class ZoneSpec:
    """A part of a water net: what flows in by some meters, and what is drawn from it by those `behind`, if all of that is metered.

    `limit`: so much may be lost in an hour of the night (in micro-m3). `resolution`: what the last digits of all its meters make
    up together. `alarm` stands with `device`, which the first inflow is read from.
    """

    name: str
    inflow: tuple[MeterName, ...]
    behind: tuple[MeterName, ...]
    limit: int
    resolution: int
    device: DeviceName
    alarm: AlarmName
    labels: Labels


@dataclass(frozen=True, slots=True)
class EnergySpec:
    """Everything about metering of one site. `zone` is the name of its time zone; holidays are days of their own kind."""

    zone: str = "Asia/Shanghai"
    meters: tuple[MeterSpec, ...] = ()
    tariffs: tuple[Tariff, ...] = ()
    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()
    """Days at a weekend on which people work all the same."""
    specifics: tuple[SpecificSpec, ...] = ()
    excess_percent: float = 25.0
    trust_clock: bool = False
    """The wall clock counts as right although nothing synchronises it: a site without a network, but with a battery."""
    zones: tuple[ZoneSpec, ...] = ()


QUALITIES: Final = ("measured", "partial", "spread", "undivided")
"""Of an interval's amount: measured from end to end; in part; divided evenly over a pause; over a time too long for that."""


class Incident(StrEnum):
    """What can befall a counter; every one of them is shown."""

    BEGIN = "begin"
    """The first reading: nothing is known of before."""
    ROLLOVER = "rollover"
    REPLACEMENT = "replacement"
    LATE_REPLACEMENT = "late-replacement"
    """An exchange was declared after the readings had been taken for something else: `counted` is what that is corrected by."""
    MISMATCH = "mismatch"
    """A declared exchange does not fit the readings: nothing is counted by it."""
    RESET = "reset"
    """The counter shows less for good, and nobody has said why: what was consumed meanwhile is not known."""
    JUMP = "jump"
    """The counter shows more than can have flowed, for good: not counted."""
    GLITCH = "glitch"
    """A few readings did not fit and then the old line went on: left out."""
    CORRECTION = "correction"
    """A reading that was counted turns out to have been too high: taken back."""
    GAP = "gap"
    """Nothing was read for so long that an amount is not divided into intervals."""


@dataclass(frozen=True, slots=True)
class MeterEvent:
    """An incident: the readings before and after it, and the amount that was counted for the step between (0: none)."""

    incident: Incident
    at: Stamp
    before: int
    after: int
    counted: int = 0
    since_ms: int | None = None
    """Wall time of the reading before."""


@dataclass(frozen=True, slots=True)
class Step:
    """An amount that flowed between two readings."""

    start: Stamp
    end: Stamp
    amount: int
