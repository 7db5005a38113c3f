"""A TOML file as read: its bytes judged, parsed, hashed, and indexed by line. The only reader of configuration files."""

import hashlib
import re
import stat
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgeguard.config.mistakes import Mistakes
from edgeguard.config.positions import KeyPath, Positions
from edgeguard.core.limits import CONFIG_MAX_BYTES, CONFIG_MAX_DEPTH

_LEAST: Final = -(2**63)
_MOST: Final = 2**64 - 1
"""Whole numbers in a file: TOML's 64 bits, and those of an unsigned register."""
_KEY_PARTS: Final = re.compile(r"""(?P<part>"(?:[^"\\]|\\.)*+"?|'[^']*+'?|[A-Za-z0-9_-]++)|(?P<dot>(?<![ \t])[ \t]*+\.[ \t]*+)|.""")


@dataclass(frozen=True, slots=True)
class Document:
    """`data` is what tomllib made of the file: the edge, the only place where it may be anything."""

    path: Path
    data: Mapping[str, Any]
    sha256: str
    mistakes: Mistakes


def read_document(path: Path) -> Document:
    """The file at `path`. ConfigError (one mistake) when it cannot be read or is not TOML in UTF-8."""
    document = document_of(path, read_content(path))
    with suppress(OSError):
        if path.stat().st_mode & stat.S_IWOTH:
            document.mistakes.note((), f"anybody on this machine may change the file; run: chmod o-w {path}")
    return document


def read_content(path: Path) -> bytes:
    """What the file at `path` holds, unjudged. ConfigError (one mistake) when it cannot be read."""
    mistakes = Mistakes(str(path))
    content = _bytes(path, mistakes)
    mistakes.raise_if_any()
    return content


def document_of(path: Path, content: bytes) -> Document:
    """What `content` is, as that of the file at `path`. ConfigError (one mistake) when it is not TOML in UTF-8."""
    mistakes = Mistakes(str(path))
    text = _text(content, mistakes)
    mistakes.raise_if_any()
    data = _parse(text, mistakes)
    mistakes.raise_if_any()
    if _is_too_deep(data):
        mistakes.add_line(1, "file", f"nests tables deeper than {CONFIG_MAX_DEPTH} levels")
    mistakes.raise_if_any()
    mistakes.positions = Positions(text)
    _check_values(data, mistakes)
    mistakes.raise_if_any()
    return Document(path, data, hashlib.sha256(content).hexdigest(), mistakes)


def _bytes(path: Path, mistakes: Mistakes) -> bytes:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            mistakes.add_line(1, "file", "is a directory, not a configuration file")
        elif not stat.S_ISREG(status.st_mode):
            mistakes.add_line(1, "file", "is not a regular file")
        elif status.st_size > CONFIG_MAX_BYTES:
            mistakes.add_line(1, "file", f"is too large: {status.st_size} bytes, at most {CONFIG_MAX_BYTES} are read")
        else:
            with path.open("rb") as file:
                return file.read(CONFIG_MAX_BYTES)
    except FileNotFoundError:
        mistakes.add_line(1, "file", "there is no such file")
    except OSError as error:
        mistakes.add_line(1, "file", f"cannot be read: {error.strerror}")
    except ValueError:  # a zero byte, in other words by each version of Python
        mistakes.add_line(1, "file", "cannot be read: no file can have such a name")
    return b""


def _text(content: bytes, mistakes: Mistakes) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        mistakes.add_line(
            line, f"column {column}", f"byte 0x{content[error.start]:02X} is not UTF-8; save the file with UTF-8 encoding"
        )
        return ""
    if text.startswith("\ufeff"):
        mistakes.add_line(1, "column 1", "starts with a byte order mark; save the file as UTF-8 without BOM")
    if _nests_too_deep(text):
        mistakes.add_line(1, "file", f"nests brackets deeper than {CONFIG_MAX_DEPTH} levels")
    for number, words in enumerate(text.split("\n"), 1):
        if words.count(".") > CONFIG_MAX_DEPTH and _has_long_key(words):
            mistakes.add_line(number, "file", f"a key has more than {CONFIG_MAX_DEPTH} parts")
    return text


def _nests_too_deep(text: str) -> bool:
    """Whether a run of brackets could exhaust the parser's stack; brackets in strings count too, which harms nobody."""
    depth = 0
    for bracket in re.findall(r"[\[{\]}]", text):
        depth = depth + 1 if bracket in "[{" else max(0, depth - 1)
        if depth > CONFIG_MAX_DEPTH:
            return True
    return False


def _has_long_key(line: str) -> bool:
    """Whether a dotted key could cost the parser, which takes quadratic time for it, and us too much."""
    parts, after_dot = 0, True
    for token in _KEY_PARTS.finditer(line):
        if token["part"] is not None:
            parts = parts + 1 if after_dot else 1
            after_dot = False
        elif token["dot"] is not None and not after_dot:
            after_dot = True
        else:
            parts, after_dot = 0, True
        if parts > CONFIG_MAX_DEPTH:
            return True
    return False


def _is_too_deep(data: Mapping[str, Any]) -> bool:
    """Whether tables and lists stand in one another deeper than whoever walks through them by recursion may go."""
    level: list[object] = [data]
    for _ in range(CONFIG_MAX_DEPTH + 1):
        level = [inner for holder in level for inner in _inside(holder)]
        if not level:
            return False
    return True


def _inside(value: object) -> list[object]:
    """The tables and lists within a table or list."""
    held = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [inner for inner in held if isinstance(inner, Mapping | list)]


def _check_values(value: object, mistakes: Mistakes, path: KeyPath = ()) -> None:
    """A mistake for each whole number that no register and no platform can hold: Python's have no end, and cannot all be shown."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _check_values(inner, mistakes, (*path, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            _check_values(inner, mistakes, (*path, i))
    elif isinstance(value, int) and not _LEAST <= value <= _MOST:
        mistakes.add(path, "is out of range: a whole number has 64 bits at most")


def _parse(text: str, mistakes: Mistakes) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and a number with thousands of digits
        sentence, line, column = _place(str(error), text)
        mistakes.add_line(line, f"column {column}", f"not valid TOML: {sentence}")
        return {}


def _place(message: str, text: str) -> tuple[str, int, int]:
    """tomllib's words, and the line and column it gives at their end; the last line for the end of the document."""
    match = re.search(r" \(at line (\d+), column (\d+)\)$", message)
    if match is None:
        lines = text.splitlines() or [""]
        sentence = message.removesuffix(" (at end of document)")
        return sentence[:1].lower() + sentence[1:], len(lines), len(lines[-1]) + 1
    sentence = message[: match.start()]
    return sentence[:1].lower() + sentence[1:], int(match[1]), int(match[2])
