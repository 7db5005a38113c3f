"""What the daemon shows of domain rules and of reactions."""

from dataclasses import dataclass

from edgeguard.control.views import LabelsView
from edgeguard.core.point import Value


@dataclass(frozen=True, slots=True)
class RuleView:
    """A domain rule at one device. `state`: on, off (by the site), own (an alarm of the device's own stands in, and
    the figures are that one's) or lacking.

    `alarm` is its name; `lacks` the roles that are missing by the nearest way, `line` what to write where only the site can know.
    `source`: what the limit rests on.
    """

    device: str
    rule: str
    alarm: str
    state: str
    severity: str
    limit: Value | None
    unit: str
    on_delay_s: float
    text: LabelsView
    advice: LabelsView
    source: str
    inputs: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    line: str = ""


@dataclass(frozen=True, slots=True)
class ReactionView:
    """A reaction. `mode` is off, test or on; `phase` idle, starting, on, ending, spent, yielded or failed.

    `held_by`: who has taken it out of action, empty if nobody has; `why` what it waits for or what went wrong last; `verdict`
    answers a test: what it would do now, and what would hinder it; `stuck`: what it has switched cannot be switched back.
    """

    name: str
    alarm: str
    target: str
    value: Value
    reset: Value | None
    mode: str
    until: str
    phase: str
    since: str
    held_by: str
    starts_last_hour: int
    per_hour: int
    why: str
    verdict: str = ""
    stuck: bool = False
