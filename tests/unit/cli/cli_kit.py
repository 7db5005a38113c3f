"""A daemon made of a fake building, in a thread of this process, for commands that block while they wait for it."""

import asyncio
import contextlib
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs
from typer.main import get_command
from typer.testing import CliRunner

from edgeguard.cli.main import app
from edgeguard.control import ControlServer, Handler
from edgeguard.testing.handlers import FakeBuilding


@dataclass(frozen=True, slots=True)
class Printed:
    """What a command has left behind."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Desk:
    """A terminal of so many cells at which commands for one socket are typed."""

    socket: Path
    building: FakeBuilding

    def type(self, *words: str, lang: str = "en", width: int = 120, answer: str | None = None) -> Printed:
        """Run `edgeguard` with these words."""
        environ = {"EDGEGUARD_SOCKET": str(self.socket), "EDGEGUARD_LANG": lang, "COLUMNS": str(width), "NO_COLOR": "1"}
        return typed(*words, environ=environ, answer=answer)


@cache
def _command() -> Any:
    """The tree of all commands, built once: typer's own runner builds it for each invocation, which takes longer than most run."""
    return get_command(app)


def typed(*words: str, environ: Mapping[str, str], answer: str | None = None) -> Printed:
    """Run `edgeguard` with these words in an environment; what it raises that is no exit is raised here."""
    with CliRunner().isolation(input=answer, env=environ) as (out, err, _):
        try:
            _command().main(args=list(words), prog_name="edgeguard")
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        sys.stdout.flush()
        sys.stderr.flush()
        return Printed(code, out.getvalue().decode(), err.getvalue().decode())


@contextlib.contextmanager
def desk(building: FakeBuilding | None = None, handlers: Mapping[str, Handler] | None = None) -> Iterator[Desk]:
    """A desk with a daemon behind it."""
    building = building or FakeBuilding()
    with tempfile.TemporaryDirectory(prefix="eg-") as folder:
        path = Path(folder) / "control.sock"
        # The server's log would stand on the same standard output as what the command prints.
        with capture_logs(), _served(path, building.table() if handlers is None else handlers):
            yield Desk(path, building)


@contextlib.contextmanager
def _served(path: Path, handlers: Mapping[str, Handler]) -> Iterator[None]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = ControlServer(path, handlers)
    asyncio.run_coroutine_threadsafe(server.open(), loop).result(10)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
