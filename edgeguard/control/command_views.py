"""Results of the commands that only the platform gives, as frozen values: what `result` of their last answer holds."""

from dataclasses import dataclass

from edgeguard.control.views import StatusView


@dataclass(frozen=True, slots=True)
class ConfigView:
    """The configuration in force and its SHA-256, which `config.put` wants as its base.

    `source` is file (a person's, on the gateway), platform, or trial while a new one is being tried. `error` says why the file on
    the gateway was refused at the last reload, "" if it was not.
    """

    sha256_in_force: str
    error: str
    file: str
    source: str


@dataclass(frozen=True, slots=True)
class ConfigPutView:
    """A configuration that has passed its trial. `changed` is what differs from the one before; `silent` are buses on which no
    device has answered in the trial, and of which none had before.
    """

    sha256: str
    changed: tuple[str, ...]
    silent: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AuditEndView:
    """How many rows the audit log has had, and the hash of the newest."""

    rows: int
    head: str


@dataclass(frozen=True, slots=True)
class DiagView:
    """The daemon as a whole, the end of the audit log, and what became of commands since the daemon's start, by word."""

    status: StatusView
    audit: AuditEndView
    commands: dict[str, int]


@dataclass(frozen=True, slots=True)
class HistoryRateView:
    """How fast history goes now; `configured` is what the configuration says, to which a command without a number returns."""

    items_per_s: float
    configured: float


@dataclass(frozen=True, slots=True)
class BarrierView:
    """A gate that was opened. `feedback`: whether its input showed it open in time, None where it has none; `verified` is false if
    it did not, or if the relay may still be closed; `detail` says in words what is known.
    """

    gate: str
    feedback: bool | None
    verified: bool
    detail: str


@dataclass(frozen=True, slots=True)
class InlineView:
    """A JPEG as base64, with the hash and size of what that decodes to; it may be smaller than the picture that is kept."""

    jpeg: str
    sha256: str
    bytes: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class SnapshotView:
    """A picture that a camera has taken, with what must not be seen made black: under which id the gateway keeps it and until
    when at the longest, its hash, its size. `inline` is the picture itself where the gateway's configuration has it sent and it
    fits; else `note` says why it is not there.
    """

    camera: str
    id: str
    at: str
    sha256: str
    bytes: int
    width: int
    height: int
    kept_until: str
    inline: InlineView | None
    note: str


@dataclass(frozen=True, slots=True)
class RestartView:
    """In how many seconds the daemon stops; its service manager starts it again."""

    stops_in_s: float
