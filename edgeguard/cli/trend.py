"""`trend`: one point over time, drawn from the local history."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer

from edgeguard.cli.curve import Curve, curve_of
from edgeguard.cli.curve_text import columns_for, draw, time_text
from edgeguard.cli.moments import moment_ms
from edgeguard.cli.output import console, print_json, styled, table
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.text import clean, number, value_text
from edgeguard.control.errors import UnknownName
from edgeguard.core.clock import iso_utc
from edgeguard.core.errors import Permanent
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.point import Kind, Value
from edgeguard.core.trend import Grain, Sample, TrendPoint
from edgeguard.store import TrendReader, open_history

_HOUR_MS: Final = 3_600_000
_MINUTES_FROM_H: Final = 49.0
_HOURS_FROM_H: Final = 24.0 * 62
_ROWS: Final = 16
_LABEL_CELLS: Final = 10
_CHANGES: Final = 40


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for on the command line."""

    point: str
    hours: float
    to: str | None
    svg: Path | None
    png: Path | None
    directory: Path


def trend(session: Session, wanted: Wanted) -> Exit:
    """Draw it, write it, or print it."""
    to_ms = int(time.time() * 1000) if wanted.to is None else moment_ms(wanted.to)
    from_ms = to_ms - int(wanted.hours * _HOUR_MS)
    with open_history(wanted.directory) as history:
        device, point = named(history, wanted.point)
        samples = history.curve(device, point.name, from_ms, to_ms, _grain(wanted.hours))
        if session.json:
            return _as_json(f"{device}.{point.name}", point, samples)
        if point.kind is Kind.TEXT:
            return _as_changes(session.lang, f"{device}.{point.name}", samples)
        if wanted.svg is not None or wanted.png is not None:
            return _as_pictures(session.lang, f"{device}.{point.name}", point, samples, wanted, (from_ms, to_ms))
        out = console()
        curve = curve_of(samples, from_ms, to_ms, columns_for(out.width, _LABEL_CELLS))
        title = _title(session.lang, f"{device}.{point.name}", point)
        if not curve.stretches:
            out.print(_nothing(session.lang, title, curve))
            return Exit.WRONG
        out.print(styled(title, "bold"))
        for line in draw(curve, out.width, _ROWS, None):
            out.print(line, soft_wrap=True)
        out.print(styled(_figures(session.lang, curve), "dim"))
        return Exit.FINE


def named(history: TrendReader, text: str) -> tuple[DeviceName, TrendPoint]:
    """The point of that name. UnknownName if history knows none, with what it knows."""
    device, _, name = text.partition(".")
    if not name:
        raise typer.BadParameter(f"{text!r} is not DEVICE.POINT")
    known = history.points()
    if DeviceName(device) not in known:
        raise UnknownName(f'the history knows no device "{clean(device)}"; it knows {_some(known)}')
    points = {point.name: point for point in known[DeviceName(device)]}
    if PointName(name) not in points:
        raise UnknownName(f'the history knows no point "{clean(name)}" of {clean(device)}; it knows {_some(points)}')
    return DeviceName(device), points[PointName(name)]


def _some(names: "dict[DeviceName, tuple[TrendPoint, ...]] | dict[PointName, TrendPoint]") -> str:
    listed = sorted(map(str, names))
    return clean(", ".join(listed[:30]) + (" ..." if len(listed) > 30 else ""), 1000) or "none"


def _grain(hours: float) -> Grain:
    """Fine enough for any screen, and no finer: a year of rounds would take minutes to read."""
    return Grain.RAW if hours < _MINUTES_FROM_H else Grain.MINUTE if hours < _HOURS_FROM_H else Grain.HOUR


def _title(lang: Lang, name: str, point: TrendPoint) -> str:
    unit = lang.say("1 = 是", "1 = yes") if point.kind is Kind.BOOLEAN else point.unit
    return clean(f"{name} ({unit})" if unit else name)


def _figures(lang: Lang, curve: Curve) -> str:
    low, mean, high, last = (number(value) for value in (curve.low, curve.mean, curve.high, curve.last))
    return lang.say(
        f"最小 {low}  平均 {mean}  最大 {high}  最后 {last}  有效 {curve.count}  无效 {curve.bad}",
        f"min {low}  mean {mean}  max {high}  last {last}  readings {curve.count}  bad {curve.bad}",
    )


def _nothing(lang: Lang, title: str, curve: Curve) -> str:
    since, until = time_text(curve.from_ms, None), time_text(curve.to_ms, None)
    zh, en = f"{title}:{since} 至 {until} 没有数据", f"{title}: nothing is known from {since} to {until}"
    bad = lang.say(f",失败 {curve.bad} 次", f"; {curve.bad} readings failed") if curve.bad else ""
    return lang.say(zh, en) + bad


def _as_pictures(
    lang: Lang, name: str, point: TrendPoint, samples: Iterator[Sample], wanted: Wanted, span: tuple[int, int]
) -> Exit:
    from edgeguard.cli import curve_picture

    curve = curve_of(samples, *span, curve_picture.COLUMNS)
    title = f"{_title(lang, name, point)}  {time_text(span[0], None)} - {time_text(span[1], None)}"
    if wanted.svg is not None:
        empty = lang.say("没有数据", "nothing is known")
        _write(wanted.svg, curve_picture.svg(curve, title, None, empty).encode())
    if wanted.png is not None:
        plain = f"{_title(Lang.EN, name, point)}  {time_text(span[0], None)} - {time_text(span[1], None)}"
        _write(wanted.png, curve_picture.png(curve, plain, None, "nothing is known"))
    return Exit.FINE if curve.stretches else Exit.WRONG


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise Permanent(f"{path} cannot be written: {error.strerror}") from error


def _as_json(name: str, point: TrendPoint, samples: Iterator[Sample]) -> Exit:
    found = [
        {
            "at": iso_utc(sample.at_ms),
            "width_s": sample.width_ms / 1000,
            "count": sample.of.count,
            "bad": sample.of.bad,
            "min": sample.of.minimum,
            "max": sample.of.maximum,
            "mean": sample.of.mean,
            "last": sample.of.last,
        }
        for sample in samples
    ]
    print_json({"point": name, "unit": point.unit, "kind": point.kind.value, "samples": found})
    return Exit.FINE if any(sample["count"] for sample in found) else Exit.WRONG


def _as_changes(lang: Lang, name: str, samples: Iterator[Sample]) -> Exit:
    """A text cannot be drawn; when it changed can be told."""
    changes: list[tuple[int, Value | None]] = []
    for sample in samples:
        told = sample.of.last if sample.of.count else None
        if not changes or changes[-1][1] != told:
            changes.append((sample.at_ms, told))
    grid = table(lang.say("时间", "since"), name, wrap=(name,))
    for at_ms, value in changes[-_CHANGES:]:
        grid.add_row(time_text(at_ms, None), value_text(value, lang))
    console().print(grid if changes else lang.say(f"{name}:没有数据", f"{name}: nothing is known"))
    return Exit.FINE if changes else Exit.WRONG
