"""Alarms in the words of ISA-18.2 / IEC 62682: the definition, the life-cycle state, and a change worth an item."""

from dataclasses import dataclass, field
from enum import StrEnum

from edgeguard.core.alarm_limits import MINUTE_MS
from edgeguard.core.clock import Stamp, passed_ms
from edgeguard.core.expression import Written
from edgeguard.core.ids import AlarmName, DeviceName, PointName
from edgeguard.core.interlock import PointRef
from edgeguard.core.point import Labels, Value


class Severity(StrEnum):
    """Priority of an alarm, most urgent first."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the most urgent."""
        return _SEVERITIES.index(self)

    @property
    def higher(self) -> "Severity":
        """The next more urgent one; the most urgent is its own."""
        return _SEVERITIES[max(0, self.rank - 1)]


_SEVERITIES = tuple(Severity)


class AlarmState(StrEnum):
    """The states of ISA-18.2: `active` is unacknowledged, `returned` is returned-to-normal and unacknowledged.

    In the last three people are not called: shelved by a person or for chattering, suppressed by design (a parent stands, a
    flood), or out of service. What the alarm would be without that is its life, which goes on beneath.
    """

    NORMAL = "normal"
    ACTIVE = "active"
    ACKED = "acked"
    RETURNED = "returned"
    SHELVED = "shelved"
    SUPPRESSED = "suppressed"
    OUT_OF_SERVICE = "out-of-service"


STANDING = (AlarmState.ACTIVE, AlarmState.ACKED)
"""Lives in which the condition is held to be true (unless it is latched and gone)."""
WITHHELD = (AlarmState.SHELVED, AlarmState.SUPPRESSED, AlarmState.OUT_OF_SERVICE)


class Condition(StrEnum):
    """What makes an alarm true."""

    HIGH = "high"
    LOW = "low"
    EQUALS = "equals"
    """A discrete state: a truth value, an enumeration's text, or a number."""
    DIFFERS = "differs"
    COMMS_LOST = "comms-lost"
    """No valid answer from the device for the on-delay."""
    WATCHED = "watched"
    """A family of rules judges it (runtime.watches) and says when it holds."""
    HIGH_HIGH = "high-high"
    """As HIGH, and while it stands the HIGH alarms of the same point are suppressed."""
    LOW_LOW = "low-low"
    DEVIATION = "deviation"
    """The distance to a setpoint, a number or another point, is above the limit."""
    RATE = "rate"
    """The point changes by more than the limit within the time `per`."""
    STUCK = "stuck"
    """The point has not moved by more than the limit for the time `over`."""
    STALE = "stale"
    """The point has had no good value for the on-delay."""
    WHEN = "when"
    """A combination of points holds."""
    BUS_LOST = "bus-lost"
    """No device on a bus answers; judged by the gateway itself, as the two below."""
    FLOOD = "flood"
    CHATTERING = "chattering"


LIMITS = (Condition.HIGH_HIGH, Condition.HIGH, Condition.LOW, Condition.LOW_LOW)
BY_OTHERS = (Condition.WATCHED, Condition.BUS_LOST, Condition.FLOOD, Condition.CHATTERING)
"""Conditions that no poll round of a device proves: their truth is brought to them."""


class Direction(StrEnum):
    """Which changes a RATE alarm means."""

    UP = "up"
    DOWN = "down"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Escalation:
    """Unacknowledged for `after_ms` an alarm takes this severity and is told anew."""

    after_ms: int
    to: Severity


@dataclass(frozen=True, slots=True)
class AlarmTraits:
    """What an alarm may have beyond a condition on one point; the same in a profile and on a device.

    `latching`: it stays until a person acknowledges it after its cause has gone. `group`: of the alarms of one group (of one
    device, or of the site) the one that came first is marked. `parents`: full or short names of alarms that explain this one.
    `only_while`: elsewhere the condition counts as false. `reference` and `window_ms`, `per_ms`, `direction` belong to DEVIATION,
    RATE and STUCK, `when` to WHEN. `awaited`: what it explains waits while its own delay runs, as it may explain it in a moment.
    """

    latching: bool = False
    group: str = ""
    escalation: Escalation | None = None
    parents: tuple[str, ...] = ()
    only_while: Written | None = None
    when: Written | None = None
    reference: PointRef | float | None = None
    window_ms: int = MINUTE_MS
    per_ms: int = MINUTE_MS
    direction: Direction = Direction.BOTH
    awaited: bool = True


PLAIN = AlarmTraits()


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """One alarm of one device, or of a bus or the site. `limit` and `hysteresis` in the point's unit; delays in ms.

    HIGH is true at value > limit and false again at value <= limit - hysteresis; LOW mirrors it. `device` is the first part of
    the name: a device's, a bus's, `site` or `gateway`.
    """

    name: AlarmName
    device: DeviceName
    condition: Condition
    severity: Severity
    text: Labels
    point: PointName | None = None
    limit: Value | None = None
    hysteresis: float = 0.0
    on_delay_ms: int = 0
    off_delay_ms: int = 0
    advice: Labels | None = None
    """What to check on the spot."""
    traits: AlarmTraits = field(default=PLAIN)
    common: bool = False
    """It is no device's, but a bus's, the site's or the gateway's own."""


class HoldKind(StrEnum):
    """Why an alarm is withheld on purpose."""

    SHELVED = "shelved"
    CHATTERING = "chattering"
    OUT_OF_SERVICE = "out-of-service"
    FLOOD = "flood"
    """Suppressed by design: too many alarms come for anybody to read the less urgent ones."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Since when, by whom and why an alarm is withheld; `lasts_ms` None: until somebody ends it."""

    kind: HoldKind
    at: Stamp
    by: str
    reason: str
    lasts_ms: int | None = None

    def is_over(self, now: Stamp) -> bool:
        """Its time has passed: by boot time within one boot, by the wall clock across boots."""
        return self.lasts_ms is not None and passed_ms(self.at, now) >= self.lasts_ms

    @property
    def until_ms(self) -> int | None:
        """Wall time of its end."""
        return None if self.lasts_ms is None else self.at.wall_ms + self.lasts_ms


_STRONGEST = (HoldKind.OUT_OF_SERVICE, HoldKind.SHELVED, HoldKind.CHATTERING, HoldKind.FLOOD)


@dataclass(frozen=True, slots=True)
class Alarm:
    """The state of one alarm. The pending times are boot time in ms and hold only within one boot."""

    state: AlarmState = AlarmState.NORMAL
    since: Stamp | None = None
    pending_since_ms: int | None = None
    """Since when the condition has differed from the state, waiting for its delay; None when it agrees."""
    pending_seen_ms: int | None = None
    """When that was last seen; None while it is only assumed, for no round has ended since the start."""
    value: Value | None = None
    beneath: AlarmState | None = None
    """What it would be if it were not withheld; None if it is not."""
    quiet: bool = False
    """It is suppressed and nobody was told, for it was normal in the eyes of all."""
    raised: Stamp | None = None
    """When its life became active last."""
    first_out: bool = False
    """The first of its group."""
    escalated: bool = False
    gone: bool = False
    """Latched: the condition has gone, and a person must say so."""
    holds: tuple[Hold, ...] = ()

    @property
    def life(self) -> AlarmState:
        """normal, active, acked or returned, whatever withholds it."""
        return self.state if self.beneath is None else self.beneath

    @property
    def standing(self) -> bool:
        """The condition holds, as far as delays allow to say."""
        return self.life in STANDING and not self.gone

    @property
    def told(self) -> AlarmState:
        """What people take it to be."""
        return AlarmState.NORMAL if self.quiet else self.state

    @property
    def reason(self) -> Hold | None:
        """The hold that people see, the strongest of those there are."""
        return min(self.holds, key=lambda hold: _STRONGEST.index(hold.kind), default=None)

    def hold(self, kind: HoldKind) -> Hold | None:
        """The hold of this kind, if there is one."""
        return next((hold for hold in self.holds if hold.kind is kind), None)


@dataclass(frozen=True, slots=True)
class AlarmChange:
    """A change of state that people must hear of; `alarm` is the alarm after it."""

    rule: AlarmRule
    state: AlarmState
    at: Stamp
    value: Value | None
    alarm: Alarm = Alarm()
    suppressed: int = 0
    """Alarms that this one keeps back at this moment, for it explains them."""

    @property
    def severity(self) -> Severity:
        """With the escalation that has come of waiting."""
        return severity_of(self.rule, self.alarm)


def severity_of(rule: AlarmRule, alarm: Alarm) -> Severity:
    """The severity now: the rule's, or what it has escalated to."""
    escalation = rule.traits.escalation
    return escalation.to if alarm.escalated and escalation is not None else rule.severity
