"""One barrier and the vehicles before it: one opening for each, none while another is under way. Pure steps.

The loop under the barrier tells when a vehicle has gone through. Until then the next one waits. A loop that is unknown or stuck
opens nothing by itself. A vehicle that goes under the barrier right behind another, without having been let in, is told.
Times are those of the boot clock.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from edgeguard.core.gate import Way
from edgeguard.core.gate_limits import GATE_LOOP_STUCK_MS, GATE_SAME_MS, GATE_WAITING_MS
from edgeguard.rules.gate import differs_in_one

_WAITING_MOST: Final = 3
_BEHIND_MS: Final = 6_000
"""So long after a vehicle has cleared the loop the barrier may still be up."""


class Phase(StrEnum):
    """How far the vehicle is that was let in."""

    IDLE = "idle"
    OPENING = "opening"
    OPEN = "open"
    UNDER = "under"


@dataclass(frozen=True, slots=True)
class Vehicle:
    """One that was let in, or is to be. `id` is that of its pass; `plate` None where a person let in what could not be read."""

    id: str
    plate: str | None
    way: Way | None
    list_name: str = ""
    bay: str = ""


class Told(StrEnum):
    """What a step has found; words of events."""

    OPEN = "open"
    """The barrier is to be opened for it now."""
    PASSED = "passed"
    NOT_PASSED = "not-passed"
    """It was let in and did not come."""
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
    last_ms: int = -(2**60)


News = tuple[tuple[Told, Vehicle | None], ...]
Step = tuple[Passage, News]


def is_same(passage: Passage, text: str, now_ms: int, *, exact: bool) -> bool:
    """Whether a reading is of a vehicle that is already dealt with: by another camera, or by the same one once more.

    `exact`: the reading stands on a list itself; otherwise one that differs in one place is taken for the same vehicle.
    """
    known = [vehicle for vehicle, _ in passage.waiting]
    if passage.vehicle is not None:
        known.append(passage.vehicle)
    if passage.last is not None and now_ms - passage.last_ms <= GATE_SAME_MS:
        known.append(passage.last)
    plates = [vehicle.plate for vehicle in known if vehicle.plate is not None]
    return text in plates or (not exact and any(differs_in_one(plate, text) for plate in plates))


def ask(passage: Passage, vehicle: Vehicle, now_ms: int) -> Step:
    """Somebody may go through: now, or after whoever is under way."""
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
        if passage.phase in (Phase.OPENING, Phase.OPEN):
            return replace(seen, phase=Phase.UNDER, since_ms=now_ms), news
        if passage.phase is Phase.IDLE and now_ms - passage.last_ms <= _BEHIND_MS and before is False:
            return seen, (*news, (Told.TAILGATED, None))
    elif loop is False and passage.phase is Phase.UNDER:
        gone, passed = _gone(seen, Told.PASSED, now_ms)
        return gone, (*news, *passed)
    return seen, news


def tick(passage: Passage, now_ms: int, clear_within_ms: int) -> Step:
    """Time has gone by: whoever waited for the loop may go, or has waited too long."""
    news: News = ()
    if passage.loop is True and not passage.stuck and now_ms - passage.loop_since_ms >= GATE_LOOP_STUCK_MS:
        passage, news = replace(passage, stuck=True), ((Told.LOOP_STUCK, None),)
    # An opening that never comes to an end must not hold up the gate for ever.
    within_ms = {Phase.OPEN: clear_within_ms, Phase.OPENING: clear_within_ms + GATE_WAITING_MS}.get(passage.phase)
    if within_ms is not None and now_ms - passage.since_ms >= within_ms:
        gone = passage.vehicle
        passage, news = replace(passage, phase=Phase.IDLE, vehicle=None), (*news, (Told.NOT_PASSED, gone))
    late = [vehicle for vehicle, since_ms in passage.waiting if now_ms - since_ms >= GATE_WAITING_MS]
    if late:
        waiting = tuple(one for one in passage.waiting if one[0] not in late)
        passage, news = replace(passage, waiting=waiting), (*news, *((Told.NOT_WAITED, vehicle) for vehicle in late))
    if passage.phase is Phase.IDLE and passage.loop is not True and passage.waiting:
        (vehicle, _), *rest = passage.waiting
        passage, more = _open(replace(passage, waiting=tuple(rest)), vehicle, now_ms)
        news = (*news, *more)
    return passage, news


def _open(passage: Passage, vehicle: Vehicle, now_ms: int) -> Step:
    return replace(passage, phase=Phase.OPENING, vehicle=vehicle, since_ms=now_ms), ((Told.OPEN, vehicle),)


def _gone(passage: Passage, told: Told, now_ms: int) -> Step:
    done = replace(passage, phase=Phase.IDLE, vehicle=None, since_ms=now_ms, last=passage.vehicle, last_ms=now_ms)
    return done, ((told, passage.vehicle),)
