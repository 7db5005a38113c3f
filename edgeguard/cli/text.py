"""Words for a terminal: names and values made harmless, ages and sizes made readable.

Pure. Everything that comes from a bus, a broker or a file passes through `clean` before it is printed.
"""

import json
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from edgeguard.cli.session import Lang
from edgeguard.control.views import LabelsView, PointView
from edgeguard.core.point import Value
from edgeguard.core.printable import spelled

CLEAN_CHARS: Final = 400
"""Nothing that a device says is worth more than this on a screen."""
_MARKS_IN_A_ROW: Final = 2


def clean(text: str, limit: int = CLEAN_CHARS) -> str:
    """`text` without anything that could move a cursor, turn direction, hide, or pile up: such characters are spelled out."""
    made: list[str] = []
    marks = 0
    for char in text[: limit + 1]:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks > _MARKS_IN_A_ROW:
            continue
        if char.isprintable():
            made.append(char)
        elif char.isspace() and unicodedata.category(char) == "Zs":
            made.append(" ")
        else:
            made.append(spelled(char))
    if len(text) > limit:
        made[limit - 1 :] = ["…"]
    return "".join(made)


def clean_json(text: str) -> str:
    """JSON in which every unprintable character is an escape; it means the same and harms no terminal."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)


def label(labels: LabelsView, lang: Lang) -> str:
    """A label in the language, or in the other one where there is none."""
    return clean(lang.say(labels.zh or labels.en, labels.en or labels.zh))


def number(value: float, decimals: int | None = None) -> str:
    """A number as a person reads it: no exponent, no noise digits."""
    if decimals is not None:
        return f"{value:.{decimals}f}"
    if isinstance(value, int) or value.is_integer():
        return f"{value:.0f}" if abs(value) < 1e15 else f"{value:g}"
    if abs(value) < 0.001 or abs(value) >= 1e15:
        return f"{value:.3g}"
    return f"{value:.3f}".rstrip("0").rstrip(".")


def value_text(value: Value | None, lang: Lang, decimals: int | None = None) -> str:
    """A value without its unit; a dash for none."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return lang.say("是", "yes") if value else lang.say("否", "no")
    if isinstance(value, str):
        return clean(value)
    return number(value, decimals)


def point_value(point: PointView, lang: Lang) -> str:
    """A point's value with its unit."""
    if lang is Lang.ZH and point.value_zh:
        return clean(point.value_zh)
    text = value_text(point.value, lang, point.decimals)
    return f"{text} {clean(point.unit, 16)}" if point.unit and point.value is not None else text


_UNITS: Final = ((86_400, "天", "d"), (3_600, "小时", "h"), (60, "分", "min"), (1, "秒", "s"))


def age(seconds: float, lang: Lang) -> str:
    """How long something is ago or lasts, in one unit: `3 s`, `12 min`, `5 h`, `3 d`."""
    if seconds < 1:
        return lang.say("<1 秒", "<1 s")
    for size, zh, en in _UNITS:
        if seconds >= size * (1 if size == 1 else 1.5):
            return f"{seconds / size:.0f} {lang.say(zh, en)}"
    return f"{seconds:.0f} {lang.say('秒', 's')}"


def duration(seconds: float, lang: Lang) -> str:
    """A long time in its two largest units: `3 d 4 h`."""
    rest = int(seconds)
    parts: list[str] = []
    for size, zh, en in _UNITS:
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count} {lang.say(zh, en)}")
        if len(parts) == 2:
            break
    return " ".join(parts) or lang.say("0 秒", "0 s")


def period(seconds: float) -> str:
    """A poll period: `500 ms`, `2 s`, `15 min`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{number(seconds)} s" if seconds < 120 else f"{number(seconds / 60)} min"


def size(count: float) -> str:
    """Bytes: `12 KiB`, `46.1 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit in ("B", "KiB") else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError


def days(holds_days: float | None, lang: Lang) -> str:
    """How long the outbox lasts; `—` where nothing comes in."""
    return "—" if holds_days is None else age(min(holds_days, 9999) * 86_400, lang)


_WORDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "starting": ("启动中", "starting"),
        "online": ("在线", "online"),
        "degraded": ("部分异常", "degraded"),
        "offline": ("离线", "offline"),
        "connecting": ("连接中", "connecting"),
        "connected": ("已连接", "connected"),
        "waiting": ("等待重试", "waiting"),
        "running": ("运行", "running"),
        "failed": ("已停止", "failed"),
        "good": ("正常", "good"),
        "stale": ("过期", "stale"),
        "bad": ("无效", "bad"),
        "critical": ("紧急", "critical"),
        "major": ("重要", "major"),
        "minor": ("次要", "minor"),
        "info": ("提示", "info"),
        "normal": ("正常", "normal"),
        "active": ("未确认", "active"),
        "acked": ("已确认", "acked"),
        "returned": ("已恢复未确认", "returned"),
        "shelved": ("已搁置", "shelved"),
        "suppressed": ("已抑制", "suppressed"),
        "out-of-service": ("已停用", "out of service"),
        "alarms": ("报警", "alarms"),
        "events": ("事件", "events"),
        "telemetry": ("遥测", "telemetry"),
        "lift": ("电梯", "lift"),
        "pump": ("水泵", "pump"),
        "vfd": ("变频器", "vfd"),
        "electricity-meter": ("电表", "electricity-meter"),
        "water-meter": ("水表", "water-meter"),
        "heat-meter": ("热表", "heat-meter"),
        "io": ("输入输出", "io"),
        "relay": ("继电器", "relay"),
        "transmitter": ("变送器", "transmitter"),
        "ats": ("双电源开关", "ats"),
        "generator": ("发电机", "generator"),
        "fire-alarm": ("火灾报警", "fire-alarm"),
        "ups": ("不间断电源", "ups"),
        "other": ("其他", "other"),
        "done": ("完成", "done"),
        "refused": ("被拒绝", "refused"),
        "not-sent": ("未发送", "not sent"),
        "lost": ("无应答,设备可能已动作", "lost: the device may or may not have acted"),
        "unverified": ("未核实", "not verified"),
        "half-done": ("部分完成", "half done"),
        "accepted": ("已受理", "accepted"),
        "kept": ("已保存", "kept"),
    }
)


def counted(count: int, noun: str) -> str:
    """`1 item`, `2 items`: a number with an English noun that takes an s."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def word(state: str, lang: Lang) -> str:
    """A state, quality, severity, stream or kind of device in the language; a word that is not known stays as it is."""
    pair = _WORDS.get(state)
    return lang.say(*pair) if pair else clean(state, 32)


_STYLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "online": "green",
        "running": "green",
        "good": "green",
        "normal": "green",
        "starting": "cyan",
        "connecting": "cyan",
        "degraded": "yellow",
        "stale": "yellow",
        "waiting": "yellow",
        "acked": "yellow",
        "returned": "cyan",
        "shelved": "dim",
        "suppressed": "dim",
        "out-of-service": "dim",
        "offline": "bold red",
        "failed": "bold red",
        "bad": "red",
        "active": "bold red",
        "critical": "bold white on red",
        "major": "bold red",
        "minor": "yellow",
        "info": "cyan",
    }
)


def style(state: str) -> str:
    """The colour of a state's word; the word alone says it all."""
    return _STYLES.get(state, "")
