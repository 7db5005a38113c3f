"""The history: what is put in comes out, exactly, whatever befalls clock, disk and file; and it never grows without end."""

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.core.clock import Stamp
from edgeguard.core.errors import Permanent, StoreError
from edgeguard.core.health import Health
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.point import Kind, Labels, Outcome, Point
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.site import HistorySpec
from edgeguard.core.snapshot import Snapshot
from edgeguard.core.trend import Aggregate, Grain, Sample
from edgeguard.rules.aggregate import aggregate, merge
from edgeguard.store import TrendStore, open_history
from edgeguard.store.trend_block import decode_aggregates, decode_rounds, encode_aggregates, encode_rounds
from edgeguard.store.trend_ledger import HOUR_MS, TrendLedger
from edgeguard.testing.clock import FakeClock

HOUR0 = 497_222 * HOUR_MS
"""A full hour of UTC."""
PUMP = DeviceName("pump-1")
LABELS = Labels(zh="流量", en="flow")
POINTS = (
    Point(PointName("flow"), Kind.NUMBER, LABELS, unit="m3/h"),
    Point(PointName("running"), Kind.BOOLEAN, LABELS),
    Point(PointName("mode"), Kind.TEXT, LABELS),
)
FLOW = PointName("flow")
SILENT = Fault(Reason.TIMEOUT)
NOT_DUE = Fault(Reason.NOT_DUE)

cells = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**62), 2**62),
    st.booleans(),
    st.text(max_size=5),
    st.sampled_from([Fault(reason) for reason in Reason]),
)


@given(st.lists(st.tuples(st.integers(0, 100_000), cells, cells), min_size=1, max_size=20), st.integers(0, 10**12))
@settings(max_examples=30)
def test_a_block_gives_back_what_was_put_in(rounds: list[tuple[int, Outcome, Outcome]], start_ms: int) -> None:
    times = [start_ms := start_ms + step for step, *_ in rounds]
    rows = [tuple(row) for _, *row in rounds]
    back, columns = decode_rounds(encode_rounds(times, rows))
    assert back == times
    assert columns == list(zip(*rows, strict=True))
    assert [list(map(type, column)) for column in columns] == [list(map(type, column)) for column in zip(*rows, strict=True)]


numbers = st.floats(-1e9, 1e9).map(lambda value: round(value, 3))
readings = st.one_of(numbers, st.integers(-(10**9), 10**9), st.sampled_from([SILENT, NOT_DUE]))


@given(st.lists(st.lists(readings, max_size=8), max_size=6))
@settings(max_examples=30)
def test_aggregates_of_parts_are_those_of_the_whole(parts: list[list[Outcome]]) -> None:
    whole, merged = aggregate([cell for part in parts for cell in part]), merge(map(aggregate, parts))
    assert replace(merged, mean=None) == replace(whole, mean=None)
    if whole.mean is not None and merged.mean is not None:
        assert merged.mean == pytest.approx(whole.mean, rel=1e-9, abs=1e-6)
        assert merged.minimum is not None
        assert merged.maximum is not None
        assert merged.minimum <= merged.mean <= merged.maximum
    column = [aggregate(part) if part else None for part in parts]
    assert decode_aggregates(encode_aggregates([column])) == [column]


def test_aggregates_of_states_and_texts() -> None:
    assert aggregate([True, False, True, True]) == Aggregate(4, 0, 0.0, 1.0, 0.75, True)
    assert aggregate(["auto", SILENT, "manual"]) == Aggregate(2, 1, last="manual")
    assert aggregate([NOT_DUE]) == Aggregate(0)


@pytest.mark.parametrize("spoil", [lambda b: b[:-3], lambda b: b[:9] + b"\x00" + b[10:], lambda b: b"", lambda b: b"x"])
def test_a_damaged_block_is_told_from_a_sound_one(spoil: Callable[[bytes], bytes]) -> None:
    body = encode_rounds([1, 2, 3], [(1.5,), (2.5,), (3.5,)])
    with pytest.raises(ValueError, match="damaged block"):
        decode_rounds(spoil(body))


class Rig:
    """A history in a folder, a clock, and what was told."""

    def __init__(self, folder: Path, **spec: Any) -> None:
        self.folder = folder
        self.clock = FakeClock(wall_ms=HOUR0)
        self.news: list[Health] = []
        self.spec = HistorySpec(**spec)
        self.store = self.opened()

    def opened(self, **kinds: Any) -> TrendStore:
        return TrendStore(self.folder, self.spec, self.clock, self.news.append, **kinds)

    def round(self, flow: Outcome, running: Outcome = True, device: DeviceName = PUMP, points: tuple[Point, ...] = POINTS) -> Stamp:
        at = self.clock.now()
        self.store.take(Snapshot(device, at, points, (flow, running, "auto"), answered=True))
        return at

    async def hours(self, count: int, every_s: int = 60) -> None:
        """The daemon's hours, a round a minute, written and kept small each hour."""
        for _ in range(count * 3600 // every_s):
            self.round(float(self.clock.boot_ms % 977))
            self.clock.advance(every_s)
        await self.store.flush()
        await self.store._keep_small()

    def samples(self, grain: Grain, from_ms: int = 0, to_ms: int = 2**53, *, curve: bool = False) -> list[Sample]:
        with open_history(self.folder) as history:
            return list((history.curve if curve else history.samples)(PUMP, FLOW, from_ms, to_ms, grain))


def on(folder: Path, work: Callable[[Rig], Awaitable[None]], **spec: Any) -> Rig:
    """Run the work in real time, as aiosqlite needs it; it waits for nothing but the disk."""

    async def main() -> Rig:
        rig = Rig(folder, **spec)
        try:
            await work(rig)
        finally:
            await rig.store.close()
        return rig

    return asyncio.run(main())


def test_rounds_come_back_with_their_quality_and_order(tmp_path: Path) -> None:
    told: list[tuple[DeviceName, int, tuple[Outcome, ...]]] = []

    async def work(rig: Rig) -> None:
        for i in range(200):
            for device in (PUMP, DeviceName("pump-2")):
                flow: Outcome = SILENT if i % 50 == 7 else NOT_DUE if i % 3 else 230.1 + i
                at = rig.round(flow, i % 2 == 0, device)
                told.append((device, at.wall_ms, (flow, i % 2 == 0, "auto")))
                rig.clock.advance(0.5)
            if i in (60, 130):
                await rig.store.flush()

    on(tmp_path, work)
    with open_history(tmp_path) as history:
        rounds = [(one.device, one.at.wall_ms, one.outcomes) for one in history.rounds(0, 2**53)]
        assert rounds == told
        assert [entry[0] for entry in told[100:110]] == [one.device for one in history.rounds(told[100][1], told[110][1])]
        assert history.points()[PUMP][0].unit == "m3/h"
        flows = list(history.samples(PUMP, FLOW, 0, 2**53, Grain.RAW))
    assert len(flows) == 70
    assert sum(sample.of.bad for sample in flows) == 4


def test_hours_and_days_are_aggregated_once_and_the_running_hour_comes_from_rounds(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        for _ in range(27):
            await rig.hours(1)

    on(tmp_path, work)
    raw, minutes, hours = (len(one) for one in map(Rig.samples, [_Reading(tmp_path)] * 3, Grain))
    # the first day, which began at 14 o'clock UTC, is over
    assert (raw, hours) == (27 * 60, 10)
    # the last hours wait for their grace
    assert minutes in (25 * 60, 26 * 60)
    for grain in Grain:
        curve = _Reading(tmp_path).samples(grain, curve=True)
        assert sum(sample.of.count for sample in curve) == 27 * 60
        assert all(one.at_ms + one.width_ms <= other.at_ms for one, other in pairwise(curve))


class _Reading(Rig):
    """Only reads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder


def test_after_a_kill_the_hours_are_aggregated_from_what_was_written(tmp_path: Path) -> None:
    async def killed(rig: Rig) -> None:
        for _ in range(90):
            rig.round(1.0)
            rig.clock.advance(60)
        await rig.store.flush()
        rig.round(5.0)
        rig.store._filling.clear()  # what was not written has gone

    on(tmp_path, killed)

    async def again(rig: Rig) -> None:
        rig.clock.advance(3 * 3600)
        await rig.store.flush()
        rig.round(1.0)
        await rig.store.flush()
        await rig.store._keep_small()

    on(tmp_path, again)
    minutes = _Reading(tmp_path).samples(Grain.MINUTE)
    assert sum(sample.of.count for sample in minutes) == 90
    assert max(sample.of.maximum or 0 for sample in minutes) == 1.0


@pytest.mark.slow
def test_the_bound_on_bytes_takes_the_oldest_rounds_and_keeps_the_aggregates(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        for day in range(4):
            for i in range(24 * 60):
                rig.round((i * 7919 % 10007) / 7.0 + day, device=DeviceName(f"pump-{i % 2 + 1}"))
                rig.clock.advance(60)
            await rig.store.flush()
            for _ in range(4):
                await rig.store._keep_small()
        assert await rig.store._do(TrendLedger.used_bytes) <= 110_000

    on(tmp_path, work, max_bytes=110_000)
    raw, hours = _Reading(tmp_path).samples(Grain.RAW), _Reading(tmp_path).samples(Grain.HOUR)
    assert 0 < len(raw) < 4 * 24 * 60
    assert raw[-1].at_ms - raw[0].at_ms > HOUR_MS
    assert hours[0].at_ms < raw[0].at_ms
    assert len(_Reading(tmp_path).samples(Grain.RAW, curve=True)) > len(raw)


def test_rounds_before_the_clock_was_set_get_their_true_time(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        rig.clock.synced = False
        rig.clock.wall_ms = 1000.0
        for _ in range(120):
            rig.round(2.0)
            rig.clock.advance(60)
        await rig.store.flush()
        assert rig.samples(Grain.RAW, HOUR0) == []
        assert len(rig.samples(Grain.RAW)) == 120
        assert rig.samples(Grain.MINUTE) == []
        with open_history(rig.folder) as history:
            assert history.unplaced_rounds() == 4
        rig.clock.wall_ms, rig.clock.synced = HOUR0 + 2 * HOUR_MS, True
        rig.round(3.0)
        rig.store.set_boot_offset(rig.clock.boot, int(rig.clock.wall_ms - rig.clock.boot_ms))
        await rig.store.flush()
        rig.clock.advance(7200)
        await rig.store._keep_small()

    on(tmp_path, work)
    raw = _Reading(tmp_path).samples(Grain.RAW)
    assert [raw[0].at_ms, raw[-1].at_ms] == [HOUR0, HOUR0 + 2 * HOUR_MS]
    assert sum(sample.of.count for sample in _Reading(tmp_path).samples(Grain.MINUTE)) == 121


def test_a_clock_that_leaps_ahead_makes_nothing_old(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        await rig.hours(2)
        rig.clock.wall_ms += 400 * 24 * HOUR_MS
        await rig.hours(1)
        rig.clock.wall_ms -= 400 * 24 * HOUR_MS
        await rig.hours(1)

    on(tmp_path, work, raw_ms=24 * HOUR_MS)
    kept = _Reading(tmp_path).samples(Grain.RAW, HOUR0, HOUR0 + 24 * HOUR_MS)
    assert len(kept) == 3 * 60, "the fourth hour stands where the clock had it"


@pytest.mark.parametrize("damage", ["garbage", "truncated", "foreign", "folder", "half"])
def test_a_damaged_history_is_set_aside_and_told(tmp_path: Path, damage: str) -> None:
    on(tmp_path, lambda rig: rig.hours(1))
    path = tmp_path / "trends.db"
    whole = path.read_bytes()
    path.unlink()
    if damage == "garbage":
        path.write_bytes(b"not a database at all" * 100)
    elif damage == "truncated":
        path.write_bytes(whole[:5000])
    elif damage == "foreign":
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE music (title)")
    elif damage == "half":
        path.write_bytes(whole[:1024] + b"\xff" * (len(whole) - 1024))
    else:
        path.mkdir()

    async def work(rig: Rig) -> None:
        rig.round(9.0)
        with suppress(StoreError):  # some damage shows only when the file is used
            await rig.store.flush()
        await rig.store.flush()
        assert [news.code for news in rig.news] == ["damaged"]

    on(tmp_path, work)
    assert [sample.of.last for sample in _Reading(tmp_path).samples(Grain.RAW)] == [9.0]
    assert len(list((tmp_path / "trends-quarantine").iterdir())) == 1


def test_a_disk_that_refuses_is_told_once_and_nothing_in_reach_is_lost(tmp_path: Path) -> None:
    full = [True]

    class Refusing(sqlite3.Connection):
        def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
            if full[0] and sql.startswith("INSERT INTO raw"):
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise error
            return super().execute(sql, *rest)

    def connecting(uri: str) -> sqlite3.Connection:
        return sqlite3.connect(uri, uri=True, isolation_level=None, factory=Refusing)

    async def work(rig: Rig) -> None:
        rig.store = rig.opened(open_connection=connecting)
        for i in range(5):
            rig.round(float(i))
            rig.clock.advance(60)
            with pytest.raises(Exception, match="full"):
                await rig.store.flush()
        full[0] = False
        rig.round(5.0)
        await rig.store.flush()

    rig = on(tmp_path, work)
    assert [(news.code, news.ok) for news in rig.news] == [("disk-full", False), ("written", True)]
    assert [sample.of.last for sample in _Reading(tmp_path).samples(Grain.RAW)] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_there_is_a_bound_on_what_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeguard.store.trends.TREND_BUFFER_VALUES", 60)
    monkeypatch.setattr("edgeguard.store.trends.TREND_PENDING_BYTES", 200)

    async def work(rig: Rig) -> None:
        for i in range(2000):
            rig.round(float(i))
            rig.clock.advance(1)
            assert rig.store._values + rig.store._full_values <= 200
        await rig.store._pack()
        assert sum(len(block.body) for block, _ in rig.store._packed) <= 400

    rig = on(tmp_path, work)
    kept = _Reading(tmp_path).samples(Grain.RAW)
    assert len(kept) + rig.store.figures.dropped_rounds == rig.store.figures.rounds == 2000
    assert kept[-1].of.last == 1999.0


def test_a_later_schema_is_left_alone(tmp_path: Path) -> None:
    on(tmp_path, lambda rig: rig.hours(1))
    with sqlite3.connect(tmp_path / "trends.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    before = (tmp_path / "trends.db").read_bytes()

    async def work(rig: Rig) -> None:
        rig.round(1.0)
        with pytest.raises(Permanent, match="schema 99"):
            await rig.store.flush()
        rig.store._packed.clear()
        for thread in set(threading.enumerate()) - {threading.current_thread()}:
            if "_connection_worker" in thread.name:
                thread.join(10)

    on(tmp_path, work)
    assert (tmp_path / "trends.db").read_bytes()[:4096] == before[:4096]


def test_no_history_is_said(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="no history"), open_history(tmp_path):
        pass


def test_a_writing_that_is_broken_off_and_done_all_the_same_is_not_done_twice(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        for i in range(10):
            rig.round(float(i))
            rig.clock.advance(1)
        writing = asyncio.create_task(rig.store.flush())
        while not rig.store._packed:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
        await rig.store.flush()

    on(tmp_path, work)
    assert [sample.of.last for sample in _Reading(tmp_path).samples(Grain.RAW)] == [float(i) for i in range(10)]


def test_the_bound_on_bytes_holds_while_the_clock_is_not_known(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        rig.clock.synced = False
        for i in range(30):
            for k in range(240):
                rig.round((k * 7919 % 10007) / 7.0 + i * 1.37)
                rig.clock.advance(10)
            await rig.store.flush()
            await rig.store._keep_small()
        assert await rig.store._do(TrendLedger.used_bytes) <= 60_000

    on(tmp_path, work, max_bytes=60_000)
    kept = _Reading(tmp_path).samples(Grain.RAW, curve=True)
    assert 0 < len(kept) < 30 * 240
