"""What a scene does again and again: drops that leave the same spot of a gutter, balls that go up before they come down.

A throw is the first of its kind at its place. State is bounded and forgets.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from edgeguard.core.camera_limits import FALL_MAX_HABITS
from edgeguard.vision.tracks import Mark, Track
from edgeguard.vision.trajectory import Path, fit

_MEMORY_S: Final = 180.0
_APART_S: Final = 0.5
"""Beginnings nearer to each other in time are guesses about one and the same thing."""
_NEAR_PX: Final = 5.0
_LEAST_MARKS: Final = 5
_LEAST_WAY_PX: Final = 6.0
_DROP_PX: Final = 6.0
"""Nothing thicker is a drop of water, and drops fall straight down: somebody may well throw twice from one window."""
_FINE_PX: Final = 3.2
"""A drop of 6 mm looks no thicker from 3 m away: one more like it is enough. Of what is thicker, two more must have begun there."""
_UPRIGHT: Final = 0.2
"""A row counts so much of a column where beginnings are compared."""
_BESIDE: Final = 8.0
_MORE: Final = 3.0
"""In rain and snow like things begin everywhere: here so many times more must begin than on average in the columns beside it."""
_UP_BEFORE_S: Final = 1.2
_UP_SHARE: Final = 0.4
_ALIKE: Final = 2.5
"""Accelerations that differ by less than this factor may be those of the same kind of thing."""
_SURE: Final = 3.0
"""Standard errors by which an acceleration must differ from none."""


@dataclass(frozen=True, slots=True)
class Event:
    """The beginning of a fall or the end of a rise: when, where, how far it went down or up (px), how it sped up (px/s2)."""

    t_s: float
    x: float
    y: float
    way_px: float
    bend: float
    thickness: float


@dataclass(frozen=True, slots=True)
class Habits:
    """State: recent beginnings of things that fell, and ends of those that rose as what is thrown up does."""

    starts: tuple[Event, ...] = ()
    rises: tuple[Event, ...] = ()


def remember(habits: Habits, path: Path) -> Habits:
    """With one more path that has ended, be it a fall or not."""
    start, rise = _beginning(path), _rise(path)
    if start is not None:
        fresh = tuple(event for event in habits.starts if path.end_s - event.t_s < _MEMORY_S)
        habits = replace(habits, starts=(*fresh, start)[-FALL_MAX_HABITS:])
    if rise is not None:
        habits = replace(habits, rises=(*habits.rises, rise)[-FALL_MAX_HABITS:])
    return habits


def habitual(habits: Habits, path: Path, live: tuple[Track, ...]) -> bool:
    """Others like it, at other times, have begun just where this one did; `live` tracks count as soon as they show their way."""
    first = path.marks[0]
    if path.bend <= 0 or path.thickness > _DROP_PX or abs(path.marks[-1].x - first.x) > _NEAR_PX + 0.1 * path.fall_px:
        return False
    near_px = _NEAR_PX + 0.5 * path.thickness
    begun = (_beginning(fit(t.marks)) for t in live if len(t) >= _LEAST_MARKS and _off(t.marks[0], first) <= near_px)
    alike = [
        start
        for start in (*habits.starts, *(start for start in begun if start is not None))
        if abs(start.t_s - path.start_s) > _APART_S
        and start.way_px >= 0.15 * path.fall_px
        and _as_thick(start, path)
        and 1 / _ALIKE < start.bend / path.bend < _ALIKE
    ]
    here = [start for start in alike if _off(start, first) <= near_px]
    beside = sum(
        abs(start.y - first.y) <= near_px / _UPRIGHT and near_px < abs(start.x - first.x) <= _BESIDE * near_px for start in alike
    )
    times = sorted(start.t_s for start in here)
    others = sum(later - earlier > _APART_S for earlier, later in pairwise((-math.inf, *times)))
    return others >= (1 if path.thickness <= _FINE_PX else 2) + _MORE * beside / (_BESIDE - 1)


def came_up(habits: Habits, path: Path) -> bool:
    """Something had risen to where this began, a good part of the way that this went down again: a ball, from below."""
    if path.bend <= 0:
        return False
    first = path.marks[0]
    reach = 0.3 * path.fall_px + 4 * path.thickness
    return any(
        -0.3 <= path.start_s - rise.t_s <= _UP_BEFORE_S
        and math.hypot(rise.x - first.x, rise.y - first.y) <= reach
        and rise.way_px >= _UP_SHARE * path.fall_px
        and _as_thick(rise, path)
        and 1 / _ALIKE < rise.bend / path.bend < _ALIKE
        for rise in habits.rises
    )


def _as_thick(event: Event, path: Path) -> bool:
    return 0.5 <= max(event.thickness, 2.0) / max(path.thickness, 2.0) <= 2.0


def _off(one: Event | Mark, two: Mark) -> float:
    return math.hypot(one.x - two.x, _UPRIGHT * (one.y - two.y))


def _beginning(path: Path) -> Event | None:
    first, last = path.marks[0], path.marks[-1]
    down = last.y - first.y
    if len(path.marks) < _LEAST_MARKS or down < _LEAST_WAY_PX or abs(last.x - first.x) > down:
        return None
    return Event(path.start_s, first.x, first.y, down, path.bend, path.thickness) if path.bend > _SURE * path.bend_error else None


def _rise(path: Path) -> Event | None:
    first = path.marks[0]
    top = min(path.marks, key=lambda mark: mark.y)
    up = first.y - top.y
    if len(path.marks) < _LEAST_MARKS or up < _LEAST_WAY_PX or abs(top.x - first.x) > up:
        return None
    return Event(top.t_s, top.x, top.y, up, path.bend, path.thickness) if path.bend > _SURE * path.bend_error else None
