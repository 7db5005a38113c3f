"""The history read back: beside the daemon or without it, without disturbing it, a few blocks at a time."""

import sqlite3
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from edgeguard.core.clock import Stamp
from edgeguard.core.errors import StoreError
from edgeguard.core.history_limits import TREND_READ_ROWS
from edgeguard.core.ids import BootId, DeviceName, PointName
from edgeguard.core.point import Kind
from edgeguard.core.trend import Aggregate, Grain, Sample, TrendBlock, TrendPoint, TrendRound
from edgeguard.rules.aggregate import aggregate
from edgeguard.store.trend_block import decode_aggregates, decode_rounds
from edgeguard.store.trend_file import reading
from edgeguard.store.trend_ledger import DAY_MS, HOUR_MS, HOURS, MINUTES

_SPAN_MS: Final = {Grain.MINUTE: HOUR_MS, Grain.HOUR: DAY_MS}.__getitem__
_GRAIN: Final = {Grain.MINUTE: MINUTES, Grain.HOUR: HOURS}.__getitem__


@dataclass(frozen=True, slots=True)
class _Layout:
    """A device's points as they were."""

    id: int
    device: DeviceName
    points: tuple[TrendPoint, ...]


class TrendReader:
    """An open history. Damaged blocks are left out and counted in `damaged`; to a curve they are gaps."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.damaged = 0
        rows = connection.execute("SELECT id, device, points FROM layouts ORDER BY id").fetchall()
        self._layouts = tuple(_Layout(int(number), DeviceName(device), _points(body)) for number, device, body in rows)

    def points(self) -> dict[DeviceName, tuple[TrendPoint, ...]]:
        """Every device that history knows, with all the points that it has ever had, the newest form of each."""
        found: dict[DeviceName, dict[PointName, TrendPoint]] = {}
        for layout in self._layouts:
            found.setdefault(layout.device, {}).update((point.name, point) for point in layout.points)
        return {device: tuple(points.values()) for device, points in sorted(found.items())}

    def span_ms(self) -> tuple[int, int] | None:
        """The first and the last moment of which there is anything; None for an empty history."""
        first = [self._one("SELECT min(from_ms) FROM raw"), self._one("SELECT min(from_ms) FROM aggregates")]
        last = [self._one("SELECT max(to_ms) FROM raw"), self._one("SELECT max(from_ms) FROM aggregates")]
        known = [one for one in first if one is not None]
        return (min(known), max(one for one in last if one is not None)) if known else None

    def raw_from_ms(self) -> int | None:
        """The first moment of which rounds are still there."""
        return self._one("SELECT min(from_ms) FROM raw WHERE synced")

    def unplaced_rounds(self) -> int:
        """Blocks of rounds that bear the time of a clock that was never set in their boot: it may be right or wrong."""
        return self._one("SELECT count(*) FROM raw WHERE NOT synced") or 0

    def rounds(self, from_ms: int, to_ms: int, devices: Sequence[DeviceName] | None = None) -> Iterator[TrendRound]:
        """Rounds of these devices (all, if None) with `from_ms <= at < to_ms`, in the order of their time.

        Blocks overlap in time, one per device; they are merged, and no more is held than the blocks that overlap.
        """
        waiting: list[tuple[int, int, TrendRound]] = []
        count = 0
        for layout, start_ms, boot, synced, body in self._blocks(from_ms, to_ms, devices):
            ready = [entry for entry in waiting if entry[0] < start_ms]
            if ready:
                ready.sort(key=_time)
                waiting = [entry for entry in waiting if entry[0] >= start_ms]
                yield from (entry[2] for entry in ready)
            try:
                times, columns = decode_rounds(body)
            except ValueError:
                self.damaged += 1
                continue
            for time, outcomes in zip(times, zip(*columns, strict=True), strict=True):
                wall_ms = start_ms + time - times[0]
                if from_ms <= wall_ms < to_ms:
                    count += 1
                    waiting.append(
                        (wall_ms, count, TrendRound(layout.device, layout.points, Stamp(wall_ms, time, boot, synced), outcomes))
                    )
        waiting.sort(key=_time)
        yield from (entry[2] for entry in waiting)

    def blocks(self, from_ms: int, to_ms: int) -> Iterator[TrendBlock]:
        """The same rounds in blocks of one device, in the order of the blocks' beginnings."""
        for layout, start_ms, _, _, body in self._blocks(from_ms, to_ms, None):
            try:
                times, columns = decode_rounds(body)
            except ValueError:
                self.damaged += 1
                continue
            walls = [start_ms + time - times[0] for time in times]
            first, end = bisect_left(walls, from_ms), bisect_left(walls, to_ms)
            if (first, end) != (0, len(walls)):
                walls, columns = walls[first:end], [column[first:end] for column in columns]
            if walls:
                yield TrendBlock(layout.device, layout.points, tuple(walls), tuple(columns))

    def is_in_order(self, from_ms: int, to_ms: int) -> bool:
        """Whether each block of a device begins behind the one before; a wall clock that was set back makes them overlap."""
        devices = {layout.id: layout.device for layout in self._layouts}
        ends: dict[DeviceName, int] = {}
        for layout, start_ms, end_ms in self._connection.execute(
            "SELECT layout, from_ms, to_ms FROM raw WHERE from_ms < ? AND to_ms >= ? ORDER BY from_ms, id", (to_ms, from_ms)
        ):
            device = devices[layout]
            if start_ms <= ends.get(device, -1):
                return False
            ends[device] = end_ms
        return True

    def samples(self, device: DeviceName, point: PointName, from_ms: int, to_ms: int, grain: Grain) -> Iterator[Sample]:
        """A point's history in one grain, in the order of its time. What was not asked for is left out; failures are gaps."""
        if grain is Grain.RAW:
            return self._raw_samples(device, point, from_ms, to_ms)
        return self._coarse_samples(device, point, from_ms, to_ms, grain)

    def curve(self, device: DeviceName, point: PointName, from_ms: int, to_ms: int, grain: Grain) -> Iterator[Sample]:
        """The same, and where that grain has not been made yet (the running hour or day) or has gone, the next best one."""
        if from_ms >= to_ms:
            return
        device_rows = self._layouts_of(device)
        if grain is Grain.RAW:
            first = self.raw_from_ms()
            start = min(max(from_ms, self._made(device_rows, Grain.MINUTE)[1] if first is None else first), to_ms)
            for sample in self.curve(device, point, from_ms, start, Grain.MINUTE):
                # its minute may hold the first rounds that are still there, too
                start = max(start, sample.at_ms + sample.width_ms)
                yield sample
            yield from self._raw_samples(device, point, start, to_ms)
        elif grain is Grain.HOUR:
            made = min(max(from_ms, self._made(device_rows, grain)[1]), to_ms)
            yield from self._coarse_samples(device, point, from_ms, made, grain)
            if made < to_ms:
                yield from self.curve(device, point, made, to_ms, Grain.MINUTE)
        else:
            first, last = self._made(device_rows, grain)
            start, made = min(max(from_ms, first), to_ms), min(max(from_ms, last), to_ms)
            yield from self._coarse_samples(device, point, from_ms, start, Grain.HOUR)
            yield from self._coarse_samples(device, point, start, made, grain)
            yield from self._raw_samples(device, point, made, to_ms)

    def _made(self, layouts: str, grain: Grain) -> tuple[int, int]:
        """Begin of the first and end of the last stretch that was aggregated in a grain; (0, 0) if none was."""
        found = self._connection.execute(
            f"SELECT min(from_ms), max(from_ms) FROM aggregates WHERE grain = {_GRAIN(grain)} AND layout IN ({layouts})"  # noqa: S608
        ).fetchone()
        return (0, 0) if found[0] is None else (int(found[0]), int(found[1]) + _SPAN_MS(grain))

    def _layouts_of(self, device: DeviceName) -> str:
        return ",".join(str(layout.id) for layout in self._layouts if layout.device == device)

    def _raw_samples(self, device: DeviceName, point: PointName, from_ms: int, to_ms: int) -> Iterator[Sample]:
        for layout, start_ms, _, _, body in self._blocks(from_ms, to_ms, (device,)):
            index = _index(layout, point)
            if index is None:
                continue
            try:
                times, columns = decode_rounds(body)
            except ValueError:
                self.damaged += 1
                continue
            for time, outcome in zip(times, columns[index], strict=True):
                wall_ms = start_ms + time - times[0]
                figures = aggregate((outcome,))
                if from_ms <= wall_ms < to_ms and (figures.count or figures.bad):
                    yield Sample(wall_ms, 0, figures)

    def _coarse_samples(self, device: DeviceName, point: PointName, from_ms: int, to_ms: int, grain: Grain) -> Iterator[Sample]:
        """Where a device had two layouts within one stretch, each has its own part of it."""
        after, span_ms = from_ms - _SPAN_MS(grain), _SPAN_MS(grain)
        layouts = {layout.id: layout for layout in self._layouts if layout.device == device and _index(layout, point) is not None}
        number = 0
        while True:
            rows = self._connection.execute(
                "SELECT from_ms, layout, id, body FROM aggregates WHERE grain = ? AND (from_ms, layout) > (?, ?) AND from_ms < ?"
                " ORDER BY from_ms, layout LIMIT ?",
                (_GRAIN(grain), after, number, to_ms, TREND_READ_ROWS),
            ).fetchall()
            for start_ms, layout_id, _, body in rows:
                if layout_id in layouts and start_ms > from_ms - span_ms:
                    yield from self._within(start_ms, body, _index(layouts[layout_id], point) or 0, (from_ms, to_ms), grain)
            if len(rows) < TREND_READ_ROWS:
                return
            after, number = rows[-1][0], rows[-1][1]

    def _within(self, start_ms: int, body: bytes, index: int, span: tuple[int, int], grain: Grain) -> Iterator[Sample]:
        try:
            column: list[Aggregate | None] = decode_aggregates(body)[index]
        except ValueError:
            self.damaged += 1
            return
        for i, one in enumerate(column):
            at_ms = start_ms + i * grain.width_ms
            if one is not None and span[0] <= at_ms < span[1]:
                yield Sample(at_ms, grain.width_ms, one)

    def _blocks(
        self, from_ms: int, to_ms: int, devices: Sequence[DeviceName] | None
    ) -> Iterator[tuple[_Layout, int, BootId, bool, bytes]]:
        """Blocks that touch a stretch, in the order of their beginnings."""
        layouts = {layout.id: layout for layout in self._layouts if devices is None or layout.device in devices}
        boots = {number: BootId(name) for number, name in self._connection.execute("SELECT id, name FROM boots").fetchall()}
        after, last = from_ms - HOUR_MS, 0
        marks = ",".join(str(number) for number in layouts)
        while True:
            rows = self._connection.execute(
                f"SELECT from_ms, id, layout, boot, synced, body FROM raw WHERE (from_ms, id) > (?, ?)"  # noqa: S608
                f" AND from_ms < ? AND to_ms >= ? AND layout IN ({marks}) ORDER BY from_ms, id LIMIT ?",
                (after, last, to_ms, from_ms, TREND_READ_ROWS),
            ).fetchall()
            for start_ms, _, layout_id, boot, synced, body in rows:
                yield layouts[layout_id], start_ms, boots[boot], bool(synced), body
            if len(rows) < TREND_READ_ROWS:
                return
            after, last = rows[-1][0], rows[-1][1]

    def _one(self, sql: str) -> int | None:
        found = self._connection.execute(sql).fetchone()[0]
        return None if found is None else int(found)


def _time(entry: tuple[int, int, TrendRound]) -> tuple[int, int]:
    return entry[0], entry[1]


def _index(layout: _Layout, point: PointName) -> int | None:
    return next((i for i, known in enumerate(layout.points) if known.name == point), None)


def _points(body: bytes) -> tuple[TrendPoint, ...]:
    try:
        return tuple(TrendPoint(PointName(name), Kind(kind), unit) for name, kind, unit in orjson.loads(body))
    except (orjson.JSONDecodeError, ValueError, TypeError) as error:
        raise StoreError(f"the history's list of points is damaged: {error!r}") from error


@contextmanager
def open_history(directory: Path) -> Iterator[TrendReader]:
    """The history of a state directory. Permanent if there is none, StoreError if it cannot be read."""
    with reading(directory) as connection:
        yield TrendReader(connection)
