"""A maintenance hint as people get it: what was seen, since when, in figures, until when, and what to check."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgeguard.core.ids import DeviceName
from edgeguard.core.point import Labels

Figure = float | int | str | bool | None
"""One figure of the evidence; days are written `2026-11-24`."""


@dataclass(frozen=True, slots=True)
class HintReport:
    """A hint at one moment. `id`: `device.what`, one per cause. `state`: raised, updated or withdrawn, and `gone` says why.

    `since`: when it was raised (UTC). `onset`: the day from which the change is seen, `onset_open` if it may have begun earlier.
    `limit_date`, `earliest`, `latest`: when the limit will be met, and the 90 % interval of it; None where nobody can tell.
    `confidence`: how sure it is that the change is real (not that the date is right), 0.5 to 1.
    """

    id: str
    device: DeviceName
    kind: str
    state: str
    seen: str
    since: str
    onset: str
    onset_open: bool
    confidence: float
    text: Labels
    check: Labels
    limit_date: str | None = None
    earliest: str | None = None
    latest: str | None = None
    gone: str | None = None
    snoozed_until: str | None = None
    evidence: Mapping[str, Figure] = field(default_factory=dict)
    history: tuple[float | None, ...] = ()
    """Daily figures of the last weeks, oldest first, for a small picture; not sent to the platform."""
