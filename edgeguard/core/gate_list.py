"""Lists of plates: who may pass a gate, when, and where. An entry is a value; what lists say together is decided in rules.gate.

The plate itself is kept, not a hash of it: a hash tells nothing of a plate that differs by one character, and such a plate must be
told from a stranger's. What is not needed any more is removed instead: entries after their last day, stays when they end.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class ListKind(StrEnum):
    """The lists there are."""

    RESIDENT = "resident"
    VISITOR = "visitor"
    BLOCKED = "blocked"
    SHARED = "shared"
    """Bays that others may use by the hour."""
    SERVICE = "service"
    """Whoever always has to get through: ambulances, refuse collection, the lift's maintenance."""


DATED: Final = frozenset({ListKind.VISITOR})
"""Lists whose entries must say until when they hold."""

_PLATE: Final = re.compile(r"[0-9A-Z一-鿿]{5,10}\Z")
_DOTS: Final = r"·・•‧。．.\-－'\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
_BETWEEN: Final = re.compile(rf"[\s{_DOTS}]")
"""Dots, spaces, and what cannot be seen but comes along when a plate is copied out of a chat or a spreadsheet."""
_PROVINCE: Final = "[京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新]"
_GAP: Final = rf"[ \t\u00a0\u2000-\u200a\u3000{_DOTS}]{{0,4}}"
_IN_TEXT: Final = re.compile(
    rf"{_PROVINCE}{_GAP}[A-Za-zＡ-Ｚａ-ｚ]{_GAP}[0-9A-Za-z０-９Ａ-Ｚａ-ｚ]"
    rf"(?:[{_DOTS}]?[0-9A-Za-z０-９Ａ-Ｚａ-ｚ]|{_GAP}[0-9A-Z０-９Ａ-Ｚ](?![a-z])){{3,5}}[警学挂港澳领]?"
    rf"|[WwＷｗ][JjＪｊ]{_GAP}{_PROVINCE}?{_GAP}[0-9０-９]{{4}}[0-9A-Za-z０-９Ａ-Ｚａ-ｚ]|使{_GAP}[0-9０-９]{{6}}"
)


@dataclass(frozen=True, slots=True)
class Hours:
    """A part of the day in minutes since midnight, the end not included. One that ends before it begins runs past midnight."""

    first_min: int
    until_min: int

    def __str__(self) -> str:
        return f"{_clock(self.first_min)}-{_clock(self.until_min)}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A plate on a list. Times are those of a clock on the wall of the site; `until` is not included.

    `days`: 1 Monday to 7 Sunday, none means all; of hours past midnight the day on which they begin counts. `bay`: of all plates
    with the same bay only one may be inside. `zones`: where it holds, none means everywhere.
    """

    plate: str
    kind: ListKind
    since: datetime | None = None
    until: datetime | None = None
    days: frozenset[int] = frozenset()
    hours: tuple[Hours, ...] = ()
    bay: str = ""
    zones: frozenset[str] = frozenset()
    note: str = ""

    @property
    def needs_clock(self) -> bool:
        """Whether it holds at some times only."""
        return self.since is not None or self.until is not None or bool(self.days) or bool(self.hours)


def plain_plate(written: str) -> str | None:
    """A plate as lists hold it: without dots and spaces, in capital half-width characters; None where it cannot be one."""
    plain = _BETWEEN.sub("", unicodedata.normalize("NFKC", written)).upper()
    return plain if _PLATE.match(plain) else None


def masked_plate(plate: str) -> str:
    """For logs and sentences: the province and the last character alone."""
    return f"{plate[:1]}{'*' * max(0, len(plate) - 2)}{plate[-1:]}"


def without_plates(text: str) -> str:
    """What people or files have said, with every number plate in it masked: for logs and records, from which nothing is erased."""
    return _IN_TEXT.sub(lambda found: masked_plate(found.group()), text)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
