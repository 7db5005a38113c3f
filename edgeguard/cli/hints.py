"""`hints` and `service`: what wears out, by which figures, until when; and what a technician has done about it."""

from typing import Final

import typer
from rich.padding import Padding

from edgeguard.cli.look import author
from edgeguard.cli.output import console, print_json, styled, table
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.text import clean, label, number
from edgeguard.cli.wire import somebody_is_here
from edgeguard.control import methods
from edgeguard.control.client import call
from edgeguard.control.hint_views import HintsView, HintView, WatchedView

_BARS: Final = "▁▂▃▄▅▆▇█"
_SENTENCE_CHARS: Final = 1000
_INDENTED: Final = (0, 0, 0, 2)


def hints(session: Session, device: str | None, everything: bool) -> Exit:
    """What stands, and with `everything` what is watched at all. 1 if a limit is passed or a service due."""
    args: dict[str, str | bool] = {"all": everything}
    if device:
        args["device"] = device
    found = call(session.socket, methods.HINTS, args)
    late = any(hint.seen == "passed" and hint.snoozed_until is None for hint in found.hints)
    if session.json:
        print_json(found)
        return Exit.WRONG if late else Exit.FINE
    lang = session.lang
    if not found.hints:
        console().print(lang.say("没有保养提示", "no maintenance hints"))
    for hint in found.hints:
        _print_hint(hint, lang)
    if everything:
        _print_watched(found, lang)
    return Exit.WRONG if late else Exit.FINE


def _print_hint(hint: HintView, lang: Lang) -> None:
    """Its name, what was seen, the picture, what to check."""
    head = f"{clean(hint.id)}  {lang.say('可信度', 'confidence')} {int(100 * hint.confidence)} %"
    if hint.snoozed_until is not None:
        head += lang.say(f"  已搁置至 {hint.snoozed_until}", f"  put aside until {hint.snoozed_until}")
    console().print(styled(head, "red" if hint.seen == "passed" else "yellow"))
    console().print(Padding(clean(lang.say(hint.text.zh, hint.text.en), _SENTENCE_CHARS), _INDENTED))
    if hint.history:
        shown = lang.say(f"近 {len(hint.history)} 天", f"last {len(hint.history)} days")
        console().print(styled(f"  {spark(hint.history)}  {shown}", "dim"))
    check = clean(lang.say(hint.check.zh, hint.check.en), _SENTENCE_CHARS)
    console().print(Padding(f"→ {check}", _INDENTED))


def spark(history: tuple[float | None, ...]) -> str:
    """A bar a day, from the lowest to the highest figure; a dot where a day has none."""
    known = [value for value in history if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    steps = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join("·" if value is None else _BARS[round((value - low) * steps)] for value in history)


_STATES: Final = {
    "learning": ("学习中", "learning"),
    "watched": ("监视中", "watched"),
    "silent": ("无数据", "no data"),
    "no-limit": ("正常值已超限值", "normal is beyond the limit"),
    "counting": ("计数中", "counting"),
}.get


def _print_watched(found: HintsView, lang: Lang) -> None:
    columns = lang.say(
        ("设备", "名称", "内容", "状态", "天数", "基准", "现在", "限值", "进度"),
        ("device", "name", "what", "state", "days", "reference", "now", "limit", "way"),
    )
    grid = table(*columns, right=columns[4:], wrap=(columns[2],))
    for one in found.watched:
        state = lang.say(*(_STATES(one.state) or (one.state, one.state)))
        way = "—" if one.share is None else f"{100 * one.share:.0f} %"
        limit = _figure(one.limit, one) + ("*" if one.assumed else "")
        grid.add_row(
            clean(one.device), clean(one.name), label(one.labels, lang), clean(state, 40), str(one.days),
            _figure(one.reference, one), _figure(one.level, one), limit, way,
        )  # fmt: skip
    console().print(grid)
    if any(one.assumed for one in found.watched):
        console().print(
            styled(
                lang.say("* 产品默认周期,可在 [device.maintenance] 中设定", "* our own default; set it in [device.maintenance]"),
                "dim",
            )
        )


def _figure(value: float | None, one: WatchedView) -> str:
    return "—" if value is None else f"{number(value)} {clean(one.unit, 16)}".rstrip()


def service(session: Session, device: str, done: str, about: list[str], yes: bool) -> Exit:
    """Record a service, after asking."""
    lang = session.lang
    if not yes:
        if session.json or not somebody_is_here():
            raise typer.BadParameter("nobody is here to be asked; --yes records without asking")
        what = ", ".join(about) or lang.say("全部计数与基准", "every counter and reference")
        question = lang.say(
            f"登记 {clean(device)} 的保养并重置{clean(what)}?", f"Record a service of {clean(device)} and reset {clean(what)}?"
        )
        if not typer.confirm(question, default=False):
            console().print(lang.say("未登记", "nothing was recorded"))
            return Exit.WRONG
    view = call(session.socket, methods.SERVICE, {"device": device, "done": done, "about": about, "by": author()})
    if session.json:
        print_json(view)
        return Exit.FINE
    gone = ", ".join(map(clean, view.withdrawn)) or lang.say("无", "none")
    console().print(
        lang.say(
            f"已登记 {view.day};撤销的提示:{gone};重新开始:{', '.join(map(clean, view.reset))}",
            f"on record for {view.day}; hints withdrawn: {gone}; begun anew: {', '.join(map(clean, view.reset))}",
        )
    )
    return Exit.FINE


def snooze(session: Session, hint: str, days: int) -> Exit:
    """Put a hint aside."""
    view = call(session.socket, methods.SNOOZE_HINT, {"hint": hint, "days": days, "by": author()})
    if session.json:
        print_json(view)
    else:
        console().print(
            session.lang.say(f"{clean(view.id)} 已搁置至 {view.until}", f"{clean(view.id)} is put aside until {view.until}")
        )
    return Exit.FINE
