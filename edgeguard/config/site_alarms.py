"""`[[alarm]]` of a site: combinations of points of several devices; and what devices' alarms say of other devices."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edgeguard.config.alarm_check import check_alarm
from edgeguard.config.alarm_traits import Scope, find_in, read_traits
from edgeguard.config.common_alarms import SITE, own_alarms
from edgeguard.config.expression import parse_expression
from edgeguard.config.mistakes import Mistakes, did_you_mean
from edgeguard.config.positions import KeyPath
from edgeguard.config.profile_model import AlarmTable
from edgeguard.config.profiles import written_names
from edgeguard.config.rows import FirstUse, table_rows, text_of
from edgeguard.core.alarm import PLAIN, AlarmRule, Condition
from edgeguard.core.alarm_limits import MAX_COMMON_ALARMS
from edgeguard.core.ids import AlarmName, DeviceName, PointName, alarm_name
from edgeguard.core.interlock import PointRef
from edgeguard.core.site import BusSpec, DeviceSpec


def build_site_alarms(
    data: Mapping[str, Any],
    buses: Sequence[BusSpec],
    devices: Sequence[DeviceSpec],
    mistakes: Mistakes,
    of_cameras: tuple[AlarmRule, ...] = (),
) -> tuple[AlarmRule, ...]:
    """The alarms of no device; every mistake in them, and in what devices' alarms say of elsewhere, is added."""
    known = {str(spec.name): {str(point.name): point for point in spec.profile.points} for spec in devices}
    find = find_in(known, frozenset(written_names(data.get("device"))))
    own = (*own_alarms(buses, devices), *of_cameras)
    site: list[AlarmRule] = []
    names = FirstUse(mistakes, "alarm")
    for i, row in table_rows(data, "alarm", mistakes, MAX_COMMON_ALARMS):
        at: KeyPath = ("alarm", i)
        names.claim((*at, "name"), text_of(row, "name"))
        raw = mistakes.examine(AlarmTable, row, at)
        if raw is not None:
            site.append(_rule(raw, Scope(SITE, {}, find), at, mistakes))
    devices_alarms = [rule for spec in devices for rule in spec.alarms]
    alarms = {rule.name for rule in (*own, *site, *devices_alarms)}
    _check_names((*own, *site), {rule.name for rule in devices_alarms}, mistakes)
    for at, raw_parents, device in _parents(data):
        _check_parents(raw_parents, device, alarms, at, mistakes)
    _check_elsewhere(data, known, frozenset(written_names(data.get("device"))), mistakes)
    return (*own, *site)


def _rule(raw: AlarmTable, scope: Scope, at: KeyPath, mistakes: Mistakes) -> AlarmRule:
    if raw.condition is not Condition.WHEN:
        told = 'an alarm of the whole site combines points: condition = "when"; one on a point belongs below its [[device]]'
        mistakes.add((*at, "condition"), told)
    elif raw.point is not None:
        mistakes.add((*at, "point"), "makes no sense here; the points stand in when, as device.point")
    for key, sentence in check_alarm(None, Condition.WHEN, raw.limit, raw.hysteresis):
        mistakes.add((*at, key), sentence)
    return AlarmRule(
        name=alarm_name(SITE, raw.name),
        device=SITE,
        condition=Condition.WHEN,
        severity=raw.severity,
        text=raw.text.value(),
        on_delay_ms=raw.on_delay,
        off_delay_ms=raw.off_delay,
        traits=read_traits(raw, PLAIN, Condition.WHEN, raw.severity, scope, at, mistakes),
        common=True,
    )


def _check_names(common: Sequence[AlarmRule], of_devices: set[AlarmName], mistakes: Mistakes) -> None:
    for rule in common:
        if rule.name in of_devices:
            owner, _, name = rule.name.partition(".")
            mistakes.add(("alarm",), f'device {owner} has an alarm "{name}" as well, so both would be {rule.name}; rename one')


def _parents(data: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Sequence[object], str]]:
    """Every `parents` of the file: where it stands, what it names, and whose alarm it is."""
    for at, table, device in _tables(data):
        found = table.get("parents")
        if isinstance(found, list):
            yield (*at, "parents"), found, device


def _tables(data: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Mapping[str, Any], str]]:
    """Every table of an alarm: of the site, of devices, and overrides."""
    for i, table in enumerate(_rows(data, "alarm")):
        yield ("alarm", i), table, SITE
    for kind in ("device", "camera"):
        for i, row in enumerate(_rows(data, kind)):
            name = text_of(row, "name") or ""
            for k, table in enumerate(_rows(row, "alarm")):
                yield (kind, i, "alarm", k), table, name
            overrides = row.get("alarms")
            if isinstance(overrides, Mapping):
                for alarm, table in overrides.items():
                    if isinstance(table, Mapping):
                        yield (kind, i, "alarms", alarm), table, name


def _rows(table: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    rows = table.get(key)
    for row in rows if isinstance(rows, list) else ():
        yield row if isinstance(row, Mapping) else {}


def _check_parents(parents: Sequence[object], device: str, alarms: set[AlarmName], at: KeyPath, mistakes: Mistakes) -> None:
    for written in parents:
        if isinstance(written, str):
            full = written if "." in written else f"{device}.{written}"
            if full not in alarms:
                mistakes.add(at, f'there is no alarm "{full}"{did_you_mean(full, alarms)}')


def _check_elsewhere(
    data: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]], named: frozenset[str], mistakes: Mistakes
) -> None:
    """What alarms of a device say of other devices, now that all are known; of the site's own that has been seen to."""
    find = find_in(known, named)
    for at, table, device in _tables(data):
        if device == SITE or device not in known:
            continue
        for key in ("when", "only_while"):
            if isinstance(text := table.get(key), str):
                try:
                    parse_expression(text, DeviceName(device), find)
                except ValueError as error:
                    mistakes.add((*at, key), str(error))
        reference = table.get("reference")
        if isinstance(reference, str) and "." in reference:
            other, _, point = reference.partition(".")
            if isinstance(wrong := find(PointRef(DeviceName(other), PointName(point))), str):
                mistakes.add((*at, "reference"), wrong)
