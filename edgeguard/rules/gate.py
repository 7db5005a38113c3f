"""Who is let through a gate: (lists, who is inside, what was read, now) -> a decision with its reason in words. Pure.

The order is the policy. What could not be read never opens; a blocked plate never comes in; a doubtful reading never opens; only a
plate that stands on a list exactly as it was read opens by a list. A plate that differs from a listed one in one place (a 0 read as
D, an 8 as B, an eighth character lost) is left to a person, who is told which. Without a clock that can be trusted nobody comes in
by an entry that holds at some times only, and nobody is kept blocked for less than always.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from edgeguard.core.gate import Leaving, PlateRule, Way, ZoneSpec
from edgeguard.core.gate_list import Entry, ListKind
from edgeguard.core.point import Labels
from edgeguard.rules.gate_time import Holds, holds
from edgeguard.rules.stays import ZoneState


class Verdict(StrEnum):
    """What is done."""

    OPEN = "open"
    REFUSED = "refused"
    ASK = "ask"
    """A person has to decide."""


class Reason(StrEnum):
    """Why; a stable word of events, its sentence is in WORDS."""

    LISTED = "listed"
    KIND = "kind"
    INSIDE = "inside"
    ANYONE = "anyone"
    UNREAD = "unread"
    DOUBTFUL = "doubtful"
    NEAR = "near-miss"
    CLOCK = "clock"
    BLOCKED = "blocked"
    NOT_YET = "not-yet"
    OVER = "over"
    OTHER_DAY = "other-day"
    OTHER_HOUR = "other-hour"
    OTHER_ZONE = "other-zone"
    OTHER_LIST = "other-list"
    BAY_TAKEN = "bay-taken"
    FULL = "full"
    PASSBACK = "passback"
    UNKNOWN = "unknown"
    LOOP = "loop"


WORDS: Final[Mapping[Reason, Labels]] = MappingProxyType(
    {
        Reason.LISTED: Labels(zh="在名单上", en="it is on a list"),
        Reason.KIND: Labels(zh="此类车牌一律放行", en="plates of its kind may always come in"),
        Reason.INSIDE: Labels(zh="有入场记录,放行出场", en="it was seen coming in and is let out"),
        Reason.ANYONE: Labels(zh="出口对所有车辆放行", en="everybody is let out here"),
        Reason.UNREAD: Labels(zh="车牌无法识别,请人工确认", en="its plate could not be read: a person has to look"),
        Reason.DOUBTFUL: Labels(zh="识别把握不足,请人工确认", en="its plate was not read surely enough: a person has to look"),
        Reason.NEAR: Labels(
            zh="与名单上的车牌仅差一个字符,请人工确认", en="it differs from a listed plate in one place: a person has to look"
        ),
        Reason.CLOCK: Labels(
            zh="时钟不可信,有时限的车牌请人工确认",
            en="the clock cannot be trusted and the entry holds at some times only: a person has to look",
        ),
        Reason.BLOCKED: Labels(zh="在禁止入场名单上", en="it is blocked"),
        Reason.NOT_YET: Labels(zh="有效期尚未开始", en="its time has not come yet"),
        Reason.OVER: Labels(zh="有效期已过", en="its time is over"),
        Reason.OTHER_DAY: Labels(zh="今天不在允许的日子内", en="it may not come in on this day"),
        Reason.OTHER_HOUR: Labels(zh="现在不在允许的时段内", en="it may not come in at this hour"),
        Reason.OTHER_ZONE: Labels(zh="名单不适用于该区域", en="its entry is for another zone"),
        Reason.OTHER_LIST: Labels(zh="该道闸不对此名单开放", en="this gate does not open for its list"),
        Reason.BAY_TAKEN: Labels(zh="其车位已有车辆", en="another vehicle stands in its bay"),
        Reason.FULL: Labels(zh="区域已满", en="the zone is full"),
        Reason.PASSBACK: Labels(zh="该车已在场内", en="it is inside already"),
        Reason.LOOP: Labels(
            zh="地感状态未知或持续被占用,请人工放行", en="the loop under the barrier is unknown or stuck: a person has to open"
        ),
        Reason.UNKNOWN: Labels(zh="不在任何名单上", en="it is on no list"),
    }
)
LIST_WORDS: Final[Mapping[ListKind, Labels]] = MappingProxyType(
    {
        ListKind.RESIDENT: Labels(zh="住户", en="residents"),
        ListKind.VISITOR: Labels(zh="访客", en="visitors"),
        ListKind.BLOCKED: Labels(zh="禁止入场", en="blocked"),
        ListKind.SHARED: Labels(zh="共享车位", en="shared bays"),
        ListKind.SERVICE: Labels(zh="公务与服务", en="service"),
    }
)
_REASONS: Final[Mapping[Holds, Reason]] = MappingProxyType(
    {
        Holds.NOT_YET: Reason.NOT_YET,
        Holds.OVER: Reason.OVER,
        Holds.OTHER_DAY: Reason.OTHER_DAY,
        Holds.OTHER_HOUR: Reason.OTHER_HOUR,
        Holds.CLOCK: Reason.CLOCK,
    }
)


@dataclass(frozen=True, slots=True)
class Lists:
    """All entries, by plate."""

    by_plate: Mapping[str, tuple[Entry, ...]] = field(default_factory=lambda: MappingProxyType({}))
    alphabet: tuple[str, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Lists":
        """In the order of the entries."""
        found: dict[str, list[Entry]] = {}
        for entry in entries:
            found.setdefault(entry.plate, []).append(entry)
        letters = sorted({letter for plate in found for letter in plate})
        return cls(MappingProxyType({plate: tuple(some) for plate, some in found.items()}), tuple(letters))

    def on(self, plate: str) -> tuple[Entry, ...]:
        """The entries of a plate."""
        return self.by_plate.get(plate, ())


@dataclass(frozen=True, slots=True)
class Read:
    """What a camera has read; `text` None: it could not. `kind` is a word of the plate's kind."""

    text: str | None
    confidence: float = 0.0
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """`now` None while no clock can be trusted; `zone` is that of the site."""

    now: datetime | None
    zone: tzinfo


@dataclass(frozen=True, slots=True)
class Decision:
    """`entry` is the one that decided; `near` the listed plate that the reading nearly is."""

    verdict: Verdict
    reason: Reason
    entry: Entry | None = None
    near: str | None = None

    @property
    def words(self) -> Labels:
        """The reason as people read it; no plate in it."""
        said = WORDS[self.reason]
        if self.entry is None:
            return said
        on = LIST_WORDS[self.entry.kind]
        return Labels(zh=f"{said.zh}({on.zh})", en=f"{said.en} ({on.en})")


def decide(
    lists: Lists, inside: ZoneState, rule: PlateRule, zone: ZoneSpec | None, way: Way, read: Read, moment: Moment
) -> Decision:
    """What to do with a vehicle before a gate."""
    if read.text is None:
        return Decision(Verdict.ASK, Reason.UNREAD)
    entries = lists.on(read.text)
    here = tuple(entry for entry in entries if _is_here(entry, zone))
    if way is Way.IN:
        blocked = _blocked(here, moment)
        if blocked is not None:
            return Decision(Verdict.REFUSED, Reason.BLOCKED, blocked)
    if read.confidence < rule.min_confidence:
        return Decision(Verdict.ASK, Reason.DOUBTFUL, near=read.text if entries else None)
    if way is Way.OUT and rule.leaving is Leaving.ANYONE:
        return Decision(Verdict.OPEN, Reason.ANYONE)
    if way is Way.OUT and read.text in inside.stays:
        return Decision(Verdict.OPEN, Reason.INSIDE)
    opening = tuple(entry for entry in here if entry.kind in rule.opens and entry.kind is not ListKind.BLOCKED)
    if opening:
        return _by_lists(opening, inside, rule, zone, way, moment)
    if read.kind in rule.kinds and read.confidence >= rule.kind_confidence:
        return Decision(Verdict.OPEN, Reason.KIND)
    listed = tuple(entry for entry in entries if entry.kind is not ListKind.BLOCKED)
    if listed:
        reason = Reason.OTHER_LIST if any(entry in here for entry in listed) else Reason.OTHER_ZONE
        return Decision(Verdict.REFUSED, reason, listed[0])
    near = _near(lists, inside, rule, zone, way, read.text, moment)
    if near is not None:
        return Decision(Verdict.ASK, Reason.NEAR, next(iter(lists.on(near)), None), near)
    return Decision(Verdict.REFUSED if way is Way.IN else Verdict.ASK, Reason.UNKNOWN)


def _by_lists(
    entries: Sequence[Entry], inside: ZoneState, rule: PlateRule, zone: ZoneSpec | None, way: Way, moment: Moment
) -> Decision:
    """The first entry that lets it through; else what the first one that holds lacks; else why the first does not hold."""
    found = [(entry, holds(entry, moment.now, moment.zone)) for entry in entries]
    holding = [entry for entry, how in found if how is Holds.YES]
    refused: Decision | None = None
    for entry in holding:
        lacks = _lacks(entry, inside, rule, zone) if way is Way.IN else None
        if lacks is None:
            return Decision(Verdict.OPEN, Reason.LISTED, entry)
        refused = refused or Decision(Verdict.REFUSED, lacks, entry)
    if refused is not None:
        return refused
    entry, how = next(((entry, how) for entry, how in found if how is Holds.CLOCK), found[0])
    verdict = Verdict.ASK if how is Holds.CLOCK or way is Way.OUT else Verdict.REFUSED
    return Decision(verdict, _REASONS[how], entry)


def _lacks(entry: Entry, inside: ZoneState, rule: PlateRule, zone: ZoneSpec | None) -> Reason | None:
    """Why a plate must not come in though its entry holds."""
    if rule.anti_passback and entry.plate in inside.stays:
        return Reason.PASSBACK
    owner = inside.bay_of(entry.bay)
    if owner is not None and owner.plate != entry.plate:
        return Reason.BAY_TAKEN
    if zone is None or zone.capacity is None or entry.kind in zone.when_full:
        return None
    # A vehicle whose last exit was missed takes no further place.
    return Reason.FULL if inside.count - (entry.plate in inside.stays) >= zone.capacity else None


def _blocked(here: Iterable[Entry], moment: Moment) -> Entry | None:
    """The entry by which a plate must not come in now; without a clock one that holds at some times only does."""
    blocking = (entry for entry in here if entry.kind is ListKind.BLOCKED)
    return next((entry for entry in blocking if holds(entry, moment.now, moment.zone) in (Holds.YES, Holds.CLOCK)), None)


def _is_here(entry: Entry, zone: ZoneSpec | None) -> bool:
    return not entry.zones or (zone is not None and zone.name in entry.zones)


def _near(
    lists: Lists, inside: ZoneState, rule: PlateRule, zone: ZoneSpec | None, way: Way, text: str, moment: Moment
) -> str | None:
    """A plate that would be let through, or is inside, and from which the text differs in one place."""
    for other in one_off(text, lists.alphabet):
        here = [entry for entry in lists.on(other) if _is_here(entry, zone)]
        if any(entry.kind in rule.opens for entry in here) and not (way is Way.IN and _blocked(here, moment)):
            return other
    if way is Way.OUT:
        return next((plate for plate in inside.stays if differs_in_one(plate, text)), None)
    return None


def one_off(text: str, alphabet: Iterable[str]) -> Iterator[str]:
    """Every text that differs in one place: another character, one more, or one less."""
    letters = tuple(alphabet)
    for at in range(len(text)):
        yield text[:at] + text[at + 1 :]
        for letter in letters:
            if letter != text[at]:
                yield text[:at] + letter + text[at + 1 :]
    for at in range(len(text) + 1):
        for letter in letters:
            yield text[:at] + letter + text[at:]


def differs_in_one(one: str, other: str) -> bool:
    """Whether two texts differ in exactly one place: a character, or one more or less."""
    if len(one) == len(other):
        return sum(a != b for a, b in zip(one, other, strict=True)) == 1
    short, long = sorted((one, other), key=len)
    return len(long) - len(short) == 1 and any(short == long[:at] + long[at + 1 :] for at in range(len(long)))
