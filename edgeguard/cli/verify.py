"""`verify`: a consumer of one gateway's streams that proves, by the numbers alone, that nothing is missing. Needs no daemon."""

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from edgeguard.cli.output import console, print_json, styled, table
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.text import clean
from edgeguard.config.endpoint import broker_endpoint, is_loopback
from edgeguard.core.errors import ConfigError
from edgeguard.core.ids import ID_PATTERN, GatewayId, SiteId
from edgeguard.core.intervals import Span
from edgeguard.core.site import UplinkSpec
from edgeguard.uplink.completeness import LANES, Completeness, Report, StreamReport
from edgeguard.uplink.subscriber import Arrived, Link, SessionLost, Subscriber
from edgeguard.uplink.topics import Topics

_LOOK_S: Final = 0.2
_HOLES_IN_A_LINE: Final = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be verified, and for how long: `seconds` None until somebody stops it."""

    spec: UplinkSpec
    site: SiteId
    gateway: GatewayId
    seconds: float | None
    interval_s: float
    settle_s: float
    whole: bool


@dataclass(frozen=True, slots=True)
class Access:
    """How to get to the broker, as typed."""

    url: str
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    username: str | None = None
    password_file: Path | None = None
    allow_plaintext: bool = False


def uplink_spec(access: Access) -> UplinkSpec:
    """The broker that was typed. ConfigError with what is wrong: the same rules as for the gateway's own uplink."""
    try:
        endpoint = broker_endpoint(access.url)
    except ValueError as error:
        raise ConfigError((f"--broker: {error}",)) from None
    tls = endpoint.scheme == "mqtts"
    if not tls and not is_loopback(endpoint.host) and not access.allow_plaintext:
        where = f"mqtt:// to {endpoint.host} is readable by everyone on the way"
        raise ConfigError((f"--broker: {where}; use mqtts:// or --allow-plaintext",))
    if not tls and (access.ca or access.certificate or access.key):
        raise ConfigError(("--broker: --ca, --cert and --key do nothing with mqtt://, which has no TLS",))
    if (access.certificate is None) != (access.key is None):
        raise ConfigError(("--cert and --key belong together",))
    if access.password_file is not None and access.username is None:
        raise ConfigError(("--password-file needs --username",))
    return UplinkSpec(
        host=endpoint.host,
        port=endpoint.port,
        tls=tls,
        ca=access.ca,
        certificate=access.certificate,
        key=access.key,
        username=access.username,
        password_file=access.password_file,
        allow_public=True,
    )


def ids(site: str, gateway: str) -> tuple[SiteId, GatewayId]:
    """The two ids; ConfigError for one that no gateway can have."""
    mistakes = tuple(
        f"{option}: {text!r} is no id: small letters, digits and hyphens, at most 64"
        for option, text in (("--site", site), ("--gateway", gateway))
        if ID_PATTERN.fullmatch(text) is None
    )
    if mistakes:
        raise ConfigError(mistakes)
    return SiteId(site), GatewayId(gateway)


def verify(session: Session, wanted: Wanted) -> Exit:
    """Follow the streams until the time is over or somebody stops it; 1 on loss without explanation, or on broken rules."""
    root = Topics.of(wanted.site, wanted.gateway).root
    judge = Completeness(wanted.gateway, wanted.whole, wanted.settle_s)
    with _stop_on_signal() as stopped, Subscriber(wanted.spec, tuple(f"{root}/{lane}" for lane in (*LANES, "status"))) as heard:
        with _screen(session) as show:
            link = _follow(judge, heard, wanted, root, stopped, show)
        report = judge.report(time.monotonic())
    if session.json:
        print_json({"final": True, "sound": report.sound, "link": link, **asdict(report)}, indent=False)
    else:
        console().print(_picture(report, link, session.lang))
        console().print(_verdict(report, session.lang))
    return Exit.FINE if report.sound and report.streams else Exit.WRONG


def _follow(
    judge: Completeness,
    heard: Subscriber,
    wanted: Wanted,
    root: str,
    stopped: Callable[[], bool],
    show: Callable[[Report, str], None],
) -> str:
    """Take what comes; gives the state of the verifier's own connection at the end, empty if it is well.

    When the time is over, holes that may still be filled are waited for, at most as long as it takes to call them lost.
    """
    link = ""
    begun_s = shown_s = time.monotonic()
    while not stopped():
        now_s = time.monotonic()
        if wanted.seconds is not None and now_s - begun_s >= wanted.seconds:
            late_s = now_s - begun_s - wanted.seconds
            if late_s >= wanted.settle_s or not judge.report(now_s).open_items:
                break
        match heard.next(_LOOK_S):
            case Arrived(topic, payload, retained):
                judge.take(topic.removeprefix(f"{root}/"), payload, retained, time.time_ns() // 1_000_000, time.monotonic())
            case SessionLost():
                judge.interrupted()
            case Link(up, why):
                link = "" if up else why or "the connection was lost"
            case None:
                pass
        if now_s - shown_s >= wanted.interval_s:
            shown_s = now_s
            show(judge.report(now_s), link)
    return link


@contextlib.contextmanager
def _stop_on_signal() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM end the watch in order, with the verdict."""
    asked: list[int] = []
    before = {number: signal.signal(number, lambda number, _: asked.append(number)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _screen(session: Session) -> Iterator[Callable[[Report, str], None]]:
    """Where intermediate reports go: JSON lines, a live picture on a terminal, nowhere else."""
    if session.json:
        yield lambda report, link: print_json({"final": False, "sound": report.sound, "link": link, **asdict(report)}, indent=False)
    elif sys.stdout.isatty():
        with Live(console=console(), auto_refresh=False, transient=True) as live:
            yield lambda report, link: live.update(_picture(report, link, session.lang), refresh=True)
    else:
        yield lambda _, __: None


def _picture(report: Report, link: str, lang: Lang) -> Group:
    online = {True: lang.say("在线", "online"), False: lang.say("离线", "offline"), None: lang.say("未知", "unknown")}[
        report.online
    ]
    head = lang.say(
        f"网关{online}   版本 {clean(report.version) or '—'}   消息 {report.messages}   纪元 {report.epochs}",
        f"gateway {online}   version {clean(report.version) or '—'}   {report.messages} messages   {report.epochs} epochs",
    )
    parts: list[Text | Table] = [Text(head)]
    if link:
        zh, en = f"! 本机与平台的连接中断:{clean(link)}", f"! no connection of our own: {clean(link)}"
        parts.append(styled(lang.say(zh, en), "yellow"))
    columns = lang.say(
        ("流", "条数", "编号", "重复", "乱序", "冲突", "缺失", "待补", "已说明", "延迟 p50/p95/最大"),
        ("stream", "items", "numbers", "repeats", "reorders", "conflicts", "lost", "open", "explained", "lag p50/p95/worst"),
    )
    grid = table(*columns, right=columns[1:])
    for stream in report.streams:
        lag = f"{stream.lag.p50_s:.1f} / {stream.lag.p95_s:.1f} / {stream.lag.worst_s:.1f} s"
        counts = (stream.repeats, stream.reorders, stream.conflicts, stream.lost_items, stream.open_items, stream.explained_items)
        style = "bold red" if stream.lost_items or stream.reorders or stream.conflicts else ""
        name = f"{clean(stream.stream)} {clean(stream.epoch, 8)}"
        cells = (name, str(stream.items), f"{stream.first}–{stream.last}", *map(str, counts), lag)
        grid.add_row(*cells, style=style)
    parts.append(grid)
    parts += [styled(f"✗ {line}", "bold red") for stream in report.streams for line in _losses(stream, lang)]
    parts += [styled(f"! {line}", "yellow") for stream in report.streams for line in _contradictions(stream, lang)]
    for reason, items in report.gaps.items():
        told = clean(reason, 40)
        parts.append(Text(lang.say(f"缺口记录:{told},{items} 条", f"gap records: {told}, {items} items")))
    parts += [styled(f"✗ {clean(line)}", "bold red") for line in report.troubles]
    return Group(*parts)


def _losses(stream: StreamReport, lang: Lang) -> Iterator[str]:
    if stream.lost:
        shown = _spans(stream.lost)
        name = clean(stream.stream)
        yield lang.say(f"{name} 缺失 {stream.lost_items} 条:{shown}", f"{name}: {stream.lost_items} lost: {shown}")


def _contradictions(stream: StreamReport, lang: Lang) -> Iterator[str]:
    if (items := stream.contradicted_items) != 0:
        name = clean(stream.stream)
        zh, en = f"{name} 有 {items} 条已到达,缺口记录却称其缺失", f"{name}: {items} came although a gap record names them"
        yield lang.say(zh, en)


def _spans(spans: tuple[Span, ...]) -> str:
    shown = ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in spans[:_HOLES_IN_A_LINE])
    return shown + (", …" if len(spans) > _HOLES_IN_A_LINE else "")


def _verdict(report: Report, lang: Lang) -> Text:
    if report.messages and not report.streams and not report.troubles_count:
        zh, en = "✗ 只收到网关状态,没有任何数据,无从判断", "✗ nothing but the gateway's status was heard: there is nothing to judge"
        return styled(lang.say(zh, en), "bold red")
    if not report.messages:
        return styled(lang.say("✗ 没有收到任何消息", "✗ nothing was heard of this gateway"), "bold red")
    if not report.sound:
        return styled(lang.say("✗ 有无法解释的缺失或违例", "✗ loss without explanation, or broken rules"), "bold red")
    still_open = report.open_items
    if still_open:
        zh, en = f"✓ 未见缺失;{still_open} 条仍在途", f"✓ nothing is lost; {still_open} may still come"
        return styled(lang.say(zh, en), "bold green")
    return styled(lang.say("✓ 完整,一条不缺", "✓ complete: no number is missing"), "bold green")
