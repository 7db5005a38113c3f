"""A building's configuration after every check: only valid things exist from here on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePath

from edgeguard.core.alarm import AlarmRule
from edgeguard.core.ids import BusName, DeviceName, GatewayId, PointName, SiteId
from edgeguard.core.interlock import Interlock
from edgeguard.core.point import Labels
from edgeguard.core.profile import DeviceProfile


class Wire(StrEnum):
    """How bytes travel on a bus; the value is the URL scheme."""

    TCP = "tcp"
    RTU_OVER_TCP = "rtu+tcp"


@dataclass(frozen=True, slots=True)
class BusSpec:
    """One wire. `parallel` requests may be outstanding at once (1 unless the endpoint bears more)."""

    name: BusName
    wire: Wire
    host: str
    port: int
    parallel: int = 1
    connect_timeout_ms: int = 3000
    delay_ms: int = 0


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """One device on a bus. `points` and `alarms` of the profile are already narrowed and overridden as the site says."""

    name: DeviceName
    bus: BusName
    address: int
    profile: DeviceProfile
    period_ms: int
    labels: Labels
    alarms: tuple[AlarmRule, ...]
    stale_after_ms: int
    interlocks: Mapping[PointName, Interlock] = field(default_factory=dict)
    """When a point may be written; a point that is not harmless and is not here cannot be written."""


@dataclass(frozen=True, slots=True)
class UplinkSpec:
    """The broker. Credentials are read from their files when connecting, so that renewed ones are taken up."""

    host: str
    port: int
    tls: bool
    ca: PurePath | None = None
    certificate: PurePath | None = None
    key: PurePath | None = None
    username: str | None = None
    password_file: PurePath | None = None
    client_id: str | None = None
    protocol: str = "auto"
    """`auto` (5, falling back to 3.1.1), `5` or `3.1.1`."""
    window: int = 50
    ack_timeout_ms: int = 15_000
    history_items_per_s: float = 2000.0


@dataclass(frozen=True, slots=True)
class StoreSpec:
    """The outbox's home and its caps; None for an age means none."""

    directory: PurePath
    max_bytes: int
    max_rows: int
    max_age_ms: int | None
    telemetry_wait_ms: int
    telemetry_rows: int


@dataclass(frozen=True, slots=True)
class ControlSpec:
    """The control socket and the names of users who may write, beside root and the daemon's own."""

    socket: PurePath
    operators: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LogSpec:
    """`format` is json, human or auto (human on a terminal); `level` debug, info, warning or error."""

    level: str = "info"
    format: str = "auto"


@dataclass(frozen=True, slots=True)
class Site:
    """Everything the daemon needs to know; made by the config room, read by everybody."""

    site: SiteId
    gateway: GatewayId
    labels: Labels
    uplink: UplinkSpec | None
    store: StoreSpec
    control: ControlSpec
    log: LogSpec
    buses: tuple[BusSpec, ...]
    devices: tuple[DeviceSpec, ...]
    source: PurePath
    sha256: str
