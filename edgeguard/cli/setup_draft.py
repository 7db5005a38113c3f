"""What a person says of a camera's view, clicked or typed: the same tables, judged by the same rules, printed as the same text."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from edgeguard.config.facade import facade_of
from edgeguard.config.facade_text import facade_text
from edgeguard.config.lane_text import lane_data, lane_text, lanes_of
from edgeguard.core.camera import Task
from edgeguard.core.errors import ConfigError
from edgeguard.core.facade import FacadeSpec
from edgeguard.core.json_value import JsonValue
from edgeguard.core.lane import LaneSpec

_FLOOR: Final = re.compile(r"(-?\d+)\s*=\s*(.+)")
_SPOT: Final = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*")


@dataclass(frozen=True, slots=True)
class Draft:
    """Of a facade camera the facade, of a gate camera its lanes."""

    task: Task
    facade: FacadeSpec = field(default_factory=FacadeSpec)
    lanes: tuple[LaneSpec, ...] = ()

    def text(self) -> str:
        """What goes into the facade file, or below the camera's row in the site's file."""
        return facade_text(self.facade) if self.task is Task.FALLING else lane_text(self.lanes)

    def data(self) -> dict[str, JsonValue]:
        """As the page begins with it."""
        if self.task is Task.FALLING:
            return {"facade": facade_data(self.facade)}
        return {"lanes": [lane_data(lane) for lane in self.lanes]}


def draft_of(data: object, task: Task) -> Draft:
    """What a page says. ConfigError with every mistake in it."""
    if not isinstance(data, Mapping):
        raise ConfigError(("page: must be a table",))
    return Draft(task, facade_of(data, "page")) if task is Task.FALLING else Draft(task, lanes=lanes_of(data, "page"))


def facade_data(spec: FacadeSpec) -> dict[str, JsonValue]:
    """A facade as JSON, with the keys of its file."""
    told: dict[str, JsonValue] = {
        "size": list(spec.size) if spec.size else None,
        "fps": spec.fps,
        "storey_m": spec.storey_m,
        "ground_floor": spec.ground_floor,
        "skipped_floors": list(spec.skipped_floors) or None,
        "first_column": spec.first_column,
        "focal_px": spec.focal_px,
        "columns": list(spec.columns),
        "polygon": [list(spot) for spot in spec.polygon] or None,
        "masks": [[list(spot) for spot in mask] for mask in spec.masks],
        "lines": [{"floor": line.floor, "points": [list(line.start), list(line.end)]} for line in spec.lines],
    }
    if spec.mount is not None:
        mount = spec.mount
        told["mount"] = {
            "pitch_deg": mount.pitch_deg,
            "focal_px": mount.focal_px,
            "distance_m": mount.distance_m,
            "height_m": mount.height_m,
        }
    return {key: value for key, value in told.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed in the place of clicks; all of it may be left out."""

    floors: Sequence[str] = ()
    columns: str | None = None
    polygon: str | None = None
    masks: Sequence[str] = ()
    pitch_deg: float | None = None
    focal_px: float | None = None
    distance_m: float | None = None
    height_m: float | None = None
    storey_m: float | None = None
    ground_floor: int | None = None
    first_column: int | None = None
    skipped_floors: str | None = None

    def __bool__(self) -> bool:
        """Whether anything was typed."""
        return self != Typed()


@dataclass(frozen=True, slots=True)
class TypedLanes:
    """Lanes and lines that were typed, positions in px: `NAME` or `NAME=X,Y X,Y X,Y`, `NAME=X,Y X,Y`, and names that go."""

    lanes: Sequence[str] = ()
    lines: Sequence[str] = ()
    dropped: Sequence[str] = ()

    def __bool__(self) -> bool:
        """Whether anything was typed."""
        return self != TypedLanes()


def typed_lanes(begin: Sequence[LaneSpec], typed: TypedLanes, size: tuple[int, int]) -> tuple[LaneSpec, ...]:
    """What was there before, changed as typed; positions are of a picture of `size`. ConfigError with every mistake.

    A line makes its lane where there is none of that name yet; a lane without points is the whole picture, and keeps its line.
    """
    data = {lane.name: lane_data(lane) for lane in begin}
    for name in typed.dropped:
        if data.pop(name, None) is None:
            raise ConfigError((f"--drop-lane {name}: there is no such lane (there are: {', '.join(data) or 'none'})",))
    for text in typed.lanes:
        name, points = _named(text)
        data.setdefault(name, {"name": name})["polygon"] = _shares(points, "--lane", size)
    for text in typed.lines:
        name, points = _named(text)
        data.setdefault(name, {"name": name})["line"] = _shares(points, "--line", size)
    return lanes_of({"lanes": list(data.values())}, "typed")


def _named(text: str) -> tuple[str, str]:
    name, _, points = text.partition("=")
    return name.strip(), points


def _shares(text: str, option: str, size: tuple[int, int]) -> list[list[float]]:
    """Of the picture's width and height, as a site's file has them."""
    spots = _spots(text, option)
    beyond = [f"{x:g},{y:g}" for x, y in spots if not (0 <= x <= size[0] and 0 <= y <= size[1])]
    if beyond:
        raise ConfigError((f"{option} {text}: {beyond[0]} lies outside of the picture, which is {size[0]}x{size[1]} px",))
    return [[round(x / size[0], 4), round(y / size[1], 4)] for x, y in spots]


def typed_facade(begin: FacadeSpec, typed: Typed, size: tuple[int, int]) -> FacadeSpec:
    """What was there before, changed as typed; positions are of a picture of `size`. ConfigError with every mistake."""
    data = {**facade_data(begin), "size": list(begin.size or size)}
    if typed.floors:
        data["lines"] = [_line(text, size) for part in typed.floors for text in _parts(part)]
        data.pop("mount", None)
    if typed.skipped_floors is not None:
        data["skipped_floors"] = [_whole(text, "--skip-floors") for text in typed.skipped_floors.split(",") if text.strip()]
    if typed.columns is not None:
        data["columns"] = [_number(text, "--columns") for text in typed.columns.split(",") if text.strip()]
    if typed.polygon is not None:
        data["polygon"] = _spots(typed.polygon, "--polygon")
    if typed.masks:
        data["masks"] = [_spots(text, "--mask") for text in typed.masks]
    house = {"storey_m": typed.storey_m, "ground_floor": typed.ground_floor, "first_column": typed.first_column}
    data |= {key: value for key, value in house.items() if value is not None}
    mount = {"pitch_deg": typed.pitch_deg, "distance_m": typed.distance_m, "height_m": typed.height_m}
    if any(value is not None for value in mount.values()):
        told = {**mount, "focal_px": typed.focal_px}
        data["mount"] = {key: value for key, value in told.items() if value is not None}
        data.pop("focal_px", None)
        if not typed.floors:
            data.pop("lines", None)
    elif typed.focal_px is not None:
        data["focal_px"] = typed.focal_px
    return facade_of({"facade": data}, "typed")


def _parts(text: str) -> list[str]:
    """`1=900,8=520` is two; a slanted line `1=0,900-1919,880` is one."""
    return re.split(r",(?=\s*-?\d+\s*=)", text)


def _line(text: str, size: tuple[int, int]) -> dict[str, Any]:
    found = _FLOOR.fullmatch(text.strip())
    if found is None:
        raise ConfigError((f"--floor {text}: write FLOOR=ROW, or FLOOR=X,Y-X,Y for a line that slants",))
    floor, where = int(found[1]), found[2]
    if "-" in where.lstrip("-"):
        start, end = (_spot(part, "--floor") for part in re.split(r"(?<=\d)\s*-", where, maxsplit=1))
        return {"floor": floor, "points": [start, end]}
    row = _number(where, "--floor")
    return {"floor": floor, "points": [[0, row], [size[0] - 1, row]]}


def _spots(text: str, option: str) -> list[list[float]]:
    return [_spot(part, option) for part in text.split()]


def _spot(text: str, option: str) -> list[float]:
    found = _SPOT.fullmatch(text)
    if found is None:
        raise ConfigError((f"{option} {text}: a point is X,Y in px of the picture; points are parted by spaces",))
    return [float(found[1]), float(found[2])]


def _number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError((f"{option} {text}: is no number",)) from None


def _whole(text: str, option: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ConfigError((f"{option} {text.strip()}: is no floor's number",)) from None
