"""How often what a scan has found may be asked, so that the line bears it beside what is polled already. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from edgeguard.config.admission import GOOD_SHARE, nice_period_s
from edgeguard.config.fit import load_of
from edgeguard.core.ids import DeviceName
from edgeguard.core.limits import MAX_PERIOD_MS
from edgeguard.core.line import Protocol
from edgeguard.core.profile import DeviceProfile
from edgeguard.core.site import BusSpec, DeviceSpec
from edgeguard.discovery import Found

_KIND_EVERY_S: Final[Mapping[str, int]] = {
    "lift": 1,
    "pump": 2,
    "vfd": 2,
    "generator": 5,
    "ups": 5,
    "io": 1,
    "relay": 2,
    "water-meter": 60,
    "heat-meter": 60,
}
_OTHERS_EVERY_S: Final = 10
_METER_EVERY_S: Final[Mapping[Protocol, int]] = {Protocol.DLT645: 60, Protocol.CJT188: 900}
_LEAST_SHARE: Final = 0.01
"""A line that is full already has no room; rows are proposed all the same, and `check` says what does not fit."""


def paces_s(
    bus: BusSpec, polled: Sequence[DeviceSpec], found: Sequence[Found], profiles: Mapping[str, DeviceProfile]
) -> tuple[float, ...]:
    """Periods in the order of `found`: as often as each kind deserves, or all longer by one factor; 0 where no profile fits."""
    specs = [_spec(bus, i, one, profiles) for i, one in enumerate(found)]
    wanted = [spec for spec in specs if spec is not None]
    room = max(GOOD_SHARE - load_of(bus, polled).share, _LEAST_SHARE)
    factor = max(1.0, load_of(bus, wanted).share / room) if bus.wire.is_line else 1.0
    longest_s = MAX_PERIOD_MS / 1000
    return tuple(0.0 if spec is None else min(nice_period_s(spec.period_ms / 1000 * factor), longest_s) for spec in specs)


def _spec(bus: BusSpec, number: int, found: Found, profiles: Mapping[str, DeviceProfile]) -> DeviceSpec | None:
    """The device as its row would describe it."""
    profile = profiles.get(str(found.profile))
    if profile is None:
        return None
    every_s = _METER_EVERY_S.get(found.protocol) or _KIND_EVERY_S.get(profile.kind, _OTHERS_EVERY_S)
    name = DeviceName(f"found-{number}")
    return DeviceSpec(name, bus.name, found.station, profile, every_s * 1000, profile.labels, (), 0, found.line)
