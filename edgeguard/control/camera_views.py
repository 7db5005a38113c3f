"""What a camera's process tells the daemon, and what the daemon tells people of its cameras."""

from dataclasses import dataclass

from edgeguard.control.views import LabelsView


@dataclass(frozen=True, slots=True)
class TroubleView:
    """One trouble of a camera: a word of core.camera.Blindness, since when (ms since boot), what is known of it."""

    code: str
    since_boot_ms: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class BeatView:
    """A sign of life of a camera's process, every two seconds. Counters since its start.

    `pulse_s`: seconds since its main loop last moved. `rate`: pictures a second lately. `skipped`: pictures that were not looked
    at because the machine could not keep up.
    """

    pulse_s: float
    pictures: int
    skipped: int
    broken: int
    connections: int
    resized: int
    rate: float
    width: int
    height: int
    codec: str
    rss_bytes: int
    cpu_s: float
    troubles: tuple[TroubleView, ...] = ()


@dataclass(frozen=True, slots=True)
class BeatAnswerView:
    """What the daemon says to a sign of life: how many sightings of the camera are on disk, and the picture that it wants, by an
    id that stays the same until it has come; empty for none.
    """

    sightings: int
    snapshot: str = ""


@dataclass(frozen=True, slots=True)
class LostView:
    """Sightings that could be neither told nor kept, and when the first and the last of them were by the wall clock, 0: unknown."""

    count: int
    first_wall_ms: int
    last_wall_ms: int


@dataclass(frozen=True, slots=True)
class SightingView:
    """Something that a camera's process saw. `id` is the same if it is told again. `facts` is a JSON object, the event's body.

    `boot` is the boot within which `boot_ms` counts; `wall_ms` is what the wall clock showed then.
    """

    id: str
    type: str
    wall_ms: int
    boot_ms: int
    boot: str
    synced: bool
    facts: str


@dataclass(frozen=True, slots=True)
class ReadView:
    """A vehicle before a gate camera, for the decision at the gate alone: neither kept nor sent on, and worthless seconds later.

    `id` is that of the sighting that tells of its pass. `stage`: waits (it stands there unread), sure (its plate is read surely),
    line (it has crossed the line), end (it has gone), turned (it has gone and never crossed the line of its lane). `text` is whole,
    None if it could not be read; `boot_ms` is when that stage came.
    """

    id: str
    stage: str
    lane: str
    text: str | None
    confidence: float
    kind: str
    direction: str
    boot_ms: int
    boot: str


@dataclass(frozen=True, slots=True)
class CameraTroubleView:
    """One trouble with its words; `since` is UTC."""

    code: str
    since: str
    text: LabelsView
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CameraView:
    """One camera as people see it. `state`: well, blind, starting or failed; `troubles` say why it is not well."""

    name: str
    labels: LabelsView
    task: str
    url: str
    state: str
    troubles: tuple[CameraTroubleView, ...]
    pid: int
    restarts: int
    rate: float
    width: int
    height: int
    codec: str
    pictures: int
    skipped: int
    broken: int
    connections: int
    rss_mib: float
    cpu_s: float
    sightings: int
    error: str = ""
