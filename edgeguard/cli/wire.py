"""`read` and `write`: at once, through the daemon's own turn on the bus. Each function returns an exit code."""

import json
import sys

import typer
from rich.table import Table

from edgeguard.cli.look import author, points_table
from edgeguard.cli.output import console, print_json, styled
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.text import clean, label, number, point_value, value_text, word
from edgeguard.control import methods
from edgeguard.control.client import call
from edgeguard.control.errors import CallRefused
from edgeguard.control.views import PointView, WriteRuleView, WriteView
from edgeguard.core.errors import WriteRefused
from edgeguard.core.point import Value


def read(session: Session, targets: list[str]) -> Exit:
    """Points as the devices give them now; 1 if any of them gives no good value."""
    for target in targets:
        if not target.partition(".")[0]:
            raise typer.BadParameter(f"{target!r} is neither DEVICE nor DEVICE.POINT")
    views = call(session.socket, methods.READ, {"targets": targets})
    if session.json:
        print_json(views)
    else:
        console().print(points_table(views, session.lang))
    return Exit.FINE if views and all(view.quality == "good" for view in views) else Exit.WRONG


def write(session: Session, what: list[str], yes: bool) -> Exit:
    """`DEVICE.POINT VALUE`, or one or more `DEVICE.POINT=VALUE`, after asking; 1 unless everything was done."""
    wishes = _wishes(what)
    if not yes and (session.json or not somebody_is_here()):
        raise typer.BadParameter("nobody is here to be asked; --yes writes without asking")
    views = [_find(session, device, point) for device, point, _ in wishes]
    values = [_value(view, text) for view, (_, _, text) in zip(views, wishes, strict=True)]
    if not yes:
        for view, value in zip(views, values, strict=True):
            _show(session, view, value)
        question = session.lang.say("写入?", "Write this?")
        if not typer.confirm(question, default=False):
            console().print(session.lang.say("未写入", "nothing was written"))
            return Exit.WRONG
    if len(views) == 1:
        return _write_one(session, views[0], values[0])
    return _write_several(session, views, values)


def _wishes(what: list[str]) -> list[tuple[str, str, str]]:
    """Device, point and text of each."""
    is_pair = len(what) == 2 and "=" not in what[0]
    assignments = [(what[0], "=", what[1])] if is_pair else [wish.partition("=") for wish in what]
    wishes = []
    for target, equals, text in assignments:
        device, _, point = target.partition(".")
        if not device or not point:
            raise typer.BadParameter(f"{target!r} is not DEVICE.POINT")
        if not equals:
            raise typer.BadParameter(
                f"{target!r} has no value; write DEVICE.POINT VALUE, or DEVICE.POINT=VALUE for each of several"
            )
        wishes.append((device, point, text))
    return wishes


def _write_one(session: Session, view: PointView, value: Value) -> Exit:
    done = call(session.socket, methods.WRITE, {"device": view.device, "point": view.point, "value": value, "by": author()})
    if session.json:
        print_json(done)
    else:
        _tell(session, view, done)
    return Exit.FINE if done.verified else Exit.WRONG


def _write_several(session: Session, views: list[PointView], values: list[Value]) -> Exit:
    targets = [f"{view.device}.{view.point}" for view in views]
    args = {"targets": targets, "values": [json.dumps(value) for value in values], "by": author()}
    done = call(session.socket, methods.WRITE_SEVERAL, args)
    if session.json:
        print_json(done)
    else:
        for view, told in zip(views, done.writes, strict=True):
            _tell(session, view, told)
        console().print(styled(f"→ {word(done.fate, session.lang)}", "bold"))
    return Exit.FINE if done.fate == "done" else Exit.WRONG


def _tell(session: Session, view: PointView, done: WriteView) -> None:
    """What became of one write, and what to do if it is not what was meant."""
    lang, unit, target = session.lang, f" {clean(view.unit, 16)}" if view.unit else "", f"{clean(view.device)}.{clean(view.point)}"
    written = value_text(done.written, lang, view.decimals)
    detail = f"; {clean(done.detail, 1000)}" if done.detail else ""
    if done.fate in ("refused", "not-sent"):
        console().print(styled(f"✗ {target} = {written}{unit}: {word(done.fate, lang)}{detail}", "bold red"))
        return
    read_back = value_text(done.read_back, lang, view.decimals)
    told = lang.say(f"读回 {read_back}{unit},{done.took_ms:.0f} ms", f"read back {read_back}{unit}, {done.took_ms:.0f} ms")
    mark, style = ("✓", "bold green") if done.verified else ("✗", "bold red")
    fate = "" if done.verified or done.fate == "done" else f"{word(done.fate, lang)}; "
    console().print(styled(f"{mark} {target} = {written}{unit} ({fate}{told}{detail})", style))
    if not done.verified:
        advice = lang.say(
            f"→ 设备未按写入值应答;稍后再读:edgeguard read {target}",
            f"→ the device does not show what was written; look again: edgeguard read {target}",
        )
        console().print(styled(advice, "dim"))


def somebody_is_here() -> bool:
    """Whether a question can be answered."""
    return sys.stdin.isatty()


def _find(session: Session, device: str, point: str) -> PointView:
    for view in call(session.socket, methods.POINTS, {"device": device}):
        if view.point == point:
            return view
    raise CallRefused("unknown-name", f"{device} has no point {point}; see: edgeguard points {device}")


def _value(view: PointView, text: str) -> Value:
    """What `text` means for this point. WriteRefused where the point's rule shows that the daemon would refuse."""
    name, rule = f"{view.device}.{view.point}", view.write_rule
    if not view.writable:
        raise WriteRefused(f"{name} is read-only")
    if rule is not None and rule.choices:
        if text not in rule.choices:
            raise WriteRefused(f"{name}: {text!r} is not one of {', '.join(rule.choices)}")
        return text
    value = _parse(view, text)
    if isinstance(value, bool | str) or rule is None:
        return value
    below = rule.minimum is not None and value < rule.minimum
    above = rule.maximum is not None and value > rule.maximum
    if below or above:
        raise WriteRefused(f"{name}: {text} is outside {_limits(rule, view.unit)}")
    return value


_TRUE, _FALSE = ("true", "on", "yes", "1"), ("false", "off", "no", "0")


def _parse(view: PointView, text: str) -> Value:
    if isinstance(view.value, bool):
        if text.lower() not in _TRUE + _FALSE:
            raise WriteRefused(f"{view.device}.{view.point}: {text!r} is neither true nor false")
        return text.lower() in _TRUE
    if isinstance(view.value, str):
        return text
    for parse in (int, float):
        try:
            value = parse(text)
        except ValueError:
            continue
        if value - value == 0:  # neither infinite nor NaN
            return value
    if text.lower() in ("true", "false") and view.value is None:
        return text.lower() == "true"
    raise WriteRefused(f"{view.device}.{view.point}: {text!r} is not a number")


def _limits(rule: WriteRuleView | None, unit: str) -> str:
    if rule is None:
        return "—"
    if rule.choices:
        return ", ".join(clean(choice) for choice in rule.choices)
    low, high = (("…" if bound is None else number(bound)) for bound in (rule.minimum, rule.maximum))
    return f"{low} … {high} {clean(unit, 16)}".rstrip()


def _show(session: Session, view: PointView, value: Value) -> None:
    """What would change, so that the answer is an informed one."""
    lang: Lang = session.lang
    unit = f" {clean(view.unit, 16)}" if view.unit else ""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_row(lang.say("点", "point"), f"{clean(view.device)}.{clean(view.point)}   {label(view.labels, lang)}")
    quality = "" if view.quality == "good" else f" ({clean(view.quality)}: {clean(view.reason, 80)})"
    grid.add_row(lang.say("现值", "now"), point_value(view, lang) + quality)
    grid.add_row(lang.say("新值", "new"), styled(value_text(value, lang) + unit, "bold"))
    grid.add_row(lang.say("允许", "allowed"), _limits(view.write_rule, view.unit))
    console().print(grid)
