"""`cameras`: whether every camera sees, and what it costs. `camera NAME`: the process that looks at one."""

import sys
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from rich.text import Text

from edgeguard.cli.look import author
from edgeguard.cli.output import console, print_json, styled, table
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.text import clean, label
from edgeguard.control import call, methods
from edgeguard.control.camera_views import CameraView
from edgeguard.core.errors import Permanent

if TYPE_CHECKING:
    from edgeguard.config.handover import Handover

_STATES: Final = MappingProxyType(
    {
        "well": ("正常", "well", "green"),
        "blind": ("异常", "blind", "bold red"),
        "starting": ("启动中", "starting", "yellow"),
        "failed": ("故障", "failed", "bold red"),
    }
)


def cameras(session: Session) -> Exit:
    """Every camera; exit 1 when something is wrong with one."""
    views = call(session.socket, methods.CAMERAS)
    wrong = any(view.troubles or view.state == "failed" for view in views)
    if session.json:
        print_json(views)
        return Exit.WRONG if wrong else Exit.FINE
    out, lang = console(), session.lang
    if not views:
        out.print(lang.say("没有摄像头", "no cameras"))
        return Exit.FINE
    figures = tuple(
        lang.say(zh, en)
        for zh, en in (("帧/秒", "fps"), ("丢帧", "skipped"), ("连接", "calls"), ("内存", "memory"), ("事件", "seen"))
    )
    heads = (("摄像头", "camera"), ("状态", "state"), ("任务", "task"), ("画面", "picture"))
    made = table(*(lang.say(*head) for head in heads), *figures, right=figures)
    for view in views:
        made.add_row(*_row(view, lang))
    out.print(made)
    for view in views:
        for trouble in view.troubles:
            words = trouble.text.zh if lang is Lang.ZH else trouble.text.en
            since = lang.say(f"自 {trouble.since}", f"since {trouble.since}")
            detail = f" ({clean(trouble.detail, 200)})" if trouble.detail else ""
            out.print(styled(f"! {clean(view.name)} {words}, {since}{detail}", "red"))
        if view.state == "failed" and not view.troubles:
            out.print(styled(f"! {clean(view.name)}: {clean(view.error, 300)}", "red"))
    return Exit.WRONG if wrong else Exit.FINE


def accept_view(session: Session, camera: str) -> Exit:
    """What the camera shows now is what it should show."""
    view = call(session.socket, methods.ACCEPT_VIEW, {"camera": camera, "by": author()})
    if session.json:
        print_json(view)
    else:
        zh, en = f"✓ {camera} 将以现在的画面为准", f"✓ what {camera} shows now is right from now on"
        console().print(styled(session.lang.say(zh, en), "green"))
    return Exit.FINE


def process(name: str, config: Path, parent: int | None) -> int:
    """The process of one camera, until SIGTERM: of the daemon `parent`, which says on standard input what to do, or of `config`."""
    from edgeguard.camera.process import run_camera
    from edgeguard.config.handover import taken
    from edgeguard.runtime.clock import SystemClock
    from edgeguard.runtime.log import configure_log

    try:
        papers = _papers_of(name, config) if parent is None else taken(sys.stdin.buffer)
        configure_log(papers.log)
        return run_camera(papers.camera, Path(papers.socket), Path(papers.state), SystemClock(), parent)
    except Permanent as error:
        # 2 tells the daemon that starting it again would not help.
        sys.stderr.write(f"{error}\n")
        return Exit.BAD_USAGE


def _papers_of(name: str, config: Path) -> "Handover":
    from edgeguard.config import load_site
    from edgeguard.config.handover import Handover

    site = load_site(config)
    for spec in site.cameras:
        if spec.name == name:
            return Handover(spec, site.log, str(site.control.socket), str(site.store.directory))
    known = ", ".join(spec.name for spec in site.cameras) or "none"
    raise Permanent(f"{site.source}: there is no camera {name} (there are: {known})")


def _row(view: CameraView, lang: Lang) -> tuple[str | Text, ...]:
    zh, en, style = _STATES[view.state]
    share = 100 * view.skipped / view.pictures if view.pictures else 0.0
    return (
        Text.assemble(clean(view.name), (f"  {label(view.labels, lang)}", "dim")),
        styled(lang.say(zh, en), style),
        view.task,
        f"{view.width}x{view.height} {clean(view.codec)}" if view.width else "—",
        f"{view.rate:.1f}" if view.rate else "—",
        f"{view.skipped} ({share:.1f} %)" if view.skipped else "0",
        str(view.connections),
        f"{view.rss_mib:.0f} MiB" if view.rss_mib else "—",
        str(view.sightings),
    )
