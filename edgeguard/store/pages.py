"""How many bytes of a database are in use, without asking SQLite after each commit: to ask costs as much as inserting five rows."""

import sqlite3
from typing import Final

_ROW_BYTES: Final = 256
"""Twice what a row has beside its body, and its part of the pages above it."""


class Pages:
    """The pages of one connection's database that are in use, without those that wait to be used again."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._page_bytes = int(connection.execute("PRAGMA page_size").fetchone()[0])
        self._seen_bytes = 0
        self._seen_changes = -1
        self._new_rows = self._new_bytes = 0

    def used_bytes(self) -> int:
        """As SQLite counts them now."""
        pages = self._connection.execute("PRAGMA page_count").fetchone()[0]
        free = self._connection.execute("PRAGMA freelist_count").fetchone()[0]
        self._seen_bytes = int((pages - free) * self._page_bytes)
        self._seen_changes = self._connection.total_changes
        self._new_rows = self._new_bytes = 0
        return self._seen_bytes

    def used_bytes_at_most(self) -> int:
        """No more than so many; counted if anything was written since the last count but what `appended` was told.

        A row at the right edge of a table takes no more than twice its bytes: a page is left when the next row does not fit, so
        that it is half full or holds one row, and of a row larger than a page only its first part and its last page have gaps.
        """
        if self._connection.total_changes - self._seen_changes != self._new_rows:
            return self.used_bytes()
        return self._seen_bytes + 2 * self._new_bytes + _ROW_BYTES * self._new_rows

    def appended(self, rows: int, size: int) -> None:
        """Rows have come at the right edge of a table, whose bodies have so many bytes together."""
        self._new_rows += rows
        self._new_bytes += size
