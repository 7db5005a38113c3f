"""`rules` and `reaction`: which domain rules watch what, and what alarms do to outputs. Each function returns an exit code."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from edgeguard.cli.look import author
from edgeguard.cli.output import console, print_json, styled, table
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.text import clean, label, word
from edgeguard.control import methods
from edgeguard.control.client import call
from edgeguard.control.rule_views import ReactionView, RuleView
from edgeguard.core.ids import DeviceName
from edgeguard.core.profile import DeviceProfile


def rules(session: Session, device: str | None, config: Path | None) -> Exit:
    """The domain rules: those that watch, with limits and inputs; and what the others lack."""
    if config is None:
        views = call(session.socket, methods.RULES, {"device": device} if device else {})
    else:
        views = _offline(config, device)
    if session.json:
        print_json(views)
        return Exit.FINE
    tell_rules(session.lang, views)
    return Exit.FINE


def _offline(config: Path, device: str | None) -> tuple[RuleView, ...]:
    from edgeguard.config import load_site
    from edgeguard.core.errors import Permanent
    from edgeguard.runtime.rule_show import rule_views

    specs = [spec for spec in load_site(config).devices if device is None or spec.name == device]
    if not specs:
        raise Permanent(f"there is no device {device}")
    return tuple(view for spec in specs for view in rule_views(spec.name, spec.domain, spec.alarms, spec.profile.points))


def profile_rules(profile: DeviceProfile) -> tuple[RuleView, ...]:
    """The domain rules that watch a device of this model by itself, without a group."""
    from edgeguard.config.domain_asleep import asleep
    from edgeguard.config.domain_check import Draft, domains
    from edgeguard.runtime.rule_show import rule_views

    name = DeviceName(profile.name)
    draft = Draft(name, profile, frozenset(alarm.name for alarm in profile.alarms))
    domain = domains([draft], ())[name]
    return rule_views(name, replace(domain, missing=(*domain.missing, *asleep([draft], ())[name])), None)


def tell_rules(lang: Lang, views: Iterable[RuleView], whole: bool = True) -> None:
    """A table for people. `whole`: with the devices and what their alarms are called."""
    out = console()
    states = {
        "on": lang.say("启用", "on"),
        "off": lang.say("已停用", "off"),
        "own": lang.say("自有报警代替", "own alarm"),
        "lacking": lang.say("未启用", "no"),
    }
    text, needs = lang.say("说明", "watches for"), lang.say("输入 / 缺少", "inputs / lacks")
    name = lang.say("报警", "alarm") if whole else lang.say("规则", "rule")
    severity, limit, delay = lang.say("级别", "severity"), lang.say("限值", "limit"), lang.say("延时", "delay")
    made = table(name, lang.say("状态", "state"), severity, limit, delay, text, needs, wrap=(text, needs))
    for view in views:
        lacking = view.state == "lacking"
        lacks = view.line or ", ".join(view.lacks)
        inputs = lang.say("缺: ", "lacks ") + lacks if lacking else ", ".join(_short(view))
        made.add_row(
            styled(clean(view.alarm if whole else view.rule), "dim" if view.state != "on" else ""),
            states[view.state],
            word(view.severity, lang),
            _limit(view),
            f"{view.on_delay_s:g} s" if view.on_delay_s else "",
            label(view.text, lang),
            clean(inputs),
        )
    out.print(made)


def _short(view: RuleView) -> list[str]:
    """Its inputs; points of its own device without the device's name, which stands before the alarm's."""
    own = f"{view.alarm.partition('.')[0]}."
    return [name.removeprefix(own) for name in view.inputs]


def _limit(view: RuleView) -> str:
    if isinstance(view.limit, int | float) and not isinstance(view.limit, bool):
        return f"{view.limit:g} {view.unit}"
    return ""


def reactions(session: Session) -> Exit:
    """All of them; exit 1 if one has failed, or cannot be ended."""
    views = call(session.socket, methods.REACTIONS)
    if session.json:
        print_json(views)
    elif views:
        _tell(session.lang, views)
    else:
        console().print(session.lang.say("没有配置联动([[reaction]])", "no reaction is configured: [[reaction]]"))
    return Exit.WRONG if any(_is_wrong(view) for view in views) else Exit.FINE


def _is_wrong(view: ReactionView) -> bool:
    return view.phase == "failed" or view.stuck


def act(session: Session, name: str, action: str) -> Exit:
    """Hold, release, stop or test one."""
    view = call(session.socket, methods.REACTION, {"name": name, "action": action, "by": author()})
    if session.json:
        print_json(view)
        return Exit.FINE
    _tell(session.lang, (view,))
    if view.verdict:
        console().print(clean(view.verdict))
    return Exit.FINE


def _tell(lang: Lang, views: Iterable[ReactionView]) -> None:
    phases = {
        "idle": lang.say("待命", "idle"),
        "starting": lang.say("启动中", "starting"),
        "on": lang.say("已动作", "on"),
        "ending": lang.say("复位中", "ending"),
        "spent": lang.say("已结束", "spent"),
        "yielded": lang.say("让给人工", "yielded"),
        "failed": lang.say("失败", "failed"),
    }
    why = lang.say("原因", "why")
    made = table(
        lang.say("联动", "reaction"), lang.say("方式", "mode"), lang.say("状态", "phase"), lang.say("报警", "alarm"),
        lang.say("输出", "output"), lang.say("次/时", "per hour"), why, wrap=(why,),
    )  # fmt: skip
    for view in views:
        held = lang.say(f"由 {view.held_by} 停用", f"held by {view.held_by}") if view.held_by else ""
        made.add_row(
            clean(view.name),
            clean(view.mode),
            styled(phases[view.phase], "bold red" if _is_wrong(view) else ""),
            clean(view.alarm),
            clean(f"{view.target} = {view.value}"),
            f"{view.starts_last_hour}/{view.per_hour}",
            clean(held or view.why),
        )
    console().print(made)
