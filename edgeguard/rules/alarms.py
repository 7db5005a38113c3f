"""The life of one alarm: condition with hysteresis, delays, and the states of ISA-18.2 that this version knows.

normal -> active -> (acked) -> normal, or active -> returned -> normal once acknowledged. A reading that is BAD proves
nothing: it neither raises nor clears a limit alarm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from edgeguard.core.alarm import Alarm, AlarmChange, AlarmRule, AlarmState, Condition
from edgeguard.core.clock import Stamp
from edgeguard.core.point import Outcome, Value
from edgeguard.core.quality import Fault

STANDING = (AlarmState.ACTIVE, AlarmState.ACKED)
"""States in which the condition is held to be true."""


def is_true(rule: AlarmRule, standing: bool, outcome: Outcome) -> bool | None:
    """Whether the condition holds for this outcome; None when the outcome proves nothing.

    HIGH and LOW leave only beyond the hysteresis, whether the alarm stands now or not.
    """
    if isinstance(outcome, Fault):
        return None
    if rule.condition is Condition.EQUALS:
        return outcome == rule.limit
    if rule.condition is Condition.DIFFERS:
        return outcome != rule.limit
    if isinstance(outcome, str) or isinstance(rule.limit, str) or rule.limit is None:
        return None
    if rule.condition is Condition.HIGH:
        return outcome > (rule.limit - rule.hysteresis if standing else rule.limit)
    if rule.condition is Condition.LOW:
        return outcome < (rule.limit + rule.hysteresis if standing else rule.limit)
    return None


def step_alarm(
    rule: AlarmRule, alarm: Alarm, truth: bool | None, value: Value | None, now: Stamp
) -> tuple[Alarm, AlarmChange | None]:
    """One step of the life cycle at `now`. Returns the same object when nothing moved. A shelved alarm stays shelved.

    A delay runs on over bad readings, unless they last longer than the delay itself: then it starts anew.
    """
    standing = alarm.state in STANDING
    if alarm.state is AlarmState.SHELVED:
        return alarm, None
    delay_ms = rule.off_delay_ms if standing else rule.on_delay_ms
    since_ms, seen_ms = alarm.pending_since_ms, alarm.pending_seen_ms
    unproved = truth is None and (seen_ms is None or now.boot_ms - seen_ms <= delay_ms)
    if unproved or (truth == standing and since_ms is None):
        return alarm, None
    if truth is None or truth == standing:
        return replace(alarm, pending_since_ms=None, pending_seen_ms=None), None
    if since_ms is None:
        since_ms = now.boot_ms
    if now.boot_ms - since_ms < delay_ms:
        return replace(alarm, pending_since_ms=since_ms, pending_seen_ms=now.boot_ms), None
    return _move(rule, _after(alarm.state, standing), value, now)


def _after(state: AlarmState, standing: bool) -> AlarmState:
    """The state that follows once the condition has changed for good."""
    if not standing:
        return AlarmState.ACTIVE
    return AlarmState.NORMAL if state is AlarmState.ACKED else AlarmState.RETURNED


def acknowledge(rule: AlarmRule, alarm: Alarm, now: Stamp) -> tuple[Alarm, AlarmChange | None]:
    """A person has seen it: active becomes acked, returned becomes normal; any other state stays."""
    if alarm.state is AlarmState.ACTIVE:
        return _move(rule, AlarmState.ACKED, alarm.value, now)
    if alarm.state is AlarmState.RETURNED:
        return _move(rule, AlarmState.NORMAL, alarm.value, now)
    return alarm, None


def _move(rule: AlarmRule, state: AlarmState, value: Value | None, now: Stamp) -> tuple[Alarm, AlarmChange]:
    return Alarm(state=state, since=now, value=value), AlarmChange(rule=rule, state=state, at=now, value=value)


def worst_first(changes: Sequence[AlarmChange]) -> list[AlarmChange]:
    """Changes of one step in the order of their severity; the sort is stable, so first-out stays first within one."""
    return sorted(changes, key=lambda change: _RANK[change.rule.severity.value])


_RANK: Final[Mapping[str, int]] = {"critical": 0, "major": 1, "minor": 2, "info": 3}
