"""`bus`: how the wires are, and what passed on one before its latest faults. Each function returns an exit code."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import typer
from rich.text import Text

from edgeguard.cli.output import console, print_json, styled, table
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.text import age, clean, counted, label, period, size, style, word
from edgeguard.control import methods
from edgeguard.control.client import call
from edgeguard.control.errors import CallRefused
from edgeguard.control.line_views import BusDeviceView, BusView, FlightView, FrameView, HourView
from edgeguard.control.views import LabelsView

GOOD_SCORE: Final = 80
"""Below this a line wants somebody to look at it."""
_FULL_LOAD: Final = 0.8
_BARS: Final = "▁▂▃▄▅▆▇█"


def bus(session: Session, name: str | None) -> Exit:
    """Every wire in a line, or one in full."""
    views = call(session.socket, methods.BUSES, {"bus": name} if name else {})
    wrong = any(view.state != "connected" or (view.score is not None and view.score < GOOD_SCORE) for view in views)
    if session.json:
        print_json(views)
        return Exit.WRONG if wrong else Exit.FINE
    if not views:
        console().print(session.lang.say("没有总线", "no buses"))
    elif name:
        _show_one(views[0], session.lang)
    else:
        _show_all(views, session.lang)
    return Exit.WRONG if wrong else Exit.FINE


def flight(session: Session, name: str | None) -> Exit:
    """The frames that passed before the latest faults of a bus."""
    if name is None:
        raise typer.BadParameter("--flight needs the NAME of a bus")
    views = call(session.socket, methods.FLIGHT, {"bus": name})
    if session.json:
        print_json(views)
        return Exit.FINE
    lang, out = session.lang, console()
    if not views:
        out.print(lang.say("没有保存的故障记录", "no fault has been recorded"))
    for view in views:
        _show_flight(view, lang)
    return Exit.FINE


def _show_all(views: Sequence[BusView], lang: Lang) -> None:
    figures = tuple(
        lang.say(zh, en)
        for zh, en in (
            ("占用", "load"),
            ("请求/秒", "requests/s"),
            ("失败", "failed"),
            ("杂散", "junk"),
            ("应答 p95", "answer p95"),
            ("质量", "quality"),
        )
    )
    names = (
        lang.say("总线", "bus"),
        lang.say("状态", "state"),
        *figures,
        lang.say("设备", "devices"),
        lang.say("端点", "endpoint"),
    )
    made = table(*names, right=(*figures, lang.say("设备", "devices")))
    for view in views:
        made.add_row(
            clean(view.bus),
            styled(word(view.state, lang), style("online" if view.state == "connected" else "waiting")),
            _load(view),
            f"{view.requests_per_s:.1f}",
            _failed(view),
            size(view.junk_bytes),
            f"{view.response_p95_ms:.0f} ms" if view.response_p95_ms else "—",
            _score(view.score),
            str(len(view.devices)),
            clean(view.where, 40),
        )
    out = console()
    out.print(made)
    for view in views:
        _tell(view, lang)


def _tell(view: BusView, lang: Lang) -> None:
    """What a person should look at, a line each."""
    out, name = console(), clean(view.bus)
    if view.error and view.state != "connected":
        out.print(styled(f"✗ {name}: {clean(view.error)}", "bold red"))
    if view.reasons and view.score is not None and view.score < GOOD_SCORE:
        why = lang.say(";", "; ").join(label(reason, lang) for reason in view.reasons)
        out.print(styled(f"! {name}: {why}", "yellow"))
    if view.load > _FULL_LOAD:
        out.print(styled(lang.say(f"! {name}:总线接近满载", f"! {name}: the bus is nearly full; poll less often"), "yellow"))
    if view.frozen:
        told = lang.say(f"{view.frozen} 次故障已留存报文", f"the frames before {counted(view.frozen, 'fault')} are kept")
        out.print(styled(f"! {name}: {told} → edgeguard bus {name} --flight", "yellow"))


def _load(view: BusView) -> Text:
    return styled(f"{100 * view.load:.0f} %", "yellow" if view.load > _FULL_LOAD else "")


def _failed(view: BusView) -> str:
    failed = sum(view.faults.values())
    share = 100 * failed / view.requests if view.requests else 0.0
    return f"{failed}" if share < 0.1 else f"{failed} ({share:.1f} %)"


def _score(value: int | None) -> Text:
    if value is None:
        return styled("—", "dim")
    return styled(f"{value}", "green" if value >= 95 else "yellow" if value >= GOOD_SCORE else "bold red")


def _show_one(view: BusView, lang: Lang) -> None:
    out = console()
    retries = sum(device.retries for device in view.devices)
    state = styled(word(view.state, lang), style("online" if view.state == "connected" else "waiting"))
    since = "" if view.connected_s is None else f" {age(view.connected_s, lang)}"
    line = f"   {clean(view.line)}" if view.line else ""
    out.print(Text.assemble((clean(view.bus), "bold"), "   ", state, f"{since}   {view.wire}   {clean(view.where)}{line}"))
    out.print(
        lang.say(
            f"占用 {100 * view.load:.0f} %,{view.requests_per_s:.1f} 请求/秒,{view.waiting} 个排队,重连 {view.reconnects} 次",
            f"load {100 * view.load:.0f} %, {view.requests_per_s:.1f} requests/s, {view.waiting} waiting,"
            f" opened anew {view.reconnects} times",
        )
    )
    out.print(
        lang.say(
            f"请求 {view.requests},应答 {view.answers},重发 {retries},迟到 {view.late_answers},杂散 {size(view.junk_bytes)}"
            f"{_faults(view.faults, ';失败:')}",
            f"{view.requests} requests, {view.answers} answers, {retries} sent again,"
            f" {view.late_answers} late, {size(view.junk_bytes)} of junk"
            f"{_faults(view.faults, '; failed: ')}",
        )
    )
    if view.foreign_frames:
        out.print(lang.say(f"另一主站的帧 {view.foreign_frames}", f"{view.foreign_frames} frames of another master"))
    if view.line_errors is not None:
        frame, parity, overrun, breaks = (view.line_errors.get(name, 0) for name in ("frame", "parity", "overrun", "breaks"))
        out.print(
            lang.say(
                f"串口驱动计数:帧错误 {frame},校验错误 {parity},溢出 {overrun},断开 {breaks}",
                f"counted by the port: {frame} framing errors, {parity} parity errors, {overrun} overruns, {breaks} breaks",
            )
        )
    out.print()
    _show_devices(view.devices, lang)
    _show_learned(view.devices, lang)
    if view.hours:
        out.print()
        _show_day(view, lang)
    _tell(view, lang)


def _faults(faults: Mapping[str, int], before: str) -> str:
    told = ", ".join(f"{clean(reason, 32)} {count}" for reason, count in sorted(faults.items(), key=lambda pair: -pair[1]))
    return f"{before}{told}" if told else ""


def _show_devices(views: Sequence[BusDeviceView], lang: Lang) -> None:
    figures = tuple(
        lang.say(zh, en)
        for zh, en in (
            ("计划周期", "every"),
            ("实际周期", "really"),
            ("一轮", "round"),
            ("请求/轮", "requests"),
            ("应答 p50/p95", "p50/p95"),
            ("重发", "retries"),
            ("跳过", "skipped"),
        )
    )
    faults = lang.say("失败原因", "failed")
    made = table(
        lang.say("设备", "device"),
        lang.say("地址", "address"),
        lang.say("状态", "state"),
        *figures,
        faults,
        right=figures,
        wrap=(faults,),
    )
    for view in views:
        late = view.every_s > 1.2 * view.period_s
        made.add_row(
            clean(view.device),
            clean(view.address),
            styled(word(view.state, lang), style(view.state)),
            period(view.period_s),
            styled(f"{view.every_s:.1f} s" if view.every_s else "—", "yellow" if late else ""),
            f"{view.round_ms:.0f} ms" if view.round_ms else "—",
            str(view.requests_per_round),
            f"{view.response_p50_ms:.0f}/{view.response_p95_ms:.0f} ms" if view.response_p95_ms else "—",
            str(view.retries),
            str(view.skipped),
            _faults(view.errors, "") or "—",
        )
    console().print(made)


def _show_learned(views: Sequence[BusDeviceView], lang: Lang) -> None:
    """What the devices have taught, a line for each that has taught something to act on."""
    for view in views:
        learned = view.learned
        if learned is None or not (learned.cuts or learned.refused or learned.gap_ms):
            continue
        parts = [lang.say(f"应答延迟 {learned.turnaround_ms:.0f} ms", f"thinks {learned.turnaround_ms:.0f} ms")]
        if learned.too_large > learned.largest:
            size_told = lang.say(f"一次最多 {learned.largest} 个寄存器", f"gives {learned.largest} registers at once")
            parts.append(size_told)
        if learned.gap_ms:
            parts.append(lang.say(f"两次请求间隔 {learned.gap_ms:.0f} ms", f"needs {learned.gap_ms:.0f} ms between requests"))
        if learned.holes:
            parts.append(lang.say("不可读 ", "cannot be read through: ") + ", ".join(clean(hole, 40) for hole in learned.holes))
        if learned.refused:
            parts.append(lang.say("拒绝 ", "refuses ") + ", ".join(clean(point, 40) for point in learned.refused))
        told = lang.say(";", "; ").join(parts)
        hint = f"edgeguard profile diff {clean(view.device)}"
        console().print(Text.assemble((f"{clean(view.device)}: {told}", "yellow"), (f" → {hint}", "dim")))


def device_view(session: Session, name: str) -> BusDeviceView:
    """A device on its wire. CallRefused if the daemon knows none of that name."""
    views = [device for bus_view in call(session.socket, methods.BUSES) for device in bus_view.devices]
    view = next((view for view in views if view.device == name), None)
    if view is None:
        raise CallRefused("unknown-name", f"there is no device {name}; see: edgeguard devices")
    return view


def profile_diff(session: Session, name: str) -> Exit:
    """What a device has taught, as lines for its profile; 1 when there is nothing to add."""
    view = device_view(session, name)
    lines = view.learned.profile_lines if view.learned is not None else ()
    has_settings = any(not line.startswith("#") for line in lines)
    if session.json:
        print_json({"device": view.device, "profile": view.profile, "lines": lines, "learned": view.learned})
        return Exit.FINE if has_settings else Exit.WRONG
    head = session.lang.say(
        f"# {clean(view.profile)}:设备 {clean(name)} 学到的限值", f"# {clean(view.profile)}, as learned from {clean(name)}"
    )
    console().print(head)
    if has_settings:
        console().print(f"[{clean(view.learned.section)}]" if view.learned else "")
    for line in lines:
        console().print(clean(line, 4000), soft_wrap=True)
    if not has_settings:
        console().print(session.lang.say("# 无需修改模板", "# nothing has to change in the profile"))
    return Exit.FINE if has_settings else Exit.WRONG


def _show_day(view: BusView, lang: Lang) -> None:
    """The hours side by side, and what was wrong in those that were not good."""
    out = console()
    bars = Text()
    for hour in view.hours:
        bars.append_text(_bar(hour))
    first, last = (_hour(hour) for hour in (view.hours[0], view.hours[-1]))
    out.print(Text.assemble(lang.say("线路质量 ", "line quality "), _score(view.score), f"   {first} ", bars, f" {last}"))
    for hour in view.hours:
        if hour.score is not None and hour.score < GOOD_SCORE:
            why = lang.say(";", "; ").join(label(reason, lang) for reason in hour.reasons)
            out.print(Text.assemble(f"  {_hour(hour)} ", _score(hour.score), f"  {why}"))


def _bar(hour: HourView) -> Text:
    if hour.score is None:
        return styled("·", "dim")
    place = min(len(_BARS) - 1, hour.score * len(_BARS) // 101)
    return styled(_BARS[place], "green" if hour.score >= 95 else "yellow" if hour.score >= GOOD_SCORE else "red")


def _hour(hour: HourView) -> str:
    """The hour by the clock of whoever looks."""
    return f"{datetime.fromisoformat(hour.hour).astimezone():%H}h"


def _show_flight(view: FlightView, lang: Lang) -> None:
    out = console()
    out.print(Text.assemble((clean(view.at), "bold"), f"  {clean(view.code)}  ", (label(view.text, lang), "yellow")))
    for frame in view.frames:
        out.print(_frame_line(frame, lang), soft_wrap=True)
    out.print()


def _frame_line(frame: FrameView, lang: Lang) -> Text:
    arrow = {"out": "→", "in": "←"}.get(frame.way, "·")
    words: LabelsView = frame.text
    told = Text(f"{clean(frame.at[11:23], 12)} {arrow} {label(words, lang)}")
    told.append(f"  {clean(frame.hex, 120)}" if frame.hex else "", style="dim")
    return told
