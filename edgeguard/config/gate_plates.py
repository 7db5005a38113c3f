"""By which plates a gate opens (`[gate.plates]`), and what all gates share: `[parking]` and its zones."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from edgeguard.config.fields import Duration, Id, LabelsTable
from edgeguard.config.mistakes import Mistakes, Table, did_you_mean
from edgeguard.config.positions import KeyPath
from edgeguard.config.rows import FirstUse, table_rows, text_of
from edgeguard.core.camera import CameraSpec, Task
from edgeguard.core.gate import Eye, Leaving, OpensAt, ParkingSpec, PlateRule, Way, ZoneSpec
from edgeguard.core.gate_limits import (
    GATE_CLEAR_MS,
    GATE_EYES_MAX,
    GATE_LOOP_STUCK_LEAST_MS,
    GATE_LOOP_STUCK_MOST_MS,
    GATE_LOOP_STUCK_MS,
    GATE_ZONES_MAX,
)
from edgeguard.core.gate_list import ListKind
from edgeguard.core.ids import CameraName, ZoneName
from edgeguard.core.interlock import PointRef
from edgeguard.core.plate_kinds import PLATE_KINDS
from edgeguard.core.point import Labels

_OPENING: Final = (ListKind.RESIDENT, ListKind.VISITOR, ListKind.SHARED, ListKind.SERVICE)
Kinds = Annotated[list[Annotated[ListKind, Field(strict=False)]], Field(max_length=len(ListKind))]
Share = Annotated[float, Field(ge=0.5, le=1.0)]
EyeText = Annotated[str, Field(min_length=1, max_length=140)]


def _clear(value_ms: int) -> int:
    if not 5_000 <= value_ms <= 300_000:
        raise ValueError("is out of range: 5s to 5min")
    return value_ms


def _stuck(value_ms: int) -> int:
    if not GATE_LOOP_STUCK_LEAST_MS <= value_ms <= GATE_LOOP_STUCK_MOST_MS:
        raise ValueError("is out of range: 30s to 30m")
    return value_ms


class GatePlatesTable(Table):
    """`[gate.plates]`: the cameras that look at a gate, and who is let through by what they read."""

    entry: Annotated[list[EyeText], Field(max_length=GATE_EYES_MAX)] = Field(default_factory=list)
    exit: Annotated[list[EyeText], Field(max_length=GATE_EYES_MAX)] = Field(default_factory=list)
    zone: Id | None = None
    opens: Kinds = Field(default_factory=lambda: list(_OPENING))
    kinds: Annotated[list[str], Field(max_length=len(PLATE_KINDS))] = Field(default_factory=list)
    leaving: Annotated[Leaving, Field(strict=False)] = Leaving.KNOWN
    opens_at: Annotated[OpensAt, Field(strict=False)] = OpensAt.SURE
    min_confidence: Share = 0.8
    kind_confidence: Share = 0.9
    anti_passback: bool = False
    loop: Annotated[str, Field(min_length=3, max_length=200)] | None = None
    clear_within: Annotated[Duration, AfterValidator(_clear)] = GATE_CLEAR_MS
    loop_stuck: Annotated[Duration, AfterValidator(_stuck)] = GATE_LOOP_STUCK_MS


class ZoneTable(Table):
    """`[[parking.zone]]`: a part of the site whose vehicles are counted."""

    name: Id
    labels: LabelsTable | None = None
    capacity: Annotated[int, Field(ge=1, le=100_000)] | None = None
    when_full: Kinds = Field(default_factory=lambda: [ListKind.RESIDENT, ListKind.SERVICE])


class ParkingTable(Table):
    """`[parking]`: by which clock lists are read, and the zones."""

    timezone: Annotated[str, Field(max_length=64)] = "Asia/Shanghai"
    trust_clock: bool = False
    zone: Annotated[list[ZoneTable], Field(max_length=GATE_ZONES_MAX)] = Field(default_factory=list)


def build_parking(data: Mapping[str, Any], mistakes: Mistakes) -> ParkingSpec:
    """What all gates share; every mistake in it is added."""
    written = data.get("parking", {})
    if not isinstance(written, Mapping):
        mistakes.add(("parking",), "there is only one: write [parking] with single brackets")
        return ParkingSpec()
    raw = mistakes.examine(ParkingTable, {key: value for key, value in written.items() if key != "zone"}, ("parking",))
    raw = raw or ParkingTable()
    try:
        ZoneInfo(raw.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        mistakes.add(("parking", "timezone"), f'"{raw.timezone}" is no time zone that this machine knows, such as "Asia/Shanghai"')
    return ParkingSpec(raw.timezone, raw.trust_clock, tuple(_zones(written, mistakes)))


def _zones(written: Mapping[str, Any], mistakes: Mistakes) -> Iterator[ZoneSpec]:
    names = FirstUse(mistakes, "zone name")
    for i, row in table_rows(written, "zone", mistakes, GATE_ZONES_MAX, ("parking",)):
        path: KeyPath = ("parking", "zone", i)
        names.claim((*path, "name"), text_of(row, "name"))
        raw = mistakes.examine(ZoneTable, row, path)
        if raw is not None:
            labels = raw.labels.value() if raw.labels else Labels(zh=raw.name, en=raw.name)
            yield ZoneSpec(ZoneName(raw.name), labels, raw.capacity, frozenset(raw.when_full))


def overlap(one: Eye, other: Eye) -> bool:
    """Whether both see a vehicle of one lane: no lane means all of the camera's."""
    return one.camera == other.camera and (one.lane == other.lane or not one.lane or not other.lane)


def build_plate_rule(
    raw: GatePlatesTable,
    loop: PointRef | None,
    cameras: Sequence[CameraSpec],
    zones: Sequence[ZoneSpec],
    at: KeyPath,
    mistakes: Mistakes,
) -> PlateRule:
    """The rule; every mistake in it is added."""
    eyes: list[Eye] = []
    for way, written in ((Way.IN, raw.entry), (Way.OUT, raw.exit)):
        key = "entry" if way is Way.IN else "exit"
        for i, text in enumerate(written):
            eye = _eye(text, way, cameras, (*at, key, i), mistakes)
            if any(overlap(other, eye) for other in eyes):
                mistakes.add((*at, key, i), f"{text} looks at this gate already")
            eyes.append(eye)
    if not eyes:
        mistakes.add(at, 'names no camera; write entry = ["CAMERA"] or exit = ["CAMERA"], or leave the table out')
    if raw.zone is not None and raw.zone not in {zone.name for zone in zones}:
        mistakes.add((*at, "zone"), f'there is no zone "{raw.zone}"{did_you_mean(raw.zone, (zone.name for zone in zones))}')
    for i, kind in enumerate(raw.kinds):
        if kind not in PLATE_KINDS:
            mistakes.add((*at, "kinds", i), f'"{kind}" is no kind of plate{did_you_mean(kind, PLATE_KINDS)}')
    if ListKind.BLOCKED in raw.opens:
        mistakes.add((*at, "opens"), "no gate opens for blocked plates")
    if raw.loop is None and "loop_stuck" in raw.model_fields_set:
        mistakes.add((*at, "loop_stuck"), "does nothing without loop")
    if raw.zone is None and raw.anti_passback:
        mistakes.add((*at, "anti_passback"), "needs a zone: without one nobody knows who is inside")
    return PlateRule(
        eyes=tuple(eyes),
        zone=None if raw.zone is None else ZoneName(raw.zone),
        opens=frozenset(raw.opens),
        kinds=frozenset(raw.kinds),
        leaving=raw.leaving,
        opens_at=raw.opens_at,
        min_confidence=raw.min_confidence,
        kind_confidence=raw.kind_confidence,
        anti_passback=raw.anti_passback,
        loop=loop,
        clear_within_ms=raw.clear_within,
        loop_stuck_ms=raw.loop_stuck,
    )


def _eye(written: str, way: Way, cameras: Sequence[CameraSpec], at: KeyPath, mistakes: Mistakes) -> Eye:
    """CAMERA, or CAMERA/LANE."""
    name, _, lane = written.partition("/")
    by_name = {camera.name: camera for camera in cameras}
    camera = by_name.get(CameraName(name))
    if camera is None:
        mistakes.add(at, f'there is no camera "{name}"{did_you_mean(name, by_name)}')
    elif camera.task is not Task.PLATES:
        mistakes.add(at, f'camera {name} reads no plates: task = "plates"')
    elif lane and lane not in {one.name for one in camera.lanes}:
        mistakes.add(at, f'camera {name} has no lane "{lane}"{did_you_mean(lane, (one.name for one in camera.lanes))}')
    return Eye(CameraName(name), way, lane)
