"""Alarms in the words of ISA-18.2 / IEC 62682: the definition, the life-cycle state, and a change worth an item."""

from dataclasses import dataclass
from enum import StrEnum

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import AlarmName, DeviceName, PointName
from edgeguard.core.point import Labels, Value


class Severity(StrEnum):
    """Priority of an alarm, most urgent first."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    INFO = "info"


class AlarmState(StrEnum):
    """`returned` is ISA-18.2's returned-to-normal, unacknowledged."""

    NORMAL = "normal"
    ACTIVE = "active"
    ACKED = "acked"
    RETURNED = "returned"
    SHELVED = "shelved"


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


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """One alarm of one device. `limit` and `hysteresis` in the point's unit; delays in ms.

    HIGH is true at value > limit and false again at value <= limit - hysteresis; LOW mirrors it.
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


@dataclass(frozen=True, slots=True)
class AlarmChange:
    """A change of state that people must hear of."""

    rule: AlarmRule
    state: AlarmState
    at: Stamp
    value: Value | None
