"""The faces of the commands that look back: curves, exports, energy. Imports what a command needs when it runs."""

from pathlib import Path
from typing import Annotated

import typer

from edgeguard.cli.places import SITE_FILE, STATE_DIRECTORY, Configuration, StateFolder
from edgeguard.cli.session import Command, session_of
from edgeguard.core.history_limits import TREND_MAX_HOURS

From = Annotated[str | None, typer.Option("--from", metavar="TIME", help="2026-11-24, 2026-11-24T06:30 (local), ...Z or +08:00.")]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Not included; now, if left out.")]


def register(app: typer.Typer) -> None:
    """Add them to the root."""
    app.command(cls=Command)(trend)
    app.command(cls=Command)(export)
    app.command(cls=Command)(energy)


def trend(
    ctx: typer.Context,
    point: Annotated[str, typer.Argument(metavar="DEVICE.POINT")],
    hours: Annotated[float, typer.Option("--hours", min=0.01, max=TREND_MAX_HOURS, help="So far back.")] = 24.0,
    to: To = None,
    svg: Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Write the plot as SVG instead.")] = None,
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Write the plot as PNG instead.")] = None,
    directory: StateFolder = STATE_DIRECTORY,
) -> None:
    """A point over time as a plot in the terminal, as a picture, or (with --json) as figures. Gaps stay gaps.

    Rounds as read for as long as they are kept, minutes and hours before that. What was read in the last minute may not be
    written yet. Exit 1 when nothing is known of the point in that time.
    """
    from edgeguard.cli import trend as trends

    raise typer.Exit(trends.trend(session_of(ctx), trends.Wanted(point, hours, to, svg, png, directory)))


def export(
    ctx: typer.Context,
    points: Annotated[list[str] | None, typer.Argument(metavar="[DEVICE[.POINT]]...", help="All, if none is named.")] = None,
    since: From = None,
    to: To = None,
    form: Annotated[str, typer.Option("--format", metavar="csv|parquet")] = "csv",
    grain: Annotated[str, typer.Option("--grain", metavar="raw|minute|hour", help="Rounds as read, or aggregates.")] = "raw",
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Standard output for CSV.")] = None,
    directory: StateFolder = STATE_DIRECTORY,
) -> None:
    """The history as a table: one row a reading, with its quality, in the order of time.

    Beside a running daemon or without one; memory stays small however much there is. With --json a line of JSON a reading, or what
    went into the FILE. Exit 1 when there is nothing to export.
    """
    from edgeguard.cli import export as exporting

    raise typer.Exit(
        exporting.export(session_of(ctx), exporting.Wanted(tuple(points or ()), since, to, form, grain, output, directory))
    )


def energy(
    ctx: typer.Context,
    month: Annotated[str | None, typer.Option("--month", metavar="YYYY-MM", help="The running one, if left out.")] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write one page with plots instead.")] = None,
    config: Configuration = SITE_FILE,
    directory: Annotated[
        Path | None, typer.Option("--directory", metavar="DIR", help="The state directory, if not the site's.")
    ] = None,
) -> None:
    """What a month came to: amounts, tariff periods, demand, losses between meters, ratios, excess, incidents of counters.

    From the closed intervals that the daemon has kept, beside it or without it. Exit 1 when nothing is known of the month, or
    sub-meters count more than their main meter.
    """
    from edgeguard.cli import energy as reporting

    raise typer.Exit(reporting.energy(session_of(ctx), reporting.Wanted(month, config, directory, html)))
