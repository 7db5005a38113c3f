"""Erasing what stands for a resident (a number plate, a name, a reference): no trace is left in the store's files.

Rows keep their number, so that the sequence stays whole: the body goes, and a gap record tells the platform that the number will
not come. The audit log tells that something was erased, by whom and how many rows, never what: `accepted` with the rows emptied,
`done` once the files, looked through byte by byte, hold no trace; what SQLite left in free pages is a reason to rebuild the
database. Whoever is killed in between begins again (`erase_job`).
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, Protocol, TypeVar

from edgeguard.core.clock import Clock, Stamp
from edgeguard.core.errors import StoreError
from edgeguard.core.item import STREAMS, Item, Stream
from edgeguard.core.outbox_limits import ERASE_PAUSE_S, ERASE_SLICE_ROWS, ERASE_TRIES
from edgeguard.store import traces
from edgeguard.store.audit_chain import audit_body, deed
from edgeguard.store.damage import DATABASE
from edgeguard.store.ledger import Ledger
from edgeguard.store.retention import ERASED, Gap, merged
from edgeguard.store.traces import holds, spellings

_P = ParamSpec("_P")
_R = TypeVar("_R")

_STREAM_TABLES: Final = frozenset(stream.value for stream in STREAMS)
_NOT_SEARCHED: Final = frozenset({"meta", "boots", "streams", "done", "audit", "audit_anchor", *_STREAM_TABLES})


@dataclass(frozen=True, slots=True)
class Erased:
    """Rows emptied or removed, quarantined databases removed, whether the file was rebuilt, files that hold the text still,
    sightings of cameras that waited to be told and never will be, and pieces of evidence (a record with its pictures) removed.
    """

    rows: int
    quarantined: int
    rebuilt: bool
    left: tuple[str, ...]
    untold: int = 0
    evidence: int = 0


class Do(Protocol):
    """Runs work on the desk's thread (`Writer.do`)."""

    async def __call__(self, work: Callable[Concatenate[Ledger, _P], _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Give its result; StoreError if the disk refuses."""
        ...


async def erase_everywhere(do: Do, directory: Path, texts: Sequence[str], clock: Clock, by: str) -> Erased:
    """Find, empty, cut the log, look whether anything is left, and rebuild the file only if there is; then it is done.

    StoreError as `do`, and if the database holds one of the texts even so; then nothing says that it is done.
    """
    needles = tuple(dict.fromkeys(needle for text in texts for needle in spellings(text)))
    untold = await asyncio.to_thread(traces.reports_with, directory, needles)
    records = await asyncio.to_thread(traces.records_with, directory, needles)
    numbers = {}
    for stream in STREAMS:
        found: list[int] = []
        after: int | None = 0
        while after is not None:
            some, after = await do(_search, stream, after, needles)
            found += some
        numbers[stream] = tuple(found)
    rows = await do(_erase, numbers, needles, clock.now(), by, len(untold) + len(records))
    await asyncio.to_thread(traces.remove, untold, records)
    await _cut_log(do)
    quarantined = await asyncio.to_thread(traces.clear_quarantine, directory, needles)
    rebuilt = await asyncio.to_thread(traces.database_traces, directory, needles)
    if rebuilt:
        await do(_rebuild)
        await _cut_log(do)
    left = await asyncio.to_thread(traces.all_traces, directory, needles)
    if DATABASE in {name.removesuffix("-wal") for name in left}:
        raise StoreError("the outbox still holds it: somebody reads the file, or it has come again meanwhile; it is tried again")
    await do(_tell_done, clock.now(), by)
    return Erased(rows, quarantined, bool(rebuilt), left, len(untold), len(records))


async def _cut_log(do: Do) -> None:
    """A reader may be in the way for a moment; what is left then is found afterwards."""
    for _ in range(ERASE_TRIES):
        if await do(_checkpoint):
            return
        await asyncio.sleep(ERASE_PAUSE_S)


def _search(ledger: Ledger, stream: Stream, after: int, needles: Sequence[bytes]) -> tuple[tuple[int, ...], int | None]:
    """Numbers of a slice of a stream that hold one of the texts, and where the next slice begins, None at the end."""
    after = max(after, ledger.streams[stream].first - 1)
    last = min(after + ERASE_SLICE_ROWS, ledger.streams[stream].last)
    found = _matching(ledger.connection, stream.value, "seq", "body", needles, f"seq > {after} AND seq <= {last}")
    return found, last if last < ledger.streams[stream].last else None


def _erase(
    ledger: Ledger, numbers: dict[Stream, tuple[int, ...]], needles: Sequence[bytes], now: Stamp, by: str, files: int
) -> int:
    """Empty these rows and everything else that holds one of the texts, in one transaction; how many rows that were.

    `files`: how much will be removed outside of the database, for the record.
    """
    with ledger.transaction(), ledger.leaving_no_trace():
        gaps: list[Gap] = []
        rows = 0
        for stream, found in numbers.items():
            held = [seq for seq in found if _still_holds(ledger, stream, seq, needles)]
            gaps += [Gap(stream, ERASED, seq, seq) for seq in held if any(ledger.streams[stream].holes(seq, seq))]
            ledger.empty(stream, held)
            rows += len(held)
        audit = _matching(ledger.connection, "audit", "n", "body", needles)
        emptied = ledger.audit.empty(audit)
        others = sum(_drop_elsewhere(ledger.connection, table, needles) for table in _other_tables(ledger.connection))
        rows += len(audit) + others
        if rows or files:
            ledger.append([gap.item(now) for gap in merged(gaps)])
            erased = {"erased": tuple(emptied), "behind": tuple(emptied.values()), "files": files, "result": "accepted"}
            ledger.audit.append([audit_body(now, deed("erase", "personal-data", rows, by, **erased))])
        ledger.save_marks()
    return rows


def _tell_done(ledger: Ledger, now: Stamp, by: str) -> None:
    """The end of what was accepted, in the audit log and for the platform; nothing where nothing was to be erased."""
    if (rows := ledger.audit.accepted("erase")) is not None:
        with ledger.transaction():
            told = deed("erase", "personal-data", rows, by)
            ledger.append([Item(Stream.EVENTS, now, told)])
            ledger.audit.append([audit_body(now, told)])
            ledger.save_marks()


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
