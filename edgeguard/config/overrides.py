"""What a site changes of a device's profile: alarms set otherwise, switched off or added, and reports tuned."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from edgeguard.config.alarm_check import COMMS_LOST, check_alarm, comms_lost
from edgeguard.config.alarm_traits import Scope, bound_to, read_traits
from edgeguard.config.mistakes import Mistakes, did_you_mean, kind_of
from edgeguard.config.positions import KeyPath
from edgeguard.config.profile_model import AlarmTable
from edgeguard.config.profiles import template_of
from edgeguard.config.quantity import say_ms
from edgeguard.config.rows import FirstUse, table_rows, text_of
from edgeguard.config.site_model import AlarmOverride, ReportOverride
from edgeguard.core.alarm import PLAIN, AlarmRule, AlarmTraits, Condition
from edgeguard.core.ids import DeviceName, alarm_name
from edgeguard.core.limits import MAX_ALARMS_PER_DEVICE
from edgeguard.core.point import Kind, Point, ReportRule
from edgeguard.core.profile import AlarmTemplate, DeviceProfile

_BOUND_KEYS = ("limit", "hysteresis")


def build_alarms(
    device: DeviceName,
    profile: DeviceProfile,
    row: Mapping[str, Any],
    path: KeyPath,
    mistakes: Mistakes,
    domain: Sequence[AlarmTemplate] = (),
) -> tuple[AlarmRule, ...]:
    """The device's alarms: communication lost, the profile's and those of domain rules as overridden, and its own."""
    points = {str(point.name): point for point in profile.points}
    templates = {template.name: template for template in (comms_lost(), *profile.alarms, *domain)}
    override_alarms(device, templates, points, row, path, mistakes, f"profile {profile.name}")
    own = _own_alarms(device, profile, points, row, path, mistakes)
    return tuple(rule_of(device, template) for template in (*templates.values(), *own))


def override_alarms(
    owner: DeviceName,
    templates: dict[str, AlarmTemplate],
    points: Mapping[str, Point],
    row: Mapping[str, Any],
    path: KeyPath,
    mistakes: Mistakes,
    whose: str,
) -> None:
    """Apply the tables `alarms.NAME` of a row to these alarms: changed, or taken out. `whose`: where they come from, in words."""
    for name, value, at in _tables(row, "alarms", path, mistakes):
        if name not in templates:
            where = " on the polled points" if points else ""
            mistakes.add(at, f'{whose} has no alarm "{name}"{where}{did_you_mean(name, templates)}')
            mistakes.examine(AlarmOverride, value, at)
            continue
        raw = mistakes.examine(AlarmOverride, value, at)
        if raw is None:
            continue
        changed = _overridden(templates[name], raw, Scope(owner, points, lambda _ref: None), at, mistakes)
        _check_override(changed, raw, points, at, mistakes)
        if raw.enabled:
            templates[name] = changed
        else:
            del templates[name]


def _tables(row: Mapping[str, Any], key: str, path: KeyPath, mistakes: Mistakes) -> list[tuple[str, Any, KeyPath]]:
    """The tables in `row[key]` by name, with their paths."""
    tables = row.get(key, {})
    if isinstance(tables, Mapping):
        return [(name, value, (*path, key, name)) for name, value in tables.items()]
    mistakes.add((*path, key), f"must be tables such as [device.{key}.NAME], not {kind_of(tables)}")
    return []


def _overridden(template: AlarmTemplate, raw: AlarmOverride, scope: Scope, at: KeyPath, mistakes: Mistakes) -> AlarmTemplate:
    severity = raw.severity or template.severity
    base = bound_to(template.traits, scope.device)
    return replace(
        template,
        limit=template.limit if raw.limit is None else raw.limit,
        hysteresis=template.hysteresis if raw.hysteresis is None else raw.hysteresis,
        on_delay_ms=template.on_delay_ms if raw.on_delay is None else raw.on_delay,
        off_delay_ms=template.off_delay_ms if raw.off_delay is None else raw.off_delay,
        severity=severity,
        text=raw.text.value() if raw.text else template.text,
        traits=read_traits(raw, base, template.condition, severity, scope, at, mistakes),
    )


def _check_override(
    changed: AlarmTemplate, raw: AlarmOverride, points: Mapping[str, Point], at: KeyPath, mistakes: Mistakes
) -> None:
    if changed.condition is Condition.WATCHED:
        _check_watched(changed, raw, at, mistakes)
        return
    if changed.condition is Condition.COMMS_LOST:
        for key in _BOUND_KEYS:
            if key in raw.model_fields_set:
                mistakes.add((*at, key), "makes no sense for lost communication; on_delay says how long to wait")
        return
    point = None if changed.point is None else points[changed.point]
    for key, sentence in check_alarm(point, changed.condition, changed.limit, changed.hysteresis):
        mistakes.add((*at, key), sentence)


def _check_watched(changed: AlarmTemplate, raw: AlarmOverride, at: KeyPath, mistakes: Mistakes) -> None:
    """A rule has the limit that its definition gives it, or none."""
    if "hysteresis" in raw.model_fields_set:
        mistakes.add((*at, "hysteresis"), "makes no sense for a domain rule; off_delay says how long it must be over")
    if raw.limit is None:
        return
    if not changed.has_limit:
        mistakes.add((*at, "limit"), f"{changed.name} has no limit that could be set")
    elif isinstance(raw.limit, bool | str):
        mistakes.add((*at, "limit"), "must be a number")


def _own_alarms(
    device: DeviceName,
    profile: DeviceProfile,
    points: Mapping[str, Point],
    row: Mapping[str, Any],
    path: KeyPath,
    mistakes: Mistakes,
) -> list[AlarmTemplate]:
    own: list[AlarmTemplate] = []
    taken = {COMMS_LOST, *(alarm.name for alarm in profile.alarms)}
    names = FirstUse(mistakes, "alarm")
    for i, table in table_rows(row, "alarm", mistakes, MAX_ALARMS_PER_DEVICE, path):
        at: KeyPath = (*path, "alarm", i)
        name, point = text_of(table, "name"), text_of(table, "point")
        names.claim((*at, "name"), name)
        if name in taken:
            mistakes.add((*at, "name"), f'the profile has an alarm "{name}" already; change it with [device.alarms.{name}]')
        if point is not None and point not in points:
            mistakes.add((*at, "point"), f'profile {profile.name} has no polled point "{point}"{did_you_mean(point, points)}')
        raw = mistakes.examine(AlarmTable, table, at)
        if raw is None or (raw.point is not None and raw.point not in points):
            continue
        for key, sentence in check_alarm(points.get(raw.point or ""), raw.condition, raw.limit, raw.hysteresis):
            mistakes.add((*at, key), sentence)
        scope = Scope(device, points, lambda _ref: None)
        own.append(template_of(raw, read_traits(raw, PLAIN, raw.condition, raw.severity, scope, at, mistakes)))
    return own


def check_windows(alarms: Sequence[AlarmRule], period_ms: int, row: Mapping[str, Any], path: KeyPath, mistakes: Mistakes) -> None:
    """A window in which a device is asked once, or never, shows no change: the alarm would never come."""
    written = row.get("alarm")
    tables = written if isinstance(written, list) else []
    own = {text_of(table, "name"): i for i, table in enumerate(tables) if isinstance(table, Mapping)}
    for alarm in alarms:
        window_ms = alarm.traits.window_ms
        if alarm.condition not in (Condition.RATE, Condition.STUCK) or window_ms >= 2 * period_ms:
            continue
        name = str(alarm.name).partition(".")[2]
        at: KeyPath = (*path, "alarm", own[name]) if name in own else (*path, "alarms", name)
        shown = f"{say_ms(window_ms)} is too short where every = {say_ms(period_ms)}"
        mistakes.add((*at, "window"), f"{shown}, so the alarm would never come: at least {say_ms(2 * period_ms)}")


def rule_of(device: DeviceName, template: AlarmTemplate, common: bool = False) -> AlarmRule:
    """The alarm on its owner, a device unless it is `common`."""
    return AlarmRule(
        name=alarm_name(device, template.name),
        device=device,
        condition=template.condition,
        severity=template.severity,
        text=template.text,
        point=template.point,
        limit=template.limit,
        hysteresis=template.hysteresis,
        on_delay_ms=template.on_delay_ms,
        off_delay_ms=template.off_delay_ms,
        advice=template.advice,
        traits=_on_device(device, template.traits),
        common=common,
    )


def _on_device(device: DeviceName, traits: AlarmTraits) -> AlarmTraits:
    return traits if traits is PLAIN else bound_to(traits, device)


def override_reports(profile: DeviceProfile, row: Mapping[str, Any], path: KeyPath, mistakes: Mistakes) -> DeviceProfile:
    """The profile with `[device.report.POINT]` applied to its points."""
    points = {str(point.name): point for point in profile.points}
    changed: dict[str, Point] = {}
    for name, value, at in _tables(row, "report", path, mistakes):
        if name not in points:
            mistakes.add(at, f'profile {profile.name} has no polled point "{name}"{did_you_mean(name, points)}')
        raw = mistakes.examine(ReportOverride, value, at)
        if raw is None or name not in points:
            continue
        point = points[name]
        if raw.deadband is not None and point.kind is not Kind.NUMBER:
            mistakes.add((*at, "deadband"), f"makes no sense for point {name}, which is no number")
        rule = _report(point.report, raw)
        if rule.heartbeat_ms < rule.min_interval_ms:
            key = "heartbeat" if raw.heartbeat is not None else "min_interval"
            mistakes.add((*at, key), "leaves the heartbeat shorter than the minimum interval")
        changed[name] = replace(point, report=rule)
    if not changed:
        return profile
    return replace(profile, points=tuple(changed.get(point.name, point) for point in profile.points))


def _report(rule: ReportRule, raw: ReportOverride) -> ReportRule:
    deadband = (rule.deadband, rule.deadband_percent) if raw.deadband is None else raw.deadband
    return ReportRule(
        deadband=deadband[0],
        deadband_percent=deadband[1],
        min_interval_ms=rule.min_interval_ms if raw.min_interval is None else raw.min_interval,
        heartbeat_ms=rule.heartbeat_ms if raw.heartbeat is None else raw.heartbeat,
    )
