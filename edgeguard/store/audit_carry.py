"""Which audit log a restored outbox goes on from: the copy's, or that of the outbox it replaces where that one continues it.

A log is append-only over a restore, too: what was done after the copy was made stays on record. What is found wrong with either log
is told in the row of the restore, for the rows that show it may go with the file that is set aside.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edgeguard.core.errors import Permanent
from edgeguard.core.json_value import JsonValue
from edgeguard.store.audit import AuditVerdict, verify_chain
from edgeguard.store.damage import begins_like_sqlite, connect


@dataclass(frozen=True, slots=True)
class AuditCarried:
    """What the log goes on from: `rows` of it are kept, `source` is "copy" or "replaced".

    `broken`: the first row of either log that was found not to fit, with the reason. `aside`: what the log that was not taken has
    that the other lacks, in words; "" if nothing.
    """

    rows: int
    source: str
    broken: int | None = None
    reason: str = ""
    aside: str = ""

    def told(self) -> Mapping[str, JsonValue]:
        """Further fields for the row of the restore; `audit_chain.broken_in` reads them."""
        fields: dict[str, JsonValue] = {"log": self.source, "rows": self.rows}
        if self.broken is not None:
            fields |= {"broken": self.broken, "reason": self.reason}
        return fields | ({"aside": self.aside} if self.aside else {})


def carry_audit(connection: sqlite3.Connection, ours: AuditVerdict, replaced: Path | None) -> AuditCarried:
    """Choose the log of an outbox that is being made. sqlite3.Error if it cannot be read or written.

    It holds the copy's, of which `ours` was found. `replaced`: the outbox that is set aside, if there is one.
    """
    source, aside, theirs = "copy", "", None
    if replaced is not None:
        try:
            with closing(_opened(replaced)) as other:
                theirs = verify_chain(other)
                if theirs.broken is None and _holds(other, ours):
                    source = "replaced"
                elif not _holds(connection, theirs):
                    aside = f"another audit log, {theirs.last} rows up to {theirs.head}, lies with the outbox that was there"
        except (sqlite3.Error, OSError, Permanent) as error:
            aside = f"the audit log that was there cannot be read: {error}"
    if source == "replaced" and replaced is not None:
        _take(connection, replaced)
    broken = next(((verdict.broken, f"{whose}: {verdict.reason}") for whose, verdict in _named(ours, theirs)), (None, ""))
    rows = connection.execute("SELECT count(*) FROM audit").fetchone()[0]
    return AuditCarried(rows, source, *broken, aside)


def _named(ours: AuditVerdict, theirs: AuditVerdict | None) -> list[tuple[str, AuditVerdict]]:
    """Those that are broken."""
    both = [("the copy's log", ours), *([("the log that was there", theirs)] if theirs else [])]
    return [(whose, verdict) for whose, verdict in both if verdict.broken is not None]


def _opened(path: Path) -> sqlite3.Connection:
    """An outbox of ours, for reading only. Permanent if it is none."""
    if path.is_symlink() or not path.is_file() or not begins_like_sqlite(path):
        raise Permanent("it is no outbox")
    return connect(_uri(path))


def _uri(path: Path) -> str:
    return f"{path.absolute().as_uri()}?mode=ro"


def _holds(connection: sqlite3.Connection, other: AuditVerdict) -> bool:
    """Whether the log goes on from the last sound row of another one."""
    if other.last == 0:
        return True
    found = connection.execute(
        "SELECT CAST(hash AS BLOB) FROM (SELECT n, hash FROM audit UNION ALL SELECT n, hash FROM audit_anchor) WHERE n = ?",
        (other.last,),
    ).fetchone()
    return found is not None and found[0].hex() == other.head


def _take(connection: sqlite3.Connection, path: Path) -> None:
    """The rows of the other log in the place of those that are here."""
    connection.execute("ATTACH ? AS other", (_uri(path),))
    try:
        connection.execute("BEGIN IMMEDIATE")
        for table in ("audit", "audit_anchor"):
            connection.execute(f"DELETE FROM main.{table}")  # noqa: S608 - our own names
            connection.execute(f"INSERT INTO main.{table} SELECT * FROM other.{table}")  # noqa: S608
        connection.execute("COMMIT")
    finally:
        connection.execute("DETACH other")
