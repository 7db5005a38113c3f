"""A building's configuration after every check: only valid things exist from here on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePath

from edgeguard.core.afar_limits import CONFIG_TRIAL_MS
from edgeguard.core.alarm import AlarmRule
from edgeguard.core.camera import CameraSpec
from edgeguard.core.domain import Domain, GroupSpec
from edgeguard.core.gate import GateSpec, ParkingSpec
from edgeguard.core.history_limits import TREND_FLUSH_S, TREND_MAX_BYTES_DEFAULT
from edgeguard.core.ids import BusName, DeviceName, GatewayId, PointName, SiteId
from edgeguard.core.interlock import Interlock
from edgeguard.core.limits import ACK_TIMEOUT_MS
from edgeguard.core.line import LineSettings, Station
from edgeguard.core.maintenance import MaintenanceSpec
from edgeguard.core.metering import EnergySpec
from edgeguard.core.point import Labels
from edgeguard.core.profile import DeviceProfile
from edgeguard.core.reaction import ReactionSpec


class Wire(StrEnum):
    """How bytes travel on a bus; the value is the URL scheme, or the framing of Modbus on a serial port of this machine."""

    TCP = "tcp"
    TLS = "tls"
    UDP = "udp"
    RTU_OVER_TCP = "rtu+tcp"
    ASCII_OVER_TCP = "ascii+tcp"
    SERIAL_RTU = "rtu"
    SERIAL_ASCII = "ascii"

    @property
    def is_port(self) -> bool:
        """A serial port of this machine, whose settings are ours to choose."""
        return self in (Wire.SERIAL_RTU, Wire.SERIAL_ASCII)

    @property
    def is_line(self) -> bool:
        """A serial line, here or behind a network adapter: one talker at a time, and room for several protocols."""
        return self not in (Wire.TCP, Wire.TLS, Wire.UDP)

    @property
    def is_ascii(self) -> bool:
        """Modbus frames are written in hexadecimal digits."""
        return self in (Wire.SERIAL_ASCII, Wire.ASCII_OVER_TCP)


@dataclass(frozen=True, slots=True)
class TlsSpec:
    """Who the other end of a TLS connection must prove to be, and who we are. `ca` None: whom the system trusts."""

    ca: PurePath | None = None
    certificate: PurePath | None = None
    key: PurePath | None = None


@dataclass(frozen=True, slots=True)
class BusSpec:
    """One wire. `parallel` requests may be outstanding at once (1 unless the endpoint bears more).

    `device` is the serial port, where `wire` is one; else `host` and `port` say where to connect to. `line`: the settings of
    the serial line, of no meaning on a pure network. `tls` is there if and only if the wire is TLS.
    """

    name: BusName
    wire: Wire
    host: str = ""
    port: int = 0
    parallel: int = 1
    connect_timeout_ms: int = 3000
    delay_ms: int = 0
    device: PurePath | None = None
    line: LineSettings = field(default_factory=LineSettings)
    tls: TlsSpec | None = None

    @property
    def where(self) -> str:
        """The endpoint in words: a port's path, or host and port."""
        return str(self.device) if self.device is not None else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """One device on a bus. `points`, `alarms`, delay and time-out of the profile are already narrowed and overridden as the
    site says. `line`: what the serial port is set to for this device, None for the bus's own settings.
    """

    name: DeviceName
    bus: BusName
    address: Station
    profile: DeviceProfile
    period_ms: int
    labels: Labels
    alarms: tuple[AlarmRule, ...]
    stale_after_ms: int
    line: LineSettings | None = None
    password_file: PurePath | None = None
    """Password and operator code of a DL/T 645 meter, for controls; read when one is to be sent."""
    interlocks: Mapping[PointName, Interlock] = field(default_factory=dict)
    """When a point may be written; a point that is not harmless and is not here cannot be written."""
    domain: Domain = field(default_factory=Domain)
    """What the domain rules watch on it; their alarms are among `alarms`."""


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
    ack_timeout_ms: int = ACK_TIMEOUT_MS
    history_items_per_s: float = 2000.0
    history_delay_ms: int = 0
    """After an outage history begins after a random time of at most this."""
    allow_public: bool = False
    """Whether the broker may be at a public address; otherwise none is dialled that the name leads to."""


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
class HistorySpec:
    """The local history, in a file beside the outbox: how long rounds, minutes and hours are kept, and in how many bytes."""

    enabled: bool = True
    max_bytes: int = TREND_MAX_BYTES_DEFAULT
    raw_ms: int = 7 * 86_400_000
    minutes_ms: int = 180 * 86_400_000
    hours_ms: int = 5 * 365 * 86_400_000
    flush_ms: int = int(TREND_FLUSH_S * 1000)


@dataclass(frozen=True, slots=True)
class ControlSpec:
    """The control socket and the names of users who may write, beside root and the daemon's own."""

    socket: PurePath
    operators: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CommandsSpec:
    """The commands that the platform may give; none unless the site says so."""

    allow: frozenset[str] = frozenset()
    may_change: frozenset[str] = frozenset()
    """What `config.put` may change beyond what is harmless."""
    config_trial_ms: int = CONFIG_TRIAL_MS


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
    commands: CommandsSpec = CommandsSpec()
    maintenance: MaintenanceSpec = field(default_factory=MaintenanceSpec)
    """What wears, and how far it may go."""
    alarms: tuple[AlarmRule, ...] = ()
    """Those of no device: of buses, of the site, and the gateway's own about alarms."""
    gates: tuple[GateSpec, ...] = ()
    parking: ParkingSpec = field(default_factory=ParkingSpec)
    """What gates share that open by plates."""
    profile_folders: tuple[PurePath, ...] = ()
    """Where profiles were looked for, those that come with the product included."""
    history: HistorySpec = HistorySpec()
    groups: tuple[GroupSpec, ...] = ()
    cameras: tuple[CameraSpec, ...] = ()
    reactions: tuple[ReactionSpec, ...] = ()
    energy: EnergySpec = field(default_factory=EnergySpec)
    sample: bool = False
    """Still the shipped example, with ids and a broker that are everybody's: no daemon runs with it."""
