"""Report by exception: which points of a snapshot are worth telling the platform.

A change of quality is always told. A value is told when it leaves the dead-band around the last told value and the
minimum interval has passed, or when the heartbeat is due (within a twentieth of it and a second, or polls that keep the same
beat would miss it by a hair and tell at every other). Times are boot time, so a stepped wall clock changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edgeguard.core.point import Outcome, ReportRule
from edgeguard.core.quality import Fault, Reason


@dataclass(frozen=True, slots=True)
class ReportState:
    """Per point of a device: the outcome told last and the boot time in ms of telling it; empty before the first step."""

    told: tuple[Outcome, ...] = ()
    told_ms: tuple[int, ...] = ()


def _heartbeat_due(rule: ReportRule, since_ms: int) -> bool:
    return since_ms >= rule.heartbeat_ms - min(rule.heartbeat_ms // 20, 1000)


def _within_deadband(rule: ReportRule, told: Outcome, outcome: Outcome) -> bool:
    """Whether a changed good value is still near enough to the one told last; truth values and texts never are."""
    if not rule.deadband and not rule.deadband_percent:
        return False
    if isinstance(outcome, bool | str | Fault) or isinstance(told, bool | str | Fault):
        return False
    change = abs(outcome - told)
    return change <= rule.deadband or change <= abs(told) * rule.deadband_percent / 100.0


def step_report(
    rules: Sequence[ReportRule], state: ReportState, outcomes: Sequence[Outcome], now_ms: int
) -> tuple[ReportState, list[int]]:
    """The new state and the indices of the points to tell. `rules`, `outcomes` and the state's columns are aligned."""
    if not state.told:
        asked = [index for index, outcome in enumerate(outcomes) if not _is_not_due(outcome)]
        return ReportState(tuple(outcomes), (now_ms,) * len(outcomes)), asked
    due: list[int] = []
    told, told_ms = state.told, state.told_ms
    for index, outcome in enumerate(outcomes):
        before = told[index]
        if outcome.__class__ is Fault or before.__class__ is Fault:
            if _is_not_due(outcome):
                continue
            changed = not _same_quality(before, outcome)
            if not changed and not _heartbeat_due(rules[index], now_ms - told_ms[index]):
                continue
        elif outcome == before:
            if not _heartbeat_due(rules[index], now_ms - told_ms[index]):
                continue
        else:
            rule = rules[index]
            since_ms = now_ms - told_ms[index]
            held = since_ms < rule.min_interval_ms or _within_deadband(rule, before, outcome)
            if held and not _heartbeat_due(rule, since_ms):
                continue
        due.append(index)
    if not due:
        return state, due
    if len(due) == len(outcomes):
        return ReportState(tuple(outcomes), (now_ms,) * len(due)), due
    new_told, new_ms = list(told), list(told_ms)
    for index in due:
        new_told[index] = outcomes[index]
        new_ms[index] = now_ms
    return ReportState(tuple(new_told), tuple(new_ms)), due


def _is_not_due(outcome: Outcome) -> bool:
    """Nothing was asked, so nothing is told: not even a heartbeat may pass an old value as new."""
    return isinstance(outcome, Fault) and outcome.reason is Reason.NOT_DUE


def _same_quality(before: Outcome, outcome: Outcome) -> bool:
    """Two faults for the same reason; the detail may differ from poll to poll."""
    return isinstance(before, Fault) and isinstance(outcome, Fault) and before.reason is outcome.reason
