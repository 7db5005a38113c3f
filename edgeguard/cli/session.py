"""What all commands share: where the daemon is, in which language and shape to answer, and the exit codes.

Knows no command and imports nothing heavy, because `--help` passes through here.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

T = TypeVar("T")

DEFAULT_SOCKET: Final = "/run/edgeguard/control.sock"

LATER: Final[tuple[str, ...]] = ()
"""Commands that documents speak of and that this version does not have."""

ORDER: Final = (
    *("status", "top", "devices", "points", "alarms", "hints", "cameras", "gate", "outbox", "rules", "reaction"),
    *("ack", "shelve", "unshelve", "out-of-service", "in-service"),
    *("read", "write", "service", "set-time", "bus", "trace", "capture", "replay", "decode", "scan"),
    *("trend", "export", "energy", "replay-rules"),
    *("doctor", "check", "reload", "profile", "schema", "audit", "backup", "restore", "erase", "release"),
    *("plates", "falling", "evidence", "verify"),
    *("run", "camera", "demo", "simulate"),
)
"""The commands in the order in which a technician meets them: what is, what can be done on a wire, what is set up, the rest."""


class Exit(IntEnum):
    """The exit codes of every command."""

    FINE = 0
    WRONG = 1
    BAD_USAGE = 2
    SILENT = 3


class Lang(StrEnum):
    """The language of labels and sentences."""

    ZH = "zh"
    EN = "en"

    def say(self, zh: T, en: T) -> T:
        """The one of two texts (or other things) that is in this language."""
        return zh if self is Lang.ZH else en

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Lang":
        """EDGEGUARD_LANG, else the locale: Chinese where it is Chinese, English everywhere else."""
        names = ("EDGEGUARD_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
        first = next((environ[name] for name in names if environ.get(name)), "")
        return cls.ZH if first.lower().startswith("zh") else cls.EN


@dataclass(frozen=True, slots=True)
class Session:
    """One invocation of the command line."""

    socket: Path
    lang: Lang
    json: bool = False

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Session":
        """As the environment says."""
        return cls(Path(environ.get("EDGEGUARD_SOCKET") or DEFAULT_SOCKET), Lang.of(environ))


def session_of(ctx: typer.Context) -> Session:
    """The session of a command's context, made of the environment when nobody has asked yet."""
    root = ctx.find_root()
    if not isinstance(root.obj, Session):
        root.obj = Session.of(os.environ)
    return root.obj


def _change(ctx: Any, **changes: Any) -> None:
    ctx.find_root().obj = replace(session_of(ctx), **changes)


def _on_socket(ctx: typer.Context, value: str | None) -> None:
    if value is not None:
        _change(ctx, socket=Path(value))


def _on_lang(ctx: typer.Context, value: str | None) -> None:
    if value is None:
        return
    if value not in tuple(Lang):
        raise typer.BadParameter(f"{value!r} is neither zh nor en")
    _change(ctx, lang=Lang(value))


def _on_json(ctx: typer.Context, value: bool) -> None:
    if value:
        _change(ctx, json=True)


@cache
def _shared_options() -> tuple[Any, ...]:
    """`--json`, `--socket` and `--lang`, which are taken before the command's name as well as behind it.

    They are declared on a command of their own and lent to all others, so that no command has to name them.
    """
    lender = typer.Typer(rich_markup_mode=None, add_completion=False)

    @lender.command()
    def shared(
        json: Annotated[
            bool,
            typer.Option(
                "--json", callback=_on_json, expose_value=False, help="Print JSON for programs instead of tables for people."
            ),
        ] = False,
        socket: Annotated[
            str | None,
            typer.Option(
                "--socket",
                metavar="PATH",
                callback=_on_socket,
                expose_value=False,
                help=f"The daemon's control socket (EDGEGUARD_SOCKET; {DEFAULT_SOCKET}).",
            ),
        ] = None,
        lang: Annotated[
            str | None,
            typer.Option(
                "--lang", metavar="zh|en", callback=_on_lang, expose_value=False, help="Language of labels (EDGEGUARD_LANG, LANG)."
            ),
        ] = None,
    ) -> None:
        """Only its options matter."""

    return tuple(get_command(lender).params)


class Command(TyperCommand):
    """A command with the shared options."""

    def __init__(self, name: str | None, *, params: list[Any] | None = None, **settings: Any) -> None:
        super().__init__(name, params=[*(params or []), *_shared_options()], **settings)


class Daemon(Command):
    """The daemon itself: where its socket is, its configuration says (`control.socket`), and `--socket` would say nothing."""

    def __init__(self, name: str | None, **settings: Any) -> None:
        super().__init__(name, **settings)
        self.params = [param for param in self.params if param.name != "socket"]


class Group(TyperGroup):
    """The root: has the shared options too, and turns errors into sentences and exit codes."""

    def __init__(self, *, params: list[Any] | None = None, **settings: Any) -> None:
        super().__init__(params=[*(params or []), *_shared_options()], **settings)

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of ORDER; what it does not name (the commands of a group) stays as declared, behind."""
        return sorted(self.commands, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that `args` name; for one that only a later version has, that is said."""
        if args and args[0] in LATER and args[0] not in self.commands:
            raise typer.BadParameter(f"there is no {args[0]} in this version; it comes with a later one", ctx=ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; what it raises for people becomes one line on stderr (and an object with --json)."""
        from edgeguard.core.errors import EdgeguardError

        try:
            return super().invoke(ctx)
        except EdgeguardError as error:
            from edgeguard.cli.output import tell_error

            raise typer.Exit(tell_error(session_of(ctx), error)) from error
