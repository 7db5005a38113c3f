"""What controls rest on: which device answers under a name that an interlock, a reaction or a gate reads, and what may be written.

Who could exchange that from afar would need no interlock any more, so it takes a permission by name. Pure.
`before` is always what the gateway's own file says, never what a platform has put: two harmless steps must not make a harmful one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from edgeguard.config.change import INTERLOCK, WRITABLE, sentence
from edgeguard.core.alarm import AlarmRule, Condition
from edgeguard.core.expression import points_in
from edgeguard.core.ids import AlarmName, DeviceName
from edgeguard.core.interlock import PointRef, points_of
from edgeguard.core.site import DeviceSpec, Site

_GATE: Final = "gate"
_REACTION: Final = "reaction"


@dataclass(frozen=True, slots=True)
class _Use:
    """A control that reads or writes a device; `name` is the permission to change it."""

    name: str
    device: DeviceName
    words: str


@dataclass(frozen=True, slots=True)
class _Ground:
    """Which device it is and what its values mean: each part under the key that says it."""

    bus: object
    address: object
    profile: object
    line: object
    password_file: object

    def differs(self, other: "_Ground") -> str:
        """The first key that says otherwise."""
        return next(key for key in self.__slots__ if getattr(self, key) != getattr(other, key))


def shaken(before: Site, after: Site, may_change: frozenset[str]) -> tuple[str, ...]:
    """Every change that a platform may not make to what controls rest on, one sentence each."""
    old, new = _grounds(before), _grounds(after)
    found: dict[str, None] = {}
    for use in _uses(before):
        if use.name not in may_change and use.device in old and use.device in new and old[use.device] != new[use.device]:
            key = old[use.device].differs(new[use.device])
            found[sentence(f"device[{use.device}].{key}, which {use.words},", use.name)] = None
    if _REACTION not in may_change:
        found |= dict.fromkeys(_alarms(before, after))
    if WRITABLE not in may_change:
        found |= dict.fromkeys(_writable(old, new, before, after))
    return tuple(found)


def _writable(old: Mapping[DeviceName, _Ground], new: Mapping[DeviceName, _Ground], before: Site, after: Site) -> Iterator[str]:
    """Devices that could be written and that the gateway's own file does not have there, or does not let be written there."""
    held = {device.name: _writes(device) for device in before.devices}
    for device in after.devices:
        writes = _writes(device)
        known = old.get(device.name)
        if writes and known != new[device.name]:
            what = f"device[{device.name}]" if known is None else f"device[{device.name}].{known.differs(new[device.name])}"
            yield sentence(f"{what}, of a device that can be written (with points = [...] it is only read),", WRITABLE)
        elif more := sorted(writes - held.get(device.name, frozenset())):
            yield sentence(f"device[{device.name}].points, which would let {', '.join(more)} be written,", WRITABLE)


def _writes(device: DeviceSpec) -> frozenset[str]:
    """The points that can be written; `points = [...]` keeps others away."""
    return frozenset(str(point.name) for point in device.profile.points if point.write is not None)


def _alarms(before: Site, after: Site) -> Iterator[str]:
    """Alarms that reactions wait for, and that would stand at another time than now."""
    old, new = _rules(before), _rules(after)
    for reaction in before.reactions:
        rule = old.get(reaction.alarm)
        same = rule == new.get(reaction.alarm)
        if same and rule is not None and rule.condition is Condition.WATCHED:
            same = _domain(before, rule.device) == _domain(after, rule.device)
        if not same:
            yield sentence(f"alarm {reaction.alarm}, on which the reaction {reaction.name} acts,", _REACTION)


def _uses(site: Site) -> Iterator[_Use]:
    for device in site.devices:
        for point, interlock in device.interlocks.items():
            refs = [ref for requirement in interlock.requires for ref in points_of(requirement.condition)]
            for name in dict.fromkeys((device.name, *_devices(refs))):
                yield _Use(INTERLOCK, name, f"the interlock of {device.name}.{point} rests on")
    rules = _rules(site)
    for reaction in site.reactions:
        refs = [ref for requirement in reaction.requires for ref in points_of(requirement.condition)]
        read = _read_by(rules.get(reaction.alarm))
        for name in dict.fromkeys((reaction.target.device, *_devices(refs), *read)):
            yield _Use(_REACTION, name, f"the reaction {reaction.name} rests on")
    for gate in site.gates:
        for ref in filter(None, (gate.open, gate.feedback)):
            yield _Use(_GATE, ref.device, f"the gate {gate.name} rests on")


def _read_by(rule: AlarmRule | None) -> Iterator[DeviceName]:
    """The devices whose points make an alarm stand."""
    if rule is None:
        return
    yield rule.device
    for written in (rule.traits.when, rule.traits.only_while):
        if written is not None:
            yield from _devices(list(points_in(written.expression)))
    if isinstance(rule.traits.reference, PointRef):
        yield rule.traits.reference.device


def _devices(refs: list[PointRef]) -> tuple[DeviceName, ...]:
    return tuple(ref.device for ref in refs)


def _rules(site: Site) -> Mapping[AlarmName, AlarmRule]:
    cameras = [rule for camera in site.cameras for rule in camera.alarms]
    return {rule.name: rule for rule in (*site.alarms, *cameras, *(rule for device in site.devices for rule in device.alarms))}


def _domain(site: Site, name: DeviceName) -> object:
    return next((device.domain for device in site.devices if device.name == name), None)


def _grounds(site: Site) -> dict[DeviceName, _Ground]:
    buses = {bus.name: (bus.wire, bus.where, bus.line, bus.tls) for bus in site.buses}
    return {device.name: _ground(device, buses.get(device.bus)) for device in site.devices}


def _ground(device: DeviceSpec, bus: object) -> _Ground:
    profile = (device.profile.name, device.profile.sha256)
    return _Ground(bus, device.address, profile, device.line, device.password_file)
