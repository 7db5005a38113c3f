"""Who is inside: entry and exit paired, how long that was, and how many vehicles a zone holds. Pure steps.

Nothing is invented. A vehicle that comes in twice has left unseen: how long it stayed is unknown, and said to be. One that leaves
without having come in has come in unseen. Vehicles without a plate are counted, not paired, and a person may correct the count.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from edgeguard.core.clock import Stamp, passed_ms
from edgeguard.core.gate_limits import GATE_STAY_KEPT_MS, GATE_STAYS_MAX


class Happened(StrEnum):
    """What became known of a stay; words of events."""

    ENTERED = "entered"
    LEFT = "left"
    EXIT_MISSED = "exit-missed"
    """It came in again: its last stay has ended at an unknown moment."""
    ENTRY_MISSED = "entry-missed"
    """It leaves, and nobody has seen it come in."""
    CORRECTED = "corrected"
    """A person has said how many there are, or that this one is gone."""
    GIVEN_UP = "given-up"
    """It has been inside for longer than stays are kept, or there were too many."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A vehicle that is inside. `list_name` and `bay` are those by which it was let in, where there are any."""

    plate: str
    since: Stamp
    gate: str = ""
    list_name: str = ""
    bay: str = ""


@dataclass(frozen=True, slots=True)
class ZoneState:
    """The vehicles of one zone: those with a stay, and `extra`, what the count is beyond them: vehicles without a plate, and
    what people have corrected. It is below zero while stays are open whose vehicles have left unread.
    """

    stays: Mapping[str, Stay] = field(default_factory=lambda: MappingProxyType({}))
    extra: int = 0

    @property
    def count(self) -> int:
        """Vehicles inside, as far as is known."""
        return max(0, len(self.stays) + self.extra)

    def bay_of(self, bay: str) -> Stay | None:
        """Who stands in a bay."""
        return next((stay for stay in self.stays.values() if stay.bay == bay), None) if bay else None


@dataclass(frozen=True, slots=True)
class StayNews:
    """`plate` None: it could not be read. `lasted_ms` None: nobody knows. `count` is what the zone holds from now on."""

    happened: Happened
    plate: str | None
    count: int
    at: Stamp
    lasted_ms: int | None = None
    since: Stamp | None = None


Step = tuple[ZoneState, tuple[StayNews, ...]]


def enter(zone: ZoneState, plate: str | None, stay: Stay) -> Step:
    """A vehicle has come in; `stay` tells of it, its plate counts only where `plate` is not None."""
    at = stay.since
    if plate is None:
        grown = replace(zone, extra=zone.extra + 1)
        return grown, (StayNews(Happened.ENTERED, None, grown.count, at),)
    before = zone.stays.get(plate)
    extra = zone.extra
    if before is not None and extra < 0:
        extra += 1  # one that left unread was this one
    stays = {**{name: one for name, one in zone.stays.items() if name != plate}, plate: stay}
    grown = ZoneState(MappingProxyType(stays), extra)
    news: tuple[StayNews, ...] = (StayNews(Happened.ENTERED, plate, grown.count, at),)
    if before is not None:
        news = (StayNews(Happened.EXIT_MISSED, plate, grown.count - 1, at, since=before.since), *news)
    return _bounded(grown, at, news)


def expected(zone: ZoneState, coming: Iterable[Stay]) -> ZoneState:
    """With those who are let in and have not gone through yet: two that follow each other must not both have the last place."""
    for stay in coming:
        zone = enter(zone, stay.plate or None, stay)[0]
    return zone


def leave(zone: ZoneState, plate: str | None, at: Stamp) -> Step:
    """A vehicle has gone out."""
    if plate is None:
        shrunk = replace(zone, extra=max(zone.extra - 1, -len(zone.stays)))
        return shrunk, (StayNews(Happened.LEFT, None, shrunk.count, at),)
    before = zone.stays.get(plate)
    if before is None:
        # It was not counted when it came, unless it came in unread.
        shrunk = replace(zone, extra=zone.extra - 1) if zone.extra > 0 else zone
        return shrunk, (StayNews(Happened.ENTRY_MISSED, plate, shrunk.count, at),)
    shrunk = _without(zone, (plate,))
    return shrunk, (StayNews(Happened.LEFT, plate, shrunk.count, at, lasted_ms(before.since, at), before.since),)


def corrected(zone: ZoneState, count: int, at: Stamp) -> Step:
    """A person has counted; stays remain as they are."""
    right = replace(zone, extra=count - len(zone.stays))
    return right, (StayNews(Happened.CORRECTED, None, right.count, at),)


def ended(zone: ZoneState, plate: str, at: Stamp) -> Step:
    """A person says that this vehicle has gone; KeyError if it is not inside."""
    since = zone.stays[plate].since
    extra = zone.extra + 1 if zone.extra < 0 else zone.extra
    shrunk = replace(_without(zone, (plate,)), extra=extra)
    return shrunk, (StayNews(Happened.CORRECTED, plate, shrunk.count, at, since=since),)


def forgotten(zone: ZoneState, at: Stamp) -> Step:
    """Stays that are older than any is kept, given up."""
    sure = {name: lasted_ms(stay.since, at) for name, stay in zone.stays.items() if stay.since.synced and at.synced}
    old = [name for name, lasted in sure.items() if lasted is not None and lasted > GATE_STAY_KEPT_MS]
    return _given_up(zone, old, at)


def lasted_ms(since: Stamp, at: Stamp) -> int | None:
    """How long a stay was: by the boot clock within one boot, else by the wall clock if it was right both times; else unknown."""
    if since.boot == at.boot:
        return passed_ms(since, at)
    if since.synced and at.synced and at.wall_ms >= since.wall_ms:
        return at.wall_ms - since.wall_ms
    return None


def _bounded(zone: ZoneState, at: Stamp, news: tuple[StayNews, ...]) -> Step:
    """No more stays than are kept: the first that came in are given up."""
    shrunk, gone = _given_up(zone, list(zone.stays)[: max(0, len(zone.stays) - GATE_STAYS_MAX)], at)
    return shrunk, (*news, *gone)


def _given_up(zone: ZoneState, plates: Iterable[str], at: Stamp) -> Step:
    news = []
    for plate in plates:
        since = zone.stays[plate].since
        zone = _without(zone, (plate,))
        news.append(StayNews(Happened.GIVEN_UP, plate, zone.count, at, since=since))
    return zone, tuple(news)


def _without(zone: ZoneState, plates: Iterable[str]) -> ZoneState:
    gone = frozenset(plates)
    left = MappingProxyType({name: stay for name, stay in zone.stays.items() if name not in gone})
    return ZoneState(left, max(zone.extra, -len(left)))
