"""The lanes of a gate camera's picture: in which one a plate is, and when it crosses the line. Pure geometry, in px."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgeguard.core.lane import LaneSpec

Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Lane:
    """As core.camera.LaneSpec, in px of the picture."""

    name: str
    polygon: tuple[Place, ...] = ()
    line: tuple[Place, Place] | None = None


def lanes_of(specs: Iterable[LaneSpec], width: int, height: int) -> tuple[Lane, ...]:
    """The lanes of a picture of this size."""

    def px(x: float, y: float) -> Place:
        return x * width, y * height

    return tuple(
        Lane(
            spec.name,
            tuple(px(*corner) for corner in spec.polygon),
            None if spec.line is None else (px(*spec.line[0]), px(*spec.line[1])),
        )
        for spec in specs
    )


def lane_at(lanes: Sequence[Lane], place: Place) -> Lane | None:
    """The first lane in which a place lies."""
    return next((lane for lane in lanes if not lane.polygon or _within(lane.polygon, place)), None)


def crossing(line: tuple[Place, Place], before: Place, after: Place) -> float | None:
    """How far on the way from one place to the next the line is crossed, 0 to 1; None if it is not.

    A place exactly on the line counts with the side that is to its right, so that every crossing counts once.
    """
    (ax, ay), (bx, by) = line
    first, second = _side(line, before), _side(line, after)
    if (first >= 0) == (second >= 0):
        return None
    share = first / (first - second)
    x, y = before[0] + share * (after[0] - before[0]), before[1] + share * (after[1] - before[1])
    length = (bx - ax) ** 2 + (by - ay) ** 2
    along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length if length else -1.0
    return share if 0.0 <= along <= 1.0 else None


def distance_px(line: tuple[Place, Place], place: Place) -> float:
    """How far a place is from the line, drawn on without end; its sign says on which side it is. 0 for a line without length."""
    (ax, ay), (bx, by) = line
    length = math.hypot(bx - ax, by - ay)
    return _side(line, place) / length if length else 0.0


def _side(line: tuple[Place, Place], place: Place) -> float:
    (ax, ay), (bx, by) = line
    return (bx - ax) * (place[1] - ay) - (by - ay) * (place[0] - ax)


def _within(polygon: Sequence[Place], place: Place) -> bool:
    """By how often a ray to the right meets its edges."""
    x, y = place
    inside = False
    for (ax, ay), (bx, by) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        if (ay > y) != (by > y) and x < ax + (y - ay) / (by - ay) * (bx - ax):
            inside = not inside
    return inside
