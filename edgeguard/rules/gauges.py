"""Which quantities of a device are watched for wear, by the meaning of its points: what works without any configuration. Pure.

Limits and lengths here are the product's own beginnings, not a maker's: a site overrides them. What each of them rests on is
told in docs/maintenance.md.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from edgeguard.core.alarm import AlarmRule, Condition
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.limits import HINT_GAUGES_PER_DEVICE
from edgeguard.core.maintenance import DeviceMaintenance, HintKind, MaintenanceSpec, Usage, WatchedQuantity
from edgeguard.core.point import Labels, Point, RoleUse
from edgeguard.core.role import ROLES, factor, roles_of
from edgeguard.rules.gauge import Bound, Gauge
from edgeguard.rules.judgement import NO_SEASON, Season
from edgeguard.rules.maintenance import DeviceCare, Interval
from edgeguard.rules.pump_curve import HEAD_POWER, SHAFT_POWER
from edgeguard.rules.sights import (
    Amount,
    AtRest,
    AtStart,
    AtStop,
    BetweenEdges,
    Counted,
    Counter,
    Edges,
    Flag,
    HoursTrue,
    OnCurve,
    Sight,
)

DOOR_SHARE: Final = 0.40
DOOR_CYCLE_SHARE: Final = 0.25
LEVELLING_MM: Final = 10.0
"""GB/T 7588.1-2020, 5.12.1.1.4: stopping accuracy within 10 mm."""
START_SHARE: Final = 0.20
"""Of what polling catches, which grows less than the peak itself."""
HEAD_SHARE: Final = -0.10
POWER_SHARE: Final = 0.15
INTERVALS: Final[Mapping[str, float]] = {
    "pump.run-hours": 8000.0,
    "pump.starts": 50_000.0,
    "drive.run-hours": 20_000.0,
    "lift.trips": 150_000.0,
    "lift.door-cycles": 200_000.0,
}
YEAR_SWING_K: Final = 24.0
"""What a year may do to a machine room whose temperature nobody tells: from the coldest to the warmest day's mean."""
_SETTLED_MS: Final = 1_800_000
_SMOOTHED_MS: Final = 1_200_000.0
_LONGEST_CYCLE_MS: Final = 60_000.0


@dataclass(frozen=True, slots=True)
class Inputs:
    """The points of a device by what they mean; a role may be there twice (two doors)."""

    points: tuple[Point, ...]
    uses: Mapping[str, tuple[tuple[int, RoleUse], ...]]

    @classmethod
    def of(cls, points: tuple[Point, ...]) -> "Inputs":
        """Sort the points by their roles."""
        uses: dict[str, tuple[tuple[int, RoleUse], ...]] = {}
        for name, index, use in roles_of(points):
            uses[name] = (*uses.get(name, ()), (index, use))
        return cls(points, uses)

    def flags(self, role: str) -> tuple[Flag, ...]:
        """The truths of a role."""
        return tuple(Flag(index, use.when) for index, use in self.uses.get(role, ()))

    def flag(self, *roles: str) -> Flag | None:
        """The first truth of the first role that there is."""
        return next((flag for role in roles for flag in self.flags(role)), None)

    def amount(self, *roles: str) -> Amount | None:
        """The first number of the first role that there is, in the role's unit."""
        for role in roles:
            for index, _ in self.uses.get(role, ()):
                return Amount(index, factor(self.points[index].unit, ROLES[role].unit) or 1.0)
        return None


def care_of(
    device: DeviceName,
    points: tuple[Point, ...],
    alarms: Sequence[AlarmRule],
    moduli: Mapping[int, float],
    site: MaintenanceSpec,
    figures: Sequence[Point] = (),
) -> DeviceCare:
    """Everything that is watched on a device. `moduli`: where the counters among the points begin again, by index. `figures`:
    the counters that the domain rules keep of it."""
    own = site.devices.get(device, DeviceMaintenance())
    inputs = Inputs.of(points)
    found = [*_doors(inputs), *_levelling(inputs), *_starts(inputs), *_pump(inputs, own), *_temperatures(inputs, alarms, site)]
    gauges = [_bounded(gauge, own) for gauge in found if gauge.kind not in own.off]
    gauges += [_watched(inputs, quantity) for quantity in own.watch]
    intervals = () if HintKind.WEAR in own.off else tuple(_intervals(inputs, own, moduli, figures))
    return DeviceCare(device, tuple(gauges[:HINT_GAUGES_PER_DEVICE]), intervals)


def _bounded(gauge: Gauge, own: DeviceMaintenance) -> Gauge:
    """The gauge with the site's limit, where it gives one."""
    wanted = own.limits.get(gauge.kind)
    if wanted is None or gauge.kind is HintKind.TEMPERATURE:
        return gauge
    if gauge.bound.absolute is not None:
        return replace(gauge, bound=replace(gauge.bound, absolute=wanted))
    return replace(gauge, bound=replace(gauge.bound, share=math.copysign(wanted, gauge.bound.share)))


def _numbered(kind: HintKind, number: int) -> str:
    return kind.value if number == 0 else f"{kind.value}-{number + 1}"


def _doors(inputs: Inputs) -> Iterator[Gauge]:
    """Each door's way, if both its ends are told; else how long it is away from being closed."""
    void = inputs.flag("lift.inspection")
    opened, closed = inputs.flags("lift.door-open"), inputs.flags("lift.door-closed")
    close, away = Labels("关门时间", "Door closing time"), Labels("开关门周期", "Door cycle time")
    for number, (at_open, at_closed) in enumerate(zip(opened, closed, strict=False)):
        closing, opening = BetweenEdges(at_open, at_closed), BetweenEdges(at_closed, at_open)
        yield _timed(HintKind.DOOR_CLOSE_TIME, number, close, closing, void)
        yield _timed(HintKind.DOOR_OPEN_TIME, number, Labels("开门时间", "Door opening time"), opening, void)
    if closed and not opened:
        cycle = _timed(HintKind.DOOR_CYCLE_TIME, 0, away, BetweenEdges(closed[0], closed[0], _LONGEST_CYCLE_MS), void)
        yield replace(cycle, bound=Bound(DOOR_CYCLE_SHARE), low=True, fewest=20)


def _timed(kind: HintKind, number: int, labels: Labels, sight: Sight, void: Flag | None) -> Gauge:
    return Gauge(_numbered(kind, number), kind, labels, "s", 2, sight, Bound(DOOR_SHARE), fewest=12, void=void)


def _levelling(inputs: Inputs) -> Iterator[Gauge]:
    offset, moving = inputs.amount("lift.levelling-offset"), inputs.flag("lift.moving", "lift.travelling")
    if offset is not None and moving is not None:
        labels = Labels("平层偏差", "Levelling offset")
        bound = Bound(absolute=LEVELLING_MM, both=True)
        void = inputs.flag("lift.inspection")
        kind = HintKind.LEVELLING
        yield Gauge(kind.value, kind, labels, "mm", 1, AtStop(offset, moving), bound, fewest=10, void=void)


def _starts(inputs: Inputs) -> Iterator[Gauge]:
    """Start current, of whatever starts: by the load of the car, where that is known."""
    for family in ("pump", "drive", "lift"):
        current = inputs.amount(f"{family}.current")
        running = inputs.flag(f"{family}.running", f"{family}.moving", f"{family}.travelling")
        if current is None or running is None:
            continue
        load = inputs.amount("lift.load") if family == "lift" else None
        labels = Labels("启动电流", "Start current")
        kind = HintKind.START_CURRENT
        yield Gauge(
            kind.value, kind, labels, "A", 1, AtStart(current, running, load), Bound(START_SHARE),
            fewest=6, mapped=load is not None, ratio=load is not None, void=inputs.flag("lift.inspection"),
        )  # fmt: skip


def _pump(inputs: Inputs, own: DeviceMaintenance) -> Iterator[Gauge]:
    """Head and power at the flow, against the commissioned curve or the one that is learned."""
    flow, speed = inputs.amount("pump.flow"), inputs.amount("pump.speed", "pump.frequency")
    if flow is None:
        return
    curve = own.curve
    points = () if curve is None else curve.points
    heads = tuple((p.flow, p.head) for p in points if p.head is not None)
    powers = tuple((p.flow, p.power) for p in points if p.power is not None)
    reference = None if curve is None else curve.speed
    for kind, role, exponent, given, share, labels in (
        (HintKind.PUMP_HEAD, "pump.head", HEAD_POWER, heads, HEAD_SHARE, Labels("扬程(同流量)", "Head at the same flow")),
        (HintKind.PUMP_POWER, "pump.power", SHAFT_POWER, powers, POWER_SHARE, Labels("功率(同流量)", "Power at the same flow")),
    ):
        amount = inputs.amount(role)
        if amount is not None:
            sight = OnCurve(amount, flow, exponent, inputs.flag("pump.running"), speed, reference if given else None)
            yield Gauge(
                kind.value, kind, labels, "", 3, sight, Bound(share), fewest=20, mapped=True, ratio=True, curve=given
            )  # fmt: skip


_TEMPERATURES: Final = (
    ("pump.motor-temperature", ("pump.power", "pump.current"), "pump.running"),
    ("drive.temperature", ("drive.current", "drive.power"), "drive.running"),
    ("electric.temperature.l1", ("electric.current.l1", "electric.current"), ""),
    ("electric.temperature.l2", ("electric.current.l2", "electric.current"), ""),
    ("electric.temperature.l3", ("electric.current.l3", "electric.current"), ""),
    ("electric.temperature.n", (), ""),
)


def _temperatures(inputs: Inputs, alarms: Sequence[AlarmRule], site: MaintenanceSpec) -> Iterator[Gauge]:
    """Temperatures on their way to the limit of their alarm, at the same load, above their surroundings where those are told."""
    told = site.outside is not None
    season = NO_SEASON if told else season_of(YEAR_SWING_K)
    for role, loads, running in _TEMPERATURES:
        amount = inputs.amount(role)
        limit = None if amount is None else _high_limit(alarms, inputs.points[amount.index].name)
        if amount is None or limit is None:
            continue
        load = inputs.amount(*loads)
        flag = inputs.flag(running) if running else None
        point = inputs.points[amount.index]
        sight = AtRest(
            amount, flag, settle_ms=_SETTLED_MS if flag or load else 0, load=load, smooth_ms=_SMOOTHED_MS, less_outside=told
        )
        bound = Bound(absolute=limit, upward=True, surroundings=site.hottest if told else 0.0)
        kind = HintKind.TEMPERATURE
        yield Gauge(
            f"{kind.value}-{point.name}".replace("_", "-"), kind, point.labels, "K" if load or told else "°C", 1, sight, bound,
            fewest=20, mapped=load is not None, ratio=load is not None and told, season=season,
        )  # fmt: skip


def _high_limit(alarms: Sequence[AlarmRule], point: PointName) -> float | None:
    """The lowest limit above which an alarm of the point stands."""
    limits = [a.limit for a in alarms if a.point == point and a.condition is Condition.HIGH and isinstance(a.limit, int | float)]
    return min(limits, default=None)


def season_of(swing: float) -> Season:
    """The steepest day of a year that swings so far: that of a sine."""
    return Season(swing * math.pi / 365.0, swing)


def _watched(inputs: Inputs, quantity: WatchedQuantity) -> Gauge:
    index, point = next((i, point) for i, point in enumerate(inputs.points) if point.name == quantity.point)
    running = (
        inputs.flag("pump.running", "drive.running", "lift.moving", "lift.travelling") if quantity.running is not None else None
    )
    wanted = quantity.running is not False
    sight = AtRest(Amount(index), running, wanted, settle_ms=_SETTLED_MS if running and not wanted else 0)
    name = f"{HintKind.QUANTITY.value}-{point.name}".replace("_", "-")
    decimals = 2 if point.decimals is None else point.decimals
    return Gauge(
        name, HintKind.QUANTITY, point.labels, point.unit, decimals, sight, Bound(absolute=quantity.limit),
        fewest=20, season=season_of(quantity.season_swing), check=quantity.check,
    )  # fmt: skip


_COUNTED: Final[tuple[tuple[str, Usage, tuple[str, ...]], ...]] = (
    ("pump.run-hours", Usage.RUN_HOURS, ("pump.running",)),
    ("pump.starts", Usage.STARTS, ("pump.running",)),
    ("drive.run-hours", Usage.RUN_HOURS, ("drive.running",)),
    ("lift.trips", Usage.TRIPS, ("lift.travelling", "lift.moving")),
    ("lift.door-cycles", Usage.DOOR_CYCLES, ("lift.door-closed",)),
)


def _intervals(inputs: Inputs, own: DeviceMaintenance, moduli: Mapping[int, float], figures: Sequence[Point]) -> Iterator[Interval]:
    """What is counted towards a service: by the device's own counter, by that of the domain rules, or here where neither is."""
    kept = {use.role: str(point.name) for point in figures for use in point.roles}
    seen: set[Usage] = set()
    for role, usage, flags in _COUNTED:
        counter, flag = inputs.amount(role), inputs.flag(*flags)
        if usage in seen or (counter is None and flag is None and role not in kept):
            continue
        seen.add(usage)
        length, assumed = own.intervals.get(usage, INTERVALS[role]), usage not in own.intervals
        if counter is not None:
            modulus = moduli.get(counter.index)
            scaled = None if modulus is None else modulus * counter.factor
            yield Interval(usage, length, Counter(counter), False, scaled, own.serviced_day, assumed)
        elif role in kept:
            yield Interval(usage, length, Counted(kept[role]), True, None, own.serviced_day, assumed)
        elif flag is not None:
            sight: Sight = HoursTrue(flag) if usage is Usage.RUN_HOURS else Edges(flag)
            yield Interval(usage, length, sight, True, None, own.serviced_day, assumed)
