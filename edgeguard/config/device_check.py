"""The `[[device]]` rows: their references, their addresses, and the profile narrowed to what this device shall do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from edgeguard.config.interlock_check import Draft, with_interlocks
from edgeguard.config.line_check import device_line
from edgeguard.config.mistakes import Mistakes, did_you_mean
from edgeguard.config.overrides import build_alarms, override_reports
from edgeguard.config.positions import KeyPath
from edgeguard.config.profiles import ProfileLibrary, written_names
from edgeguard.config.quantity import say_ms
from edgeguard.config.rows import FirstUse, table_rows, text_of
from edgeguard.config.site_model import DeviceTable
from edgeguard.core.alarm import AlarmRule
from edgeguard.core.errors import ConfigError
from edgeguard.core.ids import BusName, DeviceName
from edgeguard.core.limits import MAX_DEVICES, MAX_PERIOD_MS
from edgeguard.core.point import Labels
from edgeguard.core.profile import DeviceProfile
from edgeguard.core.site import BusSpec, DeviceSpec

STALE_PERIODS = 3
STALE_AT_LEAST_MS = 10_000
_NETWORK_UNITS: Final = (0, 255)
"""Any byte on a network, where 0 and 255 mean the endpoint itself."""
_LINE_UNITS: Final = (1, 247)
"""On a serial line 0 is broadcast, and what is above 247 is reserved (MODBUS over Serial Line V1.02, 2.2)."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What rows may refer to. `named` has the names of buses that have mistakes, too."""

    library: ProfileLibrary
    buses: Mapping[str, BusSpec]
    named: frozenset[str]


def build_devices(
    data: Mapping[str, Any], buses: Sequence[BusSpec], library: ProfileLibrary, mistakes: Mistakes
) -> tuple[DeviceSpec, ...]:
    """The devices that are in order; every mistake in the others is added."""
    known = _Known(library, {bus.name: bus for bus in buses}, frozenset(written_names(data.get("bus"))))
    names, places = FirstUse(mistakes, "device name"), FirstUse(mistakes, "address")
    drafts: list[Draft] = []
    for i, row in table_rows(data, "device", mistakes, MAX_DEVICES):
        path: KeyPath = ("device", i)
        names.claim((*path, "name"), text_of(row, "name"))
        bus = _bus(row, path, known, mistakes)
        _check_address(row, path, bus, places, mistakes)
        profile = _profile(row, path, known, mistakes)
        raw = mistakes.examine(DeviceTable, row, path)
        narrowed = None if profile is None else _narrow(profile, row, path, mistakes)
        if narrowed is None:
            continue
        name = DeviceName(text_of(row, "name") or "?")
        alarms = build_alarms(name, narrowed, row, path, mistakes)
        narrowed = override_reports(narrowed, row, path, mistakes)
        if raw is not None:
            line = device_line(raw, bus, path, mistakes)
            spec = _spec(raw, _paced(narrowed, raw), path, mistakes, alarms=alarms)
            drafts.append(Draft(replace(spec, line=line), row, path))
    return with_interlocks(drafts, frozenset(written_names(data.get("device"))), mistakes)


def _bus(row: Mapping[str, Any], path: KeyPath, known: _Known, mistakes: Mistakes) -> BusSpec | None:
    name = text_of(row, "bus")
    if name is not None and name not in known.named:
        mistakes.add((*path, "bus"), f'there is no bus "{name}"{did_you_mean(name, known.named)}')
    return known.buses.get(name or "")


def _check_address(row: Mapping[str, Any], path: KeyPath, bus: BusSpec | None, places: FirstUse, mistakes: Mistakes) -> None:
    address = row.get("address")
    if not isinstance(address, int) or isinstance(address, bool):
        return
    if bus is not None:
        least, most = _LINE_UNITS if bus.wire.is_line else _NETWORK_UNITS
        if 0 <= address <= 255 and not least <= address <= most:
            shown = "a serial port" if bus.wire.is_port else bus.wire.value
            mistakes.add((*path, "address"), f"{address} is out of range on {shown}: must be {least} to {most}")
    if row.get("shared_address") is not True:
        advice = "; if one device is meant to be polled twice, set shared_address = true on the second"
        places.claim((*path, "address"), (text_of(row, "bus"), address), f"{address} on bus {text_of(row, 'bus')}", advice)


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
    lost = [alarm.name for alarm in profile.alarms if alarm.point is not None and alarm.point not in listed]
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
