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
_FORKS: Final = 3
_FIT_POINTS: Final = 10
_PATIENCE_S: Final = 0.26
_PATIENCE_PICTURES: Final = 4.5
_STAY_S: Final = 1.2
_STAY_PX: Final = 3.0
_AGE_S: Final = 12.0
_GROWN: Final = 4
"""From so many points on a track is believed enough to keep its spot from starting others."""
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


def _empty() -> Column:
    return np.empty((0, _FIT_POINTS, 3))


def _no_facts() -> Column:
    return np.empty((0, 5))


def _no_counts() -> Whole:
    return np.empty((0, 3), np.intp)


@dataclass(frozen=True, slots=True)
class TrackSet:
    """State: the live tracks of one camera, best first; one row of each array a track."""

    recent: Column = field(default_factory=_empty)
    """n by _FIT_POINTS by (t, x, y): the newest marks, the last of them at the end."""
    facts: Column = field(default_factory=_no_facts)
    """n by: thickness, second of the first mark, and second, x, y of the last place that it has left."""
    counts: Whole = field(default_factory=_no_counts)
    """n by: marks, number of the newest spot, number of the one before it (-1: none)."""
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
    links = _links(state, t_s, seen, height)
    marks = state.counts[:, 0]
    extended = np.zeros(len(state), np.bool_)
    extended[links.track] = True
    alive = _alive(marks, t_s - state.recent[:, -1, 0], period_s)
    stays = np.flatnonzero(alive & ~(extended & (marks > 1)))
    lost = np.flatnonzero(~(alive | extended) & (marks >= _GROWN))
    free = np.ones(len(seen), np.bool_)
    free[links.spot[marks[links.track] + 1 >= _GROWN]] = False
    grown = _grown(state, seen, links, stays, np.flatnonzero(free))
    worn = _settled(grown, t_s)
    kept, tired = np.flatnonzero(~worn)[:FALL_MAX_TRACKS], np.flatnonzero(worn)
    ended = (*(state.chains[i] for i in lost), *_chains(state, seen, links, grown.origin[tired]))
    after = TrackSet(
        _recent(state, seen, links, grown.origin[kept]),
        grown.facts[kept],
        grown.counts[kept],
        _chains(state, seen, links, grown.origin[kept]),
        state.spots + len(seen),
        period_s,
        t_s,
    )
    return after, tuple(_track(chain) for chain in ended)


@dataclass(frozen=True, slots=True)
class _Grown:
    """All tracks after a picture, best first and each but once."""

    origin: Whole
    """Where each comes from: a row of the links, then of the state's tracks, then a spot."""
    facts: Column
    counts: Whole


def _grown(state: TrackSet, seen: Sightings, links: _Links, stays: Whole, fresh: Whole) -> _Grown:
    """What has gone on, what waits, and what begins with a `fresh` spot."""
    n_links, n_old = len(links.track), len(links.track) + len(stays)
    n = n_old + len(fresh)
    counts = np.empty((n, 3), np.intp)
    counts[:n_links], counts[n_links:n_old], counts[n_old:] = state.counts[links.track], state.counts[stays], (1, 0, -1)
    counts[:n_links, 0] += 1
    counts[:n_links, 2] = counts[:n_links, 1]
    counts[:n_links, 1], counts[n_old:, 1] = state.spots + links.spot, state.spots + fresh
    order = np.concatenate([np.argsort(-counts[:n_old, 0], kind="stable"), np.arange(n_old, n)])
    _, first = np.unique(counts[order, 1] * (1 << 31) + counts[order, 2], return_index=True)
    first.sort()
    best = order[first]
    facts = np.empty((n, 5))
    facts[:n_links], facts[n_links:n_old] = state.facts[links.track], state.facts[stays]
    went, began = seen[links.spot], seen[fresh]
    facts[:n_links, 0] = went[:, 3]
    moved = np.flatnonzero(np.hypot(went[:, 1] - facts[:n_links, 3], went[:, 2] - facts[:n_links, 4]) >= _STAY_PX)
    facts[moved, 2:] = went[moved, :3]
    facts[n_old:, 0], facts[n_old:, 1], facts[n_old:, 2:] = began[:, 3], began[:, 0], began[:, :3]
    origin = np.concatenate([np.arange(n_links), n_links + stays, n_links + len(state) + fresh])
    return _Grown(origin[best], facts[best], counts[best])


def _recent(state: TrackSet, seen: Sightings, links: _Links, origins: Whole) -> Column:
    """The newest marks of tracks that come from `origins`."""
    n_links, n_state = len(links.track), len(state)
    went, waits = np.flatnonzero(origins < n_links), np.flatnonzero((origins >= n_links) & (origins < n_links + n_state))
    begun = np.flatnonzero(origins >= n_links + n_state)
    recent = np.zeros((len(origins), _FIT_POINTS, 3))
    row = origins[went]
    recent[went, :-1] = state.recent[links.track[row], 1:]
    recent[went, -1] = seen[links.spot[row], :3]
    recent[waits] = state.recent[origins[waits] - n_links]
    recent[begun, -1] = seen[origins[begun] - n_links - n_state, :3]
    return recent


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


def _links(state: TrackSet, t_s: float, seen: Sightings, height: int) -> _Links:
    """Every track with the spots it may have become: a beginner with several, one that has shown its way with the best."""
    if not len(state) or not len(seen):
        return _Links(np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0))
    marks = state.counts[:, 0]
    single = marks == 1
    ahead, unsure = _ahead(state.recent, marks, t_s, height)
    radius = _gate(state, t_s, unsure)
    scale = (t_s - state.recent[:, -1, 0]) * height
    signed = [math.copysign(1, reach) for reach in _REACH]
    side, up, down = (np.where(single, reach * scale + 4 * sign, sign * radius) for reach, sign in zip(_REACH, signed, strict=True))
    dx = seen[:, 1] - ahead[:, :1]
    dy = seen[:, 2] - ahead[:, 1:]
    pairs = np.flatnonzero((np.abs(dx) <= side[:, None]) & (dy >= up[:, None]) & (dy <= down[:, None]))
    track, spot = np.divmod(pairs, len(seen))
    far = np.hypot(dx.ravel()[pairs], dy.ravel()[pairs])
    grown = ~single[track]
    unlike = np.abs(np.log(seen[spot, 3]) - np.log(state.facts[track, 0]))
    cost = far + np.where(grown, 2.0 * np.minimum(unlike, 1.5), 0.0)
    near = np.flatnonzero(~grown | (far <= radius[track]))
    near = near[np.lexsort((cost[near], track[near]))]
    track, spot = track[near], spot[near]
    places = np.arange(len(track))
    rank = places - np.searchsorted(track, track)
    forks = np.where(single, _FORKS, np.where(marks < _GROWN, 2, 1))
    chosen = np.flatnonzero(rank < forks[track])
    chosen = chosen[np.argsort(rank[chosen], kind="stable")]
    track = track[chosen]
    return _Links(track, spot[chosen], np.where(single, _BLIND_RADIUS_PX, radius)[track])


def _ahead(recent: Column, marks: Whole, t_s: float, height: int) -> tuple[Column, Column]:
    """Where each track should be at `t_s`, n by (x, y), and how unsure that is, in errors of a single place.

    Straight sideways, by least squares; bending downwards, by least squares with what is expected of a fall as a prior. Time is
    counted from `t_s` on, so that the places are the constant terms of the two fits.
    """
    seen = np.arange(_FIT_POINTS) >= _FIT_POINTS - marks[:, None]
    t = np.where(seen, recent[..., 0] - t_s, 0.0)
    powers = np.empty((len(recent), 3, _FIT_POINTS))
    powers[:, 0], powers[:, 1] = seen, t
    np.multiply(t, t, out=powers[:, 2])
    sums = powers @ np.concatenate([powers[:, 1:].transpose(0, 2, 1), recent[..., 1:]], axis=2)
    (s1, s2, x0, y0), (_, s3, x1, y1), (_, s4, _, y2) = sums.transpose(1, 2, 0)
    n = powers[:, 0].sum(axis=1)
    stiff = (PLACE_PX / (0.5 * BEND_PRIOR[1] * height)) ** 2
    s4 = s4 + stiff
    y2 = y2 + stiff * 0.5 * BEND_PRIOR[0] * height
    single = marks == 1
    c0, c1, c2 = s2 * s4 - s3 * s3, s2 * s3 - s1 * s4, s1 * s3 - s2 * s2
    straight = np.where(single, 1.0, n * s2 - s1 * s1)
    bent = np.where(single, 1.0, n * c0 + s1 * c1 + s2 * c2)
    places = np.empty((len(recent), 2))
    places[:, 0] = (s2 * x0 - s1 * x1) / straight
    places[:, 1] = (c0 * y0 + c1 * y1 + c2 * y2) / bent
    places[single] = recent[single, -1, 1:]
    return places, np.sqrt(1.0 + c0 / bent)


def _gate(state: TrackSet, t_s: float, unsure: Column) -> Column:
    """How far from where it should be a spot may lie, px."""
    newest, marks = state.recent[:, -1], state.counts[:, 0]
    older = np.where((marks >= 3)[:, None], state.recent[:, -3], state.recent[:, -2])
    span_s = np.where(marks >= 2, newest[:, 0] - older[:, 0], 1.0)
    speed = np.where(marks >= 2, np.hypot(newest[:, 1] - older[:, 1], newest[:, 2] - older[:, 2]) / span_s, 0.0)
    loose = 1.5 + 0.3 * state.facts[:, 0] + 0.1 * speed * (t_s - newest[:, 0])
    return np.asarray(loose * np.minimum(unsure, 3.0), np.float64)


def _alive(marks: Whole, unseen_s: Column, period_s: float) -> NDArray[np.bool_]:
    patience = max(_PATIENCE_S, _PATIENCE_PICTURES * period_s)
    allowed = np.where(marks == 1, 1.5 * period_s, np.where(marks < _GROWN, 2.5 * period_s, patience))
    return np.asarray((unseen_s <= allowed) & (marks < FALL_MAX_POINTS), np.bool_)


def _settled(tracks: _Grown, t_s: float) -> NDArray[np.bool_]:
    """It stays where it is, or has gone on for longer than anything falls."""
    stays = t_s - tracks.facts[:, 2] > _STAY_S
    old = t_s - tracks.facts[:, 1] > _AGE_S
    return np.asarray((stays | old) & (tracks.counts[:, 0] >= _GROWN), np.bool_)
