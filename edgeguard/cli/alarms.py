"""`alarms`, `ack`, `shelve` and their like: what stands, and what a person has done to it. Each function returns an exit code."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from rich.padding import Padding
from rich.text import Text

from edgeguard.cli.look import author, sort_alarms, value_and_limit
from edgeguard.cli.output import console, print_json, styled, table
from edgeguard.cli.problems import seconds_since
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.text import age, clean, label, style, word
from edgeguard.control import methods
from edgeguard.control.client import call
from edgeguard.control.methods import Method
from edgeguard.control.views import AlarmView

_ASKED: Final[Mapping[str, Method[AlarmView]]] = MappingProxyType(
    {method.name: method for method in (methods.ACK, methods.SHELVE, methods.UNSHELVE, methods.OUT_OF_SERVICE, methods.IN_SERVICE)}
)


def ask(session: Session, action: str, alarm: str, **more: str) -> Exit:
    """Have something done to one alarm, and say what it is now."""
    view = call(session.socket, _ASKED[action], {"alarm": alarm, "by": author(), **more})
    if session.json:
        print_json(view)
        return Exit.FINE
    held = held_back(view, session.lang)
    console().print(f"{clean(view.alarm)}: {word(view.state, session.lang)}{f' ({held})' if held else ''}")
    return Exit.FINE


def alarms(session: Session, everything: bool) -> Exit:
    """Alarms that are not normal, most severe first."""
    lang = session.lang
    views = call(session.socket, methods.ALARMS, {"all": everything})
    if session.json:
        print_json(views)
        return Exit.FINE
    out = console()
    if not views:
        out.print(styled(lang.say("✓ 没有报警", "✓ no alarms"), "green"))
        return Exit.FINE
    now = datetime.now(UTC)
    old = lang.say("持续", "since")
    made = table(
        lang.say("级别", "severity"),
        lang.say("状态", "state"),
        old,
        lang.say("报警", "alarm"),
        lang.say("值 / 限值", "value / limit"),
        lang.say("说明", "what"),
        right=(old,),
        wrap=(lang.say("说明", "what"),),
    )
    for view in sort_alarms(views):
        made.add_row(
            styled(word(view.severity, lang) + ("↑" if view.escalated else ""), style(view.severity)),
            _state(view, lang),
            age(seconds_since(view.since, now), lang) if view.since else "—",
            clean(view.alarm) + (" ★" if view.first_out else ""),
            value_and_limit(view, lang),
            _what(view, lang),
        )
    out.print(made)
    for hint in _hints(views, lang):
        out.print(Padding(styled(hint, "dim"), (1, 0, 0, 0)))
    return Exit.FINE


def _state(view: AlarmView, lang: Lang) -> Text:
    gone = lang.say("(锁存)", " (latched)") if view.latched else ""
    return styled(word(view.state, lang) + gone, style(view.state))


def _what(view: AlarmView, lang: Lang) -> str:
    """The text, how many alarms it stands for, and why it is withheld."""
    parts = [label(view.text, lang)]
    if view.suppressed:
        parts.append(lang.say(f"抑制 {view.suppressed} 个报警", f"keeps back {view.suppressed}"))
    held = held_back(view, lang)
    return " · ".join([*parts, held] if held else parts)


def held_back(view: AlarmView, lang: Lang) -> str:
    """By whom, why, until when an alarm is withheld, and what it is beneath; empty if it is not withheld."""
    if not view.beneath:
        return ""
    parts = [lang.say(f"实际{word(view.beneath, lang)}", f"beneath: {word(view.beneath, lang)}")]
    if view.by:
        parts.append(f"{clean(view.by)}: {clean(view.reason)}")
    if view.until:
        until = datetime.fromisoformat(view.until).astimezone()
        parts.append(lang.say(f"至 {until:%m-%d %H:%M}", f"until {until:%m-%d %H:%M}"))
    return lang.say(",", ", ").join(parts)


def _hints(views: tuple[AlarmView, ...], lang: Lang) -> list[str]:
    hints = []
    if any(view.state in ("active", "returned") for view in views):
        hints.append(lang.say("→ 确认:edgeguard ack 报警名", "→ to acknowledge: edgeguard ack ALARM"))
    if any(view.first_out for view in views):
        hints.append(lang.say("★ 本组最先发生", "★ came first in its group"))
    return hints
