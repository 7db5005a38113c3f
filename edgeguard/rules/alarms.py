"""The life of one alarm: condition with hysteresis, delays, and the states of ISA-18.2.

normal -> active -> acked -> normal, or active -> returned -> normal once acknowledged. This life goes on whatever withholds the
alarm from people (shelved, suppressed by design, out of service); `present` says what they see of it. A reading that is BAD
proves nothing: it neither raises nor clears an alarm of a point's value.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from edgeguard.core.alarm import (
    STANDING,
    WITHHELD,
    Alarm,
    AlarmChange,
    AlarmRule,
    AlarmState,
    Condition,
    Hold,
    HoldKind,
    severity_of,
)
from edgeguard.core.clock import Stamp, passed_ms
from edgeguard.core.point import Outcome, Value
from edgeguard.core.quality import Fault

_UPPER: Final = (Condition.HIGH, Condition.HIGH_HIGH)
_LOWER: Final = (Condition.LOW, Condition.LOW_LOW)


def is_true(rule: AlarmRule, standing: bool, outcome: Outcome) -> bool | None:
    """Whether the condition holds for this outcome; None when the outcome proves nothing.

    Limits are left only beyond the hysteresis, whether the alarm stands now or not.
    """
    if isinstance(outcome, Fault):
        return True if rule.condition is Condition.STALE else None
    if rule.condition is Condition.EQUALS:
        return outcome == rule.limit
    if rule.condition is Condition.DIFFERS:
        return outcome != rule.limit
    if rule.condition is Condition.STALE:
        return False
    if isinstance(outcome, str) or isinstance(rule.limit, str) or rule.limit is None:
        return None
    if rule.condition in _UPPER:
        return outcome > (rule.limit - rule.hysteresis if standing else rule.limit)
    if rule.condition in _LOWER:
        return outcome < (rule.limit + rule.hysteresis if standing else rule.limit)
    return None


def step_life(rule: AlarmRule, alarm: Alarm, truth: bool | None, value: Value | None, now: Stamp, *, gated: bool = False) -> Alarm:
    """One step of the life at `now`; the same object when nothing moved. Nobody is told yet: `present` comes next.

    A delay runs on over bad readings, unless they last longer than the delay itself: then it starts anew. `gated`: a parent
    that would explain it is about to come up, so it waits for that one's decision and loses nothing of its delay.
    """
    standing = alarm.standing
    delay_ms = rule.off_delay_ms if standing else rule.on_delay_ms
    since_ms, seen_ms = alarm.pending_since_ms, alarm.pending_seen_ms
    unproved = truth is None and (seen_ms is None or now.boot_ms - seen_ms <= delay_ms)
    if unproved or (truth == standing and since_ms is None):
        return alarm
    if truth is None or truth == standing:
        return replace(alarm, pending_since_ms=None, pending_seen_ms=None)
    if since_ms is None:
        since_ms = now.boot_ms
    if now.boot_ms - since_ms < delay_ms or (gated and not standing):
        return replace(alarm, pending_since_ms=since_ms, pending_seen_ms=now.boot_ms)
    return _raised(alarm, value, now) if truth else _returned(rule, alarm, value)


def _raised(alarm: Alarm, value: Value | None, now: Stamp) -> Alarm:
    fresh = replace(alarm, pending_since_ms=None, pending_seen_ms=None, value=value, raised=now, escalated=False, gone=False)
    return _living(replace(fresh, first_out=False), AlarmState.ACTIVE)


def _returned(rule: AlarmRule, alarm: Alarm, value: Value | None) -> Alarm:
    """Latched it stays, and is marked; unseen by people, or acknowledged, it is simply over."""
    calm = replace(alarm, pending_since_ms=None, pending_seen_ms=None, value=value)
    if rule.traits.latching:
        return replace(calm, gone=True)
    unseen = alarm.beneath is not None and alarm.told is not AlarmState.ACTIVE
    if alarm.life is AlarmState.ACKED or unseen:
        return _over(calm)
    return _living(calm, AlarmState.RETURNED)


def _over(alarm: Alarm) -> Alarm:
    return _living(replace(alarm, raised=None, first_out=False, escalated=False, gone=False), AlarmState.NORMAL)


def _living(alarm: Alarm, life: AlarmState) -> Alarm:
    return replace(alarm, state=life) if alarm.beneath is None else replace(alarm, beneath=life)


def present(rule: AlarmRule, before: Alarm, alarm: Alarm, suppressed: bool, now: Stamp) -> Alarm:
    """The alarm with the state that people see, by its life, its holds, and whether something suppresses it by design.

    Lost communication that nobody was told of, and that its parent explains no more, has to be proved anew: what was known of
    the device is older than the return of its bus.
    """
    life = alarm.life
    suppressed = suppressed or alarm.hold(HoldKind.FLOOD) is not None
    state = _withheld(alarm, life, suppressed)
    if before.quiet and state is AlarmState.ACTIVE and rule.condition is Condition.COMMS_LOST:
        return Alarm(since=now, pending_since_ms=now.boot_ms, holds=alarm.holds)
    beneath = life if state in WITHHELD else None
    quiet = state is AlarmState.SUPPRESSED and before.told is AlarmState.NORMAL
    since = alarm.since if state is before.state and before.since is not None else now
    if (alarm.state, alarm.beneath, alarm.quiet, alarm.since) == (state, beneath, quiet, since):
        return alarm
    return replace(alarm, state=state, beneath=beneath, quiet=quiet, since=since)


def _withheld(alarm: Alarm, life: AlarmState, suppressed: bool) -> AlarmState:
    kinds = {hold.kind for hold in alarm.holds}
    if HoldKind.OUT_OF_SERVICE in kinds:
        return AlarmState.OUT_OF_SERVICE
    if kinds & {HoldKind.SHELVED, HoldKind.CHATTERING}:
        return AlarmState.SHELVED
    return AlarmState.SUPPRESSED if suppressed and life in STANDING else life


def change_of(rule: AlarmRule, before: Alarm, after: Alarm, now: Stamp) -> AlarmChange | None:
    """What people must hear of, None if they see no difference."""
    same_life = (before.escalated, before.gone) == (after.escalated, after.gone) or after.beneath is not None
    if before.told is after.told and same_life:
        return None
    return AlarmChange(rule, after.told, now, after.value, after)


def acknowledge(rule: AlarmRule, alarm: Alarm, now: Stamp) -> tuple[Alarm, AlarmChange | None]:
    """A person has seen it: active becomes acked, returned becomes normal, as does what is latched and gone; others stay."""
    if alarm.state is AlarmState.RETURNED or (alarm.gone and alarm.state in STANDING):
        after = replace(_over(alarm), since=now)
    elif alarm.state is AlarmState.ACTIVE:
        after = replace(alarm, state=AlarmState.ACKED, since=now)
    else:
        return alarm, None
    return after, change_of(rule, alarm, after, now)


def held(alarm: Alarm, hold: Hold) -> Alarm:
    """Withheld from now on, in place of an older hold of the same kind."""
    return replace(alarm, holds=(*(other for other in alarm.holds if other.kind is not hold.kind), hold))


def released(alarm: Alarm, kind: HoldKind) -> Alarm:
    """Withheld no more for this reason; the same object if it was not."""
    if alarm.hold(kind) is None:
        return alarm
    return replace(alarm, holds=tuple(hold for hold in alarm.holds if hold.kind is not kind))


def step_time(rule: AlarmRule, alarm: Alarm, now: Stamp) -> Alarm:
    """What time alone does: holds end, and what nobody acknowledges escalates; the same object if nothing is due."""
    if any(hold.is_over(now) for hold in alarm.holds):
        alarm = replace(alarm, holds=tuple(hold for hold in alarm.holds if not hold.is_over(now)))
    escalation = rule.traits.escalation
    if escalation is None or alarm.escalated or alarm.raised is None:
        return alarm
    if alarm.state in _UNSEEN and passed_ms(alarm.raised, now) >= escalation.after_ms:
        return replace(alarm, escalated=True)
    return alarm


def due_ms(rule: AlarmRule, alarm: Alarm, now: Stamp) -> float:
    """When `step_time` will find something to do if nothing else happens before (boot time); infinity for never."""
    due = math.inf
    for hold in alarm.holds:
        if hold.lasts_ms is not None:
            due = min(due, now.boot_ms + hold.lasts_ms - passed_ms(hold.at, now))
    escalation, raised = rule.traits.escalation, alarm.raised
    if escalation is None or alarm.escalated or raised is None or alarm.state not in _UNSEEN:
        return due
    return min(due, now.boot_ms + escalation.after_ms - passed_ms(raised, now))


_UNSEEN: Final = (AlarmState.ACTIVE, AlarmState.RETURNED)


def worst_first(changes: Sequence[AlarmChange]) -> list[AlarmChange]:
    """Changes of one step, what calls people first, by severity; the sort is stable, so first-out stays first within one."""
    return sorted(changes, key=lambda change: (change.state in WITHHELD, severity_of(change.rule, change.alarm).rank))
