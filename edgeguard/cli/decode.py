"""`decode`: bytes from a log or a sniffer, as frames in words and as registers in every type and order. Returns an exit code."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Final

import typer
from rich.text import Text

from edgeguard.cli.output import console, print_json, styled, table
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.text import clean
from edgeguard.codec.examine import Examined, examine
from edgeguard.codec.plausible import Reading, readings
from edgeguard.codec.sighting import Sighting, Sort
from edgeguard.codec.words import describe, fields, is_write
from edgeguard.core.limits import DECODE_BYTES
from edgeguard.core.point import Labels
from edgeguard.core.register import WordOrder

_SHOWN_REGISTERS: Final = 4
"""So many registers are shown in full; of more only what something speaks for, unless all is asked for."""
_ORDERS: Final = (
    (WordOrder.BIG, "ABCD"),
    (WordOrder.LITTLE, "CDAB"),
    (WordOrder.BIG_SWAPPED, "BADC"),
    (WordOrder.LITTLE_SWAPPED, "DCBA"),
)
_SORTS_ZH: Final[Mapping[Sort, str]] = MappingProxyType(
    {
        Sort.REQUEST: "请求",
        Sort.ANSWER: "应答",
        Sort.EXCEPTION: "异常应答",
        Sort.ECHO: "回波",
        Sort.BROKEN: "损坏",
        Sort.JUNK: "杂散",
    }
)


def decode(session: Session, words: Sequence[str], registers: bool, everything: bool) -> Exit:
    """Bytes in hexadecimal, or registers as decimal numbers; 1 when a checksum is wrong."""
    data = _registers(words) if registers else _bytes(words)
    found = Examined((), data) if registers else examine(data)
    known = readings(found.registers)
    wrong = any(frame.sort in (Sort.BROKEN, Sort.JUNK) for frame in found.frames)
    if session.json:
        print_json(
            {"bytes": data.hex(), "frames": [_frame_facts(f) for f in found.frames], "registers": [_facts(r) for r in known]}
        )
        return Exit.WRONG if wrong else Exit.FINE
    for frame in found.frames:
        _show_frame(frame, session.lang)
    if known:
        _show_registers(found.registers, known, everything, session.lang)
    elif not found.frames:
        console().print(session.lang.say("没有可解释的内容", "there is nothing in this to be read"))
    return Exit.WRONG if wrong else Exit.FINE


def _bytes(words: Sequence[str]) -> bytes:
    text = " ".join(words).strip()
    if text.startswith(":"):
        return "".join(text.split()).encode("ascii", "replace") + b"\r\n"
    digits = re.sub(r"0[xX]|\\x|[\s,;:\-]", "", text)
    try:
        data = bytes.fromhex(digits)
    except ValueError:
        raise typer.BadParameter(f"{clean(text, 60)!r} are not bytes in hexadecimal, such as 03 03 04 43 67 00 00") from None
    return _bounded(data)


def _registers(words: Sequence[str]) -> bytes:
    numbers = re.split(r"[\s,;]+", " ".join(words).strip(" ,;[]"))
    try:
        values = [int(number, 0) for number in numbers]
    except ValueError:
        raise typer.BadParameter(f"{clean(' '.join(words), 60)!r} are not registers, such as 17255 0") from None
    for value in values:
        if not -0x8000 <= value <= 0xFFFF:
            raise typer.BadParameter(f"{value} fits no register; one holds 0 to 65535, or -32768 to 32767")
    return _bounded(b"".join((value & 0xFFFF).to_bytes(2, "big") for value in values))


def _bounded(data: bytes) -> bytes:
    if not 1 <= len(data) <= DECODE_BYTES:
        raise typer.BadParameter(f"{len(data)} bytes; 1 to {DECODE_BYTES} can be shown at once")
    return data


def _show_frame(frame: Sighting, lang: Lang) -> None:
    out = console()
    mark, style = ("✗", "bold red") if frame.sort in (Sort.BROKEN, Sort.JUNK) else ("✓", "bold green")
    told = describe(frame)
    sort = lang.say(_SORTS_ZH[frame.sort], frame.sort.value)
    form = "" if frame.form is None else f" {frame.form.value} {sort}"
    station = "" if frame.station is None else f" {frame.station}"
    flag = styled(lang.say("  写操作", "  WRITE"), "bold yellow") if is_write(frame) else ""
    out.print(Text.assemble((mark, style), f"{form}{station}: ", (clean(lang.say(told.zh, told.en)), "bold"), flag))
    rows = fields(frame)
    if rows:
        value = lang.say("含义", "meaning")
        made = table(lang.say("字段", "field"), lang.say("字节", "bytes"), value, wrap=(value, lang.say("字节", "bytes")))
        for field in rows:
            made.add_row(
                lang.say(field.name.zh, field.name.en),
                field.data.hex(" ").upper(),
                clean(lang.say(field.meaning.zh, field.meaning.en)),
            )
        out.print(made)
    out.print()


def _show_registers(data: bytes, known: Sequence[Reading], everything: bool, lang: Lang) -> None:
    in_full = everything or len(data) // 2 <= _SHOWN_REGISTERS
    why = lang.say("说明", "what speaks for it")
    heads = tuple(letters for _, letters in _ORDERS)
    made = table(lang.say("寄存器", "register"), lang.say("类型", "type"), *heads, why, right=heads, wrap=(why,))
    best = max((reading.weight for reading in known), default=0)
    for (register, type_), rows in groupby(known, key=lambda reading: (reading.register, reading.type)):
        here = {reading.order: reading for reading in rows}
        if not in_full and max(reading.weight for reading in here.values()) <= 1:
            continue
        words = next(iter(here.values())).words
        place = str(register) if words == 1 else f"{register}-{register + words - 1}"
        made.add_row(place, type_.value, *(_cell(here.get(order), best) for order, _ in _ORDERS), _why(here.values(), lang))
    out = console()
    out.print(Text(data.hex(" ", 2).upper(), style="dim"))
    out.print(made)
    if not in_full:
        out.print(styled(lang.say("→ --all 显示全部解释", "→ --all shows every reading"), "dim"))


def _cell(reading: Reading | None, best: int) -> Text:
    if reading is None:
        return Text("—", style="dim")
    style = "bold green" if reading.weight == best > 0 else "green" if reading.weight > 1 else "dim" if reading.weight < 0 else ""
    return Text(clean(reading.value, 32), style=style)


def _why(rows: Iterable[Reading], lang: Lang) -> str:
    letters = dict(_ORDERS)

    def told(mark: Labels, order: WordOrder) -> str:
        return f"{letters[order]}: {lang.say(mark.zh, mark.en)}"

    return "; ".join(told(mark, reading.order) for reading in rows if reading.weight > 1 for mark in reading.marks)


def _frame_facts(frame: Sighting) -> dict[str, object]:
    return {
        "form": frame.form,
        "sort": frame.sort,
        "station": frame.station,
        "write": is_write(frame),
        "text": describe(frame),
        "detail": frame.detail,
        "hex": frame.data.hex(),
        "fields": [{"name": field.name, "hex": field.data.hex(), "value": field.value} for field in fields(frame)],
    }


def _facts(reading: Reading) -> dict[str, object]:
    return {
        "register": reading.register,
        "type": reading.type,
        "order": reading.order,
        "value": reading.value,
        "marks": reading.marks,
        "weight": reading.weight,
    }
