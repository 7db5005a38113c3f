"""The vehicles inside as the daemon holds them: stays and counts of zones, in memory and, over restarts, in the store."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson
import structlog

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId
from edgeguard.core.item import Item
from edgeguard.core.rule_state import RuleState
from edgeguard.rules import stays
from edgeguard.rules.stays import Stay, StayNews, Step, ZoneState
from edgeguard.store import Batch, Store

_log = structlog.get_logger()
OWNER: Final = "gate-stays"


class GateStays:
    """Every zone's state. What changes is handed to the store together with the events that tell of it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._zones: dict[str, ZoneState] = {}

    def recall(self, states: Mapping[str, bytes]) -> None:
        """What the store has kept: open stays of earlier runs."""
        found: dict[str, list[Stay]] = {}
        extras: dict[str, int] = {}
        for name, body in states.items():
            zone, _, plate = name.partition(" ")
            try:
                told = orjson.loads(body)
                if plate:
                    found.setdefault(zone, []).append(_stay(plate, told))
                else:
                    extras[zone] = int(told["extra"])
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                _log.warning("gate.stay-unreadable", zone=zone, error=type(error).__name__)
        for zone in found.keys() | extras.keys():
            inside = sorted(found.get(zone, []), key=lambda stay: (stay.since.wall_ms, stay.since.boot_ms))
            self._zones[zone] = ZoneState({stay.plate: stay for stay in inside}, extras.get(zone, 0))

    def keep(self) -> None:
        """Hand everything to a store that has begun a new file."""
        states = [state for zone in self._zones for state in self._all_states(zone)]
        if states:
            self._store.submit(Batch((), states=tuple(states)))

    def zone(self, name: str | None) -> ZoneState:
        """What a zone holds; an empty one where there is none."""
        return ZoneState() if name is None else self._zones.get(name, ZoneState())

    def take(self, zone: str, step: Step, items: Iterable[Item], more: Sequence[RuleState] = ()) -> tuple[StayNews, ...]:
        """A step of a zone comes into force, with the events that tell of it and whatever else is to be kept with them."""
        before, (after, news) = self.zone(zone), step
        self._zones[zone] = after
        gone = [plate for plate in before.stays if plate not in after.stays]
        new = [stay for plate, stay in after.stays.items() if before.stays.get(plate) != stay]
        states = [RuleState(OWNER, f"{zone} {plate}", b"") for plate in gone] + [_stay_state(zone, stay) for stay in new]
        if before.extra != after.extra:
            states.append(_zone_state(zone, after))
        batch = Batch(tuple(items), states=(*states, *more))
        if batch.items or batch.states:
            self._store.submit(batch)
        return news

    def forget(self, text: str) -> int:
        """What the store has erased, in memory too; how many stays. The vehicles still count."""
        count = 0
        for name, zone in self._zones.items():
            gone = [plate for plate in zone.stays if text in plate]
            if gone:
                left = {plate: stay for plate, stay in zone.stays.items() if plate not in gone}
                self._zones[name] = ZoneState(left, zone.extra + len(gone))
                self._store.submit(Batch((), states=(_zone_state(name, self._zones[name]),)))
                count += len(gone)
        return count

    def sweep(self, zone: str, at: Stamp) -> Step:
        """Give up stays that nobody has ended for too long."""
        return stays.forgotten(self.zone(zone), at)

    def _all_states(self, zone: str) -> list[RuleState]:
        state = self._zones[zone]
        return [_zone_state(zone, state), *(_stay_state(zone, stay) for stay in state.stays.values())]


def _zone_state(zone: str, state: ZoneState) -> RuleState:
    return RuleState(OWNER, zone, orjson.dumps({"extra": state.extra}))


def _stay_state(zone: str, stay: Stay) -> RuleState:
    since = stay.since
    told = {
        "wall_ms": since.wall_ms,
        "boot_ms": since.boot_ms,
        "boot": since.boot,
        "synced": since.synced,
        "gate": stay.gate,
        "list": stay.list_name,
        "bay": stay.bay,
    }
    return RuleState(OWNER, f"{zone} {stay.plate}", orjson.dumps(told))


def _stay(plate: str, told: Mapping[str, Any]) -> Stay:
    since = Stamp(int(told["wall_ms"]), int(told["boot_ms"]), BootId(str(told["boot"])), bool(told["synced"]))
    return Stay(plate, since, str(told["gate"]), str(told["list"]), str(told["bay"]))
