"""The commands about rules and reactions: declared here, done in a module that is imported when one of them runs."""

from pathlib import Path
from typing import Annotated

import typer

from edgeguard.cli.session import Command, session_of

Name = Annotated[str, typer.Argument(metavar="NAME", help="A reaction of the site.")]


def register(app: typer.Typer) -> None:
    """Add them to the root."""
    app.command(cls=Command)(rules)
    reaction = typer.Typer(
        rich_markup_mode=None, no_args_is_help=True, help="What alarms do to outputs: list, test, hold, release, stop."
    )
    reaction.command("list", cls=Command)(reaction_list)
    reaction.command("test", cls=Command)(reaction_test)
    reaction.command("hold", cls=Command)(reaction_hold)
    reaction.command("release", cls=Command)(reaction_release)
    reaction.command("stop", cls=Command)(reaction_stop)
    app.add_typer(reaction, name="reaction")


def rules(
    ctx: typer.Context,
    device: Annotated[str | None, typer.Argument(metavar="DEVICE", help="Only the rules of this device.")] = None,
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="A site file, without the daemon.")] = None,
) -> None:
    """Which domain rules watch what, with their limits and inputs, and what the others lack."""
    from edgeguard.cli import rules as told

    raise typer.Exit(told.rules(session_of(ctx), device, config))


def reaction_list(ctx: typer.Context) -> None:
    """All reactions, where they are and why.

    Exit 1 when one has failed.
    """
    from edgeguard.cli import rules as told

    raise typer.Exit(told.reactions(session_of(ctx)))


def reaction_test(ctx: typer.Context, name: Name) -> None:
    """What it would do now, and what would hinder it. Nothing is written."""
    _act(ctx, name, "test")


def reaction_hold(ctx: typer.Context, name: Name) -> None:
    """Take it out of action; its output stays as it is and is yours, over restarts, until it is released."""
    _act(ctx, name, "hold")


def reaction_release(ctx: typer.Context, name: Name) -> None:
    """Let it act again, from the next alarm on."""
    _act(ctx, name, "release")


def reaction_stop(ctx: typer.Context, name: Name) -> None:
    """End it now and switch its output back; it begins again with the next alarm."""
    _act(ctx, name, "stop")


def _act(ctx: typer.Context, name: str, action: str) -> None:
    from edgeguard.cli import rules as told

    raise typer.Exit(told.act(session_of(ctx), name, action))
