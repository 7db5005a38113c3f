"""Lists on their way: from the platform or a file, in parts that any message can carry, in force together or not at all.

A part that is lost leaves everything as it was. Parts may come in any order and more than once. What the whole amounts to is looked
at when the last one has come; one mistake refuses all of it, with its line.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from edgeguard.control import BadArguments, Call
from edgeguard.control.gate_views import GateListView, ListView
from edgeguard.control.views import LabelsView
from edgeguard.core.clock import Clock
from edgeguard.core.errors import CommandRefused
from edgeguard.core.gate_limits import (
    GATE_CSV_BYTES,
    GATE_ENTRIES_MAX,
    GATE_MISTAKES_TOLD,
    GATE_PARTS_MAX,
    GATE_STAGED_MAX,
    GATE_STAGED_MS,
)
from edgeguard.core.gate_list import Entry, ListKind, plain_plate
from edgeguard.rules.gate import LIST_WORDS
from edgeguard.rules.gate_change import Change, Key
from edgeguard.rules.gate_csv import read_csv
from edgeguard.runtime.gate_book import GateBook, Head
from edgeguard.vision.plate_grammar import kind_of

_ID_CHARS: Final = 64


@dataclass(frozen=True, slots=True)
class Terms:
    """What all parts of a transfer must say alike. `version`: what the list is called afterwards; `base`: what it must be called
    now, for a change of single entries; without it the whole list is replaced where `version` or `whole` is given."""

    kind: ListKind | None
    whole: bool
    version: int | None
    base: int | None
    parts: int
    dry: bool
    by: str


@dataclass(slots=True)
class _Staged:
    terms: Terms
    expected: Mapping[ListKind, int | None]
    """What the list must still be called when the last part has come."""
    touched_ms: int = 0
    put: dict[int, str] = field(default_factory=dict)
    drop: dict[int, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return sum(len(text.encode()) for text in (*self.put.values(), *self.drop.values()))


class GateTransfers:
    """Takes parts, and puts what they amount to into the book."""

    def __init__(self, book: GateBook, clock: Clock, zones: Callable[[], Iterable[str]]) -> None:
        self._book = book
        self._clock = clock
        self._zones = zones
        self._staged: dict[tuple[str, str], _Staged] = {}
        """By sender and the id that he has given."""

    async def take(self, call: Call) -> GateListView:
        """One part. BadArguments for a mistake in it, CommandRefused where it does not fit what is known."""
        transfer, number, terms = self._terms(call)
        put, drop = call.text("entries"), call.text("remove")
        self._forget_old()
        name = (terms.by, transfer)
        staged = self._staged.get(name)
        if staged is None:
            while len(self._staged) >= GATE_STAGED_MAX:
                del self._staged[min(self._staged, key=lambda one: self._staged[one].touched_ms)]
            staged = self._staged[name] = _Staged(terms, self._expected(terms))
        if staged.terms != terms:
            del self._staged[name]
            raise CommandRefused("other-terms", f"the parts of transfer {transfer} differ in what they want; begin again")
        if (staged.put.get(number, put), staged.drop.get(number, drop)) != (put, drop):
            del self._staged[name]
            raise CommandRefused("other-terms", f"part {number} of transfer {transfer} came before with other rows; begin again")
        staged.touched_ms = self._clock.now().boot_ms
        staged.put[number], staged.drop[number] = put, drop
        if staged.size > GATE_CSV_BYTES:
            del self._staged[name]
            raise CommandRefused("too-large", f"transfer {transfer} has more than {GATE_CSV_BYTES // 2**20} MiB")
        missing = terms.parts - len(staged.put)
        if missing:
            return self._view("staged", missing=missing)
        del self._staged[name]
        return await self._take_whole(staged)

    def list_views(self) -> tuple[ListView, ...]:
        """Every list."""
        return tuple(self._list_view(kind, len(self._book.entries(kind))) for kind in ListKind)

    def _terms(self, call: Call) -> tuple[str, int, Terms]:
        transfer = call.text("transfer")
        if not 1 <= len(transfer) <= _ID_CHARS:
            raise BadArguments(f"transfer: an id of 1 to {_ID_CHARS} characters, the same for all parts")
        number, parts = _whole(call, "part", 1), _whole(call, "parts", 1)
        assert number is not None  # noqa: S101 (the default is a number)
        assert parts is not None  # noqa: S101
        if not 1 <= number <= parts <= GATE_PARTS_MAX:
            raise BadArguments(f"part {number} of {parts}: parts are numbered from 1, and there are {GATE_PARTS_MAX} at most")
        version, base = _whole(call, "version"), _whole(call, "base")
        name = call.text("list")
        if name and name not in set(ListKind):
            raise BadArguments(f"there is no list {name[:20]!r} (there are: {', '.join(ListKind)})")
        kind = ListKind(name) if name else None
        if (version is not None or base is not None) and (kind is None or version is None):
            raise BadArguments("a version is that of one list: give list, version, and for single changes base")
        whole = call.flag("whole") if version is None else base is None
        return transfer, number, Terms(kind, whole, version, base, parts, call.flag("dry"), call.author)

    async def _take_whole(self, staged: _Staged) -> GateListView:
        terms = staged.terms
        change = Change(put=self._entries(staged), drop=self._dropped(staged))
        kinds = {entry.kind for entry in change.put}
        if terms.kind is not None and kinds - {terms.kind}:
            raise BadArguments(f"rows of list {(kinds - {terms.kind}).pop()} in a transfer of list {terms.kind}")
        if terms.whole:
            change = Change(frozenset({terms.kind} if terms.kind else kinds), change.put, change.drop)
        self._book.check(staged.expected)
        after, difference = self._book.would(change)
        if len(after) > GATE_ENTRIES_MAX:
            raise CommandRefused("too-many", f"there would be {len(after)} entries; {GATE_ENTRIES_MAX} are the most")
        if not terms.dry:
            versions = {terms.kind: terms.version} if terms.kind is not None and terms.version is not None else {}
            difference = await self._book.change(change, terms.by, versions, staged.expected)
        return self._view(
            "dry" if terms.dry else "in-force",
            (len(difference.added), len(difference.changed), len(difference.removed)),
            unreadable=sum(1 for entry in change.put if kind_of(entry.plate) is None),
        )

    def _expected(self, terms: Terms) -> Mapping[ListKind, int | None]:
        """A change is one of its base; a whole list of the platform's must not come into force over one that overtook it."""
        if terms.kind is None or terms.version is None:
            return {}
        return {terms.kind: self._book.heads.get(terms.kind, Head()).version if terms.base is None else terms.base}

    def _entries(self, staged: _Staged) -> tuple[Entry, ...]:
        entries: list[Entry] = []
        seen: set[Key] = set()
        mistakes: list[str] = []
        for number in sorted(staged.put):
            text = staged.put[number]
            if not text.strip():
                continue
            found = read_csv(text, staged.terms.kind, GATE_MISTAKES_TOLD, self._zones())
            where = f"part {number}, " if staged.terms.parts > 1 else ""
            mistakes += [f"{where}line {line}: {words}" for line, words in found.mistakes]
            for entry, line in zip(found.entries, found.lines, strict=True):
                if (entry.kind, entry.plate) in seen:
                    mistakes.append(f"{where}line {line}: plate: stands on list {entry.kind} in an earlier part already")
                seen.add((entry.kind, entry.plate))
                entries.append(entry)
        if mistakes:
            more = len(mistakes) - GATE_MISTAKES_TOLD
            raise BadArguments("; ".join((*mistakes[:GATE_MISTAKES_TOLD], *([f"and {more} more mistakes"] if more > 0 else []))))
        return tuple(entries)

    def _dropped(self, staged: _Staged) -> tuple[Key, ...]:
        """Plates, one a line, from the list of the transfer or from all of them."""
        kinds = (staged.terms.kind,) if staged.terms.kind else tuple(ListKind)
        keys: list[Key] = []
        for number in sorted(staged.drop):
            for at, line in enumerate(staged.drop[number].splitlines(), 1):
                if not line.strip():
                    continue
                plate = plain_plate(line)
                if plate is None:
                    raise BadArguments(f"remove, part {number}, line {at}: is no number plate")
                keys += [(kind, plate) for kind in kinds]
        return tuple(keys)

    def _forget_old(self) -> None:
        now_ms = self._clock.now().boot_ms
        for name in [name for name, one in self._staged.items() if now_ms - one.touched_ms > GATE_STAGED_MS]:
            del self._staged[name]

    def _view(self, state: str, counts: tuple[int, int, int] = (0, 0, 0), missing: int = 0, unreadable: int = 0) -> GateListView:
        return GateListView(state, *counts, missing, self.list_views(), unreadable)

    def _list_view(self, kind: ListKind, entries: int) -> ListView:
        head, words = self._book.heads.get(kind, Head()), LIST_WORDS[kind]
        return ListView(kind.value, LabelsView(words.zh, words.en), entries, head.version, head.local)


def _whole(call: Call, name: str, default: int | None = None) -> int | None:
    if name not in call.args:
        return default
    value = call.value(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or not 0 <= value < 2**53:
        raise BadArguments(f"{name} is a whole number from 0")
    return int(value)
