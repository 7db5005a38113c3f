"""Maintenance hints as shown on the control socket, and what is watched for them.

Days are `2026-11-24` (UTC); None where a thing is not known.
"""

from dataclasses import dataclass, field

from edgeguard.control.views import LabelsView
from edgeguard.core.point import Value


@dataclass(frozen=True, slots=True)
class HintView:
    """A hint that stands: the fields mean what they mean in core.hint.HintReport, and `history` is a figure a day."""

    id: str
    device: str
    kind: str
    seen: str
    since: str
    onset: str
    onset_open: bool
    confidence: float
    text: LabelsView
    check: LabelsView
    limit_date: str | None = None
    earliest: str | None = None
    latest: str | None = None
    snoozed_until: str | None = None
    evidence: dict[str, Value | None] = field(default_factory=dict)
    history: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class WatchedView:
    """Something that is watched. `state`: learning, watched, silent (nothing is measured), counting, or no-limit (what is normal
    is beyond the limit). `share` of the way from the reference to the limit, or of the service interval."""

    device: str
    name: str
    labels: LabelsView
    state: str
    unit: str
    days: int
    reference: float | None = None
    level: float | None = None
    limit: float | None = None
    share: float | None = None
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class HintsView:
    """The hints that stand, and with `all` everything that is watched."""

    hints: tuple[HintView, ...]
    watched: tuple[WatchedView, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service on record: the hints that it has withdrawn, and what begins anew."""

    device: str
    day: str
    withdrawn: tuple[str, ...]
    reset: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SnoozeView:
    """A hint that is silent until a day."""

    id: str
    until: str
