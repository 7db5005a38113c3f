"""`edgeguard`: the face of every command. Declares names, arguments and help; imports what a command needs when it runs.

A technician waits for this on a small machine, over a thin line: nothing heavy is imported for `--help`.
"""

from pathlib import Path
from typing import Annotated

import typer

from edgeguard.cli import (
    alarm_commands,
    camera_commands,
    gate_commands,
    hint_commands,
    history_commands,
    line_commands,
    release_commands,
    rule_commands,
    store_commands,
)
from edgeguard.cli.places import CONFIG_VARIABLE, SITE_FILE, STATE_DIRECTORY, Configuration, StateFolder
from edgeguard.cli.session import Command, Daemon, Group, session_of
from edgeguard.cli.standard_out import standard_out
from edgeguard.core.limits import TOP_INTERVAL_MAX_S, TOP_INTERVAL_MIN_S, VERIFY_SETTLE_S

app = typer.Typer(
    cls=Group,
    name="edgeguard",
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
)
audit_app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="What people and platform had done: show, verify.")
profile_app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Device profiles: list, show, new, check, diff.")

ProfileFolders = Annotated[
    list[Path] | None, typer.Option("--profiles", metavar="DIR", help="A further folder of profiles; may be given again.")
]


def _print_version(wanted: bool) -> None:
    if wanted:
        from edgeguard import __version__

        typer.echo(f"edgeguard {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Edge gateway for residential buildings: polls lifts, pumps and meters, keeps every event until the platform has it.

    Exit codes: 0 fine, 1 something is wrong, 2 bad usage or bad configuration, 3 the daemon does not answer.
    """


@app.command(cls=Command)
def status(ctx: typer.Context) -> None:
    """Is everything well? Problems first, each with the next step.

    Exit 1 when a device is offline, a critical alarm is active, the broker has been away for more than 60 s, a part of the
    daemon has failed, the store takes nothing, or the last configuration was refused.
    """
    from edgeguard.cli import look

    raise typer.Exit(look.status(session_of(ctx)))


@app.command(cls=Command)
def top(
    ctx: typer.Context,
    interval_s: Annotated[
        float, typer.Option("--interval", "-i", min=TOP_INTERVAL_MIN_S, max=TOP_INTERVAL_MAX_S, help="Seconds between pictures.")
    ] = 1.0,
    count: Annotated[
        int | None, typer.Option("--count", "-n", min=1, help="End after so many pictures (1 when the output is no terminal).")
    ] = None,
) -> None:
    """Live view: alarms, devices, values, queue. Keys: q quit, arrows or tab choose a device, p pause.

    With --json one line of JSON per picture.
    """
    from edgeguard.cli import top as live

    raise typer.Exit(live.top(session_of(ctx), interval_s, count))


@app.command(cls=Command)
def devices(ctx: typer.Context) -> None:
    """Every device: state, how fast it answers, how often it fails."""
    from edgeguard.cli import look

    raise typer.Exit(look.devices(session_of(ctx)))


@app.command(cls=Command)
def points(
    ctx: typer.Context, device: Annotated[str | None, typer.Argument(metavar="DEVICE", help="Only this device.")] = None
) -> None:
    """Every point with value, unit, quality and age; a pencil marks what can be written."""
    from edgeguard.cli import look

    raise typer.Exit(look.points(session_of(ctx), device))


alarm_commands.register(app)
gate_commands.register(app)
outbox_app = typer.Typer(cls=Group, rich_markup_mode=None, invoke_without_command=True)
dead_app = typer.Typer(
    cls=Group, rich_markup_mode=None, no_args_is_help=True, help="What the broker refused for good: list, retry, drop."
)
outbox_app.add_typer(dead_app, name="dead")
app.add_typer(outbox_app, name="outbox")
LetterIds = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="As listed; none means all.")]
Unasked = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@outbox_app.callback()
def outbox(ctx: typer.Context) -> None:
    """What waits for the platform, stream by stream, and how long the store lasts offline.

    Exit 1 when the store reports an error.
    """
    if ctx.invoked_subcommand is None:
        from edgeguard.cli import look

        raise typer.Exit(look.outbox(session_of(ctx)))


@dead_app.command("list", cls=Command)
def dead_list(ctx: typer.Context) -> None:
    """Items that the broker refused for good, oldest first, with its reason."""
    from edgeguard.cli import dead

    raise typer.Exit(dead.show(session_of(ctx)))


@dead_app.command("retry", cls=Command)
def dead_retry(ctx: typer.Context, ids: LetterIds = None) -> None:
    """Send them again, as new items with new numbers."""
    from edgeguard.cli import dead

    raise typer.Exit(dead.retry(session_of(ctx), ids or []))


@dead_app.command("drop", cls=Command)
def dead_drop(ctx: typer.Context, ids: LetterIds = None, yes: Unasked = False) -> None:
    """Forget them. Asks first."""
    from edgeguard.cli import dead

    raise typer.Exit(dead.drop(session_of(ctx), ids or [], yes))


@app.command(cls=Command)
def read(
    ctx: typer.Context,
    targets: Annotated[list[str], typer.Argument(metavar="DEVICE[.POINT]", help="Devices and points.")],
) -> None:
    """Read from the bus now, between the daemon's own polls.

    Exit 1 when any point gives no good value.
    """
    from edgeguard.cli import wire

    raise typer.Exit(wire.read(session_of(ctx), targets))


@app.command(cls=Command, context_settings={"ignore_unknown_options": True})
def write(
    ctx: typer.Context,
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="DEVICE.POINT VALUE | DEVICE.POINT=VALUE…", help="In the point's unit, or a text of its enumeration."
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Write points within their limits and interlocks and read them back. Asks first, showing the present values.

    Several points are one command: if one is refused nothing is sent, neighbours go in one request, and after one that goes
    wrong nothing more is sent. The result says of each: done, refused, not-sent, lost (the device may have acted), unverified.

    Exit 1 when anything is not done.
    """
    from edgeguard.cli import wire

    raise typer.Exit(wire.write(session_of(ctx), what, yes))


hint_commands.register(app)
line_commands.register(app)
rule_commands.register(app)
history_commands.register(app)
alarm_commands.register_replay(app)
line_commands.register_profile(profile_app)


@app.command(cls=Command)
def check(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", envvar=CONFIG_VARIABLE, help="The configuration.")] = SITE_FILE,
) -> None:
    """Validate a configuration offline: every mistake as FILE:LINE: key: what is wrong.

    Exit 2 when there is any.
    """
    from edgeguard.cli import offline

    raise typer.Exit(offline.check(session_of(ctx), file))


@app.command(cls=Command)
def doctor(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", metavar="FILE", envvar=CONFIG_VARIABLE, help=f"Left out: the running daemon's, or {SITE_FILE}."
        ),
    ] = None,
) -> None:
    """Look at everything a technician would, and say what to do: configuration, unit, daemon, disk, clock, ports, buses, cameras,
    models, certificates, broker. Works with and without the daemon; changes nothing.

    Exit 1 when anything is wrong.
    """
    from edgeguard.cli import doctor as looking

    raise typer.Exit(looking.doctor(session_of(ctx), config, SITE_FILE))


@app.command(cls=Command)
def reload(ctx: typer.Context) -> None:
    """Have the daemon take up its configuration anew; what has not changed runs on.

    Exit 2 when the file has mistakes: they are named, and the old configuration stays in force.
    """
    from edgeguard.cli import reload as reloading

    raise typer.Exit(reloading.reload(session_of(ctx)))


store_commands.register(app)
app.add_typer(audit_app, name="audit")


@audit_app.command("show", cls=Command)
def audit_show(
    ctx: typer.Context,
    directory: StateFolder = STATE_DIRECTORY,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=10_000, help="The newest so many.")] = 50,
) -> None:
    """Who had what done, when, and what came of it; newest last."""
    from edgeguard.cli import audit

    raise typer.Exit(audit.show(session_of(ctx), directory, count))


@audit_app.command("verify", cls=Command)
def audit_verify(
    ctx: typer.Context,
    directory: StateFolder = STATE_DIRECTORY,
    head: Annotated[
        str | None,
        typer.Option("--head", metavar="N:HASH", help="An end of the log that was noted: it must still be there."),
    ] = None,
) -> None:
    """Whether any row was changed, removed or slipped in. Exit 1 if so, and which is the first."""
    from edgeguard.cli import audit

    raise typer.Exit(audit.verify(session_of(ctx), directory, head))


release_commands.register(app)
app.add_typer(profile_app, name="profile")


@profile_app.command("list", cls=Command)
def profile_list(ctx: typer.Context, profiles: ProfileFolders = None) -> None:
    """The profiles at hand."""
    from edgeguard.cli import offline

    raise typer.Exit(offline.profile_list(session_of(ctx), profiles or ()))


@profile_app.command("show", cls=Command)
def profile_show(ctx: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME")], profiles: ProfileFolders = None) -> None:
    """One profile in full: registers, points, what may be written, alarms."""
    from edgeguard.cli import offline

    raise typer.Exit(offline.profile_show(session_of(ctx), name, profiles or ()))


@profile_app.command("new", cls=Command)
def profile_new(
    ctx: typer.Context,
    csv: Annotated[Path | None, typer.Argument(metavar="CSV", help="A register list; without it everything is asked.")] = None,
    name: Annotated[str, typer.Option("--name", help="The profile's name, and that of its file.")] = "",
    maker: Annotated[str, typer.Option("--maker")] = "",
    model: Annotated[str, typer.Option("--model")] = "",
    kind: Annotated[str, typer.Option("--kind", help="lift, pump, electricity-meter ...")] = "",
    device: Annotated[str, typer.Option("--device", help="Only rows whose device contains this.")] = "",
    base: Annotated[int, typer.Option("--base", min=0, max=1, help="What the list calls the first register.")] = 0,
    folder: Annotated[Path, typer.Option("--dir", metavar="DIR", help="Where to put the file.")] = Path(),
) -> None:
    """Write a profile from a register list, or by asking. Never over a file that is there.

    A list is CSV with a column for the name and one for the address; for function, type, scale, unit, bit, word order, labels
    and range where there are such. Exit 2, and no file, when a row cannot be understood.
    """
    from edgeguard.cli import profile_new as making

    wanted = making.Wanted(csv, name, maker, model, kind, device, base, folder)
    raise typer.Exit(making.new(session_of(ctx), wanted, making.asked_on_terminal))


@profile_app.command("check", cls=Command)
def profile_check(ctx: typer.Context, files: Annotated[list[Path], typer.Argument(metavar="FILE")]) -> None:
    """Every mistake of profile files, as FILE:LINE: key: what is wrong. Exit 2 when there is any."""
    from edgeguard.cli import offline

    raise typer.Exit(offline.profile_check(session_of(ctx), files))


camera_commands.register(app)


@app.command(cls=Command)
def verify(
    ctx: typer.Context,
    broker: Annotated[str, typer.Option("--broker", metavar="URL", help="mqtts://HOST[:8883] or mqtt://HOST[:1883].")],
    site: Annotated[str, typer.Option("--site", metavar="S", help="The estate's id.")],
    gateway: Annotated[str, typer.Option("--gateway", metavar="G", help="The gateway's id.")],
    seconds: Annotated[float | None, typer.Option("--seconds", min=0.1, metavar="N", help="End after N seconds.")] = None,
    interval_s: Annotated[float, typer.Option("--interval", "-i", min=0.2, max=3600, help="Seconds between reports.")] = 1.0,
    settle_s: Annotated[
        float, typer.Option("--settle", min=0, max=86_400, help="A hole counts as lost when nothing has filled it for so long.")
    ] = VERIFY_SETTLE_S,
    from_start: Annotated[bool, typer.Option("--from-start", help="The gateway starts after us: numbers begin with 1.")] = False,
    ca: Annotated[Path | None, typer.Option("--ca", metavar="FILE", help="Certificate authorities of the broker.")] = None,
    cert: Annotated[Path | None, typer.Option("--cert", metavar="FILE", help="Client certificate.")] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="Its key, mode 0600.")] = None,
    username: Annotated[str | None, typer.Option("--username", metavar="NAME")] = None,
    password_file: Annotated[Path | None, typer.Option("--password-file", metavar="FILE", help="Mode 0600.")] = None,
    allow_plaintext: Annotated[bool, typer.Option("--allow-plaintext", help="Let mqtt:// leave this machine.")] = False,
) -> None:
    """A consumer for the platform's side: proves by the numbers that nothing of a gateway's streams is missing.

    Shows gaps, repeats, reorders, gap records and lag. Exit 1 on loss without explanation, broken rules, or silence.
    """
    from edgeguard.cli import verify as verifying

    spec = verifying.uplink_spec(verifying.Access(broker, ca, cert, key, username, password_file, allow_plaintext))
    wanted = verifying.Wanted(spec, *verifying.ids(site, gateway), seconds, interval_s, settle_s, whole=from_start)
    raise typer.Exit(verifying.verify(session_of(ctx), wanted))


@app.command(cls=Command)
def schema(
    ctx: typer.Context,
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="profile, meter-profile, driver-profile, site, mqtt or mqtt.NAME.")
    ] = "profile",
) -> None:
    """The JSON Schema of profile or site files, for completion in an editor; docs/profiles.md says how.

    mqtt: the AsyncAPI 3 document of all topics and messages; mqtt.alarms, mqtt.command.write ...: the schema of one message.
    """
    from edgeguard.cli import offline

    raise typer.Exit(offline.schema(session_of(ctx), kind))


@app.command(cls=Command)
def falling(
    ctx: typer.Context,
    videos: Annotated[list[Path], typer.Argument(metavar="VIDEO", help="Files in any format that FFmpeg decodes.")],
    facade: Annotated[
        Path | None,
        typer.Option("--facade", metavar="FILE", help="Polygon, masks, floor lines or mount of the camera (TOML)."),
    ] = None,
    fps: Annotated[
        float | None, typer.Option("--fps", min=1, max=240, help="Pictures a second, where the file says it wrongly.")
    ] = None,
    evidence: Annotated[
        Path | None, typer.Option("--evidence", metavar="DIR", help="Keep clip, picture and hashes of every fall here.")
    ] = None,
) -> None:
    """Look for falling objects in videos; with --json one line a file.

    Exit 1 when a file cannot be decoded (the others are looked at all the same) or its evidence could not be kept.
    """
    from edgeguard.cli import falling as command

    raise typer.Exit(command.falling(session_of(ctx), videos, facade, fps, evidence))


@app.command(cls=Daemon)
def run(
    config: Configuration = SITE_FILE,
) -> None:
    """The daemon: polls, judges, keeps and sends until SIGTERM. SIGHUP takes up the configuration anew.

    Where its control socket and its state are, the configuration says (control.socket, store.directory).
    """
    from edgeguard.runtime.daemon import run as run_daemon

    raise typer.Exit(run_daemon(config))


@app.command(cls=Command)
def demo(
    ctx: typer.Context,
    seconds: Annotated[float | None, typer.Option("--seconds", min=1, metavar="N", help="End after N seconds.")] = None,
    headless: Annotated[bool, typer.Option("--headless", help="No live view; print a summary at the end.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Of everything random in the building.")] = 1,
) -> None:
    """A simulated building, an embedded broker, the real daemon and a live view; needs nothing else.

    With --headless exit 0 only when items went all the way to the broker.
    """
    from edgeguard.cli import demo as show

    session = session_of(ctx)
    raise typer.Exit(show.demo(seconds=seconds, headless=headless, json=session.json, seed=seed, lang=session.lang))


@app.command(cls=Command)
def simulate(
    ctx: typer.Context,
    site: Annotated[Path, typer.Argument(metavar="SITE.toml", help="The configuration whose devices are simulated.")],
    seed: Annotated[int, typer.Option("--seed", help="Of everything random in the building.")] = 1,
    any_port: Annotated[bool, typer.Option("--any-port", help="TCP buses take free ports instead of those of the file.")] = False,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where TCP buses listen.")] = "127.0.0.1",
    pty_dir: Annotated[
        Path | None, typer.Option("--pty-dir", metavar="DIR", help="Make a link here to the port of each serial bus, by its name.")
    ] = None,
    tls_dir: Annotated[
        Path | None, typer.Option("--tls-dir", metavar="DIR", help="Certificates of tls:// buses; made here if there are none.")
    ] = None,
    echo: Annotated[bool, typer.Option("--echo", help="Serial adapters hear what they send.")] = False,
    fault: Annotated[
        list[str] | None,
        typer.Option("--fault", metavar="TARGET=KIND[@S][+S]", help="What goes wrong, when, for how long. Repeatable."),
    ] = None,
    scenario: Annotated[Path | None, typer.Option("--scenario", metavar="FILE", help="A file of faults to come.")] = None,
    pace: Annotated[float, typer.Option("--pace", min=0.01, max=1000, metavar="N", help="Simulated seconds in a second.")] = 1.0,
    seconds: Annotated[float | None, typer.Option("--seconds", min=0.1, metavar="N", help="End after N seconds.")] = None,
) -> None:
    """Stand in for the devices of a site file: TCP buses listen, serial buses become pseudo-terminals with true line timing.

    Takes commands on standard input while it runs; `help` lists them, the name of a device or bus what can befall it.
    """
    from edgeguard.cli import simulate as show

    session = session_of(ctx)
    wanted = show.Wanted(site, seed, any_port, host, pty_dir, echo, tuple(fault or ()), scenario, pace, seconds, tls_dir)
    raise typer.Exit(show.simulate(wanted, session.json, session.lang))


def main() -> None:
    """The console script."""
    with standard_out():
        app()
