"""Which alarms explain which, within one device: a dead device is one alarm, and the higher of two limits says it all."""

from collections.abc import Mapping, Sequence
from typing import Final

from edgeguard.core.alarm import Alarm, AlarmRule, Condition, HoldKind

_HIGHER: Final[Mapping[Condition, Condition]] = {Condition.HIGH: Condition.HIGH_HIGH, Condition.LOW: Condition.LOW_LOW}


def parents_within(alarms: Sequence[AlarmRule]) -> tuple[tuple[int, ...], ...]:
    """Per alarm the indices of those that explain it.

    Lost communication explains whatever else is said of the device; high-high explains high of the same point, low-low low;
    further ones are named by the rule, by a short name (`dry-run`) or a full one (`pump-1.dry-run`). A name that would close a
    circle counts for nothing: two alarms that explain each other would both be lost.
    """
    found = [[k for k, parent in enumerate(alarms) if _by_nature(parent, child)] for child in alarms]
    for k, child in enumerate(alarms):
        if child.condition is Condition.COMMS_LOST:
            continue
        for at, parent in enumerate(alarms):
            named = parent.name in child.traits.parents or parent.name.partition(".")[2] in child.traits.parents
            if named and at not in found[k] and not _leads_to(found, at, k):
                found[k].append(at)
    return tuple(map(tuple, found))


def _by_nature(parent: AlarmRule, child: AlarmRule) -> bool:
    if parent.condition is Condition.COMMS_LOST:
        return child.condition is not Condition.COMMS_LOST
    return _HIGHER.get(child.condition) is parent.condition and parent.point == child.point


def _leads_to(parents: Sequence[Sequence[int]], start: int, end: int) -> bool:
    waiting, seen = [start], set[int]()
    while waiting:
        at = waiting.pop()
        if at == end:
            return True
        if at not in seen:
            seen.add(at)
            waiting += parents[at]
    return False


def explains(rule: AlarmRule, alarm: Alarm) -> bool:
    """It stands and is believed. One out of service is not: its sensor may be broken, and what it would hide is told.

    Lost communication explains even so: nothing is known of what it hides.
    """
    return alarm.standing and _is_believed(rule, alarm)


def one_explains(rules: Sequence[AlarmRule], alarms: Sequence[Alarm], parents: Sequence[int]) -> bool:
    """One of these parents does."""
    return any(explains(rules[k], alarms[k]) for k in parents)


def _is_believed(rule: AlarmRule, alarm: Alarm) -> bool:
    return rule.condition in (Condition.COMMS_LOST, Condition.BUS_LOST) or alarm.hold(HoldKind.OUT_OF_SERVICE) is None


def is_coming(alarm: Alarm) -> bool:
    """Its condition has been seen and its delay runs."""
    return not alarm.standing and alarm.pending_since_ms is not None and alarm.pending_seen_ms is not None


def one_is_coming(rules: Sequence[AlarmRule], alarms: Sequence[Alarm], parents: Sequence[int]) -> bool:
    """One of these parents is about to come up, and is worth waiting for. Of two limits neither waits for the other."""
    return any(is_coming(alarms[k]) and _is_awaited(rules[k]) and _is_believed(rules[k], alarms[k]) for k in parents)


def _is_awaited(rule: AlarmRule) -> bool:
    return rule.traits.awaited and rule.condition not in (Condition.HIGH_HIGH, Condition.LOW_LOW)
