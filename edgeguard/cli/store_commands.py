"""The faces of the commands for the outbox's file: backup, restore, erase. Imports what a command needs when it runs."""

from pathlib import Path
from typing import Annotated

import typer

from edgeguard.cli.places import STATE_DIRECTORY, StateFolder
from edgeguard.cli.session import Command, session_of


def register(app: typer.Typer) -> None:
    """Add them to the root, in the order in which help lists them."""
    app.command(cls=Command)(backup)
    app.command(cls=Command)(restore)
    app.command(cls=Command)(erase)


def backup(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the copy goes; must not be there yet.")],
    directory: StateFolder = STATE_DIRECTORY,
) -> None:
    """Copy the outbox into one file, while the daemon runs: what waits, alarm states, the audit log, ids of commands."""
    from edgeguard.cli import copying

    raise typer.Exit(copying.backup(session_of(ctx), file, directory))


def restore(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A copy made by `edgeguard backup`.")],
    directory: StateFolder = STATE_DIRECTORY,
    replace: Annotated[bool, typer.Option("--replace", help="Set aside the outbox that is there already.")] = False,
    head: Annotated[
        str | None, typer.Option("--head", metavar="N:HASH", help="The end of the copy's audit log, as `backup` printed it.")
    ] = None,
) -> None:
    """Make the outbox from a copy, as a new epoch: no number is given twice. The daemon must not run.

    What the copy had still to deliver is sent under new numbers. Exit 1 where an outbox is there already, and where the audit log
    of the copy, or the one that was there, has been changed: the outbox is then made all the same.
    """
    from edgeguard.cli import copying

    raise typer.Exit(copying.restore(session_of(ctx), file, directory, replace, head))


def erase(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="A number plate, a name, a reference; found as a word of its own.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    copies: Annotated[
        list[Path] | None,
        typer.Option(
            "--look-in",
            metavar="PATH",
            exists=True,
            help="Further backups or exports, a file or a folder: name those that hold it.",
        ),
    ] = None,
) -> None:
    """Erase what tells of a resident: rows that wait, dead letters, the audit log's words, pictures, and every trace in the files.

    Numbers stay given and are told to the platform as gaps. Copies are looked at only; those that `backup` and exports have
    made here need not be named. Exit 1 when a file or a copy still holds the text, or a copy cannot be looked at.
    """
    from edgeguard.cli import copying

    raise typer.Exit(copying.erase(session_of(ctx), text, yes, copies or ()))
