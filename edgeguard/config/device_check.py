"""The `[[device]]` rows: their references, their addresses, and the profile narrowed to what this device shall do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgeguard.config.alarm_traits import needed_by
from edgeguard.config.domain_asleep import asleep, worth_a_note
from edgeguard.config.domain_check import Draft as DomainDraft
from edgeguard.config.domain_check import domains, explained, templates, with_site_roles
from edgeguard.config.files import Files
from edgeguard.config.interlock_check import Draft, with_interlocks
from edgeguard.config.line_check import device_line
from edgeguard.config.mistakes import Mistakes, did_you_mean
from edgeguard.config.output_alarms import output_alarms
from edgeguard.config.overrides import build_alarms, check_windows, override_reports
from edgeguard.config.positions import KeyPath
from edgeguard.config.profiles import ProfileLibrary, written_names
from edgeguard.config.quantity import say_ms
from edgeguard.config.rows import FirstUse, table_rows, text_of
from edgeguard.config.site_model import DeviceTable
from edgeguard.config.station_check import Stations
from edgeguard.core.alarm import AlarmRule
from edgeguard.core.domain import GroupSpec
from edgeguard.core.errors import ConfigError
from edgeguard.core.ids import BusName, DeviceName
from edgeguard.core.limits import MAX_DEVICES, MAX_PERIOD_MS
from edgeguard.core.line import Station
from edgeguard.core.point import Labels
from edgeguard.core.profile import Cjt188Limits, DeviceProfile, Dlt645Limits
from edgeguard.core.site import BusSpec, DeviceSpec

STALE_PERIODS = 3
STALE_AT_LEAST_MS = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    """What rows may refer to. `named` has the names of buses that have mistakes, too."""

    library: ProfileLibrary
    buses: Mapping[str, BusSpec]
    named: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Row:
    """A row whose profile is known, and what was found of it so far."""

    row: Mapping[str, Any]
    path: KeyPath
    bus: BusSpec | None
    station: Station | None
    raw: DeviceTable | None
    profile: DeviceProfile

    @property
    def name(self) -> DeviceName:
        """As written, or a stand-in."""
        return DeviceName(text_of(self.row, "name") or "?")

    @property
    def draft(self) -> DomainDraft:
        """As the search for domain rules sees it."""
        own = {alarm.name for alarm in self.profile.alarms} | written_names(self.row.get("alarm"))
        return DomainDraft(self.name, self.profile, frozenset(own))


def build_devices(
    data: Mapping[str, Any], buses: Sequence[BusSpec], library: ProfileLibrary, files: Files, groups: Sequence[GroupSpec] = ()
) -> tuple[DeviceSpec, ...]:
    """The devices that are in order; every mistake in the others is added."""
    mistakes = files.mistakes
    known = _Known(library, {bus.name: bus for bus in buses}, frozenset(written_names(data.get("bus"))))
    names, stations = FirstUse(mistakes, "device name"), Stations(mistakes)
    rows: list[_Row] = []
    for i, row in table_rows(data, "device", mistakes, MAX_DEVICES):
        path: KeyPath = ("device", i)
        names.claim((*path, "name"), text_of(row, "name"))
        bus = _bus(row, path, known, mistakes)
        profile = _profile(row, path, known, mistakes)
        station = stations.take(row, path, bus, profile)
        raw = mistakes.examine(DeviceTable, row, path)
        narrowed = None if profile is None else _narrow(profile, row, path, mistakes)
        if narrowed is not None:
            narrowed = with_site_roles(narrowed, row, path, mistakes)
            rows.append(_Row(row, path, bus, station, raw, narrowed))
    found = domains([one.draft for one in rows], groups)
    sleeping = asleep([one.draft for one in rows], groups)
    drafts: list[Draft] = []
    for one in rows:
        domain, row, path = found[one.name], one.row, one.path
        by_rules = (*templates(one.draft, domain), *output_alarms(one.profile, one.draft.own_alarms))
        alarms = build_alarms(one.name, explained(one.draft, domain), row, path, mistakes, by_rules)
        narrowed = override_reports(one.profile, row, path, mistakes)
        raw = one.raw
        if raw is not None:
            line = device_line(raw, one.bus, path, mistakes, is_modbus=not isinstance(narrowed.limits, Dlt645Limits | Cjt188Limits))
            check_windows(alarms, raw.every, row, path, mistakes)
            spec = _spec(raw, _paced(narrowed, raw), path, mistakes, alarms=alarms)
            if note := worth_a_note(one.draft, sleeping[one.name]):
                mistakes.note(path, note)
            domain = replace(domain, missing=(*domain.missing, *sleeping[one.name]))
            spec = replace(spec, line=line, address=spec.address if one.station is None else one.station, domain=domain)
            drafts.append(Draft(replace(spec, password_file=_password_file(raw, narrowed, path, files)), row, path))
    stations.close()
    return with_interlocks(drafts, frozenset(written_names(data.get("device"))), mistakes)


def _bus(row: Mapping[str, Any], path: KeyPath, known: _Known, mistakes: Mistakes) -> BusSpec | None:
    name = text_of(row, "bus")
    if name is not None and name not in known.named:
        mistakes.add((*path, "bus"), f'there is no bus "{name}"{did_you_mean(name, known.named)}')
    return known.buses.get(name or "")


def _password_file(raw: DeviceTable, profile: DeviceProfile, path: KeyPath, files: Files) -> Path | None:
    """The file with a meter's password and operator code."""
    if raw.password_file is None:
        return None
    where: KeyPath = (*path, "password_file")
    if not isinstance(profile.limits, Dlt645Limits):
        files.mistakes.add(where, "makes no sense here: only DL/T 645 meters ask for a password")
    return files.readable(raw.password_file, where, secret=True)


def _profile(row: Mapping[str, Any], path: KeyPath, known: _Known, mistakes: Mistakes) -> DeviceProfile | None:
    name = text_of(row, "profile")
    if name is None:
        return None
    names = known.library.names()
    if name not in names:
        mistakes.add((*path, "profile"), f'there is no profile "{name}"{did_you_mean(name, names)}')
        return None
    try:
        return known.library.get(name)
    except ConfigError as error:
        mistakes.adopt(error)
        return None


def _narrow(profile: DeviceProfile, row: Mapping[str, Any], path: KeyPath, mistakes: Mistakes) -> DeviceProfile:
    """The profile with only the listed points, and the alarms that these can feed."""
    listed = row.get("points")
    if not isinstance(listed, list) or not listed:
        return profile
    names = {point.name for point in profile.points}
    first = FirstUse(mistakes, "point")
    for i, name in enumerate(listed):
        if isinstance(name, str) and name not in names:
            mistakes.add((*path, "points", i), f'profile {profile.name} has no point "{name}"{did_you_mean(name, names)}')
        elif isinstance(name, str):
            first.claim((*path, "points", i), name)
    chosen = [i for i, point in enumerate(profile.points) if point.name in listed]
    given = {name for name in listed if isinstance(name, str)}
    lost = [alarm.name for alarm in profile.alarms if not needed_by(alarm) <= given]
    if lost:
        mistakes.note((*path, "points"), f"without their points these alarms do not work: {', '.join(lost)}")
    return replace(
        profile,
        points=tuple(profile.points[i] for i in chosen),
        fields=tuple(profile.fields[i] for i in chosen if profile.fields),
        data=tuple(profile.data[i] for i in chosen if profile.data),
        places=tuple(profile.places[i] for i in chosen if profile.places),
        alarms=tuple(alarm for alarm in profile.alarms if alarm.name not in lost),
    )


def _paced(profile: DeviceProfile, raw: DeviceTable) -> DeviceProfile:
    """The profile with the delay and the time-out of this device, where they differ."""
    limits = profile.limits
    delay_ms = limits.delay_ms if raw.delay is None else raw.delay
    timeout_ms = limits.timeout_ms if raw.timeout is None else raw.timeout
    return replace(profile, limits=replace(limits, delay_ms=delay_ms, timeout_ms=timeout_ms))


def _spec(raw: DeviceTable, profile: DeviceProfile, path: KeyPath, mistakes: Mistakes, alarms: tuple[AlarmRule, ...]) -> DeviceSpec:
    stale_ms = raw.stale_after or min(max(STALE_PERIODS * raw.every, STALE_AT_LEAST_MS), MAX_PERIOD_MS)
    if stale_ms < raw.every:
        shown = f"{say_ms(stale_ms)} is shorter than every = {say_ms(raw.every)}"
        mistakes.add((*path, "stale_after"), f"{shown}, so values would always be stale")
    return DeviceSpec(
        name=DeviceName(raw.name),
        bus=BusName(raw.bus),
        address=raw.address,
        profile=profile,
        period_ms=raw.every,
        labels=raw.labels.value() if raw.labels else Labels(zh=raw.name, en=raw.name),
        alarms=alarms,
        stale_after_ms=stale_ms,
    )
