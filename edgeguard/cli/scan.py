"""`scan`: what hangs on a wire, through the daemon's own bus or on a port of one's own. Returns an exit code."""

import asyncio
import json
import os
import random
import signal
import sys
import tomllib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from edgeguard.cli.output import console, print_json, styled, table
from edgeguard.cli.scan_snippet import BusPlace, snippet
from edgeguard.cli.session import Exit, Session
from edgeguard.cli.text import clean, duration
from edgeguard.cli.whole_file import write_whole
from edgeguard.control import methods
from edgeguard.control.client import call
from edgeguard.control.errors import DaemonSilent
from edgeguard.control.scan_views import FoundView, ScanView
from edgeguard.core.errors import ConfigError, Permanent
from edgeguard.core.ids import BusName
from edgeguard.core.site import BusSpec, Wire

_NEW_FILE: Final = """[gateway]
site = "my-site"                         # change these two before the platform sees them
id = "gateway-1"

"""
_DAEMON_WITHIN_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """The command line: one of `bus`, `port` and `tcp`."""

    bus: str | None
    port: str | None
    tcp: str | None
    baudrates: list[str]
    parities: list[str]
    protocols: list[str]
    units: str
    write: Path | None
    profiles: tuple[Path, ...] = ()


def scan(session: Session, options: ScanOptions) -> Exit:
    """Scan, show, propose; 1 if nothing was found or the scan could not go on."""
    if [options.bus, options.port, options.tcp].count(None) != 2:
        raise typer.BadParameter("say one of --bus NAME, --port PATH and --tcp HOST[:PORT]")
    if options.bus is not None and options.profiles:
        raise typer.BadParameter("--profiles is for --port and --tcp; the daemon takes the folders of its configuration")
    if options.write is not None:
        _held(options.write)  # it is told now if it cannot be, not after minutes of scanning
    bar = _Bar(session)
    with bar:
        if options.bus is not None:
            view, place = _through_daemon(session, options, options.bus, bar)
        else:
            view, place = _by_itself(session, options, bar)
    text = snippet(view, place, _names_in(options.write)) if view.found else ""
    if session.json:
        print_json({"scan": view, "snippet": text})
    else:
        _show(session, view, text)
    if options.write is not None and view.found:
        _write(options.write, text, options.profiles)
        if not session.json:
            console().print(session.lang.say(f"已写入 {options.write}", f"written to {options.write}"))
    return Exit.FINE if view.found and view.ended in ("complete", "stopped") else Exit.WRONG


class _Bar:
    """A progress bar on standard error, where it is a terminal; what is expected is said before the first question."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def show(self, view: ScanView) -> None:
        """How far it is now."""
        lang = self._session.lang
        if self._task is None:
            alone, whole = duration(view.asking_s, lang), duration(view.expected_s, lang)
            zh = f"{view.questions} 次询问:无人应答约 {alone},含识别设备预计约 {whole}"
            en = f"{view.questions} questions: {alone} if nobody answers, about {whole} with devices to identify"
            sys.stderr.write(lang.say(zh, en) + "\n")
            if sys.stderr.isatty():
                from rich.console import Console

                columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
                self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
                self._progress.start()
                self._task = self._progress.add_task("", total=view.expected_s or 1.0)
            else:
                self._task = TaskID(-1)
        if self._progress is not None and self._task is not None:
            found = lang.say(f"已发现 {len(view.found)}", f"{len(view.found)} found")
            self._progress.update(
                self._task, completed=max(0.0, view.expected_s - view.rest_s), description=f"{found}  {clean(view.doing, 60)}"
            )


def _through_daemon(session: Session, options: ScanOptions, bus: str, bar: _Bar) -> tuple[ScanView, BusPlace]:
    args = {
        "bus": bus,
        "baudrates": options.baudrates,
        "parities": options.parities,
        "protocols": options.protocols,
        "units": options.units,
    }
    view = call(session.socket, methods.SCAN_START, args)
    try:
        while not view.ended:
            bar.show(view)
            view = call(session.socket, methods.SCAN_PROGRESS, {"bus": bus, "asked": view.asked})
    except KeyboardInterrupt:
        view = call(session.socket, methods.SCAN_STOP, {"bus": bus})
    (wire,) = call(session.socket, methods.BUSES, {"bus": bus})
    return view, BusPlace(bus, "port", wire.where, wire.line, exists=True)


def _by_itself(session: Session, options: ScanOptions, bar: _Bar) -> tuple[ScanView, BusPlace]:
    """With a bus of its own; refused where the daemon has the same one."""
    if options.port is not None:
        spec = BusSpec(BusName("line-1"), Wire.SERIAL_RTU, device=PurePath(options.port))
        place = BusPlace("line-1", "port", options.port, "", exists=False)
    else:
        host, _, port = (options.tcp or "").partition(":")
        if not host or (port and not port.isdecimal()):
            raise typer.BadParameter(f"{options.tcp!r} is not HOST or HOST:PORT")
        spec = BusSpec(BusName("network-1"), Wire.TCP, host=host, port=int(port or 502))
        place = BusPlace("network-1", "url", f"tcp://{host}:{spec.port}", "", exists=False)
    _refuse_if_held(session, spec.where)
    return asyncio.run(_scan_alone(options, spec, bar.show)), place


def _refuse_if_held(session: Session, where: str) -> None:
    with suppress(DaemonSilent):
        for view in call(session.socket, methods.BUSES, {}, _DAEMON_WITHIN_S):
            if os.path.realpath(view.where) == os.path.realpath(where):
                raise Permanent(
                    f"the daemon uses {where} as bus {view.bus}; scan it through the daemon: edgeguard scan --bus {view.bus}"
                )


async def _scan_alone(options: ScanOptions, spec: BusSpec, show: Callable[[ScanView], None]) -> ScanView:
    import structlog

    from edgeguard.bus import open_bus
    from edgeguard.config import ProfileLibrary
    from edgeguard.discovery import Explorer
    from edgeguard.discovery.wish import Wish, walk_of
    from edgeguard.runtime.scan_handlers import known_profiles, scan_view

    try:
        wish = Wish.parse(options.baudrates, options.parities, options.protocols, options.units)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    # the bus's log would stand among the rows, or tear the JSON
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), cache_logger_on_first_use=False)
    profiles = known_profiles(ProfileLibrary.at_hand(*options.profiles).directories)
    by_name = {str(profile.name): profile for profile in profiles}
    bus = open_bus(spec, random.SystemRandom())
    owner = asyncio.create_task(bus.run())
    explorer = Explorer(bus, walk_of(wish, spec), profiles)
    walking = asyncio.create_task(explorer.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, explorer.stop)
    try:
        while not walking.done():
            show(scan_view(spec, explorer.progress, by_name))
            await asyncio.wait({walking}, timeout=0.2)
        walking.result()
    finally:
        owner.cancel()
        await asyncio.gather(owner, return_exceptions=True)
    return scan_view(spec, explorer.progress, by_name)


def _show(session: Session, view: ScanView, text: str) -> None:
    lang = session.lang
    rows = table(
        lang.say("协议", "protocol"),
        lang.say("地址", "address"),
        lang.say("线路", "line"),
        lang.say("型号", "profile"),
        lang.say("把握", "fit"),
        lang.say("依据", "why"),
        wrap=(lang.say("依据", "why"),),
    )
    for found in view.found:
        best = found.best
        name = "—" if best is None else clean(best.profile) + ("?" if found.doubtful else "")
        fit = "" if best is None else f"{best.value:.0%}"
        rows.add_row(found.protocol, clean(found.address), found.line, name, fit, clean(_why(session, found), 300))
    if view.found:
        console().print(rows)
    for noise in view.noises:
        told = f"{noise.protocol} {noise.line} {noise.address}: {clean(noise.heard, 200)}"
        console().print(styled(lang.say(f"听到杂音:{told}", f"heard something at {told}"), "yellow"))
    took, expected = duration(view.elapsed_s, lang), duration(view.expected_s, lang)
    ended = {"complete": lang.say("完成", "complete"), "stopped": lang.say("已停止", "stopped")}.get(
        view.ended, clean(view.ended, 200)
    )
    if not view.questions:
        zh, en = "没有可询问的:所选地址已在配置中", "there is nothing to ask: what was chosen is in the configuration already"
        console().print(lang.say(zh, en))
        return
    devices = "1 device" if len(view.found) == 1 else f"{len(view.found)} devices"
    zh = f"{len(view.found)} 台设备,{view.asked}/{view.questions} 次询问,用时 {took},预计 {expected}({ended})"
    en = f"{devices}, {view.asked} of {view.questions} questions, {took}, expected {expected} ({ended})"
    console().print(lang.say(zh, en))
    if text:
        sys.stdout.write(f"\n{text}")


def _why(session: Session, found: FoundView) -> str:
    best = found.best
    said = [session.lang.say(found.said.zh, found.said.en)] if found.said.en else []
    texts = [session.lang.say(label.zh, label.en) for label in best.speaks_for[:2]] if best is not None else []
    return "; ".join([*said, *texts])


def _names_in(path: Path | None) -> tuple[str, ...]:
    """Names of devices in a file that is to be added to; nothing of one that is not there or not right."""
    if path is None or not path.exists():
        return ()
    with suppress(OSError, ValueError):
        devices = tomllib.loads(path.read_text(encoding="utf-8")).get("device", [])
        return tuple(str(device.get("name")) for device in devices if isinstance(device, dict))
    return ()


def _new_file(profiles: Sequence[Path]) -> str:
    """What a configuration begins with; it names the further folders that profiles were taken from."""
    folders = ", ".join(json.dumps(str(folder.resolve()), ensure_ascii=False) for folder in profiles)
    return f"{_NEW_FILE}[profiles]\ndirectories = [{folders}]\n\n" if folders else _NEW_FILE


def _held(path: Path) -> str | None:
    """What the file holds that is to be added to, None where there is none yet. BadParameter if it cannot be added to."""
    try:
        if not os.access(path.parent, os.W_OK):
            raise typer.BadParameter(f"{path} cannot be written: {path.parent} is not there, or not yours to write")
        return path.read_text(encoding="utf-8") if path.exists() else None
    except (OSError, UnicodeError) as error:
        raise typer.BadParameter(f"{path} cannot be added to: {error}") from error


def _write(path: Path, text: str, profiles: Sequence[Path]) -> None:
    """Add to the file, or make it; a file that would then be wrong stays as it was. ConfigError with the mistakes."""
    from edgeguard.config import load_site_with_notes

    before = _held(path)
    head = _new_file(profiles) if before is None else f"{before.rstrip()}\n\n"
    try:
        write_whole(path, f"{head}{text}")
    except OSError as error:
        raise Permanent(f"{path} cannot be written: {error.strerror}") from error
    try:
        load_site_with_notes(path)
    except ConfigError:
        if before is None:
            path.unlink()
        else:
            write_whole(path, before)
        raise
