"""Recordings of what devices said, read back as rounds: the local history, a CSV of `edgeguard export`, or lines of JSON.

A recording is text from anywhere: every mistake in it is told with its line, and nothing of it is taken on trust.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

import orjson

from edgeguard.core.alarm_limits import REPLAY_LINE_BYTES
from edgeguard.core.errors import Permanent
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.point import Outcome
from edgeguard.core.quality import Fault, Reason
from edgeguard.store.trend_file import DATABASE
from edgeguard.store.trend_reader import open_history

_SILENT: Final = frozenset(
    {Reason.NO_CONNECTION, Reason.TIMEOUT, Reason.NOT_POLLED, Reason.CANCELLED, Reason.STALE, Reason.CHECKSUM, Reason.GARBAGE}
)
"""Reasons with which a device has said nothing at all."""
_COLUMNS: Final = ("time", "device", "point", "value", "quality", "reason")
_REASONS: Final[Mapping[str, Reason]] = {reason.value: reason for reason in Reason}


@dataclass(frozen=True, slots=True)
class Heard:
    """One round of one device, by the wall clock; points that are not there were not asked for."""

    device: DeviceName
    wall_ms: int
    outcomes: Mapping[PointName, Outcome] = field(default_factory=dict)

    @property
    def answered(self) -> bool:
        """The device has said anything: a value, or that it will not give one."""
        faults = [outcome for outcome in self.outcomes.values() if isinstance(outcome, Fault)]
        return len(faults) < len(self.outcomes) or any(fault.reason not in _SILENT for fault in faults)


def read_recording(path: Path, from_ms: int, to_ms: int) -> Iterator[Heard]:
    """Rounds with `from_ms <= time < to_ms` in the order of time. Permanent, with the line, for what is no recording."""
    if path.is_dir() or path.name == DATABASE:
        return _history(path if path.is_dir() else path.parent, from_ms, to_ms)
    if not path.is_file():
        raise Permanent(f"{path}: there is no such recording")
    return _in_order(path, _within(_text(path), from_ms, to_ms))


def _history(directory: Path, from_ms: int, to_ms: int) -> Iterator[Heard]:
    with open_history(directory) as history:
        for one in history.rounds(from_ms, to_ms):
            pairs = zip(one.points, one.outcomes, strict=True)
            asked = {point.name: outcome for point, outcome in pairs if not _not_due(outcome)}
            yield Heard(one.device, one.at.wall_ms, asked)


def _not_due(outcome: Outcome) -> bool:
    return isinstance(outcome, Fault) and outcome.reason is Reason.NOT_DUE


def _within(rounds: Iterator[Heard], from_ms: int, to_ms: int) -> Iterator[Heard]:
    return (heard for heard in rounds if from_ms <= heard.wall_ms < to_ms)


def _in_order(path: Path, rounds: Iterator[Heard]) -> Iterator[Heard]:
    last_ms = -1
    for heard in rounds:
        if heard.wall_ms < last_ms:
            raise Permanent(
                f"{path}: {heard.device} at {_iso(heard.wall_ms)} comes after {_iso(last_ms)}: not in the order of time"
            )
        last_ms = heard.wall_ms
        yield heard


def _text(path: Path) -> Iterator[Heard]:
    with path.open(encoding="utf-8", newline="") as file:
        first = file.read(1)
        file.seek(0)
        try:
            yield from _json_lines(path, file) if first == "{" else _table(path, file)
        except UnicodeDecodeError as error:
            raise Permanent(f"{path}: is no text: {error.reason}") from None


def _json_lines(path: Path, file: IO[str]) -> Iterator[Heard]:
    for number, line in enumerate(file, start=1):
        if len(line) > REPLAY_LINE_BYTES:
            raise Permanent(f"{path}:{number}: is longer than {REPLAY_LINE_BYTES} characters")
        if line.strip():
            yield _line(f"{path}:{number}", line)


def _line(place: str, line: str) -> Heard:
    try:
        body = orjson.loads(line)
        values, bad = body.get("values", {}), body.get("bad", {})
        outcomes: dict[PointName, Outcome] = {PointName(point): _value(point, value) for point, value in values.items()}
        outcomes |= {PointName(point): Fault(_reason(reason)) for point, reason in bad.items()}
        return Heard(DeviceName(body["device"]), _moment(body["at"]), outcomes)
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise Permanent(f"{place}: is not a round such as {_EXAMPLE}: {error}") from None


def _value(point: str, value: object) -> Outcome:
    if not isinstance(value, bool | int | float | str):
        raise TypeError(f"{point} is neither a number, a text, true nor false")
    return value


_EXAMPLE: Final = '{"at":"2026-11-23T05:40:00Z","device":"pump-1","values":{"pressure":0.4}}'


def _table(path: Path, file: IO[str]) -> Iterator[Heard]:
    """Rows of one device and one time that follow each other are one round."""
    rows = csv.DictReader(file)
    if missing := set(_COLUMNS) - set(rows.fieldnames or ()):
        raise Permanent(f"{path}:1: is no export of rounds: there is no column {', '.join(sorted(missing))}")
    device, wall_ms, outcomes = DeviceName(""), 0, dict[PointName, Outcome]()
    for row in rows:
        try:
            at_ms, outcome = _moment(row["time"]), _cell(row)
        except (TypeError, ValueError) as error:
            raise Permanent(f"{path}:{rows.line_num}: {error}") from None
        if outcomes and (row["device"], at_ms) != (device, wall_ms):
            yield Heard(device, wall_ms, outcomes)
            outcomes = {}
        device, wall_ms = DeviceName(row["device"]), at_ms
        outcomes[PointName(row["point"])] = outcome
    if outcomes:
        yield Heard(device, wall_ms, outcomes)


def _cell(row: Mapping[str, str]) -> Outcome:
    if row["quality"] != "good":
        return Fault(_reason(row["reason"]))
    text = row["value"]
    if text in ("true", "false"):
        return text == "true"
    try:
        return float(text) if any(c in text for c in ".eEn") else int(text)
    except ValueError:
        return text.removeprefix("'")


def _reason(text: str) -> Reason:
    if text not in _REASONS:
        raise ValueError(f'"{text}" is not a reason why a value is missing')
    return _REASONS[text]


def _moment(text: str) -> int:
    at = datetime.fromisoformat(text)
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _iso(wall_ms: int) -> str:
    return f"{datetime.fromtimestamp(wall_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
