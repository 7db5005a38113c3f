"""Help is complete and cheap: a technician's first command must not load a gateway."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_kit import Desk
from typer import Context
from typer.main import get_command

from edgeguard.cli.main import app
from edgeguard.cli.session import LATER, ORDER
from edgeguard.testing.handlers import FakeBuilding

NOT_FOR_HELP = (
    "aiosqlite",
    "asyncio",
    "cv2",
    "numpy",
    "orjson",
    "paho",
    "pydantic",
    "pymodbus",
    "rich",
    "sqlite3",
    "ssl",
    "structlog",
    "tomllib",
)

PROBE = """
import sys
sys.argv = ["edgeguard", *{words}]
from edgeguard.cli.main import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("MODULES", len(sys.modules), *sys.modules)
"""


def modules_after(*words: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", PROBE.format(words=list(words))], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.rpartition("MODULES")[2].split()[1:]


def heavy(loaded: list[str]) -> set[str]:
    return {name.partition(".")[0] for name in loaded} & set(NOT_FOR_HELP)


@pytest.mark.parametrize("words", [("--help",), ("-h",), ("--version",)], ids=" ".join)
def test_help_imports_nothing_heavy(words: tuple[str, ...]) -> None:
    loaded = modules_after(*words)

    assert heavy(loaded) == set()
    # A ratchet: imports are what a start costs. 155 with Python 3.11 when this was written.
    assert len(loaded) < 200


@pytest.mark.parametrize("words", [("status", "--help"), ("profile", "--help")], ids=" ".join)
def test_help_of_a_command_imports_nothing_of_ours_that_is_heavy(words: tuple[str, ...]) -> None:
    # typer itself checks options with pydantic as soon as a command is named.
    assert heavy(modules_after(*words)) <= {"pydantic"}


def commands() -> Iterator[tuple[str, ...]]:
    root = get_command(app)
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        if inner is None:
            yield (name,)
        else:
            yield from ((name, below) for below in inner)


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_every_command_explains_itself_and_takes_json(words: tuple[str, ...]) -> None:
    printed = Desk(Path("/nonexistent"), FakeBuilding()).type(*words, "--help")

    assert printed.code == 0
    for option in ("--json", "--lang", "--help"):
        assert option in printed.out
    # The daemon's own socket is where its configuration says: an option without effect would be a lie.
    assert ("--socket" in printed.out) == (words != ("run",))
    assert len(printed.out.splitlines()) > 8


def test_help_names_each_command_once_and_what_belongs_together_side_by_side() -> None:
    root = get_command(app)
    names = root.list_commands(Context(root))  # type: ignore[attr-defined]

    assert sorted(names) == sorted(root.commands)  # type: ignore[attr-defined]
    assert names[:9] == ["status", "top", "devices", "points", "alarms", "hints", "cameras", "gate", "outbox"]
    assert names[names.index("plates") + 1] == "falling"
    assert names.index("check") < names.index("profile") < names.index("run")
    assert set(ORDER) == set(names)
    assert not set(LATER) & set(names)


def test_the_help_of_a_group_names_all_that_is_in_it() -> None:
    root = get_command(app)
    for name, group in root.commands.items():  # type: ignore[attr-defined]
        for below in getattr(group, "commands", ()):
            if name != "outbox":
                assert below in group.help, (name, below)


def test_the_promised_commands_are_there() -> None:
    promised = {"run", "demo", "check", "status", "devices", "points", "read", "write", "alarms", "outbox", "top", "profile"}

    assert promised <= {words[0] for words in commands()}
    assert {words[1] for words in commands() if words[0] == "profile"} == {"list", "show", "new", "check", "diff"}
