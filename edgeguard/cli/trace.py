"""`trace`: decoded frames as they pass on a bus of the daemon or on a port where another is the master, then how the line is."""

import dataclasses
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

import orjson
import typer
from rich.console import Console
from rich.text import Text

from edgeguard.cli.output import console, print_json, styled, table
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.text import clean, clean_json
from edgeguard.cli.wire_source import PortChoice, WireFacts, listen_to_daemon, listen_to_port
from edgeguard.codec.conversation import Conversation, Passage
from edgeguard.codec.dissect import Dissector
from edgeguard.codec.pcap import PcapWriter, header
from edgeguard.codec.sighting import Sighting, Sort, Way
from edgeguard.codec.words import describe, is_write
from edgeguard.core.clock import iso_utc
from edgeguard.core.line_figures import LineFigures, Polled, StationFigures
from edgeguard.rules.line_diagnosis import Finding, diagnose, nothing_passed

_ARROWS: Final = {Way.OUT: "→", Way.IN: "←", Way.LINE: "·"}.get
_ADDRESS: Final = re.compile(r"[0-9A-Fa-f]{1,16}")
_SHOWN_HEX: Final = 64
_SHOWN_POLLS: Final = 4


@dataclasses.dataclass(frozen=True, slots=True)
class TraceOptions:
    """What is wanted: `device` a name or an address; `raw` bytes beside the words; ends after `seconds` or `count` frames."""

    device: str = ""
    pcap: Path | None = None
    seconds: float | None = None
    count: int | None = None
    last_s: float = 0.0
    raw: bool = False


def trace(session: Session, bus: str | None, port: PortChoice | None, options: TraceOptions) -> Exit:
    """Frames until interrupted, then the summary; 1 when something is wrong with the line."""
    if (bus is None) == (port is None):
        raise typer.BadParameter("name a BUS of the daemon, or a --port that the daemon does not use")
    with _opened(options.pcap) as pcap:
        tracer = Tracer(session, options, pcap)
        if port is not None:
            uart_errors = listen_to_port(port, tracer, options.seconds)
        else:
            listen_to_daemon(session, bus or "", tracer, options.seconds, options.last_s)
            uart_errors = None
        tracer.finish()
    figures = tracer.conversation.figures(uart_errors)
    findings = diagnose(figures, passive=port is not None)
    if port is None and not figures.received_bytes and not figures.stations and not figures.broadcasts:
        findings = (nothing_passed(tracer.trouble),)
    if session.json:
        print_json({"summary": figures, "findings": findings}, indent=False)
    else:
        show_summary(console(), figures, findings, tracer.names, session.lang)
    return Exit.WRONG if findings else Exit.FINE


class _Nothing:
    """Stands where no file is wanted."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def _opened(path: Path | None) -> "BinaryIO | _Nothing":
    if path is None:
        return _Nothing()
    try:
        return path.open("wb")
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be written: {error.strerror}") from error


class Tracer:
    """Hears a wire and prints it. `conversation`: figures; `names`: devices by address; `trouble`: why there is no connection."""

    def __init__(self, session: Session, options: TraceOptions, pcap: BinaryIO | None) -> None:
        self.conversation = Conversation()
        self.names: dict[str, str] = {}
        self.trouble = ""
        self._session = session
        self._options = options
        self._out = console()
        self._file = pcap
        self._pcap = PcapWriter(network=False)
        self._wire = Dissector()
        self._station = ""
        self._shown = 0

    @property
    def is_enough(self) -> bool:
        """As many frames have been shown as were asked for."""
        return self._options.count is not None and self._shown >= self._options.count

    def begin(self, facts: WireFacts) -> None:
        """The wire is known."""
        self.names, self.trouble = dict(facts.devices), facts.trouble
        if facts.trouble and not self._session.json:
            told = self._session.lang.say("总线未连接", "the bus has no connection")
            self._out.print(styled(f"! {told}: {clean(facts.trouble)}", "yellow"))
        self._wire = Dissector(facts.network, facts.character_s)
        self._station = _station_of(self._options.device, facts)
        self._pcap = PcapWriter(facts.network)
        self._write(lambda: header(facts.network))

    def heard(self, at_s: float, data: bytes, way: Way) -> None:
        """Bytes, or a moment of silence."""
        for seen in self._wire.feed(at_s, data, way) if data else self._wire.quiet(at_s):
            self._take(seen)

    def failed(self, at_s: float, text: str) -> None:
        """A request that was given up, or news of the connection."""
        for seen in self._wire.finish():
            self._take(seen)
        whose, tab, why = text.partition("\t")
        if tab:
            self.conversation.failed(at_s)
        if tab and self._station and whose != self._station:
            return
        self._shown += 1
        if self._session.json:
            told = {"at": _iso(at_s), "sort": "failed", "station": whose if tab else None, "text": why if tab else text}
            sys.stdout.write(clean_json(orjson.dumps(told).decode()) + "\n")
            return
        shown = f"{self._who(whose)} {why}" if tab else text
        self._out.print(styled(f"{_clock(at_s)} ✗ {clean(shown)}", "bold red"), soft_wrap=True)

    def missed(self, count: int) -> None:
        """The daemon had already forgotten some."""
        if not self._session.json:
            told = self._session.lang.say(f"! 漏掉 {count} 条记录", f"! {count} records were missed")
            self._out.print(styled(told, "yellow"))

    def finish(self) -> None:
        """The end: what was still waiting for its last bytes."""
        for seen in self._wire.finish():
            self._take(seen)
        sys.stdout.flush()

    def _take(self, seen: Sighting) -> None:
        passage = self.conversation.take(seen)
        self._write(lambda: self._pcap.record(seen, seen.start_s))
        if self._station and str(seen.station) != self._station:
            return
        if self.is_enough:
            return
        self._shown += 1
        if self._session.json:
            sys.stdout.write(clean_json(orjson.dumps(passage_facts(passage)).decode()) + "\n")
            sys.stdout.flush()
        else:
            self._out.print(self._line(passage), soft_wrap=True)

    def _write(self, make: Callable[[], bytes]) -> None:
        if self._file is not None:
            self._file.write(make())

    def _who(self, station: str) -> str:
        name = self.names.get(station)
        return f"{name}:{station}" if name else station

    def _line(self, passage: Passage) -> Text:
        seen, lang = passage.seen, self._session.lang
        words = describe(seen, passage.asked)
        told = Text(f"{_clock(seen.start_s)} {_ARROWS(seen.way)} ", style="dim")
        style = {Sort.EXCEPTION: "yellow", Sort.BROKEN: "bold red", Sort.JUNK: "red", Sort.ECHO: "dim"}.get(seen.sort, "")
        who = "" if seen.station is None else f"{self._who(str(seen.station))} "
        told.append(clean(who), style="bold")
        told.append(clean(lang.say(words.zh, words.en)), style=style)
        for mark in _marks(passage, lang):
            told.append(f"  {mark}", style="bold yellow")
        if passage.response_s is not None:
            told.append(f"  {1000 * passage.response_s:.1f} ms", style="cyan")
        if self._options.raw or not seen.sort.is_frame:
            # whole with --raw: it is copied from here to `decode`
            shown = seen.data if self._options.raw else seen.data[:_SHOWN_HEX]
            told.append("  " + shown.hex(" ").upper() + (" …" if len(shown) < len(seen.data) else ""), style="dim")
        return told


def _marks(passage: Passage, lang: Lang) -> list[str]:
    told = []
    if is_write(passage.seen):
        told.append(lang.say("写操作", "WRITE"))
    if passage.retry:
        told.append(lang.say("重试", "again"))
    if passage.foreign:
        told.append(lang.say("另一个主站", "ANOTHER MASTER"))
    return told


def _station_of(device: str, facts: WireFacts) -> str:
    """The address that a filter means: an address itself, or a device's name."""
    by_name = {name: address for address, name in facts.devices.items()}
    if not device or device in by_name:
        return by_name.get(device, "")
    if not _ADDRESS.fullmatch(device):
        there = f"; there are: {', '.join(by_name)}" if by_name else ""
        raise typer.BadParameter(f"{clean(device, 64)!r} is no device of {facts.name} and no address{there}")
    return device.upper() if not device.isdecimal() else device


def _clock(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC).astimezone():%H:%M:%S.%f}"[:-3]


def _iso(at_s: float) -> str:
    return iso_utc(round(at_s * 1000))


def passage_facts(passage: Passage) -> dict[str, object]:
    """A passage for programs."""
    seen = passage.seen
    return {
        "at": _iso(seen.start_s),
        "way": seen.way,
        "sort": seen.sort,
        "form": seen.form,
        "station": seen.station,
        "text": describe(seen, passage.asked),
        "hex": seen.data.hex(),
        "detail": seen.detail,
        "gap_ms": None if passage.gap_s is None else round(1000 * passage.gap_s, 2),
        "response_ms": None if passage.response_s is None else round(1000 * passage.response_s, 2),
        "write": is_write(seen),
        "retry": passage.retry,
        "foreign": passage.foreign,
    }


def show_summary(out: Console, line: LineFigures, findings: tuple[Finding, ...], names: dict[str, str], lang: Lang) -> None:
    """The line and its stations, and what is wrong with them."""
    out.print()
    out.print(
        lang.say(
            f"{line.seconds:.0f} 秒,收到 {line.received_bytes} 字节,杂散 {line.junk_bytes},损坏帧 {line.broken}",
            f"{line.seconds:.0f} s, {line.received_bytes} bytes came in, {line.junk_bytes} of them junk;"
            f" {line.broken} broken frames",
        )
    )
    if line.stations:
        out.print(_stations(line.stations, names, lang))
    for finding in findings:
        text, evidence = (lang.say(words.zh, words.en) for words in (finding.text, finding.evidence))
        out.print(styled(f"✗ {text}: {evidence}", "bold red"))
        out.print(styled(f"  → {lang.say(finding.advice.zh, finding.advice.en)}", "dim"))
    if not findings:
        out.print(_no_finding(line, names, lang))


def _no_finding(line: LineFigures, names: dict[str, str], lang: Lang) -> Text:
    """A line is called well only if nothing at all went wrong; a little that did is said, without a guess at why.

    What is silent is asked so seldom that its one request may be the last frame that was seen.
    """
    unanswered = sum(station.unanswered for station in line.stations)
    mute = [one.station for one in line.stations if one.requests and not one.heard + one.late + one.broken]
    if mute and not line.broken:
        who = clean(", ".join(names.get(station, station) for station in mute), 200)
        told = lang.say(
            f"! 未听到 {who}:不应答的设备很少被询问;请监听更久,或用 edgeguard read 设备 立即询问",
            f"! nothing was heard of {who}: what is silent is asked seldom; trace longer, edgeguard read DEVICE asks at once",
        )
        return styled(told, "yellow")
    if not (unanswered or line.broken):
        return styled(lang.say("✓ 线路正常", "✓ nothing is wrong with the line"), "green")
    told = lang.say(
        f"! 无应答 {unanswered},损坏帧 {line.broken}:太少,无法判断原因;请监听更久,同时用 edgeguard read 设备 立即询问",
        f"! {unanswered} without an answer, {line.broken} broken: too few to say why; trace longer, edgeguard read DEVICE asks",
    )
    return styled(told, "yellow")


def _poll(polled: Polled) -> str:
    return clean(polled.request, 40) + (f" / {polled.every_s:.1f} s" if polled.every_s else "")


def _stations(stations: tuple[StationFigures, ...], names: dict[str, str], lang: Lang) -> object:
    figures = tuple(
        lang.say(zh, en)
        for zh, en in (
            ("请求", "requests"),
            ("应答 p50/p95", "answer p50/p95"),
            ("无应答", "unanswered"),
            ("损坏", "broken"),
            ("异常", "refused"),
            ("重试", "again"),
        )
    )
    what = lang.say("轮询", "polled")
    made = table(lang.say("站", "station"), *figures, what, right=figures, wrap=(what,))
    for station in stations:
        polls = "; ".join(_poll(polled) for polled in station.polled[:_SHOWN_POLLS])
        name = names.get(station.station)
        made.add_row(
            f"{clean(name)}:{clean(station.station)}" if name else clean(station.station),
            str(station.requests),
            f"{1000 * station.response_p50_s:.0f}/{1000 * station.response_p95_s:.0f} ms" if station.response_p95_s else "—",
            str(station.unanswered),
            str(station.broken),
            str(station.exceptions),
            str(station.retries),
            polls,
        )
    return made
