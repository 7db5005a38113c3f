"""What a person who sets a facade camera up wants to know: where every floor comes to lie in the picture, how large a thing must be
to be seen there, and how far a careless click puts a floor wrong. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from edgeguard.core.camera_limits import FACADE_MAX_LINES
from edgeguard.core.facade import FacadeSpec, FloorLine, Spot
from edgeguard.core.point import Labels
from edgeguard.vision.facade import Plane, inside, plane_of

CLICK_PX: Final = 2.0
"""A click on a slab's edge is as good as this, in px of a picture of 1080 rows."""
_PITCH_DEG: Final = 0.5
_TAPE: Final = 0.03
"""What is measured of a mount is as good as this: degrees, and shares of lens and distance."""
_UNSURE: Final = 0.5
"""Floors that may be wrong by more than this, in storeys, are told."""
_TOO_WIDE_M: Final = 80.0
_FAR_BELOW_M: Final = 6.0
"""Below the ground floor: no camera hangs there, though the street may lie lower."""
_LARGE_CM: Final = 20.0
_LITTLE: Final = 0.02


@dataclass(frozen=True, slots=True)
class FloorView:
    """One slab in the picture: rows at the left edge, in the middle and at the right edge, px. `error`: storeys, one sigma."""

    floor: int
    rows: tuple[float, float, float]
    px_per_m: float
    smallest_cm: float
    error: float


@dataclass(frozen=True, slots=True)
class FacadeView:
    """Everything that is shown of a facade while it is set up. `floors` from below; `refusal`: why there is no plane, or empty."""

    floors: tuple[FloorView, ...]
    watched_share: float
    distance_m: float | None
    camera_m: float | None
    refusal: str
    warnings: tuple[Labels, ...]


def focal_px_of(
    width_px: int, lens_mm: float | None = None, sensor_mm: float | None = None, view_deg: float | None = None
) -> float:
    """The focal length in px: from the horizontal angle of view, or from the lens and the width of the sensor behind it."""
    if view_deg is not None:
        return width_px / 2 / math.tan(math.radians(view_deg) / 2)
    if lens_mm is None or sensor_mm is None:
        raise ValueError("a lens in mm says nothing without the width of the sensor")
    return lens_mm / sensor_mm * width_px


def look_at_facade(spec: FacadeSpec, size: tuple[int, int]) -> FacadeView:
    """What a facade file means in a picture of `size`."""
    refusal, plane = "", None
    try:
        plane = plane_of(spec, size)
    except ValueError as error:
        refusal = str(error)
    floors = () if plane is None else _floors(spec, plane, size)
    share = _watched_share(spec, size)
    warnings = (*_about_floors(plane, floors, size), *_about_area(spec, share, size))
    if plane is None and not refusal:
        told = Labels(
            "没有楼层线:仍能检测,但不报楼层,把握较小",
            "no floor lines: falls are found all the same, with less certainty and without a floor",
        )
        warnings = (told, *warnings)
    distance, camera = (None, None) if plane is None or plane.distance_m is None else (plane.distance_m, plane.camera_m)
    return FacadeView(floors, share, distance, camera, refusal, warnings)


def _floors(spec: FacadeSpec, plane: Plane, size: tuple[int, int]) -> tuple[FloorView, ...]:
    """The floors whose slabs are in the picture."""
    width, height = size
    others = [other for one in _as_careless(spec, size) if (other := _plane_or_none(one, size)) is not None]
    found = []
    lowest = (
        math.floor(plane.height_m(width / 2, height) / plane.storey_m)
        if _is_before(plane, width / 2, height)
        else -FACADE_MAX_LINES
    )
    first = max(lowest, -FACADE_MAX_LINES)
    for storeys in range(first, first + 2 * FACADE_MAX_LINES):
        floor = plane.floor_of(storeys)
        slab_m = plane.slab_m(floor)
        rows = tuple(plane.row_of(x, slab_m) for x in (0.0, width / 2, float(width)))
        if math.isnan(rows[1]) or rows[1] < 0:
            break
        if rows[1] > height:
            continue
        x, y = width / 2, rows[1]
        error = math.sqrt(sum((other.height_m(x, y) - slab_m) ** 2 for other in others)) / plane.storey_m
        found.append(FloorView(floor, (rows[0], rows[1], rows[2]), plane.px_per_m(x, y), plane.smallest_cm(x, y), error))
    return tuple(found)


def _is_before(plane: Plane, x: float, y: float) -> bool:
    """The point is on the facade before the camera, not beyond its zenith."""
    height_m = plane.height_m(x, y)
    return math.isfinite(height_m) and not math.isnan(plane.row_of(x, height_m))


def _as_careless(spec: FacadeSpec, size: tuple[int, int]) -> Sequence[FacadeSpec]:
    """The same facade, each thing that a person has measured wrong in its turn."""
    if spec.mount is not None:
        mount = spec.mount
        return (
            replace(spec, mount=replace(mount, pitch_deg=mount.pitch_deg + _PITCH_DEG)),
            replace(spec, mount=replace(mount, focal_px=mount.focal_px * (1 + _TAPE))),
            replace(spec, mount=replace(mount, distance_m=mount.distance_m * (1 + _TAPE))),
        )
    off = CLICK_PX * size[1] / 1080 * ((spec.size or size)[1] / size[1])
    plain = replace(spec, focal_px=None)
    return [replace(plain, lines=(*spec.lines[:i], _lifted(line, off), *spec.lines[i + 1 :])) for i, line in enumerate(spec.lines)]


def _lifted(line: FloorLine, by: float) -> FloorLine:
    (x0, y0), (x1, y1) = line.start, line.end
    return FloorLine(line.floor, (x0, y0 - by), (x1, y1 - by))


def _plane_or_none(spec: FacadeSpec, size: tuple[int, int]) -> Plane | None:
    try:
        return plane_of(spec, size)
    except ValueError:
        return None


def _watched_share(spec: FacadeSpec, size: tuple[int, int]) -> float:
    """Share of the picture in which falls are looked for, on a grid of 192 by 108."""
    small = (192, 108)
    across, down = small[0] / (spec.size or size)[0], small[1] / (spec.size or size)[1]
    within = [inside(tuple((x * across, y * down) for x, y in points), *small) for points in (spec.polygon, *spec.masks) if points]
    masks = within[1:] if spec.polygon else within
    watched = float(within[0].mean()) if spec.polygon else 1.0
    for i, mask in enumerate(masks):
        seen = mask & within[0] if spec.polygon else mask
        for earlier in masks[:i]:
            seen = seen & ~earlier
        watched -= float(seen.mean())
    return max(0.0, watched)


def _about_floors(plane: Plane | None, floors: Sequence[FloorView], size: tuple[int, int]) -> list[Labels]:
    if plane is None:
        return []
    told = []
    if not floors:
        return [Labels("画面里没有任何楼层", "no floor is in the picture")]
    unsure = next((one.floor for one in floors if one.error > _UNSURE), None)
    if unsure is not None:
        told.append(
            Labels(
                f"{unsure} 层及以上可能错一层:请在更高处再画一条楼层线",
                f"from floor {unsure} on a floor may be told wrong by one: draw one more line, higher up",
            )
        )
    large = next((one for one in floors if one.smallest_cm > _LARGE_CM), None)
    if large is not None:
        told.append(
            Labels(
                f"{large.floor} 层及以上只能看到 {large.smallest_cm:.0f} 厘米以上的物体",
                f"from floor {large.floor} on only things of {large.smallest_cm:.0f} cm and more are seen",
            )
        )
    if plane.distance_m is not None and plane.camera_m < -_FAR_BELOW_M:
        told.append(
            Labels(
                f"按这些楼层线,摄像头在首层以下 {-plane.camera_m:.0f} 米:请核对行号和镜头",
                f"by these floors the camera would hang {-plane.camera_m:.0f} m below the ground floor: are rows and lens right?",
            )
        )
    shown_m = plane.slab_m(floors[-1].floor) - plane.slab_m(floors[0].floor)
    if shown_m > _TOO_WIDE_M:
        told.append(
            Labels(
                f"画面高度约 {shown_m:.0f} 米,过宽:请用更长的镜头,分两台摄像机",
                f"the picture shows {shown_m:.0f} m of height, which is too wide: a longer lens, two cameras",
            )
        )
    return told


def _about_area(spec: FacadeSpec, share: float, size: tuple[int, int]) -> list[Labels]:
    told = []
    if not spec.polygon:
        told.append(Labels("没有立面区域:整幅画面都会被监视", "no polygon: the whole picture is watched"))
    elif share < _LITTLE:
        told.append(Labels(f"只监视画面的 {share:.1%}", f"only {share:.1%} of the picture is watched"))
    width, height = spec.size or size
    out = [
        points
        for points in (spec.polygon, *spec.masks)
        if points and not any(0 <= x <= width and 0 <= y <= height for x, y in points)
    ]
    if out:
        told.append(Labels("有区域完全在画面之外", "an area lies wholly outside the picture"))
    if any(_crosses_itself(points) for points in (spec.polygon, *spec.masks)):
        told.append(
            Labels(
                "有区域的边自相交,一部分不算在内:请按顺序点", "an area crosses itself, and loses a part: are its points in order?"
            )
        )
    return told


def _crosses_itself(points: Sequence[Spot]) -> bool:
    """Whether two edges that are not neighbours meet."""
    edges = list(zip(points, (*points[1:], *points[:1]), strict=True))
    return any(_meet(*one, *two) for i, one in enumerate(edges) for two in edges[i + 2 : len(edges) - (i == 0)])


def _meet(a: Spot, b: Spot, c: Spot, d: Spot) -> bool:
    return _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0


def _side(a: Spot, b: Spot, point: Spot) -> float:
    return (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])
