"""Results of the commands that only the platform gives, as frozen values: what `result` of their last answer holds."""

from dataclasses import dataclass

from edgeguard.control.views import StatusView


@dataclass(frozen=True, slots=True)
class ConfigView:
    """The configuration file as it is now, the SHA-256 of what is in force, and why the file was refused ("" if it was not)."""

    sha256_in_force: str
    error: str
    file: str


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
class RestartView:
    """In how many seconds the daemon stops; its service manager starts it again."""

    stops_in_s: float
