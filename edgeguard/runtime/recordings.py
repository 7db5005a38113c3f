"""Recordings of what devices said, read back as rounds: the local history, a CSV of `edgeguard export`, or lines of JSON.

A recording is text from anywhere: every mistake in it is told with its line, and nothing of it is taken on trust.
"""

import csv
import io
import math
from collections.abc import Container, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Final, NamedTuple

import orjson

from edgeguard.core.alarm_limits import REPLAY_LINE_BYTES, REPLAY_SHAPES
from edgeguard.core.errors import Permanent
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.point import Kind, Outcome
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.trend import TrendPoint
from edgeguard.store.trend_file import DATABASE
from edgeguard.store.trend_reader import open_history

_SILENT: Final = frozenset(
    {Reason.NO_CONNECTION, Reason.TIMEOUT, Reason.NOT_POLLED, Reason.CANCELLED, Reason.STALE, Reason.CHECKSUM, Reason.GARBAGE}
)
"""Reasons with which a device has said nothing at all."""
_COLUMNS: Final = ("time", "device", "point", "value", "quality", "reason")
_REASONS: Final[Mapping[str, Reason]] = {reason.value: reason for reason in Reason}
_PLAIN: Final = frozenset({bool, int, float, str})
Names = tuple[PointName, ...]
Kinds = Mapping[DeviceName, Mapping[PointName, Kind]]
"""Of which kind the points are, where that is known: a text in a table may look like a number."""


class Heard(NamedTuple):
    """One round of one device, by the wall clock; `outcomes[i]` belongs to `points[i]`. What is not there was not asked for.

    `points` is mostly the same object from round to round of a device.
    """

    device: DeviceName
    wall_ms: int
    points: Names
    outcomes: tuple[Outcome, ...]
    answered: bool


def read_recording(path: Path, from_ms: int, to_ms: int, kinds: Kinds | None = None) -> Iterator[Heard]:
    """Rounds with `from_ms <= time < to_ms` in the order of time. Permanent, with the line, for what is no recording."""
    directory = history_of(path)
    if directory is not None:
        return _history(directory, from_ms, to_ms)
    if not path.is_file():
        raise Permanent(f"{path}: there is no such recording")
    return _in_order(path, _text(path, kinds or {}), from_ms, to_ms)


def history_of(path: Path) -> Path | None:
    """The state directory whose local history is meant by a path; None if it is a file of another form."""
    if path.is_dir():
        return path
    return path.parent if path.name == DATABASE else None


def _history(directory: Path, from_ms: int, to_ms: int) -> Iterator[Heard]:
    shapes = _Shapes()
    with open_history(directory) as history:
        for one in history.rounds(from_ms, to_ms):
            outcomes = one.outcomes
            names = shapes.of_points(one.device, one.points)
            yield Heard(one.device, one.at.wall_ms, names, outcomes, answered_by(outcomes))


def answered_by(outcomes: tuple[Outcome, ...]) -> bool:
    """The device has said anything: a value, or that it will not give one."""
    if Fault not in set(map(type, outcomes)):
        return bool(outcomes)
    return any(outcome.reason not in _SAYS_NOTHING if isinstance(outcome, Fault) else True for outcome in outcomes)


_SAYS_NOTHING: Final = _SILENT | {Reason.NOT_DUE}


class _Shapes:
    """The points that a device's rounds bear, as one object for all the rounds that bear the same."""

    def __init__(self) -> None:
        self._names: dict[DeviceName, Names] = {}
        self._points: dict[DeviceName, object] = {}

    def of(self, device: DeviceName, names: Names) -> Names:
        """The names, as the rounds before had them if they are the same."""
        known = self._names.get(device)
        if known == names:
            return known
        if len(self._names) >= REPLAY_SHAPES:
            self._names.clear()
        self._names[device] = names
        return names

    def of_points(self, device: DeviceName, points: tuple[TrendPoint, ...]) -> Names:
        """The same of points that are themselves the same object mostly."""
        if self._points.get(device) is not points:
            self._points[device] = points
            self._names[device] = tuple(point.name for point in points)
        return self._names[device]


def _in_order(path: Path, rounds: Iterator[Heard], from_ms: int, to_ms: int) -> Iterator[Heard]:
    last_ms = -1
    for heard in rounds:
        at_ms = heard.wall_ms
        if not from_ms <= at_ms < to_ms:
            continue
        if at_ms < last_ms:
            raise Permanent(f"{path}: {heard.device} at {_iso(at_ms)} comes after {_iso(last_ms)}: not in the order of time")
        last_ms = at_ms
        yield heard


def _text(path: Path, kinds: Kinds) -> Iterator[Heard]:
    with path.open("rb") as file:
        first = file.read(1)
        file.seek(0)
        try:
            if first == b"{":
                yield from _json_lines(path, file)
            else:
                yield from _table(path, io.TextIOWrapper(file, encoding="utf-8", newline=""), kinds)
        except UnicodeDecodeError as error:
            raise Permanent(f"{path}: is no text: {error.reason}") from None


def _json_lines(path: Path, file: IO[bytes]) -> Iterator[Heard]:
    shapes, moments = _Shapes(), _Moments()
    for number, line in enumerate(iter(partial(file.readline, REPLAY_LINE_BYTES + 1), b""), start=1):
        if len(line) > REPLAY_LINE_BYTES:
            raise Permanent(f"{path}:{number}: is longer than {REPLAY_LINE_BYTES} bytes")
        if not line.isspace():
            try:
                yield _line(line, shapes, moments)
            except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError) as error:
                raise Permanent(f"{path}:{number}: is not a round such as {_EXAMPLE}: {error}") from None


def _line(line: bytes, shapes: "_Shapes", moments: "_Moments") -> Heard:
    body = orjson.loads(line)
    values, bad = body.get("values", {}), body.get("bad", {})
    names, outcomes = tuple(values), tuple(values.values())
    if not _PLAIN.issuperset(map(type, outcomes)):
        wrong = next(name for name, value in values.items() if type(value) not in _PLAIN)
        raise TypeError(f"{wrong} is neither a number, a text, true nor false")
    answered = bool(outcomes)
    if bad:
        if twice := bad.keys() & values.keys():
            names, outcomes = _without(names, outcomes, twice)
        faults = tuple(Fault(_reason(reason)) for reason in bad.values())
        names, outcomes = (*names, *bad), (*outcomes, *faults)
        answered = answered_by(outcomes)
    device = body["device"]
    if device.__class__ is not str:
        raise TypeError("device is no text")
    name = DeviceName(device)
    return Heard(name, moments.of(body["at"]), shapes.of(name, names), outcomes, answered)


def _without(names: Names, outcomes: tuple[Outcome, ...], twice: Container[str]) -> tuple[Names, tuple[Outcome, ...]]:
    """A point that is said to be bad has no value, whatever stands beside."""
    kept = [(name, outcome) for name, outcome in zip(names, outcomes, strict=True) if name not in twice]
    return tuple(name for name, _ in kept), tuple(outcome for _, outcome in kept)


_EXAMPLE: Final = '{"at":"2026-11-23T05:40:00Z","device":"pump-1","values":{"pressure":0.4}}'


class _Moments:
    """Times as they are written, in ms since 1970: many rounds and rows bear the same."""

    def __init__(self) -> None:
        self._text = ""
        self._ms = 0

    def of(self, text: str) -> int:
        """ValueError or TypeError for what is no time; one without a zone is UTC."""
        if text != self._text:
            at = datetime.fromisoformat(text)
            self._ms = round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
            self._text = text
        return self._ms


def _table(path: Path, file: IO[str], kinds: Kinds) -> Iterator[Heard]:
    """Rows of one device and one time that follow each other are one round."""
    reader = csv.reader(file)
    try:
        header = next(reader, [])
        if missing := set(_COLUMNS) - set(header):
            raise Permanent(f"{path}:1: is no export of rounds: there is no column {', '.join(sorted(missing))}")
        yield from _rounds(reader, header, kinds)
    except (csv.Error, IndexError, TypeError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise
        raise Permanent(f"{path}:{reader.line_num}: {error}") from None


def _rounds(reader: Iterator[list[str]], header: list[str], kinds: Kinds) -> Iterator[Heard]:
    time_at, device_at, point_at, value_at, quality_at, reason_at = (header.index(name) for name in _COLUMNS)
    shapes, moments = _Shapes(), _Moments()
    time, device = "", ""
    known: Mapping[PointName, Kind] = {}
    round_: dict[PointName, Outcome] = {}
    for row in reader:
        if not row:
            continue
        if len(row) < len(header):
            raise ValueError(f"has {len(row)} columns, not {len(header)}")
        if row[time_at] != time or row[device_at] != device:
            if round_:
                yield _round(device, moments.of(time), round_, shapes)
                round_ = {}
            time, device = row[time_at], row[device_at]
            moments.of(time)
            known = kinds.get(DeviceName(device), {})
        point = PointName(row[point_at])
        if row[quality_at] != "good":
            round_[point] = Fault(_reason(row[reason_at]))
        else:
            round_[point] = _value(row[value_at], known.get(point))
    if round_:
        yield _round(device, moments.of(time), round_, shapes)


def _round(device: str, wall_ms: int, found: Mapping[PointName, Outcome], shapes: _Shapes) -> Heard:
    name, outcomes = DeviceName(device), tuple(found.values())
    return Heard(name, wall_ms, shapes.of(name, tuple(found)), outcomes, answered_by(outcomes))


def _value(text: str, kind: Kind | None) -> Outcome:
    """What a cell of a table means: a number or a truth value where it looks like one, and the point is not one of texts."""
    if kind is not Kind.TEXT:
        try:
            number = float(text)
        except ValueError:
            if text in ("true", "false"):
                return text == "true"
        else:
            if math.isfinite(number) and "_" not in text:
                return number if "." in text or "e" in text or "E" in text else int(text)
    return text.removeprefix("'")


def _reason(text: str) -> Reason:
    if text not in _REASONS:
        raise ValueError(f'"{text}" is not a reason why a value is missing')
    return _REASONS[text]


def _iso(wall_ms: int) -> str:
    return f"{datetime.fromtimestamp(wall_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
