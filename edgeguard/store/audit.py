"""Reading and verifying the audit log of a state directory, beside the daemon or without it, and without disturbing it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgeguard.core.clock import iso_utc
from edgeguard.core.errors import NothingThere, StoreError
from edgeguard.core.limits import AUDIT_MAX_ROWS
from edgeguard.core.outbox_limits import AUDIT_BREAKS_TOLD
from edgeguard.store.audit_chain import COMMAND_MARK, ERASED_BODY, broken_in, erased_in, fields_of, link
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
    `also`: further numbers that do not fit what stands before them, so that a break that is known hides no other.
    """

    first: int
    last: int
    head: str
    broken: int | None = None
    reason: str = ""
    also: tuple[int, ...] = ()


def read_audit(directory: Path, last: int) -> tuple[AuditRow, ...]:
    """The newest `last` rows, in order. NothingThere if there is no database, StoreError if it cannot be read."""
    with _reading(directory) as connection:
        newest = connection.execute("SELECT max(n) FROM audit").fetchone()[0] or 0
        return tuple(_rows(connection, newest - last))


def verify_audit(directory: Path, noted: tuple[int, bytes] | None = None) -> AuditVerdict:
    """Walk the whole chain, from the anchor to the newest row. Permanent and StoreError as `read_audit`.

    `noted`: number and hash of a row that was the newest once. Only it can tell for sure that rows were cut off at the end, or that
    the whole chain was computed anew; without it a missing end is found as long as an event still tells of it.
    """
    with _reading(directory) as connection:
        return verify_chain(connection, noted)


def verify_chain(connection: sqlite3.Connection, noted: tuple[int, bytes] | None = None) -> AuditVerdict:
    """As `verify_audit`, of an outbox that is open. sqlite3.Error if it cannot be read."""
    anchor = connection.execute("SELECT CAST(n AS INTEGER), CAST(hash AS BLOB) FROM audit_anchor").fetchone()
    if anchor is None:
        return AuditVerdict(1, 0, "", 1, "what the first row is bound to is gone")
    n, digest = anchor
    walk = _Walk(n, digest, noted)
    newest = None
    for row in _rows(connection, walk.n):
        walk.step(row)
        newest = row
    walk.end()
    if not walk.breaks and (lacking := _unrecorded(connection, newest, whole=walk.first == 1)):
        walk.note(walk.n + 1, f"the rows behind {walk.n} are gone: {lacking} stands among the events only")
    return walk.verdict()


class _Walk:
    """Along the chain from its anchor: `n` and `digest` are the row that was passed last, `breaks` what did not fit."""

    def __init__(self, n: int, digest: bytes, noted: tuple[int, bytes] | None) -> None:
        self.n, self.digest, self.first = n, digest, n + 1
        self.breaks: list[tuple[int, str]] = []
        self._fits = (n, digest)
        self._noted = noted
        self._emptied: dict[int, str] = {}
        if noted is not None and noted[0] <= n and noted != (n, digest):
            gone = f"row {noted[0]} is not kept any more: the rows begin at {self.first}, so that it proves nothing of them"
            self.note(noted[0], gone if noted[0] < n else f"row {n} is not the one that was noted")

    def note(self, n: int, reason: str, fits: tuple[int, bytes] | None = None) -> None:
        """Row `n` does not fit; `fits` is the last row that does, where that is not the one passed last."""
        if fits is not None and not self.breaks:
            self._fits = fits
        if len(self.breaks) < AUDIT_BREAKS_TOLD and n not in dict(self.breaks):
            self.breaks.append((n, reason))

    def step(self, row: AuditRow) -> None:
        """Pass the next row, whether it fits or not."""
        if row.n != self.n + 1:
            self.note(self.n + 1, f"row {self.n + 1} is missing")
        elif self._noted is not None and row.n == self._noted[0] and row.hash != self._noted[1]:
            self.note(row.n, f"row {row.n} is not the one that was noted")
        elif row.body == ERASED_BODY:
            self._emptied[row.n] = self.digest.hex()
        elif link(self.digest, row.body) != row.hash:
            self.note(row.n, f"row {row.n} does not fit the rows before it")
        elif (other := _strange(self._emptied, erased_in(row.body))) is not None:
            before = bytes.fromhex(self._emptied.pop(other))
            self.note(other, f"row {other}, erased since, stood behind other rows", (other - 1, before))
        elif (told := broken_in(row.body)) is not None:
            self.note(told[0], f"row {row.n} tells what was found when the outbox was restored: {told[1]}")
        if not self.breaks:
            self._fits = (row.n, row.hash)
        self.n, self.digest = row.n, row.hash

    def end(self) -> None:
        """The newest row is passed."""
        if self._emptied:
            row_n = min(self._emptied)
            self.note(row_n, f"row {row_n} was emptied, and no row says that it was erased")
        kept = self.n - self.first + 1
        if self.first > 1 and kept < AUDIT_MAX_ROWS:
            why = f"old ones go by age only while {AUDIT_MAX_ROWS} stay, and {kept} are left"
            self.note(self.first - 1, f"rows before {self.first} or behind {self.n} were taken out: {why}")
        if self._noted is not None and self.n < self._noted[0]:
            self.note(self.n + 1, f"the rows behind {self.n} are gone: there were {self._noted[0]}")

    def verdict(self) -> AuditVerdict:
        """What was found."""
        last, head = self._fits
        if not self.breaks:
            return AuditVerdict(self.first, last, head.hex())
        (broken, reason), *also = self.breaks
        return AuditVerdict(self.first, last, head.hex(), broken, reason, tuple(n for n, _ in also))


def _unrecorded(connection: sqlite3.Connection, newest: AuditRow | None, whole: bool) -> str:
    """The newest command among the events if no row tells of it; "" if one does, or if its row may have gone by age.

    Both are written in one transaction. `whole`: the log goes back to the beginning.
    """
    sql = "SELECT CAST(body AS BLOB), wall_ms FROM events WHERE substr(CAST(body AS BLOB), 1, ?) = ? ORDER BY seq DESC LIMIT 1"
    found = connection.execute(sql, (len(COMMAND_MARK), COMMAND_MARK)).fetchone()
    if found is None:
        return ""
    body, at, told = found[0], iso_utc(found[1]), fields_of(found[0])
    if not whole and newest is not None and at <= str(fields_of(newest.body).get("at", "")):
        return ""
    for (row,) in connection.execute("SELECT CAST(body AS BLOB) FROM audit ORDER BY n DESC"):
        fields = fields_of(row)
        same = row.endswith(body[1:]) or fields.items() >= told.items()
        if same and (fields.get("at") == at or not fields.get("synced")):
            return ""
    return f"{told.get('name')} {told.get('target')} by {told.get('by')}"


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
        raise NothingThere(f"there is no database in {directory}")
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("BEGIN")
            yield connection
    except sqlite3.Error as error:
        raise StoreError(f"the audit log in {directory} cannot be read: {error}") from error
