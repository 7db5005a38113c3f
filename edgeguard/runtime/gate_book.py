"""The lists of plates as the daemon holds them: in memory for decisions, in the store for weeks without a platform.

A change is one transaction, and counts from the moment at which it is durable: neither a lost message nor a power cut leaves half a
list. What the store could not confirm in time comes into force when it can.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Final

import orjson
import structlog

from edgeguard.core.clock import Clock
from edgeguard.core.errors import CommandRefused, Retryable
from edgeguard.core.gate_limits import GATE_EXPIRED_KEPT_MS
from edgeguard.core.gate_list import Entry, ListKind
from edgeguard.core.item import Item, Stream
from edgeguard.core.limits import AUDIT_WITHIN_S
from edgeguard.core.rule_state import RuleState
from edgeguard.rules.gate import Lists
from edgeguard.rules.gate_change import Change, Difference, Key, applied, expired
from edgeguard.rules.gate_csv import EntryRefused, entry_of, fields_of
from edgeguard.store import Batch, Store

_log = structlog.get_logger()
OWNER: Final = "gate-lists"


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a list as a whole: the platform's version, None if it has given none, and changes made here since."""

    version: int | None = None
    local: int = 0


class GateBook:
    """All lists. `lists` is what decisions are made by."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._entries: dict[Key, Entry] = {}
        self._turn = asyncio.Lock()
        self._writing: set[asyncio.Task[Difference]] = set()
        self.heads: dict[ListKind, Head] = {}
        self.lists = Lists()

    def recall(self, states: Mapping[str, bytes]) -> None:
        """What the store has kept. An entry that a later version wrote and this one cannot read opens nothing."""
        for name, body in states.items():
            kind, _, plate = name.partition(" ")
            try:
                told = orjson.loads(body)
                if plate:
                    entry = entry_of(told, None)
                    self._entries[entry.kind, entry.plate] = entry
                else:
                    self.heads[ListKind(kind)] = Head(told["version"], told["local"])
            except (ValueError, KeyError, TypeError, AttributeError, EntryRefused) as error:
                _log.warning("gate.entry-unreadable", list=kind, error=type(error).__name__)
        self.lists = Lists.of(self._entries.values())

    def keep(self) -> None:
        """Hand everything to a store that has begun a new file."""
        states = (*map(_entry_state, self._entries.values()), *(_head_state(kind, head) for kind, head in self.heads.items()))
        if states:
            self._store.submit(Batch((), states=states))

    def entries(self, kind: ListKind | None = None) -> tuple[Entry, ...]:
        """Those of one list, or all."""
        return tuple(entry for entry in self._entries.values() if kind is None or entry.kind is kind)

    def size(self) -> int:
        """How many entries there are."""
        return len(self._entries)

    def would(self, change: Change) -> tuple[Mapping[Key, Entry], Difference]:
        """What a change would make of the lists."""
        return applied(self._entries, change)

    def check(self, expected: Mapping[ListKind, int | None]) -> None:
        """CommandRefused where the platform calls a list something else than is `expected`."""
        for kind, version in expected.items():
            known = self.heads.get(kind, Head()).version
            if known != version:
                now, wanted = ("none" if one is None else one for one in (known, version))
                raise CommandRefused("other-version", f"list {kind} has version {now}, not {wanted}: send the whole list")

    async def change(
        self,
        change: Change,
        by: str,
        versions: Mapping[ListKind, int] | None = None,
        expected: Mapping[ListKind, int | None] | None = None,
    ) -> Difference:
        """Make a change durable, then let it count. StoreError if it was dropped; Retryable if it may come into force later.

        `versions`: what the platform calls lists from now on; changes of others are counted as made here. `expected`: what it must
        call them when it is this change's turn; CommandRefused otherwise.
        """
        turn = self._commit(change, by, versions or {}, expected or {})
        task = asyncio.create_task(turn, name="change of gate lists")
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        try:
            async with asyncio.timeout(AUDIT_WITHIN_S * 3):
                return await asyncio.shield(task)
        except TimeoutError:
            raise Retryable("the disk has not taken the lists yet; they come into force when it does") from None

    def forget(self, text: str) -> int:
        """What the store has erased, in memory too; how many entries."""
        gone = [key for key, entry in self._entries.items() if any(text in field for field in fields_of(entry).values())]
        for key in gone:
            del self._entries[key]
        if gone:
            self.lists = Lists.of(self._entries.values())
        return len(gone)

    async def purge(self, now: datetime, zone: tzinfo) -> int:
        """Remove entries whose last moment lies a day back; how many."""
        over = expired(self._entries.values(), now - timedelta(milliseconds=GATE_EXPIRED_KEPT_MS), zone)
        if over:
            await self._commit(Change(drop=over), "gateway", {}, {}, counts=False)
        return len(over)

    def _head(self, kind: ListKind, version: int | None) -> Head:
        before = self.heads.get(kind, Head())
        return Head(version, 0) if version is not None else replace(before, local=before.local + 1)

    async def _commit(
        self,
        change: Change,
        by: str,
        versions: Mapping[ListKind, int],
        expected: Mapping[ListKind, int | None],
        *,
        counts: bool = True,
    ) -> Difference:
        """One change at a time; in force when it is durable. `counts`: it is one that people make."""
        async with self._turn:
            self.check(expected)
            after, difference = self.would(change)
            touched = {kind for kind, _ in (*difference.added, *difference.changed, *difference.removed)} if counts else set()
            heads = {kind: self._head(kind, versions.get(kind)) for kind in touched | set(versions)}
            states = (
                *(_entry_state(after[key]) for key in (*difference.added, *difference.changed)),
                *(RuleState(OWNER, _name(key), b"") for key in difference.removed),
                *(_head_state(kind, head) for kind, head in heads.items()),
            )
            if states:
                await self._store.put(Batch(self._news(after, difference, heads, by), states=states))
            self._entries = dict(after)
            self.heads.update(heads)
            self.lists = Lists.of(self._entries.values())
        return difference

    def _news(
        self, after: Mapping[Key, Entry], difference: Difference, heads: Mapping[ListKind, Head], by: str
    ) -> tuple[Item, ...]:
        """An event for each list that differs; without a plate."""
        now = self._clock.now()
        kinds = {kind for kind, _ in (*difference.added, *difference.changed, *difference.removed)} | set(heads)
        items = []
        for kind in sorted(kinds):
            head = heads.get(kind) or self.heads.get(kind, Head())
            body = {
                "type": "gate-list",
                "list": kind.value,
                "entries": sum(1 for one, _ in after if one is kind),
                "added": _count(difference.added, kind),
                "changed": _count(difference.changed, kind),
                "removed": _count(difference.removed, kind),
                "version": head.version,
                "local": head.local,
                "by": by,
            }
            items.append(Item(Stream.EVENTS, now, orjson.dumps(body)))
        return tuple(items)


def _count(keys: Iterable[Key], kind: ListKind) -> int:
    return sum(1 for one, _ in keys if one is kind)


def _name(key: Key) -> str:
    return f"{key[0].value} {key[1]}"


def _entry_state(entry: Entry) -> RuleState:
    return RuleState(OWNER, _name((entry.kind, entry.plate)), orjson.dumps(fields_of(entry)))


def _head_state(kind: ListKind, head: Head) -> RuleState:
    return RuleState(OWNER, kind.value, orjson.dumps({"version": head.version, "local": head.local}))
