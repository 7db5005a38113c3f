"""Which plate a track bears: every place of its text is voted by all pictures in which it was read.

A misreading seldom touches more than a character or two, and seldom the same ones twice: the places that two pictures share are
evidence for both, though their texts differ. So the readings of one length are laid under each other, each picture votes in every
place, and a text is as sure as its least sure place, and decided only where no place is in doubt.

Whole texts judge along. What differs from a text in more than two places is another plate, or a reading that has lost its step: it
votes for no place of it and weighs against all. And a text that no picture has read is put together, as the grammar allows, only
where every place is decided beyond doubt; else the best of those that were read stands. Without these two, cars that a track has
mixed up could make one that never came. Pure: texts and weights only.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from edgeguard.vision.plate_cells import Found
from edgeguard.vision.plate_decoding import Reading
from edgeguard.vision.plate_grammar import LONGEST, START, Place, after, kind_of, kinds_at

_RIVAL_WEIGHT: Final = 0.5
"""A rival is what a picture might have said: for a text it counts by half, against one in full."""
_MISREAD: Final = 2
"""Places in which a reading of the same plate may be wrong."""
_CANDIDATES: Final = 6
"""Texts that were read, the ones with most weight, that are judged place by place."""
_BEAMS: Final = 8
_DECIDED: Final = 0.3
"""Share of the weight by which every place must be ahead of its next character."""
_CLEAR: Final = 0.7
"""Share of the weight that every place of a text must have that no picture has read ..."""
_CLEAR_AGREE: Final = 3
"""... pictures that must show its character there ..."""
_COMPOSED: Final = 0.75
"""... and what it is told with at most: less than a gate asks for, unless its site has it otherwise."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A plate read in one picture."""

    t_s: float
    reading: Reading
    found: Found


@dataclass(frozen=True, slots=True)
class Vote:
    """What pictures say together. `confidence`: of the surest one, times the share of the least sure place; `margin`: by what share
    of the weight the least decided place is ahead of its next character; `agree`: how many pictures show the character of the place
    that fewest show."""

    text: str
    confidence: float
    margin: float
    agree: int

    @property
    def is_decided(self) -> bool:
        """Whether no place is in doubt."""
        return self.margin >= _DECIDED


@dataclass(frozen=True, slots=True)
class _Ballots:
    """All that was read: the readings, and the weight of every text, with rivals by half and in full."""

    readings: tuple[Reading, ...]
    weights: Mapping[str, float]
    doubts: Mapping[str, float]


def voted(sightings: Sequence[Sighting]) -> Vote:
    """The vote of one sighting or more."""
    ballots = _ballots(sightings)
    read = {reading.text for reading in ballots.readings}
    strongest = sorted(read, key=lambda text: (-ballots.weights[text], text))[:_CANDIDATES]
    best = max((_judged(text, ballots) for text in strongest), key=lambda vote: (vote.confidence, ballots.weights[vote.text]))
    if len(ballots.weights) == 1:
        return best
    text = _composed(ballots.weights)
    vote = None if text is None or text in read else _judged(text, ballots)
    return best if vote is None or vote.agree < _CLEAR_AGREE or vote.confidence <= best.confidence else vote


def best_sighting(sightings: Sequence[Sighting], text: str) -> Sighting | None:
    """The one that shows `text` best; where none was read so, the best of those that nearly were, then saying `text`."""
    for places in range(_MISREAD + 1):
        near = [sighting for sighting in sightings if _apart(sighting.reading.text, text) <= places]
        if near:
            best = max(near, key=lambda sighting: sighting.reading.confidence * sighting.found.width_px**0.5)
            kind = best.reading.kind if places == 0 else kind_of(text) or best.reading.kind
            return replace(best, reading=replace(best.reading, text=text, kind=kind))
    return None


def _ballots(sightings: Sequence[Sighting]) -> _Ballots:
    weights: dict[str, float] = defaultdict(float)
    doubts: dict[str, float] = defaultdict(float)
    for sighting in sightings:
        reading = sighting.reading
        for text, probability, by_half in (
            (reading.text, reading.confidence, 1.0),
            *((rival.text, rival.probability, _RIVAL_WEIGHT) for rival in reading.rivals),
        ):
            weights[text] += by_half * probability
            doubts[text] += probability
    return _Ballots(tuple(sighting.reading for sighting in sightings), weights, doubts)


def _judged(text: str, ballots: _Ballots) -> Vote:
    """How sure and decided `text` is."""
    near = [reading for reading in ballots.readings if _apart(reading.text, text) <= _MISREAD]
    surest = max((reading.confidence for reading in near if reading.text == text), default=None)
    agree = min(sum(reading.text[place] == char for reading in near) for place, char in enumerate(text))
    share = min(shares[char] for shares, char in zip(_shares(text, ballots.weights), text, strict=True))
    margin = min(_lead(shares, char) for shares, char in zip(_shares(text, ballots.doubts), text, strict=True))
    if surest is None:
        surest = max((reading.confidence for reading in near), default=0.0) if share >= _CLEAR else 0.0
        return Vote(text, min(_COMPOSED, surest * share), margin, agree)
    return Vote(text, surest * share, margin, agree)


def _shares(text: str, weights: Mapping[str, float]) -> list[dict[str, float]]:
    """For each place of `text` the share of the weight that each character has there, among what can be the same plate."""
    total = sum(weights.values()) or 1.0
    places: list[dict[str, float]] = [defaultdict(float) for _ in text]
    for other, weight in weights.items():
        if _apart(other, text) <= _MISREAD:
            for shares, char in zip(places, other, strict=True):
                shares[char] += weight / total
    return places


def _lead(shares: Mapping[str, float], char: str) -> float:
    return shares.get(char, 0.0) - max((share for other, share in shares.items() if other != char), default=0.0)


def _composed(weights: Mapping[str, float]) -> str | None:
    """The text with the most weight in each place that a plate can bear, of the length with the most; read by a picture or not."""
    lengths: dict[int, float] = defaultdict(float)
    for text, weight in weights.items():
        lengths[len(text)] += weight
    length = max(lengths, key=lambda one: lengths[one])
    places: list[dict[str, float]] = [defaultdict(float) for _ in range(length)]
    for text, weight in weights.items():
        if len(text) == length:
            for chars, char in zip(places, text, strict=True):
                chars[char] += weight
    beams: list[tuple[float, str, Place]] = [(0.0, "", START)]
    for chars in places:
        grown = [
            (score + math.log(weight), text + char, place)
            for score, text, before in beams
            for char, weight in chars.items()
            if weight > 0.0 and (place := after(before, char)) is not None
        ]
        beams = sorted(grown, key=lambda beam: -beam[0])[:_BEAMS]
    return next((text for _, text, place in beams if kinds_at(place)), None)


def _apart(one: str, other: str) -> int:
    """Places in which two texts differ; more than any plate has where they are not of one length."""
    return LONGEST + 1 if len(one) != len(other) else sum(a != b for a, b in zip(one, other, strict=True))
