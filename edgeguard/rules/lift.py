"""One lift's rules and counters: trapped passenger, stops between floors, overspeed, levelling, doors. Pure.

The limits and what they rest on: core.lift_rules.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from edgeguard.core.clock import Stamp
from edgeguard.core.json_value import JsonValue
from edgeguard.rules.counter import Counter
from edgeguard.rules.still import Turns
from edgeguard.rules.truth import Found, Inputs, Says, Truth, above, every, flag, negated, number, some

CREEP_MPS = 0.02
"""Below this a car stands."""
EMPTY_PERCENT = 4.0
"""A load cell's drift; a child of 40 kg in a car for 1,000 kg is more."""
UNCONFIRMED_MS = 90_000
"""How long somebody stands behind closed doors, with no fault beside it, before it counts: who has pressed no button yet.

Only where a person is detected: a load cell that has drifted would have somebody trapped in every parked car.
"""


@dataclass(frozen=True, slots=True)
class LiftMemory:
    """What is remembered of a lift. `held_since_ms`: since when somebody has stood behind closed doors (boot time)."""

    trips: Counter = field(default_factory=Counter)
    doors: Counter = field(default_factory=Counter)
    held_since_ms: int | None = None

    @property
    def urgent(self) -> tuple[object, ...]:
        """What must be kept at once when it changes; the rest may wait a minute."""
        return self.trips.begun, self.trips.on, self.doors.begun, self.doors.on

    def body(self) -> dict[str, JsonValue]:
        """What must survive a restart."""
        return {"trips": self.trips.body(), "doors": self.doors.body()}

    def lasted(self, now: Stamp) -> "LiftMemory":
        """The memory at a moment up to which the lift has shown the same."""
        return LiftMemory(self.trips.lasted(now), self.doors.lasted(now), self.held_since_ms)

    def due_ms(self, now: Stamp) -> float:
        """When time alone may change what is found (boot time)."""
        waits = self.held_since_ms is not None and now.boot_ms - self.held_since_ms < UNCONFIRMED_MS
        return self.held_since_ms + UNCONFIRMED_MS if waits and self.held_since_ms is not None else math.inf

    @classmethod
    def of(cls, body: Mapping[str, JsonValue]) -> "LiftMemory":
        """As kept."""
        return cls(Counter.of(body.get("trips")), Counter.of(body.get("doors")))


def step_lift(memory: LiftMemory, inputs: Inputs, limits: Mapping[str, float], now: Stamp) -> tuple[LiftMemory, Says]:
    """One round of one lift. While technicians work on it nothing is an alarm."""
    moving = _moving(inputs)
    serving = negated(_inspected(inputs))
    barred = every(_occupied(inputs), negated(moving), _shut_in(inputs), serving)
    since_ms = None if barred is False else memory.held_since_ms if barred is None else _first(memory.held_since_ms, now)
    memory = LiftMemory(memory.trips.look(moving, now), memory.doors.look(_door_open(inputs), now), since_ms)
    waited = "lift.occupied" in inputs and since_ms is not None and now.boot_ms - since_ms >= UNCONFIRMED_MS
    found = {
        "trapped": Found(every(barred, some(_in_trouble(inputs, moving), waited)), number(inputs, "lift.floor")),
        "stopped-between-floors": Found(every(serving, _between(inputs, moving)), number(inputs, "lift.position")),
        "overspeed": _overspeed(inputs, limits),
        "levelling-error": _levelling(inputs, moving, serving, limits),
        "door-not-opening": Found(every(serving, flag(inputs, "lift.door-opening"))),
        "door-not-closing": Found(every(serving, flag(inputs, "lift.door-closing"))),
    }
    figures = {
        "trips_counted": float(memory.trips.begun),
        "door_cycles_counted": float(memory.doors.begun),
        "run_hours_counted": round(memory.trips.hours, 2),
    }
    return memory, Says(found, figures)


def lift_edges(inputs: Inputs, limits: Mapping[str, float]) -> Mapping[str, Turns]:
    """Of each number that is a measurement: where a finding may turn."""
    rated, off = number(inputs, "lift.rated-speed"), limits.get("levelling-error", math.inf)
    over = limits.get("overspeed", math.inf) * (math.inf if rated is None else rated) / 100.0
    return {
        "lift.speed": (-over, -CREEP_MPS, CREEP_MPS, over),
        "lift.load": (EMPTY_PERCENT,),
        "lift.levelling-offset": (-off, off),
        "lift.floor": (),
        "lift.position": (),
    }


def _first(since_ms: int | None, now: Stamp) -> int:
    return now.boot_ms if since_ms is None else since_ms


def _moving(inputs: Inputs) -> Truth:
    """By the speed, which is measured, before the controller's word."""
    speed = number(inputs, "lift.speed")
    return flag(inputs, "lift.moving") if speed is None else abs(speed) > CREEP_MPS


def _inspected(inputs: Inputs) -> Truth:
    return flag(inputs, "lift.inspection") if "lift.inspection" in inputs else False


def _occupied(inputs: Inputs) -> Truth:
    """Somebody is in the car: a person detector before the load cell, which knows no small children."""
    if "lift.occupied" in inputs:
        return flag(inputs, "lift.occupied")
    return above(number(inputs, "lift.load"), EMPTY_PERCENT)


def _door_open(inputs: Inputs) -> Truth:
    if "lift.door-closed" in inputs:
        return negated(flag(inputs, "lift.door-closed"))
    return flag(inputs, "lift.door-open")


def _shut_in(inputs: Inputs) -> Truth:
    """Nobody gets out: the door is not fully open. Where only its closed end has a switch, a door that is off it counts as open
    unless the controller says that it has trouble with it.
    """
    if "lift.door-open" in inputs:
        return negated(flag(inputs, "lift.door-open"))
    return some(flag(inputs, "lift.door-closed"), _or_no(inputs, "lift.door-fault"))


def _or_no(inputs: Inputs, role: str) -> Truth:
    """A role that need not be there: then it is false."""
    return flag(inputs, role) if role in inputs else False


def _in_trouble(inputs: Inputs, moving: Truth) -> Truth:
    """Something beside the closed door says that the lift will not go on by itself."""
    told = (_or_no(inputs, role) for role in ("lift.fault", "lift.door-fault", "lift.stop-outside-zone"))
    return some(*told, _between(inputs, moving))


def _between(inputs: Inputs, moving: Truth) -> Truth:
    """The car stands where it cannot be left."""
    told = _or_no(inputs, "lift.stop-outside-zone")
    outside = negated(flag(inputs, "lift.door-zone")) if "lift.door-zone" in inputs else False
    return some(told, every(negated(moving), some(outside, _or_no(inputs, "lift.travelling"))))


def _overspeed(inputs: Inputs, limits: Mapping[str, float]) -> Found:
    speed, rated = number(inputs, "lift.speed"), number(inputs, "lift.rated-speed")
    if speed is None or rated is None or rated <= 0.0:
        return Found(None)
    percent = round(100.0 * abs(speed) / rated, 1)
    return Found(100.0 * abs(speed) > limits["overspeed"] * rated, percent)


def _levelling(inputs: Inputs, moving: Truth, serving: Truth, limits: Mapping[str, float]) -> Found:
    """A car that stands with its door open is not level: by the offset where one is measured, else by the unlocking zone."""
    waits = every(negated(moving), _door_open(inputs), serving)
    if "lift.levelling-offset" in inputs:
        offset = number(inputs, "lift.levelling-offset")
        still = waits if "lift.door-closed" in inputs or "lift.door-open" in inputs else negated(moving)
        return Found(every(still, above(None if offset is None else abs(offset), limits["levelling-error"])), offset)
    return Found(every(waits, negated(flag(inputs, "lift.door-zone"))))
