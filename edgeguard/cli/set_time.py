"""`set-time`: the time for the meters of a bus, and what their clocks show before and after."""

import typer

from edgeguard.cli.look import author
from edgeguard.cli.output import console, print_json, styled, table
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.text import clean
from edgeguard.cli.wire import somebody_is_here
from edgeguard.control import methods
from edgeguard.control.client import call
from edgeguard.control.time_views import MeterClockView

_REASON_CHARS = 120


def set_time(session: Session, bus: str, yes: bool) -> Exit:
    """Broadcast, after asking; 1 unless every meter was seen to be right afterwards."""
    lang = session.lang
    if not yes:
        if session.json or not somebody_is_here():
            raise typer.BadParameter("nobody is here to be asked; --yes broadcasts without asking")
        question = lang.say(
            f"为总线 {clean(bus)} 上所有 DL/T 645 与 CJ/T 188 仪表校时?",
            f"Set the clocks of all DL/T 645 and CJ/T 188 meters on {clean(bus)}?",
        )
        if not typer.confirm(question, default=False):
            console().print(lang.say("未广播", "nothing was broadcast"))
            return Exit.WRONG
    done = call(session.socket, methods.SET_TIME, {"bus": bus, "by": author()})
    fine = done.fate == "done"
    if session.json:
        print_json(done)
        return Exit.FINE if fine else Exit.WRONG
    columns = lang.say(("仪表", "校时前", "校时后", "结果"), ("meter", "before", "after", "result"))
    grid = table(*columns, right=columns[1:3], wrap=columns[3:])
    for meter in done.meters:
        grid.add_row(clean(meter.device), _off(meter.before_s), _off(meter.after_s), _said(meter, lang))
    console().print(grid)
    sent = lang.say(
        f"{done.at} 已发送 {done.frames} 帧;广播没有应答,以上为读取各表时钟所得",
        f"sent at {done.at}, {done.frames} frame(s); nobody answers a broadcast: this is what the meters' clocks show",
    )
    console().print(styled(sent, "dim"))
    return Exit.FINE if fine else Exit.WRONG


def _off(seconds: float | None) -> str:
    return "—" if seconds is None else f"{seconds:+.1f} s"


def _said(meter: MeterClockView, lang: Lang) -> str:
    """What became of one meter, and what to do if it is not right."""
    words = {
        "right": ("准确", "right"),
        "set": ("已校准", "set"),
        "too-far": (
            "偏差超过 5 分钟,电表不接受广播校时;请用厂家工具单独校时",
            "off by more than 5 minutes: it does not obey a broadcast; set it alone, with the maker's tool",
        ),
        "ignored": ("未接受:今天可能已校过时", "did not obey; perhaps it has been set today already"),
        "unknown": ("无法读取时钟", "its clock could not be read"),
    }
    pair = words.get(meter.verdict)
    said = lang.say(*pair) if pair else clean(meter.verdict, 32)
    return f"{said} ({clean(meter.reason, _REASON_CHARS)})" if meter.reason else said
