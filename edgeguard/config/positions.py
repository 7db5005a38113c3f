"""Where each key of a TOML text stands, because the standard library's parser keeps no lines.

The scanner walks a text that `tomllib` has already accepted, so it looks only for structure: headers, keys, and where a
value ends. It knows nothing of what the keys mean. Source: TOML v1.0.0.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cached_property

KeyPath = tuple[str | int, ...]
"""Keys and list indices from the top: `("device", 2, "alarms", "dry-run", "limit")`."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"(?:[^"\\]|\\.)*"')
_LITERAL = re.compile(r"'[^']*'")
_LONG_BASIC = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}(?!")', re.DOTALL)
_LONG_LITERAL = re.compile(r"'''.*?'{3,5}(?!')", re.DOTALL)
_SCALAR = re.compile(r"[^,\]}#\n]+")


class Positions:
    """Line numbers, counted from 1, by key path. The text is walked when a line is first asked for: a right file asks for none."""

    def __init__(self, text: str = "") -> None:
        """`text` is one that `tomllib.loads` accepts."""
        self._text = text

    @cached_property
    def lines(self) -> Mapping[KeyPath, int]:
        """The line of every key that is written down. ValueError for a text that is not TOML."""
        return _Scanner(self._text.replace("\r\n", "\n")).scan()

    def line(self, path: KeyPath) -> int:
        """The line of `path`, or of the nearest thing around it that is written down (a missing key: its table)."""
        for length in range(len(path), 0, -1):
            found = self.lines.get(path[:length])
            if found is not None:
                return found
        return 1


class _Scanner:
    """One pass over a text; `_at` is the offset of the next character."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._counted_to = 0
        self._lines: dict[KeyPath, int] = {}
        self._rows: dict[KeyPath, int] = {}
        """How many tables each array of tables has so far."""

    def scan(self) -> Mapping[KeyPath, int]:
        table: KeyPath = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self._lines

    def _header(self) -> KeyPath:
        line = self._line_here()
        is_row = self._text.startswith("[[", self._at)
        self._at += 2 if is_row else 1
        keys = self._dotted()
        self._expect("]]" if is_row else "]")
        path: KeyPath = ()
        for key in keys[:-1]:
            path = self._enter((*path, key), line)
        path = (*path, keys[-1])
        if not is_row:
            return self._enter(path, line)
        row = self._rows.get(path, 0)
        self._rows[path] = row + 1
        self._lines.setdefault(path, line)
        self._lines[(*path, row)] = line
        return (*path, row)

    def _enter(self, path: KeyPath, line: int) -> KeyPath:
        """The table that `path` names: the last row where it is an array of tables."""
        self._lines.setdefault(path, line)
        return (*path, self._rows[path] - 1) if path in self._rows else path

    def _pair(self, table: KeyPath) -> None:
        line = self._line_here()
        path = table
        for key in self._dotted():
            path = (*path, key)
            self._lines.setdefault(path, line)
        self._expect("=")
        self._skip(_SPACE)
        self._value(path)

    def _dotted(self) -> list[str]:
        keys: list[str] = []
        while True:
            self._skip(_SPACE)
            keys.append(self._key())
            self._skip(_SPACE)
            if not self._text.startswith(".", self._at):
                return keys
            self._at += 1

    def _key(self) -> str:
        if self._text.startswith('"', self._at):
            quoted = self._take(_BASIC)
            return next(iter(tomllib.loads(f"{quoted} = 0")))
        if self._text.startswith("'", self._at):
            return self._take(_LITERAL)[1:-1]
        return self._take(_BARE_KEY)

    def _value(self, path: KeyPath) -> None:
        text, at = self._text, self._at
        if text.startswith('"""', at):
            self._take(_LONG_BASIC)
        elif text.startswith("'''", at):
            self._take(_LONG_LITERAL)
        elif text.startswith('"', at):
            self._take(_BASIC)
        elif text.startswith("'", at):
            self._take(_LITERAL)
        elif text.startswith("[", at):
            self._array(path)
        elif text.startswith("{", at):
            self._inline_table(path)
        else:
            self._take(_SCALAR)

    def _array(self, path: KeyPath) -> None:
        self._at += 1
        row = 0
        self._skip(_BLANK)
        while not self._text.startswith("]", self._at):
            self._lines[(*path, row)] = self._line_here()
            self._value((*path, row))
            row += 1
            self._skip(_BLANK)
            if self._text.startswith(",", self._at):
                self._at += 1
                self._skip(_BLANK)
        self._at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        self._skip(_BLANK)
        while not self._text.startswith("}", self._at):
            self._pair(path)
            self._skip(_BLANK)
            if self._text.startswith(",", self._at):
                self._at += 1
                self._skip(_BLANK)
        self._at += 1

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._at)
        if match is not None:
            self._at = match.end()

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise ValueError(f"line {self._line_here()}: not TOML")
        self._at = match.end()
        return match.group()

    def _expect(self, token: str) -> None:
        if not self._text.startswith(token, self._at):
            raise ValueError(f"line {self._line_here()}: expected {token}")
        self._at += len(token)

    def _line_here(self) -> int:
        self._line += self._text.count("\n", self._counted_to, self._at)
        self._counted_to = self._at
        return self._line
