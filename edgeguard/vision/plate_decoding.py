"""From a reader's columns to plate texts: connectionist temporal classification, led by the plate grammar.

The reader gives for each column of a strip the log probability of every character and of the blank (class 0). A text's probability
is the sum over all alignments; only texts that a plate can bear are ever followed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgeguard.vision.plate_grammar import ALPHABET, START, Colour, Place, PlateKind, after, colours_of, kind_of, kinds_at

Columns = NDArray[np.float32]
"""Log probabilities: columns by 1 + len(ALPHABET)."""

_BEAMS: Final = 8
_BRANCHES: Final = 3
"""Characters followed from one column."""
_FAINTEST: Final = 1.2e-4
"""Probability below which a character is not worth following."""
_CLEARLY_BLANK: Final = 0.998
_LEAST_LOG: Final = -20.0
"""What a column denies altogether counts as this log probability."""
_NO_PLATE: Final = 0.9
_FEWEST: Final = 4
"""With fewer characters at the first glance there is no plate worth a search."""
_SURE: Final = 0.8
_TRUST_WITHOUT_COLOUR: Final = 0.25
_FAINT_COLOUR: Final = 0.02
_CONTRADICTED: Final = 0.5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text that a plate can bear, and its probability given the strip."""

    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What one strip says: the best text, its rivals, and the plate's colour."""

    text: str
    confidence: float
    kind: PlateKind
    colour: Colour
    rivals: tuple[Candidate, ...]


def greedy(columns: Columns) -> str:
    """The most probable class of each column, without repeats and blanks; may be any string."""
    best = columns.argmax(axis=1)
    kept = best[(best != 0) & np.concatenate(([True], best[1:] != best[:-1]))]
    return "".join(ALPHABET[number - 1] for number in kept)


def likelihood(columns: Columns, text: str) -> float:
    """The probability that the strip says exactly `text`, over all alignments."""
    states = np.zeros(2 * len(text) + 1, np.intp)
    states[1::2] = [ALPHABET.index(char) + 1 for char in text]
    may_skip = np.zeros(len(states))
    may_skip[3::2] = states[3::2] != states[1:-2:2]
    emitted = _chances(columns)[:, states]
    padded = np.zeros(len(states) + 2)
    alpha = padded[2:]
    alpha[:2] = emitted[0, :2]
    for row in emitted[1:]:
        alpha[:] = (alpha + padded[1:-1] + may_skip * padded[:-2]) * row
    return float(min(1.0, alpha[-2:].sum()))


def _chances(columns: Columns) -> NDArray[np.float64]:
    """Plain probabilities: a strip has so few columns that the product of even the least of them is far from nought."""
    return np.exp(np.maximum(columns.astype(np.float64), _LEAST_LOG))


@dataclass(slots=True)
class _Beam:
    """A text begun: probabilities of its alignments that end in a blank, and of those that end in its last character."""

    place: Place
    blank: float = 0.0
    char: float = 0.0

    @property
    def total(self) -> float:
        return self.blank + self.char


def candidates(columns: Columns) -> tuple[Candidate, ...]:
    """The most probable texts that a plate can bear, best first; none where nothing of the kind is in the strip."""
    beams = {"": _Beam(START, blank=1.0)}
    ranked = np.argsort(columns, axis=1)[:, : -_BRANCHES - 1 : -1].tolist()
    for row, best in zip(_chances(columns).tolist(), ranked, strict=True):
        if row[0] > _CLEARLY_BLANK:
            for beam in beams.values():
                beam.blank, beam.char = beam.total * row[0], 0.0
            continue
        beams = _grown(beams, row, [number for number in best if number and row[number] > _FAINTEST])
    whole = [Candidate(text, min(1.0, beam.total)) for text, beam in beams.items() if kinds_at(beam.place)]
    return tuple(sorted(whole, key=lambda candidate: -candidate.probability))


def _grown(beams: dict[str, _Beam], row: list[float], likely: list[int]) -> dict[str, _Beam]:
    """The best texts after one more column, in which only the characters `likely` are looked at."""
    grown: dict[str, _Beam] = {}
    for text, beam in beams.items():
        stayed = grown.get(text) or grown.setdefault(text, _Beam(beam.place))
        stayed.blank += beam.total * row[0]
        if text:
            stayed.char += beam.char * row[ALPHABET.index(text[-1]) + 1]
        for number in likely:
            char = ALPHABET[number - 1]
            place = after(beam.place, char)
            if place is None:
                continue
            before = beam.blank if text.endswith(char) else beam.total
            longer = grown.get(text + char) or grown.setdefault(text + char, _Beam(place))
            longer.char += before * row[number]
    return dict(sorted(grown.items(), key=lambda item: -item[1].total)[:_BEAMS])


def read(columns: Columns, colours: NDArray[np.float32]) -> Reading | None:
    """The best text and colour of one strip. `colours`: log probabilities of every Colour, then of `no plate`.

    Text and colour judge together: an eighth character that was lost leaves a text of seven that may stand on a blue plate, not
    on a green one. A strip that is no plate by its colour loses confidence by as much. None where no plate's text can be seen,
    or it is plainly none.
    """
    shares = np.exp(colours.astype(np.float64))
    plain = greedy(columns)
    if len(plain) < _FEWEST or shares[len(Colour)] > _NO_PLATE:
        return None
    kind = kind_of(plain)
    found: tuple[Candidate, ...] = (Candidate(plain, likelihood(columns, plain)),) if kind else ()
    if kind is None or found[0].probability < _SURE or _agreement(kind, shares) < _SURE:
        found = candidates(columns)
    weighed = [(one, kind, one.probability * _agreement(kind, shares)) for one in found if (kind := kind_of(one.text))]
    if not weighed:
        return None
    weighed.sort(key=lambda one: -one[2])
    best, kind, weight = weighed[0]
    by_colour = dict(zip(Colour, shares.tolist(), strict=False))
    colour = max(colours_of(kind), key=lambda one: by_colour[one])
    is_plate = max(0.0, 1.0 - float(shares[len(Colour)]))
    return Reading(best.text, weight * is_plate, kind, colour, tuple(one for one, _, _ in weighed[1:4]))


def agreed(views: Sequence[Reading | None]) -> Reading | None:
    """The surest view of a plate; what another view contradicts loses half of its confidence."""
    readings = [reading for reading in views if reading is not None]
    if not readings:
        return None
    surest = max(readings, key=lambda reading: reading.confidence)
    agreed = len(readings) == len(views) and all(reading.text == surest.text for reading in readings)
    return surest if agreed else replace(surest, confidence=_CONTRADICTED * surest.confidence)


def voted(views: Sequence[Reading | None]) -> Reading | None:
    """The text with the greatest confidence over all views together, and its mean; a view that saw nothing counts as nought."""
    readings = sorted((reading for reading in views if reading is not None), key=lambda reading: -reading.confidence)
    votes: dict[str, float] = {}
    for reading in readings:
        votes[reading.text] = votes.get(reading.text, 0.0) + reading.confidence / len(views)
    if not votes:
        return None
    text = max(votes, key=lambda text: votes[text])
    surest = next(reading for reading in readings if reading.text == text)
    return replace(surest, confidence=votes[text])


def _agreement(kind: PlateKind, shares: NDArray[np.float64]) -> float:
    """How well the colours seen go with a kind, 0..1; colours lie at night, so that they never rule a kind out alone."""
    if shares[: len(Colour)].sum() < _FAINT_COLOUR:
        return 1.0
    wanted = sum(float(shares[list(Colour).index(colour)]) for colour in colours_of(kind))
    return _TRUST_WITHOUT_COLOUR + (1 - _TRUST_WITHOUT_COLOUR) * wanted / float(shares[: len(Colour)].sum())
