"""Items that wait for their commit: bounded, and when over the bound the least urgent go first. Pure; knows no disk and no loop."""

from asyncio import Future
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from edgeguard.core.alarm import Alarm
from edgeguard.core.ids import AlarmName
from edgeguard.core.item import STREAMS, Item, Stream
from edgeguard.core.limits import ITEM_MAX_BYTES, RULE_STATE_MAX_BYTES
from edgeguard.core.rule_state import RuleState

LOWEST_FIRST: Final = tuple(reversed(STREAMS))
_ALONE: Final = MappingProxyType({stream: frozenset({stream}) for stream in STREAMS})
_PATIENT: Final = frozenset({Stream.TELEMETRY})


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step brought: items, and what is to be kept in the same transaction.

    `alarms`: states; `commands`: ids that must not come again before their wall time; `audit`: bodies for the audit log;
    `states`: what families of rules remember.
    """

    items: tuple[Item, ...]
    alarms: tuple[tuple[AlarmName, Alarm], ...] = ()
    commands: tuple[tuple[str, int], ...] = ()
    audit: tuple[bytes, ...] = ()
    states: tuple[RuleState, ...] = ()

    def __post_init__(self) -> None:
        """ValueError for an item that no message could carry, and for a state that is no memory but a store."""
        for item in self.items:
            if len(item.body) > ITEM_MAX_BYTES:
                raise ValueError(f"an item of {item.stream} has {len(item.body)} bytes, at most {ITEM_MAX_BYTES} can be sent")
        for state in self.states:
            if len(state.body) > RULE_STATE_MAX_BYTES:
                raise ValueError(f"{state.owner} remembers {len(state.body)} bytes of {state.name}, at most {RULE_STATE_MAX_BYTES}")


@dataclass(slots=True, eq=False)
class Entry:
    """A batch on its way; `items` shrinks when the least urgent are dropped. `waiter` gets the numbers.

    Urgent is what holds an alarm or an event, or is waited for: telemetry and mere alarm states may wait for company.
    """

    items: tuple[Item, ...]
    alarms: tuple[tuple[AlarmName, Alarm], ...] = ()
    waiter: Future[tuple[int, ...]] | None = None
    commands: tuple[tuple[str, int], ...] = ()
    audit: tuple[bytes, ...] = ()
    states: tuple[RuleState, ...] = ()
    streams: frozenset[Stream] = field(init=False)
    urgent: bool = field(init=False)

    def __post_init__(self) -> None:
        self.streams = _ALONE[self.items[0].stream] if len(self.items) == 1 else frozenset([item.stream for item in self.items])
        self.urgent = self.waiter is not None or not self.streams <= _PATIENT

    @property
    def is_memory(self) -> bool:
        """Nothing but rule states that nobody waits for: it may give way to newer ones, for nothing has to be committed with it."""
        return self.waiter is None and not self.binds

    @property
    def binds(self) -> bool:
        """There is something that its states must be committed with."""
        return bool(self.items or self.alarms or self.commands or self.audit)


class Pending:
    """Entries in the order in which they came. `take` hands some out for a commit; `put_back` returns them if it failed."""

    def __init__(self, bound: int) -> None:
        self.dropped: dict[Stream, int] = dict.fromkeys(STREAMS, 0)
        """Items dropped since the start."""
        self.items = 0
        self._bound = bound
        self._entries: dict[int, Entry] = {}
        self._holders: dict[Stream, OrderedDict[int, None]] = {stream: OrderedDict() for stream in STREAMS}
        self._memories: dict[tuple[str, str], int] = {}
        """By key of a rule state: the newest entry that holds it and nothing that must be committed with it."""
        self._urgent = 0
        self._next = 0

    def __len__(self) -> int:
        """Entries waiting."""
        return len(self._entries)

    @property
    def urgent(self) -> bool:
        """Somebody waits for a commit at once."""
        return self._urgent > 0

    def holds(self, stream: Stream) -> bool:
        """An item of this stream waits."""
        return len(self._holders[stream]) > 0

    def add(self, entry: Entry) -> list[Entry]:
        """Append; gives the entries that lost items for it (perhaps itself), whose waiters have to be told."""
        for state in entry.states:
            if (older := self._memories.pop(state.key, None)) is not None:
                self._forget(older, state.key)
        self._enter(self._next, entry)
        self._next += 1
        return self._shrink() if self.items > self._bound else []

    def take(self, most_items: int, *, alarms_only: bool = False) -> list[Entry]:
        """The oldest entries with at most so many items together (one entry at least); or only those that hold an alarm.

        Alarm states of entries that are overtaken so are dropped where a newer one is taken: it must not be undone later.
        """
        if self.items <= most_items and not alarms_only:
            return self._take_all()
        taken: list[Entry] = []
        count = 0
        chosen = []
        for number in self._holders[Stream.ALARMS] if alarms_only else self._entries:
            entry = self._entries[number]
            count += len(entry.items)
            if taken and count > most_items:
                break
            taken.append(entry)
            chosen.append(number)
        for number in chosen:
            self._leave(number)
        if alarms_only and chosen:
            self._forget_overtaken(list(zip(chosen, taken, strict=True)))
        return taken

    def put_back(self, entries: list[Entry]) -> list[Entry]:
        """Return what `take` gave, before all others; gives the entries that lost items as `add` does."""
        for entry in (*entries, *self._take_all()):
            self._enter(self._next, entry)
            self._next += 1
        return self._shrink()

    def _take_all(self) -> list[Entry]:
        taken = list(self._entries.values())
        self._entries.clear()
        self._memories.clear()
        self.items = self._urgent = 0
        for holders in self._holders.values():
            holders.clear()
        return taken

    def _enter(self, number: int, entry: Entry) -> None:
        self._entries[number] = entry
        self.items += len(entry.items)
        self._urgent += entry.urgent
        for stream in entry.streams:
            self._holders[stream][number] = None
        if entry.states and entry.is_memory:
            self._note_memory(number, entry)

    def _note_memory(self, number: int, entry: Entry) -> None:
        """Of two entries that hold nothing but a state of one key the older one has no use."""
        for state in entry.states:
            other = self._memories.get(state.key, number)
            self._memories[state.key] = max(number, other)
            if other != number:
                self._forget(min(number, other), state.key)

    def _forget(self, number: int, key: tuple[str, str]) -> None:
        """A newer state of this key waits: so hours of a disk that refuses cost one state each, however often they change."""
        entry = self._entries[number]
        entry.states = tuple(state for state in entry.states if state.key != key)
        if not (entry.states or entry.waiter):
            self._leave(number)

    def _forget_overtaken(self, taken: Sequence[tuple[int, Entry]]) -> None:
        alarms = {name: number for number, entry in taken for name, _ in entry.alarms}
        states = {state.key: number for number, entry in taken for state in entry.states}
        for number, entry in self._entries.items():
            if entry.alarms:
                entry.alarms = tuple((name, alarm) for name, alarm in entry.alarms if number > alarms.get(name, -1))
            if entry.states:
                entry.states = tuple(state for state in entry.states if number > states.get(state.key, -1))

    def _leave(self, number: int) -> None:
        entry = self._entries.pop(number)
        self.items -= len(entry.items)
        self._urgent -= entry.urgent
        for stream in entry.streams:
            self._holders[stream].pop(number, None)
        for state in entry.states:
            if self._memories.get(state.key) == number:
                del self._memories[state.key]

    def _shrink(self) -> list[Entry]:
        """Drop the oldest of the lowest class until the bound is kept."""
        hit: list[Entry] = []
        for stream in LOWEST_FIRST:
            holders = self._holders[stream]
            while self.items > self._bound and holders:
                number, _ = holders.popitem(last=False)
                entry = self._entries[number]
                kept = tuple(item for item in entry.items if item.stream is not stream)
                lost = len(entry.items) - len(kept)
                entry.items = kept
                entry.streams -= {stream}
                self.items -= lost
                self.dropped[stream] += lost
                hit.append(entry)
                if entry.states and not entry.binds:
                    self._note_memory(number, entry)
                elif not entry.binds:
                    self._leave(number)
        return hit
