"""The picture of `top`: one moment of a gateway on a terminal of any size. Pure: views in, lines out, no clock, no terminal.

Most urgent at the top. On 80x24 alarms, devices and one device's values share the height; from 120 cells on devices and
values stand side by side, and a tall terminal shows the values of more devices.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from rich.console import Group
from rich.text import Text

from edgeguard.cli.lines import Field, beside, columns_of, fit, grid, row, rule, spread
from edgeguard.cli.look import sort_alarms, value_and_limit
from edgeguard.cli.problems import diagnose, moment_of, seconds_since
from edgeguard.cli.session import Lang
from edgeguard.cli.text import age, clean, days, duration, label, period, point_value, size, style, word
from edgeguard.control.views import AlarmView, DeviceView, PointView, TopView

WIDE = 120
"""From this width on devices and values stand side by side."""
_VALUE_CELLS = 27
"""A point needs this much for its label and value; columns are never narrower."""
_STATE_ORDER = ("offline", "degraded", "starting", "online")


@dataclass(frozen=True, slots=True)
class Look:
    """What the person at the keyboard has chosen, and what only the one who looks twice can know.

    `selected` None: the device of the most urgent alarm. `note` replaces the keys in the last line.
    """

    selected: str | None = None
    paused: bool = False
    cpu_percent: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Frame:
    """Everything that the sections share."""

    view: TopView
    width: int
    lang: Lang
    look: Look
    now: datetime
    devices: tuple[DeviceView, ...]
    selected: str
    points: dict[str, list[PointView]] = field(default_factory=dict)


def render(view: TopView, width: int, height: int, lang: str, arrivals: Sequence[str] = (), look: Look | None = None) -> Group:
    """At most `height` lines of at most `width` cells. `arrivals`: the newest lines that reached the broker, the newest last."""
    return Group(*render_lines(view, width, height, lang, arrivals, look))


def render_lines(
    view: TopView, width: int, height: int, lang: str, arrivals: Sequence[str] = (), look: Look | None = None
) -> list[Text]:
    """The same as lines, for those who send only what has changed."""
    look = look or Look()
    width, height = max(20, width), max(6, height)
    devices = order_devices(view.devices)
    points: dict[str, list[PointView]] = {}
    for point in view.points:
        points.setdefault(point.device, []).append(point)
    frame = _Frame(view, width, Lang(lang), look, moment_of(view.status), devices, _selected(view, devices, look), points)
    head = _head(frame)
    body = _body(frame, height - len(head) - 1, arrivals)
    lines = [*head, *body]
    lines = [*lines[: height - 1], *[Text()] * (height - 1 - len(lines)), _foot(frame)]
    return [_plain(fit(line, width)) for line in lines]


def order_devices(devices: Sequence[DeviceView]) -> tuple[DeviceView, ...]:
    """What needs a person first; otherwise as configured."""
    return tuple(sorted(devices, key=lambda device: _STATE_ORDER.index(device.state) if device.state in _STATE_ORDER else 0))


def choose(view: TopView, look: Look) -> str:
    """The name of the device whose values are shown first; empty without devices."""
    return _selected(view, order_devices(view.devices), look)


def _selected(view: TopView, devices: Sequence[DeviceView], look: Look) -> str:
    names = [device.name for device in devices]
    urgent = [alarm.device for alarm in sort_alarms(view.alarms)]
    return next((name for name in (look.selected, *urgent, *names) if name in names), "") or ""


def _plain(line: Text) -> Text:
    line.no_wrap, line.overflow, line.end = True, "crop", "\n"
    return line


def _head(frame: _Frame) -> list[Text]:
    """Where we are, the way to the platform, the queue and the figures; a warning where there is one that no alarm shows."""
    status, lang = frame.view.status, frame.lang
    title = Text(f" {clean(status.site)}/{clean(status.gateway)}", style="bold") + Text(f"  edgeguard {clean(status.version, 20)}")
    clock = f"{frame.now:%H:%M:%S} UTC"
    unsynced = "" if status.clock_synced else lang.say(" 未同步", " unsynced")
    state = lang.say(" 暂停 ", " PAUSED ") if frame.look.paused else ""
    right = Text.assemble((state, "bold black on yellow"), f" {lang.say('运行', 'up')} {duration(status.uptime_s, lang)}  {clock}")
    bar = spread(title, right + Text(unsynced + " ", style="bold"), frame.width)
    bar.stylize("reverse")
    return [bar, _uplink_line(frame), _figures_line(frame), *_warning(frame)]


def _uplink_line(frame: _Frame) -> Text:
    uplink, lang, outbox = frame.view.status.uplink, frame.lang, frame.view.outbox
    waiting = sum(stream.rows for stream in outbox.streams)
    oldest_s = max((stream.oldest_age_s for stream in outbox.streams if stream.rows), default=0.0)
    old = f" ({age(oldest_s, lang)})" if waiting else ""
    queue = Text.assemble(
        (lang.say("待发 ", "queue "), "dim"),
        (f"{waiting}{old}", "bold yellow" if oldest_s > 60 else "bold"),
        (lang.say("  离线可存 ", "  lasts "), "dim"),
        f"{days(outbox.holds_days, lang)} ",
        (f" {size(outbox.file_bytes)} " if frame.width >= WIDE else "", "dim"),
    )
    if uplink is None:
        return spread(Text(lang.say(" ○ 未配置平台", " ○ no uplink configured"), style="dim"), queue, frame.width)
    since = age(seconds_since(uplink.since, frame.now), lang)
    line = Text.assemble(
        " ",
        ("● " if uplink.state == "online" else "✗ ", style(uplink.state)),
        (word(uplink.state, lang), style(uplink.state)),
        f" {since}",
    )
    if uplink.state != "online":
        line.append(f"  {clean(lang.say(uplink.error_zh or uplink.error, uplink.error))}", style="yellow")
    elif frame.width < WIDE:
        line.append(f"  {clean(uplink.url)}", style="dim")
    else:
        sent = lang.say(f"已确认 {uplink.acked_items}", f"{uplink.acked_items} acknowledged, {uplink.inflight} in flight")
        line.append(f"  {clean(uplink.url)}  MQTT {clean(uplink.protocol, 8)}  {sent}", style="dim")
    return spread(line, queue, frame.width)


def _figures_line(frame: _Frame) -> Text:
    status, lang = frame.view.status, frame.lang
    silent = status.devices - status.devices_online
    line = Text.assemble(
        f" {status.devices_online}/{status.devices} ",
        (lang.say("设备在线", "devices"), "dim"),
        f"  {status.points} ",
        (lang.say("点", "points"), "dim"),
    )
    if status.points_bad:
        line.append(f", {status.points_bad} {lang.say('无效', 'bad')}", style="yellow")
    line.append(f"  {status.points_per_s:.1f} ").append(lang.say("点/秒", "points/s"), style="dim")
    if silent:
        line.stylize("bold red", 0, 1 + len(f"{status.devices_online}/{status.devices}"))
    cpu = "" if frame.look.cpu_percent is None else f"CPU {frame.look.cpu_percent:.1f} %  "
    return spread(line, Text(f"{cpu}{status.rss_mib:.0f} MiB ", style="dim"), frame.width)


def _warning(frame: _Frame) -> list[Text]:
    """The first thing that is wrong with the gateway itself; alarms and devices have sections of their own."""
    view = frame.view
    for problem in diagnose(view.status, view.devices, view.alarms, view.outbox, frame.now):
        if problem.wrong and problem.code.partition(".")[0] not in ("alarm", "device", "devices", "uplink"):
            return [Text(f" ✗ {label(problem.text, frame.lang)}", style="bold red")]
    return []


def _body(frame: _Frame, height: int, arrivals: Sequence[str]) -> list[Text]:
    """Alarms, devices, values and the feed share the height by what they need."""
    alarms = _alarms(frame, max(2, height // 5))
    height -= len(alarms)
    news = _feeds(frame, arrivals)
    news_rows = min(max((len(lines) for _, lines in news), default=0), max(2, height // 5)) if height >= 12 and news else 0
    # With a column for each feed beside the other the height is needed once; on a narrow terminal only the first is shown.
    feed_height = news_rows + 1 if news_rows else 0
    share = _side_by_side if frame.width >= WIDE else _stacked
    middle = share(frame, height - feed_height)
    feed = _feed(frame, news, height - len(middle)) if news_rows else []
    gap = height - len(middle) - len(feed)
    return [*alarms, *middle, *[Text()] * max(0, gap), *feed]


def _alarms(frame: _Frame, most: int) -> list[Text]:
    lang, alarms = frame.lang, sort_alarms(frame.view.alarms)
    if not alarms:
        return [rule(lang.say("报警", "ALARMS"), frame.width), Text(lang.say(" ✓ 没有报警", " ✓ none"), style="green")]
    shown = alarms if len(alarms) <= most else alarms[: most - 1]
    lines = [rule(lang.say(f"报警 {len(alarms)}", f"ALARMS {len(alarms)}"), frame.width)]
    lines.extend(_alarm(frame, alarm) for alarm in shown)
    if rest := len(alarms) - len(shown):
        lines.append(Text(lang.say(f" 另有 {rest} 条:edgeguard alarms", f" and {rest} more: edgeguard alarms"), style="dim"))
    return lines


def _alarm(frame: _Frame, alarm: AlarmView) -> Text:
    lang, wide = frame.lang, frame.width >= WIDE
    state = 14 if wide else 10
    name = 40 if wide else 23
    figures = 20 if wide else 11
    head = 1 + 8 + 1 + state + 1 + 6 + 1 + name + 1 + figures + 1
    return row(
        [
            Field("", 0),
            Field(Text(f" {word(alarm.severity, lang)}", style=style(alarm.severity)), 9),
            Field(word(alarm.state, lang), state, style(alarm.state)),
            Field(age(seconds_since(alarm.since, frame.now), lang), 6, "dim", right=True),
            Field(clean(alarm.alarm), name, "bold"),
            Field(value_and_limit(alarm, lang), figures),
            Field(label(alarm.text, lang), frame.width - head),
        ]
    )


def _stacked(frame: _Frame, height: int) -> list[Text]:
    """Devices above, values below; the border between them does not move with the selection."""
    needed = len(frame.devices)
    columns, _ = columns_of(frame.width, _VALUE_CELLS)
    longest = max((1 + -(-len(points) // columns) for points in frame.points.values()), default=0)
    rows = min(needed, max(3, height // 2 - 1, height - 1 - longest))
    return [*_devices(frame, frame.width, rows), *_values(frame, frame.width, height - rows - 1)]


def _side_by_side(frame: _Frame, height: int) -> list[Text]:
    """Devices at the left, values at the right."""
    left = min(100, max(60, frame.width * 45 // 100))
    right = frame.width - left - 3
    return beside(_devices(frame, left, height - 1), _values(frame, right, height), left, right)


def _devices(frame: _Frame, width: int, rows: int) -> list[Text]:
    """A heading and at most `rows` devices, the selected one always among them."""
    lang, devices = frame.lang, frame.devices
    if not devices:
        return [rule(lang.say("设备", "DEVICES"), width), Text(lang.say(" 没有设备", " none configured"), style="dim")]
    place = next((index for index, device in enumerate(devices) if device.name == frame.selected), 0)
    first = max(0, min(place - rows // 2, len(devices) - rows))
    shown = devices[first : first + rows]
    where = "" if len(shown) == len(devices) else f"{first + 1}-{first + len(shown)}/{len(devices)}"
    name_width, label_width = _name_widths(width)
    head = row(
        [
            Field(lang.say("─ 设备", "─ DEVICES"), name_width, "bold"),
            Field(where, label_width, "dim"),
            Field(lang.say("状态", "state"), 8, "dim"),
            Field(lang.say("周期", "every"), 5, "dim", right=True),
            Field(lang.say("应答/p95", "ans/p95"), 10, "dim", right=True),
            Field(lang.say("失败", "failed"), 6, "dim", right=True),
            Field(lang.say("点", "points"), 7, "dim", right=True),
        ]
    )
    return [head, *(_device(frame, device, width) for device in shown)]


def _name_widths(width: int) -> tuple[int, int]:
    """Cells for a device's name and for its label in a line of `width`; 42 are for figures and the gaps between fields."""
    room = max(10, width - 42)
    name = min(18 + max(0, room - 36) // 2, room)
    return name, room - name if room - name > 6 else 0


def _device(frame: _Frame, device: DeviceView, width: int) -> Text:
    name_width, label_width = _name_widths(width)
    chosen = device.name == frame.selected
    answers = f"{device.response_p50_ms:.0f}/{device.response_p95_ms:.0f}ms" if device.response_p95_ms else "—"
    bad = device.points_bad
    line = row(
        [
            Field(("▸" if chosen else " ") + clean(device.name), name_width, "bold"),
            Field(label(device.labels, frame.lang), label_width),
            Field(word(device.state, frame.lang), 8, style(device.state)),
            Field(period(device.period_s).replace(" ", ""), 5, right=True),
            Field(answers, 10, right=True),
            Field(_short(device.failures), 6, "yellow" if device.state == "offline" else "dim", right=True),
            Field(f"{device.points - bad}/{device.points}" if bad else str(device.points), 7, "yellow" if bad else "", right=True),
        ]
    )
    if chosen:
        line.stylize("reverse")
    return line


def _short(count: int) -> str:
    return str(count) if count < 100_000 else f"{count / 1000:.0f}k"


def _values(frame: _Frame, width: int, height: int) -> list[Text]:
    """Values of the selected device, then of those behind it in the list, then from the list's start, as the height permits."""
    names = [device.name for device in frame.devices]
    start = names.index(frame.selected) if frame.selected in names else 0
    by_name = {device.name: device for device in frame.devices}
    lines: list[Text] = []
    for name in (*names[start:], *names[:start]):
        room = height - len(lines) - 1
        if room < 1:
            break
        points = frame.points.get(name, [])
        if not points:
            continue
        columns, each = columns_of(width, _VALUE_CELLS)
        cells = [_point(frame, point, each) for point in points]
        more = Text(frame.lang.say(f"… 共 {len(points)} 点", f"… of {len(points)} points"), style="dim")
        block = grid(cells, columns, each, room, more)
        lines += [rule(f"{clean(name)}  {label(by_name[name].labels, frame.lang)}", width), *block]
    return lines


def _point(frame: _Frame, point: PointView, width: int) -> Text:
    """A cell: label, then value; what is not good says so in words."""
    lang, good = frame.lang, point.quality == "good"
    value = Text(point_value(point, lang), style="bold" if good else "dim")
    if not good:
        reason = Text(clean(point.reason.partition(":")[0] or word(point.quality, lang), 20), style=style(point.quality))
        value = reason if point.value is None else value + Text(" ") + reason
    value_width = min(value.cell_len, width - 6)
    return row([Field(f" {label(point.labels, lang)}", width - value_width - 1), Field(value, value_width, right=True)])


def _feeds(frame: _Frame, arrivals: Sequence[str]) -> list[tuple[str, Sequence[str]]]:
    lang = frame.lang
    feeds: list[tuple[str, Sequence[str]]] = []
    if arrivals:
        feeds.append((lang.say("到达平台", "AT THE BROKER"), arrivals))
    if frame.view.events:
        feeds.append((lang.say("最近事件", "EVENTS"), frame.view.events))
    return feeds


def _feed(frame: _Frame, feeds: Sequence[tuple[str, Sequence[str]]], height: int) -> list[Text]:
    """The newest lines at the bottom; two feeds side by side where there is room for both."""
    if len(feeds) > 1 and frame.width >= WIDE:
        left = (frame.width - 3) // 2
        right = frame.width - 3 - left
        return beside(_feed_column(*feeds[0], left, height), _feed_column(*feeds[1], right, height), left, right)
    return _feed_column(*feeds[0], frame.width, height)


def _feed_column(title: str, news: Sequence[str], width: int, height: int) -> list[Text]:
    newest = news[-(height - 1) :] if height > 1 else ()
    return [rule(title, width), *(Text(f" {clean(line)}") for line in newest)]


def _foot(frame: _Frame) -> Text:
    if frame.look.note:
        return Text(f" {clean(frame.look.note)}", style="bold yellow")
    keys = frame.lang.say(
        (("q", "退出"), ("↑↓ tab", "选设备"), ("p", "继续" if frame.look.paused else "暂停")),
        (("q", "quit"), ("↑↓ tab", "device"), ("p", "go on" if frame.look.paused else "pause")),
    )
    return Text.assemble(*(part for key, does in keys for part in ((f" {key} ", "reverse"), f" {does}  ")))
