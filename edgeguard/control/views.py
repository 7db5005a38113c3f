"""What the daemon shows on its control socket, as frozen values; the CLI prints them, `--json` prints them as they are.

Times are ISO 8601 UTC strings; ages and durations are seconds or milliseconds as the name says.
"""

from dataclasses import dataclass, field

from edgeguard.core.point import Value


@dataclass(frozen=True, slots=True)
class LabelsView:
    """A text in two languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class TaskView:
    """A supervised part of the daemon: `state` is running, waiting (for its restart) or failed."""

    name: str
    state: str
    restarts: int
    error: str


@dataclass(frozen=True, slots=True)
class UplinkView:
    """The broker session: `state` is connecting, online, waiting or failed."""

    url: str
    state: str
    protocol: str
    since: str
    acked_items: int
    inflight: int
    reconnects: int
    error: str
    error_zh: str = ""


@dataclass(frozen=True, slots=True)
class ModelView:
    """A model on this gateway: the SHA-256 of its file, empty where it cannot be read, and whether it is the shipped one."""

    name: str
    version: str
    sha256: str
    whole: bool


@dataclass(frozen=True, slots=True)
class StatusView:
    """The daemon as a whole."""

    site: str
    gateway: str
    version: str
    epoch: str
    boot: str
    pid: int
    started: str
    clock_synced: bool
    uptime_s: float
    rss_mib: float
    cpu_s: float
    config_path: str
    config_sha256: str
    config_error: str
    """Why the last reload was refused, empty if it was not."""
    devices: int
    devices_online: int
    points: int
    points_bad: int
    points_per_s: float
    alarms_active: int
    """Alarms whose condition holds, acknowledged or not."""
    tasks: tuple[TaskView, ...]
    uplink: UplinkView | None
    store_error: str
    commands: dict[str, int] = field(default_factory=dict)
    """What became of the platform's commands since the daemon's start: outcomes, and codes of refusals."""
    config_source: str = "file"
    """`platform` while a configuration that the platform has put counts instead of the file."""
    models: tuple[ModelView, ...] = ()
    """As they lay there when the daemon started."""


@dataclass(frozen=True, slots=True)
class DeviceView:
    """One device. `state` is starting, online, degraded (some points refused or bad) or offline."""

    name: str
    bus: str
    profile: str
    address: str
    labels: LabelsView
    state: str
    period_s: float
    last_answer: str
    response_p50_ms: float
    response_p95_ms: float
    polls: int
    failures: int
    errors: dict[str, int]
    """Failed requests by reason."""
    requests_per_round: int
    next_try_s: float
    points: int
    points_bad: int
    refused: dict[str, str]
    """Points that the device refuses for good, with the exception."""
    trouble: str = ""
    """While it is offline: the reason that the last round gave, in the words of `errors`."""
    implausible: tuple[str, ...] = ()
    """Points whose last value lies outside what their profile calls possible."""


@dataclass(frozen=True, slots=True)
class WriteRuleView:
    """What may be written to a point: bounds in its unit (None for unbounded), or the texts of an enumeration."""

    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PointView:
    """One point now. `quality` is good, stale or bad; `value`: the last good one, or None.

    `value_zh` is the Chinese text of an enumeration's value, `decimals` how many a person wants to see, `write_rule` what a
    writable point takes.
    """

    device: str
    point: str
    labels: LabelsView
    value: Value | None
    unit: str
    quality: str
    reason: str
    at: str
    age_s: float
    writable: bool
    value_zh: str = ""
    decimals: int | None = None
    write_rule: WriteRuleView | None = None


@dataclass(frozen=True, slots=True)
class AlarmView:
    """One alarm that is not normal (or all of them if asked).

    `device` is empty for alarms of a bus, the site or the gateway. `beneath`: what it would be if it were not withheld; `by`,
    `reason` and `until` say by whom, why and how long. `suppressed`: how many alarms this one keeps back.
    """

    alarm: str
    device: str
    state: str
    severity: str
    since: str
    value: Value | None
    limit: Value | None
    text: LabelsView
    first_out: bool = False
    latched: bool = False
    escalated: bool = False
    suppressed: int = 0
    beneath: str = ""
    by: str = ""
    reason: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class StreamView:
    """One stream of the outbox."""

    stream: str
    rows: int
    bytes: int
    first_seq: int | None
    last_seq: int
    oldest_at: str
    oldest_age_s: float
    dead: int
    rate_per_s: float


@dataclass(frozen=True, slots=True)
class OutboxView:
    """The outbox as a whole; `holds_days` is how long it lasts offline at the present rate, None while nothing comes in."""

    epoch: str
    path: str
    file_bytes: int
    max_bytes: int
    free_disk_bytes: int
    holds_days: float | None
    dropped: int
    error: str
    streams: tuple[StreamView, ...]
    thinned: int = 0
    """Telemetry items that gave way near the caps, since the start."""


@dataclass(frozen=True, slots=True)
class ErasedView:
    """Rows emptied or removed, databases in quarantine removed, whether the file was rebuilt, files that hold the text still,
    sightings of cameras that waited to be told, blocks of the history that held it, pieces of evidence removed.

    `unread`: pictures and clips that are kept and in which no text can be found; `places`: where copies were put.
    """

    rows: int
    quarantined: int
    rebuilt: bool
    left: tuple[str, ...]
    untold: int = 0
    history: int = 0
    evidence: int = 0
    unread: int = 0
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeadLetterView:
    """An item that the broker refused for good: its name here, its stream and number, when it was taken, why, and what it says."""

    id: int
    stream: str
    seq: int
    at: str
    reason: str
    body: str


@dataclass(frozen=True, slots=True)
class CountView:
    """How many things were done."""

    count: int


@dataclass(frozen=True, slots=True)
class WriteView:
    """A write: what was (to be) sent, what was read back. `fate` says in a word what became of it: done, refused, not-sent,
    lost or unverified; `old` is the last good value before.
    """

    device: str
    point: str
    written: Value
    read_back: Value | None
    verified: bool
    detail: str
    took_ms: float
    fate: str = "done"
    old: Value | None = None


@dataclass(frozen=True, slots=True)
class WritesView:
    """Several writes of one command, in the order asked for. `fate`: what became of it as a whole, half-done among others."""

    fate: str
    writes: tuple[WriteView, ...]


@dataclass(frozen=True, slots=True)
class ReloadView:
    """A configuration that has been taken up."""

    config_sha256: str


@dataclass(frozen=True, slots=True)
class TopView:
    """One picture for `top`: everything at one moment, and the newest events."""

    status: StatusView
    devices: tuple[DeviceView, ...]
    points: tuple[PointView, ...]
    alarms: tuple[AlarmView, ...]
    outbox: OutboxView
    events: tuple[str, ...] = field(default=())
