"""Meters and tariffs of a site: what is written, and without a `[[meter]]` every counter that is known as one.

What a counter can show is taken from its register, or said by the site; where neither tells, nothing is assumed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edgeguard.config.energy_model import EnergyTable, MeterTable, ReplacedTable, SeasonTable, TariffTable
from edgeguard.config.energy_zones import zones
from edgeguard.config.mistakes import Mistakes, did_you_mean
from edgeguard.config.positions import KeyPath
from edgeguard.config.rows import FirstUse, table_rows, text_of
from edgeguard.core.alarm import AlarmRule, Condition, Severity
from edgeguard.core.ids import AlarmName, DeviceName, PointName, alarm_name
from edgeguard.core.metering import (
    MICRO,
    UNITS,
    DayKind,
    EnergySpec,
    Medium,
    MeterName,
    MeterSpec,
    Replacement,
    Season,
    SpecificSpec,
    Tariff,
)
from edgeguard.core.metering_limits import METER_READING_MAX, METERS_MAX, TARIFFS_MAX
from edgeguard.core.point import Kind, Labels, Point
from edgeguard.core.profile import DeviceProfile
from edgeguard.core.register import RawType, RegisterField
from edgeguard.core.site import DeviceSpec

MAX_RATES: Final[Mapping[Medium, int]] = {
    Medium.ELECTRICITY: 10_000,
    Medium.WATER: 2_000,
    Medium.HEAT: 10_000,
    Medium.GAS: 2_000,
    Medium.COUNT: 36_000,
}
"""Units an hour above which no meter of a building counts, where the site says nothing narrower."""
_ENERGY: Final = ("energy_import", "energy", "energy_total")
_VOLUME: Final = ("volume",)
_BCD: Final[Mapping[RawType, int]] = {RawType.BCD16: 4, RawType.BCD32: 8, RawType.BCD64: 16}
_BITS: Final[Mapping[RawType, int]] = {RawType.UINT16: 16, RawType.UINT32: 32, RawType.UINT64: 64}
_INTEGERS: Final = frozenset({RawType.INT16, RawType.INT32, RawType.INT64, *_BITS, *_BCD})


def build_energy(data: Mapping[str, Any], devices: Sequence[DeviceSpec], mistakes: Mistakes) -> EnergySpec:
    """Everything about metering; mistakes are added, and what has any is not to be used."""
    raw = mistakes.examine(EnergyTable, data.get("energy", {}), ("energy",)) or EnergyTable()
    zone = _zone(raw, mistakes)
    alarmed = raw.excess_percent > 0
    if "meter" in data:
        meters = _written(data, devices, zone, mistakes)
    else:
        meters = tuple(meter for device in devices for meter in _found(device))
    meters = tuple(replace(meter, excess=_excess_name(meter)) for meter in meters) if alarmed else meters
    return EnergySpec(
        zone=raw.timezone,
        meters=meters,
        tariffs=_tariffs(data, mistakes),
        holidays=frozenset(raw.holidays),
        workdays=frozenset(raw.workdays),
        specifics=_specifics(raw, meters, mistakes),
        excess_percent=raw.excess_percent,
        trust_clock=raw.trust_clock,
        zones=zones(raw.zone, meters, mistakes),
    )


def with_energy_alarms(devices: Sequence[DeviceSpec], energy: EnergySpec) -> tuple[DeviceSpec, ...]:
    """The devices with an alarm for each of their meters and zones, which the family of metering judges."""
    rules: dict[DeviceName, list[AlarmRule]] = {}
    for meter in energy.meters:
        if meter.excess is not None:
            text = Labels(f"{meter.labels.zh}:用量异常偏高", f"{meter.labels.en}: consumption above what is usual")
            rule = AlarmRule(meter.excess, meter.device, Condition.WATCHED, Severity.MINOR, text)
            rules.setdefault(meter.device, []).append(rule)
    for zone in energy.zones:
        text = Labels(f"{zone.labels.zh}:夜间失水,可能漏水", f"{zone.labels.en}: water is lost at night, there may be a leak")
        rules.setdefault(zone.device, []).append(AlarmRule(zone.alarm, zone.device, Condition.WATCHED, Severity.MINOR, text))
    return tuple(replace(device, alarms=(*device.alarms, *rules.get(device.name, ()))) for device in devices)


def _excess_name(meter: MeterSpec) -> AlarmName:
    own = str(meter.name) == str(meter.device)
    return alarm_name(meter.device, "consumption-excess" if own else f"{str(meter.name)[:57]}-excess")


def _zone(raw: EnergyTable, mistakes: Mistakes) -> ZoneInfo:
    try:
        return ZoneInfo(raw.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        mistakes.add(("energy", "timezone"), f'"{raw.timezone}" is no time zone that this machine knows, such as "Asia/Shanghai"')
        return ZoneInfo("UTC")


# --- meters


def _written(data: Mapping[str, Any], devices: Sequence[DeviceSpec], zone: ZoneInfo, mistakes: Mistakes) -> tuple[MeterSpec, ...]:
    known = {str(device.name): device for device in devices}
    names, sources = FirstUse(mistakes, "meter name"), FirstUse(mistakes, "source")
    meters: dict[str, MeterSpec] = {}
    places: dict[str, KeyPath] = {}
    for i, row in table_rows(data, "meter", mistakes, METERS_MAX):
        path: KeyPath = ("meter", i)
        names.claim((*path, "name"), text_of(row, "name"))
        sources.claim((*path, "source"), text_of(row, "source"))
        raw = mistakes.examine(MeterTable, row, path)
        meter = None if raw is None else _meter(raw, known, path, zone, mistakes)
        if meter is not None:
            meters[meter.name] = meter
            places[meter.name] = path
    named = {str(row.get("name")) for _, row in table_rows(data, "meter", Mistakes(""), METERS_MAX)}
    for name, meter in meters.items():
        if meter.parent is not None:
            _check_parent(meter, meters, named, (*places[name], "parent"), mistakes)
    return tuple(meters.values())


def _meter(raw: MeterTable, known: Mapping[str, DeviceSpec], path: KeyPath, zone: ZoneInfo, mistakes: Mistakes) -> MeterSpec | None:
    device_name, _, point_name = raw.source.partition(".")
    device = known.get(device_name)
    if device is None:
        mistakes.add((*path, "source"), f'there is no device "{device_name}"{did_you_mean(device_name, known)}')
        return None
    points = {str(point.name): i for i, point in enumerate(device.profile.points)}
    index = points.get(point_name)
    if index is None:
        mistakes.add((*path, "source"), f'{device_name} has no point "{point_name}"{did_you_mean(point_name, points)}')
        return None
    point = device.profile.points[index]
    medium = raw.medium or _medium(device.profile, point)
    unsaid = raw.medium is None and point.unit not in UNITS
    trouble = _unfit(point, Medium.ELECTRICITY if unsaid else medium)
    if trouble:
        mistakes.add((*path, "medium" if raw.medium and point.kind is Kind.NUMBER else "source"), trouble)
        return None
    meter = _of(device, index, MeterName(raw.name), medium, raw.labels.value() if raw.labels else Labels(raw.name, raw.name))
    resolution = meter.resolution if raw.resolution is None else _micro(raw.resolution, meter.micro)
    modulus = meter.modulus if raw.rollover is None else _micro(raw.rollover, meter.micro)
    if modulus is not None and modulus <= resolution:
        mistakes.add((*path, "rollover"), "is no more than the counter's smallest step")
    rate = meter.max_rate if raw.max_rate is None else _micro(raw.max_rate, meter.micro)
    return replace(
        meter,
        resolution=max(resolution, 1),
        modulus=modulus,
        max_rate=max(rate, 1),
        parent=None if raw.parent is None else MeterName(raw.parent),
        replacements=_replacements(raw.replaced, meter, zone, path, mistakes),
    )


def _unfit(point: Point, medium: Medium) -> str:
    if point.kind is not Kind.NUMBER:
        return f"point {point.name} is no number"
    if point.unit not in UNITS and medium is not Medium.COUNT:
        known = ", ".join(unit for unit in UNITS if unit)
        return f'point {point.name} counts in "{point.unit}"; a meter counts in {known}, or has medium = "count"'
    unit = UNITS[point.unit].unit if point.unit in UNITS else point.unit
    wanted = {
        Medium.ELECTRICITY: ("kWh",),
        Medium.WATER: ("m3",),
        Medium.GAS: ("m3", "kWh"),
        Medium.HEAT: ("kWh", "GJ", "m3"),
        Medium.COUNT: (unit,),
    }[medium]
    return "" if unit in wanted else f'{medium.value} is not metered in "{point.unit}"'


def _replacements(
    rows: Sequence[ReplacedTable], meter: MeterSpec, zone: ZoneInfo, path: KeyPath, mistakes: Mistakes
) -> tuple[Replacement, ...]:
    made: list[Replacement] = []
    for i, row in enumerate(rows):
        at = row.at if row.at.tzinfo is not None else row.at.replace(tzinfo=zone)
        at_ms = round(at.timestamp() * 1000)
        if made and at_ms <= made[-1].at_ms:
            mistakes.add((*path, "replaced", i, "at"), "is not after the exchange before it")
        for key, shown in (("old_last", row.old_last), ("new_first", row.new_first)):
            if shown * meter.micro > METER_READING_MAX:
                mistakes.add((*path, "replaced", i, key), "is more than any counter shows")
        made.append(Replacement(at_ms, _micro(row.old_last, meter.micro), _micro(row.new_first, meter.micro)))
    return tuple(made)


def _check_parent(meter: MeterSpec, meters: Mapping[str, MeterSpec], named: set[str], path: KeyPath, mistakes: Mistakes) -> None:
    parent = meters.get(str(meter.parent))
    if parent is None:
        if str(meter.parent) not in named:
            mistakes.add(path, f'there is no meter "{meter.parent}"{did_you_mean(str(meter.parent), meters)}')
        return
    if parent.unit != meter.unit or parent.medium is not meter.medium:
        shown = f"{parent.medium.value} in {parent.unit}, {meter.name} {meter.medium.value} in {meter.unit}"
        mistakes.add(path, f"{parent.name} counts {shown}: they have no balance")
    seen = {meter.name}
    above: MeterSpec | None = parent
    while above is not None:
        if above.name in seen:
            mistakes.add(path, "goes round in a circle: a meter cannot be behind itself")
            return
        seen.add(above.name)
        above = meters.get(str(above.parent)) if above.parent is not None else None


# --- what is known without being said


def _found(device: DeviceSpec) -> Iterator[MeterSpec]:
    """The counters of a device that are metered without a word: its energy, and the volume of a meter for water, gas or heat."""
    points = {str(point.name): i for i, point in enumerate(device.profile.points)}
    energy = next((name for name in _ENERGY if name in points), None)
    volume = next((name for name in _VOLUME if name in points), None)
    first = True
    for name in (energy, volume):
        if name is None:
            continue
        point = device.profile.points[points[name]]
        medium = _medium(device.profile, point)
        if _unfit(point, medium):
            continue
        labels = (
            device.labels if first else Labels(f"{device.labels.zh} {point.labels.zh}", f"{device.labels.en}, {point.labels.en}")
        )
        meter_name = MeterName(str(device.name) if first else f"{device.name}-{name.replace('_', '-')}"[:64])
        yield _of(device, points[name], meter_name, medium, labels)
        first = False


def _medium(profile: DeviceProfile, point: Point) -> Medium:
    """By the kind of the device and the unit of the point."""
    unit = UNITS[point.unit].unit if point.unit in UNITS else point.unit
    by_kind = {"heat-meter": Medium.HEAT, "gas-meter": Medium.GAS, "water-meter": Medium.WATER}.get(profile.kind)
    if by_kind is not None:
        return by_kind
    return {"kWh": Medium.ELECTRICITY, "m3": Medium.WATER, "GJ": Medium.HEAT}.get(unit, Medium.COUNT)


def _of(device: DeviceSpec, index: int, name: MeterName, medium: Medium, labels: Labels) -> MeterSpec:
    point = device.profile.points[index]
    counted = UNITS.get(point.unit)
    micro = MICRO if counted is None else counted.micro
    resolution, modulus = _shown(device.profile, index)
    return MeterSpec(
        name=name,
        device=DeviceName(device.name),
        point=PointName(point.name),
        medium=medium,
        unit=point.unit if counted is None else counted.unit,
        micro=micro,
        max_rate=MAX_RATES[medium] * MICRO,
        labels=labels,
        resolution=max(_whole(resolution * micro), 1),
        modulus=None if modulus is None else _whole(modulus * micro),
    )


def _shown(profile: DeviceProfile, index: int) -> tuple[Decimal, Decimal | None]:
    """The smallest step, and where the counter begins anew as far as its register says so; both in the point's unit.

    A float does not say where it ends, and a signed register begins anew with negative numbers, which no counter shows.
    """
    point = profile.points[index]
    decimals = Decimal(0) if point.decimals is None else Decimal(1).scaleb(-point.decimals)
    if profile.data:
        at = profile.data[index]
        step = Decimal(1).scaleb(-at.part.decimals) * Decimal(repr(at.scale))
        return max(step, decimals), Decimal(10) ** (2 * at.part.size) * step if not at.part.signed else None
    if profile.fields:
        return _of_register(profile.fields[index], decimals)
    return decimals, None


def _of_register(field: RegisterField, decimals: Decimal) -> tuple[Decimal, Decimal | None]:
    scale = Decimal(repr(field.scale))
    if field.type not in _INTEGERS or field.form is not None:
        return decimals, None
    step = max(scale, decimals)
    if field.bits is not None or field.offset:
        return step, None
    if field.type in _BCD:
        return step, Decimal(10) ** _BCD[field.type] * scale
    return step, Decimal(2) ** _BITS[field.type] * scale if field.type in _BITS else None


def _micro(value: float, micro: int) -> int:
    return _whole(Decimal(repr(value)) * micro)


def _whole(value: Decimal) -> int:
    return int(value.to_integral_value())


# --- tariffs


def _tariffs(data: Mapping[str, Any], mistakes: Mistakes) -> tuple[Tariff, ...]:
    made: list[tuple[KeyPath, Tariff]] = []
    for i, row in table_rows(data, "tariff", mistakes, TARIFFS_MAX):
        path: KeyPath = ("tariff", i)
        raw = mistakes.examine(TariffTable, row, path)
        if raw is None:
            continue
        if raw.until is not None and raw.until <= raw.since:
            mistakes.add((*path, "until"), "is not after from")
        seasons = tuple(_season(season, (*path, "season", k), mistakes) for k, season in enumerate(raw.season))
        tariff = Tariff(raw.medium, raw.since, raw.until, seasons, dict(raw.prices), raw.currency)
        _check_cover(tariff, path, mistakes)
        periods = {window.period for season in seasons for window in season.windows}
        for period in raw.prices:
            if period not in periods:
                mistakes.add((*path, "prices", period), f'no window has the period "{period}"{did_you_mean(period, periods)}')
        unpriced = sorted(periods - raw.prices.keys()) if raw.prices and raw.prices.keys() <= periods else ()
        if unpriced:
            names = ", ".join(unpriced)
            mistakes.add((*path, "prices"), f"have none for {names}, and a sum would lack it: name all prices, or none")
        for other_path, other in made:
            if other.medium is tariff.medium and _overlap(other, tariff):
                mistakes.add((*path, "from"), f"overlaps the tariff in line {mistakes.line(other_path)}")
        made.append((path, tariff))
    return tuple(tariff for _, tariff in made)


def _season(raw: SeasonTable, path: KeyPath, mistakes: Mistakes) -> Season:
    windows = tuple(sorted(raw.windows, key=lambda window: window.first_min))
    at = 0
    for window in windows:
        if window.first_min > at:
            mistakes.add((*path, "windows"), f"leave {_clock(at)}-{_clock(window.first_min)} without a period")
        elif window.first_min < at:
            mistakes.add((*path, "windows"), f"overlap from {_clock(window.first_min)} to {_clock(min(at, window.until_min))}")
        at = max(at, window.until_min)
    if at < 1440:
        mistakes.add((*path, "windows"), f"leave {_clock(at)}-24:00 without a period")
    return Season(frozenset(raw.months), frozenset(raw.days), windows)


def _check_cover(tariff: Tariff, path: KeyPath, mistakes: Mistakes) -> None:
    """Every workday of every month has a season; weekends and holidays without one of their own are like workdays."""
    covered = {month for season in tariff.seasons if {DayKind.ALL, DayKind.WORKDAY} & season.days for month in season.months}
    missing = sorted(set(range(1, 13)) - covered)
    if missing:
        mistakes.add((*path, "season"), f"no season holds on workdays of the months {', '.join(map(str, missing))}")


def _overlap(one: Tariff, two: Tariff) -> bool:
    return (one.until is None or two.first < one.until) and (two.until is None or one.first < two.until)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _specifics(raw: EnergyTable, meters: Sequence[MeterSpec], mistakes: Mistakes) -> tuple[SpecificSpec, ...]:
    known = {str(meter.name) for meter in meters}
    names = FirstUse(mistakes, "name")
    made: list[SpecificSpec] = []
    for i, row in enumerate(raw.specific):
        path: KeyPath = ("energy", "specific", i)
        names.claim((*path, "name"), row.name)
        for key, name in (("of", row.of), ("per", row.per)):
            if name not in known:
                mistakes.add((*path, key), f'there is no meter "{name}"{did_you_mean(name, known)}')
        labels = row.labels.value() if row.labels else Labels(row.name, row.name)
        made.append(SpecificSpec(row.name, MeterName(row.of), MeterName(row.per), labels))
    return tuple(made)
