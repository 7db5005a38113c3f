"""`edgeguard falling`: the falls of video files, one JSON line a file or a table for people. Needs no daemon."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import typer
from rich.text import Text

from edgeguard.camera.video import VideoError
from edgeguard.camera.watch_file import Found, Report, watch_file
from edgeguard.cli.output import console, print_json, styled, table
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.text import clean
from edgeguard.config.facade import load_facade
from edgeguard.core.errors import Permanent
from edgeguard.core.facade import FacadeSpec


def falling(session: Session, videos: Sequence[Path], facade: Path | None, fps: float | None, evidence: Path | None) -> Exit:
    """Every file in turn; one that cannot be read is told and the others go on."""
    spec = load_facade(facade) if facade else FacadeSpec()
    if fps is not None:
        spec = replace(spec, fps=fps)
    if evidence is not None:
        try:
            evidence.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Permanent(f"{evidence}: cannot be made a folder for evidence: {error.strerror}") from error
    exits = [_one(session, video, spec, evidence) for video in videos]
    return max(exits, default=Exit.FINE)


def _one(session: Session, video: Path, spec: FacadeSpec, evidence: Path | None) -> Exit:
    try:
        report = watch_file(video, spec, evidence)
    except (VideoError, ValueError) as error:
        typer.echo(f"edgeguard: {clean(str(error), 4000)}", err=True)
        if session.json:
            print_json({"file": str(video), "falls": [], "error": str(error)}, indent=False)
        return Exit.WRONG
    if session.json:
        print_json(report.facts(), indent=False)
    else:
        _show(session.lang, report)
    return Exit.WRONG if report.troubles else Exit.FINE


def _show(lang: Lang, report: Report) -> None:
    out = console()
    facts = report.facts()
    count = len(report.found)
    head = lang.say(f"{count} 次坠落", f"{count} fall{'s' * (count != 1)}")
    pace = lang.say(f"{facts['realtime_factor']} 倍实时", f"{facts['realtime_factor']} x real time")
    out.print(
        Text.assemble((clean(str(report.file)), "bold"), f"  {head}; {report.frames} frames, {report.seconds:.1f} s, {pace}")
        if lang is Lang.EN
        else Text.assemble((clean(str(report.file)), "bold"), f"  {head};{report.frames} 帧,{report.seconds:.1f} 秒,{pace}")
    )
    if report.broken:
        told = lang.say(f"{report.broken} 个损坏的数据包", f"{report.broken} damaged packets")
        out.print(styled(f"  ! {told}", "yellow"))
    if count:
        out.print(_table(lang, report.found))
    for trouble in report.troubles:
        out.print(styled(f"  ! {clean(trouble, 400)}", "yellow"))


def _table(lang: Lang, found: Sequence[Found]) -> object:
    names = [
        lang.say(zh, en)
        for zh, en in (
            ("开始", "from"),
            ("结束", "to"),
            ("起点", "origin"),
            ("落点", "end"),
            ("楼层", "floor"),
            ("置信度", "confidence"),
        )
    ]
    made = table(*names, lang.say("证据", "evidence"), right=names, wrap=())
    for one in found:
        facts = one.facts()
        origin, end = ("{:.0f},{:.0f}".format(*facts[key]) for key in ("origin", "end"))
        made.add_row(
            f"{facts['t_start_s']:.2f} s",
            f"{facts['t_end_s']:.2f} s",
            origin,
            end,
            str(facts.get("floor", "-")),
            f"{facts['confidence']:.2f}",
            one.kept.clip.name if one.kept else "",
        )
    return made
