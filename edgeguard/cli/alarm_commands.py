"""The commands about alarms: declared here, done in a module that is imported when one of them runs."""

from pathlib import Path
from typing import Annotated

import typer

from edgeguard.cli.places import SITE_FILE
from edgeguard.cli.session import Command, session_of

Name = Annotated[str, typer.Argument(metavar="ALARM", help="Its full name, such as pump-1.dry-run.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the record.")]


def register(app: typer.Typer) -> None:
    """Add them to the root, in the order in which help lists them."""
    app.command(cls=Command)(alarms)
    app.command(cls=Command)(ack)
    app.command(cls=Command)(shelve)
    app.command(cls=Command)(unshelve)
    app.command("out-of-service", cls=Command)(out_of_service)
    app.command("in-service", cls=Command)(in_service)


def register_replay(app: typer.Typer) -> None:
    """Add what looks back."""
    app.command("replay-rules", cls=Command)(replay_rules)


def replay_rules(
    ctx: typer.Context,
    recording: Annotated[Path, typer.Argument(metavar="RECORDING", help="A state directory, a CSV of export, or JSON lines.")],
    config: Annotated[Path, typer.Option("--config", metavar="FILE", help="The site with the new limits.")] = SITE_FILE,
    against: Annotated[Path | None, typer.Option("--against", metavar="FILE", help="The site to compare with.")] = None,
    since: Annotated[str | None, typer.Option("--from", metavar="TIME", help="2026-11-24, 2026-11-24T06:30 (local), ...Z.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Not included.")] = None,
) -> None:
    """Try new limits on old data: let all rules run on a recording and print what they would have said.

    Left out, --against is the configuration in force, if the new one is another file. Neither daemon nor devices are touched.
    Exit 1 when the recording has nothing of this site's devices.
    """
    from edgeguard.cli import replay_rules as replays

    if against is None and config != SITE_FILE and SITE_FILE.is_file():
        against = SITE_FILE
    raise typer.Exit(replays.replay_rules(session_of(ctx), replays.Wanted(recording, config, against, since, to)))


def alarms(
    ctx: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Those that are normal, too.")] = False,
    acknowledge: Annotated[str | None, typer.Option("--ack", metavar="ALARM", help="Acknowledge this alarm.")] = None,
) -> None:
    """Alarms that are not normal, most severe first; or acknowledge one.

    A star marks the alarm of its group that came first; what is shelved or suppressed says by whom, why and until when.
    """
    from edgeguard.cli import alarms as shown

    session = session_of(ctx)
    raise typer.Exit(shown.alarms(session, everything) if acknowledge is None else shown.ask(session, "ack", acknowledge))


def ack(ctx: typer.Context, alarm: Name) -> None:
    """Acknowledge an alarm: somebody has seen it. What is latched is reset, once its cause has gone."""
    from edgeguard.cli import alarms as shown

    raise typer.Exit(shown.ask(session_of(ctx), "ack", alarm))


def shelve(
    ctx: typer.Context,
    alarm: Name,
    lasts: Annotated[str, typer.Option("--for", metavar="TIME", help="How long, such as 30m or 2h; 7d at most.")],
    reason: Reason,
) -> None:
    """Keep an alarm back for a while, for a reason. It goes on beneath, and comes up at the end if it still holds."""
    from edgeguard.cli import alarms as shown

    raise typer.Exit(shown.ask(session_of(ctx), "shelve", alarm, lasts=lasts, reason=reason))


def unshelve(ctx: typer.Context, alarm: Name) -> None:
    """Let a shelved alarm come again before its time, whoever shelved it."""
    from edgeguard.cli import alarms as shown

    raise typer.Exit(shown.ask(session_of(ctx), "unshelve", alarm))


def out_of_service(ctx: typer.Context, alarm: Name, reason: Reason) -> None:
    """Keep an alarm back until somebody takes it into service again (a sensor is broken, a device is being repaired)."""
    from edgeguard.cli import alarms as shown

    raise typer.Exit(shown.ask(session_of(ctx), "out-of-service", alarm, reason=reason))


def in_service(ctx: typer.Context, alarm: Name) -> None:
    """Take an alarm into service again."""
    from edgeguard.cli import alarms as shown

    raise typer.Exit(shown.ask(session_of(ctx), "in-service", alarm))
