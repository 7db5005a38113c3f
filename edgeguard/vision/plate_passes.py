"""From plates seen picture by picture to passes: one for each vehicle, told as soon as it is settled, never guessed.

A track is a plate that moves through the view, whether it can be read or not. Its text is voted by all its readings; it is told
once enough of them agree, or when the vehicle has gone, and then without a text if they never did. Where its lane has a line it is
told when it crosses that; that its text is sure is then told before, for whoever opens a gate. Pure: numbers and times only.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from edgeguard.core.camera_limits import PASS_MAX_TOLD, PASS_MAX_TRACKS, PASS_SIGHTINGS
from edgeguard.vision.lanes import Lane, crossing, distance_px, lane_at
from edgeguard.vision.plate_cells import Found, overlap
from edgeguard.vision.plate_decoding import Reading
from edgeguard.vision.plate_votes import Sighting, Vote, best_sighting, voted

_GONE_S: Final = 1.5
"""A plate that has not been seen for so long, while something was looked at, has gone."""
_AGREE: Final = 3
"""Readings that show each character of the voted text before a pass is told while the vehicle is still there ..."""
_SETTLED: Final = 0.5
"""... with this confidence of the vote, and every character decided ..."""
_SPAN_S: Final = 0.16
"""... seen over this time ..."""
_PATIENCE_S: Final = 0.4
"""... and once its direction shows, or after this time without one."""
_UNREAD_SIGHTINGS: Final = 5
"""What was found so often with _UNREAD_SCORE and could never be read is a vehicle with an unreadable plate, not a shadow."""
_UNREAD_SCORE: Final = 0.5
_UNREAD_MOVED: Final = 0.6
"""Own widths that such a plate must have moved: lettering on a wall stays where it is."""
_WAITS_S: Final = 3.0
"""What has been unreadable for so long, and is still there, is told to the gate."""
_SAME_S: Final = 10.0
"""A plate told again within this time, however its track was lost, is the same pass."""
_STRIDE: Final = 1.6
"""Own widths by which a plate may move between two pictures that are looked at."""
_SIZE: Final = 2.0
"""Widths that a plate counts as further off where it is e times as large or as small: a car nearly twice as far away is another."""
_DIFFERENT: Final = 3
"""Places in which a sure reading must differ from the track's text to be another plate in the same place: bumper to bumper."""
_GROWS: Final = 0.04
_NEARER: Final = 1.15
"""So many times as wide is a plate a car's length nearer, up to some 30 m from the camera ..."""
_CLEAR: Final = 0.7
"""... and at least so many widths of its own away in the picture, up to some 15 m; two plates of one vehicle are closer."""


class Direction(StrEnum):
    """Which way, as the camera sees it."""

    TOWARDS = "towards"
    AWAY = "away"
    UNKNOWN = "unknown"


class Stage(StrEnum):
    """What a pass is told for."""

    WAITS = "waits"
    """It stands or creeps there and cannot be read: a person is told while it still is there; the pass itself is told later."""
    SURE = "sure"
    """Its text is sure, and it is on its way to the line; the pass itself is told later."""
    LINE = "line"
    """It has crossed the line, or has been read where there is none."""
    END = "end"
    """It has gone."""
    TURNED = "turned"
    """It has gone without having crossed the line of its lane."""


FOR_THE_GATE: Final = frozenset({Stage.WAITS, Stage.SURE})
"""Stages of which only the gate is told: the pass itself is told later."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A plate in one picture; `reading` is None when it could not be read surely enough to be told."""

    found: Found
    reading: Reading | None


@dataclass(frozen=True, slots=True)
class Pass:
    """One vehicle. `text` is None when its plate could not be read; seconds of the stream."""

    text: str | None
    confidence: float
    best: Sighting | None
    direction: Direction
    first_s: float
    last_s: float
    sightings: int
    stage: Stage = Stage.LINE
    number: int = 0
    """Of its track: the same at all stages."""
    lane: str = ""
    crossed_s: float | None = None
    """When it crossed the line of its lane."""


@dataclass(frozen=True, slots=True)
class Track:
    """A plate on its way. `places` are where it was, `readings` the surest of what was read, `vote` what they amount to.

    `lane` is the one in which it was last, None while it was in none; `waits`, `sure` and `told` are whether those stages have been
    told.
    """

    places: tuple[tuple[float, Found], ...]
    readings: tuple[Sighting, ...] = ()
    vote: Vote | None = None
    told: bool = False
    number: int = 0
    lane: Lane | None = None
    crossed_s: float | None = None
    sure: bool = False
    waits: bool = False
    missed_s: float | None = None
    """The first look since it was last seen in which it was not; None while it is there, also while nobody looks."""

    def read_again(self, places: tuple[tuple[float, Found], ...], readings: tuple[Sighting, ...]) -> "Track":
        """With the vote of its readings."""
        return replace(self, places=places, readings=readings, vote=voted(readings) if readings else None)

    @property
    def last(self) -> Found:
        """Where it was last."""
        return self.places[-1][1]

    @property
    def awaits_line(self) -> bool:
        """Whether its lane has a line that it has not crossed."""
        return self.lane is not None and self.lane.line is not None and self.crossed_s is None

    @property
    def span_s(self) -> float:
        """How long it has been seen."""
        return self.places[-1][0] - self.places[0][0]


@dataclass(frozen=True, slots=True)
class PassState:
    """All that is remembered from picture to picture; `recent` are texts told lately, with their second."""

    tracks: tuple[Track, ...] = ()
    recent: tuple[tuple[str, float], ...] = field(default=())
    numbers: int = 0
    """Tracks so far."""


def step(state: PassState, t_s: float, seen: Sequence[Seen], lanes: Sequence[Lane] = ()) -> tuple[PassState, tuple[Pass, ...]]:
    """One picture that was looked at. Pictures in which nothing moves are not: a car that has stopped stays where it is.

    With `lanes` a plate that never was in any of them is nobody's pass.
    """
    tracks, gone = _parted(state.tracks, t_s)
    taken: set[int] = set()
    numbers = state.numbers
    for one in sorted(seen, key=lambda one: -one.found.score):
        index = _nearest(tracks, one, taken, t_s)
        if index is None:
            numbers += 1
            tracks.append(_in_lane(Track((), number=numbers).read_again(((t_s, one.found),), _read(t_s, one)), lanes))
            taken.add(len(tracks) - 1)
        else:
            tracks[index] = _in_lane(_seen_again(tracks[index], t_s, one), lanes)
            taken.add(index)
    live = [one if index in taken or one.missed_s is not None else replace(one, missed_s=t_s) for index, one in enumerate(tracks)]
    state = replace(state, numbers=numbers)
    return _told(live[-PASS_MAX_TRACKS:], gone + live[:-PASS_MAX_TRACKS], state, t_s, bool(lanes))


def rest(state: PassState, t_s: float, lanes: Sequence[Lane] = ()) -> tuple[PassState, tuple[Pass, ...]]:
    """One picture that was not looked at, for nothing moves in it: who stands there stays, who was missing is gone in time."""
    live, gone = _parted(state.tracks, t_s)
    is_due = bool(gone) or any(_waits_unread(track, t_s) or _is_held(track) for track in live)
    return _told(live, gone, state, t_s, bool(lanes)) if is_due else (state, ())


def finish(state: PassState, t_s: float, lanes: Sequence[Lane] = ()) -> tuple[PassState, tuple[Pass, ...]]:
    """The stream has ended: what was on its way is told as far as it is known."""
    return _told([], list(state.tracks), state, t_s, bool(lanes))


def _parted(tracks: Sequence[Track], t_s: float) -> tuple[list[Track], list[Track]]:
    """Those that are there, or hidden at most; and those that have gone. Who is surely read and has not come to the line yet may be
    hidden for longer: the gate waits for it."""
    live: list[Track] = []
    gone: list[Track] = []
    for track in tracks:
        within_s = _SAME_S if track.sure and not track.told else _GONE_S
        (live if track.missed_s is None or t_s - track.missed_s <= within_s else gone).append(track)
    return live, gone


def _told(live: list[Track], gone: list[Track], state: PassState, t_s: float, in_lanes: bool) -> tuple[PassState, tuple[Pass, ...]]:
    passes: list[Pass] = []
    fresh = [(text, at_s) for text, at_s in state.recent if t_s - at_s < _SAME_S]
    known = {text for text, _ in fresh}
    for index, track in enumerate(live):
        if track.told or (in_lanes and track.lane is None):
            continue
        if (found := _settled(track)) is None:
            if _waits_unread(track, t_s):
                live[index] = replace(track, waits=True)
                passes.append(_pass(track, None, Stage.WAITS))
            continue
        if found.text in known:  # its first track was lost
            live[index] = replace(track, told=True, sure=True)
        elif not track.awaits_line:
            live[index] = replace(track, told=True, sure=True)
            passes.append(found)
        elif not track.sure and not any(_is_before(other, track, t_s) for other in live):
            live[index] = replace(track, sure=True)
            passes.append(replace(found, stage=Stage.SURE))
    unknown = [track for track in gone if not track.told and (track.lane is not None or not in_lanes)]
    passes += [found for track in unknown if (found := _at_last(track)) is not None]
    kept: list[Pass] = []
    for one in passes:
        if one.text is not None and one.text in known:
            continue
        kept.append(one)
        if one.text is not None and one.stage not in FOR_THE_GATE:
            known.add(one.text)
    # A car that stands there is still the same pass, however long it stands.
    fresh += [(track.vote.text, t_s) for track in live if track.told and track.vote is not None]
    # Who turned back before the line may come again at once, and then passes.
    passed = [one for one in kept if one.stage not in FOR_THE_GATE and one.stage is not Stage.TURNED]
    fresh += [(one.text, t_s) for one in passed if one.text is not None]
    newest = dict(fresh)
    return PassState(tuple(live), tuple(newest.items())[-PASS_MAX_TOLD:], state.numbers), tuple(kept)


def best_moment(track: Track) -> float:
    """The second at which it was seen best: of the readings of its text the best one; where it was never read, the surest place."""
    best = None if track.vote is None else best_sighting(track.readings, track.vote.text)
    if best is not None:
        return best.t_s
    return max(track.places, key=lambda place: place[1].score * place[1].width_px ** 0.5)[0]


def _in_lane(track: Track, lanes: Sequence[Lane]) -> Track:
    """Where it is now, and whether it has just crossed the line of its lane."""
    if not lanes:
        return track
    here = _middle(track.last)
    lane = lane_at(lanes, here) or track.lane
    crossed_s = track.crossed_s
    if lane is not None and lane.line is not None and crossed_s is None and len(track.places) > 1:
        (before_s, before), (now_s, _) = track.places[-2:]
        share = crossing(lane.line, _middle(before), here)
        crossed_s = None if share is None else before_s + share * (now_s - before_s)
    return replace(track, lane=lane, crossed_s=crossed_s)


def _middle(found: Found) -> tuple[float, float]:
    x, y = found.corners.mean(axis=0)
    return float(x), float(y)


def _nearest(tracks: Sequence[Track], one: Seen, taken: set[int], t_s: float) -> int | None:
    """The track that goes on with this sighting; none where it is surely another plate.

    A vehicle that was hidden, or too quick for its place to tell, is known by its text.
    """
    left = [index for index in range(len(tracks)) if index not in taken]
    same = [index for index in left if one.reading is not None and _text(tracks[index]) == one.reading.text]
    if same:
        return min(same, key=lambda index: _gap(tracks[index].last, one.found))
    near = [index for index in left if not _is_hidden(tracks[index], t_s) and not _is_other(tracks[index], one.reading)]
    best = min(near, key=lambda index: _gap(tracks[index].last, one.found), default=None)
    return None if best is None or _gap(tracks[best].last, one.found) >= _STRIDE else best


def _gap(before: Found, now: Found) -> float:
    """How far a plate has moved, in widths of its own; half of that where the places touch. Where they do not, a plate of another
    size is further off: the next car comes where the one before it was small."""
    gap = _distance(before, now) / max(before.width_px, now.width_px, 1.0)
    if overlap(before, now) > 0.1:
        return gap * 0.5
    return gap + _SIZE * abs(math.log(max(now.width_px, 1.0) / max(before.width_px, 1.0)))


def _text(track: Track) -> str | None:
    return None if track.vote is None else track.vote.text


def _is_hidden(track: Track, t_s: float) -> bool:
    return track.missed_s is not None and t_s - track.missed_s > _GONE_S


def _is_other(track: Track, reading: Reading | None) -> bool:
    if reading is None or track.vote is None:
        return False
    text = track.vote.text
    if track.vote.confidence < _SETTLED or reading.confidence < _SETTLED:
        return False
    if len(text) != len(reading.text):
        return sum(a != b for a, b in zip(text, reading.text, strict=False)) >= _DIFFERENT
    return sum(a != b for a, b in zip(text, reading.text, strict=True)) >= _DIFFERENT


def _seen_again(track: Track, t_s: float, one: Seen) -> Track:
    track, places = replace(track, missed_s=None), (*track.places, (t_s, one.found))
    if len(places) > PASS_SIGHTINGS:
        places = (*places[: PASS_SIGHTINGS // 4], *places[1 - 3 * PASS_SIGHTINGS // 4 :])
    readings = (*track.readings, *_read(t_s, one))
    if len(readings) > PASS_SIGHTINGS:
        weakest = min(range(len(readings)), key=lambda i: readings[i].reading.confidence)
        readings = readings[:weakest] + readings[weakest + 1 :]
    return replace(track, places=places) if one.reading is None else track.read_again(places, readings)


def _read(t_s: float, one: Seen) -> tuple[Sighting, ...]:
    return (Sighting(t_s, one.reading, one.found),) if one.reading is not None else ()


def _settled(track: Track) -> Pass | None:
    """The pass, if enough readings agree already."""
    if track.vote is None or track.span_s < _SPAN_S:
        return None
    if track.vote.agree < _AGREE or not _is_sure(track.vote):
        return None
    if track.span_s < _PATIENCE_S and _direction(track) is Direction.UNKNOWN:
        return None
    return _pass(track, track.vote)


def _is_held(track: Track) -> bool:
    """Whether it may be read surely and stand behind another one."""
    return track.awaits_line and track.vote is not None and track.missed_s is None and not track.sure and not track.told


def _is_before(other: Track, track: Track, t_s: float) -> bool:
    """Whether another vehicle stands or drives between a track and the line that both have still to cross, or beyond it and could
    not be read: a gate that opened for who is behind would let in who is before. Only an area says what is in a lane: without one a
    car parked anywhere in the view would hold everybody."""
    if other is track or track.lane is None or not track.lane.polygon or track.lane.line is None:
        return False
    if other.lane != track.lane or other.told or (_text(other) is not None and _text(other) == _text(track)):
        return False
    if _is_hidden(other, t_s) or lane_at((track.lane,), _middle(other.last)) is None:
        return False
    if not (_is_vehicle(other) or (other.vote is not None and other.vote.agree >= _AGREE)):
        return False
    if not _are_apart(other.last, track.last):
        return False
    theirs, ours = (distance_px(track.lane.line, _middle(one.last)) for one in (other, track))
    if not other.awaits_line:
        return (theirs >= 0) != (ours >= 0)
    return (theirs >= 0) == (ours >= 0) and abs(theirs) < abs(ours)


def _are_apart(one: Found, two: Found) -> bool:
    """Whether two plates are of vehicles that stand behind each other: what is lower in the picture is nearer, and so is larger,
    and a car's length lies between. A second plate below the first, the lettering of a lorry, or its number painted large above its
    plate, is of the same vehicle."""
    lower, upper = sorted((one, two), key=lambda found: -_middle(found)[1])
    return lower.width_px >= _NEARER * upper.width_px and _distance(lower, upper) >= _CLEAR * lower.width_px


def _at_last(track: Track) -> Pass | None:
    """What a vehicle that has gone amounts to: its text if the vote is sure, else a pass without one, else nothing."""
    stage = Stage.TURNED if track.awaits_line else Stage.END
    if track.vote is not None and _is_sure(track.vote) and (track.vote.agree >= 2 or len(track.places) < _AGREE):
        return _pass(track, track.vote, stage)
    return _pass(track, None, stage) if _is_vehicle(track) else None


def _is_vehicle(track: Track) -> bool:
    """Whether what was found is the plate of a vehicle, though it could not be read."""
    strong = sum(found.score >= _UNREAD_SCORE for _, found in track.places)
    moved = _distance(track.places[0][1], track.last) >= _UNREAD_MOVED * max(track.last.width_px, 1.0)
    return strong >= _UNREAD_SIGHTINGS and moved


def _waits_unread(track: Track, t_s: float) -> bool:
    """Whether it is there, has been for a while, could not be read, and nobody knows yet."""
    known = track.waits or track.sure or track.told or track.missed_s is not None
    return not known and t_s - track.places[0][0] >= _WAITS_S and _is_vehicle(track)


def _is_sure(vote: Vote) -> bool:
    return vote.confidence >= _SETTLED and vote.is_decided


def _pass(track: Track, vote: Vote | None, stage: Stage = Stage.LINE) -> Pass:
    text, confidence = (None, 0.0) if vote is None else (vote.text, vote.confidence)
    best = None if text is None else best_sighting(track.readings, text)
    first_s, last_s = track.places[0][0], track.places[-1][0]
    lane = "" if track.lane is None else track.lane.name
    told = (first_s, last_s, len(track.places), stage, track.number, lane, track.crossed_s)
    return Pass(text, confidence, best, _direction(track), *told)


def _direction(track: Track) -> Direction:
    """A plate that grows comes; one that only crosses the picture says nothing.

    A vehicle that turns shows its plate narrower or wider, whichever way it goes: there the height tells.
    """
    if len(track.places) < _AGREE:
        return Direction.UNKNOWN
    places = [found for _, found in track.places]
    growth, upright = _growth([found.width_px for found in places]), _growth([_height_px(found) for found in places])
    if abs(upright) >= _GROWS and growth * upright < 0:
        growth = upright
    if abs(growth) < _GROWS:
        return Direction.UNKNOWN
    return Direction.TOWARDS if growth > 0 else Direction.AWAY


def _growth(sizes: Sequence[float]) -> float:
    """From the first third to the last, as a share; 0 where there is no size."""
    third = max(1, len(sizes) // 3)
    before, after = sum(sizes[:third]), sum(sizes[-third:])
    return after / before - 1 if before > 0 else 0.0


def _height_px(found: Found) -> float:
    top_left, top_right, bottom_right, bottom_left = found.corners
    left, right = bottom_left - top_left, bottom_right - top_right
    return (math.hypot(*map(float, left)) + math.hypot(*map(float, right))) / 2


def _distance(one: Found, two: Found) -> float:
    a, b = one.corners.mean(axis=0), two.corners.mean(axis=0)
    return math.hypot(float(a[0] - b[0]), float(a[1] - b[1]))
