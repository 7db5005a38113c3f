"""One alarm that stands by itself, stepped as a device's are."""

from edgeguard.core.alarm import Alarm, AlarmChange, AlarmRule
from edgeguard.core.clock import Stamp
from edgeguard.core.point import Value
from edgeguard.rules.alarms import change_of, present, step_life


def step_alarm(
    rule: AlarmRule, alarm: Alarm, truth: bool | None, value: Value | None, now: Stamp
) -> tuple[Alarm, AlarmChange | None]:
    """One step of an alarm that stands by itself, with what people hear of it."""
    moved = step_life(rule, alarm, truth, value, now)
    if moved is alarm:
        return alarm, None
    after = present(rule, alarm, moved, suppressed=False, now=now)
    return after, change_of(rule, alarm, after, now)
