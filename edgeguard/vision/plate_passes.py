"""From plates seen picture by picture to passes: one for each vehicle, told as soon as it is settled, never guessed.

A track is a plate that moves through the view, whether it can be read or not. Its text is voted by all its readings; it is told
once enough of them agree, or when the vehicle has gone, and then without a text if they never did. Pure: numbers and times only.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from edgeguard.core.camera_limits import PASS_MAX_TOLD, PASS_MAX_TRACKS, PASS_SIGHTINGS
from edgeguard.vision.plate_cells import Found, overlap
from edgeguard.vision.plate_decoding import Reading
from edgeguard.vision.plate_tracks import Sighting, voted

_GONE_S: Final = 1.5
"""A plate that has not been seen for so long, while something was looked at, has gone."""
_AGREE: Final = 3
"""Readings of the voted text before a pass is told while the vehicle is still there ..."""
_SETTLED: Final = 0.5
"""... with this confidence of the vote ..."""
_SPAN_S: Final = 0.16
"""... seen over this time ..."""
_PATIENCE_S: Final = 0.4
"""... and once its direction shows, or after this time without one."""
_UNREAD_SIGHTINGS: Final = 5
"""What was found so often with _UNREAD_SCORE and could never be read is a vehicle with an unreadable plate, not a shadow."""
_UNREAD_SCORE: Final = 0.5
_UNREAD_MOVED: Final = 0.6
"""Own widths that such a plate must have moved: lettering on a wall stays where it is."""
_SAME_S: Final = 10.0
"""A plate told again within this time, however its track was lost, is the same pass."""
_STRIDE: Final = 1.6
"""Own widths by which a plate may move between two pictures that are looked at."""
_DIFFERENT: Final = 3
"""Places in which a sure reading must differ from the track's text to be another plate in the same place: bumper to bumper."""
_GROWS: Final = 0.04


class Direction(StrEnum):
    """Which way, as the camera sees it."""

    TOWARDS = "towards"
    AWAY = "away"
    UNKNOWN = "unknown"


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


@dataclass(frozen=True, slots=True)
class Track:
    """A plate on its way. `places` are where it was, `readings` the surest of what was read, `vote` what they amount to."""

    places: tuple[tuple[float, Found], ...]
    readings: tuple[Sighting, ...] = ()
    vote: tuple[str, float] | None = None
    told: bool = False

    @classmethod
    def of(cls, places: tuple[tuple[float, Found], ...], readings: tuple[Sighting, ...], told: bool = False) -> "Track":
        """With the vote of its readings."""
        return cls(places, readings, voted(readings) if readings else None, told)

    @property
    def last(self) -> Found:
        """Where it was last."""
        return self.places[-1][1]

    @property
    def span_s(self) -> float:
        """How long it has been seen."""
        return self.places[-1][0] - self.places[0][0]


@dataclass(frozen=True, slots=True)
class PassState:
    """All that is remembered from picture to picture; `recent` are texts told lately, with their second."""

    tracks: tuple[Track, ...] = ()
    recent: tuple[tuple[str, float], ...] = field(default=())


def step(state: PassState, t_s: float, seen: Sequence[Seen]) -> tuple[PassState, tuple[Pass, ...]]:
    """One picture that was looked at. Pictures in which nothing moves are not: a car that has stopped stays where it is."""
    tracks = list(state.tracks)
    taken: set[int] = set()
    for one in sorted(seen, key=lambda one: -one.found.score):
        index = _nearest(tracks, one, taken)
        if index is None:
            tracks.append(Track.of(((t_s, one.found),), _read(t_s, one)))
            taken.add(len(tracks) - 1)
        else:
            tracks[index] = _seen_again(tracks[index], t_s, one)
            taken.add(index)
    live: list[Track] = []
    gone: list[Track] = []
    for track in tracks:
        (live if t_s - track.places[-1][0] <= _GONE_S else gone).append(track)
    return _told(live[-PASS_MAX_TRACKS:], gone + live[:-PASS_MAX_TRACKS], state.recent, t_s)


def finish(state: PassState, t_s: float) -> tuple[PassState, tuple[Pass, ...]]:
    """The stream has ended: what was on its way is told as far as it is known."""
    return _told([], list(state.tracks), state.recent, t_s)


def _told(
    live: list[Track], gone: list[Track], recent: tuple[tuple[str, float], ...], t_s: float
) -> tuple[PassState, tuple[Pass, ...]]:
    passes: list[Pass] = []
    fresh = [(text, at_s) for text, at_s in recent if t_s - at_s < _SAME_S]
    for index, track in enumerate(live):
        if not track.told and (found := _settled(track)) is not None:
            live[index] = replace(track, told=True)
            passes.append(found)
    passes += [found for track in gone if not track.told and (found := _at_last(track)) is not None]
    kept: list[Pass] = []
    for one in passes:
        if one.text is not None and any(text == one.text for text, _ in fresh):
            continue
        kept.append(one)
    # A car that stands there is still the same pass, however long it stands.
    fresh += [(track.vote[0], t_s) for track in live if track.told and track.vote is not None]
    fresh += [(one.text, t_s) for one in kept if one.text is not None]
    newest = dict(fresh)
    return PassState(tuple(live), tuple(newest.items())[-PASS_MAX_TOLD:]), tuple(kept)


def _nearest(tracks: Sequence[Track], one: Seen, taken: set[int]) -> int | None:
    """The track that goes on with this sighting; none where it is surely another plate."""
    best, best_gap = None, _STRIDE
    for index, track in enumerate(tracks):
        if index in taken or _is_other(track, one.reading):
            continue
        width = max(track.last.width_px, one.found.width_px, 1.0)
        gap = _distance(track.last, one.found) / width
        if overlap(track.last, one.found) > 0.1:
            gap *= 0.5
        if gap < best_gap:
            best, best_gap = index, gap
    return best


def _is_other(track: Track, reading: Reading | None) -> bool:
    if reading is None or track.vote is None:
        return False
    text, confidence = track.vote
    if confidence < _SETTLED or reading.confidence < _SETTLED:
        return False
    if len(text) != len(reading.text):
        return sum(a != b for a, b in zip(text, reading.text, strict=False)) >= _DIFFERENT
    return sum(a != b for a, b in zip(text, reading.text, strict=True)) >= _DIFFERENT


def _seen_again(track: Track, t_s: float, one: Seen) -> Track:
    places = (*track.places, (t_s, one.found))
    if len(places) > PASS_SIGHTINGS:
        places = (*places[: PASS_SIGHTINGS // 4], *places[1 - 3 * PASS_SIGHTINGS // 4 :])
    readings = (*track.readings, *_read(t_s, one))
    if len(readings) > PASS_SIGHTINGS:
        weakest = min(range(len(readings)), key=lambda i: readings[i].reading.confidence)
        readings = readings[:weakest] + readings[weakest + 1 :]
    return replace(track, places=places) if one.reading is None else Track.of(places, readings, track.told)


def _read(t_s: float, one: Seen) -> tuple[Sighting, ...]:
    return (Sighting(t_s, one.reading, one.found),) if one.reading is not None else ()


def _settled(track: Track) -> Pass | None:
    """The pass, if enough readings agree already."""
    if track.vote is None or track.span_s < _SPAN_S:
        return None
    text, confidence = track.vote
    agree = sum(sighting.reading.text == text for sighting in track.readings)
    if agree < _AGREE or confidence < _SETTLED:
        return None
    if track.span_s < _PATIENCE_S and _direction(track) is Direction.UNKNOWN:
        return None
    return _pass(track, text, confidence)


def _at_last(track: Track) -> Pass | None:
    """What a vehicle that has gone amounts to: its text if the vote is sure, else a pass without one, else nothing."""
    if track.vote is not None:
        text, confidence = track.vote
        agree = sum(sighting.reading.text == text for sighting in track.readings)
        if confidence >= _SETTLED and (agree >= 2 or len(track.places) < _AGREE):
            return _pass(track, text, confidence)
    strong = sum(found.score >= _UNREAD_SCORE for _, found in track.places)
    moved = _distance(track.places[0][1], track.last) >= _UNREAD_MOVED * max(track.last.width_px, 1.0)
    if strong >= _UNREAD_SIGHTINGS and moved:
        return _pass(track, None, 0.0)
    return None


def _pass(track: Track, text: str | None, confidence: float) -> Pass:
    of_text = [sighting for sighting in track.readings if sighting.reading.text == text]
    best = max(of_text, key=lambda sighting: sighting.reading.confidence * sighting.found.width_px**0.5, default=None)
    first_s, last_s = track.places[0][0], track.places[-1][0]
    return Pass(text, confidence, best, _direction(track), first_s, last_s, len(track.places))


def _direction(track: Track) -> Direction:
    """A plate that grows comes; one that only crosses the picture says nothing."""
    third = max(1, len(track.places) // 3)
    before = sum(found.width_px for _, found in track.places[:third]) / third
    after = sum(found.width_px for _, found in track.places[-third:]) / third
    if len(track.places) < _AGREE or before <= 0:
        return Direction.UNKNOWN
    growth = after / before - 1
    if abs(growth) < _GROWS:
        return Direction.UNKNOWN
    return Direction.TOWARDS if growth > 0 else Direction.AWAY


def _distance(one: Found, two: Found) -> float:
    a, b = one.corners.mean(axis=0), two.corners.mean(axis=0)
    return math.hypot(float(a[0] - b[0]), float(a[1] - b[1]))
