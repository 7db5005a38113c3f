"""What a Chinese number plate may say (GA 36-2018): characters by place, kinds by text, colours by kind.

Sans everything: texts in, verdicts out. `Grammar.after` walks a text character by character, so that a decoder never follows a
reading that no plate can bear.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

PROVINCES: Final = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新"
LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"
DIGITS: Final = "0123456789"
SUFFIXES: Final = "学警挂港澳领"
EMBASSY: Final = "使"
OFFICIAL: Final = "O"
ALPHABET: Final = PROVINCES + DIGITS + LETTERS + OFFICIAL + SUFFIXES + EMBASSY
"""Every character that can stand on a plate, in the order of the reader's classes (class 0 is the blank)."""
ENERGY_SERIES: Final = "DABCEFGHJK"
MAX_SERIAL_LETTERS: Final = 2
LONGEST: Final = 8


class Colour(StrEnum):
    """The ground of a plate."""

    BLUE = "blue"
    YELLOW = "yellow"
    GREEN = "green"
    YELLOW_GREEN = "yellow_green"
    WHITE = "white"
    BLACK = "black"


class PlateKind(StrEnum):
    """What a plate is for, as far as its text and colour tell."""

    ORDINARY = "ordinary"
    ENERGY_SMALL = "energy_small"
    ENERGY_LARGE = "energy_large"
    POLICE = "police"
    COACH = "coach"
    TRAILER = "trailer"
    HONG_KONG_MACAO = "hong_kong_macao"
    CONSULATE = "consulate"
    EMBASSY = "embassy"


_SERIAL: Final = DIGITS + LETTERS
_SECOND: Final = LETTERS + OFFICIAL


@dataclass(frozen=True, slots=True)
class Pattern:
    """One kind's text: the characters allowed at each place, and the colours it comes in."""

    kind: PlateKind
    places: tuple[str, ...]
    colours: tuple[Colour, ...]
    serial: slice
    """The places among which at most MAX_SERIAL_LETTERS letters stand."""


_FIVE: Final = slice(2, 7)
_FOUR: Final = slice(2, 6)
PATTERNS: Final[tuple[Pattern, ...]] = (
    Pattern(
        PlateKind.ORDINARY, (PROVINCES, _SECOND, *(_SERIAL,) * 5), (Colour.BLUE, Colour.YELLOW, Colour.BLACK, Colour.WHITE), _FIVE
    ),
    Pattern(PlateKind.ENERGY_SMALL, (PROVINCES, _SECOND, ENERGY_SERIES, _SERIAL, *(DIGITS,) * 4), (Colour.GREEN,), slice(2, 8)),
    Pattern(PlateKind.ENERGY_LARGE, (PROVINCES, _SECOND, *(DIGITS,) * 5, ENERGY_SERIES), (Colour.YELLOW_GREEN,), slice(2, 8)),
    Pattern(PlateKind.POLICE, (PROVINCES, _SECOND, *(_SERIAL,) * 4, "警"), (Colour.WHITE,), _FOUR),
    Pattern(PlateKind.COACH, (PROVINCES, _SECOND, *(_SERIAL,) * 4, "学"), (Colour.YELLOW,), _FOUR),
    Pattern(PlateKind.TRAILER, (PROVINCES, _SECOND, *(_SERIAL,) * 4, "挂"), (Colour.YELLOW,), _FOUR),
    Pattern(PlateKind.HONG_KONG_MACAO, ("粤", "Z", *(_SERIAL,) * 4, "港澳"), (Colour.BLACK,), _FOUR),
    Pattern(PlateKind.CONSULATE, (PROVINCES, _SECOND, *(_SERIAL,) * 4, "领"), (Colour.BLACK,), _FOUR),
    Pattern(PlateKind.EMBASSY, (EMBASSY, *(DIGITS,) * 6), (Colour.BLACK,), slice(1, 7)),
)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a text has come: its length, the patterns that still fit, and the letters in each one's serial."""

    length: int = 0
    letters: tuple[tuple[int, int], ...] = tuple((index, 0) for index in range(len(PATTERNS)))


START: Final = Place()


def after(place: Place, char: str) -> Place | None:
    """The place behind `char`, or None where no plate goes on so."""
    alive: list[tuple[int, int]] = []
    for index, letters in place.letters:
        pattern = PATTERNS[index]
        if place.length >= len(pattern.places) or char not in pattern.places[place.length]:
            continue
        in_serial = pattern.serial.start <= place.length < pattern.serial.stop
        count = letters + (in_serial and char in LETTERS)
        if count <= MAX_SERIAL_LETTERS:
            alive.append((index, count))
    return Place(place.length + 1, tuple(alive)) if alive else None


def kinds_at(place: Place) -> tuple[PlateKind, ...]:
    """The kinds of plate whose text is complete here."""
    return tuple(PATTERNS[index].kind for index, _ in place.letters if len(PATTERNS[index].places) == place.length)


def kind_of(text: str) -> PlateKind | None:
    """The kind of plate that bears `text`, or None where no plate does."""
    place: Place | None = START
    for char in text[: LONGEST + 1]:
        place = after(place, char) if place else None
    kinds = kinds_at(place) if place else ()
    return kinds[0] if kinds else None


def colours_of(kind: PlateKind) -> tuple[Colour, ...]:
    """The colours in which `kind` comes."""
    return next(pattern.colours for pattern in PATTERNS if pattern.kind is kind)
