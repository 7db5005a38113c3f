"""Where a point sits in a meter of DL/T 645 or CJ/T 188: a data identifier, the layout of its data, one item of it.

The layout is written as the standards write it: `XXXXXX.XX` is eight BCD digits with two decimals, a leading `±` makes the top
bit the sign, `YYMMDDhhmm` is a moment, `N12` are twelve digits of a number that is a name, `A10` ten characters, `B16` sixteen
bits. `+U` behind a number is a unit byte after it, `U+` before it. Several items are parted by blanks, in the order sent; each
item is sent lowest byte first.
"""

import re
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

from edgeguard.core.line import LineSettings, Parity, Station

DLT645_STATION: Final = re.compile(r"[0-9A]{12}\Z")
"""Twelve digits, or A for any digit."""
DLT645_EVERYBODY: Final = "A" * 12
DLT645_BROADCAST: Final = "9" * 12
"""Meters obey it and do not answer."""
CJT188_STATION: Final = re.compile(r"[0-9A-F]{16}\Z")
"""The meter type, then fourteen digits of which the first four are the maker's; AA for any byte."""
CJT188_EVERYBODY: Final = "A" * 16
METER_LINE: Final = LineSettings(baudrate=2400, parity=Parity.EVEN)
"""What both standards begin with."""
_ANY: Final = "A"


def calls_many(station: Station) -> bool:
    """Whether more than one meter may hear this address: it holds a wildcard, or is the broadcast address."""
    if isinstance(station, int):
        return False
    if len(station) == len(DLT645_BROADCAST):
        return _ANY in station or station == DLT645_BROADCAST
    return _ANY * 2 in (station[i : i + 2] for i in range(0, len(station), 2))


class Edition(IntEnum):
    """Of DL/T 645: other control codes and identifiers, the same frames."""

    Y1997 = 1997
    Y2007 = 2007


class PartKind(StrEnum):
    """What an item is."""

    NUMBER = "number"
    MOMENT = "moment"
    DIGITS = "digits"
    TEXT = "text"
    BITS = "bits"


class UnitPlace(StrEnum):
    """Where the byte stands that says the unit of a number."""

    NONE = "none"
    AFTER = "after"
    BEFORE = "before"


class Dimension(StrEnum):
    """What a unit byte may say the unit of."""

    VOLUME = "volume"
    ENERGY = "energy"
    POWER = "power"
    FLOW = "flow"


UNITS_OF: Final = (
    (Dimension.VOLUME, ("m3", "L")),
    (Dimension.ENERGY, ("kWh", "MWh", "MJ", "GJ")),
    (Dimension.POWER, ("kW", "W")),
    (Dimension.FLOW, ("m3/h", "L/h")),
)
"""Units that a point may be given in where the meter says its own."""


@dataclass(frozen=True, slots=True)
class Part:
    """One item of a layout. `size` bytes without the unit byte; `form` are the letters of a moment, most significant first."""

    kind: PartKind
    size: int
    decimals: int = 0
    signed: bool = False
    form: str = ""
    unit: UnitPlace = UnitPlace.NONE

    @property
    def width(self) -> int:
        """Bytes that it takes, its unit byte included."""
        return self.size + (self.unit is not UnitPlace.NONE)


_NUMBER: Final = re.compile(r"(U\+)?(±)?(X+)(?:\.(X+))?(\+U)?\Z")
_COUNTED: Final = re.compile(r"([NAB])([1-9][0-9]{0,2})\Z")
_MOMENT: Final = re.compile(r"(?:YYYY|YY)?(?:MM)?(?:DD)?(?:WW)?(?:hh)?(?:mm)?(?:ss)?\Z")


def part_of(word: str) -> Part:
    """One item in the notation of this module. ValueError with what is wrong."""
    number = _NUMBER.match(word)
    if number is not None:
        before, sign, whole, fraction, after = number.groups()
        digits = len(whole) + len(fraction or "")
        if digits % 2:
            raise ValueError(f'"{word}" has {digits} digits: a byte holds two, so their number must be even')
        if before and after:
            raise ValueError(f'"{word}" has a unit on both sides')
        place = UnitPlace.BEFORE if before else UnitPlace.AFTER if after else UnitPlace.NONE
        return Part(PartKind.NUMBER, digits // 2, len(fraction or ""), sign is not None, unit=place)
    counted = _COUNTED.match(word)
    if counted is not None:
        letter, count = counted[1], int(counted[2])
        if letter == "A":
            return Part(PartKind.TEXT, count)
        per_byte = 2 if letter == "N" else 8
        if count % per_byte or count > 64:
            raise ValueError(f'"{word}": a byte holds {per_byte}, so the count must be a multiple of it, 64 at most')
        return Part(PartKind.DIGITS if letter == "N" else PartKind.BITS, count // per_byte)
    if word and _MOMENT.match(word):
        return Part(PartKind.MOMENT, len(word) // 2, form=word)
    raise ValueError(f'"{word}" is no layout of an item, such as XXXXXX.XX, ±XX.XXXX, YYMMDDhhmm, N12, A10 or B16')


def layout_of(text: str) -> tuple[Part, ...]:
    """A layout of one or more items. ValueError with what is wrong."""
    words = text.split()
    if not words:
        raise ValueError("a layout has one item at least")
    return tuple(part_of(word) for word in words)


class Control(StrEnum):
    """How a point of a meter is written, beyond reading it."""

    DATA = "data"
    """DL/T 645 control code 14: the identifier's own data."""
    RELAY = "relay"
    """DL/T 645 control code 1C: 0 lets the relay close, 1 trips it."""
    VALVE = "valve"
    """CJ/T 188 control code 04, identifier A017: 0 opens, 1 closes."""


@dataclass(frozen=True, slots=True)
class MeterField:
    """One item of the data that an identifier names. `item` counts from 0 within `layout`.

    `bits` = (lowest, highest) selects bits of an item of bits; a single bit read as BOOLEAN has lowest == highest.
    value = number x scale, `scale` being for transformers in front of the meter. `dimension` says what a unit byte must be of;
    `unit` is the unit that the value is then given in. `every_ms`: asked for no more often than that, 0 for every round.
    """

    identifier: str
    layout: tuple[Part, ...]
    item: int = 0
    bits: tuple[int, int] | None = None
    scale: float = 1.0
    every_ms: int = 0
    dimension: Dimension | None = None
    unit: str = ""
    control: Control | None = None

    @property
    def part(self) -> Part:
        """The item itself."""
        return self.layout[self.item]
