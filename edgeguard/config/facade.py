"""A facade file: the polygon, masks, floor lines or mount of one camera's picture, for `edgeguard falling --facade`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from edgeguard.config.document import read_document
from edgeguard.config.mistakes import Mistakes, Table, unknown_key
from edgeguard.config.positions import KeyPath
from edgeguard.core.camera_limits import FACADE_MAX_LINES, FACADE_MAX_MASKS, FACADE_MAX_POINTS
from edgeguard.core.facade import FacadeSpec, FloorLine, Mount

Px = Annotated[float, Field(strict=False, ge=-20_000, le=20_000, allow_inf_nan=False)]
Point = Annotated[list[Px], Field(min_length=2, max_length=2)]
Polygon = Annotated[list[Point], Field(min_length=3, max_length=FACADE_MAX_POINTS)]
Metres = Annotated[float, Field(strict=False, gt=0, le=1000, allow_inf_nan=False)]


class LineTable(Table):
    """One entry of `lines`: a floor's slab from one point of the picture to another."""

    floor: Annotated[int, Field(ge=-10, le=300)]
    points: Annotated[list[Point], Field(min_length=2, max_length=2)]


class MountTable(Table):
    """`[facade.mount]`: how the camera hangs."""

    pitch_deg: Annotated[float, Field(strict=False, gt=-89, lt=89)]
    focal_px: Annotated[float, Field(strict=False, ge=50, le=100_000)]
    distance_m: Metres
    height_m: Annotated[float, Field(strict=False, ge=0, le=500)] = 3.0


class FacadeTable(Table):
    """`[facade]`."""

    size: Annotated[list[Annotated[int, Field(ge=16, le=16_384)]], Field(min_length=2, max_length=2)] | None = None
    fps: Annotated[float, Field(strict=False, ge=1, le=240)] | None = None
    polygon: Polygon | None = None
    masks: Annotated[list[Polygon], Field(max_length=FACADE_MAX_MASKS)] = Field(default_factory=list)
    storey_m: Annotated[float, Field(strict=False, ge=2, le=10)] = 3.0
    ground_floor: Annotated[int, Field(ge=-10, le=10)] = 1
    skipped_floors: Annotated[list[Annotated[int, Field(ge=-10, le=300)]], Field(max_length=FACADE_MAX_LINES)] = Field(
        default_factory=list
    )
    lines: Annotated[list[LineTable], Field(max_length=FACADE_MAX_LINES)] = Field(default_factory=list)
    mount: MountTable | None = None
    slow_falls: bool = False
    columns: Annotated[list[Px], Field(max_length=FACADE_MAX_LINES)] = Field(default_factory=list)
    first_column: Annotated[int, Field(ge=1, le=1000)] = 1
    focal_px: Annotated[float, Field(strict=False, ge=50, le=100_000)] | None = None


def load_facade(path: Path) -> FacadeSpec:
    """The facade in the file at `path`. ConfigError with every mistake, each with file, line and key path."""
    document = read_document(path)
    spec = _facade_in(document.data, document.mistakes)
    if not _rises(spec):
        document.mistakes.add(("facade", "lines"), "do not rise in the picture as floors do; check their numbers and rows")
    document.mistakes.raise_if_any()
    return spec


def facade_to_mend(path: Path) -> FacadeSpec:
    """The same for who sets it up: its floor lines may be wrong."""
    document = read_document(path)
    return _facade_in(document.data, document.mistakes)


def facade_of(data: Mapping[str, Any], name: str) -> FacadeSpec:
    """The same of what a file would hold, `{"facade": {...}}`; `name` is what complaints call it."""
    return _facade_in(data, Mistakes(name))


def _facade_in(data: Mapping[str, Any], mistakes: Mistakes) -> FacadeSpec:
    for key in data:
        if key != "facade":
            mistakes.add((key,), unknown_key(key, ("facade",)))
    if "facade" not in data:
        mistakes.add(("facade",), "is missing: the file starts with a [facade] table")
    table = mistakes.examine(FacadeTable, data.get("facade", {}), ("facade",))
    if table is not None:
        _across(table, mistakes)
    mistakes.raise_if_any()
    assert table is not None  # noqa: S101 (otherwise there was a mistake)
    return _spec(table)


def _across(table: FacadeTable, mistakes: Mistakes) -> None:
    """What no single key shows."""
    if table.lines and table.mount is not None:
        mistakes.add(("facade", "mount"), "and floor lines say the same thing twice; keep the one that you trust more")
    if table.focal_px is not None and not table.lines:
        mistakes.add(("facade", "focal_px"), "belongs to floor lines; of a mount it is a key of [facade.mount]")
    floors = [line.floor for line in table.lines]
    if floors and len(set(floors)) < 3:
        mistakes.add(
            ("facade", "lines"), f"need three different floors, to tell perspective from distance; these are {len(set(floors))}"
        )
    named: dict[KeyPath, int] = {("facade", "ground_floor"): table.ground_floor}
    named |= {("facade", "lines", i, "floor"): line.floor for i, line in enumerate(table.lines)}
    for path, floor in named.items():
        if floor in table.skipped_floors:
            mistakes.add(path, f"{floor} is one of skipped_floors, which the house does not have")
    if table.columns != sorted(table.columns):
        mistakes.add(("facade", "columns"), "must go from left to right")


def _spec(table: FacadeTable) -> FacadeSpec:
    mount = table.mount
    return FacadeSpec(
        size=(table.size[0], table.size[1]) if table.size else None,
        fps=table.fps,
        polygon=_points(table.polygon or []),
        masks=tuple(_points(mask) for mask in table.masks),
        storey_m=table.storey_m,
        lines=tuple(FloorLine(line.floor, *_points(line.points)) for line in table.lines),
        mount=Mount(mount.pitch_deg, mount.focal_px, mount.distance_m, mount.height_m) if mount else None,
        ground_floor=table.ground_floor,
        skipped_floors=tuple(sorted(set(table.skipped_floors))),
        slow_falls=table.slow_falls,
        columns=tuple(table.columns),
        first_column=table.first_column,
        focal_px=table.focal_px,
    )


def _points(raw: list[list[float]]) -> tuple[tuple[float, float], ...]:
    return tuple((x, y) for x, y in raw)


def _rises(spec: FacadeSpec) -> bool:
    """Whether every higher floor's line is higher, at both edges of the picture; of what cannot be so no camera makes sense."""
    edges = (0.0, float(spec.size[0])) if spec.size else tuple(x for line in spec.lines for x, _ in (line.start, line.end))
    for x in edges:
        rows = [(line.floor, _row_at(line, x)) for line in spec.lines]
        if any(lower < upper and row <= above for lower, row in rows for upper, above in rows):
            return False
    return True


def _row_at(line: FloorLine, x: float) -> float:
    (x0, y0), (x1, y1) = line.start, line.end
    return y0 + (x - x0) * (y1 - y0) / (x1 - x0) if x1 != x0 else (y0 + y1) / 2
