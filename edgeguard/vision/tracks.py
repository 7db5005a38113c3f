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
from edgeguard.vision.spots import Column, Spots

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


def follow(state: TrackSet, t_s: float, spots: Spots, busy: NDArray[np.float64], height: int) -> tuple[TrackSet, tuple[Track, ...]]:
    """The tracks after a picture, and those that have ended with it. `height` of the picture gives the scale of speeds."""
    step_s = min(t_s - state.last_s, 0.5) if state.last_s >= 0 else state.period_s
    steady = 0.2 * state.period_s < step_s < 5 * state.period_s
    period_s = state.period_s + 0.1 * (step_s - state.period_s) if steady else state.period_s
    if not len(state) and not len(spots):
        return TrackSet(spots=state.spots, period_s=period_s, last_s=t_s), ()
    links = _links(state, t_s, spots, height)
    marks = state.counts[:, 0]
    extended = np.zeros(len(state), np.bool_)
    extended[links.track] = True
    alive = _alive(marks, t_s - state.recent[:, -1, 0], period_s)
    stays = np.flatnonzero(alive & ~(extended & (marks > 1)))
    lost = np.flatnonzero(~alive & ~extended & (marks >= _GROWN))
    taken = np.zeros(len(spots), np.bool_)
    taken[links.spot[marks[links.track] + 1 >= _GROWN]] = True
    fresh = np.flatnonzero(~taken)
    grown, chosen = _grown(state, t_s, spots, links, stays, fresh)
    worn = _settled(grown, t_s)
    kept = np.flatnonzero(~worn)[:FALL_MAX_TRACKS]
    tired = np.flatnonzero(worn)
    chains = _chains(state, t_s, spots, busy, links, chosen[np.concatenate([kept, tired])])
    ended = (*(_track(state.chains[i]) for i in lost), *(_track(chain) for chain in chains[len(kept) :]))
    after = TrackSet(
        grown.recent[kept],
        grown.facts[kept],
        grown.counts[kept],
        tuple(chains[: len(kept)]),
        state.spots + len(spots),
        period_s,
        t_s,
    )
    return after, ended


def _grown(state: TrackSet, t_s: float, spots: Spots, links: _Links, stays: Whole, fresh: Whole) -> tuple[TrackSet, Whole]:
    """All tracks after this picture, best first and each but once, without chains; and where each comes from: a row of the links,
    then of the state's tracks, then a spot."""
    linked, n_links, n_old = links.track, len(links.track), len(links.track) + len(stays)
    n = n_old + len(fresh)
    born = np.concatenate([links.spot, fresh])
    places = np.column_stack([np.full(len(born), t_s), spots.centres[born]])
    recent = np.zeros((n, _FIT_POINTS, 3))
    recent[:n_links, :-1] = state.recent[linked, 1:]
    recent[n_links:n_old] = state.recent[stays]
    recent[:n_links, -1], recent[n_old:, -1] = places[:n_links], places[n_links:]
    facts = np.empty((n, 5))
    facts[:n_links], facts[n_links:n_old] = state.facts[linked], state.facts[stays]
    facts[n_old:, 1:] = np.column_stack([places[n_links:, 0], places[n_links:]])
    thickness = spots.thickness[born]
    facts[:n_links, 0], facts[n_old:, 0] = thickness[:n_links], thickness[n_links:]
    moved = np.hypot(recent[:, -1, 1] - facts[:, 3], recent[:, -1, 2] - facts[:, 4]) >= _STAY_PX
    facts[moved, 2:] = recent[moved, -1]
    counts = np.empty((n, 3), np.intp)
    counts[:n_links], counts[n_links:n_old], counts[n_old:] = state.counts[linked], state.counts[stays], (1, 0, -1)
    counts[:n_links, 0] += 1
    counts[:n_links, 2] = counts[:n_links, 1]
    counts[:n_links, 1], counts[n_old:, 1] = state.spots + links.spot, state.spots + fresh
    late = np.ones(n, np.intp)
    late[:n_links] = 0
    late[n_old:] = 2
    order = np.lexsort((late, -counts[:, 0], late == 2))
    _, first = np.unique(counts[order, 1] * (1 << 31) + counts[order, 2], return_index=True)
    best = order[np.sort(first)]
    origin = np.concatenate([np.arange(n_links), n_links + stays, n_links + len(state) + fresh])
    return TrackSet(recent[best], facts[best], counts[best]), origin[best]


def _chains(state: TrackSet, t_s: float, spots: Spots, busy: NDArray[np.float64], links: _Links, origins: Whole) -> list[Chain]:
    """The marks of tracks that come from `origins`."""
    thickness = spots.thickness
    length = np.maximum(spots.rows[:, 4], spots.rows[:, 5]) if len(spots) else thickness
    rows = np.column_stack([spots.centres, thickness, spots.rows[:, 7], length]).tolist()
    often = np.maximum(busy, 0.01).tolist()
    reach = np.minimum(1.0, math.pi * links.radius * links.radius / 1024.0).tolist()
    from_track, to_spot, n_links, n_state = links.track.tolist(), links.spot.tolist(), len(links.track), len(state)
    chains: list[Chain] = []
    for origin in origins.tolist():
        if origin < n_links:
            spot = to_spot[origin]
            chains.append((_mark(t_s, rows[spot], often[spot] * reach[origin]), state.chains[from_track[origin]]))
        elif origin < n_links + n_state:
            chains.append(state.chains[origin - n_links])
        else:
            spot = origin - n_links - n_state
            chains.append((_mark(t_s, rows[spot], often[spot]), None))
    return chains


def _mark(t_s: float, row: list[float], chance: float) -> Mark:
    x, y, thickness, contrast, length = row
    return Mark(t_s, x, y, thickness, contrast, length, chance)


def _links(state: TrackSet, t_s: float, spots: Spots, height: int) -> _Links:
    """Every track with the spots it may have become: a beginner with several, one that has shown its way with the best."""
    if not len(state) or not len(spots):
        return _Links(np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0))
    marks = state.counts[:, 0]
    ahead, unsure = _ahead(state.recent, marks, t_s, height)
    dx = spots.centres[None, :, 0] - ahead[:, None, 0]
    dy = spots.centres[None, :, 1] - ahead[:, None, 1]
    far = np.hypot(dx, dy)
    ratio = np.abs(np.log(spots.thickness)[None, :] - np.log(state.facts[:, None, 0]))
    radius = _gate(state, t_s, unsure)
    cost = np.where(far <= radius[:, None], far + 2.0 * np.minimum(ratio, 1.5), np.inf)
    single = marks == 1
    if single.any():
        dt_s = (t_s - state.recent[single, -1, 0])[:, None] * height
        side, up, down = (reach * dt_s for reach in _REACH)
        near = (np.abs(dx[single]) <= side + 4) & (dy[single] >= up - 4) & (dy[single] <= down + 4)
        cost[single] = np.where(near, far[single], np.inf)
    tracks, found, rows = [], [], np.arange(len(state))
    for fork in range(_FORKS):
        best = cost.argmin(axis=1)
        ok = np.isfinite(cost[rows, best]) & ((fork == 0) | (marks < (_GROWN if fork == 1 else 2)))
        tracks.append(rows[ok])
        found.append(best[ok])
        if fork + 1 < _FORKS:
            cost[rows, best] = np.inf
    track = np.concatenate(tracks)
    return _Links(track, np.concatenate(found), np.where(single, _BLIND_RADIUS_PX, radius)[track])


def _ahead(recent: Column, marks: Whole, t_s: float, height: int) -> tuple[Column, Column]:
    """Where each track should be at `t_s`, n by (x, y), and how unsure that is, in errors of a single place.

    Straight sideways, by least squares; bending downwards, by least squares with what is expected of a fall as a prior.
    """
    seen = np.arange(_FIT_POINTS)[None, :] >= _FIT_POINTS - marks[:, None]
    count = np.minimum(marks, _FIT_POINTS).astype(np.float64)
    t = np.where(seen, recent[..., 0] - t_s, 0.0)
    mean_t = t.sum(axis=1) / count
    s = np.where(seen, t - mean_t[:, None], 0.0)
    u = -mean_t
    middle = np.where(seen[..., None], recent[..., 1:], 0.0).sum(axis=1) / count[:, None]
    off = np.where(seen[..., None], recent[..., 1:] - middle[:, None, :], 0.0)
    squares = s * s
    s2 = np.maximum(squares.sum(axis=1), 1e-9)
    slopes = (s[..., None] * off).sum(axis=1) / s2[:, None]
    s3, s4 = (squares * s).sum(axis=1), (squares * squares).sum(axis=1)
    stiff = (PLACE_PX / (0.5 * BEND_PRIOR[1] * height)) ** 2
    free = s4 + stiff - s2 * s2 / count - s3 * s3 / s2
    bend = ((squares * off[..., 1]).sum(axis=1) + stiff * 0.5 * BEND_PRIOR[0] * height - s3 * slopes[:, 1]) / free
    turn = u * u - s2 / count - s3 / s2 * u
    places = middle + slopes * u[:, None]
    places[:, 1] += bend * turn
    single = marks == 1
    places[single] = recent[single, -1, 1:]
    return places, np.sqrt(1.0 + 1.0 / count + u * u / s2 + turn * turn / free)


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


def _settled(tracks: TrackSet, t_s: float) -> NDArray[np.bool_]:
    """It stays where it is, or has gone on for longer than anything falls."""
    stays = t_s - tracks.facts[:, 2] > _STAY_S
    old = t_s - tracks.facts[:, 1] > _AGE_S
    return np.asarray((stays | old) & (tracks.counts[:, 0] >= _GROWN), np.bool_)
