"""The faces of the commands for pictures and videos. Imports what a command needs when it runs."""

from pathlib import Path
from typing import Annotated

import typer

from edgeguard.cli.session import Command, Group, session_of

Configuration = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration.")]
_CONFIG = Path("/etc/edgeguard/site.toml")
_Piece = Annotated[str, typer.Argument(metavar="ID", help="As listed; CAMERA.ID where two cameras have the same.")]


def register(app: typer.Typer) -> None:
    """Add them to the root, in the order in which help lists them."""
    evidence = typer.Typer(
        cls=Group, rich_markup_mode=None, no_args_is_help=True, help="What cameras have kept: list, show, export, verify."
    )
    app.add_typer(evidence, name="evidence")
    evidence.command("list", cls=Command)(evidence_list)
    evidence.command("show", cls=Command)(evidence_show)
    evidence.command("export", cls=Command)(evidence_export)
    evidence.command("verify", cls=Command)(evidence_verify)
    app.command(cls=Command)(plates)
    app.command(cls=Command)(cameras)
    app.command(cls=Command)(camera)


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


def cameras(ctx: typer.Context) -> None:
    """Every camera: whether it sees what it should, pictures a second, what its process costs.

    Exit 1 when a camera is blind or its process does not run.
    """
    from edgeguard.cli import cameras as showing

    raise typer.Exit(showing.cameras(session_of(ctx)))


def camera(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The camera's name in the configuration.")],
    config: Configuration = _CONFIG,
    parent: Annotated[int | None, typer.Option("--parent", metavar="PID", help="End when this process does.", hidden=True)] = None,
    accept_view: Annotated[
        bool, typer.Option("--accept-view", help="The camera was moved on purpose: what it shows now is right from now on.")
    ] = False,
) -> None:
    """The process that looks at one camera; the daemon starts one for each and starts it again when it ends.

    A password is read from standard input, one line, where the configuration names a password_file.
    """
    from edgeguard.cli import cameras as showing

    if accept_view:
        raise typer.Exit(showing.accept_view(session_of(ctx), name))
    raise typer.Exit(showing.process(name, config, parent))


def evidence_list(ctx: typer.Context, config: Configuration = _CONFIG) -> None:
    """Every piece of evidence, oldest first, with what was seen and whether the platform knows of it."""
    from edgeguard.cli import evidence

    raise typer.Exit(evidence.listed(session_of(ctx), config))


def evidence_show(ctx: typer.Context, identity: _Piece, config: Configuration = _CONFIG) -> None:
    """One piece: what was seen, and where its files are. That somebody looked is recorded first."""
    from edgeguard.cli import evidence

    raise typer.Exit(evidence.show(session_of(ctx), config, identity))


def evidence_export(
    ctx: typer.Context,
    identity: _Piece,
    folder: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where the copy goes.")] = Path(),
    config: Configuration = _CONFIG,
) -> None:
    """A copy of one piece with the SHA-256 of each file; privacy masks of the facade file are burnt in. Recorded first."""
    from edgeguard.cli import evidence

    raise typer.Exit(evidence.export(session_of(ctx), config, identity, folder))


def evidence_verify(ctx: typer.Context, config: Configuration = _CONFIG) -> None:
    """Check every clip and picture against its record and the audit log; exit 1 when something was changed or is missing.

    That the audit log itself is whole, edgeguard audit verify shows.
    """
    from edgeguard.cli import evidence

    raise typer.Exit(evidence.verify(session_of(ctx), config))
