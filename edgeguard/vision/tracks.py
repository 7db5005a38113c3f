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
_FIT_PLACES: Final = np.arange(_FIT_POINTS)[:, None]
_TERMS: Final = 10
"""Sums over the places: 1, t, t2, t3, t4, x, t x, y, t y, t2 y."""
_MINORS: Final = np.array(((2, 2, 1, 0, 1, 0, 2, 0), (4, 3, 3, 4, 2, 2, 5, 6), (3, 1, 2, 2, 0, 1, 1, 1), (3, 4, 2, 2, 3, 1, 6, 5)))
"""Of these sums: products less products are the adjugate of the normal matrix, row by row from its diagonal on, and the numerators
of the straight line in x."""
_SYMMETRIC: Final = np.array(((0, 1, 2), (1, 3, 4), (2, 4, 5)))
_BY_POWER: Final = np.array((0, 1, 2, 4, 5))
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
_OWN_WAY: Final = 6
"""From so many marks on a track that another overtakes is worth a look."""
_APART_S: Final = 0.1
"""Guesses at one thing began at nearly the same time."""


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


Chain = tuple[list[float], float, "Chain | None"]
"""What was seen, the share of its place in which the track expected it, and what was before."""


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
_SIDE: Final = _THICKNESS + 8
_DOWN: Final = _SIDE + 2
_COLUMNS: Final = _SIDE + 11


def _no_rows() -> Column:
    return np.empty((0, _COLUMNS))


@dataclass(frozen=True, slots=True)
class TrackSet:
    """State: the live tracks of one camera, best first."""

    rows: Column = field(default_factory=_no_rows)
    """One a track. The newest marks as second, x, y each, the last of them at the end, noughts where there are no more yet; then
    thickness, second of the first mark, second, x, y of the last place that it has left, number of marks, number of the newest spot
    and of the one before it (-1: none); then where it is going, which is worked out when a mark comes, not in every picture."""
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
        (t_s, x, y, thickness, contrast, length, chance), share, at = at
        marks.append(Mark(t_s, x, y, thickness, contrast, length, chance * share))
    return Track(tuple(reversed(marks)))


@dataclass(frozen=True, slots=True)
class _Links:
    """Which track may go on with which spot, and how far from the expected place that spot was allowed to be."""

    track: Whole
    spot: Whole
    radius: Column
    moved: NDArray[np.bool_]
    """Whether it is elsewhere now than where it stayed."""


def follow(state: TrackSet, t_s: float, seen: Sightings, height: int) -> tuple[TrackSet, tuple[Track, ...]]:
    """The tracks after a picture, and those that have ended with it. `height` of the picture gives the scale of speeds."""
    step_s = min(t_s - state.last_s, 0.5) if state.last_s >= 0 else state.period_s
    steady = 0.2 * state.period_s < step_s < 5 * state.period_s
    period_s = state.period_s + 0.1 * (step_s - state.period_s) if steady else state.period_s
    if not len(state) and not len(seen):
        return TrackSet(spots=state.spots, period_s=period_s, last_s=t_s), ()
    rows = state.rows
    marks, unseen_s = rows[:, _MARKS], t_s - rows[:, _NEWEST_S]
    links = _links(rows, unseen_s, seen, height)
    extended = np.zeros(len(rows), np.bool_)
    extended[links.track] = True
    alive = _alive(marks, unseen_s, period_s)
    stays = (alive & ~(extended & (marks > 1))).nonzero()[0]
    lost = (~(alive | extended) & (marks >= _GROWN)).nonzero()[0]
    free = np.ones(len(seen), np.bool_)
    free[links.spot[marks[links.track] + 1 >= _GROWN]] = False
    kept, over = _ranked(state, links, stays, t_s)
    fresh = free.nonzero()[0][: FALL_MAX_TRACKS - len(kept)]
    sightings: list[list[float]] = seen.tolist()
    known = _chains(state, sightings, links)
    ended = (*[state.chains[i] for i in lost], *[known[i] for i in over.tolist()])
    chains = (*[known[i] for i in kept.tolist()], *[(sightings[i], 1.0, None) for i in fresh.tolist()])
    after = TrackSet(_grown(state, seen, links, kept, fresh, height), chains, state.spots + len(seen), period_s, t_s)
    return after, tuple(_track(chain) for chain in ended)


def _ranked(state: TrackSet, links: _Links, stays: Whole, t_s: float) -> tuple[Whole, Whole]:
    """What has gone on and what waits, best first and each but once, as many as are kept; and what is over: it stays where it is,
    has gone on for longer than anything falls, or was overtaken: it had a way of its own until another came to the same spots (a
    throw that goes behind a car). Numbers of links, then of the state's tracks."""
    rows, n_links = state.rows, len(links.track)
    source = np.concatenate([links.track, stays])
    marks, left_s, begun_s = rows[source, _MARKS], rows[source, _LEFT_S], rows[source, _FIRST_S]
    overtaken = np.empty(0, np.intp)
    marks[:n_links] += 1
    left_s[:n_links][links.moved] = t_s
    order = (-marks).argsort(kind="stable")
    if n_links > 1:
        # Only what went on can be there twice: guesses that parted from each other and came to the same two spots.
        pairs = links.spot * (state.spots + 1.0) + rows[links.track, _NEWEST]
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        alike = np.lexsort((place[:n_links], pairs))
        pairs = pairs[alike]
        twins = (pairs[1:] == pairs[:-1]).nonzero()[0]
        if len(twins):
            again, other = alike[twins + 1], alike[twins]
            apart = np.abs(begun_s[again] - begun_s[other]) > _APART_S
            overtaken = again[apart & (marks[again] >= _OWN_WAY)]
            once = np.ones(len(order), np.bool_)
            once[place[again]] = False
            order = order[once]
    origins = np.concatenate([np.arange(n_links), n_links + stays])
    still = (left_s < t_s - _STAY_S) | (begun_s < t_s - _AGE_S)
    worn = (still & (marks >= _GROWN))[order]
    return origins[order[~worn]][:FALL_MAX_TRACKS], origins[np.concatenate([order[worn], overtaken])]


def _grown(state: TrackSet, seen: Sightings, links: _Links, kept: Whole, fresh: Whole, height: int) -> Column:
    """The rows of `kept` links and tracks, and of what begins with a `fresh` spot."""
    n_links, n_kept = len(links.track), len(kept)
    on = (kept < n_links).nonzero()[0]
    link = kept[on]
    source = kept - n_links
    source[on] = links.track[link]
    grown = np.zeros((n_kept + len(fresh), _COLUMNS))
    old = grown[:n_kept]
    state.rows.take(source, axis=0, out=old, mode="clip")
    if len(on):
        went, spot, moved = old[on], links.spot[link], links.moved[link]
        now = seen[spot]
        went[:, :_NEWEST_S] = went[:, 3:_THICKNESS].copy()
        went[:, _NEWEST_S:_FIRST_S] = now[:, :4]
        went[moved, _LEFT_S:_MARKS] = now[moved, :3]
        went[:, _MARKS] += 1
        went[:, _BEFORE] = went[:, _NEWEST]
        went[:, _NEWEST] = state.spots + spot
        _aim(went, height)
        old[on] = went
    begun, now = grown[n_kept:], seen[fresh]
    begun[:, _NEWEST_S:_FIRST_S] = now[:, :4]
    begun[:, _FIRST_S] = now[:, 0]
    begun[:, _LEFT_S:_MARKS] = now[:, :3]
    begun[:, _MARKS] = 1
    begun[:, _NEWEST] = state.spots + fresh
    begun[:, _BEFORE] = -1
    begun[:, _SIDE], begun[:, _DOWN] = now[:, 1], now[:, 2]
    return grown


def _aim(rows: Column, height: int) -> None:
    """Write into rows of two marks or more where they are going from their newest mark on: x and y as polynomials of the time since
    then, how unsure that is in errors of a single place, squared, less one, and the speed, px/s.

    Straight sideways, by least squares; bending downwards, by least squares with what is expected of a fall as a prior.
    """
    recent = np.ascontiguousarray(rows[:, :_THICKNESS].T).reshape(_FIT_POINTS, 3, -1)
    terms = np.empty((_TERMS, _FIT_POINTS, len(rows)))
    t, t2 = terms[1], terms[2]
    np.greater_equal(_FIT_PLACES, _FIT_POINTS - rows[:, _MARKS], out=terms[0], casting="unsafe")
    np.subtract(recent[:, 0], recent[-1, 0], out=t)
    np.multiply(t, terms[0], out=t)
    np.multiply(t, t, out=t2)
    np.multiply(terms[1:3], t2, out=terms[3:5])
    np.multiply(terms[:2], recent[:, 1], out=terms[5:7])
    np.multiply(terms[:3], recent[:, 2], out=terms[7:])
    sums = np.add.reduce(terms, axis=1)
    stiff = (PLACE_PX / (0.5 * BEND_PRIOR[1] * height)) ** 2
    sums[4] += stiff
    sums[9] += stiff * 0.5 * BEND_PRIOR[0] * height
    one, two, three, four = sums[_MINORS]
    minors = one * two - three * four
    minors[:6] /= np.add.reduce(sums[:3] * minors[:3], axis=0)
    aim = np.empty((_COLUMNS - _SIDE, len(rows)))
    np.divide(minors[6:], sums[0] * sums[2] - sums[1] * sums[1], out=aim[:2])
    np.add.reduce(minors[_SYMMETRIC] * sums[7:], axis=1, out=aim[2:5])
    aim[5:10] = minors[_BY_POWER]
    aim[6:9] *= 2.0
    aim[7] += minors[3]
    way = recent[-1] - np.where(rows[:, _MARKS] >= 3, recent[-3], recent[-2])
    np.divide(np.hypot(way[1], way[2]), way[0], out=aim[10])
    rows[:, _SIDE:] = aim.T


def _chains(state: TrackSet, sightings: list[list[float]], links: _Links) -> list[Chain]:
    """The marks of every link, then of every one of the state's tracks."""
    before = state.chains
    shares = np.minimum(1.0, math.pi * links.radius**2 / 1024.0)
    went = zip(links.spot.tolist(), shares.tolist(), links.track.tolist(), strict=True)
    return [*[(sightings[spot], share, before[track]) for spot, share, track in went], *before]


def _links(rows: Column, unseen_s: Column, seen: Sightings, height: int) -> _Links:
    """Every track with the spots it may have become: a beginner with several, one that has shown its way with the best."""
    if not len(rows) or not len(seen):
        return _Links(np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0), np.empty(0, np.bool_))
    marks = rows[:, _MARKS]
    single = marks == 1
    x0, x1, y0, y1, y2, q0, q1, q2, q3, q4, speed = np.ascontiguousarray(rows[:, _SIDE:].T)
    ahead_x, ahead_y = x0 + unseen_s * x1, y0 + unseen_s * (y1 + unseen_s * y2)
    unsure = np.sqrt(1.0 + q0 + unseen_s * (q1 + unseen_s * (q2 + unseen_s * (q3 + unseen_s * q4))))
    radius = (1.5 + 0.3 * rows[:, _THICKNESS] + 0.1 * speed * unseen_s) * np.minimum(unsure, 3.0)
    side, up, down = np.where(single, _REACH_RATE * (unseen_s * height) + 4 * _REACH_SIGN, _REACH_SIGN * radius)
    x, y = np.ascontiguousarray(seen[:, 1:3].T)
    # Of all pairs few lie in the same columns: found from left to right, what else is asked is asked of these alone.
    order = x.argsort()
    across = x[order]
    first = across.searchsorted(ahead_x - side)
    many = across.searchsorted(ahead_x + side, "right") - first
    track = np.arange(len(rows)).repeat(many)
    spot = order[np.arange(len(track)) + (first + many - many.cumsum())[track]]
    dx, dy = x[spot] - ahead_x[track], y[spot] - ahead_y[track]
    near = ((dy >= up[track]) & (dy <= down[track])).nonzero()[0]
    track, spot, far = track[near], spot[near], np.hypot(dx[near], dy[near])
    unlike = np.abs(np.log(seen[spot, 3] / rows[track, _THICKNESS]))
    begins = single[track]
    cost = far + np.where(begins, 0.0, 2.0 * np.minimum(unlike, 1.5))
    near = (begins | (far <= radius[track])).nonzero()[0]
    near = near[np.lexsort((spot[near], cost[near], track[near]))]
    track, spot = track[near], spot[near]
    rank = np.arange(len(track)) - track.searchsorted(track)
    chosen = (rank < _FORKS[np.minimum(marks[track], _GROWN).astype(np.intp)]).nonzero()[0]
    chosen = chosen[rank[chosen].argsort(kind="stable")]
    track, spot = track[chosen], spot[chosen]
    left = rows[track, _LEFT_S + 1 : _LEFT_S + 3]
    moved = np.hypot(x[spot] - left[:, 0], y[spot] - left[:, 1]) >= _STAY_PX
    return _Links(track, spot, np.where(single, _BLIND_RADIUS_PX, radius)[track], moved)


def _alive(marks: Column, unseen_s: Column, period_s: float) -> NDArray[np.bool_]:
    patience = max(_PATIENCE_S, _PATIENCE_PICTURES * period_s)
    allowed = np.array((0.0, 1.5 * period_s, 2.5 * period_s, 2.5 * period_s, patience))[np.minimum(marks, _GROWN).astype(np.intp)]
    return np.asarray((unseen_s <= allowed) & (marks < FALL_MAX_POINTS), np.bool_)
