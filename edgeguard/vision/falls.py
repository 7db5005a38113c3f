"""From tracks to falls: which paths only gravity explains, and which of them are one and the same throw.

`step` is pure: state, one picture's spots and its time in, state and finished falls out. The same numbers give the same falls, from
a file at any speed and from a camera.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgeguard.core.camera_limits import FALL_GATHERED, FALL_MAX_PENDING, FALL_MAX_RECENT
from edgeguard.vision.facade import GRAVITY_M_S2, Plane
from edgeguard.vision.gathering import Memory, gathered, near_px
from edgeguard.vision.habits import Habits, came_up, habitual, remember
from edgeguard.vision.sinking import Sunk, is_one_of_many, remembered, sinks, sunk
from edgeguard.vision.spots import Spots
from edgeguard.vision.tracks import GAP_S, Mark, TrackSet, follow
from edgeguard.vision.trajectory import Path, best_part, fit

_HOLD_S: Final = 0.8
"""A fall waits so long for its twin in a window pane and for its own continuation before it is told."""
_HOLD_SMALL_S: Final = 1.1
_HOLD_SLOW_S: Final = 1.8
"""What sinks waits for what sinks beside it: leaves, snow."""
_SMALL_PX: Final = 4.0
"""What is so thin may be a drop of water: it waits a little longer, for the next drop to give itself away."""
_QUIET_S: Final = 1.2
"""What was on its way this soon after the first picture: where it came from was not seen."""
_EXPOSURE_MOST_S: Final = 0.04
_PIECE_S: Final = 2.0
_LEAST_PIECE: Final = 4
"""Marks of a part of a way that say where it goes on."""
_LEAST_WAY_PX: Final = 6.0
_FEW_S: Final = 0.05
"""With so much time from picture to picture they begin to be few."""
_WEIGHT_MOST: Final = 1.7
_NEARLY_EACH: Final = 0.88
_SCATTER: Final = 2.0
_SCATTER_PX: Final = 0.8
"""Marks of a path lie so many times its scatter, and so many px, from it at most: chance had no more room than that."""
_CROWD_S: Final = 2.0
_CROWDED: Final = 20.0
"""With so many spots a picture they make chance paths, and more is asked of one that counts."""
_ECHO_S: Final = 1.2
"""What begins near a told fall within this is its bounce, its splinters or its shadow."""


class Veto(StrEnum):
    """Why a track is no fall; the first test that it fails."""

    RAGGED = "ragged"
    SHORT = "short"
    GAPS = "gaps"
    SLOW = "slow"
    EVEN = "even"
    WEAK = "weak"
    SIDEWAYS = "sideways"
    RISES = "rises"
    CURVED = "curved"
    CHANCE = "chance"
    EARLY = "early"
    LONG = "long"
    GRAVITY = "gravity"
    HABIT = "habit"
    MANY = "many"


_PAST_HELP: Final = frozenset({Veto.SHORT, Veto.EVEN, Veto.GAPS})
"""In a crowd no more is looked for of these: of 3,100 such tracks in rain and snow none became a fall by it."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known of the picture beforehand."""

    width: int
    height: int
    plane: Plane | None = None
    """Where floors are; with it gravity is measured in m/s2."""
    slow: bool = False
    """Whether things that sink are told too."""


@dataclass(frozen=True, slots=True)
class Fall:
    """One throw, px and seconds of the video."""

    path: Path
    confidence: float
    merged: int = 0
    """Twins and pieces that were taken for the same throw."""
    slow: bool = False
    """It sank, carried by the air: a class of its own, of less confidence."""


@dataclass(frozen=True, slots=True)
class FallState:
    """All that is remembered from picture to picture."""

    scene: Scene
    tracks: TrackSet = field(default_factory=TrackSet)
    begun_s: float | None = None
    """When the first picture was."""
    habits: Habits = field(default_factory=Habits)
    memory: Memory = field(default_factory=Memory)
    crowd: float = 0.0
    """Spots a picture, lately: a few by day, dozens in rain and snow."""
    pieces: tuple[Path, ...] = ()
    """Paths that ended lately, falls or not."""
    pending: tuple[Fall, ...] = ()
    recent: tuple[Fall, ...] = ()
    sunk: tuple[Sunk, ...] = ()
    vetoes: tuple[tuple[Veto, int], ...] = ()
    """How many tracks each test has turned away."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers of the tests; one setting for every camera."""

    least_marks: int = 6
    least_span_s: float = 0.2
    least_seen: tuple[float, float] = (0.5, 0.4)
    """Marks per picture of its span: of any path, and of one that is long and sharply bent."""
    least_fall_px: float = 12.0
    least_fall_height: float = 0.12
    """Of the picture's height."""
    least_fall_thickness: float = 1.5
    bend_height: tuple[float, float] = (0.14, 10.0)
    """Acceleration in picture heights a second squared: the second is g where the picture shows one metre."""
    bend_thickness: tuple[float, float] = (8.0, 1500.0)
    """Acceleration in diameters a second squared: g is 16 for 60 cm, 330 for 3 cm; the smallest look larger than they are."""
    bend_length: float = 8.0
    """Acceleration in lengths a second squared, the streak taken off: g is 8 for 1.2 m; cars that come nearer show 3 to 7."""
    bend_sigmas: float = 18.0
    ragged: float = 0.035
    """Distance from the fit over the way down."""
    gain: float = 1.4
    """Speed downwards at the end over that at the beginning."""
    steep: float = 0.6
    """Speed downwards over speed sideways at the end."""
    side_bend: float = 0.8
    """Acceleration sideways over that downwards."""
    rise: float = 0.4
    """Climb before the highest point over the fall after it."""
    chance_log10: float = -8.0
    least_confidence: float = 0.79
    """What passes each test barely is none: birds and cars do, now and then."""
    clear_fall_height: float = 0.2
    short_confidence: float = 2.5
    """So much more is asked of what falls through less than that of the picture's height, a height."""


LIMITS: Final = Limits()
CROWDED: Final = Limits(gain=1.9, least_fall_height=0.18, bend_sigmas=20.0, least_seen=(0.67, 0.67))
"""In rain and snow, where chance has more to draw from: flakes that take each other's place were never seen in more than 0.65 of
the pictures, throws never in less than 0.71."""


def judge(path: Path, scene: Scene, period_s: float, crowd: float = 0.0, memory: Memory | None = None) -> Veto | float:
    """The confidence that `path` is a fall, or why it is none; `crowd`: how many things stand out in a picture; `memory`: which."""
    limits = CROWDED if crowd > _CROWDED else LIMITS
    veto = _too_little(path, scene, period_s, limits) or _not_gravity(path, scene, period_s, limits)
    if veto is not None:
        return veto
    weight = _weight(path, period_s)
    chance = _chance_log10(path, period_s, weight, 1.0 if memory is None else memory.alike(path))
    if chance > limits.chance_log10:
        return Veto.CHANCE
    confidence = _confidence(path, chance, weight)
    short = max(0.0, limits.clear_fall_height - path.fall_px / scene.height)
    return confidence if confidence >= limits.least_confidence + limits.short_confidence * short else Veto.WEAK


def _too_little(path: Path, scene: Scene, period_s: float, limits: Limits) -> Veto | None:
    """Not enough was seen to say anything."""
    n = len(path.marks)
    if n < limits.least_marks and not (n >= 5 and period_s > 0.07):
        return Veto.SHORT
    least_px = max(limits.least_fall_px, limits.least_fall_height * scene.height, limits.least_fall_thickness * path.thickness)
    if path.span_s < limits.least_span_s or path.fall_px < least_px:
        return Veto.SHORT
    sharp = path.fall_px >= 0.4 * scene.height and path.bend >= 20.0 * path.bend_error
    if n < limits.least_seen[sharp] * (path.span_s / period_s + 1):
        return Veto.GAPS
    return None


def _not_gravity(path: Path, scene: Scene, period_s: float, limits: Limits) -> Veto | None:
    """Something else than a free fall explains the way it went."""
    veto = next((veto for veto, holds in _vetoes(path, scene, period_s, limits) if holds), None)
    if veto is None and scene.plane is not None:
        measured = scene.plane.gravity_m_s2(path)
        return None if GRAVITY_M_S2[0] <= measured <= GRAVITY_M_S2[1] else Veto.GRAVITY
    return veto


def _vetoes(path: Path, scene: Scene, period_s: float, limits: Limits) -> Iterator[tuple[Veto, bool]]:
    """The tests of the way alone, and whether it fails them."""
    bend = path.bend
    yield Veto.EVEN, bend < limits.bend_height[0] * scene.height
    yield Veto.CURVED, bend > limits.bend_height[1] * scene.height
    yield Veto.SLOW, not limits.bend_thickness[0] <= bend / path.thickness <= limits.bend_thickness[1]
    yield Veto.LONG, bend < limits.bend_length * path.length_px(min(period_s, _EXPOSURE_MOST_S))
    yield Veto.WEAK, bend < limits.bend_sigmas * path.bend_error
    yield Veto.RAGGED, path.rms_px > limits.ragged * path.fall_px
    first, last = path.velocity(path.start_s), path.velocity(path.end_s)
    yield Veto.EVEN, last[1] < limits.gain * first[1]
    yield Veto.SIDEWAYS, last[1] < limits.steep * abs(last[0])
    yield Veto.RISES, path.rise_px > limits.rise * path.fall_px
    yield Veto.CURVED, abs(2 * path.side[2]) > limits.side_bend * bend


def _weight(path: Path, period_s: float) -> float:
    """What a mark counts for: more where pictures are few, and nearly each of them shows the thing."""
    if len(path.marks) < _NEARLY_EACH * (path.span_s / period_s + 1):
        return 1.0
    return min(_WEIGHT_MOST, max(1.0, period_s / _FEW_S))


def _chance_log10(path: Path, period_s: float, weight: float, alike: float) -> float:
    """Logarithm of the expected number of such paths among unrelated spots: three marks make a parabola, the rest must hit it as
    closely as they do and be `alike`, and each picture that was left out could have been any other."""
    left_out = max(0.0, path.span_s / period_s + 1 - len(path.marks))
    near = (_SCATTER * path.rms_px + _SCATTER_PX) ** 2
    found = 0.0
    for mark in path.marks[3:]:
        allowed = near_px(mark.thickness, math.hypot(*path.velocity(mark.t_s)))
        found += math.log10(max(mark.chance * alike * min(1.0, near / allowed**2), 1e-6))
    return 6.0 + weight * (0.3 * left_out + found)


def _confidence(path: Path, chance: float, weight: float) -> float:
    """0.5 for what passes barely, towards 0.99 for a long, clean fall."""
    lengths, sigmas = path.fall_px / max(path.thickness, 3.0), path.bend / path.bend_error
    evidence = (weight * len(path.marks) - 5) / 12, math.log(sigmas / 14.0) / 2.0, -chance / 30, lengths / 12
    return round(0.5 + 0.49 * sum(min(1.0, part) for part in evidence) / len(evidence), 3)


def step(state: FallState, t_s: float, spots: Spots, busy: NDArray[np.float64]) -> tuple[FallState, tuple[Fall, ...]]:
    """After the picture at `t_s`: the state, and the falls about which everything is known now."""
    seen = spots.sightings(t_s, busy)
    tracks, ended = follow(state.tracks, t_s, seen, state.scene.height)
    begun_s = t_s if state.begun_s is None else state.begun_s
    crowd = state.crowd + min(0.5, tracks.period_s / _CROWD_S) * (len(spots) - state.crowd)
    memory = state.memory.with_picture(t_s, seen)
    state = replace(state, tracks=tracks, begun_s=begun_s, memory=memory, crowd=crowd)
    left, ragged = FALL_GATHERED, 0
    for track in sorted(ended, key=len, reverse=True):
        if (path := _worth_weighing(track.marks)) is None:
            ragged += 1
        else:
            hopeful = promising(path, state.scene)
            left -= hopeful
            state = _weighed(state, path, hopeful and left >= 0)
        if state.scene.slow and sinks(track.marks, state.scene.height, state.scene.plane, tracks.period_s):
            state = _sunk(state, track.marks)
    return _told(_turned_away(state, Veto.RAGGED, ragged) if ragged else state, t_s)


def _worth_weighing(marks: tuple[Mark, ...]) -> Path | None:
    """The smooth part of a track; None for what trembles on the spot."""
    rows = [mark[2] for mark in marks]
    return best_part(marks) if max(rows) - min(rows) >= _LEAST_WAY_PX else None


def promising(path: Path, scene: Scene) -> bool:
    """It goes downwards ever faster, as far as it was seen; worth looking for more of it."""
    return (
        path.fall_px >= max(_LEAST_WAY_PX, 0.02 * scene.height)
        and path.fall_px > 2 * path.rise_px
        and path.bend > 0.5 * path.bend_error
        and path.velocity(path.end_s)[1] > 0.3 * abs(path.velocity(path.end_s)[0])
    )


def _weighed(state: FallState, path: Path, gathers: bool) -> FallState:
    """After a track has ended, of which `path` is the smooth part: a fall by itself, with more of its way, or none."""
    habits, scene, period_s = remember(state.habits, path), state.scene, state.tracks.period_s
    verdict = judge(path, scene, period_s, state.crowd, state.memory)
    if gathers and not (state.crowd > _CROWDED and verdict in _PAST_HELP):
        path = gathered(path, state.memory, scene.height) or path
        verdict = judge(path, scene, period_s, state.crowd, state.memory)
    if isinstance(verdict, Veto):
        for piece in _neighbours(state.pieces, path):
            whole = _patched(piece, path)
            better = judge(whole, scene, period_s, state.crowd, state.memory) if whole is not None else verdict
            if whole is not None and not isinstance(better, Veto):
                path, verdict = whole, better
                break
    if not isinstance(verdict, Veto) and any(_swings(piece, path) for piece in state.pieces):
        verdict = Veto.RISES
    since_s = path.end_s - _PIECE_S
    pieces = (*[piece for piece in state.pieces if piece.marks[-1][0] > since_s], path)[-FALL_MAX_PENDING:]
    if not isinstance(verdict, Veto) and state.begun_s is not None and path.start_s < state.begun_s + _QUIET_S:
        verdict = Veto.EARLY
    if isinstance(verdict, Veto):
        return replace(state, habits=habits, pieces=pieces, vetoes=_counted(state.vetoes, verdict))
    return _taken(replace(state, habits=habits, pieces=pieces), Fall(path, verdict))


def _sunk(state: FallState, marks: tuple[Mark, ...]) -> FallState:
    """Put on hold as a slow fall, unless it belongs to what is known of already."""
    path = fit(marks)
    sunk_before, goes_on = remembered(state.sunk, sunk(marks), state.scene.height)
    state = replace(state, sunk=sunk_before)
    known = any(same_throw(path, other.path, state.scene) for other in (*state.pending, *state.recent))
    early = state.begun_s is not None and path.start_s < state.begun_s + _QUIET_S
    if goes_on or known or early or state.crowd > _CROWDED:
        return state
    confidence = round(0.3 + 0.3 * min(1.0, path.fall_px / (0.5 * state.scene.height)), 3)
    return replace(state, pending=(*state.pending, Fall(path, confidence, slow=True))[-FALL_MAX_PENDING:])


def _swings(before: Path, path: Path) -> bool:
    """What goes down here has come up just `before`: two tracks of one thing that swings, which no one parabola explains."""
    first, gap_s = path.marks[0], path.start_s - before.end_s
    x, y = before.at(first.t_s)
    on_from = math.hypot(first.x - x, first.y - y) <= 10 + path.thickness + 0.3 * gap_s * math.hypot(*before.velocity(before.end_s))
    up_px = before.marks[0].y - min(mark.y for mark in path.marks)
    return 0 < gap_s <= GAP_S and on_from and up_px > LIMITS.rise * path.fall_px


def _neighbours(pieces: tuple[Path, ...], path: Path) -> Iterator[Path]:
    """The newest first: those that end about when `path` begins or begin when it ends, and are long enough to show a way."""
    if len(path.marks) < _LEAST_PIECE:
        return
    start_s, end_s = path.start_s, path.end_s
    for piece in reversed(pieces):
        marks = piece.marks
        first_s = marks[0][0]
        gap_s = start_s - marks[-1][0] if first_s <= start_s else first_s - end_s
        if -0.1 <= gap_s <= GAP_S and len(marks) >= _LEAST_PIECE:
            yield piece


def _patched(early: Path, late: Path) -> Path | None:
    """The path of two tracks that one fall explains: lost for a moment, or mistaken for another thing in between."""
    if early.start_s > late.start_s:
        early, late = late, early
    first, gap_s = late.marks[0], late.start_s - early.end_s
    x, y = early.at(first.t_s)
    if math.hypot(first.x - x, first.y - y) > 10 + early.thickness + 0.3 * gap_s * math.hypot(late.side[1], late.down[1]):
        return None
    marks = (*early.marks, *(mark for mark in late.marks if mark.t_s > early.end_s))
    whole = best_part(marks)
    return whole if whole is not None and len(whole.marks) >= 0.9 * len(marks) else None


def finish(state: FallState) -> tuple[FallState, tuple[Fall, ...]]:
    """At the end of a video: what is still in the air or on hold is judged with what there is."""
    empty = Spots.none()
    later = state.tracks.last_s + 1.0
    state, first = step(state, later, empty, np.empty(0))
    state, second = step(state, later + _HOLD_SLOW_S + 1.0, empty, np.empty(0))
    return state, (*first, *second)


def _turned_away(state: FallState, veto: Veto, tracks: int = 1) -> FallState:
    return replace(state, vetoes=_counted(state.vetoes, veto, tracks))


def _counted(vetoes: tuple[tuple[Veto, int], ...], veto: Veto, tracks: int = 1) -> tuple[tuple[Veto, int], ...]:
    counts = dict(vetoes)
    counts[veto] = counts.get(veto, 0) + tracks
    return tuple(sorted(counts.items()))


def _taken(state: FallState, fall: Fall) -> FallState:
    """Put on hold, joined with a twin or a piece of the same throw, or dropped as the echo of one that has been told."""
    for other in state.pending:
        if not other.slow and same_throw(fall.path, other.path, state.scene):
            rest = tuple(f for f in state.pending if f is not other)
            # a drop or a ball beside a throw goes as it does, and must not take it along when it gives itself away
            if (veto := _again(state, fall.path)) is not None:
                return _turned_away(state, veto)
            if (veto := _again(state, other.path)) is not None:
                return _taken(_turned_away(replace(state, pending=rest), veto), fall)
            return _taken(replace(state, pending=rest), joined(fall, other))
    if any(same_throw(fall.path, other.path, state.scene) for other in state.recent):
        return state
    return replace(state, pending=(*state.pending, fall)[-FALL_MAX_PENDING:])


def _told(state: FallState, t_s: float) -> tuple[FallState, tuple[Fall, ...]]:
    ready = tuple(fall for fall in state.pending if t_s - fall.path.end_s >= hold_s(fall))
    if not ready:
        return state, ()
    pending = tuple(fall for fall in state.pending if fall not in ready)
    for fall in ready:
        if fall.slow and is_one_of_many(state.sunk, fall.path.start_s):
            state = _turned_away(state, Veto.MANY)
            ready = tuple(other for other in ready if other is not fall)
        elif (veto := _again(state, fall.path)) is not None:
            state = _turned_away(state, veto)
            ready = tuple(other for other in ready if other is not fall)
    recent = tuple(fall for fall in (*state.recent, *ready) if t_s - fall.path.end_s < 10.0)[-FALL_MAX_RECENT:]
    return replace(state, pending=pending, recent=recent), ready


def _again(state: FallState, path: Path) -> Veto | None:
    """It is something that happens here again and again, or had come up before."""
    if habitual(state.habits, path, state.tracks.live):
        return Veto.HABIT
    return Veto.RISES if came_up(state.habits, path) else None


def hold_s(fall: Fall) -> float:
    """How long after its end a fall waits to be told."""
    if fall.slow:
        return _HOLD_SLOW_S
    return _HOLD_SMALL_S if fall.path.thickness < _SMALL_PX else _HOLD_S


def due_s(state: FallState) -> float:
    """When the next of the falls on hold is to be told; never, where there is none."""
    return min((fall.path.end_s + hold_s(fall) for fall in state.pending), default=math.inf)


def same_throw(one: Path, two: Path, scene: Scene) -> bool:
    """Twins side by side (a mirror image, parts flying together), pieces of one path, or what the landing kicked up."""
    early, late = (one, two) if one.start_s <= two.start_s else (two, one)
    overlap_s = min(one.end_s, two.end_s) - late.start_s
    if overlap_s > 0:
        return _parallel(early, late, late.start_s, late.start_s + overlap_s, scene)
    gap_s = -overlap_s
    if gap_s > _ECHO_S:
        return False
    x, y = early.at(late.start_s)
    dx, dy = late.marks[0].x - x, late.marks[0].y - y
    carried = math.hypot(dx, dy) <= 12 + 2 * early.thickness + 0.15 * math.hypot(*early.velocity(early.end_s))
    end = early.marks[-1]
    near = math.hypot(late.marks[0].x - end.x, late.marks[0].y - end.y) <= 0.12 * scene.height + 4 * early.thickness
    return carried or near


def _parallel(one: Path, two: Path, from_s: float, to_s: float, scene: Scene) -> bool:
    """They gain speed alike: their velocities at the end of what they share are close, and so are their gains."""
    va, vb = one.velocity(to_s), two.velocity(to_s)
    fast = max(math.hypot(*va), math.hypot(*vb), 1.0)
    apart = math.hypot(va[0] - vb[0], va[1] - vb[1])
    (xa, ya), (xb, yb) = one.at((from_s + to_s) / 2), two.at((from_s + to_s) / 2)
    if math.hypot(xa - xb, ya - yb) <= 12 + 2 * max(one.thickness, two.thickness) + 0.04 * scene.height:
        return True
    near = abs(xa - xb) < 0.5 * scene.width
    return near and apart < 0.45 * fast and 0.5 < one.bend / max(two.bend, 1e-6) < 2.0


def joined(one: Fall, two: Fall) -> Fall:
    """One throw of two falls: the earlier and higher origin stays; pieces one after the other become one path."""
    early, late = (one, two) if one.path.start_s <= two.path.start_s else (two, one)
    confidence = max(one.confidence, two.confidence)
    merged = one.merged + two.merged + 1
    if late.path.start_s >= early.path.end_s:
        whole = best_part((*early.path.marks, *late.path.marks))
        if whole is not None and len(whole.marks) > 0.9 * (len(early.path.marks) + len(late.path.marks)):
            return Fall(whole, confidence, merged)
        return replace(early, confidence=confidence, merged=merged)
    best = max(one, two, key=_precedence)
    return replace(best, confidence=confidence, merged=merged)


def _precedence(fall: Fall) -> tuple[float, int]:
    """The longer fall is the thing itself: an image in a pane is seen in parts."""
    return round(fall.path.fall_px / 40.0), -round(min(mark.y for mark in fall.path.marks))
