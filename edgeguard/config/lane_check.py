"""`[[camera.lane]]`: the lanes that a gate camera sees, and the line that a vehicle crosses in each."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from edgeguard.config.fields import Id
from edgeguard.config.mistakes import Mistakes, Table
from edgeguard.config.positions import KeyPath
from edgeguard.core.camera_limits import LANE_CORNERS
from edgeguard.core.lane import LaneSpec

Share = Annotated[float, Field(strict=False, ge=0, le=1, allow_inf_nan=False)]
Place = Annotated[list[Share], Field(min_length=2, max_length=2)]


class LaneTable(Table):
    """`[[camera.lane]]`: in shares of the picture, from 0, 0 at the top left to 1, 1 at the bottom right."""

    name: Id
    polygon: Annotated[list[Place], Field(max_length=LANE_CORNERS)] = Field(default_factory=list)
    line: Annotated[list[Place], Field(min_length=2, max_length=2)] | None = None


def build_lanes(rows: Sequence[LaneTable], at: KeyPath, mistakes: Mistakes) -> tuple[LaneSpec, ...]:
    """The lanes; every mistake in them is added."""
    made: list[LaneSpec] = []
    for i, row in enumerate(rows):
        polygon = tuple((x, y) for x, y in row.polygon)
        line = None if row.line is None else ((row.line[0][0], row.line[0][1]), (row.line[1][0], row.line[1][1]))
        if 0 < len(polygon) < 3 or (polygon and _area(polygon) < 1e-4):
            mistakes.add((*at, i, "polygon"), "needs three corners or more, which are not on one line")
        if line is not None and line[0] == line[1]:
            mistakes.add((*at, i, "line"), "goes from a point to the same point")
        if any(lane.name == row.name for lane in made):
            mistakes.add((*at, i, "name"), f'there is a lane "{row.name}" already')
        made.append(LaneSpec(row.name, polygon, line))
    return tuple(made)


def _area(corners: Sequence[tuple[float, float]]) -> float:
    turned = (*corners[1:], corners[0])
    return abs(sum(x * v - u * y for (x, y), (u, v) in zip(corners, turned, strict=True))) / 2
