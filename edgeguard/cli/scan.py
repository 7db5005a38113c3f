"""`scan`: what hangs on a wire, through the daemon's own bus or on a port of one's own. Returns an exit code."""

import asyncio
import math
import os
import random
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Final

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from edgeguard.cli.output import console, print_json, styled, table
from edgeguard.cli.scan_file import add_rows, place_in, taken_names, text_of
from edgeguard.cli.scan_snippet import BusPlace, known_as, snippet
from edgeguard.cli.session import Exit, Session
from edgeguard.cli.text import clean, duration
from edgeguard.control import methods
from edgeguard.control.client import call
from edgeguard.control.errors import DaemonSilent
from edgeguard.control.scan_views import FoundView, ScanView
from edgeguard.core.errors import Permanent
from edgeguard.core.ids import BusName
from edgeguard.core.site import BusSpec, Wire

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
        text_of(options.write)  # it is told now if it cannot be, not after minutes of scanning
    bar = _Bar(session)
    with bar:
        if options.bus is not None:
            view, place = _through_daemon(session, options, options.bus, bar)
        else:
            view, place = _by_itself(session, options, bar)
    place = place_in(options.write, place)
    names = taken_names(options.write)
    text = snippet(view, place, names) if view.found else ""
    if session.json:
        print_json({"scan": view, "snippet": text})
    else:
        _show(session, view, text)
    if options.write is not None and view.found:
        new = replace(view, found=tuple(found for found in view.found if not known_as(found, place)))
        if new.found:
            add_rows(options.write, snippet(new, place, names), options.profiles)
            zh, en = f"已写入 {options.write}", f"written to {options.write}"
        else:
            zh, en = f"没有要写入 {options.write} 的新设备", f"nothing new for {options.write}"
        if not session.json:
            console().print(session.lang.say(zh, en))
    return Exit.FINE if view.found and view.ended in ("complete", "stopped") else Exit.WRONG


class _Bar:
    """What a scan tells while it goes on, on standard error: what is expected, each device as it is found, on a terminal a bar."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._told = 0

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def show(self, view: ScanView) -> None:
        """How far it is now."""
        lang = self._session.lang
        if self._task is None:
            self._begin(view)
        for found in view.found[self._told :]:
            self._tell(_line_of(self._session, found))
        self._told = len(view.found)
        if self._progress is not None and self._task is not None:
            found_now = lang.say(f"已发现 {self._told}", f"{self._told} found")
            text = f"{found_now}  {clean(view.doing, 60)}"
            whole_s = max(view.elapsed_s + view.rest_s, 0.1)
            self._progress.update(self._task, completed=view.elapsed_s, total=whole_s, description=text)

    def _begin(self, view: ScanView) -> None:
        lang = self._session.lang
        alone = duration(view.asking_s, lang)
        least, most = (duration(math.ceil(look_s), lang) for look_s in view.look_s)
        each = least if least == most else lang.say(f"{least} 至 {most}", f"{least} to {most}")
        zh = f"{view.questions} 次询问:无人应答约 {alone},每识别一台设备约 {each}"
        en = f"{view.questions} questions: about {alone} if nobody answers, and {each} for each device that does"
        self._task = TaskID(-1)
        if view.questions:
            self._tell(lang.say(zh, en))
        if view.questions and sys.stderr.isatty():
            from rich.console import Console

            columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
            self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
            self._progress.start()
            self._task = self._progress.add_task("", total=view.expected_s or 1.0)

    def _tell(self, text: str) -> None:
        """A line that stays; above the bar, where there is one."""
        if self._progress is not None:
            self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()


def _line_of(session: Session, found: FoundView) -> str:
    """A device in a line."""
    name, fit = _named(found)
    at = " ".join(part for part in (found.protocol, found.line, clean(found.address)) if part)
    told = session.lang.say(f"发现 {at}:{name}", f"found {at}: {name}")
    return f"{told} {fit}".rstrip()


def _named(found: FoundView) -> tuple[str, str]:
    """The profile that fits best, with a question mark where another does nearly as well, and how well it fits."""
    best = found.best
    return ("—", "") if best is None else (clean(best.profile) + ("?" if found.doubtful else ""), f"{best.value:.0%}")


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
    bar.show(view)
    (wire,) = call(session.socket, methods.BUSES, {"bus": bus})
    return view, BusPlace(bus, "port", wire.where, wire.line, exists=True)


def _by_itself(session: Session, options: ScanOptions, bar: _Bar) -> tuple[ScanView, BusPlace]:
    """With a bus of its own; refused where the daemon has the same one."""
    if options.port is not None:
        spec = BusSpec(BusName("line-1"), Wire.SERIAL_RTU, device=PurePath(options.port))
        place = BusPlace("line-1", "port", options.port, "", exists=False)
    else:
        spec = _network(options.tcp or "", options)
        host = f"[{spec.host}]" if ":" in spec.host else spec.host
        place = BusPlace(spec.name, "url", f"{spec.wire.value}://{host}:{spec.port}", "", exists=False)
    _refuse_if_held(session, spec.where)
    return asyncio.run(_scan_alone(options, spec, bar.show)), place


def _network(text: str, options: ScanOptions) -> BusSpec:
    """HOST, HOST:PORT or a URL; BadParameter where it is none, or cannot be scanned without the daemon."""
    from edgeguard.config.endpoint import bus_endpoint

    try:
        endpoint = bus_endpoint(text if "://" in text else f"{Wire.TCP.value}://{text}")
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    wire = Wire(endpoint.scheme)
    if wire is Wire.TLS:
        raise typer.BadParameter("tls:// needs certificates: name the bus in the configuration, and scan it with --bus")
    if wire.is_line and (options.baudrates or options.parities):
        raise typer.BadParameter("a serial server's speed and parity are set in the serial server, not here")
    name = "line-1" if wire.is_line else "network-1"
    return BusSpec(BusName(name), wire, host=endpoint.host, port=endpoint.port)


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
    view = scan_view(spec, explorer.progress, by_name)
    show(view)
    return view


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
        name, fit = _named(found)
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
