"""Spots of successive pictures linked to tracks: several guesses where the next is unclear, patience where one hides for a moment.

A track says where something went, not what it was: everything that moves makes one. Positions in px, time in seconds.
"""

import math
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeguard.core.camera_limits import FALL_MAX_POINTS, FALL_MAX_TRACKS
from edgeguard.vision.spots import Column, Spots

_REACH: Final = (0.9, -1.0, 2.3)
"""Fastest to a side, upwards (negative) and downwards, in picture heights a second: a fall through 4 m of view ends with 2.2."""
_BEND: Final = 3.0
"""Greatest acceleration, in picture heights a second squared: gravity in a view 3 m high."""
_FORKS: Final = 3
_FIT_POINTS: Final = 10
_SLACK_PX: Final = 2.5
_PATIENCE_S: Final = 0.26
_PATIENCE_PICTURES: Final = 4.5
_STAY_S: Final = 1.2
_STAY_PX: Final = 3.0
_AGE_S: Final = 12.0
_GROWN: Final = 4
"""From so many points on a track is believed enough to keep its spot from starting others."""


class Mark(NamedTuple):
    """Where a track was in one picture."""

    t_s: float
    x: float
    y: float
    thickness: float
    contrast: float
    length: float
    """Longest extent, streak included, px."""
    chance: float
    """Probability that something unrelated would have been there as well."""


@dataclass(frozen=True, slots=True)
class Track:
    """Marks in order of time, and where the next one should be."""

    marks: tuple[Mark, ...]

    def __len__(self) -> int:
        return len(self.marks)

    @property
    def last(self) -> Mark:
        """The newest mark."""
        return self.marks[-1]

    def ahead(self, t_s: float) -> tuple[float, float]:
        """Where it should be at `t_s`: straight sideways, bending downwards, by the last few marks."""
        marks = self.marks[-_FIT_POINTS:]
        if len(marks) == 1:
            return marks[0].x, marks[0].y
        t0 = marks[-1].t_s
        times = [mark.t_s - t0 for mark in marks]
        x = _line(times, [mark.x for mark in marks], t_s - t0)
        y = _bend(times, [mark.y for mark in marks], t_s - t0)
        return x, y

    @property
    def speed(self) -> float:
        """Over the last two steps, px/s."""
        first, last = self.marks[max(-3, -len(self))], self.last
        span_s = last.t_s - first.t_s
        return math.hypot(last.x - first.x, last.y - first.y) / span_s if span_s > 0 else 0.0

    def grown(self, mark: Mark) -> "Track":
        """With one more mark."""
        return Track((*self.marks, mark)[-FALL_MAX_POINTS:])


@dataclass(frozen=True, slots=True)
class TrackSet:
    """State: the live tracks of one camera, best first."""

    live: tuple[Track, ...] = ()
    period_s: float = 0.04
    """Time from picture to picture, smoothed."""
    last_s: float = -1.0


def follow(state: TrackSet, t_s: float, spots: Spots, busy: NDArray[np.float64], height: int) -> tuple[TrackSet, tuple[Track, ...]]:
    """The tracks after a picture, and those that have ended with it. `height` of the picture gives the scale of speeds."""
    step_s = min(t_s - state.last_s, 0.5) if state.last_s >= 0 else state.period_s
    steady = 0.2 * state.period_s < step_s < 5 * state.period_s
    period_s = state.period_s + 0.1 * (step_s - state.period_s) if steady else state.period_s
    live: list[tuple[Track, Track | None]] = []
    taken: set[int] = set()
    if state.live and len(spots):
        live, taken = _link(state.live, t_s, spots, busy, height)
    grown_now = {id(track) for track, _ in live}
    extended = {id(parent) for _, parent in live if parent is not None}
    kept: list[Track] = [track for track, _ in live]
    ended: list[Track] = []
    for track in state.live:
        if id(track) in extended and len(track) > 1:
            continue
        if _alive(track, t_s, period_s):
            kept.append(track)
        elif len(track) >= _GROWN:
            ended.append(track)
    thickness = spots.thickness
    fresh = [Track((mark_of(spots, thickness, i, t_s, busy, 1.0),)) for i in range(len(spots)) if i not in taken]
    ranked = sorted(kept, key=lambda track: (-len(track), id(track) not in grown_now))
    unique = _distinct(ranked)
    tired = [track for track in unique if len(track) >= _GROWN and _settled(track)]
    worn = {id(track) for track in tired}
    rest = [track for track in unique if id(track) not in worn]
    bounded = (*rest, *fresh)[:FALL_MAX_TRACKS]
    return replace(state, live=bounded, period_s=period_s, last_s=t_s), (*ended, *tired)


def mark_of(spots: Spots, thickness: Column, i: int, t_s: float, busy: NDArray[np.float64], radius: float) -> Mark:
    """Row `i` of `spots` as a mark found within `radius` of where it was looked for."""
    row = spots.rows[i]
    return Mark(
        t_s,
        float(row[0]),
        float(row[1]),
        float(thickness[i]),
        float(row[7]),
        float(max(row[4], row[5])),
        float(max(busy[i], 0.01) * min(1.0, math.pi * radius * radius / 1024.0)),
    )


def _link(
    tracks: tuple[Track, ...], t_s: float, spots: Spots, busy: NDArray[np.float64], height: int
) -> tuple[list[tuple[Track, Track | None]], set[int]]:
    """Every track with the spots it may have become, and the spots that grown tracks took."""
    ahead = np.array([track.ahead(t_s) for track in tracks])
    offsets = spots.centres[None, :, :] - ahead[:, None, :]
    distances = np.hypot(offsets[..., 0], offsets[..., 1])
    thickness = spots.thickness
    unlike = _unlike(np.array([track.last.thickness for track in tracks]), thickness)
    made: list[tuple[Track, Track | None]] = []
    taken: set[int] = set()
    for n, track in enumerate(tracks):
        dt_s = t_s - track.last.t_s
        if len(track) == 1:
            side, up, down = (reach * height * dt_s for reach in _REACH)
            dx, dy = offsets[n, :, 0], offsets[n, :, 1]
            allowed = (np.abs(dx) <= side + 4) & (dy >= up - 4) & (dy <= down + 4)
            choices = np.flatnonzero(allowed)
            choices = choices[np.argsort(distances[n, choices], kind="stable")][:_FORKS]
            made += [(track.grown(mark_of(spots, thickness, int(i), t_s, busy, 8.0)), track) for i in choices]
            continue
        radius = _gate(track, dt_s, height)
        best = int(np.argmin(distances[n] + unlike[n]))
        if distances[n, best] <= radius:
            made.append((track.grown(mark_of(spots, thickness, best, t_s, busy, radius)), track))
            if len(track) + 1 >= _GROWN:
                taken.add(best)
    return made, taken


def _gate(track: Track, dt_s: float, height: int) -> float:
    """How far from where it should be a spot may lie, px."""
    last = track.last
    if len(track) == 2:
        return _SLACK_PX + 0.5 * _BEND * height * dt_s * dt_s * 2 + 0.3 * last.thickness
    unsure = 0.12 * track.speed * dt_s + 4.5 / len(track) + 6.0 * dt_s * dt_s * height * 0.1
    return _SLACK_PX + 0.4 * last.thickness + unsure


def _unlike(last: Column, found: Column) -> Column:
    """Tracks by spots: a penalty in px for another thickness."""
    ratio = np.abs(np.log(found[None, :]) - np.log(last[:, None]))
    return np.asarray(2.0 * np.minimum(ratio, 1.5), dtype=np.float64)


def _alive(track: Track, t_s: float, period_s: float) -> bool:
    unseen_s = t_s - track.last.t_s
    if len(track) == 1:
        return unseen_s <= 1.5 * period_s
    if len(track) < _GROWN:
        return unseen_s <= 2.5 * period_s
    return unseen_s <= max(_PATIENCE_S, _PATIENCE_PICTURES * period_s)


def _settled(track: Track) -> bool:
    """It stays where it is, or has gone on for longer than anything falls."""
    last = track.last
    if last.t_s - track.marks[0].t_s > _AGE_S:
        return True
    lately = [mark for mark in track.marks if mark.t_s >= last.t_s - _STAY_S]
    if lately[0].t_s > last.t_s - 0.8 * _STAY_S:
        return False
    return all(math.hypot(mark.x - last.x, mark.y - last.y) < _STAY_PX for mark in lately)


def _distinct(ranked: list[Track]) -> list[Track]:
    """Without tracks whose newest two marks a better one has."""
    seen: set[tuple[Mark, ...]] = set()
    kept = []
    for track in ranked:
        key = track.marks[-2:]
        if key not in seen:
            seen.add(key)
            kept.append(track)
    return kept


def _line(times: list[float], values: list[float], at_s: float) -> float:
    n = len(times)
    mean_t, mean_v = sum(times) / n, sum(values) / n
    spread = sum((t - mean_t) ** 2 for t in times)
    slope = sum((t - mean_t) * (v - mean_v) for t, v in zip(times, values, strict=True)) / spread if spread > 0 else 0.0
    return mean_v + slope * (at_s - mean_t)


def _bend(times: list[float], values: list[float], at_s: float) -> float:
    """A parabola through the points by least squares; a line through two, held back from wild bends by few points."""
    n = len(times)
    if n < 3:
        return _line(times, values, at_s)
    mean_t = sum(times) / n
    s = [t - mean_t for t in times]
    s2, s3, s4 = (sum(t**k for t in s) for k in (2, 3, 4))
    v0 = sum(values)
    v1 = sum(t * v for t, v in zip(s, values, strict=True))
    v2 = sum(t * t * v for t, v in zip(s, values, strict=True))
    # Normal equations of c0 + c1 s + c2 s^2 with sum(s) = 0
    det = n * (s2 * s4 - s3 * s3) - s2 * s2 * s2
    if abs(det) < 1e-18:
        return _line(times, values, at_s)
    c2 = (n * (s2 * v2 - s3 * v1) - s2 * s2 * v0) / det
    c1 = (v1 - c2 * s3) / s2
    c0 = (v0 - c2 * s2) / n
    u = at_s - mean_t
    return c0 + c1 * u + c2 * u * u
