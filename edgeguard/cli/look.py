"""`status`, `devices`, `points`, `alarms`, `outbox`: what the daemon knows now. Each function returns an exit code."""

import asyncio
import dataclasses
import getpass
from collections.abc import Sequence
from typing import Final

from rich.table import Table
from rich.text import Text

from edgeguard.cli.output import console, print_json, styled, table
from edgeguard.cli.problems import Problem, diagnose, moment_of, seconds_since
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.text import (
    age,
    clean,
    days,
    duration,
    label,
    number,
    period,
    size,
    style,
    value_text,
    word,
)
from edgeguard.control import methods
from edgeguard.control.client import ControlClient, call
from edgeguard.control.line_views import BusView
from edgeguard.control.views import AlarmView, DeviceView, OutboxView, PointView, StatusView

PROFILE_FROM_CELLS: Final = 110
"""From this width on `devices` shows profiles and labels too."""


@dataclasses.dataclass(frozen=True, slots=True)
class Overview:
    """What `status` asks for, at one moment."""

    status: StatusView
    devices: tuple[DeviceView, ...]
    alarms: tuple[AlarmView, ...]
    outbox: OutboxView
    buses: tuple[BusView, ...]


def status(session: Session) -> Exit:
    """The daemon as a whole, problems first."""
    view = overview(session)
    problems = diagnose(view.status, view.devices, view.alarms, view.outbox, moment_of(view.status), view.buses)
    exit_code = Exit.WRONG if any(problem.wrong for problem in problems) else Exit.FINE
    if session.json:
        print_json({**dataclasses.asdict(view.status), "problems": problems})
        return exit_code
    out, lang = console(), session.lang
    told = view.status
    out.print(
        Text.assemble(
            (f"{clean(told.site)}/{clean(told.gateway)}", "bold"),
            f"   edgeguard {clean(told.version)}   {lang.say('已运行', 'up')} {duration(told.uptime_s, lang)}"
            f"   {told.rss_mib:.0f} MiB   CPU {100 * told.cpu_s / max(told.uptime_s, 1):.1f} %",
        )
    )
    out.print()
    for problem in problems:
        out.print(_problem(problem, lang))
    if not problems:
        out.print(styled(lang.say("✓ 一切正常", "✓ all is well"), "bold green"))
    out.print()
    out.print(_figures(view, lang))
    return exit_code


def overview(session: Session) -> Overview:
    """The daemon at one moment. DaemonSilent if there is none."""
    return asyncio.run(_overview(session))


async def _overview(session: Session) -> Overview:
    async with ControlClient(session.socket) as client:
        return Overview(
            await client.call(methods.STATUS),
            await client.call(methods.DEVICES),
            await client.call(methods.ALARMS),
            await client.call(methods.OUTBOX),
            await client.call(methods.BUSES),
        )


def _problem(problem: Problem, lang: Lang) -> Table:
    grid = Table.grid(padding=(0, 1))
    mark = styled("✗", "bold red") if problem.wrong else styled("!", "yellow")
    grid.add_row(mark, Text(label(problem.text, lang), style="bold" if problem.wrong else ""))
    grid.add_row("", Text("→ " + label(problem.hint, lang), style="dim"))
    return grid


def _figures(view: Overview, lang: Lang) -> Table:
    told = view.status
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(lang.say("平台", "uplink"), _uplink(told, lang))
    grid.add_row(
        lang.say("设备", "devices"), lang.say("{1} 台中 {0} 台在线", "{0} of {1} answer").format(told.devices_online, told.devices)
    )
    bad = lang.say(f",{told.points_bad} 个无有效值", f", {told.points_bad} without a good value") if told.points_bad else ""
    rate = lang.say(f"{told.points_per_s:.1f} 点/秒", f"{told.points_per_s:.1f} points/s")
    grid.add_row(lang.say("点", "points"), f"{told.points}{bad}; {rate}")
    grid.add_row(lang.say("报警", "alarms"), alarms_line(view.alarms, lang))
    grid.add_row(lang.say("队列", "outbox"), queue_line(view.outbox, lang))
    grid.add_row(
        lang.say("时钟", "clock"),
        lang.say("已同步", "synchronised") if told.clock_synced else styled(lang.say("未同步", "not synchronised"), "yellow"),
    )
    if told.commands:
        counted = sorted(told.commands.items())
        grid.add_row(lang.say("平台命令", "commands"), ", ".join(f"{word(name, lang)} {count}" for name, count in counted))
    put = "" if told.config_source == "file" else lang.say("  (平台下发)", "  (put by the platform)")
    grid.add_row(lang.say("配置", "config"), f"{clean(told.config_path)}  {clean(told.config_sha256[:12])}{put}")
    if told.models:
        grid.add_row(lang.say("模型", "models"), _models(told, lang))
    return grid


def _models(told: StatusView, lang: Lang) -> Text:
    parts = []
    for one in told.models:
        name = f"{clean(one.name)} {clean(one.version)} {clean(one.sha256[:12])}"
        parts.append(Text(name) if one.whole else styled(f"{name} {lang.say('与清单不符', 'is not the shipped one')}", "bold red"))
    return Text(", ").join(parts)


def alarms_line(views: Sequence[AlarmView], lang: Lang) -> str:
    """How many alarms are in which state: `3 active (1 critical), 1 acked`; a word where there is none."""
    parts = []
    for state in ("active", "acked", "returned", "shelved", "suppressed", "out-of-service"):
        here = [view for view in views if view.state == state]
        critical = sum(1 for view in here if view.severity == "critical")
        urgent = lang.say(f"({word('critical', lang)} {critical})", f" ({critical} critical)") if critical else ""
        if here:
            parts.append(lang.say(f"{word(state, lang)} {len(here)}{urgent}", f"{len(here)} {word(state, lang)}{urgent}"))
    return lang.say(",", ", ").join(parts) or lang.say("无", "none")


def _uplink(told: StatusView, lang: Lang) -> Text:
    uplink = told.uplink
    if uplink is None:
        return styled(lang.say("未配置", "none configured"), "dim")
    since = age(seconds_since(uplink.since, moment_of(told)), lang)
    text = Text.assemble((word(uplink.state, lang), style(uplink.state)), f" {since}   {clean(uplink.url)}")
    if uplink.state == "online":
        sent = lang.say(f"已确认 {uplink.acked_items} 条", f"{uplink.acked_items} items acknowledged")
        text.append(f"   MQTT {clean(uplink.protocol)}   {sent}")
    return text


def queue_line(outbox: OutboxView, lang: Lang) -> str:
    """The outbox in a line: what waits, how full, how long it lasts."""
    waiting = sum(stream.rows for stream in outbox.streams)
    oldest = max((stream.oldest_age_s for stream in outbox.streams if stream.rows), default=0.0)
    old = lang.say(f"(最早 {age(oldest, lang)})", f" (oldest {age(oldest, lang)})") if waiting else ""
    return lang.say(
        f"待发 {waiting} 条{old},{size(outbox.file_bytes)} / {size(outbox.max_bytes)},离线可存 {days(outbox.holds_days, lang)}",
        f"{waiting} waiting{old}, {size(outbox.file_bytes)} of {size(outbox.max_bytes)}, "
        f"lasts {days(outbox.holds_days, lang)} offline",
    )


def devices(session: Session) -> Exit:
    """Every device, with how it answers."""
    views = call(session.socket, methods.DEVICES)
    if session.json:
        print_json(views)
        return Exit.FINE
    out, lang = console(), session.lang
    if not views:
        out.print(lang.say("没有设备", "no devices"))
        return Exit.FINE
    wide = out.width >= PROFILE_FROM_CELLS
    figures = (
        lang.say("周期", "every"),
        lang.say("应答/p95", "answer/p95"),
        lang.say("失败", "failed"),
        lang.say("点", "points"),
    )
    rest = (lang.say("总线:地址", "bus:address"), *((lang.say("模板", "profile"), lang.say("名称", "name")) if wide else ()))
    made = table(lang.say("设备", "device"), lang.say("状态", "state"), *figures, *rest, right=figures)
    for view in views:
        row = _device_row(view, lang)
        made.add_row(*(row if wide else row[:-2]))
    out.print(made)
    for view in views:
        for point, why in view.refused.items():
            out.print(styled(f"! {clean(view.name)}.{clean(point)}: {clean(why)}", "yellow"))
    return Exit.FINE


def _device_row(view: DeviceView, lang: Lang) -> tuple[str | Text, ...]:
    share = 100 * view.failures / view.polls if view.polls else 0.0
    return (
        clean(view.name),
        styled(word(view.state, lang), style(view.state)),
        period(view.period_s),
        f"{view.response_p50_ms:.0f}/{view.response_p95_ms:.0f} ms" if view.response_p95_ms else "—",
        f"{view.failures}" if share < 0.1 else f"{view.failures} ({share:.1f} %)",
        f"{view.points - view.points_bad}/{view.points}" if view.points_bad else str(view.points),
        f"{clean(view.bus)}:{clean(view.address)}",
        clean(view.profile),
        label(view.labels, lang),
    )


def points(session: Session, device: str | None) -> Exit:
    """Every point, or those of one device, with value, quality and age."""
    views = call(session.socket, methods.POINTS, {"device": device} if device else {})
    if session.json:
        print_json(views)
    else:
        console().print(points_table(views, session.lang) if views else session.lang.say("没有点", "no points"))
    return Exit.FINE


def points_table(views: tuple[PointView, ...], lang: Lang) -> Table:
    """Points as a table."""
    value, old = lang.say("值", "value"), lang.say("时间", "age")
    made = table(
        lang.say("点", "point"),
        value,
        lang.say("单位", "unit"),
        lang.say("质量", "quality"),
        old,
        lang.say("名称", "name"),
        right=(value, old),
        wrap=(lang.say("质量", "quality"), lang.say("名称", "name")),
    )
    for view in views:
        good = view.quality == "good"
        why = "" if good or not view.reason else f": {clean(view.reason, 80)}"
        shown = clean(view.value_zh) if lang is Lang.ZH and view.value_zh else value_text(view.value, lang, view.decimals)
        made.add_row(
            f"{clean(view.device)}.{clean(view.point)}" + (" ✎" if view.writable else ""),
            styled(shown, "bold" if good else "dim"),
            clean(view.unit, 16),
            styled(word(view.quality, lang) + why, style(view.quality)),
            age(view.age_s, lang) if view.at else "—",
            label(view.labels, lang),
        )
    return made


_SEVERITIES = ("critical", "major", "minor", "info")
_STATES = ("active", "returned", "acked", "shelved", "suppressed", "out-of-service", "normal")


def sort_alarms(views: tuple[AlarmView, ...]) -> list[AlarmView]:
    """What nobody has answered yet first, then by severity, the newest first."""

    def place(view: AlarmView) -> tuple[int, int]:
        state = _STATES.index(view.state) if view.state in _STATES else 0
        severity = _SEVERITIES.index(view.severity) if view.severity in _SEVERITIES else 0
        return state, severity

    newest_first = sorted(views, key=lambda view: view.since, reverse=True)
    return sorted(newest_first, key=place)


def value_and_limit(view: AlarmView, lang: Lang) -> str:
    """`0.42 / 1`, or what there is of the two."""
    shown = [value_text(value, lang) for value in (view.value, view.limit) if value is not None]
    return " / ".join(shown) or "—"


def outbox(session: Session) -> Exit:
    """The outbox, stream by stream."""
    view = call(session.socket, methods.OUTBOX)
    if session.json:
        print_json(view)
        return Exit.FINE
    lang, out = session.lang, console()
    out.print(f"{clean(view.path)}   epoch {clean(view.epoch)}")
    out.print(
        queue_line(view, lang) + lang.say(f",磁盘剩余 {size(view.free_disk_bytes)}", f"; {size(view.free_disk_bytes)} free on disk")
    )
    if view.error:
        out.print(styled(f"✗ {clean(view.error)}", "bold red"))
    if view.dropped:
        dropped = lang.say(f"! 因存储满丢弃 {view.dropped} 条", f"! {view.dropped} items dropped because the store was full")
        out.print(styled(dropped, "yellow"))
    if view.thinned:
        zh, en = (
            f"! 存储将满,已稀释遥测 {view.thinned} 条",
            f"! {view.thinned} telemetry items thinned out: the store is nearly full",
        )
        out.print(styled(lang.say(zh, en), "yellow"))
    if view.holds_days is not None:
        lasts = holding(view.holds_days, lang)
        out.print(lang.say(f"按目前速率还可存 {lasts}", f"holds {lasts} at the present rate"))
    out.print()
    names = (
        lang.say("待发", "waiting"),
        lang.say("大小", "size"),
        lang.say("最早", "oldest"),
        lang.say("待发序号", "first waiting"),
        lang.say("最后序号", "last number"),
        lang.say("条/秒", "items/s"),
        lang.say("拒收", "rejected"),
    )
    made = table(lang.say("流", "stream"), *names, right=names)
    for stream in view.streams:
        made.add_row(
            word(stream.stream, lang),
            str(stream.rows),
            size(stream.bytes),
            age(stream.oldest_age_s, lang) if stream.rows else "—",
            "—" if stream.first_seq is None else str(stream.first_seq),
            str(stream.last_seq),
            number(round(stream.rate_per_s, 2)),
            styled(str(stream.dead), "yellow") if stream.dead else "0",
        )
    out.print(made)
    return Exit.WRONG if view.error else Exit.FINE


def holding(holds_days: float, lang: Lang) -> str:
    """How long the store lasts: `9.4 days`, below two days in hours."""
    if holds_days < 2:
        return lang.say(f"{holds_days * 24:.1f} 小时", f"{holds_days * 24:.1f} hours")
    return lang.say(f"{min(holds_days, 9999):.1f} 天", f"{min(holds_days, 9999):.1f} days")


def author() -> str:
    """Who sits here, for the record; the daemon notes the user by the kernel's word beside it."""
    try:
        return clean(getpass.getuser(), 64)
    except (KeyError, OSError):
        return "unknown"
