"""The commands about releases: declared here, done in a module that is imported when one of them runs."""

from pathlib import Path
from typing import Annotated

import typer

from edgeguard.cli.session import Command, session_of

RELEASE_KEY = Path("/etc/edgeguard/release.pub")

release_app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Releases of this program: verify, before one is used.")


def register(app: typer.Typer) -> None:
    """Add them to the root."""
    app.add_typer(release_app, name="release")


@release_app.callback()
def release() -> None:
    """Releases of this program: verify, before one is used."""


@release_app.command("verify", cls=Command)
def release_verify(
    ctx: typer.Context,
    path: Annotated[
        Path,
        typer.Argument(metavar="DIR|FILE", exists=True, help="The folder of a release, or one file beside its SHA256SUMS."),
    ],
    key: Annotated[
        Path,
        typer.Option("--key", metavar="FILE", help="The maintainers' public key: a line `ssh-ed25519 AAAA…`."),
    ] = RELEASE_KEY,
    allow_downgrade: Annotated[
        bool, typer.Option("--allow-downgrade", help="Take one that is older than the installed version.")
    ] = False,
) -> None:
    """Whether a release is the maintainers' own, whole, and no older than this program. Needs no network and no daemon.

    Exit 1 when it must not be installed: not signed, signed by another key, a file changed, missing or added, an older version.
    `ssh-keygen -Y verify` judges the same signature.
    """
    from edgeguard.cli import release as judging

    raise typer.Exit(judging.verify(session_of(ctx), path, key, allow_downgrade))
