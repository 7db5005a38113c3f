"""Reading and verifying the audit log of a state directory, beside the daemon or without it, and without disturbing it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgeguard.core.errors import Permanent, StoreError
from edgeguard.store.audit_chain import ERASED_BODY, erased_in, link
from edgeguard.store.damage import DATABASE

_READ_ROWS: Final = 500


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row: its number, its body (a JSON object), the hash that binds it to all before."""

    n: int
    body: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """Rows `first` to `last` fit the chain; `broken` is the first number that does not, None if all do, and `reason` says why.

    `head` is the hash (hex) of the last row that fits: compared with one noted earlier it proves that nothing older was changed.
    """

    first: int
    last: int
    head: str
    broken: int | None = None
    reason: str = ""


def read_audit(directory: Path, last: int) -> tuple[AuditRow, ...]:
    """The newest `last` rows, in order. Permanent if there is no database, StoreError if it cannot be read."""
    with _reading(directory) as connection:
        newest = connection.execute("SELECT max(n) FROM audit").fetchone()[0] or 0
        return tuple(_rows(connection, newest - last))


def verify_audit(directory: Path, noted: tuple[int, bytes] | None = None) -> AuditVerdict:
    """Walk the whole chain, from the anchor to the newest row. Permanent and StoreError as `read_audit`.

    `noted`: number and hash of a row that was the newest once. Only it can tell that rows were cut off at the end, or that the
    whole chain was computed anew.
    """
    with _reading(directory) as connection:
        anchor = connection.execute("SELECT CAST(n AS INTEGER), CAST(hash AS BLOB) FROM audit_anchor").fetchone()
        if anchor is None:
            return AuditVerdict(1, 0, "", 1, "what the first row is bound to is gone")
        sound, digest = anchor
        first = sound + 1
        if noted is not None and noted[0] <= sound and noted != (sound, digest):
            gone = f"row {noted[0]} is not kept any more: the rows begin at {first}, so that it proves nothing of them"
            reason = gone if noted[0] < sound else f"row {sound} is not the one that was noted"
            return AuditVerdict(first, sound, digest.hex(), noted[0], reason)
        emptied: dict[int, str] = {}
        for row in _rows(connection, sound):
            if row.n != sound + 1:
                return AuditVerdict(first, sound, digest.hex(), sound + 1, f"row {sound + 1} is missing")
            if noted is not None and row.n == noted[0] and row.hash != noted[1]:
                return AuditVerdict(first, sound, digest.hex(), row.n, f"row {row.n} is not the one that was noted")
            if row.body == ERASED_BODY:
                emptied[row.n] = digest.hex()
            elif link(digest, row.body) != row.hash:
                return AuditVerdict(first, sound, digest.hex(), row.n, f"row {row.n} does not fit the rows before it")
            elif (other := _strange(emptied, erased_in(row.body))) is not None:
                return AuditVerdict(first, other - 1, emptied[other], other, f"row {other}, erased since, stood behind other rows")
            sound, digest = row.n, row.hash
        if emptied:
            row_n = min(emptied)
            return AuditVerdict(first, sound, digest.hex(), row_n, f"row {row_n} was emptied, and no row says that it was erased")
        if noted is not None and sound < noted[0]:
            reason = f"the rows behind {sound} are gone: there were {noted[0]}"
            return AuditVerdict(first, sound, digest.hex(), sound + 1, reason)
        return AuditVerdict(first, sound, digest.hex())


def _strange(emptied: dict[int, str], told: dict[int, str]) -> int | None:
    """Take what is told to be erased out of `emptied`; the number of a row that stood behind another hash than it does now."""
    for n, behind in told.items():
        if behind and emptied.get(n, behind) != behind:
            return n
        emptied.pop(n, None)
    return None


def _rows(connection: sqlite3.Connection, after: int) -> Iterator[AuditRow]:
    while rows := connection.execute(
        "SELECT n, CAST(body AS BLOB), CAST(hash AS BLOB) FROM audit WHERE n > ? ORDER BY n LIMIT ?", (after, _READ_ROWS)
    ).fetchall():
        for n, body, digest in rows:
            yield AuditRow(int(n), bytes(body), bytes(digest))
        after = int(rows[-1][0])


@contextmanager
def _reading(directory: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection with one view of the database; SQLite's errors become ours."""
    database = directory / DATABASE
    if not database.is_file():
        raise Permanent(f"there is no database in {directory}")
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("BEGIN")
            yield connection
    except sqlite3.Error as error:
        raise StoreError(f"the audit log in {directory} cannot be read: {error}") from error
