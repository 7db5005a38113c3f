"""Erasing what stands for a resident (a number plate, a name, a reference): no trace is left in the store's files.

Rows keep their number, so that the sequence stays whole: the body goes, and a gap record tells the platform that the number will
not come. The audit log tells that something was erased, by whom and how many rows, never what. Afterwards the files are looked
through byte by byte; what SQLite left in free pages is a reason to rebuild the database.
"""

import asyncio
import re
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, Protocol, TypeVar

import orjson

from edgeguard.core.camera import REPORTS
from edgeguard.core.clock import Stamp
from edgeguard.core.item import STREAMS, Item, Stream
from edgeguard.core.outbox_limits import ERASE_LOOK_BYTES, ERASE_PAUSE_S, ERASE_SLICE_ROWS, ERASE_TRIES
from edgeguard.store.audit_chain import ERASED_BODY, audit_body, deed
from edgeguard.store.damage import DATABASE, QUARANTINE, remove_tree
from edgeguard.store.ledger import Ledger
from edgeguard.store.retention import ERASED, Gap, merged

_P = ParamSpec("_P")
_R = TypeVar("_R")

_ESCAPED: Final = re.compile(r"[^\x00-\x7f]")
_STREAM_TABLES: Final = frozenset(stream.value for stream in STREAMS)
_NOT_SEARCHED: Final = frozenset({"meta", "boots", "streams", "done", "audit", "audit_anchor", *_STREAM_TABLES})
_FILES: Final = (DATABASE, f"{DATABASE}-wal")


@dataclass(frozen=True, slots=True)
class Erased:
    """Rows emptied or removed, quarantined databases removed, whether the file was rebuilt, files that hold the text still, and
    sightings of cameras that waited to be told and never will be.
    """

    rows: int
    quarantined: int
    rebuilt: bool
    left: tuple[str, ...]
    untold: int = 0


class Do(Protocol):
    """Runs work on the desk's thread (`Writer.do`)."""

    async def __call__(self, work: Callable[Concatenate[Ledger, _P], _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Give its result; StoreError if the disk refuses."""
        ...


async def erase_everywhere(do: Do, directory: Path, text: str, now: Stamp, by: str) -> Erased:
    """Find, empty, cut the log, look whether anything is left, and rebuild the file only if there is. StoreError as `do`."""
    needles = spellings(text)
    untold = await asyncio.to_thread(_clear_reports, directory, needles)
    numbers = {}
    for stream in STREAMS:
        found: list[int] = []
        after: int | None = 0
        while after is not None:
            some, after = await do(_search, stream, after, needles)
            found += some
        numbers[stream] = tuple(found)
    rows = await do(_erase, numbers, needles, now, by)
    await _cut_log(do)
    quarantined = await asyncio.to_thread(_clear_quarantine, directory, needles)
    rebuilt = await asyncio.to_thread(_traces, directory, needles)
    if rebuilt:
        await do(_rebuild)
        await _cut_log(do)
    left = await asyncio.to_thread(_all_traces, directory, needles)
    return Erased(rows, quarantined, bool(rebuilt), left, untold)


async def _cut_log(do: Do) -> None:
    """A reader may be in the way for a moment; what is left then is found afterwards."""
    for _ in range(ERASE_TRIES):
        if await do(_checkpoint):
            return
        await asyncio.sleep(ERASE_PAUSE_S)


def spellings(text: str) -> tuple[bytes, ...]:
    """The bytes that a text may have in JSON: as it is, and escaped in small or capital digits."""
    plain = orjson.dumps(text)[1:-1]
    small, capital = (_ESCAPED.sub(partial(_escape, digits=digits), plain.decode()).encode() for digits in ("04x", "04X"))
    return tuple(dict.fromkeys((text.encode(), plain, small, capital)))


def _escape(char: re.Match[str], digits: str) -> str:
    """A character as JSON's escapes: its UTF-16 units."""
    units = char.group().encode("utf-16-be")
    return "".join(f"\\u{int.from_bytes(units[at : at + 2], 'big'):{digits}}" for at in range(0, len(units), 2))


def holds(body: bytes, needles: Sequence[bytes]) -> bool:
    """Whether one of them is in there as a word of its own: 'A123' is not found in 'A1234', but right behind Chinese it is."""
    return any(_holds_word(body, needle) for needle in needles)


def _holds_word(body: bytes, needle: bytes) -> bool:
    at = body.find(needle)
    while at >= 0:
        before, after = body[at - 1 : at] if at else b"", body[at + len(needle) : at + len(needle) + 1]
        if body[at - 2 : at - 1] == b"\\":
            before = b""  # the letter of an escape, as of a new line, belongs to no word
        if not (before.isalnum() and needle[:1].isalnum()) and not (after.isalnum() and needle[-1:].isalnum()):
            return True
        at = body.find(needle, at + 1)
    return False


def _search(ledger: Ledger, stream: Stream, after: int, needles: Sequence[bytes]) -> tuple[tuple[int, ...], int | None]:
    """Numbers of a slice of a stream that hold one of the texts, and where the next slice begins, None at the end."""
    after = max(after, ledger.streams[stream].first - 1)
    last = min(after + ERASE_SLICE_ROWS, ledger.streams[stream].last)
    found = _matching(ledger.connection, stream.value, "seq", "body", needles, f"seq > {after} AND seq <= {last}")
    return found, last if last < ledger.streams[stream].last else None


def _erase(ledger: Ledger, numbers: dict[Stream, tuple[int, ...]], needles: Sequence[bytes], now: Stamp, by: str) -> int:
    """Empty these rows and everything else that holds one of the texts, in one transaction; how many rows that were."""
    with ledger.transaction(), ledger.leaving_no_trace():
        gaps: list[Gap] = []
        rows = 0
        for stream, found in numbers.items():
            held = [seq for seq in found if _still_holds(ledger, stream, seq, needles)]
            gaps += [Gap(stream, ERASED, seq, seq) for seq in held if any(ledger.streams[stream].holes(seq, seq))]
            ledger.empty(stream, held)
            rows += len(held)
        audit = _matching(ledger.connection, "audit", "n", "body", needles)
        ledger.connection.executemany("UPDATE audit SET body = ? WHERE n = ?", [(ERASED_BODY, n) for n in audit])
        others = sum(_drop_elsewhere(ledger.connection, table, needles) for table in _other_tables(ledger.connection))
        rows += len(audit) + others
        if rows:
            ledger.append([gap.item(now) for gap in merged(gaps)])
            ledger.append([Item(Stream.EVENTS, now, deed("erase", "personal-data", rows, by))])
            ledger.audit.append([audit_body(now, deed("erase", "personal-data", rows, by, erased=audit))])
        ledger.save_marks()
    return rows


def _still_holds(ledger: Ledger, stream: Stream, seq: int, needles: Sequence[bytes]) -> bool:
    """Rows may have gone since they were found, and after damage a number is another row's."""
    where = f"seq = {seq}"
    return bool(_matching(ledger.connection, stream.value, "seq", "body", needles, where))


def _checkpoint(ledger: Ledger) -> bool:
    """Bring everything into the database file and empty the -wal; False if a reader was in the way."""
    return not ledger.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]


def _rebuild(ledger: Ledger) -> None:
    """Write the whole database anew, without free pages and without what was left between rows."""
    ledger.connection.execute("VACUUM")


def _traces(directory: Path, needles: Sequence[bytes]) -> tuple[str, ...]:
    """Names of the store's files that hold one of the texts as bytes, in whatever place; may take as long as reading them."""
    return tuple(name for name in _FILES if _file_holds(directory / name, needles))


def _all_traces(directory: Path, needles: Sequence[bytes]) -> tuple[str, ...]:
    """Every file of the state directory that holds one of the texts, the store's or not."""
    paths = sorted(path for path in directory.rglob("*") if path.is_file() and not path.is_symlink())
    return tuple(str(path.relative_to(directory)) for path in paths if _file_holds(path, needles))


def files_holding(places: Sequence[Path], text: str) -> tuple[str, ...]:
    """Files, and those in folders, that hold a text as bytes (copies, exports); changes nothing. OSError if one cannot be read."""
    needles = spellings(text)
    found = [path for place in places for path in ([place] if place.is_file() else sorted(place.rglob("*")))]
    return tuple(str(path) for path in found if path.is_file() and not path.is_symlink() and _file_holds(path, needles))


def _clear_reports(directory: Path, needles: Sequence[bytes]) -> int:
    """Remove what cameras could not tell yet and holds one of the texts; their processes do not tell what is not there any more."""
    found = [file for folder in directory.glob(REPORTS) for file in folder.iterdir() if file.is_file()]
    held = [file for file in found if _file_holds(file, needles)]
    for file in held:
        file.unlink(missing_ok=True)
    return len(held)


def _clear_quarantine(directory: Path, needles: Sequence[bytes]) -> int:
    """Remove databases that were set aside and hold one of the texts; how many."""
    count = 0
    with suppress(FileNotFoundError):
        for folder in sorted((directory / QUARANTINE).iterdir()):
            if folder.is_dir() and any(_file_holds(path, needles) for path in folder.rglob("*") if path.is_file()):
                remove_tree(folder)
                count += 1
    return count


def _file_holds(path: Path, needles: Sequence[bytes]) -> bool:
    overlap = max(map(len, needles))
    try:
        with path.open("rb") as file:
            tail = b""
            while block := file.read(ERASE_LOOK_BYTES):
                window = tail + block
                if any(needle in window for needle in needles):
                    return True
                tail = window[-overlap:]
    except FileNotFoundError:
        return False
    return False


def _matching(
    connection: sqlite3.Connection, table: str, key: str, column: str, needles: Sequence[bytes], where: str = "1"
) -> tuple[int, ...]:
    """Keys of rows whose column holds one of the texts; SQLite looks for bytes, the words are looked at here."""
    finds = " OR ".join([f"instr(CAST({column} AS BLOB), ?)"] * len(needles))
    sql = f"SELECT {key}, CAST({column} AS BLOB) FROM {table} WHERE {where} AND ({finds})"  # noqa: S608 - our own names
    return tuple(int(found) for found, body in connection.execute(sql, tuple(needles)) if holds(body, needles))


def _other_tables(connection: sqlite3.Connection) -> list[str]:
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").fetchall()
    return [name for (name,) in names if name not in _NOT_SEARCHED]


def _drop_elsewhere(connection: sqlite3.Connection, table: str, needles: Sequence[bytes]) -> int:
    """Remove rows of a table that hold one of the texts in any column: dead letters, states of rules, whatever there will be."""
    columns = connection.execute(f'PRAGMA table_info("{table}")').fetchall()
    key = " AND ".join(f'"{name}" IS ?' for _, name, *_ in columns)
    count = 0
    for row in connection.execute(f'SELECT * FROM "{table}"').fetchall():  # noqa: S608 - our own names
        bodies = [value if isinstance(value, bytes) else value.encode() for value in row if isinstance(value, (bytes, str))]
        if any(holds(body, needles) for body in bodies):
            count += connection.execute(f'DELETE FROM "{table}" WHERE {key}', row).rowcount  # noqa: S608
    return count
