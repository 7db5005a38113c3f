"""The face of a family of rules (energy, hints, domain rules, combinations of points): what it is shown, what it may say.

The pipeline shows every family every poll round of every device, once a second the time, and makes ONE transaction of what comes
of a round: telemetry, alarms, the family's items, and the state that the family must not forget.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import orjson

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import AlarmName, DeviceName
from edgeguard.core.item import Item, Stream
from edgeguard.core.point import Outcome, Value
from edgeguard.core.rule_state import RuleState
from edgeguard.core.snapshot import Snapshot
from edgeguard.rules.still import Still
from edgeguard.runtime.record import DeviceRecord

Records = Mapping[DeviceName, DeviceRecord]
"""Devices by name, as they are now; the pipeline keeps the mapping up to date."""


@dataclass(frozen=True, slots=True)
class AlarmInput:
    """What a family finds of one of its alarms: whether its condition holds (None: nothing is known), and the value to show.

    The finding stands until another one is given: delays run on by themselves, so that a family speaks only when its mind changes.
    """

    name: AlarmName
    truth: bool | None
    value: Value | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Values that a family has computed for a device, told as telemetry beside the device's own points."""

    device: DeviceName
    at: Stamp
    values: Mapping[str, Value]

    def item(self) -> Item:
        """A telemetry item as those of points are."""
        return Item(Stream.TELEMETRY, self.at, orjson.dumps({"device": self.device, "values": dict(self.values)}))


@dataclass(frozen=True, slots=True)
class Findings:
    """What a family says at one moment; everything of it is kept in one transaction, or nothing is."""

    items: tuple[Item, ...] = ()
    alarms: tuple[AlarmInput, ...] = ()
    figures: tuple[Figures, ...] = ()
    states: tuple[RuleState, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is said."""
        return bool(self.items or self.alarms or self.figures or self.states)


NOTHING = Findings()


@dataclass(frozen=True, slots=True)
class CounterRest:
    """So many readings of a counter need no look while each goes on from the one before, between two numbers, until a wall time."""

    column: int
    low: float
    high: float
    until_wall_ms: int
    readings: int


@dataclass(frozen=True, slots=True)
class Rest:
    """Rounds of a device of which a family says nothing, nor keeps anything but that they were: until a boot time, at most.

    `known`: what must hold of what is known of the points of these devices; `fresh`: of what the round itself says.
    """

    until_ms: float = math.inf
    known: tuple[tuple[DeviceName, Still], ...] = ()
    fresh: tuple[Still, ...] = ()
    counters: tuple[CounterRest, ...] = ()


ANY_ROUND = Rest()


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rounds of a device that rested: rows `[first, end)` of its columns, as they were read, with their moments."""

    columns: Sequence[Sequence[Outcome]]
    first: int
    end: int
    moment: Callable[[int], Stamp]


class Restful(Protocol):
    """A family that can be asked beforehand which rounds it will leave out, so that many of them are passed over at once."""

    def rest(self, device: DeviceName) -> Rest | None:
        """Which rounds of a device may be passed over now; None if not even the next one may."""
        ...

    def rested(self, record: DeviceRecord, stretch: Stretch) -> None:
        """These rounds were passed over; `record` has the last of them already."""
        ...


class Watch(Protocol):
    """One family of rules. It is made by `runtime.families` for one configuration; a reload makes a new one of the new one.

    Order of calls: `begin` once, then `take` and `tick` in the order of time, `states` at any moment between them. None of them
    waits, reads a clock, or keeps what it is given beyond the call, except for the mapping given to `begin`. The same calls give
    the same answers. An exception is a bug: it goes to the supervisor of whoever called.

    Alarms of a family are ordinary alarms. The configuration puts their AlarmRules among `DeviceSpec.alarms`, with
    `Condition.WATCHED`, so that the catalog, overrides of a site, acknowledging, shelving and suppression know them as they know
    any other; the family gives only truth and value, as AlarmInput. An alarm about several devices belongs to the one that
    people would look at first.
    """

    @property
    def owner(self) -> str:
        """The family's name, under which its states are kept: `energy`."""
        ...

    def begin(self, records: Records, states: Mapping[str, bytes], now: Stamp) -> None:
        """The devices as they are, and the family's own states by name as last kept.

        At the start of the process these come from the store, perhaps of another boot (boot times in them mean nothing then:
        compare Stamp.boot); at a reload they are what the predecessor gave by `states`. States of what the configuration does
        not know any more are to be taken away with an empty body at the first `take` or `tick`.
        """
        ...

    def take(self, record: DeviceRecord, snapshot: Snapshot) -> Findings:
        """One poll round of one device has ended. `record` already has it, with what held before where a point was not asked."""
        ...

    def tick(self, now: Stamp) -> Findings:
        """Once a second, whether anything was polled or not."""
        ...

    def states(self) -> tuple[RuleState, ...]:
        """Everything the family remembers, to be kept anew: a new file has begun, or a reload makes a successor."""
        ...
