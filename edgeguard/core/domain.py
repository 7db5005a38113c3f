"""Domain rules as data: which roles a rule needs, its limit with its source, its texts, and which devices of a site it watches.

The steps themselves are in `rules` (lift, pump, pumpset, power, water); they give truth and value under the names given here.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from edgeguard.core.alarm import Condition, Severity
from edgeguard.core.ids import DeviceName, GroupName, PointName
from edgeguard.core.point import Kind, Labels, Point, RoleUse


class Family(StrEnum):
    """Rules that share a step and a memory."""

    LIFT = "lift"
    PUMP = "pump"
    PUMPSET = "pumpset"
    POWER = "power"
    WATER = "water"


@dataclass(frozen=True, slots=True)
class DomainRule:
    """One rule. It is on where all roles of one of its `ways` are there.

    `limit` is in `unit`; None where nothing can be set. `source` says what the limit rests on, or that it is a guess; `advice`
    is what to check on the spot.
    """

    name: str
    family: Family
    ways: tuple[tuple[str, ...], ...]
    severity: Severity
    text: Labels
    advice: Labels
    source: str
    limit: float | None = None
    unit: str = ""
    on_delay_ms: int = 0
    off_delay_ms: int = 0
    side: Condition | None = None
    """HIGH or LOW for a rule that is a plain limit: the device's own alarm on that side of the same point stands in for it."""
    explains: tuple[str, ...] = ()
    """Alarms of the same device that follow from it: while it stands they are suppressed, for it is their parent."""
    kin: tuple[str, ...] = ()
    """Roles by which the device itself may tell the same cause: its own alarm on one of them, or of that
    name, is the parent if it is no less severe."""
    leads: bool = False
    """It is never kept back for such an alarm; that one is kept back for it, but does not wait for it."""


@dataclass(frozen=True, slots=True)
class Input:
    """Where a role's value comes from: a point of this device or of a neighbour in its group."""

    role: str
    device: DeviceName
    point: Point
    use: RoleUse


@dataclass(frozen=True, slots=True)
class Watched:
    """What a family looks at on one device: its inputs, and which rules are on. `members`: the inputs of a set's pumps.

    `group` is empty but for families that look at a group as a whole, whose alarms bear its name.
    """

    family: Family
    inputs: tuple[Input, ...]
    rules: tuple[DomainRule, ...]
    group: str = ""
    members: tuple[tuple[DeviceName, tuple[Input, ...]], ...] = ()

    def alarm_of(self, rule: DomainRule) -> str:
        """The alarm's name on its device."""
        return f"{self.group}-{rule.name}" if self.group else rule.name

    @property
    def devices(self) -> frozenset[DeviceName]:
        """Whose rounds it wants to see."""
        several = (one for _, inputs in self.members for one in inputs)
        return frozenset(one.device for one in (*self.inputs, *several))


@dataclass(frozen=True, slots=True)
class Missing:
    """A rule that is off, and the roles it lacks by its nearest way; or `own`: the device's own alarm that stands in for it.

    `line`: what the site would have to say, where only the site can know it.
    """

    rule: DomainRule
    lacks: tuple[str, ...] = ()
    own: str = ""
    line: str = ""


@dataclass(frozen=True, slots=True)
class GroupSpec:
    """Devices that belong together, such as a pump set with its sensors. The first pump bears the group's alarms."""

    name: GroupName
    devices: tuple[DeviceName, ...]
    labels: Labels


@dataclass(frozen=True, slots=True)
class Domain:
    """All that domain rules do with one device: what is watched, what is not and why, and the figures that are counted."""

    watched: tuple[Watched, ...] = ()
    missing: tuple[Missing, ...] = ()
    figures: tuple[Point, ...] = ()


def nearest(rule: DomainRule, roles: Collection[str]) -> tuple[str, ...]:
    """The roles that a rule still needs by the way that needs fewest; none if it can work."""
    return min((tuple(role for role in way if role not in roles) for way in rule.ways), key=len)


FIGURES: Mapping[Family, tuple[tuple[str, str, str, str, str], ...]] = {
    Family.LIFT: (
        ("trips_counted", "lift.trips", "", "运行次数(网关计)", "Trips, counted here"),
        ("door_cycles_counted", "lift.door-cycles", "", "开关门次数(网关计)", "Door cycles, counted here"),
        ("run_hours_counted", "lift.run-hours", "h", "运行时间(网关计)", "Hours of motion, counted here"),
    ),
    Family.PUMP: (
        ("starts_counted", "pump.starts", "", "启动次数(网关计)", "Starts, counted here"),
        ("run_hours_counted", "pump.run-hours", "h", "运行时间(网关计)", "Run hours, counted here"),
        ("starts_last_hour", "", "", "近一小时启动次数", "Starts within the last hour"),
    ),
}
"""Counters by family: name of the figure, the role it has, unit, labels."""


def figures_of(family: Family, name_taken: frozenset[str]) -> tuple[Point, ...]:
    """The figures that a family tells of a device, as points; those whose name the device has already are not told."""
    return tuple(
        Point(PointName(name), Kind.NUMBER, Labels(zh, en), unit=unit, roles=(RoleUse(role),) if role else ())
        for name, role, unit, zh, en in FIGURES.get(family, ())
        if name not in name_taken
    )
