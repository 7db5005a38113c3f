"""The database's shape: numbered SQL files, each applied once, in order, in a transaction of its own."""

import sqlite3
from contextlib import closing
from importlib import resources
from typing import Final

from edgeguard.core.errors import Permanent
from edgeguard.store.trouble import DamageError

APPLICATION_ID: Final = 0x45474F49
"""Marks the file as an edgeguard outbox (`PRAGMA application_id`); given in 0001."""


def steps() -> tuple[tuple[int, str], ...]:
    """Number and SQL of every schema file, in order."""
    folder = resources.files("edgeguard.store") / "schema"
    files = sorted((entry.name, entry) for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple((int(name.partition("_")[0]), entry.read_text("utf-8")) for name, entry in files)


def version_of(connection: sqlite3.Connection) -> int:
    """The schema's number as the file has it; 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def refuse_newer(version: int, place: str) -> None:
    """Raise Permanent if the file was written by a later edgeguard; nothing has been touched then."""
    newest = steps()[-1][0]
    if version > newest:
        raise Permanent(f"{place} has schema {version}, this edgeguard knows up to {newest}: install the later version again")


def refuse_lacking(connection: sqlite3.Connection) -> None:
    """DamageError if a table of the newest schema is not there: a bit within its name leaves a database that SQLite finds sound."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        migrate(fresh, "memory")
        wanted = _tables(fresh)
    if lacking := sorted(wanted - _tables(connection)):
        raise DamageError(f"it has no table {lacking[0]}")


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def migrate(connection: sqlite3.Connection, place: str) -> None:
    """Bring the file to the newest schema. Raises Permanent for a newer one, sqlite3.Error if the disk refuses."""
    version = version_of(connection)
    refuse_newer(version, place)
    for number, sql in steps():
        if number > version:
            try:
                connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")
            except sqlite3.Error:
                if connection.in_transaction:
                    connection.rollback()
                raise
