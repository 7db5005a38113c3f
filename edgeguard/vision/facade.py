"""Rows of the picture to heights on the facade and back. A pinhole camera sees a vertical plane so that height is a ratio of two
straight functions of the row: three known floor lines fix it, and so do pitch, lens and distance.

The camera is taken to stand square to the facade; lines that slant are followed across the picture.
"""

import math
from bisect import bisect
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgeguard.core.facade import FacadeSpec, FloorLine
from edgeguard.vision.trajectory import Path

_STOREYS_MOST: Final = 1000
_RELEASE_BACK_S: Final = 0.35
"""A drop begins at rest: when the fit was at rest within this before the first mark, that is where it began."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where on the facade: metres above the ground floor's slab, storey, window column from 1 on (None without borders)."""

    height_m: float
    floor: int
    column: int | None


@dataclass(frozen=True, slots=True)
class Plane:
    """The facade in one picture size. Heights are metres above the slab of `ground_floor`."""

    lines: tuple[FloorLine, ...]
    ratio: tuple[float, float, float] | None
    """height = (a row + b) / (c row + 1), where the lines do not slant or a mount is given."""
    storey_m: float
    ground_floor: int
    columns: tuple[float, ...]
    focal_px: float | None
    distance_m: float | None
    camera_m: float = 0.0
    """Height of the camera, where `distance_m` is known."""
    first_column: int = 1
    skipped_floors: tuple[int, ...] = ()
    middle: float = 0.0
    """The row in the middle of the picture; it lies before the camera, whatever the camera looks at."""

    def height_m(self, x: float, y: float) -> float:
        """Of a point of the picture. NaN beyond the horizon of the facade."""
        a, b, c = self._ratio_at(x)
        below = c * y + 1.0
        return (a * y + b) / below if abs(below) > 1e-9 else math.nan

    def row_of(self, x: float, height_m: float) -> float:
        """Where a height lies in the column of pixels at `x`: the other way round. NaN for what lies behind the camera."""
        a, b, c = self._ratio_at(x)
        below = height_m * c - a
        row = (b - height_m) / below if abs(below) > 1e-12 else math.nan
        front = max((_row_at(line, x) for line in self.lines), default=self.middle)
        return row if (c * row + 1.0) * (c * front + 1.0) > 0 else math.nan

    def slab_m(self, floor: int) -> float:
        """Height of a floor's slab."""
        lower, upper = sorted((floor, self.ground_floor))
        storeys = upper - lower - sum(lower < number < upper for number in self.skipped_floors)
        return math.copysign(storeys, floor - self.ground_floor) * self.storey_m

    def floor_of(self, storeys: int) -> int:
        """What the house calls the floor so many storeys above its ground floor."""
        step, floor = (1, self.ground_floor) if storeys >= 0 else (-1, self.ground_floor)
        for _ in range(min(abs(storeys), _STOREYS_MOST)):
            floor += step
            while floor in self.skipped_floors:
                floor += step
        return floor

    def _ratio_at(self, x: float) -> tuple[float, float, float]:
        return self.ratio or _through([(_row_at(line, x), self.slab_m(line.floor)) for line in self.lines])

    def px_per_m(self, x: float, y: float) -> float:
        """Rows that one metre of the facade's height takes there."""
        rise = self.height_m(x, y - 0.5) - self.height_m(x, y + 0.5)
        return 1.0 / rise if rise > 0 else math.nan

    def place(self, x: float, y: float) -> Place:
        """The storey and the window column of a point; a hand is above its own floor's slab."""
        height_m = self.height_m(x, y)
        floor = self.floor_of(math.floor(height_m / self.storey_m)) if math.isfinite(height_m) else self.ground_floor
        return Place(height_m, floor, _column(self.columns, self.first_column, x))

    def gravity_m_s2(self, path: Path) -> float:
        """The acceleration of a path on the facade, by a parabola through the heights of its marks."""
        t = np.array([mark.t_s - path.start_s for mark in path.marks])
        heights = np.array([self.height_m(mark.x, mark.y) for mark in path.marks])
        if not np.isfinite(heights).all() or len(t) < 4:
            return math.nan
        return float(-2 * np.polyfit(t, heights, 2)[0])

    def smallest_cm(self, x: float, y: float, visible_px: float = 3.0) -> float:
        """The diameter of the smallest thing that is `visible_px` large there, cm; without a lens at most that."""
        if self.focal_px is not None and self.distance_m is not None:
            return 100 * visible_px * math.hypot(self.distance_m, self.height_m(x, y) - self.camera_m) / self.focal_px
        return 100 * visible_px / self.px_per_m(x, y)


def plane_of(spec: FacadeSpec, size: tuple[int, int]) -> Plane | None:
    """The plane that a person's words mean in a picture of `size`; None when they say nothing of floors.

    ValueError when the lines cannot be those of a facade.
    """
    across, down = _scales(spec, size)
    columns = tuple(x * across for x in spec.columns)
    if spec.mount is not None:
        mount = spec.mount
        focal = mount.focal_px * down
        slope = math.tan(math.radians(mount.pitch_deg))
        # tan(pitch + angle of row), with u = (middle - row) / focal: (slope + u) / (1 - slope u)
        middle = size[1] / 2
        scale = 1 - slope * middle / focal
        h, d = mount.height_m, mount.distance_m
        a = (h * slope - d) / focal / scale
        b = (h * scale + d * (slope + middle / focal)) / scale
        ratio = (a, b, slope / focal / scale)
        house = spec.first_column, spec.skipped_floors
        return Plane((), ratio, spec.storey_m, spec.ground_floor, columns, focal, d, h, *house, middle)
    if not spec.lines:
        return None
    lines = tuple(
        FloorLine(line.floor, (line.start[0] * across, line.start[1] * down), (line.end[0] * across, line.end[1] * down))
        for line in spec.lines
    )
    house = spec.first_column, spec.skipped_floors
    plane = Plane(lines, None, spec.storey_m, spec.ground_floor, columns, None, None, 0.0, *house, size[1] / 2)
    if all(line.start[1] == line.end[1] for line in lines):
        plane = replace(plane, ratio=_through([(line.start[1], plane.slab_m(line.floor)) for line in lines]))
    for x in (0.0, size[0] / 2, float(size[0])):
        rows = [_row_at(line, x) for line in lines]
        heights = [plane.height_m(x, row) for row in np.linspace(min(rows), max(rows), 9)]
        if not all(later < earlier for earlier, later in pairwise(heights)):
            raise ValueError("the floor lines do not rise in the picture as floors do; check their numbers and rows")
    return plane if spec.focal_px is None else _with_lens(plane, spec.focal_px * down, size)


def _with_lens(plane: Plane, focal_px: float, size: tuple[int, int]) -> Plane:
    """Floor lines and a lens say where the camera is: how far from the facade, and how high.

    Upwards the rows of a facade run into one row, `1 / (focal slope)` above the middle, which gives the slope; how fast heights
    pass in the middle gives the distance. ValueError when no camera could see such lines through such a lens.
    """
    x, middle = size[0] / 2, size[1] / 2
    _, _, c = plane._ratio_at(x)  # noqa: SLF001 (of this module)
    slope = focal_px * c / (1.0 + c * middle)
    rise = plane.height_m(x, middle - 0.5) - plane.height_m(x, middle + 0.5)
    distance_m = rise * focal_px / (1.0 + slope**2)
    if not (math.isfinite(distance_m) and 0.5 <= distance_m <= 1000.0 and abs(slope) < 20.0):
        raise ValueError("the floor lines cannot be seen so through a lens of this focal length; check both")
    camera_m = plane.height_m(x, middle) - distance_m * slope
    return replace(plane, focal_px=focal_px, distance_m=distance_m, camera_m=camera_m)


def column_at(spec: FacadeSpec, size: tuple[int, int], x: float) -> int | None:
    """The window column at `x` in a picture of `size`; it needs no floors."""
    across, _ = _scales(spec, size)
    return _column(tuple(border * across for border in spec.columns), spec.first_column, x)


def _column(borders: tuple[float, ...], first: int, x: float) -> int | None:
    return bisect(borders, x) + first if borders else None


def release(path: Path) -> tuple[float, float]:
    """Where the thing left the hand, px: the first mark, or a little before it, where the path was still at rest."""
    first = path.marks[0]
    c1, c2 = path.down[1], path.down[2]
    if c1 > 0 and c2 > 0 and c1 / (2 * c2) <= _RELEASE_BACK_S:
        return path.at(path.start_s - c1 / (2 * c2))
    return first.x, first.y


def inside(points: tuple[tuple[float, float], ...], width: int, height: int) -> NDArray[np.bool_]:
    """Which pixels' centres lie in a polygon, by the even-odd rule."""
    rows, columns = np.arange(height), np.arange(width)
    within = np.zeros((height, width), np.bool_)
    for (x0, y0), (x1, y1) in zip(points, (*points[1:], points[0]), strict=True):
        crossed = rows[(rows >= min(y0, y1)) & (rows < max(y0, y1))]
        if crossed.size:
            at = x0 + (crossed - y0) * (x1 - x0) / (y1 - y0)
            within[crossed] ^= columns < at[:, np.newaxis]
    return within


def watched_area(spec: FacadeSpec, size: tuple[int, int]) -> NDArray[np.bool_] | None:
    """Where falls are looked for in a picture of `size`: the polygon less the privacy masks; None for everywhere."""
    if not spec.polygon and not spec.masks:
        return None
    width, height = size
    area = inside(_scaled(spec.polygon, spec, size), width, height) if spec.polygon else np.ones((height, width), np.bool_)
    for mask in spec.masks:
        area &= ~inside(_scaled(mask, spec, size), width, height)
    return area


def _scaled(points: tuple[tuple[float, float], ...], spec: FacadeSpec, size: tuple[int, int]) -> tuple[tuple[float, float], ...]:
    across, down = _scales(spec, size)
    return tuple((x * across, y * down) for x, y in points)


def _scales(spec: FacadeSpec, size: tuple[int, int]) -> tuple[float, float]:
    width, height = spec.size or size
    return size[0] / width, size[1] / height


def _row_at(line: FloorLine, x: float) -> float:
    (x0, y0), (x1, y1) = line.start, line.end
    return y0 + (x - x0) * (y1 - y0) / (x1 - x0) if x1 != x0 else (y0 + y1) / 2


def _through(rows: list[tuple[float, float]]) -> tuple[float, float, float]:
    """a, b, c of height = (a row + b) / (c row + 1) through three points, by least squares through more."""
    table = np.array([[row, 1.0, -row * height] for row, height in rows])
    scale = np.abs(table).max(axis=0)
    scale[scale == 0] = 1.0
    (a, b, c), *_ = np.linalg.lstsq(table / scale, np.array([height for _, height in rows]), rcond=None)
    return float(a / scale[0]), float(b / scale[1]), float(c / scale[2])
