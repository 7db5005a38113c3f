"""`gate`: who was let in and why, who is inside, lists, and barriers by hand."""

import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import typer

from edgeguard.cli.look import author
from edgeguard.cli.output import console, print_json, styled, table
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.text import clean, counted, label
from edgeguard.cli.whole_file import write_whole
from edgeguard.cli.wire import somebody_is_here
from edgeguard.control import methods
from edgeguard.control.client import call
from edgeguard.control.gate_views import EntryView, GateListView, GatesView, GateView, WhyView
from edgeguard.core.errors import Permanent
from edgeguard.core.gate_limits import GATE_CSV_BYTES, GATE_MISTAKES_TOLD, GATE_PART_CHARS
from edgeguard.core.gate_list import Entry, ListKind
from edgeguard.rules.gate_csv import CsvRead, EntryRefused, entry_of, read_csv, write_csv
from edgeguard.vision.plate_grammar import kind_of

_SHOWN: Final = 8
_CUT: Final = frozenset({"unexpected end of data", "incomplete multibyte sequence", "truncated data"})
"""What decoders call it when a text ends within a character."""
_VERDICTS: Final[Mapping[str, tuple[str, str, str]]] = {
    "open": ("放行", "let in", "green"),
    "refused": ("不放行", "not let in", "red"),
    "ask": ("待人工确认", "a person decides", "yellow"),
}
_CAME: Final[Mapping[str, tuple[str, str]]] = {
    "opened": ("已开闸", "opened"),
    "not-opened": ("未能开闸", "not opened"),
    "passed": ("已通过", "went through"),
    "passed-unseen": ("已通过(重启期间)", "went through unseen"),
    "not-passed": ("未通过", "did not go through"),
    "unseen": ("重启后去向不明", "not seen since the restart"),
    "not-waited": ("等待超时", "waited too long"),
    "confirmed": ("人工放行", "let in by hand"),
}
_ASKED: Final[Mapping[str, tuple[str, str]]] = {
    "open": ("打开", "Open"),
    "hold": ("保持常开", "Hold open"),
    "release": ("已确认闸下无车无人,落下", "Nothing and nobody is under it: bring down"),
}
_WAYS: Final[Mapping[str, tuple[str, str]]] = {"in": ("入", "in"), "out": ("出", "out")}


def status(session: Session) -> Exit:
    """Gates, zones and lists at one moment. 1 if a loop is stuck, or there are gates and nobody knows what time it is."""
    found = call(session.socket, methods.GATES, {})
    wrong = bool(found.gates) and (not found.clock or any(gate.stuck for gate in found.gates))
    if session.json:
        print_json(found)
        return Exit.WRONG if wrong else Exit.FINE
    _print_status(found, session.lang)
    return Exit.WRONG if wrong else Exit.FINE


def _print_status(found: GatesView, lang: Lang) -> None:
    if not found.gates:
        console().print(lang.say("没有配置道闸([[gate]])", "no gate is configured: [[gate]]"))
    if found.gates and not found.clock:
        words = lang.say(
            "时钟不可信:有时限的名单不放行", "the clock cannot be trusted: entries that hold at some times only open nothing"
        )
        console().print(styled(words, "yellow"))
    for gate in found.gates:
        _print_gate(gate, lang)
    if found.zones:
        grid = table(
            *lang.say(("区域", "在场", "容量", "有记录", "无车牌"), ("zone", "inside", "capacity", "stays", "without plate"))
        )
        for zone in found.zones:
            capacity = "—" if zone.capacity is None else str(zone.capacity)
            grid.add_row(clean(label(zone.labels, lang)), str(zone.count), capacity, str(zone.stays), str(zone.unread))
        console().print(grid)
    grid = table(*lang.say(("名单", "名称", "条目", "版本", "本地改动"), ("list", "name", "entries", "version", "changes here")))
    for one in found.lists:
        version = "—" if one.version is None else str(one.version)
        grid.add_row(clean(one.list), label(one.labels, lang), str(one.entries), version, str(one.local))
    console().print(grid)


def _print_gate(gate: GateView, lang: Lang) -> None:
    head = f"{clean(gate.name)}  {label(gate.labels, lang)}"
    if gate.held_s:
        head += lang.say(f"  常开,剩余 {gate.held_s // 60} 分钟", f"  held open for {gate.held_s // 60} min more")
    if gate.stuck:
        head += lang.say("  地感持续被占用", "  its loop is stuck")
    if gate.waiting:
        head += lang.say(f"  等待 {gate.waiting} 辆", f"  {gate.waiting} waiting")
    console().print(styled(head, "red" if gate.stuck else "bold"))
    if not gate.decisions:
        return
    grid = table(
        *lang.say(("时间", "方向", "车牌", "结果", "原因", "之后", "编号"), ("at", "way", "plate", "verdict", "why", "then", "id"))
    )
    for one in gate.decisions[:_SHOWN]:
        zh, en, colour = _VERDICTS.get(one.verdict, (one.verdict, one.verdict, ""))
        came = lang.say(*_CAME.get(one.came, (one.came, one.came)))
        way = lang.say(*_WAYS.get(one.way, (one.way, one.way)))
        at = clean(one.at[11:19])
        grid.add_row(
            at, way, clean(one.plate) or "—", styled(lang.say(zh, en), colour), label(one.text, lang), clean(came), clean(one.id)
        )
    console().print(grid)


def why(session: Session, plate: str, gate: str | None) -> Exit:
    """What would be done with a plate, and why. 1 unless it would be let through everywhere it was asked for."""
    found = call(session.socket, methods.GATE_WHY, _args(plate=plate, gate=gate))
    if session.json:
        print_json(found)
    else:
        for one in found:
            _print_why(one, session.lang)
    return Exit.FINE if all(one.verdict == "open" for one in found) else Exit.WRONG


def _print_why(one: WhyView, lang: Lang) -> None:
    zh, en, colour = _VERDICTS.get(one.verdict, (one.verdict, one.verdict, ""))
    way = lang.say(*_WAYS.get(one.way, (one.way, one.way)))
    said = f"{clean(one.gate)} {way}: {lang.say(zh, en)} — {label(one.text, lang)}"
    console().print(styled(said, colour))
    if one.near:
        console().print(lang.say(f"  相近车牌:{clean(one.near)}", f"  nearly: {clean(one.near)}"))
    if one.entry is not None:
        facts = ", ".join(f"{name} {clean(text)}" for name, text in _fields(one.entry).items() if name not in ("list", "plate"))
        console().print(f"  {clean(one.entry.list)} {clean(one.entry.plate)}{': ' if facts else ''}{facts}")


def stays(session: Session, zone: str | None) -> Exit:
    """Who is inside."""
    found = call(session.socket, methods.GATE_STAYS, _args(zone=zone))
    if session.json:
        print_json(found)
        return Exit.FINE
    lang = session.lang
    grid = table(*lang.say(("区域", "车牌", "入场", "时长", "名单", "车位"), ("zone", "plate", "since", "for", "list", "bay")))
    for one in found:
        lasted = "—" if one.lasted_s is None else f"{one.lasted_s // 3600}:{one.lasted_s // 60 % 60:02d}"
        grid.add_row(clean(one.zone), clean(one.plate), clean(one.since) or "—", lasted, clean(one.list) or "—", clean(one.bay))
    console().print(grid)
    return Exit.FINE


def list_entries(session: Session, name: str | None) -> Exit:
    """What stands on the lists."""
    found = call(session.socket, methods.GATE_ENTRIES, _args(list=name))
    if session.json:
        print_json(found)
        return Exit.FINE
    lang = session.lang
    columns = lang.say(
        ("名单", "车牌", "开始", "结束", "星期", "时段", "车位", "区域", "备注"),
        ("list", "plate", "from", "to", "days", "hours", "bay", "zones", "note"),
    )
    grid = table(*columns)
    for entry in found:
        fields = _fields(entry)
        grid.add_row(
            *(clean(fields.get(key, "")) for key in ("list", "plate", "from", "to", "days", "hours", "bay", "zones", "note"))
        )
    console().print(grid)
    return Exit.FINE


def add(session: Session, fields: Mapping[str, str]) -> Exit:
    """Put one entry."""
    try:
        entry = entry_of(fields, None)
    except EntryRefused as error:
        raise typer.BadParameter(str(error)) from None
    return _tell(session, _send(session, [write_csv([entry])]))


def remove(session: Session, plates: Sequence[str], kind: str | None) -> Exit:
    """Take plates off. 1 if none stood there."""
    view = _part(session, secrets.token_hex(8), 1, 1, list=kind, remove="\n".join(plates))
    _tell(session, view)
    return Exit.FINE if view.removed else Exit.WRONG


def import_file(session: Session, file: Path, kind: str | None, whole: bool, dry: bool, yes: bool) -> Exit:
    """A whole file, or nothing of it. Looked through here first, so that mistakes cost no call."""
    if kind is not None and kind not in set(ListKind):
        raise typer.BadParameter(f"there is no list {kind} (there are: {', '.join(ListKind)})")
    found = read_csv(_text_of(file), None if kind is None else ListKind(kind), GATE_MISTAKES_TOLD)
    if found.mistakes:
        raise Permanent("\n".join(f"{file}:{line}: {words}" for line, words in found.mistakes))
    broken = _breaks_off(found)
    if broken is not None and whole:
        why = "the file breaks off here, and what is missing would be removed from the list"
        raise Permanent(f"{file}:{broken}: {why}; if it is complete, end it with a line break")
    parts = list(_parts(found.entries))
    if whole and not found.entries and kind is None:
        raise typer.BadParameter("the file names no entry; --list says which list is to be emptied")
    if not dry and whole and not yes:
        would = _send(session, parts, list=kind, whole=True, dry=True)
        if would.removed and not _agreed(session, would.removed):
            return Exit.WRONG
    odd = [line for entry, line in zip(found.entries, found.lines, strict=True) if kind_of(entry.plate) is None]
    told = _tell(session, _send(session, parts, list=kind, whole=whole, dry=dry), odd)
    if broken is not None:
        sys.stderr.write(
            session.lang.say(
                f"{file}:文件似乎在第 {broken} 行中断,之后的内容可能缺失\n",
                f"{file}: seems to break off in line {broken}; what came behind it may be missing\n",
            )
        )
    return told


def _breaks_off(found: CsvRead) -> int | None:
    """The line in which a file ends though a row, or a plate, may go on there."""
    if found.unended is None or found.lacks or not found.entries:
        return found.unended
    plate = found.entries[-1].plate
    return found.unended if kind_of(plate) is None or kind_of(f"{plate}0") is not None else None


def export(session: Session, file: Path | None, kind: str | None) -> Exit:
    """The lists as CSV."""
    found = call(session.socket, methods.GATE_ENTRIES, _args(list=kind))
    text = write_csv([entry_of(_fields(entry), None) for entry in found])
    if file is None:
        typer.echo(text, nl=False)
        return Exit.FINE
    try:
        if file.exists() and not file.is_file():  # /dev/stdout, a pipe
            file.write_text(text, encoding="utf-8-sig", newline="")
        else:
            write_whole(file.resolve(), "\ufeff" + text, 0o600)
    except OSError as error:
        raise Permanent(f"{file}: cannot be written: {error.strerror}") from error
    if session.json:
        print_json({"file": str(file), "entries": len(found)})
    else:
        console().print(session.lang.say(f"已导出 {len(found)} 条到 {file}", f"{len(found)} entries written to {file}"))
    return Exit.FINE


def act(
    session: Session,
    gate: str,
    action: str,
    yes: bool,
    for_pass: str | None = None,
    minutes: float | None = None,
    over_loop: bool = False,
) -> Exit:
    """Open, hold or release a barrier. 1 if it was not seen to open."""
    lang = session.lang
    if not yes:
        if session.json or not somebody_is_here():
            raise typer.BadParameter("nobody is here to be asked; --yes does it without asking")
        what = lang.say(*_ASKED[action])
        if not typer.confirm(lang.say(f"{what}道闸 {clean(gate)}?", f"{what} gate {clean(gate)}?"), default=False):
            console().print(lang.say("未执行", "nothing was done"))
            return Exit.WRONG
    view = call(
        session.socket,
        methods.GATE_ACT,
        _args(gate=gate, action=action, minutes=minutes, over_loop=over_loop or None, **{"pass": for_pass}),
    )
    if session.json:
        print_json(view)
    else:
        console().print(styled(f"{clean(view.gate)}: {clean(view.detail)}", "green" if view.verified else "red"))
    return Exit.FINE if view.verified else Exit.WRONG


def correct(session: Session, zone: str, count: int | None, gone: str | None) -> Exit:
    """Say how many vehicles there are, or which one has gone."""
    if (count is None) == (gone is None):
        raise typer.BadParameter("give either --count or --gone")
    view = call(session.socket, methods.GATE_CORRECT, _args(zone=zone, count=count, gone=gone))
    if session.json:
        print_json(view)
    else:
        console().print(session.lang.say(f"{clean(zone)}:在场 {view.count} 辆", f"{clean(zone)}: {view.count} inside"))
    return Exit.FINE


def _parts(entries: Sequence[Entry]) -> Iterator[str]:
    """CSV texts that a message can carry; one at least."""
    header, *rows = write_csv(entries).splitlines(keepends=True)
    part, size = [header], len(header.encode())
    for row in rows:
        if size + len(row.encode()) > GATE_PART_CHARS:
            yield "".join(part)
            part, size = [header], len(header.encode())
        part.append(row)
        size += len(row.encode())
    yield "".join(part)


def _send(session: Session, parts: Sequence[str], **terms: Any) -> GateListView:
    """All parts of one transfer; what became of the last."""
    transfer = secrets.token_hex(8)
    views = [_part(session, transfer, number, len(parts), entries=text, **terms) for number, text in enumerate(parts, 1)]
    return views[-1]


def _part(session: Session, transfer: str, part: int, parts: int, **terms: Any) -> GateListView:
    return call(session.socket, methods.GATE_PUT, _args(transfer=transfer, part=part, parts=parts, **terms))


def _tell(session: Session, view: GateListView, odd: Sequence[int] = ()) -> Exit:
    """What has become of the lists. `odd`: the lines of the file whose plates the reader can never read."""
    if session.json:
        print_json(view)
        return Exit.FINE
    lang = session.lang
    head = lang.say("将会", "would be ") if view.state == "dry" else ""
    console().print(
        lang.say(
            f"{head}新增 {view.added},更改 {view.changed},删除 {view.removed}",
            f"{head}{view.added} added, {view.changed} changed, {view.removed} removed",
        )
    )
    if view.unreadable:
        words = lang.say(
            f"其中 {view.unreadable} 个车牌无法被识别", f"{counted(view.unreadable, 'plate')} of a form that can never be read"
        )
        lines = ", ".join(map(str, odd[:GATE_MISTAKES_TOLD])) + ("..." if len(odd) > GATE_MISTAKES_TOLD else "")
        console().print(
            styled(
                words + (lang.say(f"(第 {lines} 行)", f" ({'line' if len(odd) == 1 else 'lines'} {lines})") if odd else ""),
                "yellow",
            )
        )
    return Exit.FINE


def _agreed(session: Session, removed: int) -> bool:
    if session.json or not somebody_is_here():
        raise typer.BadParameter(f"{removed} entries would be removed, and nobody is here to be asked; --yes removes them")
    return typer.confirm(
        session.lang.say(f"将删除 {removed} 条,继续?", f"{removed} entries will be removed. Go on?"), default=False
    )


def _text_of(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(GATE_CSV_BYTES + 1)
    except OSError as error:
        raise Permanent(f"{file}: cannot be read: {error.strerror}") from error
    if len(data) > GATE_CSV_BYTES:
        raise Permanent(f"{file}: is larger than {GATE_CSV_BYTES // 2**20} MiB")
    utf_16 = ("utf-16",) if data.startswith((b"\xff\xfe", b"\xfe\xff")) else ()
    for encoding in (*utf_16, "utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            whole = data[: error.start]
            if error.end >= len(data) and error.reason in _CUT and not whole.isascii():  # else it may be one of another encoding
                line = whole.decode(encoding).count("\n") + 1
                raise Permanent(f"{file}:{line}: breaks off within a character") from None
    raise Permanent(f"{file}: is neither UTF-8 nor GB 18030")


def _fields(entry: EntryView) -> dict[str, str]:
    """As a CSV file names them."""
    fields = {"list": entry.list, "plate": entry.plate, "from": entry.since, "to": entry.until, "days": entry.days}
    fields |= {"hours": entry.hours, "bay": entry.bay, "zones": entry.zones, "note": entry.note}
    return {name: text for name, text in fields.items() if text}


def _args(**given: Any) -> dict[str, Any]:
    return {name: value for name, value in {**given, "by": author()}.items() if value is not None}
