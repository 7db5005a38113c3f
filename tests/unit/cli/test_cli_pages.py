"""The pages name commands and options that there are, and their links lead somewhere."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from typer.main import get_command

from edgeguard.cli.main import app

ROOT = Path(__file__).parents[3]
PAGES = (ROOT / "README.md", *sorted((ROOT / "edgeguard" / "docs").glob("**/*.md")))
TYPED = re.compile(r"edgeguard ((?:[^`\n#|;]|\\\|)+)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
LINK = re.compile(r"\]\((?!http)([^)#\s]*)(?:#([^)\s]*))?\)")


@cache
def tree() -> Any:
    """All commands, built once."""
    return get_command(app)


def named(words: list[str]) -> Any:
    """The command, or the command of a group, that these words begin with; None if they are no command."""
    found, command = None, tree()
    for word in words:
        command = getattr(command, "commands", {}).get(word)
        if command is None:
            break
        found = command
    return found


def unknown_options(text: str) -> Iterator[str]:
    for typed in TYPED.findall(text):
        command = named(typed.split())
        if command is not None:
            known = {option for one in command.params for option in one.opts} | {"--help"}
            yield from (f"{command.name} {option}" for option in OPTION.findall(typed) if option not in known)


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def broken_links(page: Path) -> Iterator[str]:
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        there = page.parent / target if target else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            yield f"{target}#{anchor}"


def test_what_would_be_found_is_found(tmp_path: Path) -> None:
    page = "`edgeguard trend a.b --hour 3`, `edgeguard gate add X --lst y --json`"
    assert list(unknown_options(page)) == ["trend --hour", "add --lst"]
    links = tmp_path / "page.md"
    links.write_text("# A head, so\n[a](#a-head-so) [b](#b) [c](gone.md)\n", encoding="utf-8")
    assert list(broken_links(links)) == ["#b", "gone.md#"]


def test_options_on_the_pages_exist() -> None:
    assert {page.name: found for page in PAGES if (found := list(unknown_options(page.read_text(encoding="utf-8"))))} == {}


def test_links_on_the_pages_lead_somewhere() -> None:
    assert {page.name: found for page in PAGES if (found := list(broken_links(page)))} == {}
