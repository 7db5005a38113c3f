"""One barrier and the vehicles before it: one opening for each, none while another is under way. Pure steps.

The loop under the barrier tells when a vehicle has gone through. Until then the next one waits. A loop that is unknown or stuck
opens nothing by itself. A vehicle that goes under the barrier right behind another, without having been let in, is told.
A daemon that begins anew goes on with what was under way: nobody is let in twice, and what nobody has seen is said to be unseen.
Times are those of the boot clock.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from edgeguard.core.gate import Way
from edgeguard.core.gate_limits import GATE_LOOP_STUCK_MS, GATE_RESUMED_MS, GATE_SAME_MS, GATE_WAITING_MS
from edgeguard.rules.gate import differs_in_one

_WAITING_MOST: Final = 3
_NEVER_MS: Final = -(2**60)
_FOR_EVER_MS: Final = 2**60
BY_HAND: Final = "by-hand-"
"""How the ids begin of vehicles for which a person has opened without saying for whom."""
BEHIND_MS: Final = 6_000
"""So long after a vehicle has cleared the loop the barrier may still be up."""


class Phase(StrEnum):
    """How far the vehicle is that was let in."""

    IDLE = "idle"
    OPENING = "opening"
    OPEN = "open"
    UNDER = "under"
    RESUMED = "resumed"
    """It was let in before the daemon began anew: nobody knows whether the barrier opened, and whether it has gone since."""


@dataclass(frozen=True, slots=True)
class Vehicle:
    """One that was let in, or is to be. `id` is that of its pass; `plate` None where a person let in what could not be read."""

    id: str
    plate: str | None
    way: Way | None
    list_name: str = ""
    bay: str = ""

    @property
    def by_hand(self) -> bool:
        """Whether a person has opened without saying for whom."""
        return self.id.startswith(BY_HAND)


class Told(StrEnum):
    """What a step has found; words of events."""

    OPEN = "open"
    """The barrier is to be opened for it now."""
    PASSED = "passed"
    PASSED_UNSEEN = "passed-unseen"
    """It was under the barrier when that was last seen, and is not any more: it counts as gone through."""
    NOT_PASSED = "not-passed"
    """It was let in and did not come."""
    UNSEEN = "unseen"
    """It was let in before the daemon began anew; nobody knows whether it came. It is not counted."""
    NOT_WAITED = "not-waited"
    """It stood behind another for too long, or too many stood there: a person has to look."""
    TAILGATED = "tailgated"
    LOOP_STUCK = "loop-stuck"
    LOOP_FREE = "loop-free"


@dataclass(frozen=True, slots=True)
class Passage:
    """What is remembered of a barrier. `loop` None: unknown. `waiting`: with the time since when."""

    phase: Phase = Phase.IDLE
    vehicle: Vehicle | None = None
    since_ms: int = 0
    waiting: tuple[tuple[Vehicle, int], ...] = ()
    loop: bool | None = None
    loop_since_ms: int = 0
    stuck: bool = False
    last: Vehicle | None = None
    last_ms: int = _NEVER_MS


News = tuple[tuple[Told, Vehicle | None], ...]
Step = tuple[Passage, News]


def is_same(passage: Passage, text: str, now_ms: int, *, exact: bool) -> bool:
    """Whether a reading is of a vehicle that is already dealt with: by another camera, or by the same one once more.

    `exact`: the reading stands on a list itself; otherwise one that differs in one place is taken for the same vehicle.
    One that was let in before the daemon began anew and still stands there is none of them: the barrier may not have opened.
    """
    if _stands_there(passage, text):
        return False
    known = [vehicle for vehicle, _ in passage.waiting]
    if passage.vehicle is not None:
        known.append(passage.vehicle)
    if passage.last is not None and now_ms - passage.last_ms <= GATE_SAME_MS:
        known.append(passage.last)
    plates = [vehicle.plate for vehicle in known if vehicle.plate is not None]
    return text in plates or (not exact and any(differs_in_one(plate, text) for plate in plates))


def ask(passage: Passage, vehicle: Vehicle, now_ms: int) -> Step:
    """Somebody may go through: now, or after whoever is under way."""
    if _stands_there(passage, vehicle.plate) and passage.loop is not True:
        return _open(passage, vehicle, now_ms)
    if passage.phase is Phase.IDLE and passage.loop is not True and not passage.waiting:
        return _open(passage, vehicle, now_ms)
    if len(passage.waiting) >= _WAITING_MOST:
        return passage, ((Told.NOT_WAITED, vehicle),)
    return replace(passage, waiting=(*passage.waiting, (vehicle, now_ms))), ()


def opened(passage: Passage, vehicle: Vehicle, now_ms: int, *, has_loop: bool) -> Step:
    """The barrier has been told to open for it. Without a loop it counts as gone through."""
    if passage.vehicle != vehicle or passage.phase is not Phase.OPENING:
        return passage, ()  # it was quicker than the answer of the relay
    if not has_loop:
        return _gone(passage, Told.PASSED, now_ms)
    return replace(passage, phase=Phase.OPEN, since_ms=now_ms), ()


def named(passage: Passage, vehicle: Vehicle) -> Passage | None:
    """With the name of the vehicle that a person has let in before it could be read: it is read on its way through. None where no
    such vehicle is under way."""
    under_way = passage.vehicle
    if passage.phase in (Phase.IDLE, Phase.RESUMED) or under_way is None or under_way.plate is not None or not under_way.by_hand:
        return None
    waiting = tuple(one for one in passage.waiting if one[0].id != vehicle.id)
    return replace(passage, vehicle=vehicle, waiting=waiting)


def failed(passage: Passage, vehicle: Vehicle) -> Passage:
    """Nothing has moved for it, as far as is known; unless the loop shows that it goes through."""
    if passage.vehicle != vehicle or passage.phase is Phase.UNDER:
        return passage
    return replace(passage, phase=Phase.IDLE, vehicle=None)


def see_loop(passage: Passage, loop: bool | None, now_ms: int) -> Step:
    """What the loop shows now."""
    before = passage.loop
    if loop is before:
        return passage, ()
    seen = replace(passage, loop=loop, loop_since_ms=now_ms)
    news: News = ()
    if passage.stuck and loop is not True:
        seen, news = replace(seen, stuck=False), ((Told.LOOP_FREE, None),)
    if loop is True:
        if passage.phase in (Phase.OPENING, Phase.OPEN, Phase.RESUMED):
            return replace(seen, phase=Phase.UNDER, since_ms=now_ms), news
        if passage.phase is Phase.IDLE and now_ms - passage.last_ms <= BEHIND_MS and before is False:
            return seen, (*news, (Told.TAILGATED, None))
    elif loop is False and passage.phase is Phase.UNDER:
        gone, passed = _gone(seen, Told.PASSED_UNSEEN if before is None else Told.PASSED, now_ms)
        return gone, (*news, *passed)
    return seen, news


def tick(passage: Passage, now_ms: int, clear_within_ms: int, loop_stuck_ms: int = GATE_LOOP_STUCK_MS) -> Step:
    """Time has gone by: whoever waited for the loop may go, or has waited too long."""
    news: News = ()
    if passage.loop is True and not passage.stuck and now_ms - passage.loop_since_ms >= loop_stuck_ms:
        passage, news = replace(passage, stuck=True), ((Told.LOOP_STUCK, None),)
    # An opening that never comes to an end must not hold up the gate for ever.
    within_ms = {Phase.OPEN: clear_within_ms, Phase.OPENING: clear_within_ms + GATE_WAITING_MS, Phase.RESUMED: GATE_RESUMED_MS}
    if now_ms - passage.since_ms >= within_ms.get(passage.phase, _FOR_EVER_MS):
        told = Told.UNSEEN if passage.phase is Phase.RESUMED else Told.NOT_PASSED
        news = (*news, (told, passage.vehicle))
        passage = replace(passage, phase=Phase.IDLE, vehicle=None)
    late = [vehicle for vehicle, since_ms in passage.waiting if now_ms - since_ms >= GATE_WAITING_MS]
    if late:
        waiting = tuple(one for one in passage.waiting if one[0] not in late)
        passage, news = replace(passage, waiting=waiting), (*news, *((Told.NOT_WAITED, vehicle) for vehicle in late))
    if passage.phase is Phase.IDLE and passage.loop is not True and passage.waiting:
        (vehicle, _), *rest = passage.waiting
        passage, more = _open(replace(passage, waiting=tuple(rest)), vehicle, now_ms)
        news = (*news, *more)
    return passage, news


def resumed(kept: Passage, now_ms: int, *, same_boot: bool, has_loop: bool) -> Step:
    """What is known of a passage after the daemon has begun anew. What was under the barrier is taken to be there still until
    the loop is seen; times of another boot say nothing."""
    begun = Passage(last=kept.last, last_ms=kept.last_ms, waiting=kept.waiting) if same_boot else Passage()
    if kept.vehicle is None:
        return begun, ()
    if kept.phase is Phase.UNDER and has_loop:
        return replace(begun, phase=Phase.UNDER, vehicle=kept.vehicle, since_ms=now_ms), ()
    if same_boot and has_loop:
        return replace(begun, phase=Phase.RESUMED, vehicle=kept.vehicle, since_ms=now_ms), ()
    return begun, ((Told.UNSEEN, kept.vehicle),)


def settled(passage: Passage, now_ms: int) -> Passage:
    """What of it another run of the daemon has to know: whoever is under way, waits, or has just gone through."""
    lately = passage.last is not None and now_ms - passage.last_ms <= GATE_SAME_MS
    last, last_ms = (passage.last, passage.last_ms) if lately else (None, _NEVER_MS)
    return Passage(passage.phase, passage.vehicle, passage.since_ms, passage.waiting, last=last, last_ms=last_ms)


def forgotten(passage: Passage, text: str) -> Passage:
    """Without a plate that was erased; its vehicle counts on without one."""

    def without(vehicle: Vehicle | None) -> Vehicle | None:
        named = vehicle is not None and vehicle.plate is not None and text in vehicle.plate
        return replace(vehicle, plate=None) if vehicle is not None and named else vehicle

    waiting = tuple((without(vehicle) or vehicle, since_ms) for vehicle, since_ms in passage.waiting)
    return replace(passage, vehicle=without(passage.vehicle), last=without(passage.last), waiting=waiting)


def _stands_there(passage: Passage, plate: str | None) -> bool:
    vehicle = passage.vehicle
    return passage.phase is Phase.RESUMED and vehicle is not None and plate is not None and vehicle.plate == plate


def _open(passage: Passage, vehicle: Vehicle, now_ms: int) -> Step:
    return replace(passage, phase=Phase.OPENING, vehicle=vehicle, since_ms=now_ms), ((Told.OPEN, vehicle),)


def _gone(passage: Passage, told: Told, now_ms: int) -> Step:
    done = replace(passage, phase=Phase.IDLE, vehicle=None, since_ms=now_ms, last=passage.vehicle, last_ms=now_ms)
    return done, ((told, passage.vehicle),)
