"""What the daemon shows of its wires on the control socket, as frozen values; see control.views."""

from dataclasses import dataclass

from edgeguard.control.views import LabelsView


@dataclass(frozen=True, slots=True)
class HourView:
    """An hour of a wire: `hour` is its beginning (UTC); `score` None where too little was asked to tell."""

    hour: str
    score: int | None
    reasons: tuple[LabelsView, ...]
    requests: int
    spoilt: int
    lost: int
    junk_bytes: int


@dataclass(frozen=True, slots=True)
class LearnedView:
    """What a device has taught: `largest` registers were served at once, `too_large` were refused (0: none were).

    `cuts`: addresses at which a read must begin anew (`holding 17`); `profile_lines`: what its profile could say of it (TOML).
    """

    turnaround_ms: float
    largest: int
    too_large: int
    cuts: tuple[str, ...]
    holes: tuple[str, ...]
    refused: dict[str, str]
    profile_lines: tuple[str, ...]
    gap_ms: float = 0.0
    """Silence that the device needs between an answer and the next request, 0 if none."""
    section: str = "modbus"
    """Of the profile, to which the lines belong."""


@dataclass(frozen=True, slots=True)
class BusDeviceView:
    """A device on its wire. `every_s`: how far apart its rounds really are, `period_s`: how far apart they should be.

    `round_ms` is how long a round takes, waiting for its turns included; 0 where nothing is known yet.
    """

    device: str
    address: str
    state: str
    period_s: float
    every_s: float
    round_ms: float
    requests_per_round: int
    response_p50_ms: float
    response_p95_ms: float
    skipped: int
    errors: dict[str, int]
    profile: str = ""
    learned: LearnedView | None = None
    """None for a device whose driver does not learn."""
    retries: int = 0
    """Requests that were sent after one that had failed."""


@dataclass(frozen=True, slots=True)
class BusView:
    """One wire. `load` and the rates are of about the last minute; `score` is of the hours that are listed, together.

    `line` is the setting of a serial line in words, empty on a network. Counters are since the start.
    """

    bus: str
    wire: str
    where: str
    line: str
    state: str
    error: str
    connected_s: float | None
    load: float
    requests_per_s: float
    requests: int
    answers: int
    faults: dict[str, int]
    lost_last_minute: int
    junk_bytes: int
    late_answers: int
    reconnects: int
    waiting: int
    response_p95_ms: float
    bytes_sent: int
    bytes_received: int
    score: int | None
    reasons: tuple[LabelsView, ...]
    hours: tuple[HourView, ...]
    frozen: int
    """Faults whose frames are kept."""
    devices: tuple[BusDeviceView, ...]
    line_errors: dict[str, int] | None = None
    """Damaged characters that the serial port's driver counts: `frame`, `parity`, `overrun`, `breaks`; null where it does not."""
    foreign_frames: int = 0
    """Whole frames of another master, and answers that may be meant for it."""
    troubles: tuple[LabelsView, ...] = ()
    """What is wrong with the wire now: bursts of spoilt answers, a flood, a second master."""


@dataclass(frozen=True, slots=True)
class FrameView:
    """One frame in words: when (UTC), which way (`out`, `in`, empty), its bytes in hexadecimal."""

    at: str
    way: str
    hex: str
    text: LabelsView


@dataclass(frozen=True, slots=True)
class FlightView:
    """A fault of a wire, and what passed before it."""

    code: str
    device: str
    at: str
    text: LabelsView
    frames: tuple[FrameView, ...]


@dataclass(frozen=True, slots=True)
class TraceRecordView:
    """A record of the flight recorder: `kind` is sent, received, failed, opened or closed; times are of the daemon's loop."""

    at_s: float
    end_s: float
    kind: str
    hex: str
    text: str


@dataclass(frozen=True, slots=True)
class TraceView:
    """What passed on a wire. `next` goes back as `after` of the next question; `missed` records were gone before it came.

    A time of a record plus `wall_offset_s` is seconds since 1970. `devices` names the devices by their address. `character_s`
    is that of the fastest device where they differ.
    """

    bus: str
    network: bool
    character_s: float
    line: str
    wall_offset_s: float
    records: tuple[TraceRecordView, ...]
    next: int
    missed: int
    devices: dict[str, str]
