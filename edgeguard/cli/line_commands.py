"""The commands that look at a line: declared here, done in modules that are imported when one of them runs."""

from typing import Annotated

import typer

from edgeguard.cli.session import Command, session_of


def register(app: typer.Typer) -> None:
    """Add them to the root, in the order in which help lists them."""
    app.command(cls=Command)(bus)
    app.command(cls=Command)(decode)


def bus(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only this bus, with its devices and its day.")] = None,
    flight: Annotated[bool, typer.Option("--flight", help="The frames that passed before its latest faults.")] = False,
) -> None:
    """Every wire: load, requests a second, faults, junk, and how good the line has been over the day.

    Exit 1 when a bus has no connection, or its quality is below 80 of 100.
    """
    from edgeguard.cli import bus as buses

    raise typer.Exit(buses.flight(session_of(ctx), name) if flight else buses.bus(session_of(ctx), name))


def decode(
    ctx: typer.Context,
    words: Annotated[list[str], typer.Argument(metavar="HEX", help="Bytes in hexadecimal, with or without blanks.")],
    registers: Annotated[bool, typer.Option("--registers", "-r", help="They are registers, as decimal numbers.")] = False,
    everything: Annotated[bool, typer.Option("--all", "-a", help="Every reading, likely or not.")] = False,
) -> None:
    """A raw frame in words, or raw registers in every type and word order side by side.

    Takes whole frames of Modbus (RTU, ASCII, TCP), DL/T 645 and CJ/T 188, and bare register bytes. What is near 230 V or
    50 Hz, a believable float or counter, a text or a date is marked. Exit 1 when a checksum is wrong; the right one is named.
    """
    from edgeguard.cli import decode as decoding

    raise typer.Exit(decoding.decode(session_of(ctx), words, registers, everything))
