"""The tables of a site file as pydantic sees them: shape, types and defaults of single values, nothing across them.

Everything here has a default that is safe, or has to be said.
"""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from edgeguard.config.alarm_traits import TraitKeys
from edgeguard.config.fields import (
    AlarmDelay,
    Baudrate,
    DataBits,
    Deadband,
    Duration,
    Heartbeat,
    Id,
    LabelsTable,
    Limit,
    Line,
    ParityName,
    Period,
    PointId,
    ReportTime,
    RequestDelay,
    Size,
    StationText,
    StopBits,
    Timeout,
)
from edgeguard.config.mistakes import Table
from edgeguard.core.afar_limits import CONFIG_TRIAL_MS, HISTORY_DELAY_MS, HISTORY_RATE_MAX, HISTORY_RATE_MIN
from edgeguard.core.alarm import Severity
from edgeguard.core.command import CommandName
from edgeguard.core.history_limits import TREND_MAX_BYTES_DEFAULT, TREND_MAX_HOURS, TREND_MIN_BYTES
from edgeguard.core.limits import (
    ACK_TIMEOUT_MS,
    BUS_MAX_OUTSTANDING,
    CONDITION_CHARS,
    GROUP_MAX_ROWS,
    GROUP_TELEMETRY_ROWS,
    GROUP_TELEMETRY_WAIT_MS,
    INTERLOCK_CONDITIONS,
    INTERLOCK_MAX_AGE_MS,
    OUTBOX_MAX_BYTES_DEFAULT,
    OUTBOX_MAX_ROWS_DEFAULT,
    OUTBOX_MIN_BYTES,
    OUTBOX_MIN_ROWS,
    WINDOW_MAX_MESSAGES,
    WRITES_PER_HOUR,
    WRITES_PER_HOUR_MAX,
)
from edgeguard.core.site import HistorySpec

_HISTORY: Final = HistorySpec()
STORE_DIRECTORY: Final = "/var/lib/edgeguard"
CONTROL_SOCKET: Final = "/run/edgeguard/control.sock"

_USER: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
PathText = Annotated[str, Field(min_length=1, max_length=4000)]


def _least_size(value: int) -> int:
    if value < OUTBOX_MIN_BYTES:
        raise ValueError(f"is too small: at least {OUTBOX_MIN_BYTES // 2**20}MiB")
    return value


def _wait(value_ms: int) -> int:
    if value_ms > 60_000:
        raise ValueError("is too long: at most 1m, because what waits is not yet safe from a power cut")
    return value_ms


def _ack(value_ms: int) -> int:
    if not 1000 <= value_ms <= 300_000:
        raise ValueError("is out of range: 1s to 5m")
    return value_ms


def _delay(value_ms: int) -> int:
    if not 0 <= value_ms <= 3_600_000:
        raise ValueError("is out of range: 0s to 1h")
    return value_ms


def _trial(value_ms: int) -> int:
    if not 2000 <= value_ms <= 900_000:
        raise ValueError("is out of range: 2s to 15m")
    return value_ms


def _age(value_ms: int) -> int:
    if value_ms < 3_600_000:
        raise ValueError("is too short: at least 1h")
    return value_ms


def _least_history(value: int) -> int:
    if value < TREND_MIN_BYTES:
        raise ValueError(f"is too small: at least {TREND_MIN_BYTES // 2**20}MiB")
    return value


def _history_age(value_ms: int) -> int:
    if not 86_400_000 <= value_ms <= TREND_MAX_HOURS * 3_600_000:
        raise ValueError(f"is out of range: 1d to {TREND_MAX_HOURS // 24}d")
    return value_ms


def _write_every(value_ms: int) -> int:
    if not 1000 <= value_ms <= 900_000:
        raise ValueError("is out of range: 1s to 15m, because what waits is lost in a power cut")
    return value_ms


def _value_age(value_ms: int) -> int:
    if not 200 <= value_ms <= 600_000:
        raise ValueError("is out of range: 200ms to 10m")
    return value_ms


def _client_id(text: str) -> str:
    if not text.isprintable() or " " in text or any(c in text for c in "+#/$"):
        raise ValueError("must be printable, without spaces and without + # / $")
    return text


def _user(text: str) -> str:
    if _USER.fullmatch(text) is None:
        raise ValueError(f'"{text}" is not the name of a Unix user, such as "liwei"')
    return text


class GatewayTable(Table):
    """`[gateway]`: the two ids under which everything appears on the platform, and a name for people."""

    site: Id
    id: Id
    labels: LabelsTable | None = None
    sample: bool = False


class UplinkTable(Table):
    """`[uplink]`: the broker, and how it is spoken to. Without this section the gateway works alone."""

    keystones = frozenset({"certificate", "key", "username", "password_file", "allow_plaintext", "allow_public"})

    url: Annotated[str, Field(max_length=500)]
    ca: PathText | None = None
    certificate: PathText | None = None
    key: PathText | None = None
    username: Line | None = None
    password_file: PathText | None = None
    client_id: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_client_id)] | None = None
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    window: Annotated[int, Field(ge=1, le=WINDOW_MAX_MESSAGES)] = 50
    ack_timeout: Annotated[Duration, AfterValidator(_ack)] = ACK_TIMEOUT_MS
    history_rate: Annotated[float, Field(ge=HISTORY_RATE_MIN, le=HISTORY_RATE_MAX, allow_inf_nan=False)] = 2000.0
    history_delay: Annotated[Duration, AfterValidator(_delay)] = HISTORY_DELAY_MS
    allow_plaintext: bool = False
    allow_public: bool = False


class StoreTable(Table):
    """`[store]`: where the outbox lives and how big and old it may become."""

    directory: PathText = STORE_DIRECTORY
    max_size: Annotated[Size, AfterValidator(_least_size)] = OUTBOX_MAX_BYTES_DEFAULT
    max_rows: Annotated[int, Field(ge=OUTBOX_MIN_ROWS, le=1_000_000_000)] = OUTBOX_MAX_ROWS_DEFAULT
    max_age: Annotated[Duration, AfterValidator(_age)] | None = None
    telemetry_wait: Annotated[Duration, AfterValidator(_wait)] = GROUP_TELEMETRY_WAIT_MS
    telemetry_rows: Annotated[int, Field(ge=1, le=GROUP_MAX_ROWS)] = GROUP_TELEMETRY_ROWS


class HistoryTable(Table):
    """`[history]`: the local history of every point, for `edgeguard trend`, `export` and `replay-rules`."""

    enabled: bool = True
    max_size: Annotated[Size, AfterValidator(_least_history)] = TREND_MAX_BYTES_DEFAULT
    raw: Annotated[Duration, AfterValidator(_history_age)] = _HISTORY.raw_ms
    minutes: Annotated[Duration, AfterValidator(_history_age)] = _HISTORY.minutes_ms
    hours: Annotated[Duration, AfterValidator(_history_age)] = _HISTORY.hours_ms
    write_every: Annotated[Duration, AfterValidator(_write_every)] = _HISTORY.flush_ms


class ControlTable(Table):
    """`[control]`: the local socket and the Unix users who may write values."""

    socket: PathText = CONTROL_SOCKET
    operators: list[Annotated[str, AfterValidator(_user)]] = Field(default_factory=list)


MayChange = Literal["camera", "commands", "gate", "parking", "profiles", "reaction", "uplink", "interlock", "writable"]
"""What `config.put` may change beyond what is harmless."""


class CommandsTable(Table):
    """`[commands]`: what the platform may have done over MQTT; nothing unless it is named."""

    allow: list[Annotated[CommandName, Field(strict=False)]] = Field(default_factory=list)
    may_change: list[MayChange] = Field(default_factory=list)
    config_trial: Annotated[Duration, AfterValidator(_trial)] = CONFIG_TRIAL_MS


class LogTable(Table):
    """`[log]`: how much is told and for whom."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "human"] = "auto"


class ProfilesTable(Table):
    """`[profiles]`: folders with profiles of one's own, beside the shipped ones."""

    directories: Annotated[list[PathText], Field(max_length=16)] = Field(default_factory=list)


class BusTable(Table):
    """`[[bus]]`: one wire, behind a URL or a serial port of this machine. Line settings are None where the file says nothing."""

    name: Id
    url: Annotated[str, Field(max_length=300)] | None = None
    port: PathText | None = None
    framing: Literal["rtu", "ascii"] | None = None
    ca: PathText | None = None
    certificate: PathText | None = None
    key: PathText | None = None
    baudrate: Baudrate | None = None
    parity: ParityName | None = None
    databits: DataBits | None = None
    stopbits: StopBits | None = None
    parallel: Annotated[int, Field(ge=1, le=BUS_MAX_OUTSTANDING)] = 1
    connect_timeout: Timeout = 3000
    delay: RequestDelay = 0
    allow_public: bool = False


class DeviceTable(Table):
    """`[[device]]` without its alarms and reports, which are examined one by one."""

    name: Id
    bus: Id
    profile: Id
    address: StationText
    every: Period
    labels: LabelsTable | None = None
    stale_after: Period | None = None
    points: Annotated[list[PointId], Field(min_length=1)] | None = None
    shared_address: bool = False
    password_file: PathText | None = None
    baudrate: Baudrate | None = None
    parity: ParityName | None = None
    databits: DataBits | None = None
    stopbits: StopBits | None = None
    delay: RequestDelay | None = None
    timeout: Timeout | None = None
    alarm: Any = None
    alarms: Any = None
    report: Any = None
    interlock: Any = None
    role: Any = None
    maintenance: Any = None


class AlarmOverride(TraitKeys):
    """`[device.alarms.NAME]`: what this device does otherwise than its profile says."""

    keystones = frozenset({"limit", "hysteresis"})

    enabled: bool = True
    limit: Limit | None = None
    hysteresis: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    on_delay: AlarmDelay | None = None
    off_delay: AlarmDelay | None = None
    severity: Annotated[Severity, Field(strict=False)] | None = None
    text: LabelsTable | None = None


class InterlockTable(Table):
    """`[device.interlock.POINT]`: what must hold before the point may be written, and how often it may be. `*`: all others."""

    requires: Annotated[list[Annotated[str, Field(max_length=CONDITION_CHARS)]], Field(max_length=INTERLOCK_CONDITIONS)] = Field(
        default_factory=list
    )
    max_age: Annotated[Duration, AfterValidator(_value_age)] = INTERLOCK_MAX_AGE_MS
    min_interval: ReportTime = 0
    per_hour: Annotated[int, Field(ge=1, le=WRITES_PER_HOUR_MAX)] = WRITES_PER_HOUR


class ReportOverride(Table):
    """`[device.report.POINT]`: when a change of this point is worth telling, on this device."""

    keystones = frozenset({"min_interval", "heartbeat"})

    deadband: Deadband | None = None
    min_interval: ReportTime | None = None
    heartbeat: Heartbeat | None = None
