"""`gate` and what belongs to it: declared here, done in a module that is imported when one of them runs."""

from pathlib import Path
from typing import Annotated

import typer

from edgeguard.cli.session import Command, Group, session_of

Unasked = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
ListName = Annotated[str, typer.Option("--list", "-l", metavar="LIST", help="resident, visitor, blocked, shared or service.")]


def register(app: typer.Typer) -> None:
    """Add them to the root."""
    gate_app = typer.Typer(cls=Group, rich_markup_mode=None, invoke_without_command=True)
    gate_app.callback(cls=Group)(gate)
    for command in (why, stays, add, remove, export, hold, release, correct):
        gate_app.command(cls=Command)(command)
    gate_app.command("list", cls=Command)(list_entries)
    gate_app.command("import", cls=Command)(import_file)
    gate_app.command("open", cls=Command)(open_gate)
    app.add_typer(gate_app, name="gate")


def gate(ctx: typer.Context) -> None:
    """Gates that open by plates: last decisions, vehicles inside, lists. With a command: why, list, add, remove, import, export,
    stays, correct, open, hold, release.

    Exit 1 when a loop is stuck, or there are gates and the clock cannot be trusted.
    """
    if ctx.invoked_subcommand is None:
        from edgeguard.cli import gate as command

        raise typer.Exit(command.status(session_of(ctx)))


def why(
    ctx: typer.Context,
    plate: Annotated[str, typer.Argument(metavar="PLATE", help="Such as 浙A12345.")],
    gate: Annotated[str | None, typer.Argument(metavar="GATE", help="Only this gate.")] = None,
) -> None:
    """Would this plate be let in now, and why? Exit 1 where it would not."""
    from edgeguard.cli import gate as command

    raise typer.Exit(command.why(session_of(ctx), plate, gate))


def stays(ctx: typer.Context, zone: Annotated[str | None, typer.Argument(metavar="ZONE", help="Only this zone.")] = None) -> None:
    """The vehicles inside, since when, and by which list they came in."""
    from edgeguard.cli import gate as command

    raise typer.Exit(command.stays(session_of(ctx), zone))


def list_entries(
    ctx: typer.Context, name: Annotated[str | None, typer.Argument(metavar="LIST", help="Only this list.")] = None
) -> None:
    """The entries of lists."""
    from edgeguard.cli import gate as command

    raise typer.Exit(command.list_entries(session_of(ctx), name))


def add(
    ctx: typer.Context,
    plate: Annotated[str, typer.Argument(metavar="PLATE", help="Such as 浙A12345.")],
    kind: ListName = "resident",
    since: Annotated[str, typer.Option("--from", metavar="WHEN", help="2026-11-25 or '2026-11-25 08:00'.")] = "",
    until: Annotated[str, typer.Option("--to", metavar="WHEN", help="Until when; a day alone counts as a whole.")] = "",
    days: Annotated[str, typer.Option("--days", help="Such as mon-fri, 6 7, 周一-周五.")] = "",
    hours: Annotated[str, typer.Option("--hours", help="Such as 08:00-18:00; 22:00-06:00 runs past midnight.")] = "",
    bay: Annotated[str, typer.Option("--bay", help="Of all plates of a bay only one may be inside.")] = "",
    zones: Annotated[str, typer.Option("--zones", help="Only for these zones.")] = "",
    note: Annotated[str, typer.Option("--note", help="For people.")] = "",
) -> None:
    """Put a plate on a list, or change what is said of it there."""
    from edgeguard.cli import gate as command

    fields = {"list": kind, "plate": plate, "from": since, "to": until, "days": days, "hours": hours}
    raise typer.Exit(command.add(session_of(ctx), fields | {"bay": bay, "zones": zones, "note": note}))


def remove(
    ctx: typer.Context,
    plates: Annotated[list[str], typer.Argument(metavar="PLATE...", help="One or more.")],
    kind: Annotated[str | None, typer.Option("--list", "-l", metavar="LIST", help="Only from this list.")] = None,
) -> None:
    """Take plates off one list, or off all. Exit 1 if none stood there."""
    from edgeguard.cli import gate as command

    raise typer.Exit(command.remove(session_of(ctx), plates, kind))


def import_file(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="Its first line names the columns.")],
    kind: Annotated[str | None, typer.Option("--list", "-l", metavar="LIST", help="For rows that name no list.")] = None,
    whole: Annotated[bool, typer.Option("--whole", help="The file is the whole list: what it does not name goes.")] = False,
    dry: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    yes: Unasked = False,
) -> None:
    """Take a CSV file into the lists: all of it, or with a mistake nothing. Asks before anything is removed.

    Columns: plate, list, from, to, days, hours, bay, zones, note, or their Chinese names; UTF-8 or GB 18030. Every mistake is
    told with its line.
    """
    from edgeguard.cli import gate as command

    raise typer.Exit(command.import_file(session_of(ctx), file, kind, whole, dry, yes))


def export(
    ctx: typer.Context,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE.csv]", help="Standard output unless given.")] = None,
    kind: Annotated[str | None, typer.Option("--list", "-l", metavar="LIST", help="Only this list.")] = None,
) -> None:
    """Write the lists as CSV, which `gate import` reads. The file is for its owner alone."""
    from edgeguard.cli import gate as command

    raise typer.Exit(command.export(session_of(ctx), file, kind))


def open_gate(
    ctx: typer.Context,
    gate: Annotated[str, typer.Argument(metavar="GATE")],
    for_pass: Annotated[
        str | None, typer.Option("--pass", metavar="ID", help="For the vehicle that waits there, as `gate` shows it.")
    ] = None,
    yes: Unasked = False,
) -> None:
    """Open a barrier by hand, past its interlock; with --pass that vehicle counts as let in. Asks first."""
    from edgeguard.cli import gate as command

    raise typer.Exit(command.act(session_of(ctx), gate, "open", yes, for_pass=for_pass))


def hold(
    ctx: typer.Context,
    gate: Annotated[str, typer.Argument(metavar="GATE")],
    minutes: Annotated[float, typer.Option("--minutes", "-m", min=0.1, help="For how long.")] = 60,
    yes: Unasked = False,
) -> None:
    """Keep a barrier open for a while, for everybody. Asks first."""
    from edgeguard.cli import gate as command

    raise typer.Exit(command.act(session_of(ctx), gate, "hold", yes, minutes=minutes))


def release(
    ctx: typer.Context,
    gate: Annotated[str, typer.Argument(metavar="GATE")],
    over_loop: Annotated[
        bool, typer.Option("--over-loop", help="Its loop is stuck, and you see that nothing is under the barrier: it comes down.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """End holding a barrier open. While its loop shows a vehicle it stays up, and comes down when the loop is free."""
    from edgeguard.cli import gate as command

    raise typer.Exit(command.act(session_of(ctx), gate, "release", yes or not over_loop, over_loop=over_loop))


def correct(
    ctx: typer.Context,
    zone: Annotated[str, typer.Argument(metavar="ZONE")],
    count: Annotated[int | None, typer.Option("--count", min=0, help="So many vehicles are inside.")] = None,
    gone: Annotated[str | None, typer.Option("--gone", metavar="PLATE", help="This vehicle has left unseen.")] = None,
) -> None:
    """Correct what is known of the vehicles inside."""
    from edgeguard.cli import gate as command

    raise typer.Exit(command.correct(session_of(ctx), zone, count, gone))
