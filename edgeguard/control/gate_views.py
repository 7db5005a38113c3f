"""Gates, lists and zones as shown on the control socket and to the platform.

Plates are whole only in what is asked for by name: entries of a list, vehicles inside, why one would be let in. Elsewhere masked.
"""

from dataclasses import dataclass

from edgeguard.control.views import LabelsView


@dataclass(frozen=True, slots=True)
class GateDecisionView:
    """A decision as it was made. `id` names the pass; `verdict`: open, refused, ask; `came` what has become of it since, empty
    while that is open: opened, not-opened, passed, not-passed, not-waited, confirmed."""

    id: str
    at: str
    camera: str
    way: str
    plate: str
    verdict: str
    reason: str
    text: LabelsView
    came: str
    confidence: float


@dataclass(frozen=True, slots=True)
class GateView:
    """One gate. `phase`: idle, opening, open, under; `held_s` how much longer it is held open; `loop` null: unknown or none."""

    name: str
    labels: LabelsView
    cameras: tuple[str, ...]
    zone: str | None
    phase: str
    waiting: int
    held_s: int
    loop: bool | None
    stuck: bool
    decisions: tuple[GateDecisionView, ...]


@dataclass(frozen=True, slots=True)
class ZoneView:
    """A zone. `count` is what people and cameras say together; `unread` what of it has no plate, below zero if more have left."""

    name: str
    labels: LabelsView
    count: int
    capacity: int | None
    stays: int
    unread: int


@dataclass(frozen=True, slots=True)
class ListView:
    """A list: the platform's version of it, null if it has given none, and how often it was changed here since."""

    list: str
    labels: LabelsView
    entries: int
    version: int | None
    local: int


@dataclass(frozen=True, slots=True)
class GatesView:
    """Everything about gates at one moment. `clock`: whether it is known what time it is."""

    clock: bool
    gates: tuple[GateView, ...]
    zones: tuple[ZoneView, ...]
    lists: tuple[ListView, ...]


@dataclass(frozen=True, slots=True)
class EntryView:
    """An entry; the fields are texts as in a CSV file, empty where nothing is said."""

    list: str
    plate: str
    since: str = ""
    until: str = ""
    days: str = ""
    hours: str = ""
    bay: str = ""
    zones: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class GateListView:
    """What a change of lists has done, or would do (`state`: in-force, staged, dry). `missing`: parts that have not come yet.

    `unreadable`: plates of it that the reader can never read, such as those of trial runs: they may stand there, and open nothing.
    """

    state: str
    added: int
    changed: int
    removed: int
    missing: int
    lists: tuple[ListView, ...]
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class WhyView:
    """What would be done with a plate at a gate, read surely, one way. `near`: the listed plate that it nearly is."""

    gate: str
    way: str
    verdict: str
    reason: str
    text: LabelsView
    list: str | None
    near: str | None
    entry: EntryView | None


@dataclass(frozen=True, slots=True)
class StayView:
    """A vehicle inside. `lasted_s` null: nobody knows, because a clock was not right."""

    zone: str
    plate: str
    since: str
    lasted_s: int | None
    gate: str
    list: str
    bay: str
