"""Which domain rules watch which device: found by the roles of its points, and of its neighbours in a group. Pure.

What the rules are, core says (lift_rules, pump_rules, power_rules, water_rules); what they find, the room `rules`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from edgeguard.config.mistakes import Mistakes, did_you_mean, kind_of
from edgeguard.config.positions import KeyPath
from edgeguard.config.role_check import check_roles, uses
from edgeguard.core.alarm import PLAIN, Condition
from edgeguard.core.domain import Domain, DomainRule, Family, GroupSpec, Input, Missing, Watched, figures_of, nearest
from edgeguard.core.ids import DeviceName
from edgeguard.core.lift_rules import LIFT_RULES
from edgeguard.core.point import Point, Value
from edgeguard.core.power_rules import POWER_RULES
from edgeguard.core.profile import AlarmTemplate, DeviceProfile
from edgeguard.core.pump_rules import PUMP_RULES, PUMPSET_RULES, TURNING
from edgeguard.core.role import roles_of
from edgeguard.core.water_rules import WATER_RULES

_RULES: Final[Mapping[Family, tuple[DomainRule, ...]]] = {
    Family.LIFT: LIFT_RULES,
    Family.PUMP: PUMP_RULES,
    Family.POWER: POWER_RULES,
    Family.WATER: WATER_RULES,
}
_IN_GROUP: Final[Mapping[str, str]] = {"measured.level": "tank.level", "measured.pressure": "pump.discharge-pressure"}
"""What a transmitter measures beside the pumps of a group, unless the site says otherwise."""
_SHARED: Final = frozenset({"tank.level"})
"""What a pump takes from its group."""
_OF_SET: Final = frozenset({"pump.discharge-pressure", "water.pressure", "supply.flow"})
"""What a set as a whole takes from its members."""
_MOTION: Final = ("lift.speed", "lift.moving")


@dataclass(frozen=True, slots=True)
class Draft:
    """A device as the search sees it: its points with their meaning, and alarms of its own by name."""

    name: DeviceName
    profile: DeviceProfile
    own_alarms: frozenset[str] = frozenset()

    @property
    def inputs(self) -> tuple[Input, ...]:
        """Every meaning of every point."""
        points = self.profile.points
        return tuple(Input(role, self.name, points[index], use) for role, index, use in roles_of(points))

    @property
    def is_pump(self) -> bool:
        """It turns."""
        return any(one.role in TURNING for one in self.inputs)


def with_site_roles(profile: DeviceProfile, row: Mapping[str, Any], path: KeyPath, mistakes: Mistakes) -> DeviceProfile:
    """The profile with `[device.role]` in place of what its points mean otherwise."""
    tables = row.get("role", {})
    at: KeyPath = (*path, "role")
    if not isinstance(tables, Mapping):
        mistakes.add(at, f"must be a table [device.role] with a line per point, not {kind_of(tables)}")
        return profile
    points = {str(point.name): point for point in profile.points}
    for name, written in tables.items():
        point = points.get(name)
        if point is None:
            mistakes.add((*at, name), f'profile {profile.name} has no polled point "{name}"{did_you_mean(name, points)}')
        elif not _is_written(written):
            mistakes.add((*at, name), 'must be a role such as "sump.level", or { "sump.high" = [true] }')
        else:
            points[name] = replace(point, roles=uses(written))
            for sentence in check_roles(points[name]):
                mistakes.add((*at, name), sentence)
    return replace(profile, points=tuple(points.values())) if tables else profile


def _is_written(written: object) -> bool:
    if isinstance(written, str):
        return True
    return isinstance(written, Mapping) and all(
        isinstance(values, list) and values and all(isinstance(value, bool | int | float | str) for value in values)
        for values in written.values()
    )


def domains(drafts: Sequence[Draft], groups: Sequence[GroupSpec]) -> dict[DeviceName, Domain]:
    """What is watched on each device."""
    named = {draft.name: draft for draft in drafts}
    grouped = [(group, [_in_group(named[name]) for name in group.devices if name in named]) for group in groups]
    known = {draft.name: draft for draft in drafts} | {draft.name: draft for _, members in grouped for draft in members}
    beside = {draft.name: [other for other in members if other is not draft] for _, members in grouped for draft in members}
    found = {name: _domain(draft, beside.get(name, ())) for name, draft in known.items()}
    for group, members in grouped:
        pumps = [draft for draft in members if draft.is_pump]
        if len(pumps) >= 2:
            found[pumps[0].name] = _with_set(found[pumps[0].name], group, pumps, members)
    return found


def _in_group(draft: Draft) -> Draft:
    """A transmitter that stands beside pumps measures what they need, unless the site gave its points another meaning."""
    points = tuple(
        replace(
            point, roles=(*point.roles, *(replace(use, role=_IN_GROUP[use.role]) for use in point.roles if use.role in _IN_GROUP))
        )
        for point in draft.profile.points
    )
    return replace(draft, profile=replace(draft.profile, points=points))


def _domain(draft: Draft, beside: Iterable[Draft]) -> Domain:
    own = draft.inputs
    roles = {one.role for one in own}
    shared = tuple(one for other in beside for one in other.inputs if one.role in _SHARED and one.role not in roles)
    watched: list[Watched] = []
    missing: list[Missing] = []
    figures: list[Point] = []
    taken = frozenset(str(point.name) for point in draft.profile.points)
    for family, rules in _RULES.items():
        inputs = (*own, *shared) if family is Family.PUMP and draft.is_pump else own
        usable = dict.fromkeys(one.role for one in inputs)
        on = []
        for rule in rules:
            if not any(role in roles for way in rule.ways for role in way):
                continue
            lacks = nearest(rule, usable)
            stand_in = "" if lacks else _stand_in(draft, rule)
            if lacks or stand_in:
                missing.append(Missing(rule, lacks, stand_in))
            else:
                on.append(rule)
        counted = _figures(family, roles, taken)
        if on or counted:
            needed = {role for rule in rules for way in rule.ways for role in way} | _side_roles(family)
            watched.append(Watched(family, tuple(one for one in inputs if one.role in needed), tuple(on)))
            figures += counted
    return Domain(tuple(watched), tuple(missing), tuple(figures))


def _side_roles(family: Family) -> frozenset[str]:
    """What a family's step looks at beside what its rules must have."""
    if family is Family.LIFT:
        names = "inspection fault door-fault stop-outside-zone door-zone travelling floor position door-open door-closed"
        return frozenset(f"lift.{name}" for name in names.split())
    if family is Family.PUMP:
        return frozenset({"pump.dry-run"})
    if family is Family.POWER:
        return frozenset(f"electric.voltage.{pair}" for pair in ("l1-l2", "l2-l3", "l3-l1"))
    return frozenset()


def _figures(family: Family, roles: set[str], taken: frozenset[str]) -> tuple[Point, ...]:
    """Counters that can be kept for this device and that it does not keep itself."""
    if family is Family.LIFT:
        able = {"lift.trips", "lift.run-hours"} if roles.intersection(_MOTION) else set()
        able |= {"lift.door-cycles"} if roles & {"lift.door-closed", "lift.door-open"} else set()
    elif family is Family.PUMP and roles.intersection(TURNING):
        able = {"pump.starts", "pump.run-hours", ""}
    else:
        return ()
    kept: list[Point] = []
    for point in figures_of(family, taken):
        role = next((use.role for use in point.roles), "")
        if role in able and role not in roles:
            kept.append(point)
    return tuple(kept)


def _stand_in(draft: Draft, rule: DomainRule) -> str:
    """The device's own alarm of that name, or one on the same side of the same point; empty if it has none."""
    if rule.name in draft.own_alarms:
        return rule.name
    if rule.side is None:
        return ""
    feeding = {one.point.name for one in draft.inputs if any(one.role in way for way in rule.ways)}
    beside = (alarm.name for alarm in draft.profile.alarms if alarm.condition is rule.side and alarm.point in feeding)
    return next(beside, "")


def _with_set(domain: Domain, group: GroupSpec, pumps: Sequence[Draft], members: Sequence[Draft]) -> Domain:
    """The group's rules stand with its first pump."""
    each = [{one.role for one in pump.inputs} for pump in pumps]
    sensors = [one for draft in members if not draft.is_pump for one in draft.inputs if one.role in _OF_SET]
    own = [one for one in pumps[0].inputs if one.role in _OF_SET and one.role not in {sensor.role for sensor in sensors}]
    shared = (*sensors, *own)
    usable = dict.fromkeys((*set.intersection(*each), *(one.role for one in shared)))
    on, missing = [], []
    for rule in PUMPSET_RULES:
        lacks = nearest(rule, usable)
        if lacks:
            missing.append(Missing(rule, lacks))
        else:
            on.append(rule)
    wanted = {*TURNING, "pump.fault", "pump.unavailable", "pump.dry-run"}
    several = tuple((pump.name, tuple(one for one in pump.inputs if one.role in wanted)) for pump in pumps)
    watched = Watched(Family.PUMPSET, shared, tuple(on), str(group.name), several)
    return replace(domain, watched=(*domain.watched, watched), missing=(*domain.missing, *missing))


# --- one cause, one alarm


def explained(draft: Draft, domain: Domain) -> DeviceProfile:
    """The profile with the rules that are on as parents of those of its alarms that follow from them, or tell the same."""
    profile, on = draft.profile, _standing(domain)
    alarms = tuple(_with_parents(alarm, [rule.name for rule in on if _follows(draft, alarm, rule)]) for alarm in profile.alarms)
    return replace(profile, alarms=alarms) if on else profile


def templates(draft: Draft, domain: Domain) -> tuple[AlarmTemplate, ...]:
    """The rules that are on, as alarms that a site may set otherwise; what explains them, by the names of their device."""
    on = _standing(domain)
    made: list[AlarmTemplate] = []
    for watched in domain.watched:
        for rule in watched.rules:
            same = () if watched.group else [one for one in draft.profile.alarms if _tells(draft, one, rule)]
            above = () if watched.group else [other.name for other in on if rule.name in other.explains]
            made.append(_with_parents(_template(watched, rule), [*above, *(one.name for one in same if not _yields(one, rule))]))
    return tuple(made)


def _standing(domain: Domain) -> list[DomainRule]:
    """The rules that are on, but for those of a group as a whole."""
    return [rule for watched in domain.watched if not watched.group for rule in watched.rules]


def _template(watched: Watched, rule: DomainRule) -> AlarmTemplate:
    return AlarmTemplate(
        name=watched.alarm_of(rule),
        condition=Condition.WATCHED,
        severity=rule.severity,
        text=rule.text,
        limit=rule.limit,
        on_delay_ms=rule.on_delay_ms,
        off_delay_ms=rule.off_delay_ms,
        advice=rule.advice,
        has_limit=rule.limit is not None,
        traits=replace(PLAIN, awaited=not rule.leads),
    )


def _tells(draft: Draft, alarm: AlarmTemplate, rule: DomainRule) -> bool:
    """Whether an alarm of the device's own comes with one of the rule's kin: by its point, or by the name (`fault`)."""
    if any(role.partition(".")[2] == alarm.name for role in rule.kin):
        return True
    kin = [one for one in draft.inputs if one.role in rule.kin and one.point.name == alarm.point]
    return any(_means(alarm, one.use.when or (True,)) for one in kin)


def _follows(draft: Draft, alarm: AlarmTemplate, rule: DomainRule) -> bool:
    return alarm.name in rule.explains or (_tells(draft, alarm, rule) and _yields(alarm, rule))


def _means(alarm: AlarmTemplate, values: Sequence[Value]) -> bool:
    """Whether the alarm comes with one of these values."""
    if alarm.condition is Condition.EQUALS:
        return alarm.limit in values
    return alarm.condition is Condition.DIFFERS and alarm.limit not in values


def _yields(alarm: AlarmTemplate, rule: DomainRule) -> bool:
    """Of two alarms that tell the same, the more severe one is told, and of equals the device's own."""
    return rule.leads or alarm.severity.rank > rule.severity.rank


def _with_parents(alarm: AlarmTemplate, parents: Sequence[str]) -> AlarmTemplate:
    if not parents:
        return alarm
    return replace(alarm, traits=replace(alarm.traits, parents=(*alarm.traits.parents, *dict.fromkeys(parents))))
