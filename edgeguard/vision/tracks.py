"""Spots of successive pictures linked to tracks: several guesses where the next is unclear, patience where one hides for a moment.

A track says where something went, not what it was: everything that moves makes one. Positions in px, time in seconds. Tracks are
rows of arrays and are all moved on at once, so that a picture full of drops costs little more than an empty one; the marks of each
are a chain to the oldest, shared by the guesses that part from it.
"""

import math
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeguard.core.camera_limits import FALL_MAX_POINTS, FALL_MAX_TRACKS
from edgeguard.vision.spots import Column, Sightings

Whole = NDArray[np.intp]

_REACH: Final = (0.9, -1.0, 2.3)
"""Fastest to a side, upwards (negative) and downwards, in picture heights a second: a fall through 4 m of view ends with 2.2."""
BEND_PRIOR: Final = (0.25, 0.6)
"""What is expected of an acceleration before it is seen, and how unsurely, in picture heights a second squared: g in 40 m."""
PLACE_PX: Final = 0.8
"""How far a spot's centre lies from the thing's, typically."""
GAP_S: Final = 0.45
"""So long a thing may be out of sight between two pieces of its way."""
_REACH_RATE: Final = np.array(_REACH)[:, None]
_REACH_SIGN: Final = np.sign(_REACH_RATE)
_FIT_POINTS: Final = 10
_FIT_PLACES: Final = np.arange(_FIT_POINTS)
_PATIENCE_S: Final = 0.26
_PATIENCE_PICTURES: Final = 4.5
_STAY_S: Final = 1.2
_STAY_PX: Final = 3.0
_AGE_S: Final = 12.0
_GROWN: Final = 4
"""From so many points on a track is believed enough to keep its spot from starting others."""
_FORKS: Final = np.array((0, 3, 2, 2, 1))
"""Into so many guesses a track of one, two ... marks may part."""
_BLIND_RADIUS_PX: Final = 8.0


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


Chain = tuple[Mark, "Chain | None"]
"""A mark and those before it."""


@dataclass(frozen=True, slots=True)
class Track:
    """Marks in order of time."""

    marks: tuple[Mark, ...]

    def __len__(self) -> int:
        return len(self.marks)

    @property
    def last(self) -> Mark:
        """The newest mark."""
        return self.marks[-1]


_NEWEST_S: Final = 3 * (_FIT_POINTS - 1)
_THICKNESS: Final = 3 * _FIT_POINTS
_FIRST_S: Final = _THICKNESS + 1
_LEFT_S: Final = _THICKNESS + 2
_MARKS: Final = _THICKNESS + 5
_NEWEST: Final = _THICKNESS + 6
_BEFORE: Final = _THICKNESS + 7
_COLUMNS: Final = _THICKNESS + 8


def _no_rows() -> Column:
    return np.empty((0, _COLUMNS))


@dataclass(frozen=True, slots=True)
class TrackSet:
    """State: the live tracks of one camera, best first."""

    rows: Column = field(default_factory=_no_rows)
    """One a track. The newest marks as second, x, y each, the last of them at the end, noughts where there are no more yet; then
    thickness, second of the first mark, second, x, y of the last place that it has left, number of marks, number of the newest spot
    and of the one before it (-1: none)."""
    chains: tuple[Chain, ...] = ()
    spots: int = 0
    """Spots seen so far."""
    period_s: float = 0.04
    """Time from picture to picture, smoothed."""
    last_s: float = -1.0

    def __len__(self) -> int:
        return len(self.chains)

    @property
    def live(self) -> tuple[Track, ...]:
        """Every track with its marks."""
        return tuple(_track(chain) for chain in self.chains)


def _track(chain: Chain) -> Track:
    marks = []
    at: Chain | None = chain
    while at is not None:
        mark, at = at
        marks.append(mark)
    return Track(tuple(reversed(marks)))


@dataclass(frozen=True, slots=True)
class _Links:
    """Which track may go on with which spot, and how far from the expected place that spot was allowed to be."""

    track: Whole
    spot: Whole
    radius: Column


def follow(state: TrackSet, t_s: float, seen: Sightings, height: int) -> tuple[TrackSet, tuple[Track, ...]]:
    """The tracks after a picture, and those that have ended with it. `height` of the picture gives the scale of speeds."""
    step_s = min(t_s - state.last_s, 0.5) if state.last_s >= 0 else state.period_s
    steady = 0.2 * state.period_s < step_s < 5 * state.period_s
    period_s = state.period_s + 0.1 * (step_s - state.period_s) if steady else state.period_s
    if not len(state) and not len(seen):
        return TrackSet(spots=state.spots, period_s=period_s, last_s=t_s), ()
    rows = state.rows
    marks, unseen_s = rows[:, _MARKS], t_s - rows[:, _NEWEST_S]
    links = _links(rows, t_s, seen, height)
    extended = np.zeros(len(rows), np.bool_)
    extended[links.track] = True
    alive = _alive(marks, unseen_s, period_s)
    stays = np.flatnonzero(alive & ~(extended & (marks > 1)))
    lost = np.flatnonzero(~(alive | extended) & (marks >= _GROWN))
    free = np.ones(len(seen), np.bool_)
    free[links.spot[marks[links.track] + 1 >= _GROWN]] = False
    grown, origins = _grown(state, seen, links, stays, np.flatnonzero(free))
    worn = _settled(grown, t_s)
    kept, tired = np.flatnonzero(~worn)[:FALL_MAX_TRACKS], np.flatnonzero(worn)
    ended = (*(state.chains[i] for i in lost), *_chains(state, seen, links, origins[tired]))
    chains = _chains(state, seen, links, origins[kept])
    after = TrackSet(grown[kept], chains, state.spots + len(seen), period_s, t_s)
    return after, tuple(_track(chain) for chain in ended)


def _grown(state: TrackSet, seen: Sightings, links: _Links, stays: Whole, fresh: Whole) -> tuple[Column, Whole]:
    """What has gone on, what waits, and what begins with a `fresh` spot: rows, best first and each but once, and where each comes
    from: a row of the links, then of the state's tracks, then a spot."""
    n_links, n_old = len(links.track), len(links.track) + len(stays)
    rows = np.concatenate([state.rows[links.track], state.rows[stays], np.zeros((len(fresh), _COLUMNS))])
    went, now = rows[:n_links], seen[links.spot]
    went[:, :_NEWEST_S] = went[:, 3:_THICKNESS].copy()
    went[:, _NEWEST_S:_FIRST_S] = now[:, :4]
    moved = np.hypot(now[:, 1] - went[:, _LEFT_S + 1], now[:, 2] - went[:, _LEFT_S + 2]) >= _STAY_PX
    went[moved, _LEFT_S:_MARKS] = now[moved, :3]
    went[:, _MARKS] += 1
    went[:, _BEFORE] = went[:, _NEWEST]
    went[:, _NEWEST] = state.spots + links.spot
    begun, now = rows[n_old:], seen[fresh]
    begun[:, _NEWEST_S:_FIRST_S] = now[:, :4]
    begun[:, _FIRST_S] = now[:, 0]
    begun[:, _LEFT_S:_MARKS] = now[:, :3]
    begun[:, _MARKS] = 1
    begun[:, _NEWEST] = state.spots + fresh
    begun[:, _BEFORE] = -1
    origins = np.concatenate([np.arange(n_links), n_links + stays, n_links + len(state) + fresh])
    order = np.argsort(-rows[:n_old, _MARKS], kind="stable")
    # Only what went on can be there twice: guesses that parted from each other and came to the same two spots.
    parents = went[:, _BEFORE].astype(np.intp)
    place = np.empty(n_old, np.intp)
    place[order] = np.arange(n_old)
    sorted_links = np.lexsort((place[:n_links], parents, links.spot))
    spot, parent = links.spot[sorted_links], parents[sorted_links]
    again = sorted_links[1:][(spot[1:] == spot[:-1]) & (parent[1:] == parent[:-1])]
    if len(again):
        order = order[np.isin(order, again, invert=True)]
    best = np.concatenate([order, np.arange(n_old, len(rows))])
    return rows[best], origins[best]


def _chains(state: TrackSet, seen: Sightings, links: _Links, origins: Whole) -> tuple[Chain, ...]:
    """The marks of tracks that come from `origins`."""
    if not len(origins):
        return ()
    n_links, n_state = len(links.track), len(state)
    rows = seen[links.spot]
    rows[:, 6] *= np.minimum(1.0, math.pi * links.radius * links.radius / 1024.0)
    went, from_track, begun = rows.tolist(), links.track.tolist(), seen.tolist()
    chains: list[Chain] = []
    for origin in origins.tolist():
        if origin < n_links:
            chains.append((Mark(*went[origin]), state.chains[from_track[origin]]))
        elif origin < n_links + n_state:
            chains.append(state.chains[origin - n_links])
        else:
            chains.append((Mark(*begun[origin - n_links - n_state]), None))
    return tuple(chains)


def _links(rows: Column, t_s: float, seen: Sightings, height: int) -> _Links:
    """Every track with the spots it may have become: a beginner with several, one that has shown its way with the best."""
    if not len(rows) or not len(seen):
        return _Links(np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0))
    marks, unseen_s = rows[:, _MARKS], t_s - rows[:, _NEWEST_S]
    single = marks == 1
    ahead, unsure = _ahead(rows, t_s, height)
    radius = _gate(rows, unseen_s, unsure)
    side, up, down = np.where(single, _REACH_RATE * (unseen_s * height) + 4 * _REACH_SIGN, _REACH_SIGN * radius)[:, :, None]
    dx = seen[:, 1] - ahead[:, :1]
    dy = seen[:, 2] - ahead[:, 1:]
    pairs = np.flatnonzero((np.abs(dx) <= side) & (dy >= up) & (dy <= down))
    track, spot = np.divmod(pairs, len(seen))
    far = np.hypot(dx.ravel()[pairs], dy.ravel()[pairs])
    unlike = np.abs(np.log(seen[spot, 3] / rows[track, _THICKNESS]))
    begins = single[track]
    cost = far + np.where(begins, 0.0, 2.0 * np.minimum(unlike, 1.5))
    near = np.flatnonzero(begins | (far <= radius[track]))
    near = near[np.lexsort((cost[near], track[near]))]
    track, spot = track[near], spot[near]
    rank = np.arange(len(track)) - np.searchsorted(track, track)
    chosen = np.flatnonzero(rank < _FORKS[np.minimum(marks[track], _GROWN).astype(np.intp)])
    chosen = chosen[np.argsort(rank[chosen], kind="stable")]
    track = track[chosen]
    return _Links(track, spot[chosen], np.where(single, _BLIND_RADIUS_PX, radius)[track])


def _ahead(rows: Column, t_s: float, height: int) -> tuple[Column, Column]:
    """Where each track should be at `t_s`, n by (x, y), and how unsure that is, in errors of a single place.

    Straight sideways, by least squares; bending downwards, by least squares with what is expected of a fall as a prior. Time is
    counted from `t_s` on, so that the places are the constant terms of both fits: the first row of each normal matrix's adjugate,
    times the right hand side, over the determinant.
    """
    n = len(rows)
    recent = rows[:, :_THICKNESS].reshape(n, _FIT_POINTS, 3)
    terms = np.empty((n, _FIT_POINTS, 5))
    there, t = terms[:, :, 0], terms[:, :, 1]
    np.greater_equal(_FIT_PLACES, _FIT_POINTS - rows[:, _MARKS, None], out=there, casting="unsafe")
    np.subtract(recent[:, :, 0], t_s, out=t)
    np.multiply(t, there, out=t)
    np.multiply(t, t, out=terms[:, :, 2])
    terms[:, :, 3:] = recent[:, :, 1:]
    sums = terms[:, :, :3].transpose(0, 2, 1) @ terms
    stiff = (PLACE_PX / (0.5 * BEND_PRIOR[1] * height)) ** 2
    sums[:, 2, 2] += stiff
    sums[:, 2, 4] += stiff * 0.5 * BEND_PRIOR[0] * height
    s1, s2, s3, s4 = sums[:, 0, 1], sums[:, 0, 2], sums[:, 1, 2], sums[:, 2, 2]
    adjugate = np.zeros((n, 2, 3))
    adjugate[:, 0, 0], adjugate[:, 0, 1] = s2, -s1
    adjugate[:, 1, 0], adjugate[:, 1, 1], adjugate[:, 1, 2] = s2 * s4 - s3 * s3, s2 * s3 - s1 * s4, s1 * s3 - s2 * s2
    found = adjugate @ sums
    single = np.flatnonzero(rows[:, _MARKS] == 1)
    found[single, :, 0] = 1.0
    places = np.empty((n, 2))
    np.divide(found[:, 0, 3], found[:, 0, 0], out=places[:, 0])
    np.divide(found[:, 1, 4], found[:, 1, 0], out=places[:, 1])
    places[single] = recent[single, -1, 1:]
    return places, np.sqrt(1.0 + adjugate[:, 1, 0] / found[:, 1, 0])


def _gate(rows: Column, unseen_s: Column, unsure: Column) -> Column:
    """How far from where it should be a spot may lie, px; of one mark it says nothing."""
    many = (rows[:, _MARKS] >= 3)[:, None]
    way = rows[:, _NEWEST_S:_THICKNESS] - np.where(many, rows[:, _NEWEST_S - 6 : _NEWEST_S - 3], rows[:, _NEWEST_S - 3 : _NEWEST_S])
    speed = np.hypot(way[:, 1], way[:, 2]) / np.where(rows[:, _MARKS] >= 2, way[:, 0], 1.0)
    return np.asarray((1.5 + 0.3 * rows[:, _THICKNESS] + 0.1 * speed * unseen_s) * np.minimum(unsure, 3.0), np.float64)


def _alive(marks: Column, unseen_s: Column, period_s: float) -> NDArray[np.bool_]:
    patience = max(_PATIENCE_S, _PATIENCE_PICTURES * period_s)
    allowed = np.array((0.0, 1.5 * period_s, 2.5 * period_s, 2.5 * period_s, patience))[np.minimum(marks, _GROWN).astype(np.intp)]
    return np.asarray((unseen_s <= allowed) & (marks < FALL_MAX_POINTS), np.bool_)


def _settled(rows: Column, t_s: float) -> NDArray[np.bool_]:
    """It stays where it is, or has gone on for longer than anything falls."""
    still = (rows[:, _LEFT_S] < t_s - _STAY_S) | (rows[:, _FIRST_S] < t_s - _AGE_S)
    return np.asarray(still & (rows[:, _MARKS] >= _GROWN), np.bool_)
