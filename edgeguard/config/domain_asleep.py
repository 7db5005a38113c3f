"""Rules that sleep for want of a fact that no profile can know: what a contact is wired to, what a transmitter measures, what
a drive turns, which pumps are one set. For each the line of the site file that says it. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from edgeguard.config.domain_check import Draft
from edgeguard.core.domain import DomainRule, GroupSpec, Missing
from edgeguard.core.ids import DeviceName
from edgeguard.core.point import Kind, Point
from edgeguard.core.pump_rules import ALL_OUT, DRY_RUN, HIGH_PRESSURE, IMBALANCE, LOW_PRESSURE, SHORT_CYCLING, SUMP_HIGH
from edgeguard.core.water_rules import FIRE_LEVEL, FIRE_PRESSURE, FIRE_PUMP, FIRE_VALVE

_MEASURED: Final[Mapping[str, tuple[tuple[DomainRule, str], ...]]] = {
    "measured.level": ((SUMP_HIGH, "sump.level"), (FIRE_LEVEL, "fire.level"), (DRY_RUN, "tank.level")),
    "measured.pressure": ((FIRE_PRESSURE, "fire.pressure"), (LOW_PRESSURE, "water.pressure"), (HIGH_PRESSURE, "water.pressure")),
    "drive.frequency": ((SHORT_CYCLING, "pump.frequency"),),
}
"""What a value may be of, which the profile of a transmitter or drive cannot know."""
_CONTACTS: Final = ((SUMP_HIGH, "sump.high"), (FIRE_VALVE, "fire.valve-open"), (FIRE_PUMP, "fire.pump-running"))
"""What a plain input may be wired to."""


def asleep(drafts: Sequence[Draft], groups: Sequence[GroupSpec]) -> dict[DeviceName, tuple[Missing, ...]]:
    """Per device the rules that would watch it, or a set of which it is the first pump, if the site said what it is."""
    grouped = {name for group in groups for name in group.devices}
    found = {draft.name: tuple(_unsaid(draft, draft.name in grouped)) for draft in drafts}
    alone = [draft.name for draft in drafts if draft.is_pump and draft.name not in grouped]
    if len(alone) >= 2:
        line = "[[group]] devices = [" + ", ".join(f'"{name}"' for name in alone) + "]"
        found[alone[0]] += tuple(Missing(rule, line=line) for rule in (ALL_OUT, IMBALANCE))
    return found


def worth_a_note(draft: Draft, missing: Sequence[Missing]) -> str:
    """What sleeps on a device and what to write, for people; empty for nothing.

    Nothing is said of a drive, which may turn anything, nor where the site has alarms of its own: somebody has looked at it.
    """
    if draft.profile.kind == "vfd" or draft.own_alarms > {alarm.name for alarm in draft.profile.alarms}:
        return ""
    rules = ", ".join(dict.fromkeys(one.rule.name for one in missing))
    lines = ", or ".join(dict.fromkeys(one.line for one in missing))
    return f"{rules} sleep here until somebody says what it is: {lines}" if missing else ""


def _unsaid(draft: Draft, in_group: bool) -> Iterator[Missing]:
    """What the points of a device may mean and nothing says. Beside the pumps of its group a transmitter has its meaning."""
    for one in draft.inputs:
        if not (in_group and one.role.startswith("measured.")):
            for rule, role in _MEASURED.get(one.role, ()):
                yield Missing(rule, (role,), line=_line(one.point, role))
    contact = next((point for point in draft.profile.points if point.kind is Kind.BOOLEAN and point.write is None), None)
    if contact is not None and not draft.inputs and draft.profile.kind in ("io", "relay"):
        for rule, role in _CONTACTS:
            yield Missing(rule, (role,), line=_line(contact, role))


def _line(point: Point, role: str) -> str:
    return "[[group]] with its pumps" if role == "tank.level" else f'[device.role] {point.name} = "{role}"'
