"""The faces of the commands for pictures and videos. Imports what a command needs when it runs."""

from pathlib import Path
from typing import Annotated

import typer

from edgeguard.cli.session import Command, session_of


def register(app: typer.Typer) -> None:
    """Add them to the root, in the order in which help lists them."""
    app.command(cls=Command)(plates)


def plates(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Pictures (JPEG, PNG, BMP, WebP) or videos.")],
    draw: Annotated[
        Path | None,
        typer.Option("--draw", metavar="OUT", help="Also write the picture with the plates outlined; a folder for several."),
    ] = None,
) -> None:
    """Number plates in pictures and videos: text, colour, confidence, place; one line of JSON per file.

    Whole photos and crops that are little more than a plate. In a video each car is told once, with the time it was seen.
    Exit 1 when a file cannot be read; the others are read all the same.
    """
    from edgeguard.cli import plates as reading

    raise typer.Exit(reading.plates(session_of(ctx), files, draw))
