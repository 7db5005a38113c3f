"""Arrays of tables, and what must be unique among their rows. Looks at raw values, so that one mistake hides no other."""

from collections.abc import Hashable, Mapping
from typing import Any

from edgeguard.config.mistakes import Mistakes, kind_of
from edgeguard.config.positions import KeyPath

Row = Mapping[str, Any]
"""A table as tomllib gave it."""


def table_rows(
    data: Mapping[str, Any], key: str, mistakes: Mistakes, most: int, at: KeyPath = ()
) -> list[tuple[int, Mapping[str, Any]]]:
    """The rows of `[[key]]` with their index; what is no row becomes a mistake. `at` is the path of `data`."""
    path = (*at, key)
    value = data.get(key, [])
    if isinstance(value, Mapping):
        mistakes.add(path, f"is one of several: write [[{_header(path)}]] with two brackets")
        return []
    if not isinstance(value, list):
        mistakes.add(path, f"must be written as [[{_header(path)}]] tables, not as {kind_of(value)}")
        return []
    if len(value) > most:
        mistakes.add(path, f"{len(value)} entries are too many: at most {most}")
        return []
    rows: list[tuple[int, Row]] = []
    for i, row in enumerate(value):
        if isinstance(row, Mapping):
            rows.append((i, row))
        else:
            mistakes.add((*path, i), f"must be a table, not {kind_of(row)}")
    return rows


def text_of(row: Mapping[str, Any], key: str) -> str | None:
    """A raw value if it is a text; anything else is somebody else's mistake to tell."""
    value = row.get(key)
    return value if isinstance(value, str) else None


def _header(path: KeyPath) -> str:
    return ".".join(part for part in path if isinstance(part, str))


class FirstUse:
    """Remembers where each value of a kind (names of buses, endpoints ...) was used first."""

    def __init__(self, mistakes: Mistakes, what: str) -> None:
        self._mistakes = mistakes
        self._what = what
        self._first: dict[Hashable, KeyPath] = {}

    def claim(self, path: KeyPath, value: Hashable, shown: str = "", advice: str = "") -> bool:
        """Whether `value` is new (None always is); a second use is a mistake at `path` that names the first."""
        if value is None:
            return True
        first = self._first.setdefault(value, path)
        if first == path:
            return True
        line = self._mistakes.line(first)
        self._mistakes.add(path, f"{self._what} {shown or chr(34) + str(value) + chr(34)} is already used in line {line}{advice}")
        return False
