"""Items that wait for their commit: bounded, and when over the bound the least urgent go first. Pure; knows no disk and no loop."""

from asyncio import Future
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from edgeguard.core.alarm import Alarm
from edgeguard.core.ids import AlarmName
from edgeguard.core.item import STREAMS, Item, Stream
from edgeguard.core.limits import ITEM_MAX_BYTES

LOWEST_FIRST: Final = tuple(reversed(STREAMS))
_ALONE: Final = MappingProxyType({stream: frozenset({stream}) for stream in STREAMS})
_PATIENT: Final = frozenset({Stream.TELEMETRY})


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step brought: items, and what is to be kept in the same transaction.

    `alarms`: states; `commands`: ids that must not come again before their wall time; `audit`: bodies for the audit log.
    """

    items: tuple[Item, ...]
    alarms: tuple[tuple[AlarmName, Alarm], ...] = ()
    commands: tuple[tuple[str, int], ...] = ()
    audit: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        """ValueError for an item that no message could carry."""
        for item in self.items:
            if len(item.body) > ITEM_MAX_BYTES:
                raise ValueError(f"an item of {item.stream} has {len(item.body)} bytes, at most {ITEM_MAX_BYTES} can be sent")


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
    streams: frozenset[Stream] = field(init=False)
    urgent: bool = field(init=False)

    def __post_init__(self) -> None:
        self.streams = _ALONE[self.items[0].stream] if len(self.items) == 1 else frozenset(item.stream for item in self.items)
        self.urgent = self.waiter is not None or bool(self.streams - _PATIENT)


class Pending:
    """Entries in the order in which they came. `take` hands some out for a commit; `put_back` returns them if it failed."""

    def __init__(self, bound: int) -> None:
        self.dropped: dict[Stream, int] = dict.fromkeys(STREAMS, 0)
        """Items dropped since the start."""
        self.items = 0
        self._bound = bound
        self._entries: OrderedDict[int, Entry] = OrderedDict()
        self._holders: dict[Stream, OrderedDict[int, None]] = {stream: OrderedDict() for stream in STREAMS}
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
        self._enter(self._next, entry)
        self._next += 1
        return self._shrink() if self.items > self._bound else []

    def take(self, most_items: int, *, alarms_only: bool = False) -> list[Entry]:
        """The oldest entries with at most so many items together (one entry at least); or only those that hold an alarm.

        Alarm states of entries that are overtaken so are dropped where a newer one is taken: it must not be undone later.
        """
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
            newest = {name: number for number, entry in zip(chosen, taken, strict=True) for name, _ in entry.alarms}
            self._forget_states(newest)
        return taken

    def put_back(self, entries: list[Entry]) -> list[Entry]:
        """Return what `take` gave, before all others; gives the entries that lost items as `add` does."""
        held = list(self._entries.values())
        self._entries.clear()
        self.items = self._urgent = 0
        for holders in self._holders.values():
            holders.clear()
        for entry in (*entries, *held):
            self._enter(self._next, entry)
            self._next += 1
        return self._shrink()

    def _enter(self, number: int, entry: Entry) -> None:
        self._entries[number] = entry
        self.items += len(entry.items)
        self._urgent += entry.urgent
        for stream in entry.streams:
            self._holders[stream][number] = None

    def _forget_states(self, newest: Mapping[AlarmName, int]) -> None:
        for number, entry in self._entries.items():
            if entry.alarms:
                entry.alarms = tuple((name, alarm) for name, alarm in entry.alarms if number > newest.get(name, -1))

    def _leave(self, number: int) -> None:
        entry = self._entries.pop(number)
        self.items -= len(entry.items)
        self._urgent -= entry.urgent
        for stream in entry.streams:
            self._holders[stream].pop(number, None)

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
                if not (kept or entry.alarms or entry.commands or entry.audit):
                    self._leave(number)
        return hit
