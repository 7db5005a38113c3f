"""Lists of plates as CSV: what property offices keep in spreadsheets. Read as a whole or not at all, every mistake with its line.

The first line names the columns, in English or Chinese, in any order; `plate` alone is required. Spreadsheets separate by commas,
semicolons, tabs or full-width commas: the first line says by which. Pure: texts in, entries out.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import zip_longest
from types import MappingProxyType
from typing import Final

from edgeguard.core.gate_limits import GATE_BAY_CHARS, GATE_ENTRIES_MAX, GATE_HOURS_MAX, GATE_NOTE_CHARS
from edgeguard.core.gate_list import DATED, Entry, Hours, ListKind, plain_plate, without_plates
from edgeguard.core.ids import ID_PATTERN

COLUMNS: Final = ("list", "plate", "from", "to", "days", "hours", "bay", "zones", "note")
_ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{name: name for name in COLUMNS},
        "zone": "zones",
        "since": "from",
        "until": "to",
        "license plate": "plate",
        "remark": "note",
        "名单": "list",
        "类别": "list",
        "车牌": "plate",
        "车牌号": "plate",
        "车牌号码": "plate",
        "开始": "from",
        "开始时间": "from",
        "生效": "from",
        "结束": "to",
        "结束时间": "to",
        "失效": "to",
        "到期": "to",
        "星期": "days",
        "时段": "hours",
        "车位": "bay",
        "车位号": "bay",
        "区域": "zones",
        "备注": "note",
        "房号": "note",
        **dict.fromkeys(("序号", "编号", "no", "no.", "#"), "number"),
    }
)
_LISTS: Final[Mapping[str, ListKind]] = MappingProxyType(
    {
        **{kind.value: kind for kind in ListKind},
        "住户": ListKind.RESIDENT,
        "业主": ListKind.RESIDENT,
        "租户": ListKind.RESIDENT,
        "月租": ListKind.RESIDENT,
        "月租车": ListKind.RESIDENT,
        "固定车": ListKind.RESIDENT,
        "访客": ListKind.VISITOR,
        "黑名单": ListKind.BLOCKED,
        "禁止": ListKind.BLOCKED,
        "禁止入场": ListKind.BLOCKED,
        "共享": ListKind.SHARED,
        "共享车位": ListKind.SHARED,
        "公务": ListKind.SERVICE,
        "服务": ListKind.SERVICE,
    }
)
_DAYS: Final[Mapping[str, int]] = MappingProxyType(
    {
        **{str(day): day for day in range(1, 8)},
        **{name: day for day, name in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), 1)},
        **{f"周{name}": day for day, name in enumerate("一二三四五六日", 1)},
        **{f"星期{name}": day for day, name in enumerate("一二三四五六日", 1)},
        "周天": 7,
        "星期天": 7,
    }
)
_DATE: Final = re.compile(
    r"(\d{4}) ?[-/.年] ?(\d{1,2}) ?[-/.月] ?(\d{1,2}) ?[日号]?"
    r"(?:[ T]{0,2}(?P<half>上午|下午)? ?(\d{1,2})(?::(\d{2})(?::\d{2}(?:\.0+)?)?|[时点](?:(\d{1,2})分?)?))?"
)
_FOR_EVER: Final = frozenset({"长期", "长期有效", "永久"})
_ALL_DAY: Final = frozenset({"全天", "24小时"})
_ASIDE: Final = re.compile(r"\([^()]*\)|\*")
"""What stands in a heading beside the name of its column: 车牌号(必填)."""
_HOUR: Final = r"(\d{1,2})(?::(\d{2})(?::00)?|[点时](?:(\d{1,2})分?|(半)|整)?)"
_HOURS: Final = re.compile(rf"{_HOUR}\s{{0,9}}[-–—~至到]\s{{0,9}}{_HOUR}")
_SAID: Final = re.compile(r'"?sep=([,;\t])"?[,;\t]*', re.IGNORECASE)
"""A first line that tells Excel what separates the cells."""
_SEPARATORS: Final = (",", ";", "\t", "，")
_SEPARATED: Final = re.compile(r"[\s,;、]+")
_CHINESE: Final = re.compile("[一-鿿][A-Z][0-9A-Z]{4}")
"""How the plates of GA 36 begin, whose serials have no I and no O: whoever types one means a digit, and would never be let in."""
_FORMULA: Final = tuple("=+-@＝＋－＠")
"""How a cell begins that a spreadsheet takes for a formula."""
_DAY_MIN: Final = 24 * 60


class EntryRefused(ValueError):
    """A field does not say what it should; the message names the column, and never a plate: it may be logged."""


@dataclass(frozen=True, slots=True)
class CsvRead:
    """Entries in their order with their lines, or mistakes, each with its line.

    `unended`: the line of a last row without a line break, where it may have been longer: it `lacks` cells, or ends with its plate.
    """

    entries: tuple[Entry, ...] = ()
    lines: tuple[int, ...] = ()
    mistakes: tuple[tuple[int, str], ...] = ()
    unended: int | None = None
    lacks: bool = False


def read_csv(text: str, default: ListKind | None, most_mistakes: int, zones: Iterable[str] | None = None) -> CsvRead:
    """A whole file. `default`: the list of rows that name none. `zones`: those that there are, None if that is not known."""
    text = text.removeprefix("\ufeff")
    first = re.split(r"[\r\n]", text, maxsplit=1)[0]
    said = _SAID.fullmatch(first)
    separator = said.group(1) if said else next((one for one in _SEPARATORS if one in first), ",")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    if said:
        next(rows, [])
    line = rows.line_num + 1
    try:
        header = next(rows, [])
    except csv.Error as error:
        return CsvRead(mistakes=((line, _no_csv(error)),))
    columns, wrong = _columns(header, default)
    if wrong:
        return CsvRead(mistakes=((line, wrong),))
    found, last, cells = _rows(
        rows, lambda: rows.line_num, columns, default, most_mistakes, None if zones is None else frozenset(zones)
    )
    return found if text.endswith(("\r", "\n")) else _unended(found, last or line, cells, columns)


def _unended(found: CsvRead, last: int, cells: int, columns: tuple[str, ...]) -> CsvRead:
    """Of a file without a last line break, whose last row begins in line `last`: what that may mean."""
    if found.mistakes:
        ends = ((line, f"{words}; the file ends within this line" if line == last else words) for line, words in found.mistakes)
        return replace(found, mistakes=tuple(ends))
    lacks = cells < len(columns)
    return replace(found, unended=last, lacks=lacks) if lacks or columns[-1] == "plate" else found


def _no_csv(error: csv.Error) -> str:
    if "unexpected end" in str(error) or "field larger" in str(error):
        return "is no CSV: a quotation mark is opened in this row and not closed"
    return f"is no CSV: {error}"


def _rows(
    rows: Iterator[list[str]],
    line_of: Callable[[], int],
    columns: tuple[str, ...],
    default: ListKind | None,
    most: int,
    zones: frozenset[str] | None,
) -> tuple[CsvRead, int, int]:
    """What the rows say, the line of the last one (0: there is none), and how many cells it has."""
    last, last_cells = 0, 0
    entries: list[Entry] = []
    lines: list[int] = []
    mistakes: list[tuple[int, str]] = []
    first: dict[tuple[ListKind, str], int] = {}
    while len(mistakes) < most:
        line = line_of() + 1  # the first of a row that has several
        try:
            cells = next(rows)
        except StopIteration:
            break
        except csv.Error as error:
            mistakes.append((line, _no_csv(error)))
            break
        if not any(cell.strip() for cell in cells):
            continue
        last, last_cells = line, len(cells)
        if not any(cell.strip() for column, cell in zip_longest(columns, cells, fillvalue="") if column != "number"):
            continue  # numbered in advance
        try:
            entry = _row(cells, columns, default, zones)
        except EntryRefused as error:
            mistakes.append((line, str(error)))
        else:
            other = first.setdefault((entry.kind, entry.plate), line)
            if other != line:
                mistakes.append((line, f"plate: stands on list {entry.kind} in line {other} already"))
            elif len(entries) >= GATE_ENTRIES_MAX:
                mistakes.append((line, f"is one too many: lists have {GATE_ENTRIES_MAX} entries at most"))
                break
            entries.append(entry)
            lines.append(line)
    found = CsvRead(mistakes=tuple(mistakes)) if mistakes else CsvRead(tuple(entries), tuple(lines))
    return found, last, last_cells


def _row(cells: list[str], columns: tuple[str, ...], default: ListKind | None, zones: frozenset[str] | None) -> Entry:
    while len(cells) > len(columns) and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) > len(columns):
        raise EntryRefused(f"has {len(cells)} cells, the first line names {len(columns)} columns")
    fields: dict[str, str] = {}
    for column, cell in zip(columns, cells, strict=False):
        fields[column] = " ".join(filter(None, (fields.get(column, ""), cell.strip())))
    return entry_of(fields, default, zones)


def write_csv(entries: Iterable[Entry]) -> str:
    """As `read_csv` reads it; a cell that a spreadsheet would take for a formula is quoted by a leading apostrophe."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        fields = fields_of(entry)
        writer.writerow(_unformula(fields.get(name, "")) for name in COLUMNS)
    return out.getvalue()


def fields_of(entry: Entry) -> dict[str, str]:
    """The columns of an entry that say something."""
    fields = {
        "list": entry.kind.value,
        "plate": entry.plate,
        "from": _moment_text(entry.since),
        "to": _moment_text(entry.until),
        "days": " ".join(str(day) for day in sorted(entry.days)),
        "hours": " ".join(str(hours) for hours in entry.hours),
        "bay": entry.bay,
        "zones": " ".join(sorted(entry.zones)),
        "note": entry.note,
    }
    return {name: text for name, text in fields.items() if text}


def entry_of(fields: Mapping[str, str], default: ListKind | None, zones: frozenset[str] | None = None) -> Entry:
    """An entry of its columns. EntryRefused names the one that is wrong."""
    kind = _list(fields.get("list", ""), default)
    plate = plain_plate(fields.get("plate", ""))
    if plate is None:
        raise EntryRefused("plate: is no number plate such as 浙A12345")
    if _CHINESE.match(plate) and any(letter in plate[2:] for letter in "IO"):
        raise EntryRefused("plate: behind the second place stands no letter I or O, but the digit 1 or 0")
    since = _moment(fields.get("from", ""), "from", end=False)
    until = _moment(fields.get("to", ""), "to", end=True)
    if kind in DATED and until is None:
        given = f'"{fields["to"]}" is no end' if fields.get("to") else "is missing"
        raise EntryRefused(f"to: {given}; an entry of list {kind} says until when it holds")
    if since is not None and until is not None and until <= since:
        raise EntryRefused("to: is not after from")
    return Entry(
        plate=plate,
        kind=kind,
        since=since,
        until=until,
        days=_days(fields.get("days", "")),
        hours=_hours(fields.get("hours", "")),
        bay=_short(fields.get("bay", ""), "bay", GATE_BAY_CHARS),
        zones=_zones(fields.get("zones", ""), zones),
        note=_short(fields.get("note", ""), "note", GATE_NOTE_CHARS),
    )


def _columns(header: list[str], default: ListKind | None) -> tuple[tuple[str, ...], str]:
    """The columns by their own names, and what is wrong with the first line."""
    columns: list[str] = []
    while header and not header[-1].strip():
        header = header[:-1]
    for written in header:
        plain = _ASIDE.sub("", unicodedata.normalize("NFKC", written)).strip().lower()
        name = _ALIASES.get(plain) or _ALIASES.get(plain.replace(" ", ""))
        if name is None and without_plates(written) != written:
            return (), "the first line names the columns, such as: list,plate,from,to,bay,note; it is missing"
        if name is None:
            return (), f'"{without_plates(written.strip())[:40]}" is no column; there are: {", ".join(COLUMNS)}'
        if name in columns and name != "note":  # offices keep both the flat and a remark
            return (), f"column {name} stands twice"
        columns.append(name)
    if "plate" not in columns:
        return (), "the first line names the columns; there must be one called plate (车牌)"
    if "list" not in columns and default is None:
        return (), "no column says on which list a row stands; name one list for the whole file"
    return tuple(columns), ""


def _list(written: str, default: ListKind | None) -> ListKind:
    if not written and default is not None:
        return default
    kind = _LISTS.get(unicodedata.normalize("NFKC", written).lower())
    if kind is None:
        raise EntryRefused(f'list: "{without_plates(written)[:20]}" is none of {", ".join(ListKind)}')
    return kind


def _moment(written: str, column: str, *, end: bool) -> datetime | None:
    """A day alone means its first moment, as an end the last."""
    if not written or (end and written in _FOR_EVER):
        return None
    found = _DATE.fullmatch(unicodedata.normalize("NFKC", written))
    year, month, day, half, written_hour, *minutes = found.groups() if found else (0, 0, 0, None, None, None)
    year, month, day, hour = (int(part or 0) for part in (year, month, day, written_hour))
    minute = int(next(filter(None, minutes), 0))
    if half is not None and (hour == 12 or (half == "上午" and hour > 12)):
        year = 0  # 12 is noon to one and midnight to another
    hour += 12 if half == "下午" and hour < 12 else 0
    whole = found is not None and written_hour is None
    midnight_after = (hour, minute) == (24, 0)
    try:
        at = datetime(year, month, day, 0 if midnight_after else hour, minute)  # noqa: DTZ001 (a time on the wall)
        return at + timedelta(days=1) if (whole and end) or midnight_after else at
    except (ValueError, OverflowError):
        raise EntryRefused(
            f'{column}: "{without_plates(written)[:30]}" is no date such as 2026-11-25 or 2026-11-25 08:00'
        ) from None


def _days(written: str) -> frozenset[int]:
    days: set[int] = set()
    written = unicodedata.normalize("NFKC", written)
    for part in filter(None, _SEPARATED.split(written.lower())):
        first, dash, last = (piece.strip() for piece in re.sub("[–—~至到]", "-", part).partition("-"))
        if first not in _DAYS or (dash and last not in _DAYS):
            raise EntryRefused(f'days: "{without_plates(part)[:20]}" is none of 1 (Monday) to 7 (Sunday), mon-fri, 周一-周五')
        low, high = _DAYS[first], _DAYS[last if dash else first]
        days |= set(range(low, high + 1)) if low <= high else {*range(low, 8), *range(1, high + 1)}
    return frozenset(days)


def _hours(written: str) -> tuple[Hours, ...]:
    found: list[Hours] = []
    rest = written = unicodedata.normalize("NFKC", written)
    if "".join(written.split()) in _ALL_DAY:
        return ()
    for match in _HOURS.finditer(written):
        rest = rest.replace(match.group(), "", 1)
        first_h, first_m, until_h, until_m = (int(part) for part in _clock_of(match.groups("")))
        first, until = first_h * 60 + first_m, until_h * 60 + until_m
        if first_m > 59 or until_m > 59 or first >= _DAY_MIN or until > _DAY_MIN or first == until:
            raise EntryRefused(f'hours: "{match.group()}" is no part of a day such as 08:00-18:00 or 22:00-06:00')
        found.append(Hours(first, until))
    if _SEPARATED.sub("", rest):
        raise EntryRefused(f'hours: "{without_plates(written)[:30]}" is no part of a day such as 08:00-18:00 or 22:00-06:00')
    if len(found) > GATE_HOURS_MAX:
        raise EntryRefused(f"hours: {len(found)} parts of the day; {GATE_HOURS_MAX} are the most")
    return tuple(sorted(found, key=lambda hours: (hours.first_min, hours.until_min)))


def _clock_of(parts: Sequence[str]) -> Iterator[str]:
    """Hour and minute of both ends: 8:30, 8点30分, 8点半 and 8点."""
    for at in (0, 4):
        hour, minute, spoken, half = parts[at : at + 4]
        yield hour
        yield minute or spoken or ("30" if half else "0")


def _zones(written: str, known: frozenset[str] | None) -> frozenset[str]:
    zones = frozenset(filter(None, _SEPARATED.split(written)))
    for zone in sorted(zones):
        if ID_PATTERN.match(zone) is None or (known is not None and zone not in known):
            there = f" (there are: {', '.join(sorted(known))})" if known else ""
            raise EntryRefused(f'zones: there is no zone "{without_plates(zone)[:20]}"{there}')
    return zones


def _short(written: str, column: str, most: int) -> str:
    written = written.removeprefix("'") if written[1:2] in _FORMULA else written
    if len(written) > most:
        raise EntryRefused(f"{column}: has {len(written)} characters; {most} are the most")
    if not written.isprintable():
        raise EntryRefused(f"{column}: holds control characters")
    return written


def _moment_text(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M}"


def _unformula(cell: str) -> str:
    return f"'{cell}" if cell[:1] in _FORMULA else cell
