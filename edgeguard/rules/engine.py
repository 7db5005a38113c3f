"""One step of everything that looks at a device: reports and alarms, from one snapshot, one state, one now.

The same snapshots in the same order give the same outputs, always. A step has two halves: `evaluate` lets the lives of the
alarms move, `settle` says what people see of it. Between the halves the alarms of other devices have their say (a bus that is
lost explains its devices); a device that stands by itself takes both at once with `step`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from edgeguard.core.alarm import BY_OTHERS, Alarm, AlarmChange, AlarmRule, AlarmState, Condition
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import AlarmName, DeviceName
from edgeguard.core.point import Outcome, Point, ReportRule
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.snapshot import Snapshot
from edgeguard.rules.alarms import acknowledge, change_of, due_ms, present, step_life, step_time, worst_first
from edgeguard.rules.evidence import Finding, Moment, Trail, Watched, evidence, look_nowhere, watched_of
from edgeguard.rules.expression import Look
from edgeguard.rules.parents import one_explains, one_is_coming, parents_within
from edgeguard.rules.plan import Plan, plan_of
from edgeguard.rules.report import ReportState, step_report

__all__ = ["DeviceRules", "DeviceState", "Finding", "Outputs", "evaluate", "settle", "step", "tick"]


@dataclass(frozen=True, slots=True)
class DeviceRules:
    """What is watched on one device: `reports[i]` belongs to point i, `watched[k]`, `parents[k]` and `alarms[k]` to alarm k.

    `reports` is empty where only alarms are wanted.

    `parents[k]`: alarms of this device that explain alarm k, so that it is suppressed while one of them stands. `judged`: those
    whose truth is brought from elsewhere.
    """

    device: DeviceName
    points: tuple[Point, ...]
    reports: tuple[ReportRule, ...]
    alarms: tuple[AlarmRule, ...]
    watched: tuple[Watched, ...]
    parents: tuple[tuple[int, ...], ...]
    children: tuple[tuple[int, ...], ...]
    judged: tuple[int, ...] = ()

    @classmethod
    def of(cls, device: DeviceName, points: tuple[Point, ...], alarms: tuple[AlarmRule, ...]) -> "DeviceRules":
        """Compile; every alarm's point must be among `points` (the configuration has seen to it)."""
        index = {point.name: i for i, point in enumerate(points)}
        watched = tuple(watched_of(rule, device, index) for rule in alarms)
        judged = tuple(k for k, rule in enumerate(alarms) if rule.condition in BY_OTHERS)
        parents = parents_within(alarms)
        children = tuple(tuple(k for k, of in enumerate(parents) if parent in of) for parent in range(len(alarms)))
        return cls(device, points, tuple(point.report for point in points), alarms, watched, parents, children, judged)


@dataclass(frozen=True, slots=True)
class DeviceState:
    """What the rules remember of one device; `alarms[k]` and `trails[k]` belong to `DeviceRules.alarms[k]`.

    `suppressed` and `gated`: alarms that one elsewhere explains, or may come to explain in a moment. `timed`: some alarm waits
    for time alone; `waiting`: the delay of one that is judged elsewhere may be running. `unheard_ms`: from this boot time on the
    device counts as silent, as long as no round of it has ended.
    """

    report: ReportState
    alarms: tuple[Alarm, ...]
    trails: Mapping[int, Trail] = field(default_factory=dict)
    suppressed: frozenset[int] = frozenset()
    gated: frozenset[int] = frozenset()
    plan: Plan | None = field(default=None, compare=False)
    waiting: bool = field(default=True, compare=False)
    timed: bool = field(default=True, compare=False)
    unheard_ms: int | None = None

    @classmethod
    def fresh(cls, rules: DeviceRules, known: Mapping[AlarmName, Alarm], now: Stamp, period_ms: int = 0) -> "DeviceState":
        """The state at start: alarms as they were kept (a delay that was running starts anew), nothing told yet.

        A device whose first round has not ended when its period is over counts as silent from then on, so that one of which no
        round ever ends is missed, too. Before that nobody has asked it, and nothing is known.
        """
        alarms = tuple(_resumed(known.get(rule.name, Alarm())) for rule in rules.alarms)
        return cls(ReportState(), alarms, unheard_ms=now.boot_ms + period_ms)


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a step wants told: point indices for telemetry, alarm changes (worst first), and the alarms to keep."""

    told: tuple[int, ...] = ()
    changes: tuple[AlarmChange, ...] = ()
    kept: tuple[tuple[AlarmName, Alarm], ...] = ()


NOTHING = Outputs()
Before = Mapping[int, Alarm]
"""Alarms that may have moved, by index: what they were before."""


def evaluate(
    rules: DeviceRules,
    state: DeviceState,
    snapshot: Snapshot,
    known: Sequence[Outcome] | None = None,
    look: Look = look_nowhere,
) -> tuple[DeviceState, tuple[int, ...], dict[int, Alarm]]:
    """One poll round: what to tell of its points, and the lives of the alarms moved on. `snapshot.points` must be `rules.points`.

    `known`: what holds of each point after the round, where that is more than the round itself says, because a point was not
    due. Alarms are judged by it, so that their delays run on between the readings of a slow point; reports never are.
    """
    report, told = _reported(rules, state, snapshot.outcomes, snapshot.at)
    if report is not state.report or state.unheard_ms is not None:
        state = replace(state, report=report, unheard_ms=None)
    outcomes = snapshot.outcomes if known is None else known
    plan = state.plan
    if plan is None:
        plan = plan_of(rules.watched, state.alarms)
        state = replace(state, plan=plan)
    if not plan.is_quiet(outcomes, snapshot.answered):
        chosen: Sequence[int] = range(len(rules.alarms))
    elif plan.busy:
        chosen = plan.busy
    else:
        return state, tuple(told), {}
    moment = Moment(outcomes, snapshot.answered, look, snapshot.at.boot_ms)
    state, before = look_at(rules, state, chosen, moment, snapshot.at)
    return state, tuple(told), before


def _reported(rules: DeviceRules, state: DeviceState, outcomes: Sequence[Outcome], now: Stamp) -> tuple[ReportState, list[int]]:
    """What is worth telling of the points; nothing where nobody wants reports."""
    if not rules.reports:
        return state.report, []
    return step_report(rules.reports, state.report, outcomes, now.boot_ms)


def look_at(
    rules: DeviceRules, state: DeviceState, chosen: Sequence[int], moment: Moment, now: Stamp
) -> tuple[DeviceState, dict[int, Alarm]]:
    """Judge the chosen alarms, those judged elsewhere left out; what those that moved were before."""
    alarms = list(state.alarms)
    trails = dict(state.trails)
    before: dict[int, Alarm] = {}
    for k in chosen:
        watched = rules.watched[k]
        if watched.rule.condition in BY_OTHERS:
            continue
        trail = trails.get(k, _NO_TRAIL)
        (truth, value), after = evidence(watched, alarms[k], trail, moment)
        if after is not trail:
            trails[k] = after
        moved = step_life(watched.rule, alarms[k], truth, value, now, gated=_is_gated(rules, state, alarms, k))
        if moved is not alarms[k]:
            before[k], alarms[k] = alarms[k], moved
    if not before and trails == state.trails:
        return state, before
    plan = None if any(_turns_plan(was, alarms[k]) for k, was in before.items()) else state.plan
    return replace(state, alarms=tuple(alarms), trails=trails, plan=plan, timed=state.timed or bool(before)), before


def _turns_plan(was: Alarm, alarm: Alarm) -> bool:
    """Whether other rounds may leave it as it is than before: not if only its delay goes on."""
    return was.standing is not alarm.standing or (was.pending_since_ms is None) is not (alarm.pending_since_ms is None)


_NO_TRAIL = Trail()


def _is_gated(rules: DeviceRules, state: DeviceState, alarms: Sequence[Alarm], k: int) -> bool:
    return k in state.gated or one_is_coming(rules.alarms, alarms, rules.parents[k])


def settle(rules: DeviceRules, state: DeviceState, before: Before, now: Stamp) -> tuple[DeviceState, Outputs]:
    """What people see after lives, holds and parents may have changed: the changes to tell, worst first, and what to keep.

    `before` names the alarms that moved, with what they were; their children are looked at as well.
    """
    touched = dict(before)
    for k in before:
        for child in rules.children[k]:
            touched.setdefault(child, state.alarms[child])
    if not touched:
        return state, NOTHING
    alarms = list(state.alarms)
    changes: list[AlarmChange] = []
    kept: list[tuple[AlarmName, Alarm]] = []
    for k in sorted(touched):
        rule, was = rules.alarms[k], touched[k]
        suppressed = k in state.suppressed or one_explains(rules.alarms, state.alarms, rules.parents[k])
        alarms[k] = present(rule, was, alarms[k], suppressed, now) if _has_changed(was, alarms[k], suppressed) else alarms[k]
        if (change := change_of(rule, was, alarms[k], now)) is not None:
            changes.append(change)
        if _to_keep(was) != _to_keep(alarms[k]):
            kept.append((rule.name, _to_keep(alarms[k])))
    state = replace(state, alarms=tuple(alarms), plan=None, timed=True)
    return state, Outputs((), tuple(worst_first(changes)), tuple(kept))


def _has_changed(was: Alarm, alarm: Alarm, suppressed: bool) -> bool:
    """Whether there is anything to present: a delay that runs shows nowhere."""
    if (was.life, was.holds, was.gone, was.escalated) != (alarm.life, alarm.holds, alarm.gone, alarm.escalated):
        return True
    return suppressed is not (alarm.state is AlarmState.SUPPRESSED)


def _to_keep(alarm: Alarm) -> Alarm:
    """Without delays that are running: they start anew after a restart."""
    if alarm.pending_since_ms is None and alarm.pending_seen_ms is None:
        return alarm
    return replace(alarm, pending_since_ms=None, pending_seen_ms=None)


def step(
    rules: DeviceRules, state: DeviceState, snapshot: Snapshot, known: Sequence[Outcome] | None = None, look: Look = look_nowhere
) -> tuple[DeviceState, Outputs]:
    """One poll round of a device that stands by itself."""
    state, told, before = evaluate(rules, state, snapshot, known, look)
    if not before:
        return state, Outputs(told) if told else NOTHING
    state, outputs = settle(rules, state, before, snapshot.at)
    return state, replace(outputs, told=told)


def pass_time(rules: DeviceRules, state: DeviceState, now: Stamp) -> tuple[DeviceState, dict[int, Alarm]]:
    """Time passes without a snapshot: lost communication, the ends of shelving, escalation. What moved, as it was before."""
    if not state.timed:
        return state, {}
    alarms = list(state.alarms)
    before: dict[int, Alarm] = {}
    timed = False
    for k, rule in enumerate(rules.alarms):
        alarm = step_time(rule, alarms[k], now)
        since_ms = _silent_since_ms(rule, alarm, state.unheard_ms)
        if since_ms is not None and now.boot_ms - since_ms >= rule.on_delay_ms and not _is_gated(rules, state, alarms, k):
            alarm = step_life(rule, replace(alarm, pending_since_ms=since_ms), True, None, now)
        waits = rule.condition is Condition.COMMS_LOST and (alarm.pending_since_ms is not None or state.unheard_ms is not None)
        timed = timed or waits or due_ms(rule, alarm, now) < math.inf
        if alarm is not alarms[k]:
            before[k], alarms[k] = alarms[k], alarm
    if not before:
        return replace(state, timed=timed) if timed is not state.timed else state, before
    return replace(state, alarms=tuple(alarms), plan=None), before


def idle_until_ms(rules: DeviceRules, state: DeviceState, now: Stamp) -> float:
    """Until this boot time `pass_time` changes nothing if nothing else happens; -1 while every moment may count."""
    if state.waiting and rules.judged and any(state.alarms[k].pending_since_ms is not None for k in rules.judged):
        return -1.0
    if not state.timed:
        return math.inf
    due = math.inf
    for rule, alarm in zip(rules.alarms, state.alarms, strict=True):
        if rule.condition is Condition.COMMS_LOST:
            if alarm.pending_since_ms is not None:
                return -1.0
            if state.unheard_ms is not None and not alarm.standing:
                due = min(due, state.unheard_ms + rule.on_delay_ms - 1)
        if alarm.holds or rule.traits.escalation is not None:
            due = min(due, due_ms(rule, alarm, now) - 1)
    return due


def tick(rules: DeviceRules, state: DeviceState, now: Stamp) -> tuple[DeviceState, Outputs]:
    """The same for a device that stands by itself."""
    state, before = pass_time(rules, state, now)
    return settle(rules, state, before, now) if before else (state, NOTHING)


def judge(
    rules: DeviceRules, state: DeviceState, findings: Mapping[AlarmName, Finding], now: Stamp
) -> tuple[DeviceState, dict[int, Alarm]]:
    """Alarms judged elsewhere: each is stepped by what was found of it last; without a finding it stays.

    To be called with every new finding, and as time passes as long as the state is `waiting`: then some delay runs.
    """
    alarms = list(state.alarms)
    before: dict[int, Alarm] = {}
    for k in rules.judged:
        finding = findings.get(rules.alarms[k].name)
        if finding is None:
            continue
        moved = step_life(rules.alarms[k], alarms[k], *finding, now, gated=_is_gated(rules, state, alarms, k))
        if moved is not alarms[k]:
            before[k], alarms[k] = alarms[k], moved
    waiting = any(alarms[k].pending_since_ms is not None for k in rules.judged)
    if before:
        return replace(state, alarms=tuple(alarms), timed=True, waiting=waiting), before
    return state if waiting is state.waiting else replace(state, waiting=waiting), before


def _resumed(alarm: Alarm) -> Alarm:
    if (alarm.pending_since_ms, alarm.pending_seen_ms) == (None, None):
        return alarm
    return replace(alarm, pending_since_ms=None, pending_seen_ms=None)


def _silent_since_ms(rule: AlarmRule, alarm: Alarm, unheard_ms: int | None) -> int | None:
    """Since when a comms-lost alarm can come due between rounds: after two silent rounds, or if no round has ended since the start.

    One lost round and a pause of this process prove nothing.
    """
    if rule.condition is not Condition.COMMS_LOST or alarm.standing:
        return None
    if unheard_ms is not None:
        return unheard_ms
    return None if alarm.pending_seen_ms == alarm.pending_since_ms else alarm.pending_since_ms


def acknowledge_alarm(rules: DeviceRules, state: DeviceState, name: AlarmName, now: Stamp) -> tuple[DeviceState, Outputs]:
    """A person acknowledges `name`; KeyError if the device has no such alarm."""
    for k, rule in enumerate(rules.alarms):
        if rule.name == name:
            alarm, change = acknowledge(rule, state.alarms[k], now)
            if change is None:
                return state, NOTHING
            alarms = (*state.alarms[:k], alarm, *state.alarms[k + 1 :])
            return replace(state, alarms=alarms, plan=None), Outputs((), (change,), ((name, _to_keep(alarm)),))
    raise KeyError(name)


def mark_stale(
    rules: DeviceRules, state: DeviceState, outcomes: Iterable[Outcome], age_s: float, now: Stamp
) -> tuple[DeviceState, tuple[Outcome, ...], Outputs]:
    """Good values have become stale, which is told like any change of quality; alarms stay, for nothing was learnt."""
    stale = Fault(Reason.STALE, f"no poll round for {age_s:.0f} s")
    column = tuple(outcome if isinstance(outcome, Fault) else stale for outcome in outcomes)
    report, told = _reported(rules, state, column, now)
    return replace(state, report=report), column, Outputs(tuple(told))
