"""Which values of a poll round leave every alarm of a device as it is: found once, until an alarm moves, instead of per round.

Most rounds change nothing that an alarm would notice. For each watched number that is a range, for each watched state one value:
while all are kept no alarm is looked at, except for those that look back or wait for a delay.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edgeguard.core.alarm import BY_OTHERS, Alarm, AlarmRule, Condition
from edgeguard.core.point import Outcome, Value
from edgeguard.core.quality import Fault
from edgeguard.rules.evidence import Watched

_UPPER = (Condition.HIGH, Condition.HIGH_HIGH)
_JUDGED_BY_STATE = (Condition.EQUALS, Condition.DIFFERS)


@dataclass(frozen=True, slots=True)
class Plan:
    """`bands`: point, lowest and highest value that change nothing. `states`: point, value, and whether it must be kept or avoided.

    `faults`: point, and whether it is taken to be bad. `comms`: what "has answered" must be, None if nothing depends on it.
    `busy`: alarms that are judged at every round.
    """

    bands: tuple[tuple[int, float, float], ...]
    states: tuple[tuple[int, Value | None, bool], ...]
    faults: tuple[tuple[int, bool], ...]
    answered: bool | None
    busy: tuple[int, ...]

    def is_quiet(self, outcomes: Sequence[Outcome], answered: bool) -> bool:
        """No alarm beside the busy ones can have moved. What is bad proves nothing, so it keeps every band."""
        if self.answered is not None and answered is not self.answered:
            return False
        for point, low, high in self.bands:
            outcome = outcomes[point]
            if outcome.__class__ is not Fault and not low <= outcome <= high:  # type: ignore[operator]
                return False
        for point, value, kept in self.states:
            outcome = outcomes[point]
            if outcome.__class__ is not Fault and (outcome == value) is not kept:
                return False
        return all((outcomes[point].__class__ is Fault) is bad for point, bad in self.faults)


def plan_of(watched: Sequence[Watched], alarms: Sequence[Alarm]) -> Plan:
    """The plan that holds as long as these are the alarms."""
    bands: dict[int, tuple[float, float]] = {}
    states: list[tuple[int, Value | None, bool]] = []
    faults: list[tuple[int, bool]] = []
    answered: bool | None = None
    busy: list[int] = []
    for k, (one, alarm) in enumerate(zip(watched, alarms, strict=True)):
        rule = one.rule
        if rule.condition in BY_OTHERS:
            continue
        if alarm.pending_since_ms is not None or one.looks_back:
            busy.append(k)
        elif rule.condition is Condition.COMMS_LOST:
            answered = not alarm.standing
        elif rule.condition is Condition.STALE:
            faults.append((one.point, alarm.standing))
        elif rule.condition in _JUDGED_BY_STATE:
            states.append((one.point, rule.limit, alarm.standing is (rule.condition is Condition.EQUALS)))
        elif one.point >= 0 and not isinstance(rule.limit, str | None):
            low, high = bands.get(one.point, (-math.inf, math.inf))
            own_low, own_high = _band(rule, rule.limit, alarm.standing)
            bands[one.point] = (max(low, own_low), min(high, own_high))
    return Plan(tuple((point, *band) for point, band in bands.items()), tuple(states), tuple(faults), answered, tuple(busy))


def _band(rule: AlarmRule, limit: float, standing: bool) -> tuple[float, float]:
    """Values for which the condition stays what it is, both ends included."""
    if rule.condition in _UPPER:
        return (math.nextafter(limit - rule.hysteresis, math.inf), math.inf) if standing else (-math.inf, limit)
    return (-math.inf, math.nextafter(limit + rule.hysteresis, -math.inf)) if standing else (limit, math.inf)
