"""`profile new`: a profile from a maker's register list, or asked for point by point. Writes one new file, never over another."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from edgeguard.cli.output import console, print_json, styled
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.text import clean
from edgeguard.config import ProfileLibrary, load_profile
from edgeguard.config.profile_draft import Draft, DraftPoint, profile_text, without_doubles
from edgeguard.config.profile_model import DEVICE_KINDS
from edgeguard.config.register_csv import address_in, factor_in, read_register_csv, type_named
from edgeguard.core.errors import ConfigError, Permanent
from edgeguard.core.ids import ID_PATTERN, POINT_PATTERN
from edgeguard.core.limits import MAX_POINTS_PER_DEVICE
from edgeguard.core.point import Labels
from edgeguard.core.register import RawType, Table

T = TypeVar("T")
Ask = Callable[[str, str], str]
"""A question and its default to what was answered (the default for an empty line); EOFError when nobody answers."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says; what it leaves open comes from the list, or is asked."""

    csv: Path | None
    name: str
    maker: str
    model: str
    kind: str
    device: str
    base: int
    folder: Path


def new(session: Session, wanted: Wanted, ask: Ask) -> Exit:
    """Write the profile. Exit 2, and no file, when something is wrong or the answers end early."""
    try:
        draft, notes = _from_csv(wanted) if wanted.csv else (_Interview(session.lang, ask).draft(wanted), ())
    except EOFError:
        raise Permanent(session.lang.say("回答中断,未写入文件", "the answers ended early; nothing was written")) from None
    path = wanted.folder / f"{draft.name}.toml"
    if path.exists():
        raise _taken(path)
    points, doubles = without_doubles(draft.points)
    draft = replace(draft, points=points, known=known_labels(point.name for point in points if point.labels is None))
    write_new(path, profile_text(draft))
    try:
        profile = load_profile(path)
    except ConfigError:
        path.unlink(missing_ok=True)
        raise
    notes = (*notes, *doubles)
    if session.json:
        print_json({"ok": True, "file": str(path), "points": len(profile.points), "notes": notes})
        return Exit.FINE
    out, lang = console(), session.lang
    for note in notes:
        out.print(styled(f"! {clean(note, 400)}", "yellow"), soft_wrap=True)
    counted = lang.say(f"已写入,{len(profile.points)} 个点", f"written, {len(profile.points)} points")
    out.print(f"✓ {clean(str(path))} {counted}")
    out.print(lang.say("请逐点与设备显示核对", "compare every value with the device's display before you rely on it"))
    return Exit.FINE


def asked_on_terminal(question: str, default: str) -> str:
    """Ask on standard error, so that standard output stays the command's own; read a line of standard input."""
    sys.stderr.write(f"{question} [{default}]: " if default else f"{question}: ")
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.strip() or default


def write_new(path: Path, text: str) -> None:
    """A new file. ConfigError where there is one already, or the folder does not take it."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        raise ConfigError((f"{path}:1: file: cannot be written: {(error.strerror or 'unknown').lower()}",)) from error


def _taken(path: Path) -> ConfigError:
    return ConfigError((f"{path}:1: file: is there already and is left alone; choose another name or folder",))


def known_labels(names: Iterable[str]) -> Mapping[str, Labels]:
    """Labels that shipped profiles have for points of these names, so that a new one speaks the same words."""
    wanted, found = set(names), dict[str, Labels]()
    library = ProfileLibrary.shipped()
    for profile in library.names():
        if wanted <= found.keys():
            break
        found.update((str(point.name), point.labels) for point in library.get(profile).points if point.name not in found)
    return found


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")[:64].strip("-")


def _from_csv(wanted: Wanted) -> tuple[Draft, tuple[str, ...]]:
    assert wanted.csv is not None  # noqa: S101  asked by the caller
    found = read_register_csv(wanted.csv, wanted.base, wanted.device)
    told = found.device.partition(";")[0].strip()
    maker, _, rest = told.partition(" ")
    maker, model = wanted.maker or maker or wanted.csv.stem, wanted.model or rest or told or wanted.csv.stem
    name = wanted.name or _slug(f"{maker}-{re.sub(r'[(].*', '', model)}") or _slug(wanted.csv.stem)
    _check(name, wanted.kind)
    trust = f"A template, made of {wanted.csv.name} and not compared with a device yet."
    trust = f"{trust} The list says: {found.trust}" if found.trust else trust
    source = found.source or f"register list {wanted.csv.name}"
    return Draft(name, maker, model, wanted.kind or "other", source, trust, found.points), found.notes


def _check(name: str, kind: str) -> None:
    if ID_PATTERN.match(name) is None:
        raise ConfigError((f'--name: "{name}" is not an id: use small letters, digits and hyphens, such as "acme-m1"',))
    if kind and kind not in DEVICE_KINDS:
        raise ConfigError((f'--kind: "{kind}" is not one of {", ".join(DEVICE_KINDS)}',))


class _Interview:
    """Question by question; an answer that will not do is told and asked for again."""

    def __init__(self, lang: Lang, ask: Ask) -> None:
        self._lang = lang
        self._ask = ask

    def draft(self, wanted: Wanted) -> Draft:
        """Maker, model, name, kind, then points until an empty name."""
        maker = wanted.maker or self._text("厂家", "maker", "")
        model = wanted.model or self._text("型号", "model", "")
        name = wanted.name or self._until("模板名", "profile name", _slug(f"{maker}-{model}"), _id)
        kind = wanted.kind or self._until(f"类别({', '.join(DEVICE_KINDS)})", f"kind ({', '.join(DEVICE_KINDS)})", "other", _kind)
        _check(name, kind)
        source = self._text("寄存器表来源", "where the register map comes from", "the maker's manual")
        points = tuple(self._points())
        trust = "A template, typed in from the register map and not compared with a device yet."
        return Draft(name, maker, model, kind, source, trust, points)

    def _points(self) -> Iterator[DraftPoint]:
        before: DraftPoint | None = None
        for _ in range(MAX_POINTS_PER_DEVICE):
            end = "" if before is None else self._lang.say(",回车结束", ", empty to end")
            name = self._until(f"点名{end}", f"point name{end}", "", _point_name if before is None else _point_name_or_end)
            if not name:
                return
            before = self._point(name, before, known_labels((name,)).get(name))
            yield before

    def _point(self, name: str, before: DraftPoint | None, labels: Labels | None) -> DraftPoint:
        table = self._until("表", "table", (before.table if before else Table.HOLDING).value, _table)
        same = before is not None and before.table is table
        after = before.address + (before.words or (before.type.words if before.type else 1)) if before and same else 0
        address = self._until("地址(从0起)", "address, counted from 0", str(after), _address)
        kind = None
        words = None
        scale, unit = None, ""
        if not table.is_bits:
            usual = before.type if before and before.type else RawType.UINT16
            kind = self._until("数据类型", "type", usual.value, _kind_of_number)
            if kind is RawType.STRING:
                words = self._until("寄存器数", "number of registers", "8", _words)
            else:
                scale = self._until("倍率", "scale", "1", _scale)
                unit = self._text("单位", "unit", "", empty=True)
        zh = self._text("中文名", "Chinese name", labels.zh if labels else name)
        en = self._text("英文名", "English name", labels.en if labels else name.replace("_", " ").capitalize())
        return DraftPoint(name, table, address, kind, words, scale=scale, unit=unit, labels=Labels(zh, en))

    def _text(self, zh: str, en: str, default: str, empty: bool = False) -> str:
        return self._until(zh, en, default, (lambda text: text) if empty else _some)

    def _until(self, zh: str, en: str, default: str, read: Callable[[str], T]) -> T:
        """The answer as `read` takes it; what is wrong with one is told, and the question comes again."""
        while True:
            answer = self._ask(self._lang.say(zh, en), default).strip()
            try:
                return read(answer)
            except _Unfit as why:
                told = self._lang.say(f"{clean(answer)}:不可用,{why.zh}", f"{clean(answer)!r} will not do: {why.en}")
                console().print(styled(told, "yellow"), soft_wrap=True)


class _Unfit(ValueError):
    """An answer will not do, for this reason."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


def _some(text: str) -> str:
    if not text or not text.isprintable():
        raise _Unfit("不能为空", "something must stand here, without control characters")
    return text


def _id(text: str) -> str:
    if ID_PATTERN.match(text) is None:
        raise _Unfit("用小写字母、数字和连字符,如 acme-m1", "small letters, digits and hyphens, such as acme-m1")
    return text


def _kind(text: str) -> str:
    if text not in DEVICE_KINDS:
        raise _Unfit("不在所列类别中", "it is none of those named")
    return text


def _table(text: str) -> Table:
    try:
        return Table(text.casefold())
    except ValueError:
        raise _Unfit("用 coil、discrete、holding 或 input", "coil, discrete, holding or input") from None


def _point_name(text: str) -> str:
    """As it is, or made of a label: `Discharge pressure` is discharge_pressure."""
    name = re.sub(r"[^a-z0-9]+", "_", text.casefold()).strip("_")
    if not text.isascii() or POINT_PATTERN.match(name) is None:
        raise _Unfit(
            "用小写字母、数字和下划线,如 pressure",
            "small letters, digits and _, such as pressure; a Chinese name is asked for later",
        )
    return name


def _point_name_or_end(text: str) -> str:
    return _point_name(text) if text else ""


def _address(text: str) -> int:
    """From 0. 40001 is most likely the first register in words of old, and asked for again."""
    try:
        value = address_in(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 65535:
        raise _Unfit("写 4112、0x1010 或 1010H,0 到 65535", "write 4112, 0x1010 or 1010H, 0 to 65535")
    if re.fullmatch(r"[34]\d{4}", text) and int(text[1:]):
        zh = f"若是第 {int(text[1:])} 个寄存器,请写 {int(text[1:]) - 1};确为此地址则写 {value:#x}"
        raise _Unfit(
            zh, f"if that is register {int(text[1:])}, write {int(text[1:]) - 1}; if it is counted from 0, write {value:#x}"
        )
    return value


def _kind_of_number(text: str) -> RawType:
    kind = type_named(text)
    if kind is None or kind is RawType.BIT:
        known = " ".join(one.value for one in RawType if one is not RawType.BIT)
        raise _Unfit(f"用 {known} 之一", f"one of {known}")
    return kind


def _words(text: str) -> int:
    if re.fullmatch(r"\d{1,3}", text) is None or not 1 <= int(text) <= 125:
        raise _Unfit("1 到 125", "1 to 125")
    return int(text)


def _scale(text: str) -> float:
    factor = factor_in(text)
    if not factor:
        raise _Unfit("写 0.1、0,1 或 1/10", "a number that is not 0, such as 0.1, 0,1 or 1/10")
    return factor
