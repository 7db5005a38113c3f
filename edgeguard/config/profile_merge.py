"""A profile with other limits: its text with a few keys of one section set anew, everything else left as people wrote it. Pure."""

import tomllib
from collections.abc import Iterator, Sequence


def with_limits(text: str, section: str, lines: Sequence[str], name: str) -> str:
    """The text of a profile called `name` whose `section` says what `lines` say (`key = value`, comments before them)."""
    keys = {_key(line) for line in lines if not line.startswith("#")}
    chunks = list(_chunks(text))
    is_missing = section not in {header for header, _ in chunks}
    made: list[str] = []
    inside = ""
    for header, chunk in chunks:
        if header is None:
            if inside == "profile" and _key(chunk[0]) == "name":
                made.append(f'name = "{name}"')
            elif inside != section or _key(chunk[0]) not in keys:
                made += chunk
            continue
        if inside == "profile" and is_missing:
            made += [f"[{section}]", *lines, ""]
            is_missing = False
        inside = header
        made += [*chunk, *lines] if header == section else chunk
    return "\n".join(made) + "\n"


def _key(line: str) -> str:
    return line.partition("=")[0].strip()


def _chunks(text: str) -> Iterator[tuple[str | None, list[str]]]:
    """The lines, those of one value together; the first of the pair is the name of the table that begins here."""
    rest = text.splitlines()
    while rest:
        count = _value_lines(rest)
        head = rest[0].partition("#")[0].strip()
        yield (head.strip("[] ") if head.startswith("[") else None), rest[:count]
        rest = rest[count:]


def _value_lines(lines: Sequence[str]) -> int:
    """How many lines the value that begins here takes: one, unless only more of them can be read."""
    head = lines[0].strip()
    if not head or head.startswith(("#", "[")):
        return 1
    for count in range(1, len(lines) + 1):
        try:
            tomllib.loads("\n".join(lines[:count]))
        except tomllib.TOMLDecodeError:
            continue
        return count
    return 1
