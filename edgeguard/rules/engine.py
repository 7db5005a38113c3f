"""One step of everything that looks at a device: reports and alarms, from one snapshot, one state, one now.

The same snapshots in the same order give the same outputs, always.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from edgeguard.core.alarm import Alarm, AlarmChange, AlarmRule, AlarmState, Condition
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import AlarmName, DeviceName
from edgeguard.core.point import Outcome, Point, ReportRule, Value
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.snapshot import Snapshot
from edgeguard.rules.alarms import acknowledge, is_true, step_alarm, worst_first
from edgeguard.rules.report import ReportState, step_report


@dataclass(frozen=True, slots=True)
class DeviceRules:
    """What is watched on one device: `reports[i]` belongs to point i; `watched[k]` is the point index of `alarms[k]` or -1.

    `judged` are the indices of the alarms that families of rules judge.
    """

    device: DeviceName
    points: tuple[Point, ...]
    reports: tuple[ReportRule, ...]
    alarms: tuple[AlarmRule, ...]
    watched: tuple[int, ...]
    judged: tuple[int, ...] = ()

    @classmethod
    def of(cls, device: DeviceName, points: tuple[Point, ...], alarms: tuple[AlarmRule, ...]) -> "DeviceRules":
        """Compile; every alarm's point must be among `points` (the configuration has seen to it)."""
        index = {point.name: i for i, point in enumerate(points)}
        watched = tuple(-1 if rule.point is None else index[rule.point] for rule in alarms)
        judged = tuple(k for k, rule in enumerate(alarms) if rule.condition is Condition.WATCHED)
        return cls(device, points, tuple(point.report for point in points), alarms, watched, judged)


@dataclass(frozen=True, slots=True)
class DeviceState:
    """What the rules remember of one device; `alarms[k]` belongs to `DeviceRules.alarms[k]`."""

    report: ReportState
    alarms: tuple[Alarm, ...]

    @classmethod
    def fresh(cls, rules: DeviceRules, known: Mapping[AlarmName, Alarm], now: Stamp) -> "DeviceState":
        """The state at start: alarms as they were kept (a delay that was running starts anew), nothing told yet.

        A device counts as silent from now on until it answers, so that one of which no round ever ends is missed, too.
        """
        return cls(ReportState(), tuple(_resumed(rule, known.get(rule.name, Alarm()), now) for rule in rules.alarms))


Finding = tuple[bool | None, Value | None]
"""Whether an alarm's condition holds, None where nothing is known, and the value to show for it."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a step wants told: point indices for telemetry, alarm changes (worst first), and the alarms to keep."""

    told: tuple[int, ...] = ()
    changes: tuple[AlarmChange, ...] = ()
    kept: tuple[tuple[AlarmName, Alarm], ...] = ()


def step(
    rules: DeviceRules, state: DeviceState, snapshot: Snapshot, known: Sequence[Outcome] | None = None
) -> tuple[DeviceState, Outputs]:
    """One poll round. `snapshot.points` must be `rules.points`.

    `known`: what holds of each point after the round, where that is more than the round itself says, because a point was not
    due. Alarms are judged by it, so that their delays run on between the readings of a slow point; reports never are.
    """
    report, told = step_report(rules.reports, state.report, snapshot.outcomes, snapshot.at.boot_ms)
    holds = snapshot if known is None or known is snapshot.outcomes else replace(snapshot, outcomes=tuple(known))
    alarms, changes = _step_alarms(rules, state.alarms, holds)
    return DeviceState(report, alarms), Outputs(tuple(told), tuple(worst_first(changes)), _kept(changes))


def _step_alarms(rules: DeviceRules, alarms: tuple[Alarm, ...], snapshot: Snapshot) -> tuple[tuple[Alarm, ...], list[AlarmChange]]:
    changes: list[AlarmChange] = []
    moved: dict[int, Alarm] = {}
    for k, rule in enumerate(rules.alarms):
        if rule.condition is Condition.WATCHED:
            continue
        truth, value = _evidence(rule, rules.watched[k], alarms[k], snapshot)
        alarm, change = step_alarm(rule, alarms[k], truth, value, snapshot.at)
        if alarm is not alarms[k]:
            moved[k] = alarm
        if change is not None:
            changes.append(change)
    if not moved:
        return alarms, changes
    return tuple(moved.get(k, alarm) for k, alarm in enumerate(alarms)), changes


def _evidence(rule: AlarmRule, watched: int, alarm: Alarm, snapshot: Snapshot) -> tuple[bool | None, Value | None]:
    """What the snapshot says of the condition, and the value to show for it."""
    if rule.condition is Condition.COMMS_LOST:
        return not snapshot.answered, None
    outcome = snapshot.outcomes[watched]
    standing = alarm.state in (AlarmState.ACTIVE, AlarmState.ACKED)
    return is_true(rule, standing, outcome), None if isinstance(outcome, Fault) else outcome


def tick(rules: DeviceRules, state: DeviceState, now: Stamp) -> tuple[DeviceState, Outputs]:
    """Time passes without a snapshot: a comms-lost delay that is running may end between two probes of a dead device."""
    changes: list[AlarmChange] = []
    alarms = list(state.alarms)
    for k, rule in enumerate(rules.alarms):
        if _is_overdue(rule, alarms[k], now):
            alarms[k] = Alarm(AlarmState.ACTIVE, now)
            changes.append(AlarmChange(rule, AlarmState.ACTIVE, now, None))
    if not changes:
        return state, Outputs()
    return replace(state, alarms=tuple(alarms)), Outputs((), tuple(worst_first(changes)), _kept(changes))


def judge(rules: DeviceRules, state: DeviceState, findings: Mapping[AlarmName, Finding], now: Stamp) -> tuple[DeviceState, Outputs]:
    """Time passes for the alarms that families judge: each is stepped by what was found of it last; without a finding it stays."""
    changes: list[AlarmChange] = []
    alarms = list(state.alarms)
    for k in rules.judged:
        finding = findings.get(rules.alarms[k].name)
        if finding is not None:
            alarms[k], change = step_alarm(rules.alarms[k], alarms[k], *finding, now)
            changes += () if change is None else (change,)
    if all(new is old for new, old in zip(alarms, state.alarms, strict=True)):
        return state, Outputs()
    return replace(state, alarms=tuple(alarms)), Outputs((), tuple(worst_first(changes)), _kept(changes))


def _resumed(rule: AlarmRule, alarm: Alarm, now: Stamp) -> Alarm:
    waits = rule.condition is Condition.COMMS_LOST and alarm.state in (AlarmState.NORMAL, AlarmState.RETURNED)
    return replace(alarm, pending_since_ms=now.boot_ms if waits else None, pending_seen_ms=None)


def _is_overdue(rule: AlarmRule, alarm: Alarm, now: Stamp) -> bool:
    """Whether a comms-lost alarm is due between rounds: after two silent rounds, or if no round has ended since the start.

    One lost round and a pause of this process prove nothing.
    """
    if rule.condition is not Condition.COMMS_LOST or alarm.state not in (AlarmState.NORMAL, AlarmState.RETURNED):
        return False
    since_ms, seen_ms = alarm.pending_since_ms, alarm.pending_seen_ms
    if since_ms is None or seen_ms == since_ms:
        return False
    return now.boot_ms - since_ms >= rule.on_delay_ms


def acknowledge_alarm(rules: DeviceRules, state: DeviceState, name: AlarmName, now: Stamp) -> tuple[DeviceState, Outputs]:
    """A person acknowledges `name`; KeyError if the device has no such alarm."""
    for k, rule in enumerate(rules.alarms):
        if rule.name == name:
            alarm, change = acknowledge(rule, state.alarms[k], now)
            if change is None:
                return state, Outputs()
            alarms = (*state.alarms[:k], alarm, *state.alarms[k + 1 :])
            return replace(state, alarms=alarms), Outputs((), (change,), _kept((change,)))
    raise KeyError(name)


def mark_stale(
    rules: DeviceRules, state: DeviceState, outcomes: Iterable[Outcome], age_s: float, now: Stamp
) -> tuple[DeviceState, tuple[Outcome, ...], Outputs]:
    """Good values have become stale, which is told like any change of quality; alarms stay, for nothing was learnt."""
    stale = Fault(Reason.STALE, f"no poll round for {age_s:.0f} s")
    column = tuple(outcome if isinstance(outcome, Fault) else stale for outcome in outcomes)
    report, told = step_report(rules.reports, state.report, column, now.boot_ms)
    return replace(state, report=report), column, Outputs(tuple(told))


def _kept(changes: Iterable[AlarmChange]) -> tuple[tuple[AlarmName, Alarm], ...]:
    return tuple((c.rule.name, Alarm(state=c.state, since=c.at, value=c.value)) for c in changes)
