"""What a change of lists makes of them: whole lists replaced, or single entries put and dropped. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from edgeguard.core.gate_list import Entry, ListKind
from edgeguard.rules.gate_time import is_over

Key = tuple[ListKind, str]
Book = Mapping[Key, Entry]
"""Every entry by its list and plate, in the order in which they came."""


@dataclass(frozen=True, slots=True)
class Change:
    """`whole`: lists that hold `put` and nothing else afterwards. `drop`: keys that go, whether they are there or not."""

    whole: frozenset[ListKind] = frozenset()
    put: tuple[Entry, ...] = ()
    drop: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs after a change: keys of entries that are new, say something else, or are gone."""

    added: tuple[Key, ...] = ()
    changed: tuple[Key, ...] = ()
    removed: tuple[Key, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything does."""
        return bool(self.added or self.changed or self.removed)


def applied(book: Book, change: Change) -> tuple[dict[Key, Entry], Difference]:
    """The entries after the change, and what differs."""
    put = {(entry.kind, entry.plate): entry for entry in change.put}
    drop = frozenset(change.drop)
    after = {key: entry for key, entry in book.items() if (key[0] not in change.whole and key not in drop) or key in put}
    added = tuple(key for key in put if key not in book)
    changed = tuple(key for key, entry in put.items() if key in book and book[key] != entry)
    after.update(put)
    removed = tuple(key for key in book if key not in after)
    return after, Difference(added, changed, removed)


def expired(entries: Iterable[Entry], before: datetime, zone: tzinfo) -> tuple[Key, ...]:
    """Those whose last moment lies before another one: nothing needs their plates any more."""
    return tuple((entry.kind, entry.plate) for entry in entries if is_over(entry, before, zone))
