"""`export`: the history as CSV or Parquet, some ten thousand rows in memory at a time."""

import csv
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, TextIO

import typer

from edgeguard.cli.moments import moment_ms
from edgeguard.cli.output import print_json
from edgeguard.cli.parquet import Cell, Column, Form, write_parquet
from edgeguard.cli.session import Exit, Session
from edgeguard.cli.trend import named
from edgeguard.control.errors import UnknownName
from edgeguard.core.clock import iso_utc
from edgeguard.core.errors import Permanent
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.point import Outcome
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.trend import Grain, TrendPoint
from edgeguard.store import TrendReader, note_copy, open_history

_RAW: Final = ("time", "device", "point", "unit", "value", "quality", "reason")
_COARSE: Final = ("time", "device", "point", "unit", "count", "bad", "min", "max", "mean", "last")
_LETTERS_OF_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")

Row = tuple[object, ...]
Chosen = Mapping[DeviceName, frozenset[PointName] | None]
"""Points by device; None for all of them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for on the command line."""

    points: tuple[str, ...]
    since: str | None
    to: str | None
    form: str
    grain: str
    output: Path | None
    directory: Path


def export(session: Session, wanted: Wanted) -> Exit:
    """Write the table; how many rows it has is said on stderr. For programs: rows as lines of JSON, or what went into the file."""
    if wanted.form not in ("csv", "parquet"):
        raise typer.BadParameter(f"{wanted.form!r} is neither csv nor parquet")
    if wanted.grain not in tuple(Grain):
        raise typer.BadParameter(f"{wanted.grain!r} is none of raw, minute, hour")
    if wanted.form == "parquet" and wanted.output is None:
        raise typer.BadParameter("a Parquet file is not written to a terminal: name one with --output FILE")
    grain = Grain(wanted.grain)
    to_ms = int(time.time() * 1000) + 1 if wanted.to is None else moment_ms(wanted.to)
    if wanted.output is not None:
        note_copy(wanted.directory, wanted.output)
    write = _write_parquet if wanted.form == "parquet" else _write_lines if session.json and wanted.output is None else _write_csv
    with open_history(wanted.directory) as history:
        chosen = _chosen(history, wanted.points)
        span = history.span_ms() or (0, 0)
        from_ms = span[0] if wanted.since is None else moment_ms(wanted.since)
        if from_ms >= to_ms and wanted.since is not None:
            raise typer.BadParameter("--from is not before --to")
        rows = _raw(history, chosen, from_ms, to_ms) if grain is Grain.RAW else _coarse(history, chosen, from_ms, to_ms, grain)
        count = write(rows, _RAW if grain is Grain.RAW else _COARSE, wanted.output)
        damaged, unplaced = history.damaged, history.unplaced_rounds()
    if session.json and wanted.output is not None:
        print_json({"file": str(wanted.output), "rows": count, "damaged": damaged, "unplaced": unplaced})
    say = session.lang.say
    told = [say(f"{count} 行", f"{count} rows")]
    if damaged:
        told.append(say(f"{damaged} 个损坏的数据块已略过", f"{damaged} damaged blocks were left out"))
    if unplaced:
        zh, en = f"{unplaced} 个数据块的时间未经同步", f"{unplaced} blocks bear the time of a clock that was not synchronised"
        told.append(say(zh, en))
    sys.stderr.write("; ".join(told) + "\n")
    return Exit.FINE if count else Exit.WRONG


def _chosen(history: TrendReader, names: Sequence[str]) -> Chosen:
    """Whole devices and single points, as named; everything, if nothing is. UnknownName for a name that history does not know."""
    known = history.points()
    if not names:
        return dict.fromkeys(known)
    chosen: dict[DeviceName, frozenset[PointName] | None] = {}
    for name in names:
        if "." in name:
            device, point = named(history, name)
            before = chosen.get(device, frozenset())
            chosen[device] = None if before is None else before | {point.name}
        elif DeviceName(name) in known:
            chosen[DeviceName(name)] = None
        else:
            raise UnknownName(f'the history knows no device "{name}"; it knows {", ".join(sorted(known)) or "none"}')
    return chosen


def _raw(history: TrendReader, chosen: Chosen, from_ms: int, to_ms: int) -> Iterator[Row]:
    for one in history.rounds(from_ms, to_ms, tuple(chosen)):
        wanted = chosen[one.device]
        for point, outcome in zip(one.points, one.outcomes, strict=True):
            if (wanted is None or point.name in wanted) and not _is_not_due(outcome):
                yield one.at.wall_ms, one.device, point.name, point.unit, *_told(outcome)


def _told(outcome: Outcome) -> tuple[object, str, str]:
    return (None, "bad", outcome.reason.value) if isinstance(outcome, Fault) else (outcome, "good", "")


def _is_not_due(outcome: Outcome) -> bool:
    return isinstance(outcome, Fault) and outcome.reason is Reason.NOT_DUE


def _coarse(history: TrendReader, chosen: Chosen, from_ms: int, to_ms: int, grain: Grain) -> Iterator[Row]:
    """Point by point: aggregates of many points at one time are in as many rows."""
    for device, points in history.points().items():
        wanted = chosen.get(device, frozenset())
        for point in points:
            if wanted is None or point.name in wanted:
                yield from _samples(history, device, point, (from_ms, to_ms), grain)


def _samples(history: TrendReader, device: DeviceName, point: TrendPoint, span: tuple[int, int], grain: Grain) -> Iterator[Row]:
    for sample in history.samples(device, point.name, *span, grain):
        of = sample.of
        yield sample.at_ms, device, point.name, point.unit, of.count, of.bad, of.minimum, of.maximum, of.mean, of.last


def _write_csv(rows: Iterator[Row], columns: Sequence[str], output: Path | None) -> int:
    """UTF-8 with a header; times in UTC. What a spreadsheet would take for a formula is quoted away."""
    count = 0
    with _opened(output) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            count += 1
            writer.writerow((iso_utc(row[0]) if isinstance(row[0], int) else row[0], *map(_cell, row[1:])))
    return count


def _write_lines(rows: Iterator[Row], columns: Sequence[str], _output: Path | None) -> int:
    """An object a line on standard output; times in UTC, values as they are."""
    count = 0
    for row in rows:
        count += 1
        at, *rest = row
        print_json(dict(zip(columns, (iso_utc(at) if isinstance(at, int) else at, *rest), strict=True)), indent=False)
    return count


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(_LETTERS_OF_FORMULAS):
        return f"'{value}"
    return value


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    try:
        with output.open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise Permanent(f"{output} cannot be written: {error.strerror}") from error


def _write_parquet(rows: Iterator[Row], columns: Sequence[str], output: Path | None) -> int:
    """Numbers and truth values as doubles in `value` (or `last`), texts beside them in `text`; times as UTC milliseconds."""
    value_at = columns.index("value") if "value" in columns else columns.index("last")
    made = [Column(name, _FORMS.get(name, Form.TEXT)) for name in (*columns, "text")]
    try:
        with Path(str(output)).open("wb") as file:
            return write_parquet(file, made, (_parted(row, value_at) for row in rows))
    except OSError as error:
        raise Permanent(f"{output} cannot be written: {error.strerror}") from error


_FORMS: Final[Mapping[str, Form]] = MappingProxyType(
    {
        "time": Form.TIME,
        "count": Form.COUNT,
        "bad": Form.COUNT,
        **dict.fromkeys(("value", "min", "max", "mean", "last"), Form.NUMBER),
    }
)


def _parted(row: Row, value_at: int) -> list[Cell]:
    """A row with the value where it is a number, and where it is a text."""
    value = row[value_at]
    cells: list[Cell] = [cell if isinstance(cell, int | float | str) else None for cell in row]
    cells[value_at] = float(value) if isinstance(value, bool | int | float) else None
    return [*cells, value if isinstance(value, str) else None]
