"""What families of rules have kept, read beside the daemon or without it, and without disturbing it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from edgeguard.core.errors import NothingThere, StoreError
from edgeguard.store.damage import DATABASE

_READ_ROWS: Final = 256
_MISSING: Final = "no such table: rule_states"


def read_states(directory: Path, owner: str, first: str = "", until: str = "\U0010ffff") -> Iterator[tuple[str, bytes]]:
    """Name and body of an owner's states with `first <= name < until`, by name; a few rows at a time.

    NothingThere without a database, StoreError if it cannot be read. One of an earlier edgeguard, without such states, is empty.
    """
    database = directory / DATABASE
    try:
        if not database.is_file():
            raise NothingThere(f"there is no database in {directory}")
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            after = ""
            while True:
                rows = connection.execute(
                    "SELECT name, body FROM rule_states WHERE owner = ? AND name >= ? AND name > ? AND name < ?"
                    " ORDER BY name LIMIT ?",
                    (owner, first, after, until, _READ_ROWS),
                ).fetchall()
                for name, body in rows:
                    yield str(name), bytes(body)
                if len(rows) < _READ_ROWS:
                    return
                after = rows[-1][0]
    except (sqlite3.Error, PermissionError) as error:
        if _MISSING in str(error):
            return
        raise StoreError(f"what the rules have kept in {directory} cannot be read: {error}") from error
