"""Readings of the same car over time, put together: which plate a track bears is voted by all its sightings.

Pictures come in order of time, each with what was read in it. Pure: no clock, no pictures.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from edgeguard.core.camera_limits import PLATE_TRACK_SIGHTINGS
from edgeguard.vision.plate_cells import Found, overlap
from edgeguard.vision.plate_decoding import Reading
from edgeguard.vision.plate_votes import Sighting, best_sighting, voted

_LOST_AFTER_S: Final = 2.0
_SAME_PLATE_WITHIN_S: Final = 10.0
"""A plate read again within this time is the same pass, however the track was lost."""
_STRIDE: Final = 1.6
"""Widths of itself by which a plate may move from one sighting to the next."""


@dataclass(slots=True)
class PlateTrack:
    """The sightings of what is taken to be one plate."""

    sightings: list[Sighting] = field(default_factory=list)

    @property
    def first_s(self) -> float:
        """When it was first read."""
        return self.sightings[0].t_s

    @property
    def last_s(self) -> float:
        """When it was last read."""
        return self.sightings[-1].t_s


@dataclass(frozen=True, slots=True)
class PlatePass:
    """What a track amounts to: the voted text, its best sighting, and when it was seen. Where `is_decided` is false, some place of
    the text is in doubt."""

    text: str
    confidence: float
    is_decided: bool
    best: Sighting
    first_s: float
    last_s: float
    sightings: int


def pass_of(track: PlateTrack) -> PlatePass:
    """The track's end result."""
    vote = voted(track.sightings)
    best = best_sighting(track.sightings, vote.text) or track.sightings[-1]
    return PlatePass(vote.text, vote.confidence, vote.is_decided, best, track.first_s, track.last_s, len(track.sightings))


class PlateTracks:
    """Follows the plates of one view. Feed it every picture's readings; it gives tracks when they are over."""

    def __init__(self) -> None:
        self._open: list[PlateTrack] = []

    def see(self, t_s: float, reads: Iterable[tuple[Reading, Found]]) -> list[PlateTrack]:
        """Take one picture's readings; the tracks that have not been seen for a while are given back."""
        over = [track for track in self._open if t_s - track.last_s > _LOST_AFTER_S]
        self._open = [track for track in self._open if t_s - track.last_s <= _LOST_AFTER_S]
        taken: set[int] = set()
        for reading, found in reads:
            track = next((one for one in self._open if id(one) not in taken and _continues(one, reading, found)), None)
            if track is None:
                track = PlateTrack()
                self._open.append(track)
            taken.add(id(track))
            track.sightings.append(Sighting(t_s, reading, found))
            if len(track.sightings) > PLATE_TRACK_SIGHTINGS:
                weakest = min(track.sightings[1:-1], key=lambda sighting: sighting.reading.confidence)
                track.sightings.remove(weakest)
        return over

    def end(self) -> list[PlateTrack]:
        """The tracks still open when the stream ends."""
        over, self._open = self._open, []
        return over


def _continues(track: PlateTrack, reading: Reading, found: Found) -> bool:
    last = track.sightings[-1]
    if overlap(last.found, found) > 0.1 or last.reading.text == reading.text:
        return True
    a, b = last.found.corners.mean(axis=0), found.corners.mean(axis=0)
    near = float(((a - b) ** 2).sum()) ** 0.5 < _STRIDE * max(last.found.width_px, found.width_px)
    return near and _alike(last.reading.text, reading.text)


def _alike(one: str, other: str) -> bool:
    """At most two places differ."""
    return len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) <= 2


def passes(tracks: Iterable[PlateTrack]) -> list[PlatePass]:
    """Tracks as passes in order of time; tracks of one plate that follow closely are one."""
    merged: list[PlateTrack] = []
    for track in sorted(tracks, key=lambda track: track.first_s):
        text = voted(track.sightings).text
        before = next(
            (one for one in merged if voted(one.sightings).text == text and track.first_s - one.last_s < _SAME_PLATE_WITHIN_S),
            None,
        )
        if before is None:
            merged.append(PlateTrack(list(track.sightings)))
        else:
            before.sightings = sorted((*before.sightings, *track.sightings), key=lambda sighting: sighting.t_s)
    return [pass_of(track) for track in merged]
