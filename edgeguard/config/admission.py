"""Whether a serial line is admitted with the devices that are to be polled on it; if not, a plan that would fit. Pure.

A line is never planned to its last millisecond: a tenth stays for knocking at devices that are dead, and for what a person
asks for. On a network the time of a request is a guess, so there it is only noted.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from edgeguard.config.fit import NO_LESSONS, Lessons, load_of
from edgeguard.core.ids import DeviceName
from edgeguard.core.site import BusSpec, DeviceSpec

MOST_SHARE: Final = 0.9
"""Refused above this: what a line bears at best, less the tenth that probes may take."""
GOOD_SHARE: Final = 0.8
"""What is proposed leaves room for repeats; a plan between the two is noted."""
_BAUDRATES: Final = (1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200)
_STEPS_S: Final = (0.1, 0.2, 0.25, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 45)
_MINUTE_S: Final = 60
_NAMED: Final = 6


@dataclass(frozen=True, slots=True)
class Proposal:
    """Plans that fit, each by itself: longer periods (those that change), or a higher baud rate (None if none helps)."""

    periods_s: Mapping[DeviceName, float]
    baudrate: int | None


def propose(bus: BusSpec, devices: Sequence[DeviceSpec], lessons: Lessons = NO_LESSONS) -> Proposal:
    """What would bring the load of `bus` down to GOOD_SHARE or below."""
    factor = load_of(bus, devices, lessons).share / GOOD_SHARE
    periods_s = {device.name: nice_period_s(device.period_ms / 1000.0 * factor) for device in devices}
    changed = {device.name: periods_s[device.name] for device in devices if periods_s[device.name] * 1000 > device.period_ms}
    return Proposal(changed, _faster(bus, devices, lessons))


def nice_period_s(least_s: float) -> float:
    """The shortest period of at least `least_s` that a person would write down."""
    for step_s in _STEPS_S:
        if step_s >= least_s - 1e-9:
            return float(step_s)
    minutes = least_s / _MINUTE_S
    for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 45):
        if step >= minutes - 1e-9:
            return step * _MINUTE_S
    return math.ceil(minutes / 60 - 1e-9) * 3600.0


def _faster(bus: BusSpec, devices: Sequence[DeviceSpec], lessons: Lessons) -> int | None:
    for baudrate in _BAUDRATES:
        if baudrate <= bus.line.baudrate:
            continue
        if load_of(replace(bus, line=replace(bus.line, baudrate=baudrate)), devices, lessons).share <= GOOD_SHARE:
            return baudrate
    return None


def refusal(bus: BusSpec, devices: Sequence[DeviceSpec], lessons: Lessons = NO_LESSONS) -> str | None:
    """Why the line is not admitted, with what would fit; None if it is."""
    load = load_of(bus, devices, lessons)
    if not bus.wire.is_port or load.share <= MOST_SHARE:
        return None
    found = propose(bus, devices, lessons)
    worst = sorted(devices, key=lambda device: -load_of(bus, [device], lessons).share)
    named = [device for device in worst if device.name in found.periods_s]
    told = ", ".join(f"{device.name} {_text(found.periods_s[device.name])}" for device in named[:_NAMED])
    rest = f" and {len(named) - _NAMED} more {load.share / GOOD_SHARE:.1f} times as long" if len(named) > _NAMED else ""
    faster = (
        f"; or baudrate = {found.baudrate} on the line and in its devices" if found.baudrate else "; no baud rate alone would do"
    )
    return (
        f"the plan does not fit on {bus.line}: {load.requests_per_s:.1f} requests a second take {load.share:.0%} of the time,"
        f" {MOST_SHARE:.0%} can be used; what fits: every = {told}{rest}{faster}, or list fewer points"
    )


def _text(period_s: float) -> str:
    """A period as the configuration writes it."""
    if period_s < 1:
        return f'"{period_s * 1000:.0f}ms"'
    if period_s >= 3600 and period_s % 3600 == 0:
        return f'"{period_s / 3600:.0f}h"'
    return f'"{period_s / 60:.0f}m"' if period_s >= _MINUTE_S and period_s % 60 == 0 else f'"{period_s:g}s"'
