"""What a poll round says of one alarm's condition: true, false or unknown, and the value to show for it.

RATE, STUCK and `held` look back; what they remember is a Trail. It is evidence, not state: after a restart it is gathered anew,
so that nothing is concluded from a time in which nobody looked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from edgeguard.core.alarm import PLAIN, Alarm, AlarmRule, AlarmTraits, Condition, Direction
from edgeguard.core.alarm_limits import RATE_SAMPLES
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.interlock import PointRef
from edgeguard.core.point import Outcome, Value
from edgeguard.core.quality import Fault
from edgeguard.rules.alarms import is_true
from edgeguard.rules.expression import NOBODY, Compiled, Look, Memory, Sight, compile_expression

Finding = tuple[bool | None, Value | None]
"""Whether an alarm's condition holds, None where nothing is known, and the value to show for it."""


@dataclass(frozen=True, slots=True)
class Trail:
    """`samples`: boot time in ms and value, oldest first; `held` and `gate`: what the `held` of the two expressions remember."""

    samples: tuple[tuple[int, Value], ...] = ()
    held: tuple[tuple[int, int] | None, ...] = ()
    gate: tuple[tuple[int, int] | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Watched:
    """One alarm compiled: where its point and its reference are among the device's own (-1: nowhere), and its expressions."""

    rule: AlarmRule
    point: int
    reference: int = -1
    when: Compiled | None = None
    gate: Compiled | None = None

    @property
    def looks_back(self) -> bool:
        """It has to be judged at every round, whatever the values."""
        return self.when is not None or self.gate is not None or self.rule.condition in _BACKWARD


_BACKWARD = (Condition.RATE, Condition.STUCK, Condition.DEVIATION)


def watched_of(rule: AlarmRule, device: DeviceName, index: Mapping[PointName, int]) -> Watched:
    """Compile; the alarm's point must be among `index` (the configuration has seen to it)."""
    traits = rule.traits
    if traits is PLAIN:
        return Watched(rule, -1 if rule.point is None else index[rule.point])
    own = {PointRef(device, name): at for name, at in index.items()}
    reference = traits.reference
    return Watched(
        rule,
        -1 if rule.point is None else index[rule.point],
        own.get(reference, -1) if isinstance(reference, PointRef) else -1,
        None if traits.when is None else compile_expression(traits.when.expression, own),
        None if traits.only_while is None else compile_expression(traits.only_while.expression, own),
    )


def look_nowhere(_point: PointRef) -> Outcome:
    """For rules that speak of no other device."""
    return NOBODY


@dataclass(frozen=True, slots=True)
class Moment:
    """What an alarm is judged by: the outcomes that hold now, whether the device answered, other devices, boot time in ms."""

    outcomes: Sequence[Outcome]
    answered: bool
    look: Look
    now_ms: int


def evidence(watched: Watched, alarm: Alarm, trail: Trail, moment: Moment) -> tuple[Finding, Trail]:
    """What is found of the condition at this moment, and the trail with it."""
    rule = watched.rule
    if watched.gate is not None:
        allowed, gate = _judged(watched.gate, trail.gate, moment)
        trail = replace(trail, gate=gate)
        if not allowed:
            finding = (allowed, _shown(watched, moment))
            if rule.condition is Condition.WHEN and watched.when is not None:
                trail = replace(trail, held=_judged(watched.when, trail.held, moment)[1])
            return finding, replace(trail, samples=()) if allowed is False else trail
    if rule.condition is Condition.COMMS_LOST:
        return (not moment.answered, None), trail
    if watched.when is not None:
        truth, held = _judged(watched.when, trail.held, moment)
        return (truth, _shown(watched, moment)), replace(trail, held=held)
    outcome = moment.outcomes[watched.point]
    if rule.condition is Condition.DEVIATION:
        return _deviation(watched, alarm, outcome, moment), trail
    if rule.condition in _LOOKING_BACK:
        return _LOOKING_BACK[rule.condition](rule, alarm, trail, outcome, moment.now_ms)
    return (is_true(rule, alarm.standing, outcome), None if isinstance(outcome, Fault) else outcome), trail


def _judged(
    compiled: Compiled, remembered: tuple[tuple[int, int] | None, ...], moment: Moment
) -> tuple[bool | None, tuple[tuple[int, int] | None, ...]]:
    memory: Memory = list(remembered or (None,) * compiled.helds)
    value = compiled.judge(Sight(moment.outcomes, moment.look, moment.now_ms, memory))
    return None if value is None else bool(value), tuple(memory)


def _shown(watched: Watched, moment: Moment) -> Value | None:
    if watched.point < 0:
        return None
    outcome = moment.outcomes[watched.point]
    return None if isinstance(outcome, Fault) else outcome


def _deviation(watched: Watched, alarm: Alarm, outcome: Outcome, moment: Moment) -> Finding:
    """The distance itself is what is shown."""
    reference: Outcome | None = None
    wanted = watched.rule.traits.reference
    if isinstance(wanted, PointRef):
        reference = moment.outcomes[watched.reference] if watched.reference >= 0 else moment.look(wanted)
    else:
        reference = wanted
    if isinstance(outcome, Fault | str) or isinstance(reference, Fault | str | None):
        return None, None
    distance = outcome - reference
    return _beyond(watched.rule, alarm, abs(distance)), distance


def _beyond(rule: AlarmRule, alarm: Alarm, size: float) -> bool | None:
    if isinstance(rule.limit, str | None):
        return None
    return size > (rule.limit - rule.hysteresis if alarm.standing else rule.limit)


def _rate(rule: AlarmRule, alarm: Alarm, trail: Trail, outcome: Outcome, now_ms: int) -> tuple[Finding, Trail]:
    """The slope from the oldest sample of the window to now; unknown until half of the window has been seen."""
    traits = rule.traits
    kept = [sample for sample in trail.samples if now_ms - sample[0] <= traits.window_ms]
    if isinstance(outcome, Fault | str):
        return (None, None), replace(trail, samples=tuple(kept))
    finding: Finding = (None, None)
    if kept and (now_ms - kept[0][0]) * 2 >= traits.window_ms and not isinstance(kept[0][1], str):
        rate = (outcome - kept[0][1]) * traits.per_ms / (now_ms - kept[0][0])
        finding = (_beyond(rule, alarm, _towards(traits, rate)), rate)
    if not kept or (now_ms - kept[-1][0]) * RATE_SAMPLES >= traits.window_ms:
        kept.append((now_ms, outcome))
    return finding, replace(trail, samples=tuple(kept))


def _towards(traits: AlarmTraits, rate: float) -> float:
    if traits.direction is Direction.BOTH:
        return abs(rate)
    return rate if traits.direction is Direction.UP else -rate


def _stuck(rule: AlarmRule, _alarm: Alarm, trail: Trail, outcome: Outcome, now_ms: int) -> tuple[Finding, Trail]:
    """Samples: where it was when it moved last, and when it was seen last; longer silence than the window starts anew."""
    if isinstance(outcome, Fault):
        return (None, None), trail
    window_ms = rule.traits.window_ms
    if not trail.samples or now_ms - trail.samples[1][0] > window_ms or _has_moved(rule, trail.samples[0][1], outcome):
        return (False, outcome), replace(trail, samples=((now_ms, outcome), (now_ms, outcome)))
    since_ms, anchor = trail.samples[0]
    return (now_ms - since_ms >= window_ms, outcome), replace(trail, samples=((since_ms, anchor), (now_ms, outcome)))


def _has_moved(rule: AlarmRule, anchor: Value, value: Value) -> bool:
    if isinstance(anchor, str) or isinstance(value, str) or isinstance(rule.limit, str | None):
        return anchor != value
    return abs(value - anchor) > rule.limit


_Looking = Callable[[AlarmRule, Alarm, Trail, Outcome, int], tuple[Finding, Trail]]
_LOOKING_BACK: Mapping[Condition, _Looking] = {Condition.RATE: _rate, Condition.STUCK: _stuck}
