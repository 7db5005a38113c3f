"""The commands about maintenance: declared here, done in a module that is imported when one of them runs."""

from typing import Annotated

import typer

from edgeguard.cli.session import Command, session_of
from edgeguard.core.limits import HINT_SNOOZE_DAYS


def register(app: typer.Typer) -> None:
    """Add them to the root."""
    app.command(cls=Command)(hints)
    app.command(cls=Command)(service)


def hints(
    ctx: typer.Context,
    device: Annotated[str | None, typer.Argument(metavar="DEVICE", help="Only this device.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that is watched, too: learning, reference, limit.")] = False,
    snooze: Annotated[str | None, typer.Option("--snooze", metavar="HINT", help="Put this hint aside for some days.")] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=HINT_SNOOZE_DAYS, help="With --snooze: so long.")] = 14,
) -> None:
    """Maintenance hints: what was seen since when, by which figures, when the limit is met, and what to check.

    Exit 1 when a limit is passed or a service is due.
    """
    from edgeguard.cli import hints as command

    session = session_of(ctx)
    raise typer.Exit(command.hints(session, device, everything) if snooze is None else command.snooze(session, snooze, days))


def service(
    ctx: typer.Context,
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="The device that was serviced.")],
    done: Annotated[str, typer.Option("--done", metavar="TEXT", help="What was done, for the record.")],
    about: Annotated[
        list[str] | None,
        typer.Option("--about", metavar="NAME", help="Reset only this, as `hints --all` names it. May be given again."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Record a service: counters and references of the device begin anew, its hints go. Asks first.

    Without --about everything of the device begins anew, as after a full service or a replacement.
    """
    from edgeguard.cli import hints as command

    raise typer.Exit(command.service(session_of(ctx), device, done, about or [], yes))
