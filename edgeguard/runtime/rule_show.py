"""Domain rules and reactions as the views of the control socket."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from edgeguard.control.rule_views import ReactionView, RuleView
from edgeguard.control.views import LabelsView
from edgeguard.core.alarm import AlarmRule
from edgeguard.core.clock import Stamp, iso_utc
from edgeguard.core.domain import Domain, DomainRule, Missing, Watched
from edgeguard.core.ids import AlarmName, DeviceName, alarm_name
from edgeguard.core.limits import HOUR_MS
from edgeguard.core.point import Labels, Point
from edgeguard.core.reaction import Phase, ReactionSpec, ReactionState
from edgeguard.core.rule_limits import REACTION_END_TRIES


def rule_views(
    device: DeviceName, domain: Domain, alarms: Iterable[AlarmRule] | None, points: Sequence[Point] = ()
) -> tuple[RuleView, ...]:
    """Every rule that has to do with a device: those that watch it first. `alarms` None: no site has changed any.

    `points`: the device's, which know the units of its own alarms.
    """
    given = alarms is not None
    known = {alarm.name: alarm for alarm in alarms or ()}
    on = [
        _watching(device, watched, rule, known.get(alarm_name(device, watched.alarm_of(rule))), given)
        for watched in domain.watched
        for rule in watched.rules
    ]
    off = [_not_watching(device, missing, known if given else None, points) for missing in domain.missing]
    return (*on, *off)


def _watching(device: DeviceName, watched: Watched, rule: DomainRule, alarm: AlarmRule | None, given: bool) -> RuleView:
    several = (one for _, inputs in watched.members for one in inputs)
    roles = {role for way in rule.ways for role in way}
    inputs = tuple(dict.fromkeys(f"{one.device}.{one.point.name}" for one in (*watched.inputs, *several) if one.role in roles))
    if alarm is None:
        return _view(device, rule, watched.alarm_of(rule), "off" if given else "on", rule.limit, inputs)
    view = _view(device, rule, watched.alarm_of(rule), "on", alarm.limit, inputs, on_delay_ms=alarm.on_delay_ms)
    return view if alarm.severity is rule.severity else _with_severity(view, alarm)


def _not_watching(
    device: DeviceName, missing: Missing, known: Mapping[AlarmName, AlarmRule] | None, points: Sequence[Point]
) -> RuleView:
    """A rule that is off; where an alarm of the device's own stands in, the figures are that one's."""
    rule = missing.rule
    if not missing.own:
        return replace(_view(device, rule, rule.name, "lacking", rule.limit, lacks=missing.lacks), line=missing.line)
    view = _view(device, rule, missing.own, "own", None, on_delay_ms=0)
    if known is None:
        return view
    alarm = known.get(alarm_name(device, missing.own))
    if alarm is None:
        return replace(view, state="off")
    unit = next((point.unit for point in points if point.name == alarm.point), "")
    text = LabelsView(alarm.text.zh, alarm.text.en)
    inputs = () if alarm.point is None else (f"{device}.{alarm.point}",)
    view = replace(view, limit=alarm.limit, unit=unit, on_delay_s=alarm.on_delay_ms / 1000.0, text=text, inputs=inputs)
    return _with_severity(view, alarm)


def _with_severity(view: RuleView, alarm: AlarmRule) -> RuleView:
    return replace(view, severity=alarm.severity.value)


def _view(
    device: DeviceName,
    rule: DomainRule,
    name: str,
    state: str,
    limit: float | int | bool | str | None,
    inputs: tuple[str, ...] = (),
    lacks: tuple[str, ...] = (),
    on_delay_ms: int | None = None,
) -> RuleView:
    return RuleView(
        device=device,
        rule=rule.name,
        alarm=alarm_name(device, name),
        state=state,
        severity=rule.severity.value,
        limit=limit,
        unit=rule.unit,
        on_delay_s=(rule.on_delay_ms if on_delay_ms is None else on_delay_ms) / 1000.0,
        text=_labels(rule.text),
        advice=_labels(rule.advice),
        source=rule.source,
        inputs=inputs,
        lacks=lacks,
    )


def _labels(labels: Labels) -> LabelsView:
    return LabelsView(labels.zh, labels.en)


def reaction_view(spec: ReactionSpec, state: ReactionState, now: Stamp, verdict: str = "") -> ReactionView:
    """A reaction as it is."""
    return ReactionView(
        name=spec.name,
        alarm=spec.alarm,
        target=str(spec.target),
        value=spec.value,
        reset=spec.reset,
        mode=spec.mode.value,
        until=spec.until.value,
        phase=state.phase.value,
        since="" if state.since is None else iso_utc(state.since.wall_ms),
        held_by=state.held_by,
        starts_last_hour=sum(1 for at in state.starts if at.passed_ms(now) < HOUR_MS),
        per_hour=spec.per_hour,
        why=state.why,
        verdict=verdict,
        stuck=state.phase is Phase.ENDING and state.tries > REACTION_END_TRIES,
    )
