"""A barrier or door that a relay opens for a moment, the input that shows whether it did, and by which plates it opens."""

from dataclasses import dataclass, field
from enum import StrEnum

from edgeguard.core.gate_limits import GATE_CLEAR_MS, GATE_DOWN_MS, GATE_LOOP_STUCK_MS
from edgeguard.core.gate_list import ListKind
from edgeguard.core.ids import CameraName, GateName, ZoneName
from edgeguard.core.interlock import PointRef
from edgeguard.core.point import Labels


class Way(StrEnum):
    """Which way a vehicle goes, as the site sees it."""

    IN = "in"
    OUT = "out"


class Leaving(StrEnum):
    """Who is let out."""

    KNOWN = "known"
    """Whoever is on a list that opens this gate, or has been seen coming in."""
    ANYONE = "anyone"
    """Every plate that was read surely."""


class OpensAt(StrEnum):
    """When a vehicle is decided upon."""

    SURE = "sure"
    """As soon as its plate is read surely, within the lane: the barrier is open when it arrives."""
    LINE = "line"
    """When it crosses the camera's line."""


@dataclass(frozen=True, slots=True)
class Eye:
    """A camera, or one lane of it, that looks at a gate from one side."""

    camera: CameraName
    way: Way
    lane: str = ""


@dataclass(frozen=True, slots=True)
class PlateRule:
    """By which plates a gate opens. `kinds`: kinds of plate (police ...) that may always come in, without standing on a list.

    `loop` is true while a vehicle stands under the barrier. With `anti_passback` nobody comes in who is inside already.
    """

    eyes: tuple[Eye, ...]
    zone: ZoneName | None = None
    opens: frozenset[ListKind] = frozenset({ListKind.RESIDENT, ListKind.VISITOR, ListKind.SHARED, ListKind.SERVICE})
    kinds: frozenset[str] = frozenset()
    leaving: Leaving = Leaving.KNOWN
    opens_at: OpensAt = OpensAt.SURE
    min_confidence: float = 0.8
    kind_confidence: float = 0.9
    anti_passback: bool = False
    loop: PointRef | None = None
    clear_within_ms: int = GATE_CLEAR_MS
    loop_stuck_ms: int = GATE_LOOP_STUCK_MS


@dataclass(frozen=True, slots=True)
class GateSpec:
    """`open` is true for `pulse_ms` and then false again; None: the device itself lets go.

    `feedback` must become true within `within_ms` of opening; without one nobody knows whether anything moved. `plates`: None
    where only people and the platform open it. An arm that `feedback` shows up for `down_within_ms` without a reason is told.
    """

    name: GateName
    labels: Labels
    open: PointRef
    pulse_ms: int | None
    min_interval_ms: int
    feedback: PointRef | None
    within_ms: int
    plates: PlateRule | None = None
    down_within_ms: int = GATE_DOWN_MS


@dataclass(frozen=True, slots=True)
class ZoneSpec:
    """A part of the site whose vehicles are counted. When `capacity` is reached only those of `when_full` still come in."""

    name: ZoneName
    labels: Labels
    capacity: int | None = None
    when_full: frozenset[ListKind] = frozenset({ListKind.RESIDENT, ListKind.SERVICE})


@dataclass(frozen=True, slots=True)
class ParkingSpec:
    """What all gates share. `timezone` is an IANA name; `trust_clock`: the wall clock is right even when nothing has set it."""

    timezone: str = "Asia/Shanghai"
    trust_clock: bool = False
    zones: tuple[ZoneSpec, ...] = field(default=())
