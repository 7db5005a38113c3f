"""Who is under way or stands at each barrier, as the store keeps it: a daemon that was killed meanwhile goes on where it was.

What is about to be opened is handed to the store before the relay closes, and that a vehicle has gone through in one transaction
with the stay that it begins or ends.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from edgeguard.core.clock import Stamp
from edgeguard.core.gate import Way
from edgeguard.core.ids import GateName
from edgeguard.core.rule_state import RuleState
from edgeguard.rules import passage as passages
from edgeguard.rules.passage import News, Passage, Phase, Vehicle
from edgeguard.runtime.gate_course import Ahead, Course

OWNER: Final = "gate-passages"


class GatePassages:
    """What the store knows of each barrier."""

    def __init__(self) -> None:
        self._known: dict[GateName, bytes] = {}

    def news(self, name: GateName, course: Course, now: Stamp) -> tuple[RuleState, ...]:
        """What is to be handed to the store so that it knows; nothing where it does."""
        settled, ahead = passages.settled(course.passage, now.boot_ms), course.held_by(now.boot_ms)
        nobody = ahead is None and settled == Passage(since_ms=settled.since_ms)
        body = b"" if nobody else orjson.dumps(_told(settled, ahead, now))
        if body == self._known.get(name, b""):
            return ()
        self._known[name] = body
        return (RuleState(OWNER, name, body),)

    def all(self) -> tuple[RuleState, ...]:
        """Everything, for a store that has begun a new file."""
        return tuple(RuleState(OWNER, name, body) for name, body in self._known.items() if body)

    def resume(self, name: GateName, course: Course, body: bytes, now: Stamp, *, has_loop: bool) -> News:
        """Go on with a passage that an earlier run kept. ValueError, KeyError or TypeError if it cannot be read."""
        told = orjson.loads(body)
        self._known[name] = body
        same_boot = told["boot"] == now.boot
        ahead = _ahead(told.get("ahead"), None if same_boot else now.boot_ms)
        course.passage, news = passages.resumed(_passage(told), now.boot_ms, same_boot=same_boot, has_loop=has_loop)
        course.ahead = ahead
        return news


def _told(passage: Passage, ahead: Ahead | None, now: Stamp) -> dict[str, Any]:
    return {
        "boot": now.boot,
        "phase": passage.phase.value,
        "vehicle": _vehicle_told(passage.vehicle),
        "since_ms": passage.since_ms,
        "waiting": [[_vehicle_told(vehicle), since_ms] for vehicle, since_ms in passage.waiting],
        "last": _vehicle_told(passage.last),
        "last_ms": passage.last_ms,
        "ahead": None if ahead is None else [ahead.id, ahead.way, ahead.at_ms],
    }


def _passage(told: Mapping[str, Any]) -> Passage:
    waiting = ((_vehicle(vehicle), int(since_ms)) for vehicle, since_ms in told["waiting"])
    return Passage(
        Phase(told["phase"]),
        _vehicle(told["vehicle"]),
        int(told["since_ms"]),
        tuple((vehicle, since_ms) for vehicle, since_ms in waiting if vehicle is not None),
        last=_vehicle(told["last"]),
        last_ms=int(told["last_ms"]),
    )


def _ahead(told: Any, at_ms: int | None) -> Ahead | None:
    """`at_ms`: since when, where the boot in which it came is over."""
    if told is None:
        return None
    identity, way, then_ms = told
    return Ahead(str(identity), Way(way), int(then_ms) if at_ms is None else at_ms, kept=True)


def _vehicle_told(vehicle: Vehicle | None) -> list[str | None] | None:
    return None if vehicle is None else [vehicle.id, vehicle.plate, vehicle.way, vehicle.list_name, vehicle.bay]


def _vehicle(told: Any) -> Vehicle | None:
    if told is None:
        return None
    identity, plate, way, list_name, bay = told
    return Vehicle(identity, plate, None if way is None else Way(way), list_name, bay)
