"""From tracks to falls: which paths only gravity explains, and which of them are one and the same throw.

`step` is pure: state, one picture's spots and its time in, state and finished falls out. The same numbers give the same falls, from
a file at any speed and from a camera.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgeguard.core.camera_limits import FALL_GATHERED, FALL_MAX_PENDING, FALL_MAX_RECENT, FALL_SECOND_LOOKS
from edgeguard.vision.afterimages import LAG_S, trails
from edgeguard.vision.gathering import Memory, gathered
from edgeguard.vision.habits import Habits, came_up, habitual, remember
from edgeguard.vision.nearing import CONFIDENCE, is_a_way, is_thrown_nearer, may_near, whole_way
from edgeguard.vision.sinking import Sunk, is_one_of_many, remembered, sinks, sunk
from edgeguard.vision.spots import Spots
from edgeguard.vision.tracks import GAP_S, Mark, Track, TrackSet, follow
from edgeguard.vision.trajectory import Path, best_part, fit
from edgeguard.vision.verdict import LIMITS, Scene, Veto, is_at_rest, is_crowded, is_flooded, is_no_piece, is_past_help, judge

_HOLD_S: Final = 0.8
"""A fall waits so long for its twin in a window pane and for its own continuation before it is told."""
_HOLD_SMALL_S: Final = 1.1
_HOLD_SLOW_S: Final = 1.8
"""What sinks waits for what sinks beside it: leaves, snow."""
_SMALL_PX: Final = 4.0
"""What is so thin may be a drop of water: it waits a little longer, for the next drop to give itself away."""
_QUIET_S: Final = 1.2
"""What was on its way this soon after the first picture: where it came from was not seen."""
_PIECE_S: Final = 2.0
_LEAST_PIECE: Final = 4
"""Marks of a part of a way that say where it goes on."""
_LEAST_WAY_PX: Final = 6.0
_CROWD_S: Final = 2.0
_IN_DOUBT: Final = frozenset({Veto.UNLIKE, Veto.RISES, Veto.GRAVITY})
"""Vetoes of what looked like a throw; a track that nears may be one whatever the veto."""
_RUSH: Final = 35.0
"""With more spots a picture hardly anything that was too short to be judged was not a drop."""
_ECHO_S: Final = 1.2
"""What begins near a told fall within this is its bounce, its splinters or its shadow."""


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
    """Paths that ended lately, falls or not; in a flood of spots those alone that may be a part of one."""
    pending: tuple[Fall, ...] = ()
    recent: tuple[Fall, ...] = ()
    sunk: tuple[Sunk, ...] = ()
    vetoes: tuple[tuple[Veto, int], ...] = ()
    """How many tracks each test has turned away."""


def step(
    state: FallState, t_s: float, spots: Spots, busy: NDArray[np.float64], unrest: float = 0.0
) -> tuple[FallState, tuple[Fall, ...]]:
    """After the picture at `t_s`: the state, and the falls about which everything is known now. `unrest`: the share of the picture
    that could not be looked at, 0-1."""
    seen = spots.sightings(t_s, busy)
    tracks, ended = follow(state.tracks, t_s, seen, state.scene.height)
    begun_s = t_s if state.begun_s is None else state.begun_s
    crowd = state.crowd + min(0.5, tracks.period_s / _CROWD_S) * (len(spots) - state.crowd)
    memory = state.memory.with_picture(t_s, seen, unrest)
    state = replace(state, tracks=tracks, begun_s=begun_s, memory=memory, crowd=crowd)
    return _told(_after(state, ended) if ended else state, t_s)


def _after(state: FallState, ended: tuple[Track, ...]) -> FallState:
    """After tracks have ended, the longest first: habits and pieces with each of them, falls put on hold, vetoes counted."""
    scene, period_s = state.scene, state.tracks.period_s
    habits, pieces, left, looks = state.habits, state.pieces, FALL_GATHERED, _second_looks(state)
    away: list[Veto] = []
    for track in sorted(ended, key=len, reverse=True):
        path = _worth_weighing(track.marks)
        verdict: Veto | float = Veto.RAGGED
        if path is not None:
            hopeful = promising(path, scene)
            left -= hopeful
            habits = remember(habits, path)
            path, verdict = _weighed(state, pieces, path, hopeful and left >= 0)
            if not is_no_piece(verdict, state.crowd):
                pieces = (*pieces, path)[-FALL_MAX_PENDING:]
        if looks > 0 and _is_worth_another(state, track.marks, verdict):
            looks -= 1
            path, verdict = _looked_again(state, pieces, track.marks) or (path, verdict)
        if isinstance(verdict, Veto):
            away.append(verdict)
        elif path is not None:
            state = _taken(replace(state, habits=habits), Fall(path, verdict))
        if scene.slow and sinks(track.marks, scene.height, scene.plane, period_s):
            state = _sunk(state, track.marks)
    lately = tuple([piece for piece in pieces if piece.marks[-1][0] > state.tracks.last_s - _PIECE_S])
    return replace(state, habits=habits, pieces=lately, vetoes=_counted(state.vetoes, away))


def _second_looks(state: FallState) -> int:
    """At how many tracks. Where much is in motion, or the camera itself, all may go outwards ever faster."""
    return FALL_SECOND_LOOKS if is_at_rest(state.memory) and not is_flooded(state.crowd) else 0


def _is_worth_another(state: FallState, marks: tuple[Mark, ...], verdict: Veto | float) -> bool:
    """Whether a track that was turned away may have seen a part of a throw. Most have seen all there was: drops, birds, cars."""
    if not isinstance(verdict, Veto) or not is_a_way(marks, state.scene.height):
        return False
    if verdict in _IN_DOUBT:
        return True
    calm = state.crowd <= _RUSH if verdict is Veto.SHORT else not is_crowded(state.crowd)
    return calm and may_near(marks, state.scene.height)


def _looked_again(state: FallState, pieces: tuple[Path, ...], marks: tuple[Mark, ...]) -> tuple[Path, float] | None:
    """The whole way of a throw, and how sure it is one, of which a track saw too little: what comes nearer gains speed in every
    direction, and a track that expects less loses it."""
    scene, period_s = state.scene, state.tracks.period_s
    way = whole_way(marks, state.memory, scene)
    if way is None:
        return None
    path = way.path
    if _is_early(state, path):
        return None
    if is_thrown_nearer(way, scene, period_s):
        return path, CONFIDENCE
    if scene.learned is None or len(path.marks) <= len(marks) or any(_swings(piece, path) for piece in pieces):
        return None
    verdict = judge(path, scene, period_s, state.crowd, state.memory, pieced=True)
    return None if isinstance(verdict, Veto) else (path, verdict)


def _is_early(state: FallState, path: Path) -> bool:
    return state.begun_s is not None and path.start_s < state.begun_s + _QUIET_S


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


def _weighed(state: FallState, pieces: tuple[Path, ...], path: Path, gathers: bool) -> tuple[Path, Veto | float]:
    """Of a track that has ended, of which `path` is the smooth part: what is known of its way, and the verdict on it by itself,
    with more of its way, or with one of the `pieces`."""
    scene, period_s = state.scene, state.tracks.period_s
    verdict = judge(path, scene, period_s, state.crowd, state.memory)
    if is_no_piece(verdict, state.crowd):
        return path, verdict
    if gathers and not is_past_help(verdict, state.crowd):
        path = gathered(path, state.memory, scene.height) or path
        verdict = judge(path, scene, period_s, state.crowd, state.memory)
    if isinstance(verdict, Veto):
        for whole in _wholes(pieces, path):
            better = judge(whole, scene, period_s, state.crowd, state.memory)
            if not isinstance(better, Veto):
                path, verdict = whole, better
                break
    if isinstance(verdict, Veto):
        return path, verdict
    if any(_swings(piece, path) for piece in pieces):
        return path, Veto.RISES
    return path, Veto.EARLY if _is_early(state, path) else verdict


def _sunk(state: FallState, marks: tuple[Mark, ...]) -> FallState:
    """Put on hold as a slow fall, unless it belongs to what is known of already."""
    path = fit(marks)
    sunk_before, goes_on = remembered(state.sunk, sunk(marks), state.scene.height)
    state = replace(state, sunk=sunk_before)
    known = any(same_throw(path, other.path, state.scene) for other in (*state.pending, *state.recent))
    if goes_on or known or _is_early(state, path) or is_crowded(state.crowd):
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


def _wholes(pieces: tuple[Path, ...], path: Path) -> Iterator[Path]:
    """`path` with one of the `pieces`, the newest first: those that end about when it begins or begin when it ends, and are long
    enough to show a way."""
    if len(path.marks) < _LEAST_PIECE:
        return
    start_s, end_s = path.start_s, path.end_s
    for piece in reversed(pieces):
        marks = piece.marks
        first_s = marks[0][0]
        gap_s = start_s - marks[-1][0] if first_s <= start_s else first_s - end_s
        if -0.1 <= gap_s <= GAP_S and len(marks) >= _LEAST_PIECE:
            early, late = (piece, path) if first_s <= start_s else (path, piece)
            if (whole := _patched(early, late, gap_s)) is not None:
                yield whole


def _patched(early: Path, late: Path, gap_s: float) -> Path | None:
    """The path of two tracks that one fall explains: lost for a moment, or mistaken for another thing in between."""
    t_s, first_x, first_y, *_ = late.marks[0]
    x, y = early.at(t_s)
    if math.hypot(first_x - x, first_y - y) > 10 + early.thickness + 0.3 * gap_s * math.hypot(late.side[1], late.down[1]):
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


def _turned_away(state: FallState, veto: Veto) -> FallState:
    return replace(state, vetoes=_counted(state.vetoes, [veto]))


def _counted(vetoes: tuple[tuple[Veto, int], ...], more: list[Veto]) -> tuple[tuple[Veto, int], ...]:
    counts = dict(vetoes)
    for veto in more:
        counts[veto] = counts.get(veto, 0) + 1
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
    """Twins side by side (a mirror image, parts flying together), afterimages, pieces of one path, what the landing kicked up."""
    early, late = (one, two) if one.start_s <= two.start_s else (two, one)
    overlap_s = min(one.end_s, two.end_s) - late.start_s
    if overlap_s > 0:
        parallel = _parallel(early, late, late.start_s, late.start_s + overlap_s, scene)
        return parallel or trails(late, early) or trails(early, late)
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
    # What comes nearer may bend upwards in the picture.
    alike = abs(one.bend - two.bend) < 0.5 * max(abs(one.bend), abs(two.bend), 0.06 * scene.height)
    return near and apart < 0.45 * fast and alike


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
    for fall, other in ((one.path, two.path), (two.path, one.path)):
        if trails(other, fall) and other.end_s <= fall.end_s + LAG_S[1]:
            return Fall(_with_its_beginning(fall, other), confidence, merged)
    best = max(one, two, key=_precedence)
    return replace(best, confidence=confidence, merged=merged)


def _with_its_beginning(path: Path, afterimage: Path) -> Path:
    """A track may begin on the thing and go on along what it left behind."""
    marks = (*(mark for mark in afterimage.marks if mark.t_s < path.start_s), *path.marks)
    whole = best_part(marks)
    return path if whole is None or len(whole.marks) < len(marks) else whole


def _precedence(fall: Fall) -> tuple[float, int]:
    """The longer fall is the thing itself: an image in a pane is seen in parts."""
    return round(fall.path.fall_px / 40.0), -round(min(mark.y for mark in fall.path.marks))
