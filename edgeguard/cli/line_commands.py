"""The commands that look at a line: declared here, done in modules that are imported when one of them runs."""

from pathlib import Path
from typing import Annotated

import typer

from edgeguard.cli.session import Command, session_of

Port = Annotated[Path | None, typer.Option("--port", metavar="DEV", help="A serial port that the daemon does not use.")]
Baud = Annotated[int, typer.Option("--baud", min=300, max=4_000_000, help="With --port: its speed.")]
ParityLetter = Annotated[str, typer.Option("--parity", metavar="N|E|O", help="With --port: its parity.")]
StopBits = Annotated[int, typer.Option("--stopbits", min=1, max=2, help="With --port: its stop bits.")]
Seconds = Annotated[float | None, typer.Option("--seconds", min=0.1, metavar="N", help="End after N seconds.")]


def register_profile(profile_app: typer.Typer) -> None:
    """Add what belongs to profiles."""
    profile_app.command("diff", cls=Command)(profile_diff)


def profile_diff(
    ctx: typer.Context,
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="A device of the daemon.")],
    write: Annotated[
        Path | None, typer.Option("--write", metavar="FILE", help="Make a copy of its profile that says so, a new file.")
    ] = None,
    profiles: Annotated[
        list[Path] | None, typer.Option("--profiles", metavar="DIR", help="Where its profile is, if it is the site's own.")
    ] = None,
) -> None:
    """What a device has taught about itself, as TOML for its profile: how much it gives at once, what cannot be read.

    Exit 1 when its profile says all of that already.
    """
    from edgeguard.cli import bus as buses

    if write is not None:
        from edgeguard.cli.profile_learned import profile_write

        raise typer.Exit(profile_write(session_of(ctx), device, write, profiles or ()))
    raise typer.Exit(buses.profile_diff(session_of(ctx), device))


def register(app: typer.Typer) -> None:
    """Add them to the root, in the order in which help lists them."""
    app.command(cls=Command)(bus)
    app.command(cls=Command)(trace)
    app.command(cls=Command)(capture)
    app.command(cls=Command)(replay)
    app.command(cls=Command)(decode)
    app.command(cls=Command)(scan)
    app.command("set-time", cls=Command)(set_time)


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


def trace(
    ctx: typer.Context,
    bus: Annotated[str | None, typer.Argument(metavar="BUS", help="A bus of the daemon.")] = None,
    port: Port = None,
    baud: Baud = 9600,
    parity: ParityLetter = "N",
    stopbits: StopBits = 1,
    device: Annotated[str, typer.Option("--device", "-d", metavar="NAME|ADDRESS", help="Only frames of this device.")] = "",
    pcap: Annotated[Path | None, typer.Option("--pcap", metavar="FILE", help="Write a file for Wireshark, too.")] = None,
    seconds: Seconds = None,
    count: Annotated[int | None, typer.Option("--count", "-n", min=1, help="End after so many frames.")] = None,
    last_s: Annotated[float, typer.Option("--last", min=0, metavar="S", help="Begin with the last S seconds.")] = 0.0,
    raw: Annotated[bool, typer.Option("--raw", help="The bytes beside the words.")] = False,
) -> None:
    """Decoded frames as they pass on a wire, with times, errors and retries; Ctrl-C ends with how the line and its devices are.

    With --port it only listens, and never sends: it shows what another master does. Exit 1 when something is wrong with the
    line; what it is, what was seen that says so, and what to do are printed. With --json one line of JSON per frame.
    """
    from edgeguard.cli import trace as tracing
    from edgeguard.cli.wire_source import PortChoice

    choice = PortChoice.of(port, baud, parity, stopbits) if port is not None else None
    options = tracing.TraceOptions(device, pcap, seconds, count, last_s, raw)
    raise typer.Exit(tracing.trace(session_of(ctx), bus, choice, options))


def capture(
    ctx: typer.Context,
    file: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The recording; never overwritten.")],
    bus: Annotated[str | None, typer.Argument(metavar="BUS", help="A bus of the daemon.")] = None,
    port: Port = None,
    baud: Baud = 9600,
    parity: ParityLetter = "N",
    stopbits: StopBits = 1,
    seconds: Annotated[float, typer.Option("--seconds", min=0.1, metavar="N", help="How long.")] = 60.0,
    profile: Annotated[
        list[str] | None, typer.Option("--profile", metavar="UNIT=NAME", help="With --port: whose serial numbers to take out.")
    ] = None,
) -> None:
    """Keep what passes on a wire as a recording that can be sent, replayed, and used in tests.

    Meter addresses, passwords, operator codes, and registers that a profile calls a serial number are replaced, and checksums
    made right again. Exit 1 when nothing passed.
    """
    from edgeguard.cli import capture as capturing
    from edgeguard.cli.wire_source import PortChoice

    choice = PortChoice.of(port, baud, parity, stopbits) if port is not None else None
    raise typer.Exit(capturing.capture(session_of(ctx), bus, choice, seconds, file, profile or ()))


def replay(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A recording made by `edgeguard capture`.")],
    port: Annotated[Path | None, typer.Option("--port", metavar="DEV", help="Be the devices on this serial port.")] = None,
    tcp: Annotated[str | None, typer.Option("--tcp", metavar="HOST:PORT", help="Be the devices behind this address.")] = None,
    line: Annotated[
        str | None, typer.Option("--line", metavar="SETTING", help="With --port: '9600 8E1'; the recorded one if absent.")
    ] = None,
    seconds: Seconds = None,
) -> None:
    """Serve a recording as the devices that were recorded, with the times that they took.

    Prints where it is as a site file names it: what was recorded on a serial line is rtu+tcp:// behind a socket.
    """
    from edgeguard.cli import capture as capturing

    raise typer.Exit(capturing.replay(session_of(ctx), file, port, tcp, line, seconds))


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


def scan(
    ctx: typer.Context,
    bus: Annotated[str | None, typer.Option("--bus", metavar="NAME", help="A bus of the daemon, between its polls.")] = None,
    port: Annotated[str | None, typer.Option("--port", metavar="PATH", help="A serial port that nobody else uses.")] = None,
    tcp: Annotated[
        str | None,
        typer.Option("--tcp", metavar="HOST[:PORT]|URL", help="A Modbus TCP endpoint; or rtu+tcp:// a serial server, udp://, ..."),
    ] = None,
    baud: Annotated[list[str] | None, typer.Option("--baud", metavar="N", help="Only this speed; may be given again.")] = None,
    parity: Annotated[list[str] | None, typer.Option("--parity", metavar="N|E|O", help="Only this parity.")] = None,
    protocol: Annotated[
        list[str] | None, typer.Option("--protocol", metavar="modbus|dlt645|cjt188", help="Only this protocol.")
    ] = None,
    units: Annotated[str, typer.Option("--units", metavar="1-32,40", help="Only these Modbus addresses.")] = "",
    write: Annotated[Path | None, typer.Option("--write", metavar="FILE", help="Add what is found to this configuration.")] = None,
    profiles: Annotated[
        list[Path] | None, typer.Option("--profiles", metavar="DIR", help="A further folder of profiles; may be given again.")
    ] = None,
) -> None:
    """Find out what hangs on a wire: settings, protocols, addresses, models. Asks and never writes to a device.

    The likeliest questions come first; Ctrl-C ends with what has been found. Says how long it will take, on standard error each
    device as soon as it is known, and at the end a table with the reasons and rows for the configuration; with --json these two
    are one document at the end. Exit 1 when nothing was found or the wire is gone.
    """
    from edgeguard.cli import scan as scanning

    options = scanning.ScanOptions(bus, port, tcp, baud or [], parity or [], protocol or [], units, write, tuple(profiles or ()))
    raise typer.Exit(scanning.scan(session_of(ctx), options))


def set_time(
    ctx: typer.Context,
    bus: Annotated[str, typer.Argument(metavar="BUS", help="A bus of the daemon with DL/T 645 or CJ/T 188 meters.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Tell the meters of a bus the gateway's time. Asks first.

    Meters of DL/T 645 get a broadcast, those of CJ/T 188 that are off a request each. Nobody answers a broadcast: each meter's
    clock is read before and after. Refused while the gateway's own clock is not
    synchronised, within 5 minutes of midnight, and a second time on one day. Meters that are off by more than 5 minutes do not
    obey a broadcast.

    Exit 1 unless every meter's clock was seen to be right afterwards.
    """
    from edgeguard.cli import set_time as setting

    raise typer.Exit(setting.set_time(session_of(ctx), bus, yes))
